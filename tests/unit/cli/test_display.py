"""Progress: a bar for each stage on a terminal, plain lines elsewhere."""

import io

import pytest
from rich.console import Console

from unisafebench.cli.display import Bars, Lines


def test_lines_say_where_a_stage_starts_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """Counts go on from what an earlier invocation did; odd outcomes are named, good ones not."""
    lines = Lines()
    lines.begin("verdicts", 5, 2)
    for outcome in ("scored", "empty", "empty"):
        lines.advance(outcome)
    lines.end()
    lines.end()
    first, last = capsys.readouterr().err.splitlines()
    assert first == "verdicts: 5, 2 of them already done"
    assert last.startswith("verdicts: 5/5, ")
    assert last.endswith("/s (empty 2)")


def test_a_stage_without_work_ends_silently(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was made, so there is no rate to print."""
    lines = Lines()
    lines.begin("responses", 3, 3)
    lines.end()
    assert capsys.readouterr().err == "responses: 3, 3 of them already done\n"


def test_quiet_lines_still_print_notes(capsys: pytest.CaptureFixture[str]) -> None:
    """Quiet leaves out progress, never a warning."""
    lines = Lines(quiet=True)
    lines.begin("responses", 3, 0)
    lines.advance("completed")
    lines.end()
    lines.note("something to know")
    assert capsys.readouterr().err == "something to know\n"


def test_bars_show_each_stage_once() -> None:
    """The bar of an earlier stage is not drawn again by a later one; the cursor comes back."""
    screen = io.StringIO()
    bars = Bars(Console(file=screen, force_terminal=True, width=120))
    for stage in ("responses", "intents"):
        bars.begin(stage, 2, 0)
        bars.advance("completed")
        bars.advance("blocked")
        bars.end()
    drawn = screen.getvalue()
    after_first = drawn[drawn.index("intents") :]
    assert "responses" not in after_first
    assert "blocked 1" in after_first
    assert drawn.count("\x1b[?25h") >= 2
