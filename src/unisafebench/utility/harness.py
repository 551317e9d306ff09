"""Result files of lm-evaluation-harness (`results_*.json`) and of lmms-eval (`*_results.json`).

The second grew out of the first; both write `results: {task: {"metric,filter": value}}`. Checked
against files and code of lm-eval 0.4.13 and lmms-eval 0.7.3.

The main figure of a task is the first one in the file that is not better when lower: tools of
this family name none, and write the metrics in the order of the task's own list.
"""

from typing import Any

from unisafebench.utility.documents import Document
from unisafebench.utility.scores import Entry, Measure, Reading, is_share
from unisafebench.utility.values import number, objects, text, whole

__all__ = ["is_lm_eval", "is_lmms_eval", "read_lm_eval", "read_lmms_eval"]

# Metrics that lmms-eval writes as percentages, by the start of the task's name; its others are
# fractions, or points of a scale of their own.
_PERCENT = (("mmbench", "gpt_eval_score"), ("mmvet", "gpt_eval_score"))


def is_lm_eval(document: Document) -> bool:
    """Whether lm-evaluation-harness (0.4 or later) wrote the file."""
    fields = document.fields
    return _is_harness(fields) and (
        "lm_eval_version" in fields
        or ("lmms_eval_version" not in fields and number(fields.get("date")) is not None)
    )


def is_lmms_eval(document: Document) -> bool:
    """Whether lmms-eval wrote the file; before 0.6 it can be told by how it writes the date."""
    fields = document.fields
    return _is_harness(fields) and (
        "lmms_eval_version" in fields
        or ("lm_eval_version" not in fields and isinstance(fields.get("date"), str))
    )


def read_lm_eval(document: Document) -> Reading:
    """Read a result file of lm-evaluation-harness."""
    fields = document.fields
    version = text(fields.get("lm_eval_version")) or text(fields.get("git_hash"))
    return Reading(tool="lm-evaluation-harness", version=version, entries=_entries(fields, _stderr))


def read_lmms_eval(document: Document) -> Reading:
    """Read a result file of lmms-eval."""
    fields = document.fields
    version = text(fields.get("lmms_eval_version"))
    if version is None or version.startswith("unknown@"):
        version = None
    return Reading(tool="lmms-eval", version=version, entries=_entries(fields, _clustered))


def _is_harness(fields: dict[str, Any]) -> bool:
    results = objects(fields.get("results"))
    if not results or "configs" not in fields or "config_general" in fields:
        return False
    return any("," in key for row in results.values() for key in row)


def _entries(fields: dict[str, Any], stderr: Any) -> tuple[Entry, ...]:
    config = objects({"": fields.get("config")}).get("", {})
    model = text(fields.get("model_name")) or text(config.get("model"))
    shots = fields.get("n-shot") if isinstance(fields.get("n-shot"), dict) else {}
    sizes = objects(fields.get("n-samples"))
    better = objects(fields.get("higher_is_better"))
    found = []
    for task, row in objects(fields.get("results")).items():
        size = sizes.get(task, {})
        n = (
            whole(size.get("effective"))
            or whole(row.get("sample_len"))
            or whole(row.get("samples"))
        )
        original = whole(size.get("original"))
        part = n is not None and original is not None and n < original
        measures = _measures(task, row, better.get(task, {}), n, stderr)
        found.append(
            Entry(
                benchmark=task,
                model=model,
                measures=measures,
                fewshot=whole((shots or {}).get(task)),
                notes=(f"only {n:,} of {original:,} samples",) if part else (),
                problem="" if measures else "it holds no figure (a group, or a submission file)",
            )
        )
    return tuple(found)


def _measures(
    task: str, row: dict[str, Any], better: dict[str, Any], n: int | None, stderr: Any
) -> tuple[Measure, ...]:
    found = []
    for key, raw in row.items():
        name, comma, _ = key.rpartition(",")
        value = number(raw)
        if not comma or value is None or "_stderr" in name:
            continue
        percent = any(task.startswith(start) and name == metric for start, metric in _PERCENT)
        found.append(
            Measure(
                name=name,
                key=key,
                value=value,
                stderr=stderr(row, key),
                scale=100.0 if percent else 1.0,
                share=is_share(name),
                n=n,
                lower_is_better=better.get(name) is False,
            )
        )
    return tuple(sorted(found, key=lambda measure: measure.lower_is_better))


def _stderr(row: dict[str, Any], key: str, kind: str = "_stderr") -> float | None:
    name, _, filtered = key.rpartition(",")
    return number(row.get(f"{name}{kind},{filtered}"))


def _clustered(row: dict[str, Any], key: str) -> float | None:
    """Return the wider of the standard errors that belong to the value.

    `_stderr_clt` and `_stderr_clustered` are of the per-sample scores. They fit the value only
    where it is their mean, and that is where lmms-eval writes a number as `_stderr` too.
    """
    plain = _stderr(row, key)
    clustered = _stderr(row, key, "_stderr_clustered")
    return plain if plain is None or clustered is None else max(plain, clustered)
