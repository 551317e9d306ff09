"""Several judges of the same responses, as sections of tables."""

from collections.abc import Iterator

from unisafebench.comparisons.judges import Agreement, JudgeGroup, JudgeParty, JudgesCompared
from unisafebench.metrics.judges import RateOverJudges
from unisafebench.report.comparison_sections import Section
from unisafebench.report.figures import decimal, digits

__all__ = ["judge_sections"]

_NONE = "n/a"
_ALL = "all of these"


def judge_sections(compared: JudgesCompared) -> Iterator[Section]:
    """Yield the sections: who judged, how far they agree, and the range of each rate."""
    groups = {_ALL: compared.overall, **compared.tasks}
    if len(compared.tasks) == 1:
        groups = dict(compared.tasks)
    if compared.twins is not None:
        groups["harmless twins"] = compared.twins
    yield Section(
        heading="Judges of the same responses",
        lines=(
            *(_party(party) for party in compared.judges),
            *(f"! {party.label}: {party.notice}" for party in compared.judges if party.notice),
            *(f"! {caution}" for caution in compared.cautions),
            *_left_out(compared),
        ),
    )
    yield _agreement(groups, len(compared.judges))
    if len(compared.judges) > 2:
        yield _pairs(groups)
    yield _rates(groups, [party.label for party in compared.judges])


def _party(party: JudgeParty) -> str:
    extractor = "" if party.extractor == party.judge else f", extractor {party.extractor}"
    return (
        f"{party.label}: judge {party.judge}{extractor}, protocol {party.protocol}, "
        f"decided {party.scored:,}"
    )


def _left_out(compared: JudgesCompared) -> Iterator[str]:
    parts = [
        f"{count:,} {why}"
        for count, why in (
            (compared.not_in_all, "not asked for in all runs"),
            (compared.other_response, "of which the response is not the same in all"),
        )
        if count
    ]
    yield f"left out: {'; '.join(parts) or '0'}"


def _both(group: JudgeGroup) -> Iterator[tuple[str, Agreement]]:
    yield "contextual", group.contextual
    yield "intrinsic", group.intrinsic


def _agreement(groups: dict[str, JudgeGroup], judges: int) -> Section:
    rows = []
    for name, group in groups.items():
        head = name
        for verdict, found in _both(group):
            # Of two judges the one pair says it; Fleiss' kappa is another chance correction.
            cohen = (_kappa(found.pairs[0].kappa),) if judges == 2 else ()
            share = found.same / found.n if found.n else None
            rows.append(
                (
                    head,
                    verdict,
                    f"{found.n:,}",
                    _NONE if share is None else digits(share),
                    *cohen,
                    _kappa(found.fleiss),
                    _kappa(found.alpha),
                )
            )
            head = f"  of {group.responses:,}"
    cohen_column = ("kappa",) if judges == 2 else ()
    return Section(
        heading="Agreement over the responses that all of them decided",
        lines=("same: all judges give one verdict, in percent; alpha also uses the rest",),
        columns=("group", "verdict", "N", "same", *cohen_column, "Fleiss", "alpha"),
        rows=tuple(rows),
    )


def _pairs(groups: dict[str, JudgeGroup]) -> Section:
    rows = []
    for name, group in groups.items():
        head = name
        for verdict, found in _both(group):
            for pair in found.pairs:
                raw = _NONE if pair.raw is None else digits(pair.raw)
                judges = f"{pair.first}, {pair.second}"
                rows.append((head, verdict, judges, f"{pair.n:,}", raw, _kappa(pair.kappa)))
                head = ""
    return Section(
        heading="Agreement of every two, over the responses that both decided",
        columns=("group", "verdict", "judges", "N", "same", "kappa"),
        rows=tuple(rows),
    )


def _rates(groups: dict[str, JudgeGroup], labels: list[str]) -> Section:
    rows = []
    for name, group in groups.items():
        if not group.rates:
            rows.append((name, "N = 0", *(_NONE for _ in labels), _NONE, _NONE))
            continue
        heads = iter((name, f"  N = {group.rates['C-U'].n:,}"))
        for rate, found in group.rates.items():
            rows.append((next(heads, ""), rate, *_rate_cells(found, labels)))
    return Section(
        heading="The range of each rate over the judges, in percent",
        lines=("over the same responses; no interval of a rate holds the choice of the judge",),
        columns=("group", "rate", *labels, "range", "points"),
        rows=tuple(rows),
    )


def _rate_cells(found: RateOverJudges, labels: list[str]) -> tuple[str, ...]:
    return (
        *(digits(found.by_judge[label]) for label in labels),
        f"{digits(found.low)} to {digits(found.high)}",
        digits(found.spread),
    )


def _kappa(value: float | None) -> str:
    return _NONE if value is None else decimal(value)
