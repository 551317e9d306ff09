"""The directory of a run: its files, and the lock that keeps a second process out."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from unisafebench.core.errors import RunError, RunLockedError
from unisafebench.core.keys import KeyIndex
from unisafebench.media.store import ImageStore

__all__ = ["RunDirectory"]


class RunDirectory:
    """Paths of a run's files. Nothing is made on disk before `create`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = path / "manifest.json"
        self.samples = path / "samples.jsonl"
        self.responses = path / "responses.jsonl"
        self.intents = path / "intents.jsonl"
        self.verdicts = path / "verdicts.jsonl"
        self.summary = path / "summary.json"
        self.report = path / "report.html"
        self.images = ImageStore(path)
        self._indexes: dict[Path, tuple[tuple[int, int], KeyIndex]] = {}

    def index(self, journal: Path, make: Callable[[], KeyIndex]) -> KeyIndex:
        """Return the index of a journal, made anew only when the journal has changed."""
        if not journal.exists():
            return make()
        found = journal.stat()
        version = (found.st_size, found.st_mtime_ns)
        kept = self._indexes.get(journal)
        if kept is None or kept[0] != version:
            kept = self._indexes[journal] = (version, make())
        return kept[1]

    def create(self) -> None:
        """Make the directory.

        Raises:
            RunError: it cannot be made or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"the run directory {self.path} cannot be made: {error.strerror}. "
                "Choose another with --output."
            ) from error
        if not os.access(self.path, os.W_OK):
            raise RunError(
                f"the run directory {self.path} is read-only. Choose another with --output."
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the lock goes with the process, however it ends.

        Raises:
            RunLockedError: another process holds it.
            RunError: the directory cannot be made or written.
        """
        self.create()
        path = self.path / "run.lock"
        try:
            file = path.open("a")
        except OSError as error:
            raise RunError(
                f"{path} cannot be written: {error.strerror}. Choose another directory with "
                "--output."
            ) from error
        with file as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunLockedError(
                    f"another process is working on {self.path}. Wait for it to end, "
                    "or choose another directory with --output."
                ) from None
            yield
