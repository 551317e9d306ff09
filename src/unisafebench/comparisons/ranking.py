"""Ranking models, on the tasks that all of them have and on the same samples."""

from collections.abc import Sequence

import numpy as np

from unisafebench.comparisons.pairing import common_keys
from unisafebench.comparisons.reading import ReadRun, Verdicts, counts_of
from unisafebench.comparisons.result import Place, Ranking
from unisafebench.core.tasks import TASKS
from unisafebench.metrics.groups import RATES, Policy, Proportion, group_of, proportion
from unisafebench.published.load import PublishedModel, pooled

__all__ = ["ranking", "unsafe_tasks"]

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
    found = [(label, source, _rates(source, shared, keys, epochs)) for label, source in sources]
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
                both_safe={task: _rates(source, [task], keys, epochs)["B-S"] for task in shared},
                responses_per_sample=epochs if isinstance(source, ReadRun) else 1,
            )
            for label, source, rates in found
        ),
    )


def _rates(
    source: ReadRun | PublishedModel,
    tasks: Sequence[str],
    keys: "np.ndarray[tuple[int], np.dtype[np.uint64]]",
    epochs: int,
) -> dict[str, Proportion]:
    if isinstance(source, PublishedModel):
        return pooled(source, tasks).rates
    verdicts: Verdicts = source.verdicts
    codes = np.array([_CODES[task] for task in tasks], dtype=np.int8)
    at = np.isin(verdicts.keys, keys) & np.isin(verdicts.tasks, codes)
    # They are scored: which of the blocked ones count was decided when the run was read.
    group = group_of(counts_of(verdicts, at), Policy(blocked_as="refusal"))
    return {
        name: proportion(group.rates[name].count, group.rates[name].n, epochs) for name in RATES
    }
