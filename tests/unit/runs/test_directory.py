"""The run directory: one process at a time, and clear words where it cannot be used."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from unisafebench.core.errors import RunError, RunLockedError
from unisafebench.core.keys import KeyIndex
from unisafebench.runs.directory import RunDirectory

HOLDER = """
import sys
from pathlib import Path
from unisafebench.core.errors import RunLockedError
from unisafebench.runs.directory import RunDirectory
try:
    with RunDirectory(Path(sys.argv[1])).locked():
        print("held", flush=True)
        sys.stdin.readline()
except RunLockedError:
    print("refused", flush=True)
"""


@contextmanager
def other_process(run: RunDirectory) -> Iterator[subprocess.Popen[str]]:
    """Start a process that takes the lock and holds it until it is given a line."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def without_privileges(directory: Path) -> Iterator[None]:
    """Work in `directory` as a user whom permission bits bind, also where the test runs as root."""
    home = Path.cwd()
    os.chdir(directory)
    root = os.getuid() == 0
    try:
        if root:
            os.setresuid(65534, 65534, 0)
        yield
    finally:
        if root:
            os.setresuid(0, 0, 0)
        os.chdir(home)


def said(process: subprocess.Popen[str]) -> str:
    """Return the next line of a process."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_nothing_is_made_before_it_is_wanted(tmp_path: Path) -> None:
    """Naming a run writes nothing; taking its lock makes the directory and those above it."""
    run = RunDirectory(tmp_path / "runs" / "a")
    assert not (tmp_path / "runs").exists()
    with run.locked():
        assert run.path.is_dir()


def test_a_second_process_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    """While one process holds the run another is refused, and gets it afterwards."""
    run = RunDirectory(tmp_path / "run")
    with run.locked(), other_process(run) as second:
        assert said(second) == "refused"
    with other_process(run) as second:
        assert said(second) == "held"


def test_a_killed_holder_leaves_the_run_free(tmp_path: Path) -> None:
    """The lock of a process that was killed outright is gone with it; no file must be removed."""
    run = RunDirectory(tmp_path / "run")
    with other_process(run) as holder:
        assert said(holder) == "held"
        with (
            pytest.raises(RunLockedError, match="another process is working on") as caught,
            run.locked(),
        ):
            pytest.fail("two processes hold the run")
        assert str(run.path) in str(caught.value)
        holder.kill()
        holder.wait()
        with run.locked():
            pass


def test_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    """A run cannot be where a file is; the message names the path and the option."""
    (tmp_path / "run").write_text("not a directory")
    with pytest.raises(RunError, match=r"cannot be made: .*--output") as caught:
        RunDirectory(tmp_path / "run").create()
    assert str(tmp_path / "run") in str(caught.value)


def test_a_read_only_directory_is_named(tmp_path: Path) -> None:
    """A directory that cannot be written, or made, is refused before anything is spent."""
    (tmp_path / "run").mkdir(mode=0o555)
    (tmp_path / "run").chmod(0o555)
    tmp_path.chmod(0o555)
    try:
        with without_privileges(tmp_path):
            with pytest.raises(RunError, match=r"run is read-only\. Choose another with --output"):
                RunDirectory(Path("run")).create()
            with pytest.raises(RunError, match="new cannot be made: Permission denied"):
                RunDirectory(Path("new")).create()
    finally:
        tmp_path.chmod(0o755)


def test_a_lock_of_another_user_is_named(tmp_path: Path) -> None:
    """A lock file that somebody else owns is an error of the run, not a traceback."""
    tmp_path.chmod(0o755)
    run = tmp_path / "run"
    run.mkdir()
    run.chmod(0o777)
    (run / "run.lock").touch(mode=0o444)
    (run / "run.lock").chmod(0o444)
    with (
        without_privileges(tmp_path),
        pytest.raises(RunError, match=r"run\.lock cannot be written: Permission denied"),
        RunDirectory(Path("run")).locked(),
    ):
        pytest.fail("the lock was taken")


def test_index_is_made_anew_only_when_the_journal_changed(tmp_path: Path) -> None:
    """The same journal is indexed once; one more record, or a record less, makes it anew."""
    run = RunDirectory(tmp_path)
    made: list[int] = []

    def make() -> KeyIndex:
        made.append(1)
        return KeyIndex()

    run.index(run.verdicts, make)
    assert len(made) == 1  # no journal yet: nothing to keep
    run.verdicts.write_bytes(b"{}\n")
    first = run.index(run.verdicts, make)
    assert run.index(run.verdicts, make) is first
    with run.verdicts.open("ab") as journal:
        journal.write(b"{}\n")
    assert run.index(run.verdicts, make) is not first
    assert len(made) == 3
