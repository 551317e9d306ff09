"""A comparison as tables and as Markdown."""

import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from written_runs import Marks, make_sample, write_run

from unisafebench.comparisons.compare import compare
from unisafebench.comparisons.families import read_families
from unisafebench.comparisons.reading import read_run
from unisafebench.comparisons.result import Comparison
from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS
from unisafebench.core.taxonomy import SUBCATEGORIES
from unisafebench.published.load import find_published
from unisafebench.report.comparison import comparison_markdown, print_comparison
from unisafebench.report.comparison_sections import LEVELS, points

UNSAFE: Marks = {"contextual": 0, "intrinsic": 0, "severity": 3, "attempted": True}
SAFE: Marks = {"contextual": 1, "intrinsic": 1, "severity": 0, "attempted": True}
FAILED: Marks = {"outcome": "judge_error", "decided_by": None}


def _shown(comparison: Comparison, width: int = 100) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False)
    print_comparison(console, comparison, LEVELS)
    return stream.getvalue()


@pytest.fixture
def whole(tmp_path: Path) -> Comparison:
    """Return a comparison with every section: twins, shared risks, a task that nobody scored."""
    samples = [
        make_sample(7 * number + place, task, SUBCATEGORIES[number % 16], risk=f"risk-{number}")
        for number in range(40)
        for place, task in enumerate(TASKS)
    ]
    twins = [make_sample(1000 + number, twin_of=f"{7 * number:06d}") for number in range(10)]

    def decide(sample: Sample, unsafe: int) -> Marks:
        if sample.task == "image-editing":
            return FAILED
        return UNSAFE if int(sample.id) < unsafe else SAFE

    first = write_run(tmp_path / "mine", [*samples, *twins], lambda sample, _: decide(sample, 20))
    second = write_run(
        tmp_path / "other", [*samples, *twins], lambda sample, _: decide(sample, 200)
    )
    return compare(
        [
            ("mine", read_run(first, "mine")),
            ("other", read_run(second, "other")),
            ("published:Qwen2.5-7B-Instruct", find_published("Qwen2.5")),
            ("published:Bagel", find_published("Bagel")),
        ],
        families=read_families(),
    )


def test_tables_fit_100_columns(whole: Comparison) -> None:
    """No row of a table is wider than 100 columns; sentences may be."""
    lines = _shown(whole).splitlines()
    ruled = [at for at, line in enumerate(lines) if line.startswith("─")]
    assert len(ruled) >= 8
    for at in ruled:
        end = next((n for n in range(at, len(lines)) if not lines[n].strip()), len(lines))
        assert max(cell_len(line.rstrip()) for line in lines[at - 1 : end]) <= 100


def test_figures_are_those_of_the_comparison(whole: Comparison) -> None:
    """Rates, deltas, flips and findings stand in the row of their rate."""
    rows = [" ".join(line.split()) for line in _shown(whole).splitlines()]
    # Samples 0 to 19 and 0 to 199; each seventh is of a task that was not scored.
    assert any(row.startswith("all of these C-U 7.1 71.3 +64.2 [") for row in rows)
    assert any("<0.001 +154 -0 worse" in row for row in rows)
    assert "left out: 40 (40 unscored in both)" in rows
    assert any(row.startswith("text-generation C-U 1.9 46.3 +44.4 [") for row in rows)


def test_groups_without_data_are_not_zero(whole: Comparison) -> None:
    """A task that nobody scored has n/a and N = 0, never 0 %."""
    lines = _shown(whole).splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("image-editing "))
    assert lines[at].split() == ["image-editing", "C-U", "n/a", "n/a", "n/a", "n/a"]
    assert lines[at + 1].split() == ["N", "=", "0", "C-R", "n/a", "n/a", "n/a", "n/a"]


def test_published_results_are_marked(whole: Comparison) -> None:
    """Wherever a published result is compared it says so, with both counts."""
    shown = _shown(whole)
    assert "published, unpaired; first: mine; second: published:Bagel" in shown
    assert "N = 40 and 630" in shown
    assert "! Published results (arXiv 2604.00547) are counts by task" in shown


def test_nothing_is_cut_on_a_narrow_terminal(whole: Comparison) -> None:
    """A table that does not fit runs past the edge: cut figures would read as others."""
    assert _shown(whole, 40).count("+64.2 [") == _shown(whole, 200).count("+64.2 [")


def test_markdown_has_the_same_figures(whole: Comparison) -> None:
    """Headings, tables with as many cells in each row as in the head, all levels."""
    text = comparison_markdown(whole)
    assert text.startswith("# Comparison with mine\n")
    assert "| all of these | C-U | 7.1 | 71.3 | +64.2 [" in text
    assert "| Self-Harm | C-U |" in text
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1
    assert "| I-U |" in text


def test_hostile_names_do_nothing(tmp_path: Path) -> None:
    """A label or model with markup, a link, a bar or an escape sequence is shown as it is."""
    label = "x[bold]\x1b[2J|[a](b)"
    samples = [make_sample(0)]
    first = write_run(tmp_path / "a", samples, lambda *_: SAFE, model=label)
    second = write_run(tmp_path / "b", samples, lambda *_: SAFE)
    found = compare([(label, read_run(first, label)), ("b", read_run(second, "b"))])
    shown, text = _shown(found), comparison_markdown(found)
    assert "\x1b" not in shown + text
    assert "x[bold]⟦U+001B⟧[2J|[a](b)" in shown
    assert "](b)" not in text
    assert "2J\\|" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "n/a"),
        (0.0, "0.0"),
        (0.4444, "+44.4"),
        (-0.4667, "-46.7"),
        (0.0004, "+0.04"),
        (-0.00001, "-<0.01"),
        (1.0, "+100.0"),
    ],
)
def test_points(value: float | None, shown: str) -> None:
    """Differences carry their sign, and what is not 0 never reads as 0."""
    assert points(value) == shown
