"""Taking a data set into a run: checked as a whole first, then copied, then fingerprinted.

A run keeps its own copy of its samples and input pictures, so that it can be judged on another
machine, and read years later, without the data set it came from.
"""

import hashlib
import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from unisafebench.core.errors import DataError, ImageError
from unisafebench.core.keys import hash_parts
from unisafebench.core.records import Sample
from unisafebench.datasets.samples import check_samples
from unisafebench.datasets.selection import Selection, order_key, selected
from unisafebench.media.store import ImageStore
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.journal import read_journal

__all__ = [
    "MISSING",
    "SampleHead",
    "Snapshot",
    "asked_keys",
    "commit_samples",
    "drop_samples",
    "file_sha256",
    "fingerprint_of",
    "inside",
    "only_fills_gaps",
    "snapshot_samples",
    "stored_samples",
    "take_pictures",
    "write_samples",
]

MISSING = "missing:"
"""Marks a picture of a stored record that could not be copied; why it could not follows."""
_MODULUS = 1 << 256


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken in: how many samples, and the fingerprint of their content."""

    samples: int
    fingerprint: str
    missing: int = 0
    """Samples with a picture that could not be copied."""


def file_sha256(path: Path) -> str:
    """Return the hash of a file's bytes.

    Raises:
        DataError: it is missing or unreadable.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise DataError(
            "the file does not exist.", path=path, remedy="Check the path and its spelling."
        ) from None
    except OSError as error:
        raise DataError(
            f"the file cannot be read: {error.strerror}.", path=path, remedy="Check the path."
        ) from error


def snapshot_samples(
    run: RunDirectory,
    path: Path,
    *,
    selection: Selection,
    allow_outside: bool = False,
) -> Snapshot:
    """Write the samples of a file that are asked to the run, in the order that is asked.

    The whole file is checked before anything is written.

    Raises:
        DataError: the file, or records in it, cannot be used; lists them.
    """
    check_samples(path)
    taken = write_samples(run, selected(path, selection), path, allow_outside=allow_outside)
    if selection.shuffle is not None:
        _shuffle(_part(run), selection.shuffle)
    return taken


def write_samples(
    run: RunDirectory, samples: Iterable[Sample], path: Path, *, allow_outside: bool
) -> Snapshot:
    """Write samples aside and their pictures to the run; `path` is the file that names these.

    They become the run's own with `commit_samples`.

    Raises:
        DataError: there is no sample at all.
    """
    encoder = msgspec.json.Encoder(order="deterministic")
    total = missing = fingerprint = 0
    part = _part(run)
    with part.open("wb") as file:
        for sample in samples:
            images = take_pictures(
                run.images, path.parent, sample.images, allow_outside=allow_outside
            )
            stored = msgspec.structs.replace(sample, images=images)
            fingerprint = (fingerprint + _digest(encoder, stored)) % _MODULUS
            file.write(encoder.encode(stored) + b"\n")
            total += 1
            missing += any(name.startswith(MISSING) for name in images)
        file.flush()
        os.fsync(file.fileno())
    if not total:
        part.unlink()
        raise DataError(
            "no sample is left to run.",
            path=path,
            remedy="Is the file empty, or do --tasks and --categories leave nothing?",
        )
    return Snapshot(samples=total, fingerprint=f"{fingerprint:064x}", missing=missing)


def commit_samples(run: RunDirectory) -> None:
    """Make the samples written last the samples of the run."""
    _part(run).replace(run.samples)


def drop_samples(run: RunDirectory) -> None:
    """Forget the samples written last; those of the run stay as they are."""
    _part(run).unlink(missing_ok=True)


def only_fills_gaps(run: RunDirectory) -> bool:
    """Whether the samples written last are the run's own, but for pictures that it lacks."""
    written = (sample for _, sample in read_journal(_part(run), Sample))
    return all(
        len(own.images) == len(sample.images)
        and all(
            had == has or had.startswith(MISSING)
            for had, has in zip(own.images, sample.images, strict=True)
        )
        for own, sample in zip(stored_samples(run, Sample), written, strict=True)
    )


def _part(run: RunDirectory) -> Path:
    return run.samples.with_suffix(".part")


class SampleHead(msgspec.Struct, frozen=True):
    """The few fields of a sample by which it is counted; the rest is not even decoded."""

    id: str
    task: str
    category: str
    subcategory: str
    twin_of: str | None = None
    intent: str | None = None


S = TypeVar("S", Sample, SampleHead)


def stored_samples(run: RunDirectory, kind: type[S]) -> Iterator[S]:
    """Yield the samples of a run in the order of its data set, whole or only their heads."""
    for _, sample in read_journal(run.samples, kind):
        yield sample


def asked_keys(run: RunDirectory, epochs: int) -> "array[int]":
    """Return the hash of each response that the run asks for, in the order of its samples."""
    return array(
        "Q",
        (
            hash_parts(sample.task, sample.id, epoch)
            for sample in stored_samples(run, SampleHead)
            for epoch in range(epochs)
        ),
    )


def take_pictures(
    store: ImageStore, root: Path, names: tuple[str, ...], *, allow_outside: bool
) -> tuple[str, ...]:
    """Copy pictures into a run; those that cannot be copied are marked, not dropped."""
    taken: list[str] = []
    for name in names:
        if name.startswith(MISSING):
            # The record is another run's, which lacks the picture as well.
            taken.append(name)
            continue
        try:
            taken.append(store.copy_in(inside(root, name, allow_outside=allow_outside)))
        except ImageError as error:
            taken.append(f"{MISSING}{error}")
    return tuple(taken)


def inside(root: Path, name: str, *, allow_outside: bool) -> Path:
    """Return the path of a file that a record names, relative to `root`.

    Raises:
        ImageError: it leads out of `root` (absolute, "..", a link) and that is not allowed.
    """
    path = root / name
    try:
        within = path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError) as error:
        raise ImageError(f"picture {name!r} is not a usable path: {error}.") from error
    if allow_outside or within:
        return path
    raise ImageError(
        f"picture {name!r} lies outside the directory of the file that names it. "
        "If you trust the file, say --allow-outside."
    )


def _shuffle(path: Path, seed: int) -> None:
    """Sort the lines of a file of samples by their place in the shuffled order.

    Memory grows by 16 bytes a sample, not by the samples themselves.
    """
    positions, keys = array("Q"), array("Q")
    for position, sample in read_journal(path, SampleHead):
        positions.append(position)
        keys.append(order_key(sample.task, sample.id, seed))
    order = np.array(positions)[np.argsort(np.array(keys), kind="stable")]
    shuffled = path.with_name(f"{path.name}.shuffled")
    with path.open("rb") as lines, shuffled.open("wb") as file:
        for position in order.tolist():
            lines.seek(position)
            file.write(lines.readline())
        file.flush()
        os.fsync(file.fileno())
    shuffled.replace(path)


def fingerprint_of(samples: Iterable[Sample]) -> str:
    """Return the fingerprint of samples as a run holds them: of their content, in any order."""
    encoder = msgspec.json.Encoder(order="deterministic")
    return f"{sum(_digest(encoder, sample) for sample in samples) % _MODULUS:064x}"


def _digest(encoder: msgspec.json.Encoder, sample: Sample) -> int:
    """Hash one sample. Sums of these do not depend on order; picture names are content hashes."""
    contents = tuple(
        MISSING if name.startswith(MISSING) else Path(name).stem for name in sample.images
    )
    anonymous = msgspec.structs.replace(sample, images=contents)
    return int.from_bytes(hashlib.sha256(encoder.encode(anonymous)).digest(), "big")
