"""What a pipeline tells whoever watches it."""

from typing import Protocol

__all__ = ["Progress", "Silent", "Stop"]


class Progress(Protocol):
    """A display of the stages of a run."""

    def begin(self, stage: str, total: int, done: int) -> None:
        """A stage starts: `done` of its `total` records were made by an earlier invocation."""

    def advance(self, outcome: str) -> None:
        """One more record of the stage is on disk."""

    def end(self) -> None:
        """The stage is over."""

    def note(self, message: str) -> None:
        """Something that the user should know."""


class Silent:
    """A display that shows nothing."""

    def begin(self, stage: str, total: int, done: int) -> None:
        """Show nothing."""

    def advance(self, outcome: str) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Show nothing."""


class Stop:
    """A request to stop after what is in flight, made from a signal handler."""

    def __init__(self) -> None:
        self.requested = False

    def request(self) -> None:
        """Ask the pipeline to take up nothing new."""
        self.requested = True
