"""Utility scores on the command line: files that are named, and what was published."""

from collections.abc import Iterable, Sequence

import click
import msgspec

from unisafebench.cli import options
from unisafebench.comparisons.result import Comparison
from unisafebench.core.errors import UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.published.load import SOURCE, PublishedModel
from unisafebench.report.visible import visible
from unisafebench.utility.mapping import VQA, parse_mapping, parse_metrics
from unisafebench.utility.plane import Plane, Safety, plane
from unisafebench.utility.reading import UtilityTable, read_utility
from unisafebench.utility.scores import Score

__all__ = ["plane_of", "read_scores", "with_published"]


def read_scores(values: options.Values) -> UtilityTable | None:
    """Read the utility files that were named, and say what of them is left out.

    Raises:
        DataError: a file cannot be read as scores.
        UsageError: a map or metric was given without a file.
    """
    if not values.utility:
        if values.utility_map or values.utility_metric:
            raise UsageError("--utility-map and --utility-metric speak of files: add --utility.")
        return None
    table = read_utility(
        values.utility, parse_mapping(values.utility_map), parse_metrics(values.utility_metric)
    )
    for remark in table.remarks():
        click.echo(visible(f"Utility: {remark}"), err=True)
    return table


def with_published(table: UtilityTable, models: Iterable[PublishedModel]) -> UtilityTable:
    """Add what was published of a model's utility, for tasks on which no file has a score."""
    added = []
    for model in models:
        for name, value in model.utility_shares.items():
            tasks = VQA if name == "vqa" else (name,)
            lacking = tuple(task for task in tasks if table.of(model.name, task) is None)
            if lacking:
                added.append(_published(model.name, name, value, lacking))
    return msgspec.structs.replace(table, scores=(*table.scores, *added))


def plane_of(result: Comparison, table: UtilityTable) -> Plane | None:
    """Return the safety-utility plane over the tasks that all parties share; None without any.

    Runs enter with the samples that all of them scored, as in the ranking. Two runs of one model
    are told apart by their labels, under which their scores are looked up then.
    """
    if not result.ranking.tasks:
        return None
    names = _names(result)
    safety = [
        Safety(
            model=names[place.label],
            task=task,
            count=rate.count,
            n=rate.n,
            responses_per_sample=place.responses_per_sample,
        )
        for place in result.ranking.places
        for task, rate in place.both_safe.items()
    ]
    drawn = plane(safety, table, result.ranking.tasks)
    # Scores of models that are not compared here are no part of this picture.
    compared = set(names.values())
    return msgspec.structs.replace(
        drawn, unknown=tuple(each for each in drawn.unknown if each.model in compared)
    )


def _names(result: Comparison) -> dict[str, str]:
    """Return the name of each party by its label: its model's, where that is one party's only."""
    models: Sequence[str] = [party.model for party in result.parties]
    return {
        party.label: party.model if models.count(party.model) == 1 else party.label
        for party in result.parties
    }


def _published(model: str, name: str, value: float, tasks: tuple[str, ...]) -> Score:
    assert all(task in TASKS for task in tasks)  # noqa: S101 -- the names of the paper's file
    return Score(
        value=value,
        stderr=None,
        low=None,
        high=None,
        interval_from=None,
        model=model,
        benchmark=f"Use of {name}",
        tasks=tasks,
        metric="as printed",
        n=None,
        tool="published",
        tool_version=None,
        model_in_file=model,
        fewshot=None,
        file=SOURCE,
        sha256="",
        source=SOURCE,
    )
