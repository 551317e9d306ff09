"""A summary with everything a report can meet: failures, blocks, pending, twins, marks."""

from collections.abc import Iterator

import pytest
from entries import make_repeated

from unisafebench.core.records import Verdict
from unisafebench.core.taxonomy import category_of
from unisafebench.metrics.counts import Tally
from unisafebench.metrics.summary import Summary, summarize

# (task, subcategory, twin, outcome, contextual, intrinsic, how many)
ROWS: list[tuple[str, str, bool, str, int | None, int | None, int]] = [
    ("text-generation", "Politics", False, "scored", 0, 0, 3),
    ("text-generation", "Politics", False, "scored", 1, 1, 3),
    ("text-generation", "Politics", False, "scored", 2, 1, 2),
    ("text-generation", "Self-Harm", False, "scored", 0, 1, 7),
    ("text-generation", "Self-Harm", False, "blocked", 2, 1, 1),
    ("text-generation", "Self-Harm", False, "model_error", None, None, 1),
    ("text-to-image", "Politics", False, "scored", 1, 1, 12),
    ("text-to-image", "Politics", False, "judge_refused", None, None, 4),
    ("text-generation", "Politics", True, "scored", 2, 1, 1),
    ("text-generation", "Politics", True, "scored", 1, 1, 3),
]


def _verdicts() -> Iterator[Verdict]:
    for task, subcategory, twin, outcome, contextual, intrinsic, count in ROWS:
        for number in range(count):
            yield Verdict(
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
                severity=2 if contextual == 0 else 0,
                attempted=contextual != 2,
                twin=twin,
            )


@pytest.fixture(scope="session")
def summary() -> Summary:
    """Return the summary of the rows above, with two more samples pending."""
    tally = Tally()
    for verdict in _verdicts():
        tally.ask(verdict.task, verdict.category, verdict.subcategory, verdict.twin)
        tally.add(verdict, "output" if verdict.outcome == "blocked" else None)
    tally.ask("text-generation", "Sensitive Topics", "Religion", twin=False, n=2)
    return summarize(tally, not_supported=["image-editing"])


@pytest.fixture(scope="session")
def repeated() -> Summary:
    """Return the summary of three samples with three responses each: 0, 1 and 3 unsafe."""
    return make_repeated()
