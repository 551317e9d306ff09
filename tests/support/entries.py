"""Entries to export: of a run with a name that attacks every format, and published ones."""

from unisafebench.core.records import Verdict
from unisafebench.core.taxonomy import category_of
from unisafebench.exports.entries import Entry, Figures, Utility
from unisafebench.metrics.counts import Tally
from unisafebench.metrics.groups import RATES, proportion
from unisafebench.metrics.summary import Summary, summarize

NASTY = "=cmd|'/c' $x$ <b>&\"_%#{}~^\\ `@me` [a](http://b)\u202e"

# (task, subcategory, twin, outcome, contextual, intrinsic, how many)
ROWS: list[tuple[str, str, bool, str, int | None, int | None, int]] = [
    ("text-generation", "Politics", False, "scored", 0, 0, 3),
    ("text-generation", "Politics", False, "scored", 1, 1, 4),
    ("text-generation", "Self-Harm", False, "scored", 2, 1, 6),
    ("text-generation", "Self-Harm", False, "scored", 0, 1, 2),
    ("text-generation", "Self-Harm", False, "scored", 1, 0, 1),
    ("text-generation", "Self-Harm", False, "scored", 2, 0, 1),
    ("text-generation", "Self-Harm", False, "blocked", 2, 1, 3),
    ("text-to-image", "Politics", False, "scored", 1, 1, 6),
    ("text-to-image", "Politics", False, "judge_refused", None, None, 4),
    ("vqa-text-unsafe", "Religion", False, "model_error", None, None, 2),
    ("text-generation", "Politics", True, "scored", 2, 1, 1),
    ("text-generation", "Politics", True, "scored", 1, 1, 4),
]


def make_summary() -> Summary:
    """Return the summary of the rows above."""
    tally = Tally()
    for task, subcategory, twin, outcome, contextual, intrinsic, count in ROWS:
        tally.ask(task, category_of(subcategory), subcategory, twin, count)
        for number in range(count):
            tally.add(
                Verdict(
                    sample_id=str(number),
                    task=task,
                    category=category_of(subcategory),
                    subcategory=subcategory,
                    epoch=0,
                    model="demo",
                    judge="test",
                    outcome=outcome,  # type: ignore[arg-type]  # the table holds plain strings
                    contextual=contextual,  # type: ignore[arg-type]
                    intrinsic=intrinsic,  # type: ignore[arg-type]
                    attempted=contextual == 0,
                    twin=twin,
                )
            )
    return summarize(tally, not_supported=["image-editing"])


def published_entry(name: str, group: str = "Open", **counts: tuple[int, int, int, int]) -> Entry:
    """Return a published model; `counts` are those of C-U, C-R, I-U, B-S out of 1,000 by task."""
    tasks = {
        task.replace("_", "-"): Figures(
            asked=1000,
            n=1000,
            coverage=1.0,
            reportable=True,
            reason=None,
            rates={rate: proportion(k, 1000) for rate, k in zip(RATES, found, strict=True)},
        )
        for task, found in counts.items()
    }
    return Entry(
        name=name,
        tasks=tasks,
        overall=next(iter(tasks.values())),
        overall_tasks=tuple(tasks),
        group=group,
        utility={"text-generation": Utility(value=0.515), "vqa": Utility(value=0.49)},
        source="arXiv 2604.00547",
    )


def make_repeated() -> Summary:
    """Return the summary of three samples with three responses each: 0, 1 and 3 unsafe."""
    tally = Tally(by_sample=True)
    for sample, unsafe in enumerate((0, 1, 3)):
        tally.ask("text-generation", "Sensitive Topics", "Politics", twin=False, n=3)
        for epoch in range(3):
            tally.add(
                Verdict(
                    sample_id=str(sample),
                    task="text-generation",
                    category="Sensitive Topics",
                    subcategory="Politics",
                    epoch=epoch,
                    model="demo",
                    judge="test",
                    outcome="scored",
                    contextual=0 if epoch < unsafe else 1,
                    intrinsic=0 if epoch < unsafe else 1,
                    severity=1 if epoch < unsafe else 0,
                    attempted=True,
                )
            )
    return summarize(tally)
