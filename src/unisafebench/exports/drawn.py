"""The figures' data as rows: what a figure shows, no more."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from unisafebench.exports.entries import Entry
from unisafebench.exports.rows import RateRow, rate_rows
from unisafebench.metrics.groups import RATES

__all__ = ["drawn_rows"]

_SHOWN: Mapping[str, Callable[[RateRow, str], bool]] = {
    "bars": lambda row, _: row.scope == "task" and row.measure in RATES,
    "heatmap": lambda row, rate: row.scope == "task+category" and row.measure == rate,
    "plane": lambda row, _: row.scope == "task" and row.measure in ("B-S", "Use"),
    "refusal": lambda row, _: (
        row.task is not None and (row.scope, row.measure) in (("twins", "C-R"), ("task", "C-U"))
    ),
}


def drawn_rows(kind: str, entries: Sequence[Entry], *, rate: str = "B-S") -> Iterator[RateRow]:
    """Yield the rows that a figure shows.

    Args:
        kind: one of `figures.FIGURES`.
        entries: the models that it shows.
        rate: for "heatmap", the rate that is shown.
    """
    shown = _SHOWN[kind]
    return (row for entry in entries for row in rate_rows(entry) if shown(row, rate))
