"""The verdicts of a run as arrays: a few bytes for each response, whatever its text was."""

from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from unisafebench.core.errors import DataError, RunError, UnknownNameError
from unisafebench.core.keys import hash_parts
from unisafebench.core.records import Outcome
from unisafebench.core.tasks import TASKS
from unisafebench.core.taxonomy import SUBCATEGORIES
from unisafebench.metrics.by_sample import UNDECIDED, SampleTable, sample_table, verdict_codes
from unisafebench.metrics.counts import OUTCOMES, Counts
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.journal import read_journal
from unisafebench.runs.manifest import Manifest
from unisafebench.runs.results import existing_run
from unisafebench.runs.snapshot import MISSING

__all__ = [
    "PENDING",
    "Bools",
    "Codes",
    "Hashes",
    "Indices",
    "ReadRun",
    "Verdicts",
    "counts_of",
    "read_run",
    "sample_ids",
]

PENDING = len(OUTCOMES)
"""Code of a response that has no verdict record; lower codes are indices of `OUTCOMES`."""

_TASK_CODES = {task: code for code, task in enumerate(TASKS)}
_SUBCATEGORY_CODES = {name: code for code, name in enumerate(SUBCATEGORIES)}
_OUTCOME_CODES = {name: code for code, name in enumerate(OUTCOMES)}
_SCORED, _BLOCKED, _EMPTY = (_OUTCOME_CODES[name] for name in ("scored", "blocked", "empty"))

_MASK = (1 << 64) - 1
Word = TypeVar("Word", np.uint16, np.uint64)

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int8]
Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """One entry for each response that a run asked for, in the order of its samples.

    Codes of tasks, subcategories and outcomes are indices of `TASKS`, `SUBCATEGORIES`, `OUTCOMES`;
    -1 stands for a mark that the record does not carry.
    """

    keys: Hashes
    """`hash_parts` of (task, sample id, epoch)."""
    contents: Hashes
    """Hash of what the sample asks: equal for equal samples."""
    samples: Indices
    """Number of the sample, from 0."""
    epochs: Indices
    tasks: Codes
    subcategories: Codes
    twins: Bools
    risks: Indices
    """Index of the sample's risk in `risk_names`, -1 where it has none."""
    risk_names: tuple[str, ...]
    outcomes: Codes
    contextual: Codes
    intrinsic: Codes
    severity: Codes
    attempted: Codes
    intents: Hashes
    """Hash of the intent that the judge was told, 0 where it was told none."""
    scored: Bools
    """Both verdicts are there and enter the rates, under the run's policy for blocked responses."""


class ReadRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that can be compared."""

    label: str
    path: Path
    manifest: Manifest
    verdicts: Verdicts


class _SampleRow(msgspec.Struct, frozen=True):
    id: str
    task: str
    category: str
    subcategory: str
    prompt: str
    images: tuple[str, ...] = ()
    intent: str | None = None
    twin_of: str | None = None
    risk: str | None = None
    turns: tuple[str, ...] = ()


class _SampleName(msgspec.Struct, frozen=True):
    id: str
    task: str


class _IntentRow(msgspec.Struct, frozen=True):
    sample_id: str
    task: str
    text: str | None = None


class _VerdictRow(msgspec.Struct, frozen=True):
    sample_id: str
    task: str
    epoch: int
    outcome: Outcome
    contextual: Literal[0, 1, 2] | None = None
    intrinsic: Literal[0, 1] | None = None
    severity: Literal[0, 1, 2, 3] | None = None
    attempted: bool | None = None


class _Columns:
    """The samples of a run, column by column."""

    def __init__(self) -> None:
        self.keys = array("Q")
        self.contents = array("Q")
        self.samples = array("q")
        self.epochs = array("q")
        self.tasks = array("b")
        self.subcategories = array("b")
        self.twins = array("b")
        self.risks = array("q")
        self.risk_numbers: dict[str, int] = {}


def read_run(path: Path, label: str) -> ReadRun:
    """Read the verdicts of a run; of several on one response the last counts.

    Raises:
        RunError: there is no run, it is of another format, it cannot be read, or it has no
            verdicts.
        DataError: a record is marked scored but does not hold both verdicts.
    """
    run = RunDirectory(path)
    manifest = existing_run(run)
    if manifest.judging is None or not run.verdicts.is_file():
        raise RunError(
            f"{path} has no verdicts to compare. Make them with 'unisafebench judge {path}'."
        )
    columns = _read_samples(run.samples, manifest.epochs)
    keys = np.array(columns.keys, dtype=np.uint64)
    packed = _read_verdicts(run.verdicts, keys)
    intents = _read_intents(run.intents, columns, keys)
    verdicts = _verdicts(
        columns, keys, packed, intents, blocked_counts=manifest.judging.blocked_as == "refusal"
    )
    return ReadRun(label=label, path=path, manifest=manifest, verdicts=verdicts)


def _read_samples(path: Path, epochs: int) -> _Columns:
    found = _Columns()
    for number, (_, sample) in enumerate(read_journal(path, _SampleRow)):
        content = hash(_content(sample)) & _MASK
        risk = -1
        if sample.risk is not None:
            risk = found.risk_numbers.setdefault(sample.risk, len(found.risk_numbers))
        task = _code("task", sample.task, _TASK_CODES, path)
        subcategory = _code("subcategory", sample.subcategory, _SUBCATEGORY_CODES, path)
        for epoch in range(epochs):
            found.keys.append(hash_parts(sample.task, sample.id, epoch))
            found.contents.append(content)
            found.samples.append(number)
            found.epochs.append(epoch)
            found.tasks.append(task)
            found.subcategories.append(subcategory)
            found.twins.append(sample.twin_of is not None)
            found.risks.append(risk)
    return found


def _code(kind: str, name: str, codes: dict[str, int], path: Path) -> int:
    if name not in codes:
        raise UnknownNameError(kind, name, codes, where=str(path))
    return codes[name]


def _content(sample: _SampleRow) -> tuple[object, ...]:
    """Return what makes two samples the same question; pictures are named by their content."""
    pictures = tuple(
        MISSING if name.startswith(MISSING) else Path(name).stem for name in sample.images
    )
    return (
        sample.category,
        sample.subcategory,
        sample.prompt,
        sample.turns,
        pictures,
        sample.intent,
        sample.twin_of,
    )


def _read_verdicts(path: Path, keys: Hashes) -> npt.NDArray[np.uint16]:
    """Return the packed last verdict of each key; 0 where there is none."""
    hashes, packed = array("Q"), array("H")
    for _, row in read_journal(path, _VerdictRow):
        if row.outcome == "scored" and (row.contextual is None or row.intrinsic is None):
            raise DataError(
                f"the verdict on sample {row.sample_id!r} of {row.task} (epoch {row.epoch}) is "
                "marked scored but does not hold both verdicts.",
                path=path,
                remedy="Judge the run again.",
            )
        hashes.append(hash_parts(row.task, row.sample_id, row.epoch))
        packed.append(_pack(row))
    return _last(keys, hashes, np.array(packed, dtype=np.uint16))


def _read_intents(path: Path, columns: _Columns, keys: Hashes) -> Hashes:
    """Return the hash of the intent of each response's sample: its own, or the one written."""
    hashes, texts = array("Q"), array("Q")
    for _, row in read_journal(path, _IntentRow):
        if row.text is not None:
            # Noted under the first epoch; 0 is kept for "none".
            hashes.append(hash_parts(row.task, row.sample_id, 0))
            texts.append((hash(row.text) & _MASK) or 1)
    firsts = np.flatnonzero(np.array(columns.epochs) == 0)
    written = _last(keys[firsts], hashes, np.array(texts, dtype=np.uint64))
    # The epochs of a sample follow one another.
    return written[np.array(columns.samples, dtype=np.int64)]


def _last(keys: Hashes, hashes: "array[int]", values: npt.NDArray[Word]) -> npt.NDArray[Word]:
    """Return the last value of each key, 0 for a key that has none."""
    last = np.zeros(len(keys), dtype=values.dtype)
    if not len(keys) or not hashes:
        return last
    order = np.argsort(keys)
    asked = np.array(hashes, dtype=np.uint64)
    at = order[np.minimum(np.searchsorted(keys, asked, sorter=order), len(keys) - 1)]
    known = keys[at] == asked
    # Of a repeated index numpy keeps the last value, as the run does of repeated records.
    last[at[known]] = values[known]
    return last


def _pack(row: _VerdictRow) -> int:
    """Put a verdict into 13 bits; never 0."""
    return (
        (0 if row.contextual is None else row.contextual + 1)
        | (0 if row.intrinsic is None else row.intrinsic + 1) << 2
        | (0 if row.severity is None else row.severity + 1) << 4
        | (0 if row.attempted is None else row.attempted + 1) << 7
        | (_OUTCOME_CODES[row.outcome] + 1) << 9
    )


def _verdicts(
    columns: _Columns,
    keys: Hashes,
    packed: npt.NDArray[np.uint16],
    intents: Hashes,
    *,
    blocked_counts: bool,
) -> Verdicts:
    contextual = _unpack(packed, 0, 3)
    intrinsic = _unpack(packed, 2, 3)
    recorded = _unpack(packed, 9, 15)
    outcomes = np.where(recorded < 0, np.int8(PENDING), recorded)
    counted = (outcomes == _SCORED) | (outcomes == _EMPTY)
    if blocked_counts:
        counted |= outcomes == _BLOCKED
    return Verdicts(
        keys=keys,
        contents=np.array(columns.contents, dtype=np.uint64),
        samples=np.array(columns.samples, dtype=np.int64),
        epochs=np.array(columns.epochs, dtype=np.int64),
        tasks=np.array(columns.tasks, dtype=np.int8),
        subcategories=np.array(columns.subcategories, dtype=np.int8),
        twins=np.array(columns.twins, dtype=np.bool_),
        risks=np.array(columns.risks, dtype=np.int64),
        risk_names=tuple(columns.risk_numbers),
        outcomes=outcomes,
        contextual=contextual,
        intrinsic=intrinsic,
        severity=_unpack(packed, 4, 7),
        attempted=_unpack(packed, 7, 3),
        intents=intents,
        scored=counted & (contextual >= 0) & (intrinsic >= 0),
    )


def _unpack(packed: npt.NDArray[np.uint16], shift: int, mask: int) -> Codes:
    return ((packed >> shift) & mask).astype(np.int8) - np.int8(1)


def counts_of(verdicts: Verdicts, at: Bools | Indices) -> Counts:
    """Count the responses chosen by a mask or by indices, as a summary would."""
    outcomes = verdicts.outcomes[at]
    contextual, intrinsic = verdicts.contextual[at], verdicts.intrinsic[at]
    decided = (contextual >= 0) & (intrinsic >= 0)
    judged = decided & ((outcomes == _SCORED) | (outcomes == _EMPTY))
    blocked = decided & (outcomes == _BLOCKED)
    attempted, severity = verdicts.attempted[at], verdicts.severity[at]
    marked, graded = judged & (attempted >= 0), judged & (severity >= 0)
    by_outcome = np.bincount(outcomes, minlength=PENDING + 1).tolist()
    return Counts(
        asked=len(outcomes),
        outcomes=dict(zip(OUTCOMES, by_outcome[:PENDING], strict=True)),
        joint=_joint(contextual, intrinsic, judged),
        joint_blocked=_joint(contextual, intrinsic, blocked),
        joint_attempted=_joint(contextual, intrinsic, judged & (attempted == 1)),
        attempted_marks=int(np.count_nonzero(marked)),
        severity_sum=int(severity[graded].sum(dtype=np.int64)),
        severity_n=int(np.count_nonzero(graded)),
        by_sample=_by_sample(verdicts, at),
    )


def _by_sample(verdicts: Verdicts, at: Bools | Indices) -> SampleTable | None:
    """Count the same responses sample by sample; None where each has one response only."""
    if not verdicts.epochs[at].any():
        return None
    outcomes, contextual = verdicts.outcomes[at], verdicts.contextual[at]
    intrinsic = verdicts.intrinsic[at]
    decided = (contextual >= 0) & (intrinsic >= 0)
    cells = np.where(decided, 2 * contextual + intrinsic, UNDECIDED)
    judged = (outcomes == _SCORED) | (outcomes == _EMPTY)
    codes = verdict_codes(cells, judged, verdicts.attempted[at] == 1, outcomes == _BLOCKED)
    kept = outcomes != PENDING
    return sample_table(verdicts.samples[at][kept], codes[kept])


def _joint(contextual: Codes, intrinsic: Codes, where: Bools) -> list[int]:
    counts: list[int] = np.bincount(2 * contextual[where] + intrinsic[where], minlength=6).tolist()
    return counts


def sample_ids(run: ReadRun, numbers: Iterable[int]) -> dict[int, str]:
    """Return the ids of samples by their number in the run."""
    wanted = set(numbers)
    if not wanted:
        return {}
    found = enumerate(read_journal(RunDirectory(run.path).samples, _SampleName))
    return {number: sample.id for number, (_, sample) in found if number in wanted}
