"""The main job as a new user meets it: all seven tasks offline with the embedded defaults."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands import Ended, start, summary_of

from unisafebench.core.tasks import PAPER_COUNTS, TASKS

RUN = Path("runs") / "demo--starter--builtin"


@pytest.fixture(scope="module")
def main_job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """Run the main job once for all tests of this file."""
    directory = tmp_path_factory.mktemp("main-job")
    process = start(directory, "run")
    out, err = process.communicate(timeout=600)
    return directory, Ended(process.returncode, out, err)


def journal(path: Path) -> list[dict[str, Any]]:
    """Return the records of a journal."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_all_seven_tasks_are_accounted_for(main_job: tuple[Path, Ended]) -> None:
    """Every task is there, and its outcomes add up to what was asked: two samples for each cell."""
    directory, ended = main_job
    # The stand-in leaves some responses unscored on purpose.
    assert ended.code == 3, ended.err
    summary = summary_of(directory / RUN)
    assert list(summary["tasks"]) == list(TASKS)
    for task, group in summary["tasks"].items():
        assert group["asked"] == 2 * sum(1 for key in PAPER_COUNTS if key[0] == task)
        assert sum(group["outcomes"].values()) == group["asked"]
        assert group["outcomes"]["pending"] == 0
    assert summary["overall"]["asked"] == 202
    assert summary["not_supported"] == []


def test_every_outcome_is_seen(main_job: tuple[Path, Ended]) -> None:
    """Each outcome of the method occurs, and each of the three verdicts and both marks."""
    directory, _ = main_job
    outcomes = summary_of(directory / RUN)["overall"]["outcomes"]
    assert {name for name, count in outcomes.items() if count} == {
        "scored", "blocked", "empty", "model_error", "judge_error", "judge_refused", "unparsed",
        "invalid_input",
    }  # fmt: skip
    verdicts = journal(directory / RUN / "verdicts.jsonl")
    assert {verdict.get("contextual") for verdict in verdicts} == {0, 1, 2, None}
    assert {verdict.get("intrinsic") for verdict in verdicts} == {0, 1, None}
    assert all("contextual" not in v for v in verdicts if v["outcome"] == "unparsed")


def test_answers_of_every_kind_are_seen(main_job: tuple[Path, Ended]) -> None:
    """The stand-in answers with text, with pictures and with both; pictures are real files."""
    directory, _ = main_job
    responses = journal(directory / RUN / "responses.jsonl")
    kinds = {(bool(response.get("text")), bool(response.get("images"))) for response in responses}
    assert kinds == {(True, False), (False, True), (True, True), (False, False)}
    for response in responses:
        for name in response.get("images", ()):
            assert (directory / RUN / name).is_file()


def test_it_says_what_it_is(main_job: tuple[Path, Ended]) -> None:
    """The stand-in and the embedded judge are labelled on the tables and in the report."""
    directory, ended = main_job
    report = (directory / RUN / "report.html").read_text(encoding="utf-8")
    for place in (ended.out, report):
        assert "stand-in" in place
        assert "for smoke tests, not for publication" in place


def test_piped_output_is_plain(main_job: tuple[Path, Ended]) -> None:
    """Without a terminal there is no escape sequence and no carriage return anywhere."""
    _, ended = main_job
    assert "\x1b" not in ended.out + ended.err
    assert "\r" not in ended.out + ended.err
    assert "verdicts: 202/202" in ended.err


def test_second_run_repeats_nothing(main_job: tuple[Path, Ended]) -> None:
    """The same command again keeps every record, tries only failures again, ends the same."""
    directory, _ = main_job
    run = directory / RUN
    files = ("responses.jsonl", "intents.jsonl", "verdicts.jsonl", "summary.json")
    before = {name: (run / name).read_bytes() for name in files}
    process = start(directory, "run")
    _, err = process.communicate(timeout=600)
    assert process.returncode == 3
    assert "responses: 202, " in err
    assert "of them already done" in err
    assert {name: (run / name).read_bytes() for name in files} == before


def test_manifest_says_how_it_was_made(main_job: tuple[Path, Ended]) -> None:
    """Judge, prompts by hash, data set by fingerprint and software versions are on record."""
    directory, _ = main_job
    manifest = json.loads((directory / RUN / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["judging"]["judge"] == "builtin"
    assert manifest["judging"]["prompts"]
    assert len(manifest["dataset"]["fingerprint"]) == 64
    assert manifest["software"]["unisafebench"]
    assert manifest["invocations"][0]["command"] == "unisafebench run"
