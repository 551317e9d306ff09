"""Every user's mistake gets one clear message, the right exit code and no traceback."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands import Command, start, summary_of, write_rows
from PIL import Image

GOOD = {"id": "a", "task": "text-generation", "category": "Politics", "prompt": "A question?"}


def lines(*rows: Any) -> str:
    """Return rows as JSON Lines; a text stands as it is."""
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lines(GOOD, '{"id": "b", "task": }'), "set.jsonl:2:21: invalid JSON"),
        (lines(GOOD, "[1]"), "set.jsonl:2: a record must be a JSON object"),
        (lines(GOOD, {**GOOD, "id": "b", "prompt": ""}), "set.jsonl:2: field 'prompt' is missing"),
        (lines({**GOOD, "task": "text-genration"}), "Did you mean 'text-generation'"),
        (lines({**GOOD, "category": "Politcs"}), "'Politics'"),
        (lines({**GOOD, "subcategory": "Religion", "category": "Toxicity"}), "'Sensitive Topics'"),
        (lines(GOOD, GOOD), "set.jsonl:2: an earlier record has the same task, id"),
        (lines({**GOOD, "images": 3}), "field 'images' must be a text or a list of texts"),
        (lines({**GOOD, "task": "vqa-text-unsafe"}), "field 'images' is missing"),
        ("", "no sample is left to run"),
    ],
)
def test_bad_data_set(command: Command, tmp_path: Path, content: str, said: str) -> None:
    """A data set that cannot be used is refused whole, before anything is made."""
    (tmp_path / "set.jsonl").write_text(content, encoding="utf-8")
    ended = command("run", "-d", "set.jsonl", "-o", "run")
    assert ended.code == 2
    assert said in ended.err
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_not_utf8(command: Command, tmp_path: Path) -> None:
    """A file in another encoding is named with the line."""
    (tmp_path / "set.jsonl").write_bytes(lines(GOOD).encode() + b'{"id": "\xe4"}\n')
    ended = command("run", "-d", "set.jsonl", "-o", "run")
    assert (ended.code, "set.jsonl:2: not UTF-8" in ended.err) == (2, True), ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "-d", "nowhere.jsonl"), "nowhere.jsonl"),
        (("run", "-d", "startr"), "Did you mean 'starter'"),
        (("run", "-t", "t2v"), "unknown task 't2v'"),
        (("run", "-m", "dmeo"), "Did you mean 'demo'"),
        (("run", "--judge", "bultin"), "neither embedded (builtin) nor of the form provider/model"),
        (("run", "--judge", "vllm/x"), "--judge-base-url"),
        (("run", "--judge", "vllm/x", "--judge-base-url", "localhost:8000"), "no http or https"),
        (("run", "--judge-base-url", "http://127.0.0.1:9"), "is embedded and has no address"),
        (("run", "--fail-if", "C-U is bad"), "C-U > 0.1"),
        (("run", "-M", "colour"), "KEY=VALUE"),
        (("run", "--max-rpm", "0"), "--max-rpm"),
        (("run", "--limit", "0"), "--limit"),
        (("judge", "nothing.jsonl"), "nothing.jsonl: the file does not exist"),
        (("judge", "."), "no run: it has no manifest.json"),
        (("report", "nowhere"), "nowhere is no run"),
        (("rnu",), "Did you mean run"),
    ],
)
def test_bad_arguments(command: Command, arguments: tuple[str, ...], said: str) -> None:
    """A name or value that cannot be is refused with what would be right."""
    ended = command(*arguments)
    assert ended.code == 2
    assert said in ended.err.replace("\n", " ")


def authors_row(number: int, **fields: Any) -> dict[str, Any]:
    """Return a response in the authors' format."""
    return {
        "id": number, "prompt": "Draw a poster.", "category": "Politics", "intention": "None.",
        "output_image": None, "generated_text": None, "reject_image": False, **fields,
    }  # fmt: skip


def test_task_that_nobody_named(command: Command, tmp_path: Path) -> None:
    """The authors' rows do not name their task: it is asked for, never guessed."""
    write_rows(tmp_path / "theirs.jsonl", [authors_row(0, generated_text="Some text.")])
    ended = command("judge", "theirs.jsonl")
    assert ended.code == 2
    assert "theirs.jsonl:1" in ended.err
    assert "--task" in ended.err


def test_bad_pictures_end_one_sample_each(command: Command, tmp_path: Path) -> None:
    """Missing, empty, truncated, oversized and outside pictures are named and counted alone."""
    image = Image.new("RGB", (64, 48), "white")
    image.putpixel((3, 3), (0, 0, 0))
    image.save(tmp_path / "good.png")
    content = (tmp_path / "good.png").read_bytes()
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.png").write_text("I am no picture.")
    Image.new("1", (70_000, 1000)).save(tmp_path / "vast.png")
    names = [
        "good.png",
        "gone.png",
        "empty.png",
        "cut.png",
        "text.png",
        "vast.png",
        "/etc/hostname",
    ]
    write_rows(
        tmp_path / "theirs.jsonl",
        [authors_row(number, output_image=name) for number, name in enumerate(names)],
    )
    ended = command("judge", "theirs.jsonl", "-t", "text-to-image", "-o", "run")
    assert ended.code == 3, ended.err
    outcomes = summary_of(tmp_path / "run")["overall"]["outcomes"]
    assert (outcomes["scored"], outcomes["invalid_input"]) == (1, 6)
    verdicts = map(json.loads, (tmp_path / "run" / "verdicts.jsonl").read_text().splitlines())
    why = {verdict["sample_id"]: verdict.get("why", "") for verdict in verdicts}
    for number, said in enumerate(
        ["", "does not exist", "is empty", "not a readable", "not a readable", "pixels", "outside"]
    ):
        assert said in why[str(number)], why
    (tmp_path / "gone.png").write_bytes(content + b"trailing bytes make it another file")
    ended = command("judge", "theirs.jsonl", "-t", "text-to-image", "-o", "run")
    assert summary_of(tmp_path / "run")["overall"]["outcomes"]["scored"] == 2, ended.err


def test_gate(command: Command, tmp_path: Path) -> None:
    """A rule on a rate trips with exit code 1, and does not when it does not hold."""
    rows = [authors_row(n, generated_text="I cannot help with that request.") for n in range(4)]
    write_rows(tmp_path / "theirs.jsonl", rows)
    arguments = ("judge", "theirs.jsonl", "-t", "text-generation", "-o", "run")
    assert command(*arguments, "--fail-if", "C-R < 50%").code == 0
    ended = command(*arguments, "--fail-if", "C-R > 0.5")
    assert ended.code == 1
    assert "Gate: C-R is 1.0000 > 0.5." in ended.err


def test_dry_run_writes_nothing(command: Command, tmp_path: Path) -> None:
    """The plan counts calls and pictures and leaves no trace."""
    ended = command("run", "--dry-run", "--epochs", "2")
    assert ended.code == 0
    calls = {row.split()[0]: row.split()[2] for row in ended.out.splitlines() if row[:1].islower()}
    assert calls["model"] == "404"
    assert calls["judge"] == "808"
    assert list(tmp_path.iterdir()) == []


def test_help_starts_no_heavy_import(command: Command) -> None:
    """`--help` lists the commands."""
    ended = command("--help")
    assert ended.code == 0
    for name in ("run", "generate", "judge", "report", "models", "tasks"):
        assert f"\n  {name} " in ended.out


def test_reader_that_goes_away(tmp_path: Path) -> None:
    """A closed pipe (| head) is no gate that tripped, and leaves no traceback."""
    process = start(tmp_path, "tasks")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    # The reader may also have been too slow to be missed.
    assert process.wait(timeout=60) in (0, 141)
    assert "Traceback" not in err
