"""What a user is told of workers while a run goes on, and how often each thing happened."""

import sys
from collections import Counter
from collections.abc import Callable

__all__ = ["Notices", "print_notice"]


def print_notice(text: str) -> None:
    """Tell it on stderr, for want of a better place."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Notices:
    """Counts what happens; the first of each kind is told, so that a noisy worker floods nothing.

    Args:
        tell: shows a line to the user.
    """

    def __init__(self, tell: Callable[[str], None] = print_notice) -> None:
        self.tell = tell
        self.counts: Counter[str] = Counter()

    def add(self, kind: str, text: str, *, always: bool = False) -> None:
        """Count one, and tell it if it is the first of its kind."""
        self.counts[kind] += 1
        if always:
            self.tell(text)
        elif self.counts[kind] == 1:
            self.tell(f"{text} Further ones are only counted and logged.")

    def count(self, kind: str) -> None:
        """Count one that no one needs to be told of."""
        self.counts[kind] += 1
