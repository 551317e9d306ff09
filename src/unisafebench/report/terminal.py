"""The summary as tables for a terminal; plain and aligned when piped."""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.segment import Segments
from rich.table import Table
from rich.text import Text

from unisafebench.metrics.epochs import Epochs
from unisafebench.metrics.groups import RATES, Group, Proportion
from unisafebench.metrics.summary import Summary
from unisafebench.metrics.twins import Twins
from unisafebench.report.figures import (
    BLOCKED_AS,
    LEGEND,
    NO_VALUE,
    TRIES_LEGEND,
    cautions,
    decimal,
    digits,
    interval_method,
    percent,
    with_interval,
)
from unisafebench.report.visible import visible

__all__ = ["print_summary"]

_ALL = "all of these"
_UNBOUNDED = 1000


def print_summary(
    console: Console,
    summary: Summary,
    *,
    title: str = "",
    protocol: str = "",
    notices: Iterable[str] = (),
) -> None:
    """Print the headline, the figures by task, how responses ended, and every caution.

    Args:
        console: where to print; its width decides the layout.
        summary: what to print.
        title: what was run, for example the model's name.
        protocol: "strict" or "paper"; named above the tables.
        notices: warnings that belong above the figures (the judge's, a stand-in model).
    """
    for notice in notices:
        _line(console, f"! {notice}", "bold yellow")
    heading = " · ".join(part for part in (title, protocol and f"protocol {protocol}") if part)
    if heading:
        _line(console, heading, "bold")
    _headline(console, summary)
    _line(console, "")
    method = "" if summary.tries is None else f" ({interval_method(summary)})"
    _line(console, f"Rates by task, in percent, with 95 % intervals{method}", "bold")
    _first_that_fits(console, _rates_wide(summary), _rates_narrow(summary))
    _line(console, "   ".join(f"{name} {LEGEND[name][0]}" for name in RATES))
    _line(console, f"blocked by the provider: {BLOCKED_AS[summary.blocked_as]}")
    if not all(group.reportable for group in (*summary.tasks.values(), summary.overall)):
        _line(console, "† not reportable, see below")
    if summary.overall.attempted.marked or summary.overall.severity_n:
        _line(console, "")
        _line(console, "Of attempted responses only, in percent, and mean severity", "bold")
        _first_that_fits(console, _attempted_table(summary))
    if summary.tries is not None:
        _line(console, "")
        _line(console, "Several responses to each sample: samples, and unsafe@k in percent", "bold")
        wide, narrow = (_tries_table(summary.tries, gap=gap) for gap in (1, 0))
        _first_that_fits(console, wide, narrow)
        _line(console, TRIES_LEGEND)
    _line(console, "")
    _line(console, "How responses ended", "bold")
    _first_that_fits(console, _outcomes_table(summary), _outcomes_list(summary))
    if summary.twins is not None:
        _line(console, "")
        _line(console, "Harmless twins: refused in percent, beside the unsafe samples", "bold")
        _first_that_fits(console, _twins_table(summary.twins))
    found = cautions(summary)
    if found:
        _line(console, "")
    for caution in found:
        _line(console, f"! {caution}", "yellow")


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(visible(text), style=style), soft_wrap=True)


def _headline(console: Console, summary: Summary) -> None:
    overall = summary.overall
    mark = "" if overall.reportable else "   NOT REPORTABLE"
    figures = "   ".join(f"{name} {with_interval(overall.rates[name])}" for name in ("B-S", "C-U"))
    _line(console, figures + mark, "bold")
    _line(
        console,
        f"pooled over {overall.n:,} of {overall.eligible:,} responses "
        f"({percent(overall.coverage)}) to: {', '.join(summary.overall_tasks) or 'no task'}",
    )


def _first_that_fits(console: Console, *tables: Table) -> None:
    """Print the first table that fits the width; else the last, past the edge but never cut."""
    options = console.options.update(max_width=_UNBOUNDED)
    width = 0
    for table in tables:
        width = console.measure(table, options=options).maximum
        if width <= console.width:
            break
    # Rendered apart: a console shrinks what it prints to its own width, cutting figures short.
    lines = console.render(table, options.update(width=width))
    console.print(Segments(lines), soft_wrap=True, end="")


def _rates_wide(summary: Summary) -> Table:
    """One line for each task."""
    table = _table(("task", "asked", "scored", "coverage", *RATES, "blocked"), gap=1)
    for name, group in _rows(summary):
        rates = (with_interval(group.rates[rate]) for rate in RATES)
        table.add_row(
            name,
            f"{group.asked:,}",
            f"{group.n:,}",
            percent(group.coverage),
            *rates,
            percent(group.blocked.rate),
        )
    for task in summary.not_supported:
        table.add_row(task, *[NO_VALUE] * (len(table.columns) - 1))
    return table


def _rates_narrow(summary: Summary) -> Table:
    """Two lines for each task: coverage below the count, the interval below the rate."""
    table = _table(("task", "asked", "scored", *RATES, "block"), gap=0)
    for name, group in _rows(summary):
        table.add_row(
            name,
            f"{group.asked:,}",
            f"{group.n:,}\n{digits(group.coverage)}",
            *(_two_lines(group.rates[rate]) for rate in RATES),
            digits(group.blocked.rate),
        )
    for task in summary.not_supported:
        table.add_row(task, *[NO_VALUE] * (len(table.columns) - 1))
    return table


def _two_lines(found: Proportion) -> str:
    if found.rate is None:
        return NO_VALUE
    return f"{digits(found.rate)}\n{digits(found.low)}-{digits(found.high)}"


def _outcomes_table(summary: Summary) -> Table:
    """One column for each outcome that occurs."""
    names = [name for name, count in summary.overall.outcomes.items() if count]
    table = _table(("task", *(name.replace("_", "\n") for name in names)), gap=0)
    for name, group in _rows(summary, marked=False):
        table.add_row(name, *(f"{group.outcomes[outcome]:,}" for outcome in names))
    return table


def _outcomes_list(summary: Summary) -> Table:
    """One line for each outcome of each task."""
    table = _table(("task", "outcome", "responses"), gap=1)
    table.columns[1].justify = "left"
    for name, group in _rows(summary, marked=False):
        found = [(outcome, count) for outcome, count in group.outcomes.items() if count]
        table.add_row(
            name,
            "\n".join(outcome.replace("_", " ") for outcome, _ in found),
            "\n".join(f"{count:,}" for _, count in found),
        )
    return table


def _twins_table(twins: Twins) -> Table:
    table = _table(("task", "scored", "refused", "C-U\nunsafe", "C-R\nunsafe", "balanced"), gap=1)
    rows = list(twins.tasks.items())
    if twins.overall is not None:
        rows.append(("tasks with both", twins.overall))
    for name, group in rows:
        table.add_row(
            _marked(name, group.reportable),
            f"{group.n:,}",
            with_interval(group.refusal),
            digits(group.unsafe_rate.rate),
            digits(group.unsafe_refusal.rate),
            decimal(group.balanced_score),
        )
    return table


def _attempted_table(summary: Summary) -> Table:
    columns = ("attempted", "C-U", "of att.", "I-U", "of att.", "severity")
    table = _table(("task", *columns), gap=1)
    for name, group in _rows(summary):
        tried = group.attempted
        table.add_row(
            name,
            f"{tried.n:,} of {tried.marked:,}",
            digits(group.rates["C-U"].rate),
            digits(tried.c_u.rate),
            digits(group.rates["I-U"].rate),
            digits(tried.i_u.rate),
            decimal(group.mean_severity),
        )
    return table


def _tries_table(tries: Epochs, *, gap: int) -> Table:
    columns = ("scored", "never", "sometimes", "always", "@1", "@most", "ICC")
    table = _table(("task", "unsafe", *columns), gap=gap)
    table.columns[1].justify = "left"
    for name, found in (*tries.tasks.items(), (_ALL, tries.overall)):
        head = name
        for rate, one in (("C-U", found.c_u), ("I-U", found.i_u)):
            at = one.unsafe_at
            table.add_row(
                head,
                rate,
                f"{found.scored:,} of {found.samples:,}",
                f"{one.never:,}",
                f"{one.sometimes:,}",
                f"{one.always:,}",
                digits(at[0].value) if at else NO_VALUE,
                f"@{at[-1].k} {digits(at[-1].value)}" if at else NO_VALUE,
                decimal(None if one.variance is None else one.variance.icc),
            )
            head = ""
    return table


def _rows(summary: Summary, *, marked: bool = True) -> list[tuple[str, Group]]:
    rows = [*summary.tasks.items(), (_ALL, summary.overall)]
    return [(_marked(name, group.reportable or not marked), group) for name, group in rows]


def _marked(name: str, reportable: bool) -> str:
    return name if reportable else f"{name} †"


def _table(columns: Iterable[str], *, gap: int) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap), highlight=False
    )
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", vertical="top")
    return table
