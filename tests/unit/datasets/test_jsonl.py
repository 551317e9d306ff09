"""A user's file, and the place of whatever is wrong with it."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unisafebench.core.errors import DataError
from unisafebench.core.records import Key
from unisafebench.datasets import jsonl
from unisafebench.datasets.jsonl import check_rows, read_rows

_BOM = b"\xef\xbb\xbf"


def _rows(path: Path, content: bytes) -> list[tuple[int, dict[str, Any]]]:
    path.write_bytes(content)
    return list(read_rows(path))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the test writes its file."""
    return tmp_path / "data.jsonl"


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1}\n\n{"b": "\xc3\xa9"}\n',
        b'{"a": 1}\n\n{"b": "\xc3\xa9"}',
        b'{"a": 1}\r\n\r\n{"b": "\xc3\xa9"}\r\n',
        _BOM + b'{"a": 1}\n  \t\n{"b": "\xc3\xa9"}\n\n\n',
    ],
)
def test_each_line_is_a_record_with_its_number(file: Path, content: bytes) -> None:
    """Blank lines count as lines; byte order mark, CRLF and the last newline do not matter."""
    assert _rows(file, content) == [(1, {"a": 1}), (3, {"b": "é"})]


@pytest.mark.parametrize(
    "content",
    [
        b'[{"a": 1}, {"b": 2}]',
        _BOM + b'\r\n [\r\n{"a": 1},\r\n{"b": 2}\r\n]\r\n',
        b'\n\n[{"a": 1},\n{"b": 2}]',
    ],
)
def test_an_array_is_read_as_its_records(file: Path, content: bytes) -> None:
    """They are numbered from 1."""
    assert _rows(file, content) == [(1, {"a": 1}), (2, {"b": 2})]


@pytest.mark.parametrize("content", [b"", b"\n\n", _BOM, b"[]"])
def test_a_file_without_records_has_none(file: Path, content: bytes) -> None:
    """Nothing is not an error here; the caller knows whether it needs a record."""
    assert _rows(file, content) == []


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b'{"a": 1}\n{"a": tru}\n{"a": 3}\n', 2, 7),
        (b'{"a": 1}\r\n\r\n{"a" 1}\r\n', 3, 6),
        (b'{"a": 1,, "b": 2}\n', 1, 9),
        (_BOM + b'{"a": 1,, "b": 2}\n', 1, 9),
        ('{"é": 1,, "b": 2}\n'.encode(), 1, 9),
        (b'{"a": 1}\n{"a": 1\n{"a": 3}\n', 2, 8),
        (b'{"a": 1}\r\n{"a": 1\r\n{"a": 3}\r\n', 2, 8),
        (b'{"a": 1}\n{"a": "cut', 2, 11),
        (b'{"a": 1} {"b": 2}\n', 1, 10),
        (b'{"a": NaN}\n', 1, 7),
        (b'[\n{"a": 1},\n{"a" 2}\n]', 3, 6),
        (b'[{"a": 1},', 1, 11),
    ],
)
def test_invalid_json_is_named_by_file_line_and_column(
    file: Path, content: bytes, line: int, column: int
) -> None:
    """Columns count characters from 1; what is cut short is reported at the end of its line."""
    with pytest.raises(DataError) as caught:
        _rows(file, content)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"{file}:{line}:{column}: invalid JSON: ")
    assert str(caught.value).endswith("Each line must be one JSON object.")


@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [
        (b'{"a": 1}\n{"a": "\xe9"}\n', 2, 8),
        (b'[{"a": 1},\n{"a": "\xe9"}]', 2, 8),
        ('{"a": 1}'.encode("utf-16"), 1, 1),
    ],
)
def test_a_file_that_is_not_utf8_says_where(
    file: Path, content: bytes, line: int, byte: int
) -> None:
    """Latin-1 and UTF-16 files are refused, never read as something else."""
    with pytest.raises(DataError) as caught:
        _rows(file, content)
    expected = f"{file}:{line}: not UTF-8 text (byte {byte} of the line). Save the file as UTF-8."
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [("3", "a number"), ('"x"', "text"), ("null", "null"), ("true", "true or false")],
)
def test_a_line_that_is_no_object_is_refused(file: Path, value: str, kind: str) -> None:
    """The message says what it is, in JSON's words."""
    with pytest.raises(DataError) as caught:
        _rows(file, f'{{"a": 1}}\n{value}\n'.encode())
    assert str(caught.value).startswith(f"{file}:2: a record must be a JSON object, this is {kind}")


def test_an_array_of_other_things_is_refused(file: Path) -> None:
    """The record's number is named."""
    with pytest.raises(DataError, match=r"data\.jsonl:2: a record .* this is a list"):
        _rows(file, b'[{"a": 1}, [2]]')


def test_an_array_that_is_too_large_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which form can be streamed."""
    monkeypatch.setattr(jsonl, "_MAX_ARRAY_BYTES", 10)
    assert len(_rows(file, b'[{"a": 1}]')) == 1
    with pytest.raises(DataError, match="Write it as JSON Lines"):
        _rows(file, b'[{"a": 12}]')


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    """What is wrong and what to do."""
    with pytest.raises(DataError) as caught:
        list(read_rows(tmp_path / "gone.jsonl"))
    assert str(caught.value) == (
        f"{tmp_path}/gone.jsonl: the file does not exist. Check the path and its spelling."
    )
    with pytest.raises(DataError) as caught:
        list(read_rows(tmp_path))
    assert str(caught.value) == (
        f"{tmp_path}: this is a directory, not a file. Name the .jsonl file in it."
    )


def test_a_file_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    """Whatever the system says; here the name is too long."""
    with pytest.raises(DataError, match="cannot be read: File name too long"):
        list(read_rows(tmp_path / ("x" * 300)))


def _key(row: dict[str, Any]) -> Key:
    return Key("text-generation", row["id"], 0)


def _read(line: int, row: dict[str, Any]) -> dict[str, Any]:
    if row.get("bad"):
        raise DataError("bad.", path="f", line=line)
    return row


def test_a_good_file_is_counted(file: Path) -> None:
    """Every record counts once."""
    file.write_bytes(b'{"id": "1"}\n\n{"id": "2"}\n')
    assert check_rows(file, _read, _key) == 2


def test_all_problems_of_a_file_are_listed_at_once(file: Path) -> None:
    """Bad records, repeated keys, and the place past which nothing can be read."""
    file.write_bytes(
        b'{"id": "1"}\n{"id": "2", "bad": 1}\n{"id": "1"}\n{"id": "3", "bad": 1}\n{"id"\n{}\n'
    )
    with pytest.raises(DataError) as caught:
        check_rows(file, _read, _key)
    first, second, broken, repeated = str(caught.value).splitlines()
    assert (first, second) == ("f:2: bad.", "f:4: bad.")
    assert broken.startswith(f"{file}:5:6: invalid JSON: ")
    assert repeated == (
        f"{file}:3: an earlier record has the same task, id and epoch. Give each its own id."
    )


@pytest.mark.parametrize(("bad", "more"), [(19, 0), (20, 0), (21, 1), (57, 37)])
def test_at_most_twenty_problems_are_shown(file: Path, bad: int, more: int) -> None:
    """And how many there are besides."""
    file.write_text("".join(f'{{"id": "{n}", "bad": 1}}\n' for n in range(bad)))
    with pytest.raises(DataError) as caught:
        check_rows(file, _read, _key)
    lines = str(caught.value).splitlines()
    assert lines[: min(bad, 20)] == [f"f:{n}: bad." for n in range(1, min(bad, 20) + 1)]
    assert lines[20:] == ([f"... and {more} more."] if more else [])


@settings(deadline=None)
@given(st.binary(max_size=80) | st.binary(max_size=40).map(lambda rest: b'[{"a": 1},' + rest))
def test_any_bytes_are_rows_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Nothing but numbered records leaves, and nothing but the one error."""
    rows: list[tuple[int, dict[str, Any]]] = []
    with suppress(DataError):
        rows = _rows(tmp_path_factory.getbasetemp() / "any.jsonl", content)
    assert all(number >= 1 and isinstance(row, dict) for number, row in rows)
