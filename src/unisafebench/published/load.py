"""The results of the paper (arXiv 2604.00547) as counts by model and task.

What is printed are rates; of the integer counts exactly one gives each of them, see `README.md`.
Counts exist by task only. Nothing is known of single samples, and of categories only one figure.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import msgspec

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.core.taxonomy import find_category
from unisafebench.metrics.groups import RATES, Proportion, proportion

__all__ = [
    "PREFIX",
    "SOURCE",
    "PublishedCounts",
    "PublishedModel",
    "both_safe_by_category",
    "find_published",
    "leaderboard",
    "pooled",
    "published_models",
]

PREFIX = "published:"
"""What stands before a published model's name where a run could be named as well."""
SOURCE = "arXiv 2604.00547"

_TASK_IDS = {
    "text_generation": "text-generation",
    "t2i": "text-to-image",
    "editing": "image-editing",
    "dual_unsafe_vqa": "vqa-dual-unsafe",
    "image_unsafe_vqa": "vqa-image-unsafe",
    "text_unsafe_vqa": "vqa-text-unsafe",
    "composite_unsafe_vqa": "vqa-composite-unsafe",
}
_METRICS = {"C-U": "C_U", "C-R": "C_R", "I-U": "I_U", "B-S": "B_S"}


# Utility is printed from 0 to 1, but for image editing.
_UTILITY_SCALES = {"image-editing": 100.0}


class PublishedCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Responses to one or several tasks, counted.

    `both_unsafe`, `contextual_only`, `intrinsic_only` and B-S sum to `n`. How the refusals are
    shared among the last two is not known.
    """

    n: int
    counts: Mapping[str, int]
    """By rate, see `metrics.groups.RATES`."""
    both_unsafe: int
    contextual_only: int
    intrinsic_only: int

    @property
    def rates(self) -> dict[str, Proportion]:
        """The four rates with their Wilson intervals."""
        return {name: proportion(self.counts[name], self.n) for name in RATES}


class PublishedModel(msgspec.Struct, frozen=True, kw_only=True):
    """What the paper says of one model."""

    name: str
    group: str
    """LLM, VLM, open_unified or closed_unified."""
    backbone: str | None
    marks: tuple[str, ...]
    """† safety-aligned, ‡ no programming interface for pictures."""
    tasks: Mapping[str, PublishedCounts]
    """By task id, in the order of the tables; tasks without figures are absent."""
    printed: Mapping[str, Mapping[str, float]]
    """The four rates by task as printed, fractions with three decimals."""
    utility: Mapping[str, float]
    """Utility as printed, by task id; "vqa" is one figure for the four VQA tasks.

    In [0, 1], but for image editing, which is printed on a scale of 0 to 100.
    """
    printed_deltas: Mapping[str, str] = {}
    """Differences to Qwen2.5-7B-Instruct on text generation as printed, by rate and "Use"."""

    @property
    def utility_shares(self) -> dict[str, float]:
        """Utility in [0, 1] throughout, by the same names as `utility`."""
        return {
            task: value / _UTILITY_SCALES.get(task, 1.0) for task, value in self.utility.items()
        }


@lru_cache(maxsize=1)
def published_models() -> Mapping[str, PublishedModel]:
    """Return the published models by name, in the order of the paper's table."""
    document = _document()
    return MappingProxyType(
        {
            name: _model(name, row, document["derived"]["counts"][name])
            for name, row in document["main_table"]["models"].items()
        }
    )


def find_published(name: str) -> PublishedModel:
    """Return a model by its name in the paper's table or leaderboard.

    Case, spaces and punctuation do not matter, nor the prefix "published:".

    Raises:
        UnknownNameError: there is no such model; near matches are listed.
    """
    asked = name.strip()
    if asked.casefold().startswith(PREFIX):
        asked = asked[len(PREFIX) :].strip()
    models = published_models()
    known = {_fold(row["name"]): row["main_table_name"] for row in _document_rows()}
    known |= {_fold(own): own for own in models}
    found = known.get(_fold(asked))
    if found is None:
        raise UnknownNameError("published model", asked, models)
    return models[found]


def pooled(model: PublishedModel, tasks: Iterable[str]) -> PublishedCounts:
    """Return the sum of a model's counts over tasks.

    Raises:
        UsageError: the model has no figures for one of them.
    """
    wanted = tuple(tasks)
    lacking = [task for task in wanted if task not in model.tasks]
    if lacking:
        raise UsageError(
            f"{SOURCE} has no figures of {model.name} for {', '.join(lacking)}; "
            f"it has {', '.join(model.tasks)}."
        )
    parts = [model.tasks[task] for task in wanted]
    return PublishedCounts(
        n=sum(part.n for part in parts),
        counts={name: sum(part.counts[name] for part in parts) for name in RATES},
        both_unsafe=sum(part.both_unsafe for part in parts),
        contextual_only=sum(part.contextual_only for part in parts),
        intrinsic_only=sum(part.intrinsic_only for part in parts),
    )


def leaderboard() -> dict[str, dict[str, float]]:
    """Return the authors' leaderboard: by model, the four rates in percent as printed.

    Each row pools the tasks that its model supports, which are not the same for all.
    """
    return {
        row["main_table_name"]: {name: row[key] for name, key in _METRICS.items()}
        for row in _document_rows()
    }


def both_safe_by_category() -> dict[str, dict[str, Proportion]]:
    """Return B-S by task and category, of the two tasks of which the paper has it.

    The figure names no model. Its totals are those of Bagel on both tasks, and of no other model.
    """
    counts: dict[str, dict[str, list[int]]] = _document()["derived"]["category_both_safe_counts"]
    return {
        _TASK_IDS[task]: {find_category(name): proportion(*found) for name, found in row.items()}
        for task, row in counts.items()
    }


@lru_cache(maxsize=1)
def _document() -> Any:
    path = files("unisafebench.published") / "uni_safebench_2604_00547.json"
    return msgspec.json.decode(path.read_bytes())


def _document_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _document()["leaderboard"]["rows"]
    return rows


def _model(name: str, row: dict[str, Any], derived: dict[str, dict[str, int]]) -> PublishedModel:
    by_task = {_TASK_IDS[task]: figures for task, figures in row["tasks"].items()}
    counts = {_TASK_IDS[task]: _counts(found) for task, found in derived.items()}
    present = [task for task in TASKS if task in by_task]
    utility = {task: by_task[task]["Use"] for task in present if "Use" in by_task[task]}
    if "vqa_Use" in row:
        utility["vqa"] = row["vqa_Use"]
    deltas = row.get("printed_delta_text_generation", {})
    return PublishedModel(
        name=name,
        group=row["group"],
        backbone=row["backbone"],
        marks=tuple(row["marks"]),
        tasks={task: counts[task] for task in present},
        printed={
            task: {rate: by_task[task][key] for rate, key in _METRICS.items()} for task in present
        },
        utility=utility,
        printed_deltas={key.replace("_", "-"): value for key, value in deltas.items()},
    )


def _counts(found: dict[str, int]) -> PublishedCounts:
    return PublishedCounts(
        n=found["n"],
        counts={rate: found[key] for rate, key in _METRICS.items()},
        both_unsafe=found["both_unsafe"],
        contextual_only=found["contextual_only"],
        intrinsic_only=found["intrinsic_only"],
    )


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "", name.casefold())
