"""Comparing any number of runs and published results with one of them, the baseline."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec

from unisafebench.comparisons.against_published import compare_unpaired
from unisafebench.comparisons.cost import costs_of
from unisafebench.comparisons.deltas import adjusted, adjusted_refusals
from unisafebench.comparisons.families import Family
from unisafebench.comparisons.identity import (
    ComparisonMismatchError,
    Difference,
    differences,
    other_intents,
)
from unisafebench.comparisons.paired import compare_runs
from unisafebench.comparisons.ranking import ranking, unsafe_tasks
from unisafebench.comparisons.reading import ReadRun, counts_of
from unisafebench.comparisons.result import UNPAIRED, Comparison, PairComparison, Party
from unisafebench.comparisons.risks import shared_risks
from unisafebench.core.errors import UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.metrics.groups import Policy, Standing, standing
from unisafebench.metrics.intervals import CONFIDENCE
from unisafebench.published.load import SOURCE, PublishedModel

__all__ = ["Source", "compare"]

Source = tuple[str, ReadRun | PublishedModel]
"""A label, and what is compared under it."""


def compare(
    sources: Sequence[Source],
    *,
    baseline: int = 0,
    families: Sequence[Family] = (),
    allow_different: bool = False,
    max_unscored: float = 0.03,
) -> Comparison:
    """Compare every source with the baseline.

    Args:
        sources: two or more, with different labels.
        baseline: index of the one that the others are compared with.
        families: what grew out of what, for the cost of unification.
        allow_different: compare runs even if they were made in different ways.
        max_unscored: largest share of a task that the judge may leave unscored.

    Raises:
        UsageError: there are fewer than two sources, or two of them have nothing in common.
        ComparisonMismatchError: runs differ in data, judge, prompts or protocol.
    """
    if len(sources) < 2:
        raise UsageError(
            "one run alone cannot be compared: name two or more, or 'published:NAME' as the other."
        )
    different = _different(sources)
    if different and not allow_different:
        found = (each for pair in different.values() for each in pair)
        raise ComparisonMismatchError(list(found))
    engine = _Engine(dict(sources), different)
    first = sources[baseline][0]
    others = [label for label, _ in sources if label != first]
    pairs = _adjust([engine.compare(first, other) for other in others])
    parties = tuple(_party(label, source) for label, source in sources)
    states = list(_standings(sources, max_unscored))
    return Comparison(
        baseline=first,
        parties=parties,
        pairs=pairs,
        ranking=ranking(sources),
        cost=costs_of(families, parties, engine.compare_if_possible),
        risks={
            label: shared_risks(source.verdicts)
            for label, source in sources
            if isinstance(source, ReadRun)
        },
        cautions=(*_unreportable(states), *_cautions(sources, different, pairs)),
        incomplete=any(not state.reportable or state.missing for _, state in states),
        confidence=CONFIDENCE,
    )


class _Engine:
    """Compares any two sources, each pair once."""

    def __init__(
        self,
        sources: dict[str, ReadRun | PublishedModel],
        different: dict[tuple[str, str], list[Difference]],
    ) -> None:
        self._sources = sources
        self._different = different
        self._done: dict[tuple[str, str], PairComparison] = {}

    def compare(self, first: str, second: str) -> PairComparison:
        """Return the comparison "second less first".

        Raises:
            UsageError: they have nothing in common.
        """
        key = (first, second)
        if key not in self._done:
            one, other = self._sources[first], self._sources[second]
            if isinstance(one, ReadRun) and isinstance(other, ReadRun):
                found = self._different.get(key) or self._different.get((second, first), [])
                self._done[key] = compare_runs(one, other, found)
            else:
                self._done[key] = compare_unpaired((first, one), (second, other))
        return self._done[key]

    def compare_if_possible(self, first: str, second: str) -> PairComparison | None:
        """Return the comparison, or None where the two have nothing in common."""
        try:
            return self.compare(first, second)
        except UsageError:
            return None


def _different(sources: Sequence[Source]) -> dict[tuple[str, str], list[Difference]]:
    runs = [source for _, source in sources if isinstance(source, ReadRun)]
    pairs = {
        (one.label, other.label): differences(one, other) for one, other in combinations(runs, 2)
    }
    return {labels: found for labels, found in pairs.items() if found}


def _adjust(pairs: list[PairComparison]) -> tuple[PairComparison, ...]:
    """Adjust the p-values, level by level, over all pairs."""
    numbered = list(enumerate(pairs))
    overall = adjusted({at: pair.overall for at, pair in numbered})
    tasks = adjusted({(at, k): group for at, pair in numbered for k, group in pair.tasks.items()})
    categories = adjusted(
        {(at, k): group for at, pair in numbered for k, group in pair.categories.items()}
    )
    subcategories = adjusted(
        {(at, k): group for at, pair in numbered for k, group in pair.subcategories.items()}
    )
    twins = adjusted_refusals(
        {(at, k): group for at, pair in numbered for k, group in pair.twins.items()}
    )
    return tuple(
        msgspec.structs.replace(
            pair,
            overall=overall[at],
            tasks={k: tasks[at, k] for k in pair.tasks},
            categories={k: categories[at, k] for k in pair.categories},
            subcategories={k: subcategories[at, k] for k in pair.subcategories},
            twins={k: twins[at, k] for k in pair.twins},
        )
        for at, pair in numbered
    )


def _party(label: str, source: ReadRun | PublishedModel) -> Party:
    tasks = unsafe_tasks(source)
    if isinstance(source, PublishedModel):
        return Party(label=label, kind="published", model=source.name, tasks=tasks, source=SOURCE)
    manifest = source.manifest
    judging = manifest.judging
    return Party(
        label=label,
        kind="run",
        model=manifest.model.name,
        tasks=tasks,
        source=source.path.resolve().name,
        dataset=manifest.dataset.name,
        judge=None if judging is None else judging.judge,
        protocol=None if judging is None else judging.protocol,
        blocked_as=None if judging is None else judging.blocked_as,
        epochs=manifest.epochs,
    )


def _standings(sources: Sequence[Source], max_unscored: float) -> Iterator[tuple[str, Standing]]:
    """Yield how much of each task of each run has both verdicts."""
    for label, source in sources:
        if not isinstance(source, ReadRun) or source.manifest.judging is None:
            continue
        verdicts = source.verdicts
        policy = Policy(max_unscored=max_unscored, blocked_as=source.manifest.judging.blocked_as)
        for code, task in enumerate(TASKS):
            at = (verdicts.tasks == code) & ~verdicts.twins
            if at.any():
                yield f"{task} of {label}", standing(counts_of(verdicts, at), policy)


def _unreportable(states: Sequence[tuple[str, Standing]]) -> Iterator[str]:
    for name, state in states:
        if not state.reportable:
            yield f"Not reportable: {name} ({state.reason})."


def _cautions(
    sources: Sequence[Source],
    different: dict[tuple[str, str], list[Difference]],
    pairs: Sequence[PairComparison],
) -> Iterator[str]:
    for found in different.values():
        for each in found:
            yield (
                f"Not made in the same way: {each.what} is {each.value_first} in {each.first} "
                f"and {each.value_second} in {each.second}."
            )
    if any(pair.mark == UNPAIRED for pair in pairs):
        yield (
            f"Published results ({SOURCE}) are counts by task under the authors' judge and "
            "protocol: whether data and judging were the same cannot be checked, and what differs "
            "sample by sample is not known."
        )
    runs = [source for _, source in sources if isinstance(source, ReadRun)]
    for one, other in combinations(runs, 2):
        told, shared = other_intents(one, other)
        if told:
            yield (
                f"The judge was told another intent in {one.label} than in {other.label} for "
                f"{told:,} of {shared:,} samples: the extractor was asked twice."
            )
    yield from _about_epochs(runs, published=len(runs) < len(sources))
    for label, source in sources:
        if isinstance(source, ReadRun):
            notice = source.manifest.judging.notice if source.manifest.judging else None
            if notice:
                yield f"{label}: {notice}"
            stand_in = source.manifest.model.settings.get("notice")
            if isinstance(stand_in, str):
                yield f"{label}: {stand_in}"


def _about_epochs(runs: Sequence[ReadRun], *, published: bool) -> Iterator[str]:
    epochs = {run.label: run.manifest.epochs for run in runs}
    if len(set(epochs.values())) > 1:
        listed = ", ".join(f"{count} in {label}" for label, count in epochs.items())
        yield (
            f"The responses to each sample are {listed}: only the first "
            f"{min(epochs.values())} of each are compared."
        )
    if published and max(epochs.values(), default=1) > 1:
        yield "With published results only the first response to each sample is compared."
