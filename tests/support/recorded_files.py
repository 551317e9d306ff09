"""Files of recorded answers, and samples to ask for."""

import asyncio
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS, find_task
from unisafebench.models.base import Output, Request
from unisafebench.models.options import Options
from unisafebench.models.recorded import RecordedModel, create

__all__ = ["answer", "opened", "picture", "sample", "write_lines"]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write JSON Lines; return the path."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def picture(path: Path, colour: str = "red") -> bytes:
    """Write a small PNG with two colours; return its bytes."""
    image = Image.new("RGB", (8, 6), colour)
    image.putpixel((0, 0), (1, 2, 3))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def opened(path: Path, **options: str) -> RecordedModel:
    """Return the model of a file; `__` in an option's name stands for a dot."""
    given = {name.replace("__", "."): value for name, value in options.items()}
    return create(f"recorded:{path}", Options(given))


def sample(sample_id: str, task: str = "text-generation", **fields: Any) -> Sample:
    """Return a harmless sample of a task."""
    return Sample(
        id=sample_id,
        task=find_task(task).id,
        category="Sensitive Topics",
        subcategory="Politics",
        **{"prompt": "What is a vote?", **fields},
    )


def answer(model: RecordedModel, asked: Sample, epoch: int = 0) -> Output:
    """Return the model's answer to a sample."""
    return asyncio.run(model.generate(Request(sample=asked, task=TASKS[asked.task], epoch=epoch)))
