"""Opening a run: new, taken up again, and refused; whatever is refused changes nothing."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from unisafebench.core.errors import DataError, RunMismatchError
from unisafebench.core.records import Sample
from unisafebench.runs.manifest import (
    Invocation,
    JudgingRecord,
    Manifest,
    ModelRecord,
    read_manifest,
    write_manifest,
)
from unisafebench.runs.opening import begin_judging
from unisafebench.runs.snapshot import MISSING, stored_samples

if TYPE_CHECKING:
    from conftest import Trial

JUDGING = JudgingRecord(judge="a/j", extractor="a/e", protocol="strict", blocked_as="refusal")


def files(trial: "Trial") -> dict[str, bytes]:
    """Return what the run holds besides pictures."""
    return {path.name: path.read_bytes() for path in trial.run.path.iterdir() if path.is_file()}


def test_a_new_run_says_what_was_asked(trial: "Trial") -> None:
    """The manifest holds the settings asked for and the data set's figures."""
    rows = [trial.row("1"), trial.row("2"), trial.row("3", "text-to-image")]
    manifest = trial.open(
        rows, tasks=("text-generation",), not_supported=("text-to-image",), epochs=2, seed=5
    )
    assert manifest == read_manifest(trial.run)
    assert (manifest.tasks, manifest.not_supported) == (("text-generation",), ("text-to-image",))
    assert (manifest.epochs, manifest.seed, manifest.limit) == (2, 5, None)
    assert (manifest.dataset.samples, manifest.dataset.missing) == (2, 0)
    assert manifest.model.name == "function/test"
    assert [sample.id for sample in stored_samples(trial.run, Sample)] == ["1", "2"]


def test_the_same_command_takes_it_up_again(trial: "Trial") -> None:
    """Nothing is written anew when the same is asked of the same file."""
    first = trial.open([trial.row("1"), trial.row("2")])
    before = files(trial)
    assert trial.open() == first
    assert files(trial) == before


def test_a_file_in_another_order_is_the_same_set(trial: "Trial") -> None:
    """Lines that moved, or a picture that was renamed, are no reason to refuse."""
    rows = [trial.row("1"), trial.row("2", "image-editing", images=[trial.picture("a.png", 1)])]
    first = trial.open(rows)
    before = files(trial)
    rows[1]["images"] = [trial.picture("b.png", 1)]
    assert trial.open(rows[::-1]) == first
    assert files(trial) == before


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"tasks": ("text-generation",)}, "tasks"),
        ({"limit": 1}, "limit"),
        ({"epochs": 2}, "epochs"),
        ({"seed": 1}, "seed"),
        ({"model": ModelRecord(name="function/other")}, "model"),
        ({"model": ModelRecord(name="function/test", settings={"temperature": 1})}, "temperature"),
    ],
)
def test_another_command_is_refused(trial: "Trial", changes: dict[str, Any], name: str) -> None:
    """What would mix two runs in one directory is refused by name and changes no file."""
    trial.open([trial.row("1"), trial.row("2")])
    before = files(trial)
    with pytest.raises(RunMismatchError, match=name):
        trial.open(**changes)
    assert files(trial) == before


def test_a_changed_data_set_is_refused(trial: "Trial") -> None:
    """A prompt that was edited makes another data set; the run keeps its own samples."""
    trial.open([trial.row("1"), trial.row("2")])
    before = files(trial)
    with pytest.raises(RunMismatchError, match="data set fingerprint"):
        trial.open([trial.row("1"), trial.row("2", prompt="edited")])
    assert files(trial) == before


def test_a_data_set_that_is_gone_is_named(trial: "Trial") -> None:
    """Resuming without the file says which file is missing."""
    trial.open([trial.row("1")])
    (trial.data / "samples.jsonl").unlink()
    with pytest.raises(DataError, match=r"samples\.jsonl: the file does not exist"):
        trial.open()


def with_a_gap(trial: "Trial") -> tuple[list[dict[str, Any]], Manifest]:
    """Open a run in which the picture of its third sample is missing."""
    rows = [
        trial.row("1"),
        trial.row("2", "image-editing", images=[trial.picture("a.png", 1)]),
        trial.row("3", "image-editing", images=["late.png"]),
    ]
    manifest = trial.open(rows)
    assert manifest.dataset.missing == 1
    return rows, manifest


def test_a_picture_that_was_missing_is_found_on_resume(trial: "Trial") -> None:
    """Once the picture is there the run takes it, says so, and then looks no further."""
    with_a_gap(trial)
    assert trial.open().dataset.missing == 1
    assert trial.watcher.notes == []
    trial.picture("late.png", 3)
    found = trial.open()
    assert found.dataset.missing == 0
    assert read_manifest(trial.run) == found
    assert not any(MISSING in name for s in stored_samples(trial.run, Sample) for name in s.images)
    assert trial.watcher.notes == ["1 samples now have the picture that was missing before."]
    assert trial.open() == found
    assert len(trial.watcher.notes) == 1


def test_what_else_the_manifest_says_outlives_the_find(trial: "Trial") -> None:
    """Judging and invocations are not forgotten when a picture is found."""
    _, manifest = with_a_gap(trial)
    noted = msgspec.structs.replace(
        manifest, judging=JUDGING, invocations=(Invocation(command="run", started="then"),)
    )
    write_manifest(trial.run, noted)
    trial.picture("late.png", 3)
    found = trial.open()
    assert (found.judging, found.invocations) == (noted.judging, noted.invocations)
    assert found.created == manifest.created


@pytest.mark.parametrize("changes", [{"limit": 1}, {"tasks": ("text-generation",)}, {"seed": 4}])
def test_another_command_does_not_repair_the_run(trial: "Trial", changes: dict[str, Any]) -> None:
    """A refused command leaves a run with missing pictures as it was, whatever it asked for."""
    with_a_gap(trial)
    before = files(trial)
    with pytest.raises(RunMismatchError):
        trial.open(**changes)
    assert files(trial) == before
    trial.picture("late.png", 3)
    with pytest.raises(RunMismatchError):
        trial.open(**changes)
    assert files(trial) == before


def test_another_picture_is_no_find(trial: "Trial") -> None:
    """A picture that was there and changed is refused, also when a missing one turned up."""
    with_a_gap(trial)
    before = files(trial)
    trial.picture("late.png", 3)
    trial.picture("a.png", 2)
    with pytest.raises(RunMismatchError, match="data set fingerprint"):
        trial.open()
    assert files(trial) == before


def test_pictures_that_were_outside_may_be_allowed_later(trial: "Trial") -> None:
    """Refused pictures count as missing; allowing them takes them in."""
    (trial.data.parent / "out.png").write_bytes(trial.png(3))
    rows = [trial.row("1"), trial.row("2", "image-editing", images=["../out.png"])]
    assert trial.open(rows).dataset.missing == 1
    assert trial.open(allow_outside=True).dataset.missing == 0


def test_a_run_is_judged_one_way(trial: "Trial") -> None:
    """The first judging is noted; the same may go on, another is refused and changes nothing."""
    manifest = begin_judging(trial.run, trial.open([trial.row("1")]), JUDGING)
    assert manifest.judging == JUDGING
    assert read_manifest(trial.run) == manifest
    assert begin_judging(trial.run, manifest, JUDGING) == manifest
    before = files(trial)
    with pytest.raises(RunMismatchError, match="protocol: the run has 'strict'"):
        begin_judging(trial.run, manifest, msgspec.structs.replace(JUDGING, protocol="paper"))
    assert files(trial) == before


def test_what_a_probe_found_is_kept(trial: "Trial") -> None:
    """A later judging that was not probed keeps what the first probe found."""
    probed = msgspec.structs.replace(JUDGING, probe_wrong=("bread",), learned={"json": True})
    manifest = begin_judging(trial.run, trial.open([trial.row("1")]), probed)
    assert begin_judging(trial.run, manifest, JUDGING).judging == probed


def test_notes_made_meanwhile_are_kept(trial: "Trial") -> None:
    """An invocation that was noted after the manifest was read is not overwritten."""
    manifest = trial.open([trial.row("1")])
    note = (Invocation(command="unisafebench run", started="then"),)
    write_manifest(trial.run, msgspec.structs.replace(manifest, invocations=note))
    assert begin_judging(trial.run, manifest, JUDGING).invocations == note
