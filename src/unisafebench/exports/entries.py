"""What is exported: one entry for each model, with the figures of its groups."""

from collections.abc import Mapping

import msgspec

from unisafebench.core.tasks import TASKS
from unisafebench.metrics.groups import Group, Proportion
from unisafebench.metrics.summary import Summary

__all__ = ["Entry", "Figures", "Utility", "entry_of", "figures_of", "vqa_utility"]

_VQA = tuple(task for task in TASKS if task.startswith("vqa-"))


class Utility(msgspec.Struct, frozen=True, kw_only=True):
    """How able a model is at a task, in [0, 1], with the ends of its interval where known."""

    value: float
    low: float | None = None
    high: float | None = None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What tables and figures show of one group of responses."""

    asked: int
    n: int
    coverage: float | None
    reportable: bool
    reason: str | None
    rates: Mapping[str, Proportion]
    """The four rates, each a share of `n`."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model: a run of ours, or figures that others have published.

    `group` is the heading of its rows; entries of one group are compared with one another.
    `utility` is keyed by task, or by "vqa" for one figure of the four VQA tasks.
    """

    name: str
    tasks: Mapping[str, Figures]
    overall: Figures
    overall_tasks: tuple[str, ...]
    not_supported: tuple[str, ...] = ()
    group: str = ""
    utility: Mapping[str, Utility] = {}
    source: str = "run"
    """ "run", or where the figures were published."""
    dataset: str = ""
    judge: str = ""
    protocol: str = ""
    notices: tuple[str, ...] = ()
    summary: Summary | None = None
    """All figures of a run; None for published ones, which exist by task only."""

    @property
    def published(self) -> bool:
        """Whether the figures are somebody else's."""
        return self.source != "run"


def entry_of(
    name: str,
    summary: Summary,
    *,
    dataset: str = "",
    judge: str = "",
    protocol: str = "",
    notices: tuple[str, ...] = (),
) -> Entry:
    """Return the entry of a run."""
    return Entry(
        name=name,
        tasks={task: figures_of(group) for task, group in summary.tasks.items()},
        overall=figures_of(summary.overall),
        overall_tasks=summary.overall_tasks,
        not_supported=summary.not_supported,
        dataset=dataset,
        judge=judge,
        protocol=protocol,
        notices=notices,
        summary=summary,
    )


def figures_of(group: Group) -> Figures:
    """Return what tables show of a group."""
    return Figures(
        asked=group.asked,
        n=group.n,
        coverage=group.coverage,
        reportable=group.reportable,
        reason=group.reason,
        rates=group.rates,
    )


def vqa_utility(entry: Entry) -> Utility | None:
    """Return the one figure of utility for the VQA tasks, None where there is not just one.

    No mean is made of several figures: they may be of different tests.
    """
    if "vqa" in entry.utility:
        return entry.utility["vqa"]
    found = [entry.utility[task] for task in _VQA if task in entry.utility]
    return found[0] if found and all(one == found[0] for one in found) else None
