"""The safety-utility plane as rows and as a table for a terminal."""

from collections.abc import Sequence

import msgspec
from rich import box
from rich.table import Table
from rich.text import Text

from unisafebench.report.comparison_sections import Section
from unisafebench.report.figures import NO_VALUE, digits, interval, percent
from unisafebench.report.visible import visible
from unisafebench.utility.mapping import in_words
from unisafebench.utility.plane import Plane, Point
from unisafebench.utility.scores import Score

__all__ = ["PlaneRow", "plane_notes", "plane_rows", "plane_section", "plane_table"]

_COLUMNS = ("model", "B-S", "utility", "front", "on the front in", "dominated by", "measured as")


# An event of probability 0.001 is missed by so many draws in one of twenty cases.
_MANY = 3000
_SHOWN = 3


class PlaneRow(msgspec.Struct, frozen=True, kw_only=True):
    """A model as a table shows it; every field is ready to print."""

    model: str
    safety: str
    utility: str
    front: str
    """"yes", "no", or a dash for a model without a place."""
    membership: str
    """Share of draws with the model on the front; in brackets where it takes an utility score of
    unknown error as exact."""
    dominated_by: str
    """The first of them, those at the top of the table, and how many more there are."""
    measured_as: str
    """Benchmark and metric of the utility, or why there is no place."""


def plane_rows(plane: Plane) -> tuple[PlaneRow, ...]:
    """Return a row for each point and each model without a place, in the order of the plane."""
    rows = [_row(point, plane) for point in plane.points]
    for each in plane.unknown:
        safety = each.safety
        rows.append(
            PlaneRow(
                model=visible(each.model),
                safety=NO_VALUE if safety is None else _value(safety.rate, safety.low, safety.high),
                utility=percent(each.utility),
                front=NO_VALUE,
                membership=NO_VALUE,
                dominated_by="",
                measured_as=visible(each.reason),
            )
        )
    return tuple(rows)


def plane_table(plane: Plane) -> Table:
    """Return the rows as a table of rich."""
    table = Table(*_COLUMNS, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, highlight=False)
    for row in plane_rows(plane):
        # Names are foreign text: nothing in them is markup.
        table.add_row(*(Text(cell) for cell in msgspec.structs.astuple(row)))
    return table


def plane_section(plane: Plane) -> Section:
    """Return the plane as a section of a comparison."""
    return Section(
        heading="Safety and utility",
        lines=plane_notes(plane),
        columns=_COLUMNS,
        rows=tuple(msgspec.structs.astuple(row) for row in plane_rows(plane)),
    )


def plane_notes(plane: Plane) -> tuple[str, ...]:
    """Return what a reader must know beside the table, a line each."""
    drawn = (
        f"on the front in: share of {plane.draws:,} draws of both values from their errors, "
        f"models and axes taken as independent (seed {plane.seed})"
    )
    notes = [
        f"B-S pooled over the samples of: {in_words(plane.safety_tasks)}",
        f"utility: plain mean over: {in_words(plane.utility_tasks)}",
        "both in percent with 95 % intervals; the front is of the values as they stand",
        drawn,
    ]
    if plane.taken_as_exact:
        notes.append(
            "in brackets: too sure, since the error of these utility scores is not known and was "
            f"taken as none: {', '.join(map(visible, plane.taken_as_exact))}"
        )
    return tuple(notes)


def _row(point: Point, plane: Plane) -> PlaneRow:
    sure = point.membership is not None
    share = _share(point.membership_if_exact, plane)
    safety, utility = point.safety, point.utility
    return PlaneRow(
        model=visible(point.model),
        safety=_value(safety.rate, safety.low, safety.high),
        utility=_value(utility.value, utility.low, utility.high),
        front="yes" if point.on_front else "no",
        membership=share if sure else f"({share})",
        dominated_by=visible(_few(point.dominated_by)),
        measured_as=visible(_measured(point.scores)),
    )


def _few(models: Sequence[str]) -> str:
    shown = ", ".join(models[:_SHOWN])
    return shown if len(models) <= _SHOWN else f"{shown} and {len(models) - _SHOWN} more"


def _share(share: float, plane: Plane) -> str:
    """Write a share of draws; none or all of thousands of them is not never or always."""
    if len(plane.points) > 1 and plane.draws >= _MANY and share in (0.0, 1.0):
        return "<0.1 %" if share == 0 else ">99.9 %"
    return percent(share)


def _value(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return NO_VALUE
    error = "[error not known]" if low is None else interval(low, high)
    return f"{digits(value)} {error}"


def _measured(scores: Sequence[Score]) -> str:
    return "; ".join(dict.fromkeys(f"{score.benchmark} ({score.metric})" for score in scores))
