"""Ranking models, on the tasks that all of them have and on the same samples."""

from collections.abc import Sequence

import numpy as np

from unisafebench.comparisons.pairing import common_keys
from unisafebench.comparisons.reading import Bools, ReadRun, Verdicts, counts_of
from unisafebench.comparisons.result import Place, Ranking
from unisafebench.core.tasks import TASKS
from unisafebench.metrics.groups import RATES, Policy, Proportion, group_of
from unisafebench.published.load import PublishedModel, pooled

__all__ = ["Source", "ranking", "unsafe_tasks"]

Source = tuple[str, ReadRun | PublishedModel]
_CODES = {task: code for code, task in enumerate(TASKS)}


def unsafe_tasks(source: ReadRun | PublishedModel) -> tuple[str, ...]:
    """Return the ids of the tasks of which a run has unsafe samples, or a paper has figures."""
    if isinstance(source, PublishedModel):
        return tuple(source.tasks)
    verdicts = source.verdicts
    present = set(np.unique(verdicts.tasks[~verdicts.twins]).tolist())
    return tuple(task for task, code in _CODES.items() if code in present)


def ranking(sources: Sequence[Source]) -> Ranking:
    """Rank all parties by B-S."""
    shared = [task for task in TASKS if all(task in unsafe_tasks(source) for _, source in sources)]
    runs = [source.verdicts for _, source in sources if isinstance(source, ReadRun)]
    keys = common_keys(runs) if runs else np.zeros(0, dtype=np.uint64)
    if runs and shared:
        # A task of which no sample is scored in all runs is not one that they share.
        scored = np.unique(runs[0].tasks[np.isin(runs[0].keys, keys)]).tolist()
        shared = [task for task in shared if _CODES[task] in scored]
    if not shared:
        return Ranking(tasks=(), places=())
    epochs = min(
        (source.manifest.epochs for _, source in sources if isinstance(source, ReadRun)), default=1
    )
    shown = {
        label: np.isin(source.verdicts.keys, keys)
        for label, source in sources
        if isinstance(source, ReadRun)
    }
    found = [
        (label, source, _rates(source, shared, shown.get(label), epochs))
        for label, source in sources
    ]
    found.sort(key=lambda row: -(row[2]["B-S"].rate or 0))
    order = [row[2]["B-S"].rate for row in found]
    return Ranking(
        tasks=tuple(shared),
        places=tuple(
            Place(
                place=order.index(rates["B-S"].rate) + 1,
                label=label,
                published=isinstance(source, PublishedModel),
                rates=rates,
                both_safe={
                    task: _rates(source, [task], shown.get(label), epochs)["B-S"] for task in shared
                },
                responses_per_sample=epochs if isinstance(source, ReadRun) else 1,
            )
            for label, source, rates in found
        ),
    )


def _rates(
    source: ReadRun | PublishedModel,
    tasks: Sequence[str],
    shown: Bools | None,
    epochs: int,
) -> dict[str, Proportion]:
    if isinstance(source, PublishedModel):
        return pooled(source, tasks).rates
    verdicts: Verdicts = source.verdicts
    codes = np.array([_CODES[task] for task in tasks], dtype=np.int8)
    at = np.isin(verdicts.tasks, codes)
    if shown is not None:
        at &= shown
    # They are scored: which of the blocked ones count was decided when the run was read.
    policy = Policy(blocked_as="refusal", responses_per_sample=epochs)
    rates = group_of(counts_of(verdicts, at), policy).rates
    return {
        name: Proportion(
            count=rates[name].count,
            n=rates[name].n,
            rate=rates[name].rate,
            low=rates[name].low,
            high=rates[name].high,
        )
        for name in RATES
    }
