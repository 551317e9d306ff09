"""`doctor RUN`: what it prints and how it ends, for a run in order and for a damaged one."""

import json
from pathlib import Path

from commands import Command


def test_a_run_in_order_and_then_damaged(command: Command, tmp_path: Path) -> None:
    """Each line says what was looked at; a problem comes with what to do, and with exit code 2."""
    command("run", "-t", "text-generation,text-to-image", "--limit", "2", "-o", "run", "--quiet")
    ended = command("doctor", "run")
    assert ended.code == 0, ended.out
    assert "run run" in ended.out
    assert "counted anew from 4 verdicts: the same" in ended.out
    assert ended.out.rstrip().endswith("The run is in order.")
    path = tmp_path / "run" / "verdicts.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[0]]))
    ended = command("doctor", "run")
    assert ended.code == 2
    assert "judged before: 1 (line 5)" in ended.out
    assert "repeat the command" in " ".join(ended.out.split())
    assert ended.out.rstrip().endswith("1 problem.")
    ended = command("check", "run", "--json")
    assert ended.code == 2
    problems = [each for each in json.loads(ended.out) if each["state"] == "problem"]
    assert [each["check"] for each in problems] == ["verdicts.jsonl"]
    assert set(problems[0]) == {"check", "state", "detail", "remedy"}


def test_what_is_no_run(command: Command, tmp_path: Path) -> None:
    """A directory without a manifest, and one that is not there, end in one message."""
    (tmp_path / "empty").mkdir()
    for name in ("empty", "none"):
        ended = command("doctor", name)
        assert ended.code == 2
        assert f"Error: {name} is no run" in ended.err
