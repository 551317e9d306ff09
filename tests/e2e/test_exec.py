"""Commands with a model behind a worker: killed, interrupted, resumed."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands import Command, start
from exec_workers import gone, write_worker

# It answers ten samples; with a file "hold" beside it, the eleventh never.
WORKER = """
    here = os.path.dirname(sys.argv[0])
    with open(f"{here}/pid-{os.getpid()}", "w") as file:
        file.write(str(os.getpid()))
    hello()
    for number, sample in enumerate(samples()):
        if number < 10 or not os.path.exists(f"{here}/hold"):
            respond(sample, text=sample["prompt"])
"""
# Each of the first six processes answers three samples, then holds one until it is killed; later
# ones answer once that has happened. No sample is held twice: three deaths with the same one would
# be its own fault.
MORTAL = """
    here = os.path.dirname(sys.argv[0])
    def first(name):
        try:
            return os.open(f"{here}/{name}", os.O_CREAT | os.O_EXCL) > 0
        except FileExistsError:
            return False
    number = next(n for n in range(99) if first(f"start-{n}"))
    hello(max_in_flight=4)
    for count, sample in enumerate(samples()):
        while number >= 6 and sum(name.startswith("pid-") for name in os.listdir(here)) < 6:
            time.sleep(0.001)
        if count >= 3 and number < 6 and first("held-" + sample["prompt"].encode().hex()[-200:]):
            first(f"pid-{os.getpid()}")
            time.sleep(3600)
        respond(sample, text=sample["prompt"])
"""
_DEADLINE_S = 60.0


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Return as soon as something has happened, at the latest when the command has ended."""
    until = time.monotonic() + _DEADLINE_S
    while not happened():
        assert time.monotonic() < until, "it has not happened"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.001)


def held(tmp_path: Path) -> tuple[list[str], subprocess.Popen[str], list[int]]:
    """Start a run whose worker holds back its eleventh answer, and wait until it does."""
    (tmp_path / "hold").touch()
    name = write_worker(tmp_path / "worker.py", WORKER)
    arguments = ["generate", "-m", name, "-t", "text-generation", "-o", "run"]
    process = start(tmp_path, *arguments)
    journal = tmp_path / "run" / "responses.jsonl"
    wait_for(lambda: journal.exists() and journal.read_bytes().count(b"\n") == 10, process)
    return arguments, process, [int(path.name[4:]) for path in tmp_path.glob("pid-*")]


def check_resumed(tmp_path: Path, arguments: list[str]) -> None:
    """Repeat the command: each sample has one response, with the answer to its own prompt."""
    (tmp_path / "hold").unlink()
    process = start(tmp_path, *arguments)
    _, err = process.communicate(timeout=_DEADLINE_S)
    assert process.returncode == 0, err
    lines = (tmp_path / "run" / "responses.jsonl").read_text(encoding="utf-8").splitlines()
    answers = {row["sample_id"]: row["text"] for row in map(json.loads, lines)}
    samples = (tmp_path / "run" / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    prompts = {row["id"]: row["prompt"] for row in map(json.loads, samples)}
    assert len(lines) == len(answers) > 10
    assert answers == prompts


def test_killed(tmp_path: Path) -> None:
    """After kill -9 of the command its worker ends by itself, and the command goes on later."""
    arguments, process, pids = held(tmp_path)
    process.kill()
    process.communicate()
    assert len(pids) == 1
    # The worker is reaped by another process, as its parent is gone.
    wait_for(lambda: gone(pids[0]) or _is_zombie(pids[0]))
    check_resumed(tmp_path, arguments)


def test_workers_killed(tmp_path: Path) -> None:
    """Six times a worker gets SIGKILL in mid-run: no sample is lost, none is answered twice."""
    name = write_worker(tmp_path / "worker.py", MORTAL)
    process = start(
        tmp_path,
        *("generate", "-m", name, "-t", "text-generation", "-o", "run"),
        *("--workers", "2", "-M", "backoff=0"),
    )
    killed: set[Path] = set()
    while len(killed) < 6:
        wait_for(lambda: bool(set(tmp_path.glob("pid-*")) - killed), process)
        for path in set(tmp_path.glob("pid-*")) - killed:
            os.kill(int(path.name[4:]), signal.SIGKILL)
            killed.add(path)
    _, err = process.communicate(timeout=_DEADLINE_S)
    assert process.returncode == 0, err
    rows = _rows(tmp_path / "run" / "responses.jsonl")
    asked = _rows(tmp_path / "run" / "samples.jsonl")
    assert len(asked) > 6 * 3
    assert sorted((row["sample_id"], row["status"], row["text"]) for row in rows) == sorted(
        (row["id"], "completed", row["prompt"]) for row in asked
    )
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_bytes())
    learned = manifest["model"]["learned"]
    assert learned["crashes"] == 6
    assert set(learned) == {"starts", "crashes"}


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _is_zombie(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def test_interrupted_twice(tmp_path: Path) -> None:
    """Ctrl-C twice stops at once: no answer is waited for, and no worker is left."""
    arguments, process, pids = held(tmp_path)
    assert process.stderr is not None
    process.send_signal(signal.SIGINT)
    for line in process.stderr:
        if "Stopping after what is in flight" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=_DEADLINE_S)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert all(gone(pid) for pid in pids)
    check_resumed(tmp_path, arguments)


def test_refused_after_the_worker_was_started(command: Command, tmp_path: Path) -> None:
    """A command that stops before its run ends its worker as well."""
    name = write_worker(tmp_path / "worker.py", WORKER)
    ended = command("generate", "-m", name, "-t", "text-to-image", "-o", "run")
    assert ended.code == 2
    assert "can do none of the tasks asked for" in ended.err
    (pid,) = [int(path.name[4:]) for path in tmp_path.glob("pid-*")]
    assert gone(pid)


def test_a_worker_that_never_says_hello(command: Command, tmp_path: Path) -> None:
    """One clear message, exit code 2, and no run is made."""
    name = write_worker(tmp_path / "worker.py", "print('ready', flush=True)\nsys.stdin.read()")
    ended = command("generate", "-m", name, "-M", "hello_timeout=1", "-o", "run")
    assert ended.code == 2
    assert "cannot be used: it said no hello within 1 seconds." in ended.err
    assert not (tmp_path / "run").exists()
