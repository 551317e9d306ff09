"""Responses that exist already: ours and the authors'."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisafebench.core.errors import DataError, UniSafeBenchError, UnknownNameError
from unisafebench.core.records import Sample, Usage
from unisafebench.core.tasks import TASKS
from unisafebench.datasets.responses import (
    ResponseRow,
    check_responses,
    read_responses,
    task_of_path,
)

_OURS: dict[str, Any] = {
    "sample_id": "s-1",
    "task": "vqa-dual-unsafe",
    "epoch": 2,
    "model": "vllm/x",
    "text": "No.",
    "images": ["a.png"],
    "status": "blocked",
    "stop_reason": "content_filter",
    "blocked_side": "output",
    "error": "filtered",
    "reject_image": False,
    "usage": {"input_tokens": 3, "output_tokens": 4},
    "latency_s": 1.25,
    "mine": 1,
}
_AUTHORS: dict[str, Any] = {
    "id": 0,
    "prompt": "What is this?",
    "image": "in/0.png",
    "output_image": None,
    "generated_text": "A cat.",
    "category": "gore and violence",
    "intention": "To know.",
    "reject_image": "false",
}


def _write(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _one(path: Path, row: dict[str, Any], task: str | None = None) -> ResponseRow:
    (found,) = read_responses(_write(path, row), None if task is None else TASKS[task])
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file whose path says nothing of a task."""
    return tmp_path / "outputs.jsonl"


def test_our_own_rows_are_read_in_full(file: Path) -> None:
    """Every field; unknown ones are kept."""
    assert _one(file, _OURS) == ResponseRow(
        line=1,
        sample_id="s-1",
        task="vqa-dual-unsafe",
        epoch=2,
        model="vllm/x",
        text="No.",
        images=("a.png",),
        status="blocked",
        stop_reason="content_filter",
        blocked_side="output",
        error="filtered",
        reject_image=False,
        usage=Usage(input_tokens=3, output_tokens=4),
        latency_s=1.25,
        sample=None,
        extra={"mine": 1},
    )


def test_our_own_rows_need_only_the_sample(file: Path) -> None:
    """The task may be found by the id later; what is not said is not made up."""
    assert _one(file, {"sample_id": 0}) == ResponseRow(line=1, sample_id="0", task=None)


def test_the_authors_rows_carry_their_sample(file: Path) -> None:
    """Id 0 stays "0", the word "false" is False, null is no picture."""
    assert _one(file, _AUTHORS, "vqa-text-unsafe") == ResponseRow(
        line=1,
        sample_id="0",
        task="vqa-text-unsafe",
        text="A cat.",
        reject_image=False,
        sample=Sample(
            id="0",
            task="vqa-text-unsafe",
            category="Toxicity Content",
            subcategory="Blood and Violence",
            prompt="What is this?",
            images=("in/0.png",),
            intent="To know.",
        ),
    )


@pytest.mark.parametrize(
    ("output", "images"),
    [("o.png", ("o.png",)), (["o.png", "p.png"], ("o.png", "p.png")), ("", ()), (None, ())],
)
def test_the_authors_output_is_one_picture_several_or_none(
    file: Path, output: object, images: tuple[str, ...]
) -> None:
    """Text and pictures of one row are both kept."""
    row = _one(file, _AUTHORS | {"output_image": output}, "image-editing")
    assert (row.images, row.text) == (images, "A cat.")


def test_the_rows_own_task_goes_before_the_callers_and_the_directorys(tmp_path: Path) -> None:
    """Then the caller's, then the directory's."""
    path = tmp_path / "T2I" / "out.jsonl"
    assert _one(path, _AUTHORS | {"task": "Dual-Unsafe VQA"}, "image-editing").task == (
        "vqa-dual-unsafe"
    )
    assert _one(path, _AUTHORS, "image-editing").task == "image-editing"
    assert _one(path, _AUTHORS).task == "text-to-image"
    assert _one(path, {"sample_id": "1"}).task == "text-to-image"


def test_the_authors_rows_without_any_task_are_refused(file: Path) -> None:
    """It is never guessed from what the row looks like; all seven are listed."""
    with pytest.raises(DataError) as caught:
        _one(file, _AUTHORS)
    assert str(caught.value).startswith(f"{file}:1: the authors' format does not say which task")
    assert str(caught.value).endswith(f"Say it with --task; tasks are: {', '.join(TASKS)}.")


@pytest.mark.parametrize(
    ("path", "task"),
    [
        ("release/VQA/unsafety_I_unsafety_T/bagel.jsonl", "vqa-dual-unsafe"),
        ("release/VQA/unsafety_I_safety_T/bagel.jsonl", "vqa-image-unsafe"),
        ("release/VQA/safety_I_unsafety_T/bagel.jsonl", "vqa-text-unsafe"),
        ("release/VQA/safety_I_safety_T/bagel.jsonl", "vqa-composite-unsafe"),
        ("release/T2I/bagel.jsonl", "text-to-image"),
        ("release/Text Generation/bagel.jsonl", "text-generation"),
        ("release/Text-Guided Image Editing/bagel.jsonl", "image-editing"),
        ("release/T2I/results/bagel.jsonl", "text-to-image"),
        ("release/bagel/text-to-image.jsonl", "text-to-image"),
        ("T2I/VQA/safety_I_safety_T/bagel.jsonl", "vqa-composite-unsafe"),
        ("release/VQA/bagel.jsonl", None),
        ("release/bagel-t2i.jsonl", None),
    ],
)
def test_directories_of_the_release_say_the_task(
    tmp_path: Path, path: str, task: str | None
) -> None:
    """The nearest one counts; a name that only resembles a task says nothing."""
    found = task_of_path(tmp_path / path)
    assert (None if found is None else found.id) == task


def test_an_unknown_task_has_its_place_and_near_matches(file: Path) -> None:
    """In both formats."""
    for row in (_OURS, _AUTHORS):
        with pytest.raises(UnknownNameError) as caught:
            _one(file, row | {"task": "vqa-dual"})
        assert str(caught.value).startswith(f"{file}:1: unknown task 'vqa-dual'. Did you mean ")
        assert "'vqa-dual-unsafe'" in str(caught.value)


def test_a_row_that_is_no_response_is_refused(file: Path) -> None:
    """The message says what marks each format, and which fields are there."""
    with pytest.raises(DataError) as caught:
        _one(file, {"id": 1, "answer": "x"})
    assert str(caught.value).startswith(f"{file}:1: this is no response: ")
    assert str(caught.value).endswith("Fields there are: 'id', 'answer'.")


@pytest.mark.parametrize(
    "changes",
    [
        {"sample_id": ["s"]},
        {"sample_id": 1.5},
        {"task": 1},
        {"epoch": "1"},
        {"epoch": -1},
        {"model": 1},
        {"text": ["No."]},
        {"images": {"a": 1}},
        {"status": "done"},
        {"status": 1},
        {"stop_reason": 1},
        {"blocked_side": "both"},
        {"error": {}},
        {"reject_image": "maybe"},
        {"usage": 7},
        {"usage": {"input_tokens": "3"}},
        {"usage": {"output_tokens": 1.5}},
        {"latency_s": "1"},
    ],
)
def test_a_field_of_the_wrong_type_is_named(file: Path, changes: dict[str, Any]) -> None:
    """With file and line, whichever field it is."""
    (field,) = changes
    with pytest.raises(DataError) as caught:
        _one(file, _OURS | changes)
    assert str(caught.value).startswith(f"{file}:1: field {field!r} must ")


@pytest.mark.parametrize("field", ["id", "prompt", "category"])
@pytest.mark.parametrize("value", [None, ""])
def test_the_authors_rows_need_id_prompt_and_category(
    file: Path, field: str, value: object
) -> None:
    """Null and empty are missing."""
    with pytest.raises(DataError) as caught:
        _one(file, _AUTHORS | {field: value}, "text-to-image")
    assert str(caught.value).startswith(f"{file}:1: field {field!r} is missing or empty.")


def test_epochs_tell_repetitions_apart_from_duplicates(file: Path) -> None:
    """The same sample twice in one epoch is a mistake; in two epochs it is not."""
    _write(file, _OURS | {"epoch": 0}, _OURS | {"epoch": 1})
    assert check_responses(file) == 2
    _write(file, _OURS, _OURS | {"text": "Other."}, _AUTHORS, _OURS | {"epoch": "x"})
    with pytest.raises(DataError) as caught:
        check_responses(file, TASKS["vqa-dual-unsafe"])
    field, repeated = str(caught.value).splitlines()
    assert field.startswith(f"{file}:4: field 'epoch' must be a whole number")
    assert repeated.startswith(f"{file}:2: an earlier record has the same task, id and epoch.")


def test_both_formats_may_stand_in_one_file(file: Path) -> None:
    """They are told apart row by row."""
    _write(file, _OURS, _AUTHORS)
    found = list(read_responses(file, TASKS["text-to-image"]))
    assert [(row.line, row.sample_id, row.sample is None) for row in found] == [
        (1, "s-1", True),
        (2, "0", False),
    ]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_VALUE = st.sampled_from([*TASKS, "Politics", "completed", "false", "a.png", {}]) | _JSON
_ROWS = st.fixed_dictionaries({}, optional=dict.fromkeys((*_OURS, *_AUTHORS), _VALUE))


@settings(deadline=None)
@given(_ROWS)
def test_any_row_is_a_response_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any]
) -> None:
    """Whatever stands in whichever field."""
    path = tmp_path_factory.getbasetemp() / "any-responses.jsonl"
    try:
        found = _one(path, row)
    except UniSafeBenchError:
        return
    assert found.sample_id
    assert found.epoch >= 0
    assert found.task is None or found.task in TASKS
