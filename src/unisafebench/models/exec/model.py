"""`exec:COMMAND`: the model behind workers, as every adapter is used."""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from contextlib import suppress
from itertools import count
from pathlib import Path

from unisafebench.core.errors import PreflightError, UsageError
from unisafebench.core.records import PictureSeen
from unisafebench.media.pictures import Picture
from unisafebench.models.base import Capabilities, ModelError, Output, Request
from unisafebench.models.exec.jobs import Given
from unisafebench.models.exec.notices import Notices, print_notice
from unisafebench.models.exec.pictures import fitted, handed_over, received
from unisafebench.models.exec.pool import Pool
from unisafebench.models.exec.protocol import (
    PROTOCOL,
    Base64,
    Hello,
    SampleMessage,
    kind_of,
)
from unisafebench.models.exec.settings import ExecSettings, read_settings
from unisafebench.models.exec.thread import LoopThread
from unisafebench.models.exec.worker import StartError
from unisafebench.models.options import Options

__all__ = ["ExecModel", "create"]

# So long a start goes without a word; models take minutes to load.
_PATIENCE_S = 5.0


class ExecModel:
    """A model behind worker processes.

    The first one runs from the start on, since its hello says what the model can do. All of them
    end with `aclose`, or else with the interpreter.

    Args:
        name: `exec:COMMAND` as the user wrote it.
        settings: how the workers are started and driven.
    """

    def __init__(self, name: str, settings: ExecSettings) -> None:
        self.name = name
        self._notices = Notices()
        self._scratch = Path(tempfile.mkdtemp(prefix="unisafebench-exec-")).resolve()
        logs = self._scratch if settings.log is None else _made(settings.log)
        self._pool = Pool(settings, logs, self._notices)
        self._thread = LoopThread("exec-workers")
        self._numbers = count()
        atexit.register(self._end)
        try:
            self._hello = self._wait_for_hello(settings.hello_timeout)
        except BaseException:
            self._end()
            raise
        self.capabilities: Capabilities = self._hello.can

    @property
    def settings(self) -> Mapping[str, object]:
        """What the worker said of itself, for the manifest."""
        hello = self._hello
        known = {"worker": hello.name, "revision": hello.revision, "settings": hello.settings}
        return {"protocol": PROTOCOL} | {name: value for name, value in known.items() if value}

    @property
    def learned(self) -> dict[str, object]:
        """How often each thing happened: starts, crashes, answers that were dropped."""
        return dict(self._notices.counts)

    async def generate(self, request: Request) -> Output:
        """Answer one sample; see `Model.generate`."""
        if self._thread.stopped:
            raise ModelError("the workers were ended before this sample was put to one.")
        directory = self._scratch / f"sample-{next(self._numbers)}"
        try:
            pictures = await asyncio.to_thread(fitted, request.pictures)
            message = await asyncio.to_thread(self._message, request, pictures, directory)
            asked = self._thread.submit(self._pool.ask(message, directory))
            given = await asyncio.wrap_future(asked)
            images = await asyncio.to_thread(received, given.answer.images, given.output_dir)
        finally:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
        return _output(given, images, self._hello, pictures)

    async def report_to(self, directory: Path, tell: Callable[[str], None]) -> None:
        """Keep the logs in a directory, unless the user named one, and tell notices to `tell`.

        Args:
            directory: the logs become `logs/worker-N.log` in it.
            tell: called with a line for the user, in the caller's event loop.
        """
        loop = asyncio.get_running_loop()

        def hand_over(text: str) -> None:
            try:
                loop.call_soon_threadsafe(tell, text)
            except RuntimeError:  # the loop is closed: whoever listened is gone
                print_notice(text)

        moved = self._pool.report_to(directory / "logs", hand_over)
        await asyncio.wrap_future(self._thread.submit(moved))

    async def aclose(self) -> None:
        """End the workers and wait for them."""
        if self._thread.stopped:
            return
        await asyncio.wrap_future(self._thread.submit(self._pool.close()))
        await asyncio.to_thread(self._end)

    def _wait_for_hello(self, seconds: float) -> Hello:
        start = self._thread.submit(self._pool.open())
        try:
            if start not in wait([start], _PATIENCE_S).done:
                text = f"waiting for the worker's hello, up to {seconds:g} seconds"
                print_notice(f"{self.name}: {text} (log: {self._pool.log})")
            return start.result()
        except StartError as error:
            raise PreflightError(f"the worker of {self.name!r} cannot be used: {error}") from error

    def _end(self) -> None:
        """End what still runs, at once if that was tried before; may be called twice."""
        if self._thread.stopped:
            return
        self._thread.submit(self._pool.close()).result()
        self._thread.stop()
        atexit.unregister(self._end)
        for directory in self._scratch.glob("sample-*"):
            shutil.rmtree(directory, ignore_errors=True)
        # It stays when a log is in it.
        with suppress(OSError):
            self._scratch.rmdir()

    def _message(
        self, request: Request, pictures: tuple[Picture, ...], directory: Path
    ) -> SampleMessage:
        """Return what a worker is told of a sample: neither its id nor its labels."""
        try:
            directory.mkdir()
        except OSError as error:
            raise ModelError(f"{directory} cannot be made: {error.strerror}.") from error
        images: tuple[str | Base64, ...]
        if self._hello.images == "path":
            images = handed_over(pictures, directory)
        else:
            images = tuple(Base64.of(picture.data) for picture in pictures)
        return SampleMessage(
            id="",
            task=kind_of(request.task),
            prompt=request.sample.prompt,
            turns=request.sample.turns,
            images=images,
            seed=request.seed,
            epoch=request.epoch,
            output_dir="",
        )


def create(name: str, options: Mapping[str, str]) -> ExecModel:
    """Start a worker and make the model behind it once it has said hello.

    Args:
        name: `exec:COMMAND`.
        options: the settings that `docs/exec.md` lists.

    Raises:
        UsageError: there is no command in the name, or an option is unusable.
        PreflightError: the worker said no hello that it can be used with.
    """
    return ExecModel(name, read_settings(name, Options.of(options)))


def _made(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the directory of the logs, {str(directory)!r}, cannot be made: {error.strerror}."
        ) from error
    return directory


def _output(
    given: Given, images: tuple[bytes, ...], hello: Hello, pictures: tuple[Picture, ...]
) -> Output:
    """Return an answer as every adapter gives it.

    Raises:
        ModelError: the worker says that the model failed.
    """
    answer = given.answer
    if answer.status == "model_error":
        raise ModelError(answer.error or "the worker says that the model failed, but not why.")
    blocked = answer.status == "blocked"
    error = answer.error
    if answer.status == "invalid_input" and not error:
        error = "the worker says that the input is unusable, but not why"
    stated = error or answer.stop_reason
    return Output(
        text=answer.text,
        images=images,
        status=answer.status,
        stop_reason=answer.stop_reason if stated or not blocked else "blocked by the worker",
        blocked_side=(answer.blocked_side or "unknown") if blocked else None,
        error=error,
        usage=answer.usage,
        served_model=hello.name,
        sent={"task": given.message.task, "seed": given.message.seed, "epoch": given.message.epoch},
        pictures_sent=tuple(
            PictureSeen(sha256=each.sha256, width=each.width, height=each.height)
            for each in pictures
        ),
        details=answer.details,
    )
