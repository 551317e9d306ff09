"""A run looked over: in order as it was made, and each kind of damage is found and named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from unisafebench.core.errors import RunError
from unisafebench.models.base import ModelError, Output, Request
from unisafebench.runs.checkup import check_run
from unisafebench.runs.checkup_lines import Finding
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.results import existing_run, write_summary

if TYPE_CHECKING:
    from conftest import Trial

Damage = Callable[[Path], object]


@pytest.fixture
async def whole(trial: "Trial") -> "Trial":
    """Return a finished run: three texts, one of them failed and judged anew, and two pictures."""
    down = [True]

    def answer(request: Request) -> Output:
        if request.sample.id == "t2" and down:
            down.clear()
            raise ModelError("down")
        if request.task.output == "image":
            return Output(images=(trial.png(int(request.sample.id[1:])),))
        return Output(text=f"answer to {request.sample.id}")

    picture = trial.picture("in.png", 9)
    trial.open(
        [
            *(trial.row(f"t{n}", intent=None if n else "mine") for n in range(2)),
            trial.row("t2", "vqa-text-unsafe", images=[picture]),
            *(trial.row(f"d{n}", "text-to-image") for n in (1, 2)),
        ]
    )
    for _ in range(2):
        await trial.generate(answer, width=1)
        await trial.judge(width=1)
    write_summary(trial.run, existing_run(trial.run), trial.summary())
    return trial


def found(trial: "Trial") -> list[Finding]:
    """Look the run over."""
    return list(check_run(trial.run))


def troubles(trial: "Trial") -> list[tuple[str, str, str]]:
    """Return everything that is not in order, as (check, state, detail)."""
    return [(f.check, f.state, f.detail) for f in found(trial) if f.state != "ok"]


def change(name: str, number: int, **fields: Any) -> Damage:
    """Change fields of a record; None takes one away."""

    def damage(run: Path) -> None:
        lines = (run / name).read_text(encoding="utf-8").splitlines()
        record = json.loads(lines[number]) | fields
        record = {key: value for key, value in record.items() if value is not None}
        lines[number] = json.dumps(record, separators=(",", ":"))
        (run / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    return damage


def repeat(name: str, number: int) -> Damage:
    """Write a record once more at the end."""

    def damage(run: Path) -> None:
        lines = (run / name).read_bytes().splitlines(keepends=True)
        (run / name).write_bytes(b"".join([*lines, lines[number]]))

    return damage


def drop(name: str, number: int) -> Damage:
    """Take a record away."""

    def damage(run: Path) -> None:
        lines = (run / name).read_bytes().splitlines(keepends=True)
        del lines[number]
        (run / name).write_bytes(b"".join(lines))

    return damage


def overwrite(name: str, content: bytes) -> Damage:
    """Put something else in the place of a file."""

    def damage(run: Path) -> None:
        (run / name).write_bytes(content)

    return damage


def manifest(**fields: Any) -> Damage:
    """Change what the manifest says of the data set."""

    def damage(run: Path) -> None:
        document = json.loads((run / "manifest.json").read_bytes())
        document["dataset"] |= fields
        (run / "manifest.json").write_text(json.dumps(document))

    return damage


def first_picture(run: Path) -> Path:
    """Return a picture that a response names."""
    return run / next(
        str(record["images"][0])
        for record in map(json.loads, (run / "responses.jsonl").read_text().splitlines())
        if record.get("images")
    )


def test_a_finished_run_is_in_order(whole: "Trial") -> None:
    """Responses that failed at first, and their verdicts, are no damage."""
    states = {f.check: f.state for f in found(whole)}
    assert states == dict.fromkeys(
        [
            "samples.jsonl",
            "manifest.json",
            "responses.jsonl",
            "intents.jsonl",
            "verdicts.jsonl",
            "images",
            "summary.json",
        ],
        "ok",
    )
    details = {f.check: f.detail for f in found(whole)}
    assert details["responses.jsonl"] == "6 records"
    assert details["verdicts.jsonl"] == "6 records"
    assert details["images"] == "3 pictures, each of the hash in its name"
    assert details["summary.json"] == "counted anew from 5 verdicts: the same"


@pytest.mark.parametrize(
    ("damage", "check", "detail"),
    [
        (overwrite("manifest.json", b"{"), "manifest.json", "is not a manifest"),
        (manifest(samples=6), "manifest.json", "6 samples, where samples.jsonl has 5"),
        (manifest(missing=1), "manifest.json", "1 samples without their picture, not 0"),
        (manifest(fingerprint="0"), "manifest.json", "a fingerprint that is not that of samples"),
        (change("samples.jsonl", 0, prompt="Another."), "manifest.json", "a fingerprint"),
        (drop("samples.jsonl", 1), "manifest.json", "5 samples, where samples.jsonl has 4"),
        (repeat("samples.jsonl", 0), "samples.jsonl", "samples that have the id of another: 1"),
        (lambda run: (run / "samples.jsonl").unlink(), "samples.jsonl", "is not there"),
        (
            change("samples.jsonl", 0, task="image-editing-2"),
            "samples.jsonl",
            "not name: 1 (line 1)",
        ),
        (change("responses.jsonl", 0, status="fine"), "responses.jsonl", "are damaged"),
        (change("responses.jsonl", 0, sample_id="x"), "responses.jsonl", "no sample of the run"),
        (change("responses.jsonl", 0, epoch=3), "responses.jsonl", "of an epoch that was not"),
        (change("responses.jsonl", 1, model="a/b"), "responses.jsonl", "of another model"),
        (repeat("responses.jsonl", 0), "responses.jsonl", "answered before: 1 (line 7)"),
        (drop("responses.jsonl", 0), "verdicts.jsonl", "verdicts without a response: 1 (line 1)"),
        (
            change("responses.jsonl", 3, images=["../x.png"]),
            "images",
            "that no run gives: 1 (../x.png)",
        ),
        (change("intents.jsonl", 0, sample_id="x"), "intents.jsonl", "no sample of the run"),
        (change("intents.jsonl", 0, extractor="x"), "intents.jsonl", "of another extractor"),
        (repeat("intents.jsonl", 0), "intents.jsonl", "that had one before: 1 (line 2)"),
        (change("verdicts.jsonl", 0, contextual=7), "verdicts.jsonl", "are damaged"),
        (change("verdicts.jsonl", 0, intrinsic=None), "verdicts.jsonl", "lack one of the two"),
        (change("verdicts.jsonl", 0, judge="x"), "verdicts.jsonl", "of another judge"),
        (change("verdicts.jsonl", 0, subcategory="Religion"), "verdicts.jsonl", "category or twin"),
        (change("verdicts.jsonl", 0, twin=True), "verdicts.jsonl", "category or twin"),
        (change("verdicts.jsonl", 0, sample_id="x"), "verdicts.jsonl", "no sample of the run"),
        (repeat("verdicts.jsonl", 0), "verdicts.jsonl", "judged before: 1 (line 7)"),
        (drop("verdicts.jsonl", 0), "summary.json", "is not what the journals hold: tasks"),
        (change("verdicts.jsonl", 0, contextual=0), "summary.json", "is not what the journals"),
        (overwrite("summary.json", b"{"), "summary.json", "cannot be read"),
        (
            lambda run: first_picture(run).unlink(),
            "images",
            "pictures that are named and not there: 1 (images/",
        ),
        (lambda run: first_picture(run).write_bytes(b""), "images", "pictures that are not what"),
    ],
)
def test_damage_is_found(whole: "Trial", damage: Damage, check: str, detail: str) -> None:
    """Each is a problem of its own file, with something to do about it."""
    damage(whole.run.path)
    problems = [f for f in found(whole) if f.state == "problem"]
    named = [f for f in problems if f.check == check and detail in f.detail]
    assert len(named) == 1, problems
    assert named[0].remedy


@pytest.mark.parametrize(
    ("leave", "check", "detail"),
    [
        (lambda run: (run / "summary.json").unlink(), "summary.json", "there is none yet"),
        (
            overwrite(".report.html.7.part", b"<"),
            "leftovers",
            "files of killed commands: 1 (.report",
        ),
        (overwrite("images/.part-0123", b"x"), "leftovers", "files of killed commands: 1 (images/"),
        (overwrite(f"images/{'0' * 64}.png", b"x"), "images", "pictures that no record names: 1"),
    ],
)
def test_what_a_killed_command_leaves_is_no_damage(
    whole: "Trial", leave: Damage, check: str, detail: str
) -> None:
    """It is noted, and nothing else is."""
    leave(whole.run.path)
    assert [(c, s) for c, s, d in troubles(whole) if detail in d] == [(check, "note")]
    assert len(troubles(whole)) == 1


def test_a_torn_line_and_what_it_held(whole: "Trial") -> None:
    """The next command drops it; the summary was written before and no longer holds."""
    path = whole.run.verdicts
    path.write_bytes(path.read_bytes()[:-20])
    assert [(check, state) for check, state, _ in troubles(whole)] == [
        ("verdicts.jsonl", "note"),
        ("summary.json", "problem"),
    ]
    # The verdict from before, when the response had failed, counts again.
    write_summary(whole.run, existing_run(whole.run), whole.summary())
    assert [(check, state) for check, state, _ in troubles(whole)] == [("verdicts.jsonl", "note")]


def test_a_run_that_is_not_done(whole: "Trial") -> None:
    """What has no verdict yet is noted with its number."""
    drop("verdicts.jsonl", 0)(whole.run.path)
    write_summary(whole.run, existing_run(whole.run), whole.summary())
    assert troubles(whole) == [("progress", "note", "responses without a verdict yet: 1")]


def test_a_run_at_work_says_so(whole: "Trial") -> None:
    """While a command holds the lock, files may disagree for a moment."""
    with whole.run.locked():
        assert [check for check, _, _ in troubles(whole)] == ["run.lock"]
    assert troubles(whole) == []


def test_no_run(tmp_path: Path) -> None:
    """A directory that holds none is an error, and nothing is made in it."""
    with pytest.raises(RunError, match="is no run"):
        check_run(RunDirectory(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
