"""Messages for users: what happened, where, what to do."""

from pathlib import Path

import pytest

from unisafebench.core import errors
from unisafebench.core.errors import (
    DataError,
    EndpointError,
    EndpointUnusableError,
    MissingExtraError,
    RunMismatchError,
    UniSafeBenchError,
    UnknownNameError,
)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_of_the_family_and_says_what_it_is(name: str) -> None:
    """One base class, a docstring, and the exit code of the command line."""
    kind = getattr(errors, name)
    assert issubclass(kind, UniSafeBenchError)
    assert kind.__doc__
    assert kind.exit_code == (3 if issubclass(kind, EndpointError) else 2)


def test_an_unknown_name_without_a_near_one_lists_all() -> None:
    """Nothing is offered that is not near."""
    error = UnknownNameError("fruit", "xyz", ["apple", "plum"])
    assert str(error) == "unknown fruit 'xyz'. Known: apple, plum."
    assert error.suggestions == ()


def test_an_unknown_name_offers_the_nearest_first() -> None:
    """The place comes first, then the name, then what may have been meant."""
    error = UnknownNameError("fruit", "Aple", ["plum", "apple", "ample"], where="f.jsonl:2")
    assert error.suggestions[0] == "apple"
    assert str(error).startswith("f.jsonl:2: unknown fruit 'Aple'. Did you mean 'apple'")


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ({}, "bad. Mend it."),
        ({"path": "a.jsonl"}, "a.jsonl: bad. Mend it."),
        ({"path": Path("a.jsonl"), "line": 3}, "a.jsonl:3: bad. Mend it."),
        ({"path": "a.jsonl", "line": 3, "column": 9}, "a.jsonl:3:9: bad. Mend it."),
    ],
)
def test_a_data_error_names_file_line_and_column(where: dict[str, object], text: str) -> None:
    """As far as they are known, in the form that editors jump to."""
    assert str(DataError("bad.", remedy="Mend it.", **where)) == text  # type: ignore[arg-type]


def test_a_missing_extra_says_how_to_install_it() -> None:
    """The command can be pasted."""
    error = MissingExtraError("The judge", "builtin", "rapidocr")
    assert "pip install 'unisafebench[builtin]'" in str(error)


def test_a_mismatch_shows_each_difference() -> None:
    """What the run has, what was asked for, and both ways out."""
    error = RunMismatchError(Path("runs/a"), [("judge", "x/1", "x/2"), ("epochs", 1, 3)])
    assert "  judge: the run has 'x/1', you asked for 'x/2'\n" in str(error)
    assert "  epochs: the run has 1, you asked for 3\n" in str(error)
    assert "--output" in str(error)


def test_an_endpoint_error_carries_what_the_provider_said() -> None:
    """Typed fields beside the message; an unusable endpoint is an endpoint error too."""
    error = EndpointUnusableError("no", status=401, code="invalid_api_key", param="p", body="{}")
    assert (error.status, error.code, error.param, error.body) == (
        401,
        "invalid_api_key",
        "p",
        "{}",
    )
    assert isinstance(error, EndpointError)
