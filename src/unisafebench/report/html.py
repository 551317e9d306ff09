"""The report as one HTML file that opens offline and runs nothing but its own small script.

What a model, judge or data set wrote is only ever text here: it is escaped, its hidden characters
are spelled out, and the page's Content-Security-Policy allows one style sheet and one script, by
their hashes, and pictures that are part of the page.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from functools import cache
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

from unisafebench.core.errors import RunError
from unisafebench.core.tasks import TASKS
from unisafebench.core.taxonomy import CATEGORIES
from unisafebench.metrics.groups import Proportion
from unisafebench.metrics.summary import Summary
from unisafebench.metrics.tries import UnsafeAtK
from unisafebench.metrics.twins import TwinGroup
from unisafebench.report.figures import (
    BLOCKED_AS,
    LEGEND,
    TRIES_LEGEND,
    cautions,
    decimal,
    incomplete,
    interval,
    interval_method,
    percent,
)
from unisafebench.report.view import PictureView, ReportData, SampleView
from unisafebench.report.visible import visible

__all__ = ["render_html", "write_report"]

_CONTEXTUAL = {0: "unsafe", 1: "safe", 2: "refusal", None: "none"}
_INTRINSIC = {0: "unsafe", 1: "safe", None: "none"}
_FEW = 10
_MIME = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


def render_html(data: ReportData) -> str:
    """Return the report as the text of one HTML file."""
    # Markup: both are files of this package, never foreign text.
    style, script = Markup(_asset("report.css")), Markup(_asset("report.js"))  # noqa: S704
    summary = data.summary
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            data=data,
            style=style,
            script=script,
            policy=_policy(style, script),
            tasks=TASKS,
            categories=CATEGORIES,
            legend=LEGEND,
            cautions=cautions(summary),
            incomplete=incomplete(summary),
            interval_method=interval_method(summary),
            tries_legend=TRIES_LEGEND,
            few=_FEW,
            blocked_as=BLOCKED_AS[summary.blocked_as],
            doubtful=not all(
                group.reportable for group in (summary.overall, *summary.tasks.values())
            ),
            twins=_twins(summary),
            manifest=list(_flat(data.manifest)),
            filters=_filters(data.samples),
        )
    )


def write_report(path: Path, data: ReportData) -> None:
    """Write the report to `path`; an older one stays whole until the new one replaces it.

    Raises:
        RunError: the disk is full or cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(render_html(data))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"{path} cannot be written: {error.strerror}. Repeat the command when there is room "
            "and it may be written."
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("unisafebench.report"),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., object]] = {
        "contextual": _CONTEXTUAL.__getitem__,
        "decimal": decimal,
        "heat": _heat,
        "intrinsic": _INTRINSIC.__getitem__,
        "percent": percent,
        "place": lambda share: f"{share * 100:.2f}",
        "range": _range,
        "source": _source,
        "thousands": lambda count: f"{count:,}",
        "words": lambda name: name.replace("_", " "),
    }
    environment.filters.update(filters)
    return environment


def _shown(value: object) -> object:
    """Spell out hidden characters in whatever a template writes, before it is escaped."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _asset(name: str) -> str:
    file = resources.files("unisafebench.report") / "templates" / name
    return file.read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _heat(found: Proportion) -> int:
    """Return the colour step of a cell, 0 to 10; 0 where too few responses stand behind it."""
    return 0 if found.rate is None or found.n < _FEW else round(found.rate * 10)


def _range(found: Proportion | UnsafeAtK) -> str:
    return interval(found.low, found.high)


def _source(picture: PictureView) -> Markup | None:
    """Return a picture as a data URI, or None for a type that a browser is not to decode."""
    if picture.mime not in _MIME:
        return None
    # Markup: base64 and a type from the list above need no escaping, and megabytes of it are slow.
    return Markup(f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}")  # noqa: S704


def _twins(summary: Summary) -> list[tuple[str, TwinGroup, str]]:
    if summary.twins is None:
        return []
    rows = [
        (TASKS[task].name, group, f"twins/tasks/{task}")
        for task, group in summary.twins.tasks.items()
    ]
    if summary.twins.overall is not None:
        rows.append(("Tasks with both kinds", summary.twins.overall, "twins/overall"))
    return rows


def _flat(value: object, name: str = "") -> Iterable[tuple[str, str]]:
    """Yield a nested manifest as (dotted name, value), lists of plain values on one line."""
    if isinstance(value, dict) and (value or not name):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, str):
        yield name, value
    elif isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        yield name, ", ".join(value)
    else:
        yield name, json.dumps(value, ensure_ascii=False)


def _filters(samples: Iterable[SampleView]) -> dict[str, list[tuple[str, str]]]:
    """Return the choices of each filter: only what occurs, as (value, shown)."""
    seen = list(samples)
    tasks = {sample.task for sample in seen}
    named = [(task.id, task.name) for task in TASKS.values() if task.id in tasks]
    return {
        "task": named + [(task, task) for task in sorted(tasks - set(TASKS))],
        "outcome": _choices(sample.outcome for sample in seen),
        "contextual": _choices(_CONTEXTUAL[sample.contextual] for sample in seen),
        "intrinsic": _choices(_INTRINSIC[sample.intrinsic] for sample in seen),
    }


def _choices(values: Iterable[str]) -> list[tuple[str, str]]:
    return [(value, value.replace("_", " ")) for value in sorted(set(values))]
