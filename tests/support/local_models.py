"""Opening models on disk and putting requests to them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from unisafebench.core.tasks import TASKS
from unisafebench.media.pictures import Picture
from unisafebench.models.base import Model, Output, Request
from unisafebench.models.registry import resolve
from unisafebench.testing import example_requests

__all__ = ["answers_of", "opened", "request"]


@asynccontextmanager
async def opened(path: Path, **options: str) -> AsyncIterator[Model]:
    """Open a model of transformers in a directory, on the CPU; close it in the end."""
    model = resolve(f"hf:{path}", {"device": "cpu", "max_tokens": "12", **options})
    try:
        yield model
    finally:
        await model.aclose()


def request(
    prompt: str, task: str = "text-generation", pictures: Sequence[Picture] = (), seed: int = 0
) -> Request:
    """Return a request; its sample is named by its prompt."""
    example = example_requests(TASKS[task])[0]
    sample = msgspec.structs.replace(example.sample, id=prompt, prompt=prompt)
    return Request(sample=sample, task=TASKS[task], pictures=tuple(pictures), seed=seed)


async def answers_of(model: Model, requests: Sequence[Request]) -> list[Output]:
    """Put requests to a model, all at a time."""
    return await asyncio.gather(*(model.generate(each) for each in requests))
