"""The samples that wait for a worker, and which of them goes next.

A sample that was in flight when a worker died is a suspect: perhaps it is what kills workers. From
then on it is put to a worker that has nothing else, so that it is known which one it was. After a
death, and until the next answer, each worker takes one sample at a time, and samples that were
never in flight at a death come first: their answers show that workers as such are sound.
"""

import asyncio
from collections import deque
from pathlib import Path

import msgspec

from unisafebench.models.exec.protocol import Answer, SampleMessage

__all__ = ["MAX_CRASHES", "MAX_TIMEOUTS", "Given", "Job", "Queue"]

MAX_CRASHES = 3
"""So many deaths of workers while it was in flight fail a sample."""
MAX_TIMEOUTS = 2
"""So many times without an answer in time fail a sample."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, the directory in which its pictures must be, and what was sent for it."""

    answer: Answer
    output_dir: Path
    message: SampleMessage


class Job:
    """One sample from when it was asked until it is answered, over all its tries.

    Args:
        message: what is sent; id and output directory are put in at each try.
        directory: an own directory for its pictures.
    """

    def __init__(self, message: SampleMessage, directory: Path) -> None:
        self.message = message
        self.directory = directory
        self.result: asyncio.Future[Given] = asyncio.get_running_loop().create_future()
        self.crashes = 0
        self.timeouts = 0

    @property
    def open(self) -> bool:
        """Whether someone still waits for it."""
        return not self.result.done()

    def succeed(self, given: Given) -> None:
        """End it with an answer, unless it has ended."""
        if self.open:
            self.result.set_result(given)

    def fail(self, error: Exception) -> None:
        """End it with an error, unless it has ended."""
        if self.open:
            self.result.set_exception(error)


class Queue:
    """The samples that are in flight nowhere."""

    def __init__(self) -> None:
        self.filled = asyncio.Event()
        """Set while something waits."""
        self._fresh: deque[Job] = deque()
        self._suspects: deque[Job] = deque()

    def add(self, job: Job) -> None:
        """Add a sample that was just asked."""
        self._fresh.append(job)
        self.filled.set()

    def put_back(self, job: Job, *, suspect: bool) -> None:
        """Take back a sample that a worker has not answered."""
        if suspect:
            self._suspects.append(job)
        else:
            self._fresh.appendleft(job)
        self.filled.set()

    def drop(self, job: Job) -> None:
        """Forget a sample that no one waits for."""
        for jobs in (self._fresh, self._suspects):
            if job in jobs:
                jobs.remove(job)
        self._mark()

    def next(self, *, load: int, limit: int, doubted: bool) -> tuple[Job, bool] | None:
        """Return the next sample for a worker, and whether it gets no other beside it.

        Args:
            load: how many samples the worker has.
            limit: how many it takes.
            doubted: a worker died, and no answer has come since.
        """
        if self._suspects and not (doubted and self._fresh):
            found = None if load else (self._suspects.popleft(), True)
        elif self._fresh and load < (1 if doubted else limit):
            found = (self._fresh.popleft(), False)
        else:
            found = None
        self._mark()
        return found

    def fail(self, error: type[Exception], text: str) -> None:
        """End all of them with an error."""
        for job in (*self._fresh, *self._suspects):
            job.fail(error(text))
        self._fresh.clear()
        self._suspects.clear()
        self._mark()

    def _mark(self) -> None:
        if self._fresh or self._suspects:
            self.filled.set()
        else:
            self.filled.clear()
