"""Logs of Inspect, as JSON or as a zip archive (`.eval`). Checked against inspect-ai 0.3.285.

The main figure is the log's `headline`, where it has one, else the first metric of the first
score. Its accuracies and means are fractions when the scores are; the metric `stderr` beside them
is their standard error. Only a log that ended with success is taken.
"""

from typing import Any

from unisafebench.core.errors import DataError
from unisafebench.utility.documents import Document, parse_member
from unisafebench.utility.scores import Entry, Measure, Reading
from unisafebench.utility.values import number, objects, text, whole

__all__ = ["MEMBERS", "is_inspect", "read_inspect"]

_HEADER = "header.json"
_START = "_journal/start.json"
MEMBERS = (_HEADER, _START)
"""What is read of an archive: the header, and the journal's start to tell an unfinished log."""

_MEANS = ("accuracy", "mean")
_NO_SCORES = ("stderr", "std", "var", "bootstrap_stderr")


def is_inspect(document: Document) -> bool:
    """Whether Inspect wrote the file."""
    if document.members is not None:
        return bool(document.members)
    fields = document.fields
    return isinstance(fields.get("eval"), dict) and "status" in fields and "plan" in fields


def read_inspect(document: Document) -> Reading:
    """Read a log.

    Raises:
        DataError: the log is not one of a finished evaluation, or its author invalidated it.
    """
    fields = _header(document)
    status = text(fields.get("status"))
    if status != "success":
        raise DataError(
            f'the log ended with status "{status}", its scores are of a part at most.',
            path=document.path,
            remedy="Finish it with: inspect eval-retry",
        )
    if fields.get("invalidated") is True:
        raise DataError("the log is marked as invalidated.", path=document.path)
    spec = objects(fields).get("eval", {})
    results = objects(fields).get("results", {})
    measures = _measures(results, spec)
    unscored = results.get("total_samples") != results.get("completed_samples")
    entry = Entry(
        benchmark=text(spec.get("task")) or "?",
        short=(text(spec.get("task")) or "?").rpartition("/")[2],
        model=text(spec.get("model")),
        measures=measures,
        notes=("some samples ended with an error",) if unscored else (),
        problem="" if measures else "the log holds no metric",
    )
    packages = spec.get("packages")
    version = text(packages.get("inspect_ai")) if isinstance(packages, dict) else None
    return Reading(tool="Inspect", version=version, entries=(entry,))


def _header(document: Document) -> dict[str, Any]:
    if document.members is None:
        return document.fields
    if _HEADER not in document.members:
        raise DataError(
            "the log has no header: its evaluation is still running or was cut off.",
            path=document.path,
            remedy="Finish it with: inspect eval-retry",
        )
    fields = parse_member(document, _HEADER)
    if not isinstance(fields, dict) or not isinstance(fields.get("eval"), dict):
        raise DataError(f"{_HEADER} in it is not that of an Inspect log.", path=document.path)
    return fields


def _measures(results: dict[str, Any], spec: dict[str, Any]) -> tuple[Measure, ...]:
    dataset = whole(objects(spec).get("dataset", {}).get("samples"))
    found = []
    scores = results.get("scores")
    for score in scores if isinstance(scores, list) else ():
        if not isinstance(score, dict):
            continue
        metrics = objects(score.get("metrics"))
        stderr = number(metrics.get("stderr", {}).get("value"))
        # Epochs multiply the scored samples; they add no independent ones.
        sizes = [size for size in (whole(score.get("scored_samples")), dataset) if size is not None]
        for name, metric in metrics.items():
            value = number(metric.get("value"))
            if value is None or name in _NO_SCORES:
                continue
            found.append(
                Measure(
                    name=name,
                    key=f"{_score_name(score)}/{name}",
                    value=value,
                    stderr=stderr if name in _MEANS else None,
                    share=name in _MEANS,
                    n=min(sizes, default=None),
                )
            )
    headline = results.get("headline")
    if isinstance(headline, dict):
        main = f"{_headline_name(headline)}/{headline.get('metric')}"
        found.sort(key=lambda measure: measure.key != main)
    return tuple(found)


def _score_name(score: dict[str, Any]) -> str:
    name, reducer = text(score.get("name")) or "?", text(score.get("reducer"))
    return f"{name}[{reducer}]" if reducer else name


def _headline_name(headline: dict[str, Any]) -> str:
    return _score_name({"name": headline.get("score"), "reducer": headline.get("reducer")})
