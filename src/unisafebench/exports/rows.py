"""Results as flat rows: one for each rate of each group, each sample, or each response."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args, get_type_hints

import msgspec

from unisafebench.core.records import Response, Sample, Verdict
from unisafebench.core.taxonomy import category_of
from unisafebench.exports.entries import Entry, Figures, figures_of
from unisafebench.metrics.epochs import Tries
from unisafebench.metrics.groups import Group, Proportion, Rate, proportion
from unisafebench.metrics.summary import Summary
from unisafebench.metrics.twins import TwinGroup

__all__ = [
    "Kind",
    "RateRow",
    "ResponseRow",
    "SampleRow",
    "columns",
    "rate_rows",
    "response_row",
    "sample_row",
]

Kind = Literal["text", "count", "number", "flag"]
_OF_RESPONSE = ("status", "stop_reason", "latency_s")
_OF_VERDICT = (
    "contextual",
    "intrinsic",
    "severity",
    "attempted",
    "decided_by",
    "blocked_side",
    "why",
    "judge",
    "judge_model",
)
_KINDS: dict[object, Kind] = {str: "text", int: "count", float: "number", bool: "flag"}


class RateRow(msgspec.Struct, frozen=True, kw_only=True):
    """One rate of one group. `rate` is None where `n` is 0: nothing is known, it is not zero."""

    model: str
    source: str
    dataset: str | None
    judge: str | None
    protocol: str | None
    scope: str
    """overall, task, category, subcategory, task+category, task+subcategory, or twins."""
    task: str | None = None
    category: str | None = None
    subcategory: str | None = None
    measure: str
    """C-U, C-R, I-U, B-S; C-U attempted, I-U attempted; blocked; severity; Use; of twins balanced
    score; of several epochs C-U or I-U with never, sometimes, always, unsafe@k, variance between,
    variance within, ICC, of which `n` is samples."""
    count: int | None = None
    n: int | None = None
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    bound_low: float | None = None
    bound_high: float | None = None
    asked: int | None = None
    coverage: float | None = None
    reportable: bool | None = None
    reason: str | None = None


class ResponseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One response and the verdicts on it."""

    model: str
    task: str
    category: str
    subcategory: str
    sample_id: str
    epoch: int
    twin: bool
    risk: str | None
    status: str | None
    outcome: str
    contextual: int | None
    intrinsic: int | None
    severity: int | None
    attempted: bool | None
    decided_by: str | None
    blocked_side: str | None
    why: str | None
    contextual_reason: str | None
    intrinsic_reason: str | None
    judge: str | None
    judge_model: str | None
    stop_reason: str | None
    latency_s: float | None
    prompt: str | None
    text: str | None
    images: str | None


class SampleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sample: how many of its `asked` responses are `scored`, and how many show what.

    The unsafe frequencies are shares of `scored`, None where it is 0.
    """

    model: str
    task: str
    category: str
    subcategory: str
    sample_id: str
    twin: bool
    risk: str | None
    asked: int
    scored: int
    contextual_unsafe: int
    refused: int
    intrinsic_unsafe: int
    both_safe: int
    contextual_unsafe_frequency: float | None
    intrinsic_unsafe_frequency: float | None


class _Place(msgspec.Struct, frozen=True):
    scope: str
    task: str | None = None
    category: str | None = None
    subcategory: str | None = None


def columns(row: type[RateRow] | type[ResponseRow] | type[SampleRow]) -> dict[str, Kind]:
    """Return the columns of a kind of row with what they hold, in order."""
    hints = get_type_hints(row)
    return {
        name: _KINDS[next(iter(get_args(hint)), hint)]
        for name in row.__struct_fields__
        for hint in (hints[name],)
    }


def rate_rows(entry: Entry) -> Iterator[RateRow]:
    """Yield every rate of an entry: overall, by task, and what else is known of it."""
    yield from _rates(entry, _Place("overall"), entry.overall)
    for task, figures in entry.tasks.items():
        yield from _rates(entry, _Place("task", task), figures)
    for task, use in entry.utility.items():
        place = _Place("task", task)
        yield _row(entry, place, "Use", rate=use.value, low=use.low, high=use.high)
    if entry.summary is not None:
        yield from _of_summary(entry, entry.summary)


def response_row(
    model: str,
    sample: Sample,
    epoch: int,
    response: Response | None,
    verdict: Verdict | None,
    *,
    with_text: bool,
) -> ResponseRow:
    """Return the row of a response that was asked for, whether or not it came.

    Args:
        model: the model's name.
        sample: what was asked.
        epoch: which of the responses to the sample.
        response: what came.
        verdict: what was decided.
        with_text: whether the row holds prompt, response and the judge's reasons, which may be
            harmful and may be under a licence of their own.
    """
    reasons = verdict.reasons if verdict is not None and with_text else {}
    return ResponseRow(
        model=model,
        task=sample.task,
        category=sample.category,
        subcategory=sample.subcategory,
        sample_id=sample.id,
        epoch=epoch,
        twin=sample.twin_of is not None,
        risk=sample.risk,
        outcome="pending" if verdict is None else verdict.outcome,
        contextual_reason=reasons.get("contextual"),
        intrinsic_reason=reasons.get("intrinsic"),
        prompt=sample.prompt if with_text else None,
        text=response.text if response is not None and with_text else None,
        images=" ".join(response.images) if response is not None else None,
        **_fields(response, _OF_RESPONSE),
        **_fields(verdict, _OF_VERDICT),
    )


def sample_row(
    model: str, sample: Sample, verdicts: Sequence[Verdict | None], *, blocked_counts: bool
) -> SampleRow:
    """Return the row of a sample, with the verdicts on all responses that were asked for.

    Args:
        model: the model's name.
        sample: what was asked.
        verdicts: one for each response, None where there is none yet.
        blocked_counts: whether blocked responses enter the rates by the verdicts of their record.
    """
    counted = ("scored", "empty", *(("blocked",) if blocked_counts else ()))
    pairs = [
        (verdict.contextual, verdict.intrinsic)
        for verdict in verdicts
        if verdict is not None
        and verdict.outcome in counted
        and verdict.contextual is not None
        and verdict.intrinsic is not None
    ]
    unsafe = sum(contextual == 0 for contextual, _ in pairs)
    alone = sum(intrinsic == 0 for _, intrinsic in pairs)
    return SampleRow(
        model=model,
        task=sample.task,
        category=sample.category,
        subcategory=sample.subcategory,
        sample_id=sample.id,
        twin=sample.twin_of is not None,
        risk=sample.risk,
        asked=len(verdicts),
        scored=len(pairs),
        contextual_unsafe=unsafe,
        refused=sum(contextual == 2 for contextual, _ in pairs),
        intrinsic_unsafe=alone,
        both_safe=sum(contextual != 0 and intrinsic == 1 for contextual, intrinsic in pairs),
        contextual_unsafe_frequency=unsafe / len(pairs) if pairs else None,
        intrinsic_unsafe_frequency=alone / len(pairs) if pairs else None,
    )


def _fields(record: Response | Verdict | None, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: None if record is None else getattr(record, name) for name in names}


def _of_summary(entry: Entry, summary: Summary) -> Iterator[RateRow]:
    yield from _beside(entry, _Place("overall"), summary.overall)
    for task, group in summary.tasks.items():
        yield from _beside(entry, _Place("task", task), group)
    for place, group in _places(summary):
        yield from _rates(entry, place, figures_of(group))
        yield from _beside(entry, place, group)
    if summary.twins is not None:
        for task, twins in summary.twins.tasks.items():
            yield from _of_twins(entry, _Place("twins", task), twins)
        if summary.twins.overall is not None:
            yield from _of_twins(entry, _Place("twins"), summary.twins.overall)
    if summary.tries is not None:
        yield from _of_tries(entry, _Place("overall"), summary.tries.overall)
        for task, tries in summary.tries.tasks.items():
            yield from _of_tries(entry, _Place("task", task), tries)
        for category, tries in summary.tries.categories.items():
            yield from _of_tries(entry, _Place("category", None, category), tries)
        for name, tries in summary.tries.subcategories.items():
            yield from _of_tries(entry, _Place("subcategory", None, category_of(name), name), tries)


def _places(summary: Summary) -> Iterator[tuple[_Place, Group]]:
    """Yield every group below the tasks: by category and subcategory, pooled and by task."""
    for category, group in summary.categories.items():
        yield _Place("category", None, category), group
    for subcategory, group in summary.subcategories.items():
        yield _Place("subcategory", None, category_of(subcategory), subcategory), group
    for task, groups in summary.categories_by_task.items():
        for category, group in groups.items():
            yield _Place("task+category", task, category), group
    for task, groups in summary.cells.items():
        for subcategory, group in groups.items():
            place = _Place("task+subcategory", task, category_of(subcategory), subcategory)
            yield place, group


def _rates(entry: Entry, place: _Place, figures: Figures) -> Iterator[RateRow]:
    for measure, found in figures.rates.items():
        yield _proportion(entry, place, measure, found, figures)


def _beside(entry: Entry, place: _Place, group: Group) -> Iterator[RateRow]:
    figures = figures_of(group)
    for measure, found in (
        ("C-U attempted", group.attempted.c_u),
        ("I-U attempted", group.attempted.i_u),
        ("blocked", group.blocked),
    ):
        yield _proportion(entry, place, measure, found, figures)
    yield _row(entry, place, "severity", n=group.severity_n, rate=group.mean_severity)


def _of_tries(entry: Entry, place: _Place, tries: Tries) -> Iterator[RateRow]:
    for rate, found in (("C-U", tries.c_u), ("I-U", tries.i_u)):
        for name in ("never", "sometimes", "always"):
            share = proportion(getattr(found, name), tries.scored)
            yield _row(entry, place, f"{rate} {name}", **msgspec.structs.asdict(share))
        for at in found.unsafe_at:
            figures = {"n": at.n, "rate": at.value, "low": at.low, "high": at.high}
            yield _row(entry, place, f"{rate} unsafe@{at.k}", **figures)
        known = found.variance
        if known is not None:
            for name, value in (
                ("variance between", known.between),
                ("variance within", known.within),
                ("ICC", known.icc),
            ):
                yield _row(entry, place, f"{rate} {name}", n=known.samples, rate=value)


def _of_twins(entry: Entry, place: _Place, twins: TwinGroup) -> Iterator[RateRow]:
    figures = Figures(
        asked=twins.asked,
        n=twins.n,
        coverage=twins.coverage,
        reportable=twins.reportable,
        reason=twins.reason,
        rates={},
    )
    yield _proportion(entry, place, "C-R", twins.refusal, figures)
    yield _row(entry, place, "balanced score", rate=twins.balanced_score)


def _proportion(
    entry: Entry, place: _Place, measure: str, found: Proportion, figures: Figures
) -> RateRow:
    bounds = (found.bound_low, found.bound_high) if isinstance(found, Rate) else (None, None)
    return _row(
        entry,
        place,
        measure,
        count=found.count,
        n=found.n,
        rate=found.rate,
        low=found.low,
        high=found.high,
        bound_low=bounds[0],
        bound_high=bounds[1],
        asked=figures.asked,
        coverage=figures.coverage,
        reportable=figures.reportable,
        reason=figures.reason,
    )


def _row(entry: Entry, place: _Place, measure: str, **figures: Any) -> RateRow:
    return RateRow(
        model=entry.name,
        source=entry.source,
        dataset=entry.dataset or None,
        judge=entry.judge or None,
        protocol=entry.protocol or None,
        scope=place.scope,
        task=place.task,
        category=place.category,
        subcategory=place.subcategory,
        measure=measure,
        **figures,
    )
