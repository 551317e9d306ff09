"""Processes of the command that are killed at an instant of their writing: a failpoint.

`Commands` starts this file as a process that has imported the command and forks one child for each
order, so that a hundred commands do not import everything a hundred times.

Every call that changes what is on the disk is an instant: writes to journals, renames, forcing to
the disk, cutting off. INSTANT is the number of the call at which the process is killed by SIGKILL:
"12" just before the twelfth, "12.4" when four tenths of what that call was to write are on the
disk, which is how a write is torn. "count:FILE" kills nothing and writes the number of calls into
FILE; "none" kills nothing. The command knows nothing of it: the calls of the operating system are
wrapped.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

__all__ = ["Commands", "Finished"]

_JOURNALS = ("responses.jsonl", "intents.jsonl", "verdicts.jsonl")


class _Failpoint:
    def __init__(self, instant: str) -> None:
        self.calls = 0
        self._at, self._part = 0, 0.0
        if instant[0].isdigit():
            whole, _, part = instant.partition(".")
            self._at, self._part = int(whole), float(f"0.{part or 0}")

    def reached(self) -> bool:
        self.calls += 1
        return self.calls == self._at

    def wrap(self, name: str) -> None:
        original: Callable[..., Any] = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if self.reached():
                _die()
            return original(*arguments, **named)

        setattr(os, name, call)

    def wrap_writes(self) -> None:
        original, journals = os.write, set[int]()
        opened = os.open

        def open_file(path: Any, *arguments: Any, **named: Any) -> int:
            file = opened(path, *arguments, **named)
            journals.discard(file)
            if Path(os.fsdecode(path)).name in _JOURNALS:
                journals.add(file)
            return file

        def write(file: int, data: Any) -> int:
            if file in journals and self.reached():
                original(file, bytes(data)[: round(len(data) * self._part)])
                _die()
            return original(file, data)

        os.open, os.write = open_file, write


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Finished(NamedTuple):
    """How a command ended: exit code, -9 when it was killed; what it wrote to the terminal."""

    code: int
    output: str


class Commands:
    """Runs commands in processes of their own, one after the other; a context manager."""

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.communicate(timeout=60)

    def __call__(self, directory: Path, instant: str, arguments: Sequence[str]) -> Finished:
        """Run a command in `directory` until its instant."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        output = directory / "terminal.txt"
        order = [str(directory), instant, str(output), *arguments]
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        return Finished(code, output.read_text(encoding="utf-8"))


def _run(instant: str, arguments: list[str]) -> None:
    command = importlib.import_module("unisafebench.cli.main").main
    failpoint = _Failpoint(instant)
    failpoint.wrap_writes()
    for name in ("replace", "fsync", "ftruncate"):
        failpoint.wrap(name)
    try:
        command(arguments)
    finally:
        if instant.startswith("count:"):
            Path(instant.removeprefix("count:")).write_text(str(failpoint.calls))


def _serve() -> None:
    """Fork a command for each order that comes, and say how it ended."""
    for name in ("cli.run", "cli.working", "models.openai", "report.terminal"):
        importlib.import_module(f"unisafebench.{name}")
    importlib.import_module("unisafebench.report.html")._environment().get_template(
        "report.html.j2"
    )
    for line in sys.stdin:
        directory, instant, output, *arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            os.chdir(directory)
            terminal = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(terminal, stream)
            _run(instant, arguments)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201 -- asked


if __name__ == "__main__":
    _serve()
