"""Recorded answers as the model of a run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from commands import start
from recorded_files import opened, picture, write_lines

from unisafebench.core.tasks import TASKS
from unisafebench.testing import check_model, example_requests

_SAME = ("status", "text", "images", "stop_reason", "blocked_side", "usage")


def _generate(directory: Path, *arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Make the responses of a run; return them by task and id."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("UNISAFEBENCH_")}
    subprocess.run(
        [sys.executable, "-m", "unisafebench", "generate", "-q", "-o", str(directory), *arguments],
        env=kept,
        check=False,
        capture_output=True,
    )
    lines = (directory / "responses.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {(row["task"], row["sample_id"]): row for row in rows}


def test_replay_of_a_run_is_the_run(tmp_path: Path) -> None:
    """Answers of a run, recorded and asked for again, are the same: text, pictures and ends."""
    made = _generate(tmp_path / "made", "-m", "demo")
    again = _generate(tmp_path / "again", "-m", f"recorded:{tmp_path}/made/responses.jsonl")
    assert made.keys() == again.keys()
    assert {row["status"] for row in made.values()} > {"completed", "blocked", "model_error"}
    for key, row in made.items():
        assert {name: again[key].get(name) for name in _SAME} == {
            name: row.get(name) for name in _SAME
        }


def test_sample_without_an_answer_is_a_failure_not_a_refusal(tmp_path: Path) -> None:
    """What the file lacks ends as model_error, which is counted and never scored."""
    data = write_lines(
        tmp_path / "samples.jsonl",
        [
            {"id": name, "task": "textgen", "category": "Politics", "prompt": "What is a vote?"}
            for name in "ab"
        ],
    )
    answers = write_lines(tmp_path / "r.jsonl", [{"uid": "a", "reply": "A choice."}])
    rows = _generate(
        tmp_path / "run",
        *("-m", f"recorded:{answers}", "-M", "field.id=uid", "-M", "field.text=reply"),
        *("-d", str(data)),
    )
    assert rows["text-generation", "a"]["text"] == "A choice."
    lacking = rows["text-generation", "b"]
    assert lacking["status"] == "model_error"
    assert lacking["error"] == f"{answers} holds no answer to text-generation/b."


async def test_it_conforms(tmp_path: Path) -> None:
    """It passes the check of adapters over all seven tasks."""
    picture(tmp_path / "a.png")
    rows = [
        {
            "sample_id": request.sample.id,
            "task": task.id,
            **({"images": ["a.png"]} if task.output == "image" else {"text": "An apple."}),
        }
        for task in TASKS.values()
        for request in example_requests(task)
    ]
    counts = await check_model(opened(write_lines(tmp_path / "r.jsonl", rows)))
    assert counts == {task: {"completed": 4} for task in TASKS}


def test_run_says_before_it_starts_what_is_missing_and_left_over(tmp_path: Path) -> None:
    """Both are counted and named on stderr, and the run goes on."""
    rows = [
        {"id": name, "task": "textgen", "category": "Politics", "prompt": "What is a vote?"}
        for name in "ab"
    ]
    write_lines(tmp_path / "samples.jsonl", rows)
    write_lines(tmp_path / "r.jsonl", [{"uid": name, "out": "A."} for name in "ax"])
    code, said = _ended(tmp_path)
    assert code == 3
    assert "r.jsonl holds no answer to 1 of 2 samples" in said
    assert "1 of 2 answers in r.jsonl are to no sample that this run asks" in said


def test_run_does_not_start_with_an_answer_that_fits_two_samples(tmp_path: Path) -> None:
    """An id that two tasks share ends the command with the line of the record."""
    picture(tmp_path / "p.png")
    row = {"id": "a", "category": "Politics", "prompt": "What is a vote?"}
    seen = {**row, "task": "vqa-dual-unsafe", "images": ["p.png"]}
    write_lines(tmp_path / "samples.jsonl", [{**row, "task": "textgen"}, seen])
    write_lines(tmp_path / "r.jsonl", [{"uid": "a", "out": "A."}])
    code, said = _ended(tmp_path)
    assert code == 2
    assert "r.jsonl:1: the record fits samples of several tasks" in said


def _ended(directory: Path) -> tuple[int, str]:
    """Make responses from the file there; return the exit code and what was said on stderr."""
    mapping = ("--field", "id=uid", "--field", "text=out")
    process = start(
        directory, "generate", "-d", "samples.jsonl", "-m", "recorded:r.jsonl", *mapping
    )
    _, said = process.communicate()
    return process.returncode, said
