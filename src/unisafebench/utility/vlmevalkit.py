"""Result files of VLMEvalKit: `*_acc.csv`, `*_score.csv`, `*_score.json`, and `status.json`.

Each benchmark of VLMEvalKit has its own table; what can be read are the layouts below, told from
the names of the columns. Checked against code and files of ms-vlmeval 0.0.20, VLMEvalKit's
package in the registry of Python.

| layout | columns | unit | main figure |
|---|---|---|---|
| multiple choice | split, Overall, ... | fraction | the test split, else validation, val, dev |
| yes or no (POPE) | split, Overall, acc, precision, recall | percent | Overall (an F1) |
| HallusionBench | split, aAcc, fAcc, qAcc | percent | aAcc |
| skills (MathVista) | Task&Skill, tot, ..., acc | percent of tot | acc of Overall |
| capabilities (MM-Vet) | Category, tot, acc | percent of tot | acc of Overall |
| paired (MMVP) | Average, Overall | fraction | Overall |
| short answers (VQA) | Overall, ... (one row) | percent; up to 1 it may be either | Overall |
| OCRBench | Final Score, Final Score Norm (JSON) | right of 1,000, percent | Final Score Norm |

`status.json` holds the same tables, flattened, for every benchmark of a run.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from unisafebench.core.errors import DataError
from unisafebench.utility.documents import Document
from unisafebench.utility.scores import Entry, Measure, Reading
from unisafebench.utility.values import number, objects, text, whole

__all__ = ["Row", "is_vlmevalkit", "read_vlmevalkit"]

Row = Mapping[str, Any]

_TOOL = "VLMEvalKit"
_OVERALL = "Overall"
_SPLITS = ("test", "validation", "val", "dev", "none")
_POPE = ("Overall", "acc", "precision", "recall")
_HALLUSION = ("aAcc", "fAcc", "qAcc")
_OCR = "Final Score Norm"
_OCR_SAMPLES = 1000
_SUFFIXES = ("_acc", "_score")
_PARENTS = 3


def is_vlmevalkit(document: Document) -> bool:
    """Whether the file has a layout of VLMEvalKit."""
    if document.table is not None:
        header = set(document.table.header)
        return (
            {"split", "Overall"} <= header
            or {"split", *_HALLUSION} <= header
            or {"tot", "acc"} <= header
            or {"perception", "reasoning"} <= header
            or ("Overall" in header and len(document.table.rows) == 1)
        )
    fields = document.fields
    return _is_status(fields) or {"Final Score", _OCR} <= set(fields)


def read_vlmevalkit(document: Document, model: str | None, benchmarks: Iterable[str]) -> Reading:
    """Read a table or a `status.json`.

    A table names neither its model nor its benchmark. They are taken from how VLMEvalKit calls
    the file, `MODEL/[RUN/]MODEL_BENCHMARK_acc.csv`, with the help of `model` or of one of the
    `benchmarks` where the directory is not there.

    Raises:
        DataError: a table whose model and benchmark cannot be found so.
    """
    fields = document.fields
    if _is_status(fields):
        return _read_status(fields)
    named, benchmark = _names(document.path, model, benchmarks)
    rows: tuple[Row, ...] = (fields,) if document.table is None else document.table.rows
    measures, problem = _measures(rows)
    entry = Entry(benchmark=benchmark, model=named, measures=measures, problem=problem)
    return Reading(tool=_TOOL, version=None, entries=(entry,))


def _is_status(fields: dict[str, Any]) -> bool:
    return isinstance(fields.get("datasets"), dict) and {"eval_id", "model_name"} <= set(fields)


def _read_status(fields: dict[str, Any]) -> Reading:
    found = []
    for benchmark, status in objects(fields.get("datasets")).items():
        entry = Entry(benchmark=benchmark, model=text(fields.get("model_name")))
        stage = text(status.get("status"))
        why = text(status.get("error_message")) or text(status.get("skip_reason"))
        measures: tuple[Measure, ...] = ()
        if stage != "done" or why:
            problem = why or f'it is at the stage "{stage}"'
        else:
            metrics = status.get("metrics")
            measures, problem = _measures(_unflatten(metrics if isinstance(metrics, dict) else {}))
        found.append(
            Entry(benchmark=entry.benchmark, model=entry.model, measures=measures, problem=problem)
        )
    commit = text(fields.get("commit"))
    version = None if commit is None else f"commit {commit}"
    return Reading(tool=_TOOL, version=version, entries=tuple(found))


def _unflatten(metrics: dict[str, Any]) -> tuple[Row, ...]:
    """Make rows again of keys like `split=test|Overall`."""
    rows: dict[str, dict[str, Any]] = {}
    for key, value in metrics.items():
        place, _, column = key.rpartition("|")
        row = rows.setdefault(place, {})
        for part in place.split("|") if place else ():
            name, equals, label = part.partition("=")
            # Without "=" it is a table of a benchmark of its own, which no layout will match.
            row[name if equals else f"{part}|"] = label
        row[column] = value
    return tuple(rows.values())


def _names(path: Path, model: str | None, benchmarks: Iterable[str]) -> tuple[str, str]:
    """Return (model, benchmark)."""
    stem = path.name.rpartition(".")[0] or path.name
    for suffix in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    if model is not None:
        return model, stem.removeprefix(f"{model}_")
    for parent in list(path.absolute().parents)[:_PARENTS]:
        if parent.name and stem.startswith(f"{parent.name}_"):
            return parent.name, stem.removeprefix(f"{parent.name}_")
    for benchmark in sorted(benchmarks, key=len, reverse=True):
        if stem.endswith(f"_{benchmark}") and len(stem) > len(benchmark) + 1:
            return stem.removesuffix(f"_{benchmark}"), benchmark
    raise DataError(
        "a table of VLMEvalKit names neither its model nor its benchmark.",
        path=path,
        remedy="Keep it in the directory of its model (MODEL/MODEL_BENCHMARK_acc.csv), or give it "
        "as MODEL=FILE.",
    )


def _measures(rows: tuple[Row, ...]) -> tuple[tuple[Measure, ...], str]:
    """Return the figures of a table, its main one first, or why there are none."""
    columns = set(rows[0]) if rows else set()
    if {"tot", "acc"} <= columns:
        found = _counted(rows)
    elif {"split", *_POPE} <= columns:
        found = _percents(rows, _POPE)
    elif {"split", *_HALLUSION} <= columns:
        found = _percents(rows, _HALLUSION)
    elif {"split", _OVERALL} <= columns:
        found = _choices(rows)
    elif {"perception", "reasoning"} <= columns:
        return (), "it is a sum of points (MME), not a share; write it by hand as a share of 2,800"
    elif len(rows) == 1:
        found = _single(rows[0])
    else:
        found = ()
    return found, "" if found else "no figure in a layout that is known"


def _choices(rows: tuple[Row, ...]) -> tuple[Measure, ...]:
    """Multiple choice: a row for each split, with the share of right answers."""
    found = [
        (
            _SPLITS.index(split) if split in _SPLITS else len(_SPLITS),
            _measure(_OVERALL, f"split={split}|{_OVERALL}", value, scale=1.0, share=True),
        )
        for row in rows
        if (value := _number(row.get(_OVERALL))) is not None
        for split in (str(row["split"]),)
    ]
    return tuple(measure for _, measure in sorted(found, key=lambda pair: pair[0]))


def _percents(rows: tuple[Row, ...], names: tuple[str, ...]) -> tuple[Measure, ...]:
    """Rates in percent of all splits together."""
    return tuple(
        _measure(name, f"split={_OVERALL}|{name}", value, share=name in ("acc", "aAcc"))
        for row in rows
        if row["split"] == _OVERALL
        for name in names
        if (value := _number(row.get(name))) is not None
    )


def _counted(rows: tuple[Row, ...]) -> tuple[Measure, ...]:
    """Percent of `tot` samples, with `hit` right ones where the table says how many."""
    found = []
    for row in rows:
        label = row.get("Task&Skill", row.get("Category"))
        value, n = _number(row.get("acc")), whole(_number(row.get("tot")))
        if label != _OVERALL or value is None or not n:
            continue
        hit = whole(_number(row.get("hit")))
        count = hit if hit is not None and abs(hit / n * 100 - value) < 0.01 else None
        found.append(_measure("acc", f"{_OVERALL}|acc", value, share=True, n=n, count=count))
    return tuple(found)


def _single(row: Row) -> tuple[Measure, ...]:
    """One row without a split: short answers, pairs, or OCRBench."""
    value = _number(row.get(_OVERALL))
    points, norm = _number(row.get("Final Score")), _number(row.get(_OCR))
    if points is not None and norm is not None:
        # Every one of its questions is worth a point.
        right = whole(points)
        count = right if right is not None and abs(right / 10 - norm) < 0.01 else None
        n = None if count is None or count > _OCR_SAMPLES else _OCR_SAMPLES
        return (_measure(_OCR, _OCR, norm, share=True, n=n, count=count),)
    if value is None:
        return ()
    if set(row) == {"Average", _OVERALL}:
        return (_measure(_OVERALL, _OVERALL, value, scale=1.0, share=True),)
    # A percentage of 1 or less would be a very bad model, or a fraction of another layout.
    return (_measure(_OVERALL, _OVERALL, value, scale=100.0 if value > 1 else None),)


def _measure(
    name: str,
    key: str,
    value: float,
    *,
    scale: float | None = 100.0,
    share: bool = False,
    n: int | None = None,
    count: int | None = None,
) -> Measure:
    return Measure(name=name, key=key, value=value, scale=scale, share=share, n=n, count=count)


def _number(value: object) -> float | None:
    """Return a number that may be written as text, as in a CSV file."""
    if isinstance(value, str):
        try:
            return float(value) if value.strip() else None
        except ValueError:
            return None
    return number(value)
