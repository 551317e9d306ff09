"""Taking a data set into a run: its fingerprint, its pictures, and what is kept of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisafebench.core.errors import DataError, ImageError
from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS
from unisafebench.datasets.selection import Selection
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.snapshot import (
    MISSING,
    Snapshot,
    commit_samples,
    drop_samples,
    file_sha256,
    inside,
    snapshot_samples,
    stored_samples,
)

if TYPE_CHECKING:
    from conftest import Trial

ALL = Selection(tasks=tuple(TASKS))


def take(trial: "Trial", rows: list[dict[str, Any]], **options: Any) -> Snapshot:
    """Take rows into the run."""
    path = trial.write(rows)
    taken = snapshot_samples(trial.run, path, **({"selection": ALL} | options))
    commit_samples(trial.run)
    return taken


def stored(trial: "Trial") -> list[Sample]:
    """Return the samples of the run."""
    return list(stored_samples(trial.run, Sample))


def rows_with_pictures(trial: "Trial") -> list[dict[str, Any]]:
    """Return three samples, two of them with pictures of their own."""
    return [
        trial.row("1"),
        trial.row("2", "image-editing", images=[trial.picture("a.png", 1)]),
        trial.row(
            "3",
            "vqa-dual-unsafe",
            images=[trial.picture("b.png", 2), trial.picture("c.png", 3)],
            metadata={"source": {"page": 3, "line": 4}},
        ),
    ]


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(6)))
def test_the_order_of_samples_does_not_count(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    """However the lines are sorted, the fingerprint is that of the same set."""
    root = tmp_path_factory.mktemp("data")
    rows = [
        {"id": str(n), "task": "text-generation", "category": "Politics", "prompt": f"prompt {n}"}
        for n in range(6)
    ]
    path = root / "samples.jsonl"
    prints = []
    for numbers in (list(range(6)), order):
        path.write_text("".join(json.dumps(rows[number]) + "\n" for number in numbers))
        run = RunDirectory(root)
        prints.append(snapshot_samples(run, path, selection=ALL).fingerprint)
        commit_samples(run)
        assert [int(sample.id) for sample in stored_samples(run, Sample)] == numbers
    assert prints[0] == prints[1]


def test_names_of_pictures_and_order_of_fields_do_not_count(trial: "Trial") -> None:
    """A picture under another name, and fields written in another order, are the same content."""
    rows = rows_with_pictures(trial)
    before = take(trial, rows)
    moved = [
        rows[0],
        rows[1] | {"images": [trial.picture("other/place.PNG", 1)]},
        rows[2] | {"metadata": {"source": {"line": 4, "page": 3}}},
    ]
    assert take(trial, [dict(reversed(row.items())) for row in moved]) == before
    assert before.samples == 3
    assert before.missing == 0


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (0, {"id": "9"}),
        (0, {"prompt": "prompt 1 "}),
        (0, {"category": "Religion"}),
        (0, {"intent": "another"}),
        (0, {"twin_of": "2"}),
        (0, {"risk": "r"}),
        (0, {"turns": ["and then?"]}),
        (0, {"language": "de"}),
        (0, {"metadata": {"a": 1}}),
        (0, {"a field of their own": 1}),
        (1, {"task": "vqa-text-unsafe"}),
        (1, {"images": ["b.png"]}),
        (2, {"images": ["c.png", "b.png"]}),
        (2, {"images": ["b.png"]}),
    ],
)
def test_any_content_counts(trial: "Trial", number: int, change: dict[str, Any]) -> None:
    """A sample that differs in anything, the order of its pictures included, is another set."""
    rows = rows_with_pictures(trial)
    before = take(trial, rows).fingerprint
    rows[number] |= change
    assert take(trial, rows).fingerprint != before


def test_a_sample_more_or_less_counts(trial: "Trial") -> None:
    """Neither a sample added nor one left out goes unnoticed."""
    rows = rows_with_pictures(trial)
    prints = {take(trial, rows[:count]).fingerprint for count in (1, 2, 3)}
    assert len(prints) == 3


def test_the_same_picture_with_other_bytes_counts(trial: "Trial") -> None:
    """A picture that was painted over under its own name is other content."""
    rows = rows_with_pictures(trial)
    before = take(trial, rows).fingerprint
    trial.picture("a.png", 9)
    assert take(trial, rows).fingerprint != before


def test_the_run_keeps_its_own_copy(trial: "Trial") -> None:
    """Pictures are copied as they are, each once; a record has all its fields, unknown ones too."""
    rows = [
        trial.row("1", "image-editing", images=[trial.picture("a.png", 1)], mine=[1, {"b": None}]),
        trial.row("2", "image-editing", images=[trial.picture("same.png", 1)]),
    ]
    take(trial, rows)
    first, second = stored(trial)
    assert first.images == second.images
    assert (trial.run.path / first.images[0]).read_bytes() == trial.png(1)
    assert len(list((trial.run.path / "images").iterdir())) == 1
    assert (first.id, first.subcategory, first.category) == ("1", "Politics", "Sensitive Topics")
    assert first.extra == {"mine": [1, {"b": None}]}


def test_a_missing_picture_is_marked(trial: "Trial") -> None:
    """A sample whose picture is not there is kept, and says why it has none."""
    rows = [
        trial.row("1", "vqa-dual-unsafe", images=[trial.picture("a.png"), "gone.png"]),
        trial.row("2"),
    ]
    taken = take(trial, rows)
    assert (taken.samples, taken.missing) == (2, 1)
    there, gone = stored(trial)[0].images
    assert there.startswith("images/")
    assert gone.startswith(MISSING)
    assert "gone.png" in gone
    assert "does not exist" in gone


def test_why_a_picture_is_missing_does_not_count(trial: "Trial", tmp_path: Path) -> None:
    """The fingerprint of a set with a missing picture does not depend on where the set lies."""
    row = trial.row("1", "image-editing", images=["gone.png"])
    before = take(trial, [row])
    assert take(trial, [row | {"images": ["../gone.png"]}]) == before
    trial.data = tmp_path / "elsewhere"
    trial.data.mkdir()
    assert take(trial, [row]) == before
    trial.picture("gone.png")
    assert take(trial, [row]).fingerprint != before.fingerprint


def outside_names(trial: "Trial") -> list[str]:
    """Return names that lead to a picture outside the data set's directory."""
    outside = trial.data.parent / "outside.png"
    outside.write_bytes(trial.png(5))
    (trial.data / "link.png").symlink_to(outside)
    (trial.data / "up").symlink_to(trial.data.parent, target_is_directory=True)
    return ["../outside.png", str(outside), "link.png", "up/outside.png", "x/../../outside.png"]


@pytest.mark.parametrize("which", range(5))
def test_pictures_outside_are_refused_unless_allowed(trial: "Trial", which: int) -> None:
    """A data set cannot read files beside it: not upwards, not by full path, not by a link."""
    (trial.data / "x").mkdir()
    name = outside_names(trial)[which]
    rows = [trial.row("1", "image-editing", images=[name])]
    assert take(trial, rows).missing == 1
    assert "--allow-outside" in stored(trial)[0].images[0]
    assert not (trial.run.path / "images").exists()
    assert take(trial, rows, allow_outside=True).missing == 0
    assert (trial.run.path / stored(trial)[0].images[0]).read_bytes() == trial.png(5)


def test_a_link_inside_the_directory_is_followed(trial: "Trial") -> None:
    """A link whose target is among the data set's own files is no way out."""
    trial.picture("real.png", 4)
    (trial.data / "link.png").symlink_to(trial.data / "real.png")
    assert take(trial, [trial.row("1", "image-editing", images=["link.png"])]).missing == 0


def test_a_name_that_is_no_path_is_refused(tmp_path: Path) -> None:
    """A name that no file system takes is unusable, and says so."""
    with pytest.raises(ImageError, match="is not a usable path"):
        inside(tmp_path, "a\0.png", allow_outside=True)


def test_a_missing_mark_is_passed_on(trial: "Trial") -> None:
    """The samples of a run, taken into another, still say what was missing in the first."""
    take(trial, [trial.row("1", "image-editing", images=["gone.png"])])
    mark = stored(trial)[0].images
    take(trial, [trial.row("1", "image-editing", images=list(mark))])
    assert stored(trial)[0].images == mark


def test_the_limit_is_one_of_each_task(trial: "Trial") -> None:
    """Of each task the first so many are taken, in the order of the file."""
    rows = [
        trial.row(str(n), "text-generation" if n % 3 else "text-to-image") for n in range(1, 10)
    ]
    taken = take(trial, rows, selection=Selection(tasks=ALL.tasks, limit=2))
    assert [sample.id for sample in stored(trial)] == ["1", "2", "3", "6"]
    assert taken.samples == 4


def test_only_samples_that_are_wanted_are_taken(trial: "Trial") -> None:
    """What the filter rejects neither enters the run nor counts towards the limit."""
    rows = [trial.row(str(n), "text-to-image" if n % 2 else "text-generation") for n in range(6)]
    take(trial, rows, selection=Selection(tasks=("text-to-image",), limit=2))
    assert [sample.id for sample in stored(trial)] == ["1", "3"]


def test_nothing_left_is_an_error(trial: "Trial") -> None:
    """A run of no sample at all is refused and leaves no file."""
    with pytest.raises(DataError, match="no sample is left to run"):
        take(trial, [trial.row("1")], selection=Selection(tasks=("text-to-image",)))
    assert list(trial.run.path.iterdir()) == []


def test_a_bad_record_stops_everything_before_it_begins(trial: "Trial") -> None:
    """The whole file is checked first: nothing is written when its last record is unusable."""
    rows = [trial.row("1"), trial.row("2", task="no-such-task"), trial.row("1")]
    with pytest.raises(DataError) as caught:
        take(trial, rows)
    assert "samples.jsonl:2" in str(caught.value)
    assert "samples.jsonl:3" in str(caught.value)
    assert list(trial.run.path.iterdir()) == []


def test_samples_are_the_runs_own_only_once_committed(trial: "Trial") -> None:
    """What was written aside and dropped leaves the run's samples as they were."""
    take(trial, [trial.row("1")])
    path = trial.write([trial.row("2")])
    snapshot_samples(trial.run, path, selection=ALL)
    assert [sample.id for sample in stored(trial)] == ["1"]
    drop_samples(trial.run)
    drop_samples(trial.run)
    assert [sample.id for sample in stored(trial)] == ["1"]


def test_the_hash_of_a_file_is_sha256(tmp_path: Path) -> None:
    """The empty file's hash is the published one; a file that is not there is named."""
    (tmp_path / "empty").touch()
    assert file_sha256(tmp_path / "empty") == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    with pytest.raises(DataError, match="none: the file does not exist"):
        file_sha256(tmp_path / "none")


def test_a_shuffled_run_has_the_same_samples_in_an_order_of_its_seed(trial: "Trial") -> None:
    """The order differs from seed to seed, never for the same seed; the fingerprint is the same."""
    rows = [trial.row(f"{number}") for number in range(30)]
    plain = take(trial, rows)
    orders = {}
    for seed in (1, 2):
        for turned in (rows, rows[::-1]):
            chosen = Selection(tasks=ALL.tasks, shuffle=seed)
            taken = take(trial, turned, selection=chosen)
            assert taken == plain
            orders.setdefault(seed, set()).add(tuple(sample.id for sample in stored(trial)))
    (first,), (second,) = orders[1], orders[2]
    assert sorted(first, key=int) == [row["id"] for row in rows]
    assert len({first, second, tuple(row["id"] for row in rows)}) == 3
