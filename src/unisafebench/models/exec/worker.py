"""One process of the user's program: started, heard, told, ended. Nothing here blocks.

A worker leads a session of its own, so that Ctrl-C on the terminal does not reach it, and whatever
it starts itself ends with it.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

import msgspec

from unisafebench.models.exec.log import WorkerLog
from unisafebench.models.exec.protocol import (
    BYE,
    Hello,
    HelloError,
    Line,
    Lines,
    Log,
    id_in,
    message_in,
    read_hello,
)

__all__ = ["Heard", "StartError", "Worker", "start_worker"]

T = TypeVar("T")

# A process that is gone closes its pipes, but one that it started outside its session may hold
# them; and one that closed its pipes may be about to go.
_LINGER_S = 0.5
_SHOWN = 200


class StartError(Exception):
    """A worker did not get as far as its hello; says why."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of what a worker says after its hello."""

    message: Callable[[dict[str, Any]], None]
    """A message of the type "response"."""
    garbled: Callable[[str, str], None]
    """An id that was answered in a line that cannot be read, and what is wrong with it."""
    noise: Callable[[str], None]
    """A line that is no message, for the log and the count."""


class Worker(asyncio.SubprocessProtocol):
    """A running process. Attributes end with it: a restart makes a new one."""

    def __init__(self, log: WorkerLog, max_line: int) -> None:
        self.log = log
        self.pid = 0
        self.hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()
        """Set once the process is gone and all that it wrote was read."""
        self.cause: str | None = None
        """Why we ended it, when we did."""
        self.heard: Heard | None = None
        self._lines = Lines(max_line)
        self._max_line = max_line
        self._transport: asyncio.SubprocessTransport | None = None
        self._stopping = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the process."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self.pid = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Read messages from stdout; stderr goes to the log."""
        if fd == 2:
            self.log.write(data)
            return
        for line in self._lines.feed(data):
            self._take(line)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's
        """Read what is left; give up a process that can no longer be talked to."""
        if fd == 1:
            for line in self._lines.close():
                self._take(line, ended=False)
        if fd in (0, 1) and not self._stopping:
            name = "stdin" if fd == 0 else "stdout"
            asyncio.get_running_loop().call_later(_LINGER_S, self.kill, f"it closed its {name}")

    def process_exited(self) -> None:
        """End what the process leaves behind, or its pipes would stay open."""
        self._signal(signal.SIGKILL)
        assert self._transport is not None  # noqa: S101 -- the process was there
        asyncio.get_running_loop().call_later(_LINGER_S, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's
        """Say that all is over."""
        if not self.hello.done():
            self.hello.set_exception(StartError(f"it ended before its hello: {self.ending}"))
            self.hello.exception()  # or asyncio complains when no one asks
        assert self._transport is not None  # noqa: S101 -- the process was there
        self._transport.close()
        self.ended.set()

    # What a pool calls.

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = None if self._transport is None else self._transport.get_returncode()
        if self.cause is not None:
            return self.cause
        if code is not None and code < 0:
            with suppress(ValueError):
                return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"

    def send(self, line: bytes) -> None:
        """Send a message; it is buffered as long as the worker reads nothing."""
        if self._transport is not None and not self.ended.is_set():
            self._stdin.write(line)

    def kill(self, cause: str) -> None:
        """End the process at once, and say why; without effect on one that is gone."""
        if self._transport is not None and self._transport.get_returncode() is None:
            self.cause = self.cause or cause
            self._signal(signal.SIGKILL)

    async def stop(self, grace: float, *, idle: bool) -> None:
        """End the process: in order when it is idle, and with signals when it will not.

        Args:
            grace: seconds between one step and the next.
            idle: it has nothing to do, so that it can be asked to end.
        """
        self._stopping = True
        if idle and not self.ended.is_set():
            self.send(BYE)
            self._stdin.close()
            await self._gone(grace)
        if not self.ended.is_set():
            self._signal(signal.SIGTERM)
            await self._gone(grace)
        if not self.ended.is_set():
            self.kill("it did not end when told to")
            await self.ended.wait()

    async def _gone(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), seconds)

    @property
    def _stdin(self) -> asyncio.WriteTransport:
        assert self._transport is not None  # noqa: S101 -- asked for after the start only
        return cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))

    def _signal(self, number: signal.Signals) -> None:
        # Group 0 would be our own.
        if self.pid > 0:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _take(self, line: Line, *, ended: bool = True) -> None:
        message = message_in(line.data) if line.whole else None
        if message is None:
            self._take_noise(line, ended=ended)
        elif not self.hello.done():
            try:
                self.hello.set_result(read_hello(message))
            except HelloError as error:
                self.hello.set_exception(StartError(str(error)))
        elif message["type"] == "log":
            self._take_log(message)
        elif message["type"] == "response" and self.heard is not None:
            self.heard.message(message)
        else:
            self._ignore(f"a message of the type {message['type']!r} out of its turn")

    def _take_noise(self, line: Line, *, ended: bool) -> None:
        # What a dying worker left half written is no answer: its sample is asked again.
        answered = id_in(line.data) if ended else None
        if answered is not None and self.heard is not None:
            problem = "is no valid JSON" if line.whole else f"is longer than {self._max_line} bytes"
            self.heard.garbled(answered, f"the line with its answer {problem}")
        if line.data.strip():
            kind = "a line that is no message" if line.whole else "the rest of a line too long"
            self._ignore(f"{kind}: {line.data[:_SHOWN].decode('utf-8', 'replace')!r}")

    def _take_log(self, message: dict[str, Any]) -> None:
        try:
            text = msgspec.convert(message, Log).text
        except msgspec.ValidationError as error:
            self._ignore(f"a log message: {error}")
        else:
            self.log.write(text.encode("utf-8", "replace") + b"\n")

    def _ignore(self, what: str) -> None:
        self.log.note(f"ignored on stdout: {what}")
        if self.heard is not None:
            self.heard.noise(what)


async def start_worker(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: WorkerLog,
    *,
    max_line: int,
    hello_timeout: float,
) -> Worker:
    """Start a process and wait until it has said hello.

    Raises:
        StartError: it cannot be started, ended, said something else, or nothing in time. None of
            it is left.
    """
    log.begin()
    loop = asyncio.get_running_loop()
    start = loop.subprocess_exec(
        lambda: Worker(log, max_line), *command, env=environment, start_new_session=True
    )
    try:
        _, worker = await _whole(start)
    except OSError as error:
        raise StartError(f"it cannot be started: {error.strerror}: {command[0]!r}") from error
    except ValueError as error:
        raise StartError(f"it cannot be started: {error}") from error
    try:
        async with asyncio.timeout(hello_timeout):
            await asyncio.shield(worker.hello)
    except BaseException as error:
        worker.kill("it was not needed any more")
        await _whole(worker.ended.wait())
        if not isinstance(error, TimeoutError):
            raise
        raise StartError(
            f"it said no hello within {hello_timeout:g} seconds. If it needs longer to load, "
            "set -M hello_timeout=SECONDS; if it said one, it must flush stdout after each line"
        ) from None
    return worker


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Do short work to its end: half of it would leave a process behind.

    When the caller is cancelled meanwhile, that takes effect where it waits next.
    """
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    current = asyncio.current_task()
    if cancelled and current is not None:
        current.cancel()
    return task.result()
