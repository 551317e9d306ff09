"""Rates as Markdown tables: for a README, an issue, or the summary of a CI job."""

from collections.abc import Iterable, Iterator, Sequence

from unisafebench.core.tasks import TASKS
from unisafebench.exports.entries import Entry, Figures
from unisafebench.exports.escaping import markdown_text
from unisafebench.exports.numbers import BETTER, RATE_NAMES, percent, percent_with_interval

__all__ = ["markdown_notes", "markdown_rates", "markdown_table"]

_ARROWS = {-1: " \u2193", 0: "", 1: " \u2191"}


def markdown_rates(entries: Sequence[Entry]) -> str:
    """Return the rates of each task with a row for each entry, and what a reader must know.

    Pooled figures stand at the end, each with the tasks that it pools.
    """
    parts = []
    for task in TASKS:
        rows = [(entry, entry.tasks[task]) for entry in entries if task in entry.tasks]
        if rows:
            parts.append(f"### {TASKS[task].name}\n\n{_rates(rows, task)}")
    pooled = [(entry, entry.overall) for entry in entries if len(entry.tasks) > 1]
    if pooled:
        named = "\n".join(
            f"- {markdown_text(entry.name)}: {', '.join(entry.overall_tasks)}"
            for entry, _ in pooled
        )
        parts.append(
            f"### Pooled over tasks\n\n{_rates(pooled, None)}\n\n"
            f"Compare only rows of the same tasks:\n\n{named}"
        )
    parts.append("\n".join(f"- {note}" for note in markdown_notes(entries)))
    return "\n\n".join(parts) + "\n"


def markdown_table(
    header: Iterable[str], rows: Iterable[Iterable[str]], *, numbers_from: int = 1
) -> str:
    """Return a table; its cells are Markdown already. Columns from a number on are set right."""
    names = list(header)
    marks = ["---" if index < numbers_from else "--:" for index in range(len(names))]
    lines = [names, marks, *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_notes(entries: Sequence[Entry]) -> list[str]:
    """Return what a reader must know before using the figures, as Markdown."""
    notes = [
        "Rates in percent with 95 % intervals. "
        + "; ".join(f"{rate}: {words}" for rate, words in RATE_NAMES.items())
        + ". n/a: nothing was scored, which is not zero."
    ]
    for entry in entries:
        name = markdown_text(entry.name)
        notes += [f"{name}: {note}" for note in _notes(entry)]
    return notes


def _notes(entry: Entry) -> Iterator[str]:
    if entry.published:
        yield f"as published, {markdown_text(entry.source)}; not a run of this tool."
    else:
        how = [
            f"{what} {markdown_text(name)}"
            for what, name in (
                ("data set", entry.dataset),
                ("judge", entry.judge),
                ("protocol", entry.protocol),
            )
            if name
        ]
        if how:
            yield ", ".join(how) + "."
    yield from (markdown_text(notice) for notice in entry.notices)
    for task, figures in entry.tasks.items():
        if not figures.reportable:
            yield f"\u2020 {task} is not reportable: {markdown_text(figures.reason or '')}."
    if not entry.overall.reportable:
        yield f"\u2020 the pooled figures are not reportable: {entry.overall.reason}."
    if entry.not_supported:
        yield f"not supported, and in no figure: {', '.join(entry.not_supported)}."


def _rates(rows: Sequence[tuple[Entry, Figures]], task: str | None) -> str:
    with_use = task is not None and any(task in entry.utility for entry, _ in rows)
    header = ["model", "scored", "coverage"]
    header += [rate + _ARROWS[BETTER.get(rate, 0)] for rate in RATE_NAMES]
    if with_use:
        header.append("Use" + _ARROWS[1])
    return markdown_table(header, (_line(*row, task if with_use else None) for row in rows))


def _line(entry: Entry, figures: Figures, task: str | None) -> list[str]:
    name = markdown_text(entry.name)
    if entry.published:
        name += " (published)"
    cells = [
        name if figures.reportable else f"{name} \u2020",
        f"{figures.n:,} of {figures.asked:,}",
        percent(figures.coverage),
        *(percent_with_interval(figures.rates[rate]).replace("<", "&lt;") for rate in RATE_NAMES),
    ]
    if task is not None:
        use = entry.utility.get(task)
        cells.append("n/a" if use is None else percent(use.value))
    return cells
