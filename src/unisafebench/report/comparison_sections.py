"""A comparison as sections of lines and tables, from which every rendering of it is made."""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

import msgspec

from unisafebench.comparisons.families import Relation
from unisafebench.comparisons.pairing import LeftOut
from unisafebench.comparisons.result import (
    Beside,
    Comparison,
    Cost,
    GroupDelta,
    OverRefusal,
    PairComparison,
    Party,
    RateDelta,
)
from unisafebench.comparisons.risks import SharedRisks
from unisafebench.metrics.clustered import ClusteredDifference
from unisafebench.metrics.epochs import Tries
from unisafebench.metrics.groups import Proportion
from unisafebench.report.figures import LEGEND, TRIES_LEGEND, decimal, digits, with_interval

__all__ = ["LEVELS", "Level", "Section", "points", "sections"]

Level = Literal["task", "category", "subcategory"]
LEVELS: tuple[Level, ...] = ("task", "category", "subcategory")

_NONE = "n/a"
_LEVEL = 0.05
_SHOWN_IDS = 5
_RATE_COLUMNS = ("group", "rate", "first", "second", "difference", "p (Holm)", "flips", "at 0.05")
_RELATIONS: dict[Relation, str] = {
    "llm": "language model",
    "vlm": "vision-language model",
    "generator": "generator",
}
_TRIES = ("never", "sometimes", "always")
_BETTER = {"C-U": -1, "I-U": -1, "B-S": 1}


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A heading, lines of text, and a table of rows under its columns (or none)."""

    heading: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def sections(
    comparison: Comparison, by: Sequence[Level] = ("task",), *, all_risks: bool = False
) -> Iterator[Section]:
    """Yield the sections of a comparison.

    Args:
        comparison: what to show.
        by: the levels whose groups are shown below the pooled figures.
        all_risks: show shared risks by intrinsic verdicts, too.
    """
    yield _about(comparison)
    for pair in comparison.pairs:
        yield _rates(pair, by)
        yield from _beside(pair)
        yield from _tries(pair)
        if pair.twins:
            yield _over_refusal(pair)
    for cost in comparison.cost:
        yield _cost(cost)
    for label, tables in comparison.risks.items():
        if tables:
            yield _risks(label, tables, all_risks=all_risks)
    yield _ranking(comparison)


def points(value: float | None) -> str:
    """Write a difference of rates in percentage points, with its sign."""
    if value is None:
        return _NONE
    if value == 0:
        return "0.0"
    shown = digits(abs(value))
    if shown == "<0.1":
        hundredths = (Decimal(repr(abs(value))) * 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
        shown = str(hundredths) if hundredths else "<0.01"
    return f"{'+' if value > 0 else '-'}{shown}"


def _about(comparison: Comparison) -> Section:
    return Section(
        heading=f"Comparison with {comparison.baseline}",
        lines=(
            *(_party(party) for party in comparison.parties),
            *(f"! {caution}" for caution in comparison.cautions),
        ),
    )


def _party(party: Party) -> str:
    if party.kind == "published":
        return f"{party.label}: published ({party.source}), tasks: {len(party.tasks)}"
    epochs = f", {party.epochs} responses to each sample" if party.epochs > 1 else ""
    return (
        f"{party.label}: {party.model} on {party.dataset}, judge {party.judge}, "
        f"protocol {party.protocol}{epochs}"
    )


def _rates(pair: PairComparison, by: Sequence[Level]) -> Section:
    named = {"task": pair.tasks, "category": pair.categories, "subcategory": pair.subcategories}
    groups = {name: group for level in by for name, group in named[level].items()}
    if len(pair.shared_tasks) > 1 or "task" not in by:
        groups = {"all of these": pair.overall} | groups
    lines = [
        f"{pair.mark}; first: {pair.first}; second: {pair.second}",
        f"rates in percent, second less first in points, over: {', '.join(pair.shared_tasks)}",
    ]
    if pair.overall.left_out is not None:
        lines.append(_left_out(pair.overall.left_out, pair))
    lines += _flips(pair)
    return Section(
        heading=f"{pair.second} less {pair.first}",
        lines=tuple(lines),
        columns=_RATE_COLUMNS,
        rows=tuple(row for name, group in groups.items() for row in _group_rows(name, group)),
    )


def _group_rows(name: str, group: GroupDelta) -> Iterator[tuple[str, ...]]:
    """Yield a row for each rate; the second one names the counts."""
    any_rate = next(iter(group.rates.values()))
    sizes = dict.fromkeys((any_rate.first.n, any_rate.second.n))
    heads = [name, f"  N = {' and '.join(f'{n:,}' for n in sizes)}"]
    if isinstance(any_rate.difference, ClusteredDifference):
        heads.append(f"  of {any_rate.difference.n:,} samples")
    named = iter(heads)
    for rate, delta in group.rates.items():
        yield (next(named, ""), rate, *_delta_cells(rate, delta))


def _delta_cells(rate: str, delta: RateDelta) -> tuple[str, ...]:
    found = delta.difference
    if found is None:
        return (_share(delta.first), _share(delta.second), _NONE, _NONE, "", "")
    flips = getattr(found, "flipped_up", None)
    return (
        _share(delta.first),
        _share(delta.second),
        f"{points(found.delta)} [{points(found.low)}, {points(found.high)}]",
        _p_value(delta.p_adjusted),
        "" if flips is None else f"+{flips} -{getattr(found, 'flipped_down', 0)}",
        _finding(rate, delta),
    )


def _share(found: Proportion) -> str:
    return _NONE if found.rate is None else digits(found.rate)


def _p_value(value: float | None) -> str:
    if value is None:
        return _NONE
    rounded = Decimal(repr(value)).quantize(Decimal("0.001"), ROUND_HALF_UP)
    return "<0.001" if rounded == 0 else str(rounded)


def _finding(rate: str, delta: RateDelta) -> str:
    found = delta.difference
    if found is None or delta.p_adjusted is None or delta.p_adjusted > _LEVEL:
        return ""
    if rate not in _BETTER:
        return "more" if found.delta > 0 else "less"
    return "better" if found.delta * _BETTER[rate] > 0 else "worse"


def _left_out(left: LeftOut, pair: PairComparison) -> str:
    parts = [
        f"{count:,} {why}"
        for why, count in (
            (f"not asked in {pair.first}", left.not_asked_first),
            (f"not asked in {pair.second}", left.not_asked_second),
            ("asking something else under the same id", left.other_content),
            *((f"{why} in {pair.first} only", n) for why, n in left.unscored_first.items()),
            *((f"{why} in {pair.second} only", n) for why, n in left.unscored_second.items()),
            ("unscored in both", left.unscored_both),
        )
        if count
    ]
    return f"left out: {left.total:,}" + (f" ({'; '.join(parts)})" if parts else "")


def _flips(pair: PairComparison) -> Iterator[str]:
    """Name the first few samples whose verdicts differ; the JSON has all of them."""
    for rate, flips in pair.flips.items():
        for label, found in ((pair.second, flips.only_second), (pair.first, flips.only_first)):
            if not found:
                continue
            counted = Counter(f"{flip.task}/{flip.sample_id}" for flip in found)
            names = ", ".join(
                name if times == 1 else f"{name} ({times}x)"
                for name, times in list(counted.items())[:_SHOWN_IDS]
            )
            more = len(counted) - _SHOWN_IDS
            yield f"{rate} in {label} only: {names}" + (f" and {more:,} more" if more > 0 else "")


def _beside(pair: PairComparison) -> Iterator[Section]:
    if pair.overall.beside is None:
        return
    rates = pair.overall.rates
    rows = []
    for at, label in enumerate((pair.first, pair.second)):
        found: Beside = pair.overall.beside[at]
        plain = [(rates[name].first, rates[name].second)[at] for name in ("C-U", "I-U")]
        tried = found.attempted
        rows.append(
            (
                label,
                _share(plain[0]),
                _share(tried.c_u),
                _share(plain[1]),
                _share(tried.i_u),
                f"{tried.n:,} of {tried.marked:,}",
                _NONE if found.mean_severity is None else decimal(found.mean_severity),
                f"{found.severity_n:,}",
            )
        )
    yield Section(
        heading="The same, of attempted responses only, and mean severity",
        columns=("", "C-U", "attempted", "I-U", "attempted", "N attempted", "severity", "N"),
        rows=tuple(rows),
    )


def _tries(pair: PairComparison) -> Iterator[Section]:
    """Yield unsafe@k of both parties, where there are several responses to each sample."""
    rows = []
    for name, group in {"all of these": pair.overall, **pair.tasks}.items():
        if group.beside is None or (name == "all of these" and len(pair.tasks) == 1):
            continue
        for label, beside in zip((pair.first, pair.second), group.beside, strict=True):
            if beside.tries is not None:
                rows += list(_tries_rows(name, label, beside.tries))
    if rows:
        yield Section(
            heading="Several responses to each sample",
            lines=(TRIES_LEGEND,),
            columns=("group", "of", "rate", "N", *_TRIES, "unsafe@k, k from 1", "ICC"),
            rows=tuple(rows),
        )


def _tries_rows(name: str, label: str, tries: Tries) -> Iterator[tuple[str, ...]]:
    for rate, found in (("C-U", tries.c_u), ("I-U", tries.i_u)):
        icc = None if found.variance is None else found.variance.icc
        yield (
            name,
            label,
            rate,
            f"{tries.scored:,}",
            f"{found.never:,}",
            f"{found.sometimes:,}",
            f"{found.always:,}",
            " ".join(digits(at.value) for at in found.unsafe_at) or _NONE,
            _NONE if icc is None else decimal(icc),
        )


def _over_refusal(pair: PairComparison) -> Section:
    rows = []
    for task, found in pair.twins.items():
        name = "tasks with both" if task == "overall" else task
        rows += list(_twin_rows(name, found))
    return Section(
        heading="Harmless twins: refusals, and what they are worth",
        lines=("balanced score: C-R of unsafe samples less refusals of twins, 1 at best",),
        columns=("task", "figure", "N", "first", "second", "difference", "p (Holm)"),
        rows=tuple(rows),
    )


def _twin_rows(name: str, found: OverRefusal) -> Iterator[tuple[str, ...]]:
    for head, what, delta in (
        (name, "twins refused", found.refusal),
        ("", "unsafe: C-U", found.unsafe["C-U"]),
        ("", "unsafe: C-R", found.unsafe["C-R"]),
        ("", "unsafe: B-S", found.unsafe["B-S"]),
    ):
        first, second, difference, p_value, *_ = _delta_cells("C-R", delta)
        corrected = p_value if delta is found.refusal else ""
        yield (head, what, f"{delta.first.n:,}", first, second, difference, corrected)
    score = found.balanced
    difference = (
        _NONE
        if score.delta is None
        else f"{points(score.delta)} [{points(score.low)}, {points(score.high)}]"
    )
    yield ("", "balanced", "", _score(score.first), _score(score.second), difference, "")


def _score(value: float | None) -> str:
    return _NONE if value is None else decimal(value)


def _cost(cost: Cost) -> Section:
    return Section(
        heading=f"Cost of unification: {cost.unified} less {cost.counterpart}",
        lines=(
            f"{cost.mark}; first: {cost.counterpart}, {_RELATIONS[cost.relation]}; second: unified",
        ),
        columns=_RATE_COLUMNS,
        rows=tuple(row for task, group in cost.tasks.items() for row in _group_rows(task, group)),
    )


def _risks(label: str, tables: Sequence[SharedRisks], *, all_risks: bool) -> Section:
    shown = [table for table in tables if all_risks or table.rate == "C-U"]
    return Section(
        heading=f"Understanding against generation: {label}",
        lines=("of the risks that two tasks share: in which is at least one response unsafe?",),
        columns=("writes", "draws", "rate", "risks", "both", "writing", "drawing", "neither", "p"),
        rows=tuple(
            (
                table.writes,
                table.draws,
                table.rate,
                f"{table.risks:,}",
                f"{len(table.both):,}",
                f"{len(table.writing_only):,}",
                f"{len(table.drawing_only):,}",
                f"{len(table.neither):,}",
                _p_value(table.p_value),
            )
            for table in shown
        ),
    )


def _ranking(comparison: Comparison) -> Section:
    found = comparison.ranking
    if not found.places:
        return Section(
            heading="Ranking",
            lines=("none: there is no task that all of them have.",),
        )
    return Section(
        heading="Ranking by B-S, in percent with 95 % intervals",
        lines=(
            f"only over the tasks that all have: {', '.join(found.tasks)}",
            "   ".join(f"{name} {words[0]}" for name, words in LEGEND.items()),
        ),
        columns=("", "model", "N", "B-S", "C-U", "C-R", "I-U"),
        rows=tuple(
            (
                str(place.place),
                place.label,
                f"{place.rates['B-S'].n:,}",
                with_interval(place.rates["B-S"]).replace(" %", ""),
                *(_share(place.rates[name]) for name in ("C-U", "C-R", "I-U")),
            )
            for place in found.places
        ),
    )
