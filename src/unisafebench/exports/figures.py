"""Figures for papers: rates with intervals, a map of categories, safety against utility.

The same entries give the same bytes: no date, no random name, no setting of the user's own.
Colours are those of Okabe and Ito ("Color universal design", 2008) and the scale "cividis", which
colour-blind readers can tell apart; models differ by hatching or a number as well.
"""

import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Literal

from unisafebench.core.errors import MissingExtraError, UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.core.taxonomy import CATEGORIES
from unisafebench.exports.entries import Entry, Utility, vqa_utility
from unisafebench.exports.escaping import one_line
from unisafebench.exports.numbers import RATE_NAMES, percent
from unisafebench.metrics.groups import Group, Proportion

__all__ = ["FIGURES", "draw"]

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
_HATCHES = ("", "//", "..", "\\\\", "xx", "--", "++", "oo")
_SHAPES = ("o", "s", "^", "D", "v", "P", "X")
_SHORT = {
    "text-generation": "text\ngeneration",
    "text-to-image": "text\nto image",
    "image-editing": "image\nediting",
    "vqa-dual-unsafe": "VQA\ndual",
    "vqa-image-unsafe": "VQA\nimage",
    "vqa-text-unsafe": "VQA\ntext",
    "vqa-composite-unsafe": "VQA\ncomposite",
}
_SETTINGS: Mapping[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,
    "svg.hashsalt": "unisafebench",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "pdf.compression": 6,
}


def draw(
    kind: str, entries: Sequence[Entry], form: Literal["svg", "pdf"], *, rate: str = "B-S"
) -> bytes:
    """Return a figure.

    Args:
        kind: one of `FIGURES`.
        entries: the models to show.
        form: "svg" (text stays text) or "pdf" (fonts embedded as TrueType).
        rate: for "heatmap", the rate that is shown.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UsageError: the entries have nothing to show in such a figure.
    """
    matplotlib = _matplotlib()
    with _own_settings(matplotlib):
        figure = FIGURES[kind](matplotlib, entries, rate)
        buffer = io.BytesIO()
        nothing = {"svg": ("Date", "Creator"), "pdf": ("CreationDate", "Creator", "Producer")}
        figure.savefig(
            buffer,
            format=form,
            bbox_inches="tight",
            metadata=dict.fromkeys(nothing[form]),
        )
    return buffer.getvalue()


def _bars(matplotlib: ModuleType, entries: Sequence[Entry], _: str) -> Any:
    """One panel for each rate, a group of bars for each task, 95 % intervals on the bars."""
    tasks = [task for task in TASKS if any(task in entry.tasks for entry in entries)]
    if not tasks:
        raise UsageError("there is nothing to draw: no task has figures.")
    width = max(6.5, 0.9 + len(tasks) * (0.35 + 0.22 * len(entries)))
    figure = _figure(matplotlib, width, 7.5)
    panels = figure.subplots(len(RATE_NAMES), 1, sharex=True)
    for panel, (rate, words) in zip(panels, RATE_NAMES.items(), strict=True):
        for number, entry in enumerate(entries):
            _bar_series(panel, entry, number, len(entries), tasks, rate)
        panel.set_ylim(0, 1)
        panel.set_ylabel(rate)
        panel.set_title(words, loc="left")
        panel.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        panel.set_axisbelow(True)
    panels[-1].set_xticks(range(len(tasks)), [_SHORT[task] for task in tasks])
    _legend(figure, panels[0], len(entries))
    shown = (one for entry in entries for one in entry.tasks.values())
    _note(figure, any(one.n and not one.reportable for one in shown))
    return figure


def _bar_series(
    panel: Any, entry: Entry, number: int, of: int, tasks: Sequence[str], rate: str
) -> None:
    """Draw the bars of one entry; a task without figures gets the words "n/a"."""
    width = 0.8 / of
    at, heights, errors = [], [], []
    for index, task in enumerate(tasks):
        place = index - 0.4 + width * (number + 0.5)
        figures = entry.tasks.get(task)
        found = None if figures is None else figures.rates[rate]
        if figures is None or found is None or found.rate is None:
            panel.text(place, 0.02, "n/a", ha="center", va="bottom", rotation=90, fontsize=7)
            continue
        at.append(place)
        heights.append(found.rate)
        errors.append(_ends(found))
        if not figures.reportable:
            over = min((found.high or 0.0) + 0.02, 0.9)
            panel.text(place, over, "\u2020", ha="center", va="bottom")
    panel.bar(
        at,
        heights,
        width * 0.92,
        yerr=list(zip(*errors, strict=True)) or None,
        label=_label(entry),
        color=_COLOURS[number % len(_COLOURS)],
        hatch=_HATCHES[number % len(_HATCHES)],
        edgecolor="#333333",
        linewidth=0.5,
        error_kw={"elinewidth": 0.9, "capsize": 2, "ecolor": "#111111"},
    )


def _heatmap(matplotlib: ModuleType, entries: Sequence[Entry], rate: str) -> Any:
    """A map for each entry: categories by task, each cell with its rate and its n."""
    shown = [entry for entry in entries if entry.summary is not None and entry.tasks]
    if not shown:
        raise UsageError(
            "there is nothing to draw: no entry has figures by category (published ones do not)."
        )
    tasks = [task for task in TASKS if any(task in entry.tasks for entry in shown)]
    figure = _figure(matplotlib, max(6.5, 2.8 + 0.95 * len(tasks)), 0.4 + 3.1 * len(shown))
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for panel, entry in zip(panels, shown, strict=True):
        _map(panel, entry, tasks, rate)
        panel.set_title(f"{_label(entry)}: {rate}, {RATE_NAMES[rate]}, percent", loc="left")
        picture = panel.images[0]
    figure.colorbar(picture, ax=list(panels), shrink=0.6, label=rate)
    groups = (
        group
        for entry in shown
        if entry.summary is not None
        for by_category in entry.summary.categories_by_task.values()
        for group in by_category.values()
    )
    _note(figure, any(group.n and not group.reportable for group in groups))
    return figure


def _map(panel: Any, entry: Entry, tasks: Sequence[str], rate: str) -> None:
    groups = {} if entry.summary is None else entry.summary.categories_by_task
    values = [
        [_value(groups.get(task, {}).get(category), rate) for task in tasks]
        for category in CATEGORIES
    ]
    panel.imshow(values, vmin=0, vmax=1, cmap="cividis", aspect="auto")
    panel.set_facecolor("#EEEEEE")
    panel.set_xticks(range(len(tasks)), [_SHORT[task] for task in tasks])
    panel.set_yticks(range(len(CATEGORIES)), list(CATEGORIES))
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    for row, category in enumerate(CATEGORIES):
        for column, task in enumerate(tasks):
            group = groups.get(task, {}).get(category)
            found = None if group is None else group.rates[rate]
            if group is None or found is None or found.rate is None:
                words, dark = "n/a", True
            else:
                mark = "" if group.reportable else "\u2020"
                words = f"{percent(found.rate)}{mark}\nn = {found.n}"
                dark = found.rate > 0.5
            panel.text(column, row, words, ha="center", va="center", fontsize=7,
                       color="black" if dark else "white")  # fmt: skip


def _plane(matplotlib: ModuleType, entries: Sequence[Entry], _: str) -> Any:
    """Safety against utility: a point for each entry and task that have both."""
    points = [
        (number, task, use, found)
        for number, entry in enumerate(entries)
        for task, use, found in _points(entry)
    ]
    if not points:
        raise UsageError("there is nothing to draw: no entry has utility scores (see --utility).")
    figure = _scatter(matplotlib, entries, points)
    panel = figure.axes[0]
    panel.set_xlabel("utility (higher is better)")
    panel.set_ylabel("B-S, safe in both verdicts (higher is better)")
    return figure


def _scatter(
    matplotlib: ModuleType,
    entries: Sequence[Entry],
    points: Sequence[tuple[int, str, Utility | Proportion, Proportion]],
) -> Any:
    """Draw points (number of the entry, task, across, up) with their intervals where known."""
    models = list(dict.fromkeys(number for number, *_ in points))
    tasks = [task for task in TASKS if any(task == found for _, found, *_ in points)]
    figure = _figure(matplotlib, 6.5, 4.8 + 0.18 * (len(models) + len(tasks)) / 2)
    panel = figure.subplots()
    shapes = dict(zip(TASKS, _SHAPES, strict=True))
    for number, task, across, up in points:
        at = across.value if isinstance(across, Utility) else across.rate
        sideways = None
        if at is not None and across.low is not None and across.high is not None:
            sideways = [[max(at - across.low, 0.0)], [max(across.high - at, 0.0)]]
        panel.errorbar(
            at,
            up.rate,
            xerr=sideways,
            yerr=[[end] for end in _ends(up)],
            **_marker(_COLOURS[number % len(_COLOURS)], shapes[task]),
            elinewidth=0.9,
            capsize=2,
        )
        panel.annotate(
            str(models.index(number) + 1),
            (at, up.rate),
            xytext=(5, 4),
            textcoords="offset points",
            fontsize=7,
        )
    for place, number in enumerate(models, start=1):
        panel.plot([], [], **_marker(_COLOURS[number % len(_COLOURS)], "o"),
                   label=f"{place}  {_label(entries[number])}")  # fmt: skip
    for task in tasks:
        panel.plot([], [], **_marker("white", shapes[task]), label=TASKS[task].name)
    panel.set_xlim(0, 1)
    panel.set_ylim(0, 1)
    panel.grid(color="#DDDDDD", linewidth=0.6)
    panel.set_axisbelow(True)
    _legend(figure, panel, 2)
    return figure


def _refusal(matplotlib: ModuleType, entries: Sequence[Entry], _: str) -> Any:
    """Unsafe rate against over-refusal: a point for each entry and task with harmless twins."""
    points = [
        (number, task, group)
        for number, entry in enumerate(entries)
        if entry.summary is not None and entry.summary.twins is not None
        for task, group in entry.summary.twins.tasks.items()
        if group.refusal.rate is not None and group.unsafe_rate.rate is not None
    ]
    if not points:
        raise UsageError("there is nothing to draw: no run has scored harmless twins.")
    found = [(n, task, group.refusal, group.unsafe_rate) for n, task, group in points]
    figure = _scatter(matplotlib, entries, found)
    panel = figure.axes[0]
    panel.set_xlabel("harmless twins refused (lower is better)")
    panel.set_ylabel("C-U, contextually unsafe (lower is better)")
    _note(figure, not all(group.reportable for *_, group in points))
    return figure


def _marker(colour: str, shape: str) -> dict[str, Any]:
    return {
        "color": colour,
        "marker": shape,
        "linestyle": "none",
        "markersize": 6,
        "markeredgecolor": "#333333",
    }


FIGURES: Mapping[str, Callable[[ModuleType, Sequence[Entry], str], Any]] = {
    "bars": _bars,
    "heatmap": _heatmap,
    "plane": _plane,
    "refusal": _refusal,
}
"""The figures by name."""


def _points(entry: Entry) -> Iterator[tuple[str, Utility, Proportion]]:
    for task, figures in entry.tasks.items():
        use = entry.utility.get(task)
        if use is None and task.startswith("vqa-"):
            use = vqa_utility(entry)
        found = figures.rates["B-S"]
        if use is not None and found.rate is not None:
            yield task, use, found


def _ends(found: Proportion) -> tuple[float, float]:
    """Return how far the interval reaches down and up from the rate."""
    if found.rate is None or found.low is None or found.high is None:
        return 0.0, 0.0
    return max(found.rate - found.low, 0.0), max(found.high - found.rate, 0.0)


def _value(group: Group | None, rate: str) -> float:
    found = None if group is None else group.rates[rate].rate
    return float("nan") if found is None else found


def _label(entry: Entry) -> str:
    # A label that begins with an underscore would be left out of the legend.
    name = one_line(entry.name)
    name = f"\u200a{name}" if name.startswith("_") else name
    return f"{name} (published)" if entry.published else name


def _figure(matplotlib: ModuleType, width: float, height: float) -> Any:
    return matplotlib.figure.Figure(figsize=(width, height), layout="constrained")


def _note(figure: Any, needed: bool) -> None:
    if needed:
        words = "\u2020 not reportable: too many responses have no verdict of the judge"
        figure.supxlabel(words, x=0.01, ha="left", fontsize=8)


def _legend(figure: Any, panel: Any, count: int) -> None:
    figure.legend(
        *panel.get_legend_handles_labels(),
        loc="outside upper center",
        ncols=min(count, 3),
        frameon=False,
    )


@contextmanager
def _own_settings(matplotlib: ModuleType) -> Iterator[None]:
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        # A letter that the font lacks is shown as a box; that is no reason to stop.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _matplotlib() -> ModuleType:
    try:
        import matplotlib as mpl  # noqa: PLC0415 -- an extra
        import matplotlib.figure  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("Drawing figures", "export", "matplotlib") from error
    return mpl
