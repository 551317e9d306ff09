"""The place of one worker over all its starts, and the samples that it has."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from unisafebench.models.base import ModelError
from unisafebench.models.exec.jobs import Given, Job
from unisafebench.models.exec.log import WorkerLog
from unisafebench.models.exec.notices import Notices
from unisafebench.models.exec.protocol import Answer, Hello, SampleMessage, encode
from unisafebench.models.exec.settings import ExecSettings
from unisafebench.models.exec.worker import Heard, Worker, start_worker

__all__ = ["Blame", "Slot"]

Blame = Literal["crash", "timeout", "none"]
"""What an unanswered sample has to do with the end of its worker."""


class _Flight(msgspec.Struct, frozen=True, kw_only=True):
    """One sample that a worker has."""

    job: Job
    message: SampleMessage
    timer: asyncio.TimerHandle


class Slot:
    """One worker at a time.

    Args:
        number: counts the slots from 0.
        settings: how the worker is started and driven.
        log: its log.
        notices: takes what the user should know.
        landed: called whenever the worker has answered a sample.
    """

    def __init__(
        self,
        number: int,
        settings: ExecSettings,
        log: WorkerLog,
        notices: Notices,
        landed: Callable[[], None],
    ) -> None:
        self.log = log
        self.worker: Worker | None = None
        self.failed_starts = 0
        self._number = number
        self._settings = settings
        self._notices = notices
        self._landed = landed
        self._flights: dict[str, _Flight] = {}
        self._answered: set[str] = set()
        self._overdue: _Flight | None = None
        self._alone = False

    @property
    def load(self) -> int:
        """How many samples its worker has."""
        return len(self._flights)

    @property
    def ready(self) -> bool:
        """Whether its worker can take samples at all."""
        return self.worker is not None and self.worker.cause is None and not self._alone

    @property
    def timed_out(self) -> bool:
        """Whether its worker was ended for being too slow."""
        return self._overdue is not None

    async def start(self) -> Hello:
        """Start a worker and wait for its hello.

        Raises:
            StartError: it did not get so far.
        """
        worker = await start_worker(
            self._settings.command,
            self._environment(),
            self.log,
            max_line=self._settings.max_line,
            hello_timeout=self._settings.hello_timeout,
        )
        worker.heard = Heard(
            message=self._take,
            garbled=self._take_garbled,
            noise=lambda _: self._notices.count("lines ignored"),
        )
        self._answered, self._overdue, self._alone = set(), None, False
        self.worker = worker
        self._notices.count("starts")
        return worker.hello.result()

    def give(self, job: Job, number: str, *, alone: bool) -> None:
        """Send a sample to the worker.

        Args:
            job: the sample.
            number: a new id.
            alone: it gets no other until this one is answered.
        """
        assert self.worker is not None  # noqa: S101 -- it is ready
        output = job.directory / f"out-{number}"
        try:
            output.mkdir(parents=True)
        except OSError as error:
            job.fail(ModelError(f"the directory {output} cannot be made: {error.strerror}."))
            return
        self._alone = alone
        given = msgspec.structs.replace(job.message, id=number, output_dir=str(output))
        timer = asyncio.get_running_loop().call_later(self._settings.timeout, self._expire, number)
        self._flights[number] = _Flight(job=job, message=given, timer=timer)
        self.worker.send(encode(given))

    def take_back(self) -> Iterator[tuple[Job, Blame]]:
        """Yield the samples that the worker has not answered, and forget them."""
        flights, self._flights = self._flights, {}
        for flight in flights.values():
            flight.timer.cancel()
            if not flight.job.open:
                continue
            if self._overdue is None:
                yield flight.job, "crash"
            else:
                yield flight.job, "timeout" if flight is self._overdue else "none"

    def tell(self, kind: str, text: str, *, always: bool = False) -> None:
        """Tell the user something of this worker."""
        where = f"worker {self._number}: {text} (log: {self.log.path})"
        self._notices.add(kind, where, always=always)

    def _environment(self) -> dict[str, str]:
        own = {"UNISAFEBENCH_WORKER": str(self._number)}
        device = self._settings.devices[self._number]
        if device is not None:
            own["CUDA_VISIBLE_DEVICES"] = device
        return {**os.environ, **own}

    def _expire(self, number: str) -> None:
        if self.worker is not None and number in self._flights:
            self._overdue = self._overdue or self._flights[number]
            self.worker.kill(f"no answer within {self._settings.timeout:g} seconds")

    def _take(self, message: dict[str, Any]) -> None:
        """Take an answer."""
        number = message.get("id")
        flight = self._land(number if isinstance(number, str) else repr(number))
        if flight is None:
            return
        try:
            answer = msgspec.convert(message, Answer)
        except msgspec.ValidationError as error:
            flight.job.fail(ModelError(f"the worker's answer is unusable: {error}."))
        else:
            output = Path(flight.message.output_dir)
            flight.job.succeed(Given(answer=answer, output_dir=output, message=flight.message))
        self._landed()

    def _take_garbled(self, number: str, problem: str) -> None:
        """Take a line that is an answer to a sample and cannot be read."""
        if number in self._flights:
            flight = self._land(number)
            assert flight is not None  # noqa: S101 -- it is there
            flight.job.fail(ModelError(f"the worker's answer is unusable: {problem}."))
            self._landed()

    def _land(self, number: str) -> _Flight | None:
        """Return what was asked under an id, once; None when nothing is open under it."""
        flight = self._flights.pop(number, None)
        if flight is not None:
            flight.timer.cancel()
            self._answered.add(number)
            self._alone = False
            return flight
        if number in self._answered:
            kind, text = "answers given twice", "twice; the first answer stays."
        else:
            kind, text = "answers to nothing", "which it was not asked; the answer is dropped."
        text = f"it answered {number[:80]!r}, {text}"
        self.log.note(text)
        self.tell(kind, text)
        return None
