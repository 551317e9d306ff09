"""Which of the seven tasks a benchmark stands for: said by the user, never guessed."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from unisafebench.core.errors import UsageError
from unisafebench.core.tasks import TASKS, find_task

__all__ = [
    "SUGGESTIONS",
    "VQA",
    "in_words",
    "parse_mapping",
    "parse_metrics",
    "suggestion",
    "tasks_named",
]

VQA: tuple[str, ...] = tuple(task for task in TASKS if task.startswith("vqa-"))
"""The four visual question answering tasks, which the word `vqa` stands for in a map."""

SUGGESTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "text-generation": (
            "mmlu",
            "arc",
            "hellaswag",
            "gsm8k",
            "math",
            "ifeval",
            "bbh",
            "gpqa",
            "truthfulqa",
            "winogrande",
            "alpacaeval",
            "mtbench",
        ),
        "vqa": (
            "mmmu",
            "mmbench",
            "mmstar",
            "mmvet",
            "mathvista",
            "seedbench",
            "vqav2",
            "gqa",
            "textvqa",
            "chartqa",
            "docvqa",
            "ai2d",
            "realworldqa",
            "scienceqa",
            "pope",
            "hallusionbench",
            "ocrbench",
            "mme",
        ),
        "text-to-image": ("geneval", "dpgbench", "t2icompbench", "wise", "genaibench"),
        "image-editing": ("gedit", "imgedit", "magicbrush", "emuedit", "risebench", "kris"),
    }
)
"""What one may take for each task; only ever shown, never applied. Names without punctuation."""


def parse_mapping(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Read `BENCHMARK=TASK[,TASK...]`, as the option `--utility-map` has it.

    Raises:
        UsageError: not of that form, or a benchmark is there twice.
        UnknownNameError: no task has this name.
    """
    found: dict[str, tuple[str, ...]] = {}
    for each in texts:
        benchmark, equals, tasks = each.rpartition("=")
        if not equals or not benchmark.strip() or not tasks.strip():
            raise UsageError(
                f"--utility-map {each!r} is not of the form BENCHMARK=TASK, "
                "for example mmmu_val=vqa-dual-unsafe."
            )
        if benchmark.strip() in found:
            raise UsageError(f"--utility-map names the benchmark {benchmark.strip()!r} twice.")
        found[benchmark.strip()] = tasks_named(tasks, where=f"--utility-map {each!r}")
    return found


def parse_metrics(texts: Iterable[str]) -> dict[str, str]:
    """Read `METRIC` or `BENCHMARK=METRIC`, as the option `--utility-metric` has it.

    Returns:
        Metric by benchmark; the metric for all the others has the key "".

    Raises:
        UsageError: a benchmark, or all of them, are given two metrics.
    """
    found: dict[str, str] = {}
    for each in texts:
        benchmark, _, metric = each.rpartition("=")
        if not metric.strip():
            raise UsageError(f"--utility-metric {each!r} names no metric.")
        if benchmark.strip() in found:
            whose = f"the benchmark {benchmark.strip()!r}" if benchmark.strip() else "all of them"
            raise UsageError(f"--utility-metric gives two metrics for {whose}.")
        found[benchmark.strip()] = metric.strip()
    return found


def tasks_named(text: str, *, where: str = "") -> tuple[str, ...]:
    """Return the ids of the tasks in a list with commas; `vqa` stands for four of them.

    Raises:
        UnknownNameError: no task has this name.
    """
    found: list[str] = []
    for name in text.split(","):
        if name.strip().casefold() == "vqa":
            found += VQA
        elif name.strip():
            found.append(find_task(name.strip(), where=where).id)
    return tuple(dict.fromkeys(found))


def in_words(tasks: Iterable[str]) -> str:
    """Write a list of tasks for a message; the four of visual questions as one."""
    left = list(tasks)
    if set(VQA) <= set(left):
        place = left.index(next(task for task in left if task in VQA))
        left = [task for task in left if task not in VQA]
        left.insert(place, f"vqa ({len(VQA)} tasks)")
    return ", ".join(left)


def suggestion(benchmark: str) -> str:
    """Return the task, or `vqa`, that one may map a benchmark to; "" where nothing is known."""
    folded = re.sub(r"[^a-z0-9]+", "", benchmark.casefold())
    matches = [
        (len(name), task)
        for task, names in SUGGESTIONS.items()
        for name in names
        if folded.startswith(name)
    ]
    return max(matches)[1] if matches else ""
