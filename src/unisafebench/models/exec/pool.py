"""The workers of a model: started, given samples, replaced when they die.

All of it runs in one event loop.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from unisafebench.core.errors import EndpointUnusableError
from unisafebench.models.base import ModelError
from unisafebench.models.exec.jobs import MAX_CRASHES, MAX_TIMEOUTS, Given, Job, Queue
from unisafebench.models.exec.log import WorkerLog
from unisafebench.models.exec.notices import Notices
from unisafebench.models.exec.protocol import Hello, SampleMessage
from unisafebench.models.exec.settings import ExecSettings
from unisafebench.models.exec.slot import Blame, Slot
from unisafebench.models.exec.worker import StartError, Worker

__all__ = ["Pool"]

_MAX_STARTS = 3
_MAX_WAIT_S = 60.0


class Pool:
    """Workers that share one queue of samples.

    Args:
        settings: how they are started and driven.
        logs: the directory of their logs.
        notices: takes what the user should know.
    """

    def __init__(self, settings: ExecSettings, logs: Path, notices: Notices) -> None:
        self._settings = settings
        self._notices = notices
        self._slots = [
            Slot(
                number,
                settings,
                WorkerLog(logs / f"worker-{number}.log"),
                notices,
                self._answered,
            )
            for number in range(len(settings.devices))
        ]
        self._queue = Queue()
        self._opening: asyncio.Task[Hello] | None = None
        self._keepers: list[asyncio.Task[None]] = []
        self._hello: Hello | None = None
        # Workers that ended since the last answer.
        self._row = 0
        self._given = 0
        self._failure: str | None = None
        self._closing = False

    @property
    def log(self) -> Path:
        """Where the log of the first worker is."""
        return self._slots[0].log.path

    async def open(self) -> Hello:
        """Start the first worker and return its hello.

        Raises:
            StartError: it did not get so far.
        """
        self._opening = asyncio.create_task(self._slots[0].start())
        try:
            self._hello = await self._opening
        except StartError as error:
            raise StartError(self._slots[0].log.explain(f"{error}.")) from error
        return self._hello

    async def ask(self, message: SampleMessage, directory: Path) -> Given:
        """Put one sample to a worker, to another one if it dies, and return the answer.

        Args:
            message: the sample; id and output directory are put in at each try.
            directory: a directory of its own for its pictures.

        Raises:
            ModelError: the sample has had all its tries.
            EndpointUnusableError: the workers are of no use.
        """
        if self._failure is not None:
            raise EndpointUnusableError(self._failure)
        if self._closing:
            raise ModelError("the workers were ended before this sample was put to one.")
        if not self._keepers:
            self._keepers = [asyncio.create_task(self._keep(slot)) for slot in self._slots]
        job = Job(message, directory)
        self._queue.add(job)
        self._hand_out()
        try:
            return await job.result
        finally:
            self._queue.drop(job)

    async def report_to(self, logs: Path, tell: Callable[[str], None]) -> None:
        """Go on with the logs in another directory, and tell notices to `tell`."""
        self._notices.tell = tell
        if self._settings.log is None:
            for slot in self._slots:
                slot.log.move(logs / slot.log.path.name)

    async def close(self) -> None:
        """End all workers: in order at the first call, at once at a second one."""
        tasks = [*self._keepers, *([self._opening] if self._opening else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        workers = [(slot.worker, slot.load == 0) for slot in self._slots if slot.worker]
        if self._closing:
            for worker, _ in workers:
                worker.kill("the command ended")
        self._closing = True
        grace = self._settings.grace
        await asyncio.gather(*(worker.stop(grace, idle=idle) for worker, idle in workers))
        self._end_all(ModelError, "the workers were ended before this sample was answered.")

    # The life of a worker.

    async def _keep(self, slot: Slot) -> None:
        """Keep a worker in a slot as long as there is something to do for it."""
        try:
            while True:
                worker = slot.worker or await self._started(slot)
                if worker is None:
                    return
                self._hand_out()
                await worker.ended.wait()
                self._bury(slot, worker)
                await self._queue.filled.wait()
                await asyncio.sleep(self._pause(self._row))
        except EndpointUnusableError as error:
            self._give_up(str(error))

    async def _started(self, slot: Slot) -> Worker | None:
        """Return a new worker; None when the slot is given up.

        Raises:
            EndpointUnusableError: it was the last slot, or the worker is another than the first.
        """
        while slot.worker is None:
            try:
                hello = await slot.start()
            except StartError as error:
                slot.failed_starts += 1
                slot.tell("failed starts", f"{error}.")
                if slot.failed_starts >= _MAX_STARTS:
                    self._leave(slot, str(error))
                    return None
                await asyncio.sleep(self._pause(slot.failed_starts))
            else:
                self._check_same(hello)
        return slot.worker

    def _check_same(self, hello: Hello) -> None:
        if hello != self._hello:
            first, now = (msgspec.json.encode(each).decode() for each in (self._hello, hello))
            raise EndpointUnusableError(
                "a worker said another hello than the first, so that its answers would be those of "
                f"another model. First: {first}. Now: {now}. Repeat the command to start anew."
            )

    def _leave(self, slot: Slot, why: str) -> None:
        """Go on without a slot.

        Raises:
            EndpointUnusableError: it was the last one.
        """
        if all(other.failed_starts >= _MAX_STARTS for other in self._slots):
            text = f"no worker can be started any more: {why}."
            raise EndpointUnusableError(slot.log.explain(text))
        text = f"it failed to start {_MAX_STARTS} times and is given up; the others go on."
        slot.tell("workers given up", text, always=True)

    def _bury(self, slot: Slot, worker: Worker) -> None:
        """Take back what a worker had when it ended, and count its end.

        Raises:
            EndpointUnusableError: too many ended in a row without an answer.
        """
        self._row += 1
        slot.worker = None
        slot.failed_starts = 0
        slot.log.note(f"process {worker.pid} ended: {worker.ending}")
        text = f"it ended ({worker.ending}) and is started again; what it had is asked again."
        slot.tell("time-outs" if slot.timed_out else "crashes", text)
        for job, blame in slot.take_back():
            self._put_back(job, blame, slot.log, worker.ending)
        if self._row >= self._settings.max_crashes:
            text = (
                f"workers ended {self._row} times in a row without any answer, "
                f"last: {worker.ending}. If single samples are to blame, raise -M max_crashes."
            )
            raise EndpointUnusableError(slot.log.explain(text))

    def _put_back(self, job: Job, blame: Blame, log: WorkerLog, ending: str) -> None:
        job.crashes += blame == "crash"
        job.timeouts += blame == "timeout"
        if job.crashes >= MAX_CRASHES:
            text = f"workers died {MAX_CRASHES} times while they had this sample, last: {ending}."
            job.fail(ModelError(log.explain(text)))
        elif job.timeouts >= MAX_TIMEOUTS:
            job.fail(ModelError(log.explain(f"{ending}, {MAX_TIMEOUTS} times.")))
        else:
            self._queue.put_back(job, suspect=blame != "none")

    def _pause(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row."""
        if failures <= 1:
            return 0.0
        return min(self._settings.backoff * 2.0 ** min(failures - 2, 10), _MAX_WAIT_S)

    def _give_up(self, why: str) -> None:
        """End everything: no sample can be answered any more."""
        self._failure = why
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.kill("the workers are given up")
        for keeper in self._keepers:
            if keeper is not asyncio.current_task():
                keeper.cancel()
        self._end_all(EndpointUnusableError, why)

    def _end_all(self, error: type[Exception], text: str) -> None:
        self._queue.fail(error, text)
        for slot in self._slots:
            for job, _ in slot.take_back():
                job.fail(error(text))

    # Samples and answers.

    def _answered(self) -> None:
        self._row = 0
        self._hand_out()

    def _hand_out(self) -> None:
        """Give samples to workers that have room, evenly."""
        while self._hand_one():
            pass

    def _hand_one(self) -> bool:
        """Give one sample to the least busy worker that may take one."""
        assert self._hello is not None  # noqa: S101 -- the pool is open
        ready = (slot for slot in self._slots if slot.ready)
        for slot in sorted(ready, key=lambda slot: slot.load):
            limit, doubted = self._hello.max_in_flight, self._row > 0
            found = self._queue.next(load=slot.load, limit=limit, doubted=doubted)
            if found is not None:
                job, alone = found
                self._given += 1
                slot.give(job, str(self._given), alone=alone)
                return True
        return False
