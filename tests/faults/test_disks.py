"""Disks that are full or read-only: said in one message, and gone on with when there is room."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import summary_of
from faulty_runs import answer, unchanging
from places import in_namespace, lacks_namespaces, our_command
from serving import ApiServer
from stopped_runs import JOURNALS, arguments, samples

LONG = os.environ.get("UNISAFEBENCH_LONG") == "1"
# Room in KiB: full at the samples, manifest, responses, pictures, verdicts, summary, report.
SIZES = (0, 4, 12, 16, 20, 24, 28, 32, 36, 40, 48, 60, 72, 100) if LONG else (0, 20, 72)
FILE_SIZES = (1, 2, 3, 4, 6, 8, 16, 32, 64) if LONG else (4,)
needs_mounts = pytest.mark.skipif(lacks_namespaces() is not None, reason=f"{lacks_namespaces()}")


def check_message(err: str) -> None:
    """One message, which says what is wrong; no traceback."""
    assert "Traceback" not in err
    assert err.count("Error: ") == 1, err
    assert "No space left on device" in err or "File too large" in err or "disk is full" in err, err


def check_same(tried: Path, whole: Path) -> None:
    """The figures and records are those of a run that had room."""
    assert summary_of(tried) == summary_of(whole)
    for name in JOURNALS:
        assert unchanging(tried / name) == unchanging(whole / name)
        lines = [(run / name).read_bytes().count(b"\n") for run in (tried, whole)]
        assert lines[0] == lines[1]


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    """Return a server that answers everything."""
    with ApiServer(answer) as started:
        yield started


@pytest.fixture(scope="module")
def whole(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that had no trouble."""
    directory = tmp_path_factory.mktemp("disks") / "whole"
    samples(directory)
    ended = shell(directory, our_command(arguments(server.root)))
    assert ended.returncode == 0, ended.stderr
    return directory / "run"


def shell(directory: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script."""
    return subprocess.run(
        ["sh", "-c", script],  # noqa: S607 -- any shell will do
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@needs_mounts
@pytest.mark.parametrize("size", SIZES)
def test_small_disk(tmp_path: Path, server: ApiServer, whole: Path, size: int) -> None:
    """A disk of some KiB fills up at some place; the same command goes on with more room."""
    command = our_command(arguments(server.root))
    samples(directory := tmp_path / "work")
    for name in ("run", "saved"):
        (directory / name).mkdir()
    steps = (
        f"mount -t tmpfs -o size={size or 4}k none run || exit 99",
        "" if size else "dd if=/dev/zero of=run/filler bs=4096 count=1 2>/dev/null || exit 96",
        f"{command} >/dev/null 2>first",
        "echo $? >first.code",
        "mount -o remount,size=64m run || exit 98",
        f"{command} >/dev/null",
        "code=$?; cp -a run/. saved || exit 97; exit $code",
    )
    ended = in_namespace(directory, "\n".join(steps))
    assert ended.returncode == 0, ended.stderr
    assert (directory / "first.code").read_text() == "2\n"
    check_message((directory / "first").read_text())
    check_same(directory / "saved", whole)


@pytest.mark.parametrize("size", FILE_SIZES)
def test_largest_size_of_a_file(tmp_path: Path, server: ApiServer, whole: Path, size: int) -> None:
    """No file may grow past a limit, as under a quota: no half lines, and the same in the end."""
    command = our_command(arguments(server.root))
    samples(directory := tmp_path / "work")
    # In blocks of 512 bytes or of 1 KiB, as the shell has it.
    first = shell(directory, f"ulimit -f {size}; exec {command}")
    assert first.returncode == 2, first.stderr
    check_message(first.stderr)
    for path in (directory / "run").glob("*.jsonl"):
        assert path.read_bytes()[-1:] in (b"\n", b""), path
    again = shell(directory, command)
    assert again.returncode == 0, again.stderr
    check_same(directory / "run", whole)


@needs_mounts
def test_read_only_disk(server: ApiServer, whole: Path) -> None:
    """A run on a disk that cannot be written is refused at once, and nothing is asked for."""
    asked = len(server.asked)
    run = shlex.quote(str(whole))
    for command in (our_command(arguments(server.root)), our_command(["report", "run"])):
        ended = in_namespace(
            whole.parent,
            f"mount --bind {run} {run} && mount -o remount,ro,bind {run} || exit 99\n{command}",
        )
        assert ended.returncode == 2, ended.stderr
        assert "Traceback" not in ended.stderr
        assert "read-only" in ended.stderr.casefold()
    assert len(server.asked) == asked
