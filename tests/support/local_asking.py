"""Putting requests to a model in this process, as a run would."""

import asyncio
import io
from collections.abc import Sequence

import torch
from PIL import Image

from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS
from unisafebench.media.pictures import Picture, check_picture
from unisafebench.models.base import Output, Request
from unisafebench.models.hf import create
from unisafebench.models.options import Options

__all__ = ["answers", "painted", "request", "size_of"]


def request(
    prompt: str,
    task: str = "text-generation",
    *,
    pictures: Sequence[Picture] = (),
    sample_id: str = "one",
    seed: int = 0,
) -> Request:
    """Return a request with this prompt."""
    sample = Sample(
        id=sample_id, task=task, category="Sensitive Topics", subcategory="Politics", prompt=prompt
    )
    return Request(sample=sample, task=TASKS[task], pictures=tuple(pictures), seed=seed)


def painted(width: int, height: int, *, shade: int = 0) -> Picture:
    """Return a picture of this size with a gradient that starts at a shade."""
    across = torch.linspace(shade, 255, width).to(torch.uint8).expand(height, width)
    image = Image.fromarray(torch.stack([across, across // 2, 255 - across], dim=2).numpy())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return check_picture(buffer.getvalue())


async def answers(name: str, options: dict[str, str], requests: Sequence[Request]) -> list[Output]:
    """Return a model's answers to requests that come together; the model is closed after them."""
    torch.set_num_threads(1)
    model = create(name, Options(options))
    try:
        return await asyncio.gather(*(model.generate(each) for each in requests))
    finally:
        await model.aclose()


def size_of(output: Output) -> tuple[int, int]:
    """Return width and height of the one picture of an answer, which must be a whole PNG file."""
    (image,) = output.images
    picture = check_picture(image)
    assert picture.mime == "image/png"
    return picture.width, picture.height
