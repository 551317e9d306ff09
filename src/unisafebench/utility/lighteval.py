"""Result files of lighteval (`results_*.json`). Checked against files and code of 0.13.0.

The main figure of a task is the first one in the file that is not better when lower. Values are
fractions. The version is not in the file, only a commit where lighteval ran from a checkout. The
number of samples often is -1 there, which means that it is not known.
"""

from typing import Any

from unisafebench.utility.documents import Document
from unisafebench.utility.scores import Entry, Measure, Reading, is_share
from unisafebench.utility.values import number, objects, text, whole

__all__ = ["is_lighteval", "read_lighteval"]

_ALL = "all"


def is_lighteval(document: Document) -> bool:
    """Whether lighteval wrote the file."""
    fields = document.fields
    return (
        isinstance(fields.get("config_general"), dict)
        and isinstance(fields.get("results"), dict)
        and "summary_general" in fields
    )


def read_lighteval(document: Document) -> Reading:
    """Read a result file of lighteval."""
    fields = document.fields
    general = objects(fields).get("config_general", {})
    model = text(general.get("model_name"))
    sha = text(general.get("lighteval_sha"))
    limit = whole(general.get("max_samples"))
    tasks = objects(fields.get("config_tasks"))
    notes = () if limit is None else (f"at most {limit:,} samples of each task",)
    entries = [
        _entry(task, row, tasks.get(task, {}), model, notes)
        for task, row in objects(fields.get("results")).items()
    ]
    version = None if sha in (None, "?") else f"commit {sha}"
    return Reading(tool="lighteval", version=version, entries=tuple(entries))


def _entry(
    task: str,
    row: dict[str, Any],
    config: dict[str, Any],
    model: str | None,
    notes: tuple[str, ...],
) -> Entry:
    short, fewshot = _name(task)
    if task == _ALL:
        return Entry(
            benchmark=task, model=model, problem="the mean over every task of the file is no task"
        )
    n = whole(config.get("effective_num_docs")) or None
    lower = {
        metric.get("metric_name")
        for metric in config.get("metrics") or ()
        if isinstance(metric, dict) and metric.get("higher_is_better") is False
    }
    measures = [
        Measure(
            name=name,
            key=name,
            value=value,
            stderr=number(row.get(f"{name}_stderr")),
            share=is_share(name),
            n=n,
            lower_is_better=name in lower,
        )
        for name, raw in row.items()
        if (value := number(raw)) is not None and not name.endswith("_stderr")
    ]
    if short.endswith(":_average"):
        notes = (*notes, "the plain mean over its parts, with the mean of their standard errors")
    return Entry(
        benchmark=task,
        short=short,
        model=model,
        measures=tuple(sorted(measures, key=lambda measure: measure.lower_is_better)),
        fewshot=fewshot,
        notes=notes,
        problem="" if measures else "it holds no figure",
    )


def _name(task: str) -> tuple[str, int | None]:
    """Split `name|shots`, or `suite|name|shots|truncation` as older versions wrote it."""
    parts = task.split("|")
    if len(parts) not in (2, 4):
        return task, None
    name, shots = parts if len(parts) == 2 else parts[1:3]
    return name, int(shots) if shots.isascii() and shots.isdigit() and len(shots) < 6 else None
