"""What `unisafebench export` is told to export: runs of ours, and published models."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from unisafebench.core.errors import UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.exports.entries import Entry, Figures, Utility, entry_of
from unisafebench.exports.rows import ResponseRow, SampleRow, response_row, sample_row
from unisafebench.published.load import (
    PREFIX,
    SOURCE,
    PublishedCounts,
    PublishedModel,
    find_published,
    pooled,
)
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.manifest import Manifest
from unisafebench.runs.results import Result, existing_run, results, summary_of
from unisafebench.utility.mapping import VQA
from unisafebench.utility.reading import UtilityTable

__all__ = ["RunSource", "Source", "read_sources", "response_rows", "sample_rows"]

_GROUPS = {
    "LLM": "LLMs",
    "VLM": "VLMs",
    "open_unified": "Open unified models",
    "closed_unified": "Closed unified models",
}


class RunSource(msgspec.Struct, frozen=True):
    """A run, and how it is named among those exported."""

    name: str
    directory: RunDirectory
    manifest: Manifest


class Source(msgspec.Struct, frozen=True):
    """An entry, and the run that it is of; None for a published model."""

    entry: Entry
    run: RunSource | None


def read_sources(
    names: Sequence[str], *, max_unscored: float, utility: UtilityTable | None = None
) -> list[Source]:
    """Read what was named, in that order.

    Two runs of one model are told apart by their directories. Utility scores go to the entries of
    their model, and stand before those that were published with it.

    Raises:
        RunError: there is no such run.
        UnknownNameError: there is no such published model.
        UsageError: one is named twice.
    """
    found = [_find(name) for name in names]
    models = Counter(
        one.manifest.model.name if isinstance(one, RunSource) else one.name for one in found
    )
    places = Counter(
        one.directory.path.resolve() if isinstance(one, RunSource) else one.name for one in found
    )
    if any(count > 1 for count in places.values()):
        raise UsageError("a run is named twice: name each once.")
    heading = "Own runs" if any(isinstance(one, PublishedModel) for one in found) else ""
    sources = []
    for name, one in zip(names, found, strict=True):
        if isinstance(one, PublishedModel):
            entry = _published(one)
            sources.append(Source(_with_utility(entry, one.name, utility), None))
            continue
        label = one.name if models[one.name] == 1 else f"{one.name} ({name})"
        run = msgspec.structs.replace(one, name=label)
        entry = _entry(run, max_unscored, heading)
        sources.append(Source(_with_utility(entry, one.name, utility), run))
    return sources


def response_rows(sources: Sequence[Source], *, with_text: bool) -> Iterator[ResponseRow]:
    """Return a row for each response that the runs asked for, read as they are taken.

    Raises:
        UsageError: one of the sources is a published model, whose responses are not known.
    """
    return (
        response_row(
            run.name,
            result.sample,
            result.epoch,
            result.response,
            result.verdict,
            with_text=with_text,
        )
        for run in _runs(sources)
        for result in results(run.directory, run.manifest)
    )


def sample_rows(sources: Sequence[Source]) -> Iterator[SampleRow]:
    """Return a row for each sample of the runs, read as they are taken.

    Raises:
        UsageError: one of the sources is a published model, whose responses are not known.
    """
    return (
        sample_row(
            run.name,
            own[0].sample,
            [result.verdict for result in own],
            blocked_counts=run.manifest.judging is None
            or run.manifest.judging.blocked_as == "refusal",
        )
        for run in _runs(sources)
        for own in _by_sample(run)
    )


def _by_sample(run: RunSource) -> Iterator[list[Result]]:
    # The epochs of a sample follow one another.
    found = results(run.directory, run.manifest)
    while own := list(islice(found, run.manifest.epochs)):
        yield own


def _runs(sources: Sequence[Source]) -> list[RunSource]:
    for source in sources:
        if source.run is None:
            raise UsageError(
                f"{source.entry.name} is published as counts: its single responses are not known."
            )
    return [source.run for source in sources if source.run is not None]


def _find(name: str) -> RunSource | PublishedModel:
    if name.strip().casefold().startswith(PREFIX):
        return find_published(name)
    directory = RunDirectory(Path(name))
    manifest = existing_run(directory)
    return RunSource(manifest.model.name, directory, manifest)


def _entry(run: RunSource, max_unscored: float, heading: str) -> Entry:
    judging = run.manifest.judging
    said = (run.manifest.model.settings.get("notice"), judging and judging.notice)
    entry = entry_of(
        run.name,
        summary_of(run.directory, run.manifest, max_unscored=max_unscored),
        dataset=run.manifest.dataset.name,
        judge="" if judging is None else judging.judge,
        protocol="" if judging is None else judging.protocol,
        notices=tuple(notice for notice in said if isinstance(notice, str) and notice),
    )
    return msgspec.structs.replace(entry, group=heading)


def _with_utility(entry: Entry, model: str, table: UtilityTable | None) -> Entry:
    found = {} if table is None else {
        task: Utility(value=score.value, low=score.low, high=score.high)
        for task in TASKS
        if (score := table.of(model, task)) is not None
    }  # fmt: skip
    published = dict(entry.utility)
    if any(task in found for task in VQA):
        published.pop("vqa", None)
    return msgspec.structs.replace(entry, utility={**published, **found})


def _published(model: PublishedModel) -> Entry:
    tasks = tuple(model.tasks)
    return Entry(
        name=model.name,
        tasks={task: _figures(counts) for task, counts in model.tasks.items()},
        overall=_figures(pooled(model, tasks)),
        overall_tasks=tasks,
        group=_GROUPS.get(model.group, model.group),
        utility={task: Utility(value=value) for task, value in model.utility_shares.items()},
        source=SOURCE,
    )


def _figures(counts: PublishedCounts) -> Figures:
    # Each printed rate fits one count of the whole task only, so nothing was left out of it.
    return Figures(
        asked=counts.n, n=counts.n, coverage=1.0, reportable=True, reason=None, rates=counts.rates
    )
