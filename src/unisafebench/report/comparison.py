"""A comparison as tables for a terminal, and as Markdown."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.segment import Segments
from rich.table import Table
from rich.text import Text

from unisafebench.comparisons.result import Comparison
from unisafebench.report.comparison_sections import LEVELS, Level, Section, sections
from unisafebench.report.visible import visible

__all__ = [
    "comparison_markdown",
    "print_comparison",
    "print_sections",
    "sections_markdown",
]

_UNBOUNDED = 1000
_WORDS = frozenset(
    {
        *("group", "rate", "task", "figure", "writes", "draws", "model", "at 0.05", ""),
        *("front", "dominated by", "measured as", "verdict", "judges", "of"),
    }
)
"""Columns of words, which stand on the left."""


def print_comparison(
    console: Console,
    comparison: Comparison,
    by: Sequence[Level] = ("task",),
    *,
    more: Sequence[Section] = (),
) -> None:
    """Print the comparison; `by` names the levels below the pooled figures, `more` follows."""
    print_sections(console, (*sections(comparison, by), *more))


def print_sections(console: Console, shown: Iterable[Section]) -> None:
    """Print sections one after the other; tables are never cut, whatever the width."""
    for number, section in enumerate(shown):
        if number:
            _line(console, "")
        _line(console, section.heading, "bold")
        for line in section.lines:
            _line(console, line, "yellow" if line.startswith("! ") else "")
        if section.columns:
            _print_table(console, section)


def comparison_markdown(comparison: Comparison, *, more: Sequence[Section] = ()) -> str:
    """Return the comparison as Markdown, with every level of groups; `more` follows."""
    return sections_markdown((*sections(comparison, LEVELS, all_risks=True), *more))


def sections_markdown(shown: Iterable[Section]) -> str:
    """Return sections as Markdown, the first under the heading of the whole."""
    parts = []
    for number, section in enumerate(shown):
        parts.append(f"{'#' if number == 0 else '##'} {_escaped(section.heading)}")
        if section.lines:
            parts.append("\n".join(f"- {_escaped(line)}" for line in section.lines))
        if section.columns:
            parts.append(_table(section))
    return "\n\n".join(parts) + "\n"


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(visible(text), style=style), soft_wrap=True)


def _print_table(console: Console, section: Section) -> None:
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), highlight=False
    )
    for name in section.columns:
        table.add_column(name, justify="left" if name in _WORDS else "right", no_wrap=True)
    for row in section.rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    # Printed whole, past the edge if need be: shrinking it would cut figures.
    options = console.options.update(max_width=_UNBOUNDED)
    width = console.measure(table, options=options).maximum
    lines = console.render(table, options.update(width=width))
    console.print(Segments(lines), soft_wrap=True, end="")


def _table(section: Section) -> str:
    head = "| " + " | ".join(section.columns) + " |"
    rule = "|" + "|".join("---" if name in _WORDS else "--:" for name in section.columns) + "|"
    rows = [
        "| " + " | ".join(_escaped(cell).strip() for cell in row) + " |" for row in section.rows
    ]
    return "\n".join([head, rule, *rows])


def _escaped(text: str) -> str:
    shown = visible(text).replace("\\", "\\\\").replace("\n", " ")
    for sign in "|*_`<":
        shown = shown.replace(sign, f"\\{sign}")
    # Brackets alone make no link.
    return shown.replace("](", "]\\(")
