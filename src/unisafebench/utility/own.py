"""Our own form of a utility file: TOML, JSON or CSV with a row for each score.

Fields of a score: `model`; `task` (one, several, or `vqa`) or `benchmark`; `score` in [0, 1], or
`count` of `n`; `n`; `stderr`; `metric`; `source`; `fewshot`. TOML and JSON may have `source` once
for all, `map` (benchmark to tasks) and `models` (name in result files to the name in tables).
"""

from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

from unisafebench.core.errors import DataError
from unisafebench.utility.documents import Document
from unisafebench.utility.mapping import tasks_named
from unisafebench.utility.scores import Entry, Measure, Reading, is_share
from unisafebench.utility.values import number, text, whole

__all__ = ["BY_HAND", "is_own", "read_own"]

BY_HAND = "by hand"
"""The name of the tool of these scores."""

_FIELDS = (
    "model",
    "task",
    "benchmark",
    "score",
    "count",
    "n",
    "stderr",
    "metric",
    "source",
    "fewshot",
)
_NUMBERS = ("score", "count", "n", "stderr", "fewshot")
_TOP = ("score", "source", "map", "models")


def is_own(document: Document) -> bool:
    """Whether the file is in our own form."""
    if document.toml is not None:
        return True
    if document.table is not None:
        header = set(document.table.header)
        return "model" in header and bool(header & {"score", "count"})
    if isinstance(document.json, list):
        return all(isinstance(row, dict) and "model" in row for row in document.json)
    return isinstance(document.json, dict) and isinstance(document.json.get("score"), list)


def read_own(document: Document) -> Reading:
    """Read a file in our own form.

    Raises:
        DataError: a field is missing, unknown or of the wrong kind, a score out of range.
        UnknownNameError: no task has the name that a score or the map gives.
    """
    path = document.path
    top = document.toml if document.toml is not None else document.fields
    _known(top, _TOP, path)
    rows: Any = top.get("score", [])
    if document.table is not None:
        rows = [_from_text(row, path, number) for number, row in enumerate(document.table.rows, 2)]
    elif isinstance(document.json, list):
        rows = document.json
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("each score must be a table: [[score]].", path=path)
    source = _text(top, "source", f"{path}")
    entries = tuple(
        _entry({"source": source, **row}, path, position) for position, row in enumerate(rows, 1)
    )
    mapping = {
        name: tasks_named(_joined(tasks), where=f"{path}: map")
        for name, tasks in _table(top, "map", path).items()
    }
    models = {
        name: _text({name: value}, name, f"{path}: models") or name
        for name, value in _table(top, "models", path).items()
    }
    if not entries and not mapping and not models:
        raise DataError("it holds neither scores nor a map.", path=path)
    return Reading(tool=BY_HAND, version=None, entries=entries, mapping=mapping, models=models)


def _entry(row: dict[str, Any], path: Path, position: int) -> Entry:
    where = f"{path}: score {position}"
    _known(row, _FIELDS, where)
    model = _text(row, "model", where)
    metric = _text(row, "metric", where)
    source = _text(row, "source", where)
    for name, value in (("model", model), ("metric", metric), ("source", source)):
        if value is None:
            raise DataError(f"field {name!r} is missing or empty.", path=where)
    tasks = tasks_named(_joined(row.get("task", "")), where=where)
    benchmark = _text(row, "benchmark", where)
    if not tasks and benchmark is None:
        raise DataError(
            "it names no task.", path=where, remedy="Give it a task, or a benchmark and a map."
        )
    fewshot = _whole(row, "fewshot", where)
    return Entry(
        benchmark=benchmark or metric or "",
        model=model,
        measures=(_measure(row, metric or "", where),),
        tasks=tasks,
        source=source or "",
        fewshot=fewshot,
    )


def _measure(row: dict[str, Any], metric: str, where: str) -> Measure:
    count, n = _whole(row, "count", where), _whole(row, "n", where)
    value, stderr = _number(row, "score", where), _number(row, "stderr", where)
    if n == 0:
        raise DataError("a score of n = 0 samples has no value.", path=where)
    if count is not None:
        if n is None or count > n:
            raise DataError("'count' must be at most 'n', and 'n' be given.", path=where)
        if value is not None and abs(value - count / n) > 0.0005:
            raise DataError(f"{value} is not {count} of {n}; give one of them.", path=where)
        value = count / n
    if value is None:
        raise DataError("field 'score' is missing (or 'count' with 'n').", path=where)
    if not 0 <= value <= 1:
        raise DataError(
            f"score {value:g} is not in [0, 1].",
            path=where,
            remedy="Write a percentage as a fraction, 74.1 as 0.741.",
        )
    if stderr is not None and not 0 < stderr <= 0.5:
        raise DataError(f"stderr {stderr:g} is not in (0, 0.5].", path=where)
    share = count is not None or is_share(metric)
    return Measure(
        name=metric, key=metric, value=value, stderr=stderr, share=share, n=n, count=count
    )


def _from_text(row: dict[str, str], path: Path, line: int) -> dict[str, Any]:
    """Turn the cells of a CSV row into values; an empty cell is no value."""
    found: dict[str, Any] = {name: cell for name, cell in row.items() if cell.strip()}
    for name in _NUMBERS:
        if name in found:
            try:
                found[name] = float(found[name])
            except ValueError:
                raise DataError(
                    f"{name} {found[name]!r} is not a number.", path=path, line=line
                ) from None
    return found


def _known(row: dict[str, Any], known: Iterable[str], where: Path | str) -> None:
    for name in row:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
            raise DataError(f"unknown field {name!r}.", path=where, remedy=hint)


def _text(row: dict[str, Any], name: str, where: str) -> str | None:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise DataError(f"field {name!r} must be text.", path=where)
    return text(value)


def _number(row: dict[str, Any], name: str, where: str) -> float | None:
    value = row.get(name)
    found = number(value)
    if value is not None and (found is None or not isfinite(found)):
        raise DataError(f"field {name!r} must be a number.", path=where)
    return found


def _whole(row: dict[str, Any], name: str, where: str) -> int | None:
    value = row.get(name)
    found = whole(value)
    if value is not None and found is None:
        raise DataError(f"field {name!r} must be a whole number, 0 or more.", path=where)
    return found


def _table(top: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    value = top.get(name, {})
    if not isinstance(value, dict):
        raise DataError(f"{name!r} must be a table: [{name}].", path=path)
    return value


def _joined(tasks: object) -> str:
    if isinstance(tasks, list):
        return ",".join(str(task) for task in tasks)
    return str(tasks)
