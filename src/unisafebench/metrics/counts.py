"""Counting verdicts: a cell for each (task, subcategory, twin), all else is a sum of cells."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, get_args

import msgspec
import numpy as np

from unisafebench.core.errors import DataError, UnknownNameError
from unisafebench.core.records import BlockedSide, Outcome, Verdict
from unisafebench.core.tasks import TASKS
from unisafebench.core.taxonomy import SUBCATEGORIES, category_of
from unisafebench.metrics.by_sample import UNDECIDED, Recorder, SampleTable, verdict_code

__all__ = ["JOINT", "OUTCOMES", "SIDES", "CellKey", "Counted", "Counts", "Tally", "total"]

OUTCOMES: tuple[str, ...] = get_args(Outcome)
"""The outcomes that a verdict record can have, in the order in which tables show them."""
SIDES: tuple[str, ...] = get_args(BlockedSide)
"""What a provider blocked: the input, the output, or it does not say."""
JOINT: tuple[str, ...] = tuple(
    f"context_{contextual}_intrinsic_{intrinsic}" for contextual in range(3) for intrinsic in (0, 1)
)
"""Names of the six joint counts; the index of (contextual, intrinsic) is 2 c + i."""

_MASK = (1 << 64) - 1


class CellKey(NamedTuple):
    """What a cell counts."""

    task: str
    subcategory: str
    twin: bool


class Counts(msgspec.Struct, kw_only=True):
    """What is known of a group of responses. The only mutable record; read it, do not change it.

    `joint` leaves out the blocked responses, whose verdicts are in `joint_blocked`: whether they
    enter the rates is decided when a summary is made. `by_sample` counts the same sample by sample,
    where that was kept (see `Tally`).
    """

    asked: int = 0
    samples: int = 0
    """Samples that these responses were asked of."""
    outcomes: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    sides: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(SIDES, 0))
    joint: list[int] = msgspec.field(default_factory=lambda: [0] * 6)
    joint_blocked: list[int] = msgspec.field(default_factory=lambda: [0] * 6)
    joint_attempted: list[int] = msgspec.field(default_factory=lambda: [0] * 6)
    attempted_marks: int = 0
    """Responses that carry the mark "attempted", be it true or false."""
    severity_sum: int = 0
    severity_n: int = 0
    by_sample: SampleTable | None = None

    @property
    def pending(self) -> int:
        """Asked, but without a verdict record yet."""
        return self.asked - sum(self.outcomes.values())


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a verdict record that are counted; a journal is read with these alone."""

    sample_id: str
    task: str
    category: str
    subcategory: str
    epoch: int
    outcome: Outcome
    contextual: Literal[0, 1, 2] | None = None
    intrinsic: Literal[0, 1] | None = None
    severity: Literal[0, 1, 2, 3] | None = None
    attempted: bool | None = None
    twin: bool = False
    blocked_side: BlockedSide | None = None


class Tally:
    """Counts of a run, filled one sample and one verdict at a time, in any order.

    Memory does not grow with the number of verdicts, unless they are counted by sample.

    Args:
        by_sample: keep which sample each verdict is of, 9 bytes each. With several epochs the
            intervals need it; without it they are those of n / epochs observations.
    """

    def __init__(self, *, by_sample: bool = False) -> None:
        self._cells: dict[tuple[str, str, bool], Counts] = {}
        self._epochs: set[int] = set()
        self._recorders: dict[tuple[str, str, bool], Recorder] | None = None
        if by_sample:
            self._recorders = defaultdict(Recorder)

    def ask(self, task: str, category: str, subcategory: str, twin: bool, n: int = 1) -> None:
        """Count one sample, of which the run asks for `n` responses.

        Raises:
            UnknownNameError: a name is not canonical, or the subcategory is of another category.
        """
        cell = self._cells.get((task, subcategory, twin))
        if cell is None:
            cell = self._open(task, category, subcategory, twin)
        cell.asked += n
        cell.samples += 1

    def add(self, verdict: Verdict | Counted, blocked_side: BlockedSide | None = None) -> None:
        """Count one verdict record.

        Args:
            verdict: the last record for its (task, sample, epoch).
            blocked_side: for a blocked response, what the provider blocked, where it is known.

        Raises:
            DataError: the record is "scored" but does not hold both verdicts.
            UnknownNameError: a name is not canonical, or the subcategory is of another category.
        """
        cell = self._cells.get((verdict.task, verdict.subcategory, verdict.twin))
        if cell is None:
            cell = self._open(verdict.task, verdict.category, verdict.subcategory, verdict.twin)
        outcome = verdict.outcome
        contextual, intrinsic = verdict.contextual, verdict.intrinsic
        decided = contextual is not None and intrinsic is not None
        if outcome == "scored" and not decided:
            raise DataError(
                f"the verdict on sample {verdict.sample_id!r} of {verdict.task} (epoch "
                f"{verdict.epoch}) is marked scored but does not hold both verdicts.",
                remedy="Judge the run again.",
            )
        cell.outcomes[outcome] += 1
        self._epochs.add(verdict.epoch)
        if outcome == "blocked":
            cell.sides[blocked_side or "unknown"] += 1
        index = UNDECIDED
        if contextual is not None and intrinsic is not None:
            index = 2 * contextual + intrinsic
            _place(cell, verdict, index)
        if self._recorders is not None:
            recorder = self._recorders[verdict.task, verdict.subcategory, verdict.twin]
            recorder.add(hash(verdict.sample_id) & _MASK, _code(verdict, index))

    @property
    def cells(self) -> Mapping[CellKey, Counts]:
        """Every cell in which something was asked or counted, in the order of the tables.

        Raises:
            DataError: a cell holds more verdicts than responses were asked for.
        """
        found = {}
        for task in TASKS:
            for subcategory in SUBCATEGORIES:
                for twin in (False, True):
                    counts = self._cells.get((task, subcategory, twin))
                    if counts is not None:
                        found[CellKey(task, subcategory, twin)] = counts
        for key, counts in found.items():
            if counts.pending < 0:
                raise DataError(
                    f"{key.task}, {key.subcategory!r} holds {-counts.pending} more verdicts than "
                    f"the {counts.asked} responses asked for.",
                    remedy="Check that samples and verdicts belong to the same run.",
                )
            if self._recorders is not None:
                counts.by_sample = self._recorders[key].table(counts.samples)
        return found

    @property
    def epochs(self) -> int:
        """How many responses to one sample were met (at least 1)."""
        return max(1, len(self._epochs))

    def _open(self, task: str, category: str, subcategory: str, twin: bool) -> Counts:
        if task not in TASKS:
            raise UnknownNameError("task", task, TASKS)
        if subcategory not in SUBCATEGORIES:
            raise UnknownNameError("subcategory", subcategory, SUBCATEGORIES)
        if category != category_of(subcategory):
            raise UnknownNameError(
                f"category of the subcategory {subcategory!r}", category, [category_of(subcategory)]
            )
        counts = self._cells[task, subcategory, twin] = Counts()
        return counts


def total(parts: Iterable[Counts]) -> Counts:
    """Return the sum of the counts, as new counts; the samples of the parts are different ones."""
    whole = Counts()
    tables = []
    for part in parts:
        whole.asked += part.asked
        whole.samples += part.samples
        if part.by_sample is not None:
            tables.append(part.by_sample)
        whole.attempted_marks += part.attempted_marks
        whole.severity_sum += part.severity_sum
        whole.severity_n += part.severity_n
        for name, count in part.outcomes.items():
            whole.outcomes[name] += count
        for name, count in part.sides.items():
            whole.sides[name] += count
        for index in range(6):
            whole.joint[index] += part.joint[index]
            whole.joint_blocked[index] += part.joint_blocked[index]
            whole.joint_attempted[index] += part.joint_attempted[index]
    if tables:
        whole.by_sample = np.concatenate(tables)
    return whole


def _code(verdict: Verdict | Counted, index: int) -> int:
    return verdict_code(
        index,
        judged=verdict.outcome in ("scored", "empty"),
        attempted=bool(verdict.attempted),
        blocked=verdict.outcome == "blocked",
    )


def _place(cell: Counts, verdict: Verdict | Counted, index: int) -> None:
    """Enter a pair of verdicts, where the outcome lets it count."""
    if verdict.outcome == "blocked":
        cell.joint_blocked[index] += 1
        return
    if verdict.outcome not in ("scored", "empty"):
        return
    cell.joint[index] += 1
    if verdict.attempted is not None:
        cell.attempted_marks += 1
        if verdict.attempted:
            cell.joint_attempted[index] += 1
    if verdict.severity is not None:
        cell.severity_n += 1
        cell.severity_sum += verdict.severity
