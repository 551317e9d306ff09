r"""Rates as LaTeX tables in the layout of the paper's main table (arXiv 2604.00547).

Panel A holds text generation, text-to-image and image editing, each with its utility; panel B the
four VQA tasks with one utility for all. They need `\usepackage{booktabs}` and nothing else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from unisafebench.exports.entries import Entry, Figures, Utility, vqa_utility
from unisafebench.exports.escaping import latex_text
from unisafebench.exports.numbers import BETTER, RATE_NAMES, fraction

__all__ = ["latex_panels"]

_PANELS: Mapping[str, tuple[str, ...]] = {
    "A": ("text-generation", "text-to-image", "image-editing"),
    "B": ("vqa-dual-unsafe", "vqa-image-unsafe", "vqa-text-unsafe", "vqa-composite-unsafe"),
}
_TITLES = {
    "text-generation": "Text Generation",
    "text-to-image": "T2I Generation",
    "image-editing": "Image Editing",
    "vqa-dual-unsafe": "Dual-Unsafe VQA",
    "vqa-image-unsafe": "Image-Unsafe VQA",
    "vqa-text-unsafe": "Text-Unsafe VQA",
    "vqa-composite-unsafe": "Composite-Unsafe VQA",
}
_ARROWS = {-1: r"$\downarrow$", 0: "", 1: r"$\uparrow$"}
_NOTHING = "--"


class _Column(NamedTuple):
    """A column of a panel; `task` is None for the utility of all VQA tasks."""

    task: str | None
    measure: str


class _Cell(NamedTuple):
    """What stands in a cell; `value` takes part in the search for the best one."""

    text: str
    value: float | None = None
    interval: str = ""


def latex_panels(entries: Sequence[Entry], *, intervals: bool = False) -> str:
    """Return both panels; one for which no entry has figures is left out.

    Rates are fractions with three decimals. The best value of a column is bold among the rows of
    one group, if there are at least two; C-R has no best value, and figures that are not
    reportable do not take part.

    Args:
        entries: the rows, those of one group one after the other.
        intervals: whether the 95 % interval stands below each rate.
    """
    parts = []
    for letter, tasks in _PANELS.items():
        rows = [entry for entry in entries if any(task in entry.tasks for task in tasks)]
        if rows:
            parts.append("\n".join(_panel(letter, rows, intervals)))
    head = "% Needs \\usepackage{booktabs}; names beyond Latin letters need XeLaTeX or LuaLaTeX."
    return "\n\n".join([head, *parts]) + "\n"


def _panel(letter: str, entries: Sequence[Entry], intervals: bool) -> Iterator[str]:
    columns = _columns(letter)
    yield r"\begin{table*}[t]"
    yield r"\centering"
    yield rf"\caption{{Uni-SafeBench, panel {letter}. {_legend()}}}"
    yield rf"\label{{tab:unisafebench-{letter.lower()}}}"
    yield r"\small"
    yield r"\setlength{\tabcolsep}{3pt}"
    yield rf"\begin{{tabular}}{{l{'r' * len(columns)}}}"
    yield r"\toprule"
    yield from _header(columns, entries)
    for heading, members in _groups(entries):
        yield r"\midrule"
        if heading:
            yield rf"\multicolumn{{{len(columns) + 1}}}{{l}}{{\textit{{{latex_text(heading)}}}}} \\"
        table = [[_cell(entry, column) for column in columns] for entry in members]
        best = [_best(column, [row[at] for row in table]) for at, column in enumerate(columns)]
        for entry, row in zip(members, table, strict=True):
            yield from _lines(entry, row, best, intervals)
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield from _notes(_PANELS[letter], entries)
    yield r"\end{table*}"


def _columns(letter: str) -> list[_Column]:
    own_use = letter == "A"
    columns = [
        _Column(task, measure)
        for task in _PANELS[letter]
        for measure in (*RATE_NAMES, *(("Use",) if own_use else ()))
    ]
    return columns if own_use else [*columns, _Column(None, "Use")]


def _header(columns: Sequence[_Column], entries: Sequence[Entry]) -> Iterator[str]:
    titles, rules, at = [""], [], 2
    for task in dict.fromkeys(column.task for column in columns):
        width = sum(column.task == task for column in columns)
        title = "" if task is None else _TITLES[task] + _size(task, entries)
        titles.append(rf"\multicolumn{{{width}}}{{c}}{{{title}}}")
        if task is not None:
            rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
        at += width
    yield " & ".join(titles) + r" \\"
    yield " ".join(rules)
    names = [f"{column.measure}{_ARROWS[BETTER.get(column.measure, 0)]}" for column in columns]
    yield " & ".join(["Model", *names]) + r" \\"


def _size(task: str, entries: Sequence[Entry]) -> str:
    sizes = {entry.tasks[task].n for entry in entries if task in entry.tasks}
    return f" ($n={sizes.pop()}$)" if len(sizes) == 1 else ""


def _groups(entries: Iterable[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(entry)
    yield from groups.items()


def _cell(entry: Entry, column: _Column) -> _Cell:
    if column.measure == "Use":
        use = vqa_utility(entry) if column.task is None else entry.utility.get(column.task)
        return _Cell(_NOTHING) if use is None else _use(use)
    figures = entry.tasks.get(column.task or "")
    found = None if figures is None else figures.rates[column.measure]
    if figures is None or found is None or found.rate is None:
        return _Cell(_NOTHING)
    interval = _interval(found.low, found.high)
    if not figures.reportable:
        return _Cell(_number(found.rate) + r"\textsuperscript{*}", None, interval)
    return _Cell(_number(found.rate), found.rate, interval)


def _use(use: Utility) -> _Cell:
    return _Cell(_number(use.value), use.value, _interval(use.low, use.high))


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return rf"{{\scriptsize [{_number(low)}, {_number(high)}]}}"


def _number(value: float) -> str:
    return fraction(value).replace("<", r"\textless{}").replace(">", r"\textgreater{}")


def _best(column: _Column, cells: Iterable[_Cell]) -> Decimal | None:
    """Return the best value of a column as it is shown, None where there is no contest."""
    sign = BETTER.get(column.measure)
    shown = [_shown(cell.value) for cell in cells if cell.value is not None]
    if sign is None or len(shown) < 2:
        return None
    return max(shown) if sign > 0 else min(shown)


def _shown(value: float) -> Decimal:
    # What a reader cannot tell apart is equally good. "<0.001" and ">0.999" keep their places.
    text = fraction(value)
    if text[0] in "<>":
        return Decimal(text[1:]) + (Decimal("-0.0005") if text[0] == "<" else Decimal("0.0005"))
    return Decimal(text)


def _lines(
    entry: Entry, row: Sequence[_Cell], best: Sequence[Decimal | None], intervals: bool
) -> Iterator[str]:
    mark = r"\textsuperscript{p}" if entry.published else ""
    cells = [
        rf"\textbf{{{cell.text}}}" if cell.value is not None and _shown(cell.value) == top
        else cell.text
        for cell, top in zip(row, best, strict=True)
    ]  # fmt: skip
    yield " & ".join([latex_text(entry.name) + mark, *cells]) + r" \\"
    if intervals:
        yield " & ".join(["", *(cell.interval for cell in row)]) + r" \\"


def _legend() -> str:
    words = [f"{rate}: {words}" for rate, words in RATE_NAMES.items()]
    return f"{', '.join(words)}, Use: utility; as fractions. {_NOTHING}: no figure."


def _notes(tasks: Sequence[str], entries: Sequence[Entry]) -> Iterator[str]:
    sources = dict.fromkeys(entry.source for entry in entries if entry.published)
    notes = [rf"\textsuperscript{{p}} As published, {latex_text(source)}." for source in sources]
    if any(one.n and not one.reportable for one in _shown_figures(tasks, entries)):
        notes.append(
            r"\textsuperscript{*} Not reportable: too many responses have no verdict of the judge."
        )
    notes += [note for task in tasks if (note := _sizes(task, entries))]
    ways = dict.fromkeys((entry.judge, entry.protocol) for entry in entries if not entry.published)
    for judge, protocol in ways:
        if judge:
            notes.append(f"Judge {latex_text(judge)}, protocol {latex_text(protocol)}.")
    notes += [latex_text(n) for n in dict.fromkeys(n for e in entries for n in e.notices)]
    if notes:
        yield r"\par\smallskip\footnotesize\raggedright"
        yield from notes


def _sizes(task: str, entries: Sequence[Entry]) -> str:
    """Say how many responses each row has, where they differ; the commonest number last."""
    names: dict[int, list[str]] = {}
    for entry in entries:
        if task in entry.tasks:
            names.setdefault(entry.tasks[task].n, []).append(latex_text(entry.name))
    if len(names) < 2:
        return ""
    common = max(names, key=lambda n: len(names[n]))
    few = [f"{', '.join(who)} $n={n}$" for n, who in names.items() if n != common]
    return f"{_TITLES[task]}: {'; '.join(few)}; others $n={common}$."


def _shown_figures(tasks: Sequence[str], entries: Sequence[Entry]) -> Iterator[Figures]:
    return (entry.tasks[task] for entry in entries for task in tasks if task in entry.tasks)
