"""Every console example of the documentation does what the page says."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import stand_in_judge
from loopback import LoopbackServer
from pages import ROOT, Block, blocks, examples, pages, shows

_ADDRESS = "http://127.0.0.1:8000/v1"
# Installing would change the environment that the tests run in.
_NOT_RUN = ("pip ", "python -m pip ", "python -m venv ", "source ", "git clone ")

PAGES = [page for page in pages() if any(block.info == "console" for block in blocks(page))]


@pytest.fixture(scope="module")
def judge() -> Iterator[LoopbackServer]:
    """Return a judge behind an endpoint, in place of the one that the pages speak of."""
    with LoopbackServer(stand_in_judge.answer, models=("Qwen3-VL-8B-Instruct",)) as server:
        yield server


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment without the caller's settings, where the command is on the path."""
    programs = tmp_path / "bin"
    programs.mkdir()
    script = programs / "unisafebench"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m unisafebench "$@"\n')
    script.chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(("_API_KEY", "_BASE_URL")) and not name.startswith("UNISAFEBENCH_")
    }
    return kept | {"PATH": f"{programs}:{kept['PATH']}", "COLUMNS": "80", "NO_COLOR": "1"}


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_examples(
    page: Path, tmp_path: Path, judge: LoopbackServer, environment: dict[str, str]
) -> None:
    """The commands of a page, one after the other in one directory, print what it shows."""
    directory = tmp_path / "work"
    directory.mkdir()
    code = 0
    for block in blocks(page):
        if block.info != "console":
            continue
        for example in examples(block):
            where = f"{page.relative_to(ROOT)}:{example.number}: {example.command}"
            if example.command.startswith(_NOT_RUN):
                continue
            if not example.command.startswith("echo $?"):
                assert code == 0, f"the command before {where} ended with exit code {code}"
            command = example.command.replace(_ADDRESS, judge.url)
            ended = subprocess.run(
                # The exit code of the command before is what `$?` means in this one.
                ["bash", "-c", f"(exit {code}); {command}"],  # noqa: S607 -- as a reader does
                cwd=directory,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=120,
            )
            code = ended.returncode
            output = ended.stdout.replace(judge.url, _ADDRESS)
            assert shows(example.expected, output), f"{where} printed:\n{output}"
    assert code == 0, f"the last command of {page.name} ended with exit code {code}"


def test_examples_are_read_as_written() -> None:
    """Commands, their continuation and their output are told apart by the `$` alone."""
    block = Block("console", ("$ one \\", "    --two", "out", "", "$ three", "$ four", "x"), 10)
    assert [tuple(example) for example in examples(block)] == [
        ("one \\\n    --two", ("out", ""), 10),
        ("three", (), 14),
        ("four", ("x",), 15),
    ]
    with pytest.raises(ValueError, match="line 5"):
        list(examples(Block("console", ("stray", "$ one"), 5)))


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        (("a ... c",), "a b c\n", True),
        (("a ... c",), "a b\nc\n", False),
        (("a", "...", "c"), "a\nb\nb\nc\n", True),
        (("a", "...", "c"), "a\nc\n", True),
        (("a", "..."), "a\n", True),
        (("a",), "a\nb\n", False),
        (("(a).",), "xax\n", False),
        ((), "anything\n", True),
    ],
)
def test_output_is_compared(expected: tuple[str, ...], output: str, same: bool) -> None:
    """Three dots stand for anything; everything else must be there, and nothing more."""
    assert shows(expected, output) is same
