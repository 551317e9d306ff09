"""Several judges of the same responses: how far they agree, and what the choice does to a rate."""

from array import array
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import combinations

import msgspec
import numpy as np
import numpy.typing as npt

from unisafebench.comparisons.identity import ComparisonMismatchError, Difference, differences
from unisafebench.comparisons.pairing import positions
from unisafebench.comparisons.reading import Bools, Hashes, Indices, ReadRun
from unisafebench.core.errors import UsageError
from unisafebench.core.keys import hash_parts
from unisafebench.core.tasks import TASKS
from unisafebench.metrics.counts import OUTCOMES
from unisafebench.metrics.intervals import InsufficientDataError
from unisafebench.metrics.judges import (
    MISSING,
    JudgePair,
    RateOverJudges,
    fleiss_kappa,
    judge_pairs,
    krippendorff_alpha,
    rates_over_judges,
)
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.journal import read_journal

__all__ = [
    "FORMAT",
    "Agreement",
    "JudgeGroup",
    "JudgeParty",
    "JudgesCompared",
    "Verdicts",
    "compare_judges",
]

FORMAT = "unisafebench-judges-1"
_SCORED = OUTCOMES.index("scored")
_MASK = (1 << 64) - 1
Verdicts = npt.NDArray[np.int64]


class JudgeParty(msgspec.Struct, frozen=True, kw_only=True):
    """One run, under the label that stands for its judge."""

    label: str
    judge: str
    extractor: str
    protocol: str
    scored: int
    """Of the compared responses, those that this judge gave both verdicts on."""
    notice: str | None = None


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far judges agree in one of the two verdicts.

    `fleiss` is over the `n` responses that all have decided, None without one or where every
    verdict is the same; `alpha`, Krippendorff's, uses those of two judges or more, too.
    """

    n: int
    same: int
    """Responses of those `n` on which all judges give one and the same verdict."""
    pairs: tuple[JudgePair, ...]
    fleiss: float | None
    alpha: float | None


class JudgeGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group of `responses`; `rates` are over those that all judges decided, empty without one."""

    responses: int
    contextual: Agreement
    intrinsic: Agreement
    rates: dict[str, RateOverJudges]


class JudgesCompared(msgspec.Struct, frozen=True, kw_only=True):
    """The whole result. Only responses that are the same in all runs are compared.

    Responses that no judge was asked about (blocked by the provider, empty) count as not decided.
    `twins` are the harmless ones, which enter no other group; None without any.
    """

    format: str = FORMAT
    judges: tuple[JudgeParty, ...]
    not_in_all: int
    """Responses that not every run asked for."""
    other_response: int
    """Responses asked for in all runs that are not the same in all."""
    overall: JudgeGroup
    tasks: dict[str, JudgeGroup]
    twins: JudgeGroup | None
    cautions: tuple[str, ...]


class _ResponseRow(msgspec.Struct, frozen=True):
    sample_id: str
    task: str
    epoch: int
    text: str | None = None
    images: tuple[str, ...] = ()


def compare_judges(runs: Sequence[ReadRun], *, allow_different: bool = False) -> JudgesCompared:
    """Compare the verdicts of several runs on the same responses.

    Args:
        runs: two or more, with different labels; judge, extractor and prompts may differ.
        allow_different: compare even if data, protocol or some responses differ; the cautions say
            what does.

    Raises:
        UsageError: there are fewer than two runs, or no response is the same in all.
        ComparisonMismatchError: runs differ in data, protocol or responses.
    """
    if len(runs) < 2:
        raise UsageError("one judge alone cannot be compared: name two runs or more.")
    different = [
        each for pair in combinations(runs, 2) for each in differences(*pair) if not each.of_judge
    ]
    at, not_in_all, other = _aligned(runs)
    if other:
        different.append(_other_responses(runs, len(at[0]), other))
    if different and not allow_different:
        raise ComparisonMismatchError(different)
    decided = [run.verdicts.outcomes[rows] == _SCORED for run, rows in zip(runs, at, strict=True)]
    contextual = _table([run.verdicts.contextual for run in runs], at, decided)
    intrinsic = _table([run.verdicts.intrinsic for run in runs], at, decided)
    labels = [run.label for run in runs]
    first = runs[0].verdicts
    twins, tasks = first.twins[at[0]], first.tasks[at[0]]

    def group(within: Bools) -> JudgeGroup:
        return _group(labels, contextual[:, within], intrinsic[:, within])

    by_task = {
        task: group(~twins & (tasks == code))
        for code, task in enumerate(TASKS)
        if np.any(~twins & (tasks == code))
    }
    return JudgesCompared(
        judges=tuple(
            _party(run, int(np.count_nonzero(given)))
            for run, given in zip(runs, decided, strict=True)
        ),
        not_in_all=not_in_all,
        other_response=other,
        overall=group(~twins),
        tasks=by_task,
        twins=group(twins) if twins.any() else None,
        cautions=tuple(_cautions(different)),
    )


def _other_responses(runs: Sequence[ReadRun], same: int, other: int) -> Difference:
    first, second = runs[0].label, " and ".join(run.label for run in runs[1:])
    return Difference(
        "responses", first, second, f"{same + other:,} responses", f"others for {other:,} of these"
    )


def _aligned(runs: Sequence[ReadRun]) -> tuple[list[Indices], int, int]:
    """Return where each run has the responses that are the same in all of them.

    Also how many responses are not in all runs, and how many are in all and not the same.
    """
    keys: Hashes = reduce(np.intersect1d, [run.verdicts.keys for run in runs])
    everything: Hashes = reduce(np.union1d, [run.verdicts.keys for run in runs])
    at = [positions(run.verdicts.keys, keys) for run in runs]
    given = [
        run.verdicts.contents[rows] ^ _responses(run, keys)
        for run, rows in zip(runs, at, strict=True)
    ]
    same = np.all([one == given[0] for one in given], axis=0)
    if not same.any():
        raise UsageError(
            "no response is the same in all of these runs: to compare judges, judge the responses "
            "of one run several times ('unisafebench judge RUN --judge OTHER --output NEW')."
        )
    not_in_all, other = len(everything) - len(keys), int(np.count_nonzero(~same))
    return [rows[same] for rows in at], not_in_all, other


def _responses(run: ReadRun, keys: Hashes) -> Hashes:
    """Return a hash of what came for each key; 0 where nothing was recorded."""
    hashes, contents = array("Q"), array("Q")
    for _, row in read_journal(RunDirectory(run.path).responses, _ResponseRow):
        hashes.append(hash_parts(row.task, row.sample_id, row.epoch))
        contents.append(hash((row.text, row.images)) & _MASK)
    found = np.zeros(len(keys), dtype=np.uint64)
    at = positions(keys, np.array(hashes, dtype=np.uint64))
    # Of a repeated index numpy keeps the last value, as the run does of repeated records.
    found[at[at >= 0]] = np.array(contents, dtype=np.uint64)[at >= 0]
    return found


def _table(
    columns: Sequence[npt.NDArray[np.int8]], at: Sequence[Indices], decided: Sequence[Bools]
) -> Verdicts:
    """Return verdicts of shape (judges, responses)."""
    rows = [
        np.where(given, column[rows].astype(np.int64), MISSING)
        for column, rows, given in zip(columns, at, decided, strict=True)
    ]
    return np.stack(rows)


def _group(labels: Sequence[str], contextual: Verdicts, intrinsic: Verdicts) -> JudgeGroup:
    try:
        rates = rates_over_judges(labels, contextual, intrinsic)
    except InsufficientDataError:
        rates = {}
    return JudgeGroup(
        responses=contextual.shape[1],
        contextual=_agreement(labels, contextual),
        intrinsic=_agreement(labels, intrinsic),
        rates=rates,
    )


def _agreement(labels: Sequence[str], verdicts: Verdicts) -> Agreement:
    by_all = verdicts[:, (verdicts != MISSING).all(axis=0)]
    try:
        fleiss = fleiss_kappa(labels, verdicts)
    except InsufficientDataError:
        fleiss = None
    try:
        alpha = krippendorff_alpha(labels, verdicts)
    except InsufficientDataError:
        alpha = None
    return Agreement(
        n=by_all.shape[1],
        same=int(np.count_nonzero((by_all == by_all[0]).all(axis=0))),
        pairs=judge_pairs(labels, verdicts),
        fleiss=fleiss,
        alpha=alpha,
    )


def _party(run: ReadRun, scored: int) -> JudgeParty:
    judging = run.manifest.judging
    assert judging is not None  # noqa: S101 -- `read_run` takes no run without
    return JudgeParty(
        label=run.label,
        judge=judging.judge,
        extractor=judging.extractor,
        protocol=judging.protocol,
        scored=scored,
        notice=judging.notice,
    )


def _cautions(different: Sequence[Difference]) -> Iterator[str]:
    for each in different:
        yield (
            f"Besides the judge, {each.what} is {each.value_first} in {each.first} and "
            f"{each.value_second} in {each.second}."
        )
