"""Pairing the responses of two runs to the same samples, and counting those left without a pair."""

from collections.abc import Sequence
from functools import reduce

import msgspec
import numpy as np
import numpy.typing as npt

from unisafebench.comparisons.reading import PENDING, Bools, Indices, Verdicts
from unisafebench.metrics.counts import OUTCOMES

__all__ = ["LeftOut", "Pairs", "common_keys", "left_out", "pair", "positions"]

_OUTCOME_NAMES = (*OUTCOMES, "pending")


class Pairs(msgspec.Struct, frozen=True):
    """Responses to the same sample in the same epoch: indices into the arrays of both runs.

    `first` and `second` hold all pairs, in the order of the first run; `scored` marks those of
    which both responses have both verdicts.
    """

    first: Indices
    second: Indices
    scored: Bools
    only_first: Indices
    """Responses of the first run whose task, id and epoch the second did not ask for."""
    only_second: Indices
    other_content_first: Indices
    """Responses of the first run to a sample that asks something else in the second."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Responses that enter no comparison, counted by why.

    `unscored_first` and `unscored_second` count, by outcome, responses of which the other run's is
    scored; where neither is, the pair is in `unscored_both`.
    """

    not_asked_first: int
    not_asked_second: int
    other_content: int
    unscored_first: dict[str, int]
    unscored_second: dict[str, int]
    unscored_both: int

    @property
    def total(self) -> int:
        """Number of (task, id, epoch) that either run asked for and that are not compared."""
        return (
            self.not_asked_first
            + self.not_asked_second
            + self.other_content
            + sum(self.unscored_first.values())
            + sum(self.unscored_second.values())
            + self.unscored_both
        )


def pair(first: Verdicts, second: Verdicts) -> Pairs:
    """Pair two runs by (task, sample id, epoch), where the samples ask the same."""
    at = positions(second.keys, first.keys)
    found = at >= 0
    mine, theirs = np.flatnonzero(found), at[found]
    same = first.contents[mine] == second.contents[theirs]
    one, other = mine[same], theirs[same]
    return Pairs(
        first=one,
        second=other,
        scored=first.scored[one] & second.scored[other],
        only_first=np.flatnonzero(~found),
        only_second=np.flatnonzero(positions(first.keys, second.keys) < 0),
        other_content_first=mine[~same],
    )


def common_keys(runs: Sequence[Verdicts]) -> npt.NDArray[np.uint64]:
    """Return the keys that all runs asked the same of and scored, unsafe samples only."""
    first = runs[0]
    kept = first.scored & ~first.twins
    keys: npt.NDArray[np.uint64] = reduce(np.intersect1d, [_scored_keys(run) for run in runs])
    for run in runs[1:]:
        at = positions(run.keys, first.keys)
        kept &= (at >= 0) & (run.contents[at] == first.contents)
    return np.intersect1d(keys, first.keys[kept])


def left_out(first: Verdicts, second: Verdicts, pairs: Pairs, tasks: Sequence[int]) -> LeftOut:
    """Count what is not compared of some tasks' unsafe samples."""
    codes = np.array(tasks, dtype=np.int8)

    def count(run: Verdicts, at: Indices) -> int:
        return int(np.count_nonzero(np.isin(run.tasks[at], codes) & ~run.twins[at]))

    within = np.isin(first.tasks[pairs.first], codes) & ~first.twins[pairs.first]
    one, other = first.scored[pairs.first], second.scored[pairs.second]
    return LeftOut(
        not_asked_first=count(second, pairs.only_second),
        not_asked_second=count(first, pairs.only_first),
        other_content=count(first, pairs.other_content_first),
        unscored_first=_by_outcome(first.outcomes[pairs.first][within & ~one & other]),
        unscored_second=_by_outcome(second.outcomes[pairs.second][within & one & ~other]),
        unscored_both=int(np.count_nonzero(within & ~one & ~other)),
    )


def _by_outcome(outcomes: npt.NDArray[np.int8]) -> dict[str, int]:
    counts = np.bincount(outcomes, minlength=PENDING + 1).tolist()
    return {name: count for name, count in zip(_OUTCOME_NAMES, counts, strict=True) if count}


def positions(known: npt.NDArray[np.uint64], asked: npt.NDArray[np.uint64]) -> Indices:
    """Return where each key that is asked for stands among the known ones, -1 where it does not."""
    if not len(known):
        return np.full(len(asked), -1, dtype=np.int64)
    order = np.argsort(known)
    at = order[np.minimum(np.searchsorted(known, asked, sorter=order), len(known) - 1)]
    return np.where(known[at] == asked, at, -1).astype(np.int64)


def _scored_keys(run: Verdicts) -> npt.NDArray[np.uint64]:
    return run.keys[run.scored]
