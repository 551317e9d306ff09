"""Samples in our own format."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisafebench.core.errors import DataError, UniSafeBenchError, UnknownNameError
from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS
from unisafebench.core.taxonomy import CATEGORIES
from unisafebench.datasets.fields import Record
from unisafebench.datasets.samples import check_samples, read_sample, read_samples

_FULL: dict[str, Any] = {
    "id": "s-1",
    "task": "image-editing",
    "category": "Sensitive Topics",
    "subcategory": "Politics",
    "prompt": "Make it red.",
    "images": ["a.png", "b.png"],
    "intent": "To colour it.",
    "twin_of": "s-0",
    "risk": "r-1",
    "turns": ["And now?"],
    "language": "en",
    "source": "written for this",
    "license": "CC0-1.0",
    "metadata": {"level": 2},
}


def _read(**changes: Any) -> Sample:
    row = {name: value for name, value in (_FULL | changes).items() if value != "absent"}
    return read_sample(Record(Path("data.jsonl"), 4, row))


def _write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_every_field_is_read() -> None:
    """All known fields go to their places and nothing is left over."""
    lists = {"images": ("a.png", "b.png"), "turns": ("And now?",)}
    assert _read() == Sample(**(_FULL | lists))


def test_unknown_fields_are_kept() -> None:
    """A user's own fields pass through."""
    assert _read(mine=[1, {"x": None}]).extra == {"mine": [1, {"x": None}]}


def test_names_are_written_canonically() -> None:
    """Task, category and subcategory as the tables have them."""
    sample = _read(task="T2I", category="gore & violence", subcategory="absent", images="absent")
    assert (sample.task, sample.category, sample.subcategory) == (
        "text-to-image",
        "Toxicity Content",
        "Blood and Violence",
    )


def test_the_authors_names_of_fields_are_taken_too() -> None:
    """`image` as one path, `intention`, and an id that is a number: 0 stays "0"."""
    sample = _read(id=0, images="absent", image="c.png", intent="absent", intention="Why.")
    assert (sample.id, sample.images, sample.intent) == ("0", ("c.png",), "Why.")
    assert sample.extra == {}


def test_an_empty_intent_is_none() -> None:
    """So that one is written for the sample."""
    assert _read(intent="").intent is None


@pytest.mark.parametrize("field", ["id", "task", "category", "prompt", "images"])
@pytest.mark.parametrize("value", ["absent", None, ""])
def test_a_missing_field_is_named(field: str, value: object) -> None:
    """Absent, null and empty are all missing, for each field that a sample needs."""
    without = {"subcategory": "absent"} if field == "category" else {}
    with pytest.raises(DataError) as caught:
        _read(**{field: value, **without})
    assert str(caught.value).startswith(f"data.jsonl:4: field {field!r} is missing or empty. ")


@pytest.mark.parametrize("task", list(TASKS))
def test_only_tasks_with_image_input_need_a_picture(task: str) -> None:
    """Text generation and text-to-image have none."""
    if task in ("text-generation", "text-to-image"):
        assert _read(task=task, images="absent").images == ()
        return
    with pytest.raises(DataError, match="field 'images' is missing"):
        _read(task=task, images=[])


@pytest.mark.parametrize(
    ("changes", "error", "near"),
    [
        ({"task": "text-to-imgae"}, "unknown task 'text-to-imgae'", "text-to-image"),
        ({"subcategory": "Polticis"}, "unknown subcategory 'Polticis'", "Politics"),
        ({"category": "Privcy Leak"}, "unknown category 'Privcy Leak'", "Privacy Leak"),
    ],
)
def test_an_unknown_name_has_its_place_and_near_matches(
    changes: dict[str, Any], error: str, near: str
) -> None:
    """File and line, the name as it was written, and what may have been meant."""
    with pytest.raises(UnknownNameError) as caught:
        _read(**changes)
    assert str(caught.value).startswith(f"data.jsonl:4: {error}. Did you mean ")
    assert repr(near) in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 1.5},
        {"id": True},
        {"task": 3},
        {"category": ["Politics"]},
        {"subcategory": {}},
        {"prompt": ["x"]},
        {"images": {"a": "b"}},
        {"images": [""]},
        {"images": [1]},
        {"intent": 1},
        {"twin_of": 2},
        {"risk": []},
        {"turns": [None]},
        {"language": 1},
        {"source": {}},
        {"license": False},
        {"metadata": "x"},
    ],
)
def test_a_field_of_the_wrong_type_is_named(changes: dict[str, Any]) -> None:
    """For every field that has a type."""
    (field,) = changes
    with pytest.raises(DataError, match=rf"^data\.jsonl:4: field '{field}' must be"):
        _read(**changes)


def test_samples_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Streamed one after the other."""
    path = _write(tmp_path / "s.jsonl", *({**_FULL, "id": n} for n in (3, 1, 2)))
    assert [sample.id for sample in read_samples(path)] == ["3", "1", "2"]
    assert check_samples(path) == 3


def test_an_id_may_repeat_across_tasks_but_not_within_one(tmp_path: Path) -> None:
    """The number 1 and the text "1" are one id."""
    rows = [
        _FULL | {"id": 1},
        _FULL | {"id": 1, "task": "vqa-dual-unsafe"},
        _FULL | {"id": "1"},
    ]
    path = _write(tmp_path / "s.jsonl", *rows)
    with pytest.raises(DataError) as caught:
        check_samples(path)
    assert str(caught.value) == (
        f"{path}:3: an earlier record has the same task, id and epoch. Give each its own id."
    )


def test_several_problems_are_listed_at_once(tmp_path: Path) -> None:
    """Each with its own line."""
    rows = [
        _FULL,
        _FULL | {"id": "2", "prompt": ""},
        _FULL | {"id": "3", "task": "edits"},
        _FULL | {"id": "4", "category": "Weather", "subcategory": None},
        _FULL,
    ]
    path = _write(tmp_path / "s.jsonl", *rows)
    with pytest.raises(DataError) as caught:
        check_samples(path)
    lines = str(caught.value).splitlines()
    assert [line.removeprefix(f"{path}:").split(":")[0] for line in lines] == ["2", "3", "4", "5"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_NAMES = st.sampled_from([*TASKS, "T2I", *CATEGORIES, "Politics", "bias", "", "x"])
_ROWS = st.fixed_dictionaries({}, optional=dict.fromkeys(_FULL, _NAMES | _JSON))


@settings(deadline=None)
@given(_ROWS)
def test_any_record_is_a_sample_or_an_error_of_ours(row: dict[str, Any]) -> None:
    """A sample has canonical names, an id and a prompt; nothing else leaves."""
    try:
        sample = read_sample(Record(Path("data.jsonl"), 1, row))
    except UniSafeBenchError:
        return
    assert sample.task in TASKS
    assert sample.subcategory in CATEGORIES[sample.category]
    assert sample.id
    assert sample.prompt.strip()
    assert sample.images or not TASKS[sample.task].image_input


@settings(deadline=None)
@given(st.binary(max_size=60) | _ROWS.map(lambda row: json.dumps(row).encode()))
def test_any_file_is_samples_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Reading and checking agree on which it is."""
    path = tmp_path_factory.getbasetemp() / "any-samples.jsonl"
    path.write_bytes(content)
    try:
        count = check_samples(path)
    except DataError:
        with pytest.raises(UniSafeBenchError):
            list(read_samples(path))
    else:
        assert len(list(read_samples(path))) == count
