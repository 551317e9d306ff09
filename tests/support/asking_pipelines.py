"""Opening diffusers pipelines on disk, putting requests to them, and comparing what they drew."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unisafebench.core.tasks import TASKS
from unisafebench.media.pictures import Picture, check_picture
from unisafebench.models.base import Output, Request
from unisafebench.models.registry import resolve
from unisafebench.testing import example_requests

if TYPE_CHECKING:
    from unisafebench.models.diffusers.model import PipelineModel

__all__ = ["answers_of", "opened", "pixels", "plain", "request"]


@asynccontextmanager
async def opened(path: Path, **options: str) -> AsyncIterator["PipelineModel"]:
    """Open a pipeline in a directory, on the CPU, for two steps; `image__x` is `image.x`."""
    texts = {name.replace("__", "."): value for name, value in options.items()}
    model = resolve(f"diffusers:{path}", {"device": "cpu", "steps": "2", **texts})
    try:
        yield model  # type: ignore[misc]  # of which class it is, the registry does not say
    finally:
        await model.aclose()


def request(
    prompt: str, *, pictures: Sequence[Picture] = (), seed: int = 0, sample_id: str = "one"
) -> Request:
    """Return a request to draw, or to edit the pictures given."""
    task = TASKS["image-editing" if pictures else "text-to-image"]
    example = example_requests(task)[0].sample
    sample = msgspec.structs.replace(example, id=sample_id, prompt=prompt)
    return Request(sample=sample, task=task, pictures=tuple(pictures), seed=seed)


async def answers_of(model: "PipelineModel", requests: Sequence[Request]) -> list[Output]:
    """Put requests to a model, all at a time."""
    return await asyncio.gather(*(model.generate(each) for each in requests))


def plain(colour: str, size: tuple[int, int] = (48, 32)) -> Picture:
    """Return a picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return check_picture(buffer.getvalue())


def pixels(output: Output) -> NDArray[np.int16]:
    """Return the pixels of the one picture of an answer: height x width x 3."""
    (data,) = output.images
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        return np.asarray(image).astype(np.int16)
