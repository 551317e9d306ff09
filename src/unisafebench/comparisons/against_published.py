"""Comparing with published results: counts by task, of which no single response is known."""

import numpy as np

from unisafebench.comparisons.deltas import unpaired_rates
from unisafebench.comparisons.ranking import unsafe_tasks
from unisafebench.comparisons.reading import ReadRun, counts_of
from unisafebench.comparisons.result import UNPAIRED, GroupDelta, PairComparison
from unisafebench.core.errors import UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.metrics.groups import RATES, Policy, group_of
from unisafebench.published.load import PublishedModel, pooled

__all__ = ["Counted", "compare_unpaired"]

Counted = tuple[int, dict[str, int]]


def compare_unpaired(
    first: tuple[str, ReadRun | PublishedModel], second: tuple[str, ReadRun | PublishedModel]
) -> PairComparison:
    """Compare two parties, at least one of them published, over the tasks that both have.

    A run enters with all its scored responses of these tasks; of several epochs with the first,
    since counts are compared as those of independent responses. p-values are not adjusted yet.

    Raises:
        UsageError: they have no task in common.
    """
    (label, one), (other_label, other) = first, second
    shared = tuple(task for task in unsafe_tasks(one) if task in unsafe_tasks(other))
    if not shared:
        raise UsageError(
            f"{label} and {other_label} have no task in common: {', '.join(unsafe_tasks(one))} "
            f"against {', '.join(unsafe_tasks(other))}."
        )
    groups = {
        task: GroupDelta(rates=unpaired_rates(_counted(one, (task,)), _counted(other, (task,))))
        for task in shared
    }
    return PairComparison(
        first=label,
        second=other_label,
        paired=False,
        mark=UNPAIRED,
        differences=(),
        shared_tasks=shared,
        overall=GroupDelta(rates=unpaired_rates(_counted(one, shared), _counted(other, shared))),
        tasks=groups,
        categories={},
        subcategories={},
        twins={},
        flips={},
    )


def _counted(source: ReadRun | PublishedModel, tasks: tuple[str, ...]) -> Counted:
    """Return how many responses to unsafe samples of some tasks are scored, and the four counts."""
    if isinstance(source, PublishedModel):
        whole = pooled(source, tasks)
        return whole.n, dict(whole.counts)
    verdicts = source.verdicts
    codes = np.array([list(TASKS).index(task) for task in tasks], dtype=np.int8)
    at = verdicts.scored & ~verdicts.twins & (verdicts.epochs == 0) & np.isin(verdicts.tasks, codes)
    group = group_of(counts_of(verdicts, at), Policy())
    return group.n, {name: group.rates[name].count for name in RATES}
