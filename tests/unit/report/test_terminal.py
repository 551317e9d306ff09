"""The terminal's tables, as they come out of a pipe."""

from io import StringIO

import pytest
from rich.console import Console

from unisafebench.metrics.counts import Tally
from unisafebench.metrics.groups import RATES
from unisafebench.metrics.summary import Summary, summarize
from unisafebench.report.figures import digits
from unisafebench.report.terminal import print_summary


def printed(summary: Summary, width: int, **words: object) -> str:
    """Return what a console of this width that is no terminal shows."""
    file = StringIO()
    print_summary(Console(file=file, width=width), summary, **words)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_nothing_is_cut(summary: Summary, width: int) -> None:
    """At any width every task, rate and interval end is there in full, without colour codes."""
    text = printed(summary, width)
    assert "\x1b" not in text
    assert "…" not in text
    for task, group in summary.tasks.items():
        assert task in text
        for name in RATES:
            rate = group.rates[name]
            for value in (rate.rate, rate.low, rate.high):
                assert digits(value) in text


@pytest.mark.parametrize("width", [80, 200])
def test_fits_and_is_aligned(summary: Summary, width: int) -> None:
    """Table lines keep within the width, and the rows of the rates table end together."""
    lines = printed(summary, width).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("task "))
    rule = lines[start + 1]
    assert set(rule.strip()) == {"─"}
    assert len(rule) <= width
    rows = [line for line in lines[start:] if line.startswith(("text-", "all of these"))]
    assert all(len(row) <= len(rule) for row in rows[:3])


def test_wide_row(summary: Summary) -> None:
    """One line for a task: 3 of 8 and 7 of 8 contextual unsafe, 1 blocked, of 20 asked.

    Text generation has 20 samples asked, 16 with both verdicts: C-U 10/16, C-R 3/16, I-U 3/16,
    B-S 6/16.
    """
    row = next(
        line for line in printed(summary, 200).splitlines() if line.startswith("text-generation")
    )
    # One of the 19 is pending, more than 3 %: the row is marked.
    assert row.split()[:7] == ["text-generation", "†", "19", "16", "84.2", "%", "62.5"]
    for figure in ("62.5 %", "18.8 %", "37.5 %"):
        assert figure in row


def test_headline_names_its_tasks(summary: Summary) -> None:
    """The pooled figure says over how many responses and which tasks."""
    text = printed(summary, 200)
    assert "pooled over 28 of 35 responses (80.0 %) to: text-generation, text-to-image" in text


def test_not_reportable_is_marked(summary: Summary) -> None:
    """The group's row carries the mark and the reason stands below."""
    text = printed(summary, 80)
    assert "text-to-image †" in text
    assert "the judge left 4 of 16 responses unscored, more than the 3 % allowed" in text


def test_not_supported_has_no_figures(summary: Summary) -> None:
    """A task that the model cannot do is a row of dashes."""
    row = next(
        line for line in printed(summary, 200).splitlines() if line.startswith("image-editing")
    )
    assert set(row.split()[1:]) == {"–"}  # noqa: RUF001 - the sign for "no value"


def test_words_are_plain_text(summary: Summary) -> None:
    """Brackets and control codes in names and notices are shown, not obeyed."""
    text = printed(
        summary, 80, title="m[red]x\x1b[31m", protocol="paper", notices=["judge [b]demo[/b]\u202e"]
    )
    assert "m[red]x⟦U+001B⟧[31m · protocol paper" in text
    assert "! judge [b]demo[/b]⟦U+202E⟧" in text


def test_twins(summary: Summary) -> None:
    """C-R 3/16 on unsafe samples, 1/4 on twins: the balanced score is -0.06."""
    row = [line for line in printed(summary, 80).splitlines() if line.endswith("-0.06")]
    assert len(row) == 2
    assert "25.0 %" in row[0]


def test_nothing_asked() -> None:
    """A summary of nothing prints dashes, not zeros, and says so."""
    text = printed(summarize(Tally()), 80)
    assert "to: no task" in text
    assert "0.0 %" not in text
    assert "Not reportable" in text


def test_several_responses(repeated: Summary) -> None:
    """0, 1 and 3 of 3 unsafe: one sample never, one sometimes, one always; 2 of 3 at @3."""
    text = printed(repeated, 80)
    (row, _) = [line for line in text.splitlines() if "3 of 3" in line and " C-U" in line]
    # (0 + 1/3 + 1) / 3 = 44.4 %; between 2/9 and within 1/9 of the variance: (7/27 ...) by hand.
    assert row.split()[:9] == ["text-generation", "C-U", "3", "of", "3", "1", "1", "1", "44.4"]
    assert "@3 66.7" in row
    assert "bootstrap over samples, 3 responses to each" in text


def test_attempted_beside_all(summary: Summary) -> None:
    """10 of 16 are unsafe; of 13 attempted ones they are 10."""
    text = printed(summary, 80)
    (row,) = [
        line for line in text.splitlines() if line.startswith("text-generation") and " of " in line
    ]
    assert "13 of 15" in row
    assert "76.9" in row
