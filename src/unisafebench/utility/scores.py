"""What a utility score is, and how its 95 % interval is found.

A score enters with the error that is known of it. What is not known stays None: an interval is
never a point, and never narrower than the file supports.
"""

import re
from math import isfinite
from statistics import NormalDist

import msgspec

from unisafebench.metrics.intervals import CONFIDENCE, wilson

__all__ = [
    "Entry",
    "Figure",
    "Measure",
    "Reading",
    "Score",
    "Skipped",
    "figure_of",
    "is_share",
    "problem_of",
]

_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)

_SHARES = {"acc", "accuracy", "em", "pass@1"}
# A balanced accuracy is a mean over classes, not over samples.
_NO_SHARES = {"balanced", "f1"}
# The mean of numbers in [0, 1] has no larger one: two samples, one right and one wrong.
_LARGEST_STDERR = 0.5


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a result file, in the file's own unit."""

    name: str
    """The metric, as the tool calls it."""
    key: str
    """The figure's full name in the file, which tells it from others of the same metric."""
    value: float
    stderr: float | None = None
    scale: float | None = 1.0
    """What the value is divided by to be a fraction; None where the file leaves it open."""
    share: bool = False
    """Whether it is a mean of per-sample scores in [0, 1], so that a Wilson interval holds."""
    n: int | None = None
    count: int | None = None
    """Right answers among `n`, where the file has them."""
    lower_is_better: bool = False


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a file says of one model on one benchmark."""

    benchmark: str
    model: str | None
    """None where the file names no model."""
    measures: tuple[Measure, ...] = ()
    """The tool's main figure first."""
    short: str = ""
    """A shorter name of the benchmark, which a map may use too."""
    fewshot: int | None = None
    tasks: tuple[str, ...] = ()
    """Tasks that the file itself names: only our own form does."""
    source: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""
    """Why there is no figure to take."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was recognised."""

    tool: str
    version: str | None
    entries: tuple[Entry, ...]
    mapping: dict[str, tuple[str, ...]] = {}
    """Benchmark to tasks, from our own form."""
    models: dict[str, str] = {}
    """Name of a model in result files to the name that tables show, from our own form."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A value in [0, 1] with what is known of its error."""

    value: float
    stderr: float | None
    low: float | None
    high: float | None
    """Ends of the 95 % interval; both None when the error is not known."""
    interval_from: str | None
    """"stderr", "wilson", or None."""


class Score(Figure, frozen=True, kw_only=True):
    """A utility score with all that is known of where it comes from."""

    model: str
    benchmark: str
    tasks: tuple[str, ...]
    """Ids of the tasks that the user says it stands for; empty when unmapped."""
    metric: str
    n: int | None
    tool: str
    tool_version: str | None
    model_in_file: str
    fewshot: int | None
    file: str
    sha256: str
    source: str = ""
    notes: tuple[str, ...] = ()
    other_metrics: tuple[str, ...] = ()
    """What else the file measures on this benchmark."""


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file that gave no score, and why."""

    file: str
    benchmark: str
    reason: str


def is_share(metric: str) -> bool:
    """Whether a metric of this name is a mean of right and wrong answers."""
    words = set(re.split(r"[^a-z0-9@]+", metric.casefold()))
    return bool(words & _SHARES or {"exact", "match"} <= words) and not words & _NO_SHARES


def problem_of(measure: Measure, *, percent: bool = False) -> str:
    """Return why the figure cannot be taken as a score in [0, 1], or "" when it can."""
    shown = f"{measure.key} = {measure.value:.6g}"
    if not isfinite(measure.value):
        return f"{shown} is not a number"
    if measure.lower_is_better:
        return f"{measure.key} is better when lower: it is no utility score"
    scale = 100.0 if percent else measure.scale
    if scale is None:
        return (
            f"{shown} may be a fraction or a percentage, the file does not say; name the metric "
            f'as "{measure.key}:percent", or write the score by hand'
        )
    if not 0 <= measure.value / scale <= 1:
        unit = "fractions in [0, 1]" if scale == 1 else f"points of {scale:g}"
        return f"{shown} is out of range: the tool gives {unit} here"
    stderr = measure.stderr
    if stderr is not None and stderr / scale > _LARGEST_STDERR:
        return f"{shown} cannot have the standard error {stderr:.6g}: the two are in other units"
    return ""


def figure_of(measure: Measure, *, percent: bool = False) -> Figure:
    """Return the measure, in which `problem_of` finds no problem, as a fraction with its error.

    The interval is value -+ 1.96 standard errors, cut at 0 and 1, where the tool gives a standard
    error; Wilson's where the value is a share of a known number of samples; else there is none.
    A standard error of 0 (every sample got the same score) counts as not given.
    """
    scale = 100.0 if percent else (measure.scale or 1.0)
    value, given = measure.value / scale, measure.stderr
    stderr = None if given is None or not isfinite(given) or given <= 0 else given / scale
    if stderr is not None:
        low, high = max(value - _Z * stderr, 0.0), min(value + _Z * stderr, 1.0)
        return Figure(value=value, stderr=stderr, low=low, high=high, interval_from="stderr")
    if measure.share and measure.n:
        count = round(value * measure.n) if measure.count is None else measure.count
        found = wilson(count, measure.n)
        # A value that the tool rounded may lie a little off count / n.
        low, high = min(found.low, value), max(found.high, value)
        return Figure(value=value, stderr=None, low=low, high=high, interval_from="wilson")
    return Figure(value=value, stderr=None, low=None, high=None, interval_from=None)
