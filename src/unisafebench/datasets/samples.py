"""Samples in our own format (JSON Lines, one sample a line)."""

from collections.abc import Iterator
from pathlib import Path

from unisafebench.core.records import Key, Sample
from unisafebench.core.tasks import TASKS, find_task
from unisafebench.datasets.fields import Record
from unisafebench.datasets.jsonl import check_rows, read_rows

__all__ = ["check_samples", "read_sample", "read_samples"]


def check_samples(path: Path) -> int:
    """Read a whole file of samples; return how many there are.

    Raises:
        DataError: lists what is wrong with the file, up to twenty problems.
    """
    return check_rows(
        path,
        lambda line, row: read_sample(Record(path, line, row)),
        lambda sample: Key(sample.task, sample.id, 0),
    )


def read_samples(path: Path) -> Iterator[Sample]:
    """Yield the samples of a file in its order, names written canonically.

    Raises:
        DataError: the file or one of its records is unusable.
        UnknownNameError: a record names a task or category that does not exist.
    """
    for line, row in read_rows(path):
        yield read_sample(Record(path, line, row))


def read_sample(record: Record) -> Sample:
    """Return one record as a sample."""
    task = find_task(record.required_text("task"), where=record.where)
    category, subcategory = record.place()
    images = record.texts("images", "image")
    if TASKS[task.id].image_input and not images:
        raise record.missing("images")
    return Sample(
        id=record.identifier("id"),
        task=task.id,
        category=category,
        subcategory=subcategory,
        prompt=record.required_text("prompt"),
        images=images,
        intent=record.text("intent", "intention") or None,
        twin_of=record.text("twin_of"),
        risk=record.text("risk"),
        turns=record.texts("turns"),
        language=record.text("language"),
        source=record.text("source"),
        license=record.text("license"),
        metadata=record.mapping("metadata"),
        extra=record.rest(),
    )
