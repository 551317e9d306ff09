"""However a command ends, its workers end with it, and none is left as a zombie."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from exec_workers import asked, gone, opened

from unisafebench.models.base import ModelError
from unisafebench.models.exec import create

WorkerOf = Callable[[str], str]

# What a worker of these tests does first: it says who it is, in a file.
PID = """
    def note(name, text):
        with open(os.path.join(os.path.dirname(sys.argv[0]), name), "w") as file:
            file.write(text)
    note("pid", str(os.getpid()))
"""
IDLE = f"""{PID}
    hello()
    for sample in samples():
        respond(sample, text="good")
"""
_DEADLINE_S = 60.0


def wait_for(happened: Callable[[], bool]) -> None:
    """Return as soon as something has happened."""
    until = time.monotonic() + _DEADLINE_S
    while not happened():
        assert time.monotonic() < until, "it has not happened"
        time.sleep(0.001)


def pid_in(directory: Path) -> int:
    """Return the process id that the worker wrote."""
    return int((directory / "pid").read_text(encoding="utf-8"))


async def test_a_worker_is_asked_to_end(worker_of: WorkerOf, tmp_path: Path) -> None:
    """It hears "bye", then the end of its stdin, and has time to put things away."""
    name = worker_of(f"""{PID}
    hello()
    note("heard", sys.stdin.read())
    """)
    async with opened(name):
        assert not gone(pid_in(tmp_path))
    assert (tmp_path / "heard").read_text(encoding="utf-8") == '{"type":"bye"}\n'
    assert gone(pid_in(tmp_path))


async def test_a_worker_that_will_not_end_is_killed(worker_of: WorkerOf, tmp_path: Path) -> None:
    """Neither the end of stdin nor SIGTERM moves it; what it started itself ends with it."""
    name = worker_of(f"""{PID}
    signal.signal(signal.SIGTERM, lambda *_: note("told", "SIGTERM"))
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"])
    note("child", str(child.pid))
    hello()
    while True:
        signal.pause()
    """)
    async with opened(name, grace=0.2):
        child = int((tmp_path / "child").read_text(encoding="utf-8"))
        assert not gone(child)
    assert (tmp_path / "told").read_text(encoding="utf-8") == "SIGTERM"
    assert gone(pid_in(tmp_path))
    # An orphan's last parent is another process, which may take a moment to reap it.
    wait_for(lambda: gone(child) or _is_zombie(child))


def _is_zombie(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


async def test_a_worker_with_work_no_one_waits_for_is_not_waited_for(
    worker_of: WorkerOf, tmp_path: Path
) -> None:
    """After a run is broken off, SIGTERM comes at once: an answer would come too late."""
    name = worker_of(f"""{PID}
    hello()
    for sample in samples():
        note("busy", "")
        signal.pause()
    """)
    async with opened(name, grace=3600) as model:
        task = asyncio.create_task(model.generate(asked("endless")))
        await asyncio.to_thread(wait_for, (tmp_path / "busy").exists)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert gone(pid_in(tmp_path))


async def test_what_still_waits_when_a_model_is_closed_hears_of_it(worker_of: WorkerOf) -> None:
    """No caller waits for ever."""
    name = worker_of("hello()\nsignal.pause()")
    async with opened(name) as model:
        waiting = [asyncio.create_task(model.generate(asked(f"{n}"))) for n in range(3)]
        await asyncio.to_thread(wait_for, lambda: any(model._scratch.glob("*/out-*")))
    for each in waiting:
        with pytest.raises(ModelError, match="were ended before this sample"):
            await each


async def test_nothing_is_left_of_the_samples(worker_of: WorkerOf) -> None:
    """Their directories go with the answers; without a log the last directory goes as well."""
    async with opened(worker_of(IDLE)) as model:
        await model.generate(asked("any", "vqa-text-unsafe"))
        assert list(model._scratch.iterdir()) == []
    assert not model._scratch.exists()


async def test_logs_go_where_the_run_is(worker_of: WorkerOf, tmp_path: Path) -> None:
    """What was written before the run was there is in it too; notices reach its display."""
    name = worker_of("""
    sys.stderr.write("loading\\n")
    hello()
    for sample in samples():
        sys.stderr.write("answering\\n")
        sys.stderr.flush()
        say(type="response", id="999")
        respond(sample, text="good")
    """)
    told: list[str] = []
    async with opened(name) as model:
        await model.report_to(tmp_path / "run", told.append)
        await model.generate(asked("any"))
        await asyncio.sleep(0)
    log = tmp_path / "run" / "logs" / "worker-0.log"
    assert log.read_text(encoding="utf-8") == (
        "loading\nanswering\n"
        "[unisafebench] it answered '999', which it was not asked; the answer is dropped.\n"
    )
    (notice,) = told
    assert notice == (
        "worker 0: it answered '999', which it was not asked; the answer is dropped. "
        f"(log: {log}) Further ones are only counted and logged."
    )


PROGRAM = """
import signal
import sys
# Ignored where the tests were started in the background of a shell.
signal.signal(signal.SIGINT, signal.default_int_handler)
from unisafebench.models.exec import create
model = create(sys.argv[1], {"hello_timeout": "3600"})
print("created", flush=True)
THEN
"""


def start(then: str, name: str) -> subprocess.Popen[str]:
    """Start an interpreter that makes a model and then does something."""
    code = PROGRAM.replace("THEN", then)
    return subprocess.Popen(
        [sys.executable, "-c", code, name],
        env=os.environ | {"TMPDIR": tempfile.gettempdir()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    "then", ["", "raise SystemExit(2)", "raise KeyboardInterrupt", "import os; os._exit(0)"]
)
def test_a_model_that_no_one_closes(worker_of: WorkerOf, tmp_path: Path, then: str) -> None:
    """After an error, an interrupt or a crash of ours, the worker ends all the same."""
    process = start(then, worker_of(IDLE))
    out, err = process.communicate(timeout=_DEADLINE_S)
    assert out == "created\n", err
    pid = pid_in(tmp_path)
    wait_for(lambda: gone(pid) or _is_zombie(pid))


def test_interrupted_while_it_waits_for_the_hello(worker_of: WorkerOf, tmp_path: Path) -> None:
    """Ctrl-C while weights load: the worker is ended before the command is."""
    process = start("", worker_of(f"{PID}\n    signal.pause()"))
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    pid = pid_in(tmp_path)
    assert os.getpgid(pid) == pid  # Ctrl-C on a terminal does not reach it
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=_DEADLINE_S)
    assert out == ""
    assert err.strip().endswith("KeyboardInterrupt")
    assert gone(pid) or _is_zombie(pid)


def test_a_slow_start_is_explained(
    worker_of: WorkerOf, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for weights to load is told what for, and where to look."""
    monkeypatch.setattr("unisafebench.models.exec.model._PATIENCE_S", 0.0)
    model = create(worker_of(IDLE), {})
    model._end()
    assert "waiting for the worker's hello, up to 600 seconds (log: " in capsys.readouterr().err
