"""Two runs compared on the same samples."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from unisafebench.comparisons.deltas import Matched, balanced, matched, paired_rates
from unisafebench.comparisons.identity import Difference
from unisafebench.comparisons.pairing import Pairs, left_out, pair
from unisafebench.comparisons.reading import Bools, Codes, Indices, ReadRun, counts_of, sample_ids
from unisafebench.comparisons.result import (
    Beside,
    Flip,
    Flips,
    GroupDelta,
    OverRefusal,
    PairComparison,
)
from unisafebench.core.errors import UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.core.taxonomy import CATEGORIES, SUBCATEGORIES, category_of
from unisafebench.metrics.epochs import tries_of
from unisafebench.metrics.groups import RATES, Policy, group_of

__all__ = ["PAIRED", "compare_runs"]

PAIRED = "paired"
_TASKS = tuple(TASKS)
_CATEGORIES = tuple(CATEGORIES)
_CATEGORY_OF_CODE = np.array(
    [_CATEGORIES.index(category_of(name)) for name in SUBCATEGORIES], dtype=np.int8
)


def compare_runs(
    first: ReadRun, second: ReadRun, different: Sequence[Difference] = ()
) -> PairComparison:
    """Compare two runs on the samples that both scored; p-values are not adjusted yet.

    Raises:
        UsageError: there is no sample that both scored.
    """
    one, other = first.verdicts, second.verdicts
    pairs = pair(one, other)
    kept_first, kept_second = pairs.first[pairs.scored], pairs.second[pairs.scored]
    if not len(kept_first):
        raise _nothing_shared(first, second, pairs)
    twins = one.twins[kept_first]
    found = matched(one, kept_first, other, kept_second)
    asked = pairs.first[~one.twins[pairs.first]]
    by_task = {task: code for code, task in enumerate(_TASKS) if np.any(one.tasks[asked] == code)}
    both = _Both(first, second, kept_first, kept_second)
    tasks, subcategories = one.tasks[kept_first], one.subcategories[kept_first]
    return PairComparison(
        first=first.label,
        second=second.label,
        paired=True,
        mark=PAIRED,
        differences=tuple(different),
        shared_tasks=tuple(by_task),
        overall=both.group(found, ~twins, pairs, list(by_task.values())),
        tasks={
            task: both.group(found, ~twins & (tasks == code), pairs, [code])
            for task, code in by_task.items()
        },
        categories=both.groups(
            found,
            ~twins,
            _CATEGORY_OF_CODE[subcategories],
            _present(_CATEGORY_OF_CODE[one.subcategories[asked]], _CATEGORIES),
        ),
        subcategories=both.groups(
            found, ~twins, subcategories, _present(one.subcategories[asked], SUBCATEGORIES)
        ),
        twins=_over_refusal(found, twins, tasks),
        flips=_flips(first, found, kept_first, ~twins),
    )


class _Both:
    """The paired and scored responses of two runs."""

    def __init__(
        self, first: ReadRun, second: ReadRun, at_first: Indices, at_second: Indices
    ) -> None:
        self._first, self._second = first, second
        self._at_first, self._at_second = at_first, at_second

    def group(
        self, found: Matched, within: Bools, pairs: Pairs, tasks: Sequence[int]
    ) -> GroupDelta:
        """Return a group that is one or several whole tasks."""
        return GroupDelta(
            rates=paired_rates(found, within),
            beside=self._beside(within, found.epochs, tries=True),
            left_out=left_out(self._first.verdicts, self._second.verdicts, pairs, tasks),
        )

    def groups(
        self, found: Matched, within: Bools, codes: Codes, names: Mapping[str, int]
    ) -> dict[str, GroupDelta]:
        """Return a group for each name, of the responses that carry its code."""
        return {
            name: GroupDelta(
                rates=paired_rates(found, within & (codes == code)),
                beside=self._beside(within & (codes == code), found.epochs),
            )
            for name, code in names.items()
        }

    def _beside(self, within: Bools, epochs: int, *, tries: bool = False) -> tuple[Beside, Beside]:
        return (
            _beside(self._first, self._at_first[within], epochs, tries=tries),
            _beside(self._second, self._at_second[within], epochs, tries=tries),
        )


def _beside(run: ReadRun, at: Indices, epochs: int, *, tries: bool) -> Beside:
    policy = Policy(responses_per_sample=epochs)
    counts = counts_of(run.verdicts, at)
    group = group_of(counts, policy)
    return Beside(
        attempted=group.attempted,
        mean_severity=group.mean_severity,
        severity_n=group.severity_n,
        tries=tries_of(counts, policy) if tries else None,
    )


def _present(codes: Codes, names: Iterable[str]) -> dict[str, int]:
    found = set(np.unique(codes).tolist())
    return {name: code for code, name in enumerate(names) if code in found}


def _over_refusal(found: Matched, twins: Bools, tasks: Codes) -> dict[str, OverRefusal]:
    """Return the refusals of twins by task, and over the tasks that have unsafe samples as well."""
    codes = np.unique(tasks[twins]).tolist()
    by_task = {
        _TASKS[code]: _refusals(found, twins & (tasks == code), ~twins & (tasks == code))
        for code in codes
    }
    both = [code for code in codes if np.any(~twins & (tasks == code))]
    if not both:
        return by_task
    within = np.isin(tasks, np.array(both, dtype=np.int8))
    return {"overall": _refusals(found, twins & within, ~twins & within), **by_task}


def _refusals(found: Matched, twins: Bools, unsafe: Bools) -> OverRefusal:
    refusal = paired_rates(found, twins, ("C-R",))["C-R"]
    rates = paired_rates(found, unsafe)
    return OverRefusal(refusal=refusal, unsafe=rates, balanced=balanced(rates["C-R"], refusal))


def _flips(run: ReadRun, found: Matched, at: Indices, unsafe: Bools) -> dict[str, Flips]:
    """Return, for each rate, the samples that one run alone has among those it counts."""
    differ = {
        name: (
            at[unsafe & found.first[name] & ~found.second[name]],
            at[unsafe & ~found.first[name] & found.second[name]],
        )
        for name in RATES
    }
    verdicts = run.verdicts
    everything = np.concatenate([part for parts in differ.values() for part in parts])
    ids = sample_ids(run, np.unique(verdicts.samples[everything]).tolist())

    def listed(indices: Indices) -> tuple[Flip, ...]:
        return tuple(
            Flip(_TASKS[task], ids[number], epoch)
            for task, number, epoch in zip(
                verdicts.tasks[indices].tolist(),
                verdicts.samples[indices].tolist(),
                verdicts.epochs[indices].tolist(),
                strict=True,
            )
        )

    return {
        name: Flips(only_first=listed(lost), only_second=listed(gained))
        for name, (lost, gained) in differ.items()
    }


def _nothing_shared(first: ReadRun, second: ReadRun, pairs: Pairs) -> UsageError:
    both = f"{first.label} and {second.label}"
    if not len(pairs.first):
        return UsageError(
            f"{both} have no sample in common: there is nothing to compare. "
            "Runs are compared on samples of the same task and id that ask the same."
        )
    return UsageError(
        f"{both} have {len(pairs.first)} responses in common, but none that is scored in both: "
        "there is nothing to compare. See their reports for why, and judge them again."
    )
