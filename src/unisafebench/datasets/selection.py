"""Which samples of a data set are asked, and in which order.

A shuffled order follows from a hash of the seed and the sample's task and id alone: the same seed
picks the same samples, however the file is sorted.
"""

import hashlib
import heapq
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec

from unisafebench.core.records import Sample
from unisafebench.datasets.samples import read_samples

__all__ = ["Selection", "order_key", "selected"]


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a data set. Without subcategories all of them are meant."""

    tasks: tuple[str, ...]
    subcategories: tuple[str, ...] = ()
    limit: int | None = None
    """At most so many samples of each task: the first, or with `shuffle` a random choice."""
    shuffle: int | None = None
    """Seed of the order; None keeps the order of the file."""

    def admits(self, sample: Sample) -> bool:
        """Whether the sample is of a task and subcategory that is asked."""
        return sample.task in self.tasks and (
            not self.subcategories or sample.subcategory in self.subcategories
        )


def selected(path: Path, selection: Selection) -> Iterator[Sample]:
    """Yield the samples of a file that are asked, in the order of the file.

    With a limit and a seed the file is read twice; memory grows by 8 bytes a sample.

    Raises:
        DataError: the file or one of its records is unusable.
    """
    admitted = filter(selection.admits, read_samples(path))
    if selection.limit is None:
        yield from admitted
    elif selection.shuffle is None:
        counts: dict[str, int] = {}
        for sample in admitted:
            counts[sample.task] = counts.get(sample.task, 0) + 1
            if counts[sample.task] <= selection.limit:
                yield sample
    else:
        last = _last_keys(path, selection, selection.limit, selection.shuffle)
        for sample in admitted:
            if order_key(sample.task, sample.id, selection.shuffle) <= last[sample.task]:
                yield sample


def order_key(task: str, sample_id: str, seed: int) -> int:
    """Return the place of a sample in a shuffled order: 64 bits, uniform, the same everywhere."""
    written = msgspec.json.encode([seed, task, sample_id])
    return int.from_bytes(hashlib.blake2b(written, digest_size=8).digest(), "big")


def _last_keys(path: Path, selection: Selection, limit: int, seed: int) -> dict[str, int]:
    """Return for each task the largest order key that is still within the limit."""
    keys: dict[str, array[int]] = {}
    for sample in filter(selection.admits, read_samples(path)):
        found = keys.setdefault(sample.task, array("Q"))
        found.append(order_key(sample.task, sample.id, seed))
    return {task: heapq.nsmallest(limit, found)[-1] for task, found in keys.items()}
