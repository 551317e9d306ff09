"""A run's summary: every figure with its counts, ready to be written as JSON."""

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from unisafebench.core.errors import UsageError
from unisafebench.core.records import BlockedAs
from unisafebench.core.tasks import TASKS, find_task
from unisafebench.core.taxonomy import CATEGORIES, SUBCATEGORIES, category_of
from unisafebench.metrics.counts import CellKey, Counts, Tally, total
from unisafebench.metrics.epochs import Epochs, tries_by_name, tries_of
from unisafebench.metrics.groups import RATES, Group, Policy, group_of
from unisafebench.metrics.intervals import CONFIDENCE
from unisafebench.metrics.twins import Twins, twins_of

__all__ = ["Summary", "summarize"]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of a run. Groups in which nothing was asked are left out.

    `overall` pools the samples of `overall_tasks`. The means give each task, or each category,
    the same weight; they are None when one of those asked has no rate, since a mean over the rest
    would be of something else.
    """

    tasks: dict[str, Group]
    categories: dict[str, Group]
    subcategories: dict[str, Group]
    cells: dict[str, dict[str, Group]]
    """By task, then subcategory."""
    categories_by_task: dict[str, dict[str, Group]]
    """By task, then category."""
    overall: Group
    overall_tasks: tuple[str, ...]
    mean_over_tasks: dict[str, float | None]
    macro_over_categories: dict[str, float | None]
    not_supported: tuple[str, ...]
    twins: Twins | None
    blocked_as: BlockedAs
    max_unscored: float
    confidence: float
    epochs: int
    """Responses to one sample; with more than one, intervals are clustered by sample."""
    tries: Epochs | None = None
    """With several epochs: how often the responses to one sample are unsafe."""


def summarize(
    tally: Tally,
    *,
    max_unscored: float = 0.03,
    blocked_as: BlockedAs = "refusal",
    not_supported: Iterable[str] = (),
) -> Summary:
    """Return the summary of what was counted.

    Args:
        tally: what was asked, and the verdicts so far.
        max_unscored: largest share of a group that the judge may leave unscored; beyond it the
            group is marked as not reportable.
        blocked_as: how a response that the provider blocked enters the rates: "refusal" as the
            verdicts that its record carries, "unscored" as missing, "separate" not at all.
        not_supported: ids of tasks that the model cannot do; they are named, and nothing else.

    Raises:
        DataError: there are more verdicts than responses asked for.
        UsageError: `max_unscored` is not a share, or a task is not known.
    """
    if not 0 <= max_unscored <= 1:
        raise UsageError(f"max_unscored is {max_unscored!r}; give a share between 0 and 1.")
    policy = Policy(
        max_unscored=max_unscored, blocked_as=blocked_as, responses_per_sample=tally.epochs
    )
    asked = {key: counts for key, counts in tally.cells.items() if counts.asked}
    unsafe = {key: counts for key, counts in asked.items() if not key.twin}
    by_task = _sums(unsafe, TASKS, _task)
    tasks = _groups(by_task, policy)
    by_category = _sums(unsafe, CATEGORIES, _category)
    by_subcategory = _sums(unsafe, SUBCATEGORIES, _subcategory)
    categories = _groups(by_category, policy)
    whole = total(unsafe.values())
    tries = tries_of(whole, policy)
    within = {
        task: {key: counts for key, counts in unsafe.items() if key.task == task} for task in tasks
    }
    named = {find_task(name).id for name in not_supported}
    return Summary(
        tasks=tasks,
        categories=categories,
        subcategories=_groups(by_subcategory, policy),
        cells={
            task: _groups(_sums(part, SUBCATEGORIES, _subcategory), policy)
            for task, part in within.items()
        },
        categories_by_task={
            task: _groups(_sums(part, CATEGORIES, _category), policy)
            for task, part in within.items()
        },
        overall=group_of(whole, policy),
        overall_tasks=tuple(tasks),
        mean_over_tasks=_means(tasks.values()),
        macro_over_categories=_means(categories.values()),
        not_supported=tuple(task for task in TASKS if task in named),
        twins=twins_of(
            _sums({key: counts for key, counts in asked.items() if key.twin}, TASKS, _task),
            by_task,
            policy,
        ),
        blocked_as=blocked_as,
        max_unscored=max_unscored,
        confidence=CONFIDENCE,
        epochs=tally.epochs,
        tries=None
        if tries is None
        else Epochs(
            overall=tries,
            tasks=tries_by_name(by_task, policy),
            categories=tries_by_name(by_category, policy),
            subcategories=tries_by_name(by_subcategory, policy),
        ),
    )


def _task(key: CellKey) -> str:
    return key.task


def _category(key: CellKey) -> str:
    return category_of(key.subcategory)


def _subcategory(key: CellKey) -> str:
    return key.subcategory


def _sums(
    cells: Mapping[CellKey, Counts], names: Iterable[str], name_of: Callable[[CellKey], str]
) -> dict[str, Counts]:
    """Sum the cells of each name, in the order of `names`; names without cells are left out."""
    parts: dict[str, list[Counts]] = {name: [] for name in names}
    for key, counts in cells.items():
        parts[name_of(key)].append(counts)
    return {name: total(found) for name, found in parts.items() if found}


def _groups(sums: Mapping[str, Counts], policy: Policy) -> dict[str, Group]:
    return {name: group_of(counts, policy) for name, counts in sums.items()}


def _means(groups: Collection[Group]) -> dict[str, float | None]:
    columns = {name: [group.rates[name].rate for group in groups] for name in RATES}
    return {name: _mean(values) for name, values in columns.items()}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
