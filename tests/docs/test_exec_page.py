"""The page of `exec:`: its messages are the protocol's, its tables are whole, its commands run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from exec_workers import EXAMPLE
from pages import DOCS, blocks, examples, shows

from unisafebench.core.errors import UsageError
from unisafebench.core.records import Usage
from unisafebench.models.base import Capabilities
from unisafebench.models.exec.protocol import (
    BYE,
    Answer,
    Hello,
    Log,
    SampleMessage,
    encode,
    message_in,
    read_hello,
)
from unisafebench.models.exec.settings import read_settings
from unisafebench.models.options import Options

PAGE = DOCS / "exec.md"
TEXT = PAGE.read_text(encoding="utf-8")


def messages(kind: str) -> list[dict[str, Any]]:
    """Return the messages that the page shows of a kind."""
    found = [
        json.loads("\n".join(block.lines)) for block in blocks(PAGE) if block.info == f"json {kind}"
    ]
    assert found, f"the page shows no {kind}"
    assert all(message["type"] == kind for message in found)
    return found


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its head."""
    section = re.split(r"\n##+ ", TEXT.partition(f" {heading}\n")[2])[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def described(heading: str) -> list[str]:
    """Return what the first column of a table names."""
    return [row[0].strip("`") for row in rows(heading)]


def test_hello() -> None:
    """The shown ones are accepted; the table has each field, its type's limits and its default."""
    whole, smallest = messages("hello")
    for shown in (whole, smallest):
        assert message_in(json.dumps(shown).encode()) == shown
        read_hello(shown)
    assert set(whole) == {"type", *Hello.__struct_fields__}
    assert whole["capabilities"] == msgspec.to_builtins(read_hello(whole).can)
    assert described("`hello`, from the worker") == [
        "protocol", "name", "capabilities", "settings", "revision", "max_in_flight", "images",
    ]  # fmt: skip
    assert set(described("`hello`, from the worker")) == set(Hello.__struct_fields__)
    required = [row[0].strip("`") for row in rows("`hello`, from the worker") if "required" in row]
    assert set(smallest) == {"type", *required}
    named = re.findall(r"`(\w+)`", rows("`hello`, from the worker")[2][3])
    assert set(named) == set(Capabilities.__struct_fields__)


def test_sample() -> None:
    """The shown one is what is sent, field by field."""
    for shown in messages("sample"):
        sent = msgspec.convert(shown, SampleMessage)
        assert json.loads(encode(sent)) == shown
        assert {"type", *described("`sample`, to the worker")} == set(shown)
    kinds = re.findall(r"`([\w-]+)`", rows("`sample`, to the worker")[1][1])
    for kind in kinds:
        msgspec.convert(messages("sample")[0] | {"task": kind}, SampleMessage)
    assert len(kinds) == 4


def test_response() -> None:
    """Every shown one is taken, and no field of it is unknown; the table has all fields."""
    assert described("`response`, from the worker") == list(Answer.__struct_fields__)
    seen: set[str] = set()
    for shown in messages("response"):
        assert message_in(json.dumps(shown).encode()) == shown
        answer = msgspec.convert(shown, Answer)
        assert {"type", *Answer.__struct_fields__} >= set(shown)
        assert set(shown.get("usage", {})) <= set(Usage.__struct_fields__)
        assert answer.id == shown["id"]
        seen |= set(shown)
    assert seen == {"type", *Answer.__struct_fields__}
    for row in rows("`response`, from the worker"):
        if row[0].strip("`") in {"status", "blocked_side"}:
            for value in re.findall(r"`(\w+)`", row[1]):
                msgspec.convert({"id": "1", row[0].strip("`"): value}, Answer)


def test_log_and_bye() -> None:
    """The two short ones are as they are shown."""
    assert [msgspec.convert(shown, Log).text for shown in messages("log")]
    assert messages("bye") == [json.loads(BYE)]


def test_options() -> None:
    """The table has every option of the adapter, with its default."""
    with pytest.raises(UsageError) as caught:
        read_settings("exec:worker", Options({"zzzzzzzz": ""}))
    known = str(caught.value).partition("It has: ")[2].rstrip(".").split(", ")
    table = {row[0].strip("`").split()[1].split("=")[0]: row[1] for row in rows("Options")}
    assert sorted(table) == sorted(known)
    defaults = read_settings("exec:worker", Options({}))
    for name in ("hello_timeout", "timeout", "grace", "backoff", "max_crashes"):
        assert float(table[name]) == getattr(defaults, name)
    assert int(table["max_line"]) * 1024 * 1024 == defaults.max_line


def test_the_example_is_the_shipped_one() -> None:
    """The page shows the file as it is, and it is short."""
    (shown,) = [block for block in blocks(PAGE) if block.info == "python exec_worker.py"]
    source = EXAMPLE.read_text(encoding="utf-8")
    assert "\n".join(shown.lines) + "\n" == source
    assert sum(bool(line.strip()) for line in source.splitlines()) <= 32


def test_examples(tmp_path: Path) -> None:
    """The commands, in a directory with the example's file, print what the page shows."""
    (tmp_path / "exec_worker.py").write_bytes(EXAMPLE.read_bytes())
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in {"unisafebench": "-m unisafebench", "python3": "-I -S"}.items():
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        script.chmod(0o755)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "NO_COLOR": "1"}
    code = 0
    for block in blocks(PAGE):
        for example in examples(block) if block.info == "console exec" else ():
            ended = subprocess.run(
                ["bash", "-c", f"(exit {code}); {example.command}"],  # noqa: S607 -- as a reader
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=120,
            )
            code = ended.returncode
            assert shows(example.expected, ended.stdout), f"{example.command}:\n{ended.stdout}"
    assert code == 0
