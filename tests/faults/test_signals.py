"""Two processes on one run, and Ctrl-C once and twice."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from commands import start, summary_of
from faulty_runs import answer, unchanging
from serving import ApiServer, Asked, Fault, Reply
from stopped_runs import JOURNALS, arguments, samples

from unisafebench.runs.checkup import check_run
from unisafebench.runs.directory import RunDirectory


class Stuck:
    """Answers `calls` calls and then none, until it is set free."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.stuck = 0
        self.free = False

    def __call__(self, asked: Asked) -> Reply | Fault:
        """Answer, or hang."""
        if self.free or self.calls:
            self.calls = max(0, self.calls - 1)
            return answer(asked)
        self.stuck += 1
        return "hang"


def wait_for(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    """Wait until a command has come so far."""
    while not reached():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def finish(directory: Path, url: str, whole: Path) -> None:
    """Take the run up again; it must end like one that was let alone."""
    again = start(directory, *arguments(url))
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert summary_of(directory / "run") == summary_of(whole / "run")
    for name in JOURNALS:
        assert unchanging(directory / "run" / name) == unchanging(whole / "run" / name)
    findings = check_run(RunDirectory(directory / "run"))
    assert [finding for finding in findings if finding.state == "problem"] == []


def test_stopped_at_once_and_killed_with_the_lock(tmp_path: Path) -> None:
    """Calls that hang keep a first Ctrl-C waiting and not a second; the lock dies with a process.

    The second command on a run that is at work is refused and changes nothing.
    """
    with ApiServer(answer) as server:
        samples(whole := tmp_path / "whole")
        finish(whole, server.root, whole)
    script = Stuck(15)
    samples(directory := tmp_path / "stopped")
    with ApiServer(script) as server:
        first = start(directory, *arguments(server.root))
        wait_for(first, lambda: script.stuck > 0)
        before = {path: path.read_bytes() for path in (directory / "run").glob("*.json*")}
        second = start(directory, *arguments(server.root))
        _, err = second.communicate(timeout=60)
        assert second.returncode == 2
        assert "another process is working on run" in err
        assert before == {path: path.read_bytes() for path in before}
        first.send_signal(signal.SIGINT)
        assert first.stderr is not None
        while "Ctrl-C again stops at once" not in (line := first.stderr.readline()):
            assert line, "it ended without a word"
        assert first.poll() is None
        first.send_signal(signal.SIGINT)
        _, err = first.communicate(timeout=20)
        assert first.returncode == 130
        assert "Interrupted" in err
        assert "Traceback" not in err
        stuck = script.stuck
        third = start(directory, *arguments(server.root))
        wait_for(third, lambda: script.stuck > stuck)
        third.kill()
        third.communicate()
        script.free = True
        finish(directory, server.root, whole)
