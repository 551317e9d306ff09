"""Typed fields of a user's record: what is accepted, what is refused, and how it is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unisafebench.core.errors import DataError, UnknownNameError
from unisafebench.datasets.fields import Record


def _record(**fields: Any) -> Record:
    return Record(Path("data.jsonl"), 7, fields)


Take = Callable[[Record], Any]


@pytest.mark.parametrize(
    ("value", "taken"),
    [(0, "0"), ("0", "0"), (17, "17"), (-3, "-3"), ("a-1", "a-1"), (10**18, "1" + "0" * 18)],
)
def test_an_id_is_a_number_or_a_text(value: object, taken: str) -> None:
    """0 is an id, not an empty one."""
    assert _record(id=value).identifier("id") == taken


@pytest.mark.parametrize("value", [None, "", True, False, 1.5, [], {}, [1]])
def test_anything_else_is_no_id(value: object) -> None:
    """Not even a truth value, which Python takes for a number."""
    with pytest.raises(DataError, match=r"^data\.jsonl:7: field 'id'"):
        _record(id=value).identifier("id")


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("True", True),
        ("false", False),
        ("FALSE ", False),
        (1, True),
        (0, False),
        ("1", True),
        ("0", False),
        (None, None),
        ("", None),
        ("None", None),
    ],
)
def test_a_flag_is_read_by_its_word(value: object, flag: object) -> None:
    """The text "false" is False, though Python takes any text for true."""
    assert _record(reject_image=value).flag("reject_image") is flag


@pytest.mark.parametrize("value", ["yes please", 2, -1, 1.0, [], ["true"], {}])
def test_what_is_no_flag_is_refused(value: object) -> None:
    """Nothing is guessed."""
    with pytest.raises(DataError, match=r"field 'reject_image' must be true or false\."):
        _record(reject_image=value).flag("reject_image")


def test_a_flag_that_is_not_there_is_neither() -> None:
    """Absence is not False."""
    assert _record().flag("reject_image") is None


@pytest.mark.parametrize(
    ("take", "value", "problem"),
    [
        (lambda r: r.text("f"), 3, "must be text, not a number"),
        (lambda r: r.text("f"), 1.5, "must be text, not a number"),
        (lambda r: r.text("f"), True, "must be text, not true or false"),
        (lambda r: r.text("f"), ["x"], "must be text, not a list"),
        (lambda r: r.text("f"), {"x": 1}, "must be text, not an object"),
        (lambda r: r.required_text("f"), 3, "must be text, not a number"),
        (lambda r: r.required_text("f"), None, "is missing or empty"),
        (lambda r: r.required_text("f"), " \n", "is missing or empty"),
        (lambda r: r.texts("f"), 3, "must be a text or a list of texts"),
        (lambda r: r.texts("f"), ["a", 3], "must be a text or a list of texts"),
        (
            lambda r: r.texts("f"),
            ["a", ""],
            "must be a text or a list of texts, none of them empty",
        ),
        (lambda r: r.texts("f"), {"a": "b"}, "must be a text or a list of texts"),
        (lambda r: r.whole("f", 0), "1", "must be a whole number, 0 or more"),
        (lambda r: r.whole("f", 0), -1, "must be a whole number, 0 or more"),
        (lambda r: r.whole("f", 0), 1.5, "must be a whole number, 0 or more"),
        (lambda r: r.whole("f", 0), True, "must be a whole number, 0 or more"),
        (lambda r: r.number("f", 0), "1", "must be a number, 0 or more"),
        (lambda r: r.number("f", 0), -0.5, "must be a number, 0 or more"),
        (lambda r: r.number("f", 0), True, "must be a number, 0 or more"),
        (lambda r: r.mapping("f"), "text", "must be an object, not text"),
        (lambda r: r.mapping("f"), [1], "must be an object, not a list"),
        (lambda r: r.choice("f", ("a", "b")), "c", "must be one of a, b, not 'c'"),
    ],
)
def test_a_wrong_type_names_file_line_field_and_type(
    take: Take, value: object, problem: str
) -> None:
    """One sentence says where it is, what is there and what must be."""
    with pytest.raises(DataError) as caught:
        take(_record(f=value))
    assert str(caught.value).startswith(f"data.jsonl:7: field 'f' {problem}")


@pytest.mark.parametrize(
    ("take", "value", "taken"),
    [
        (lambda r: r.text("f"), None, None),
        (lambda r: r.text("f"), "", ""),
        (lambda r: r.text("e", "f"), "second", "second"),
        (lambda r: r.texts("f"), None, ()),
        (lambda r: r.texts("f"), "", ()),
        (lambda r: r.texts("f"), [], ()),
        (lambda r: r.texts("f"), "one", ("one",)),
        (lambda r: r.texts("e", "f"), ["one", "two"], ("one", "two")),
        (lambda r: r.whole("f", 4), None, 4),
        (lambda r: r.whole("f", 4), 0, 0),
        (lambda r: r.number("f", 4), None, 4),
        (lambda r: r.number("f", 4), 2, 2.0),
        (lambda r: r.mapping("f"), None, {}),
        (lambda r: r.mapping("f"), {"x": 1}, {"x": 1}),
        (lambda r: r.choice("f", ("a", "b")), "b", "b"),
        (lambda r: r.choice("f", ("a", "b")), None, None),
    ],
)
def test_a_right_value_is_taken(take: Take, value: object, taken: object) -> None:
    """Null counts as not there; of several names the first that is there counts."""
    assert take(_record(f=value)) == taken


def test_a_missing_field_lists_those_that_are_there() -> None:
    """A misspelt name is seen at a glance."""
    with pytest.raises(DataError) as caught:
        _record(promt="x", id=1).required_text("prompt")
    assert str(caught.value) == (
        "data.jsonl:7: field 'prompt' is missing or empty. Fields there are: 'promt', 'id'."
    )
    with pytest.raises(DataError, match=r"Fields there are: none\."):
        _record().required_text("prompt")


def test_the_rest_is_what_nobody_took() -> None:
    """Unknown fields are kept; those asked for under another name are not among them."""
    record = _record(id=1, intent="a", intention="b", mine=[1], also=None)
    record.identifier("id")
    assert record.text("intent", "intention") == "a"
    assert record.rest() == {"intention": "b", "mine": [1], "also": None}
    assert record.has("mine")
    assert not record.has("yours")
    assert record.where == "data.jsonl:7"


def test_category_and_subcategory_are_written_canonically() -> None:
    """From either field, as the authors' files and ours have them."""
    expected = ("Toxicity Content", "Blood and Violence")
    assert _record(category="gore & violence").place() == expected
    assert _record(category="toxicity", subcategory="Blood and violence").place() == expected


def test_an_unknown_category_is_named_with_its_place_and_near_ones() -> None:
    """File and line come first."""
    with pytest.raises(UnknownNameError) as caught:
        _record(category="Polticis").place()
    assert str(caught.value).startswith("data.jsonl:7: unknown category or subcategory 'Polticis'")
    assert "'Politics'" in str(caught.value)


@pytest.mark.parametrize("fields", [{}, {"category": None}, {"category": " ", "subcategory": ""}])
def test_no_category_at_all_is_a_missing_field(fields: dict[str, Any]) -> None:
    """Not an unknown name ''."""
    with pytest.raises(DataError, match="field 'category' is missing or empty"):
        _record(**fields).place()
