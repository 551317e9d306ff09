"""Progress on stderr: a bar on a terminal, plain lines when piped."""

import time
from collections import Counter

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

__all__ = ["Bars", "Lines", "open_display"]

_EVERY_S = 5.0
_GOOD = frozenset({"completed", "written", "scored"})


def open_display(*, quiet: bool) -> "Bars | Lines":
    """Return the display that fits where stderr goes."""
    console = Console(stderr=True)
    return Bars(console) if console.is_terminal and not quiet else Lines(quiet=quiet)


def _others(outcomes: Counter[str]) -> str:
    """Name the outcomes that a user may want to know of while it runs."""
    rare = [f"{name} {count}" for name, count in outcomes.items() if name not in _GOOD]
    return ", ".join(rare)


def _new_progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[others]}", style="yellow"),
        console=console,
    )


class Bars:
    """A bar for each stage, with rate, odd outcomes and the time that is left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = _new_progress(console)
        self._stage: TaskID | None = None
        self._outcomes: Counter[str] = Counter()
        self._made = 0
        self._started = 0.0

    def begin(self, stage: str, total: int, done: int) -> None:
        """Show a new bar."""
        self._outcomes.clear()
        self._made, self._started = 0, time.monotonic()
        # One display for each stage: a display that is started again repeats its earlier bars.
        self._progress = _new_progress(self._console)
        self._progress.start()
        self._stage = self._progress.add_task(
            stage, total=total, completed=done, rate="", others=""
        )

    def advance(self, outcome: str) -> None:
        """Move the bar on by one."""
        if self._stage is None:
            return
        self._outcomes[outcome] += 1
        self._made += 1
        seconds = time.monotonic() - self._started
        rate = f"{self._made / seconds:,.1f}/s" if seconds > 0 else ""
        self._progress.update(self._stage, advance=1, rate=rate, others=_others(self._outcomes))

    def end(self) -> None:
        """Leave the bar as it is."""
        self._progress.stop()

    def note(self, message: str) -> None:
        """Print a message above the bars."""
        self._progress.console.print(message, markup=False, highlight=False)


class Lines:
    """A line when a stage starts and ends, and one every few seconds between."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._stage = ""
        self._total = self._done = self._made = 0
        self._outcomes: Counter[str] = Counter()
        self._started = self._shown = 0.0

    def begin(self, stage: str, total: int, done: int) -> None:
        """Print where the stage starts."""
        self._stage, self._total, self._done, self._made = stage, total, done, 0
        self._outcomes.clear()
        self._started = self._shown = time.monotonic()
        again = f", {done} of them already done" if done else ""
        self._say(f"{stage}: {total}{again}")

    def advance(self, outcome: str) -> None:
        """Count one; print a line now and then."""
        self._made += 1
        self._outcomes[outcome] += 1
        if time.monotonic() - self._shown >= _EVERY_S:
            self._shown = time.monotonic()
            self._say(self._line())

    def end(self) -> None:
        """Print how the stage ended, if anything was done in it; said once, however often asked."""
        if self._made:
            self._say(self._line())
            self._done += self._made
            self._made = 0

    def note(self, message: str) -> None:
        """Print a message; messages are printed even when quiet."""
        click.echo(message, err=True)

    def _line(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-9)
        others = _others(self._outcomes)
        return (
            f"{self._stage}: {self._done + self._made}/{self._total}, "
            f"{self._made / seconds:,.1f}/s{f' ({others})' if others else ''}"
        )

    def _say(self, line: str) -> None:
        if not self._quiet:
            click.echo(line, err=True)
