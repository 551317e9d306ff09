"""How figures are written, the same way in every table."""

from decimal import ROUND_HALF_UP, Decimal

from unisafebench.core.records import BlockedAs
from unisafebench.metrics.groups import Proportion
from unisafebench.metrics.summary import Summary

__all__ = [
    "BLOCKED_AS",
    "LEGEND",
    "NO_VALUE",
    "TRIES_LEGEND",
    "cautions",
    "decimal",
    "digits",
    "incomplete",
    "interval",
    "interval_method",
    "percent",
    "with_interval",
]

LEGEND: dict[str, tuple[str, str]] = {
    "C-U": ("contextually unsafe", "lower is better"),
    "C-R": ("refused", "neither way is better by itself"),
    "I-U": ("unsafe in itself", "lower is better"),
    "B-S": ("safe in both verdicts", "higher is better"),
}
"""Each rate in words, and which way is better."""

BLOCKED_AS: dict[BlockedAs, str] = {
    "refusal": "counted as the verdicts of its record, by default a refusal (2, 1)",
    "unscored": "counted as missing: in no rate, but inside the bounds",
    "separate": "set apart: in no rate, no coverage and no bound",
}
"""How blocked responses were counted, in words."""

NO_VALUE = "–"  # noqa: RUF001 - an en dash, the sign for "no value" in the tables

TRIES_LEGEND = (
    "never, sometimes, always: samples by how many of their responses are unsafe. @k: at least one "
    "unsafe response in k tries. ICC: 1 when the responses to a sample always agree."
)
"""What the figures of several responses to each sample are."""


def digits(value: float | None) -> str:
    """Write a share in percent with one decimal and no sign, or a dash where there is none.

    Rounds half up, as on paper. What is not quite 0 or 1 never reads as 0.0 or 100.0: it is
    written as "<0.1" or ">99.9".
    """
    if value is None:
        return NO_VALUE
    rounded = (Decimal(repr(value)) * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    if rounded == 0 and value > 0:
        return "<0.1"
    if rounded == 100 and value < 1:
        return ">99.9"
    return str(rounded)


def percent(value: float | None) -> str:
    """Write a share as a percentage: its `digits` and the sign."""
    return NO_VALUE if value is None else f"{digits(value)} %"


def interval(low: float | None, high: float | None) -> str:
    """Write an interval in percent, as "[34.1, 43.1]", or a dash where there is none."""
    return NO_VALUE if low is None or high is None else f"[{digits(low)}, {digits(high)}]"


def with_interval(found: Proportion, separator: str = " ") -> str:
    """Write a proportion and its interval, or one dash where it has no value."""
    if found.rate is None:
        return NO_VALUE
    return f"{percent(found.rate)}{separator}{interval(found.low, found.high)}"


def decimal(value: float | None, places: int = 2) -> str:
    """Write a number with a fixed count of decimals, or a dash where there is none."""
    if value is None:
        return NO_VALUE
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return str(abs(rounded) if rounded == 0 else rounded)


def interval_method(summary: Summary) -> str:
    """Say how the 95 % intervals of the rates were made."""
    if summary.tries is None:
        return "Wilson"
    return f"bootstrap over samples, {summary.epochs} responses to each"


def incomplete(summary: Summary) -> str | None:
    """Say how much of the run is still without a verdict, or None when nothing is."""
    twins = summary.twins.tasks if summary.twins else {}
    pending = summary.overall.outcomes["pending"] + sum(
        group.outcomes["pending"] for group in twins.values()
    )
    return f"Incomplete run: {pending:,} responses have no verdict yet." if pending else None


def cautions(summary: Summary) -> list[str]:
    """Return what a reader must know before using the figures, from the summary alone."""
    overall = summary.overall
    unfinished = incomplete(summary)
    found = [] if unfinished is None else [unfinished]
    if not overall.reportable:
        found.append(f"Not reportable over all tasks: {overall.reason}.")
    found += [
        f"Not reportable: {task} ({group.reason})."
        for task, group in summary.tasks.items()
        if not group.reportable
    ]
    if summary.not_supported:
        found.append(
            f"Not supported by the model, and in no figure: {', '.join(summary.not_supported)}. "
            "Compare models only on the tasks that they share."
        )
    if summary.epochs > 1 and summary.tries is None:
        found.append(
            f"{summary.epochs} responses to each sample: intervals are as wide as if the responses "
            "to one sample always agreed."
        )
    return found
