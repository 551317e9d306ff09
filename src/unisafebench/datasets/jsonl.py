"""Reading a user's JSON Lines (or a JSON array) with errors that name file, line and column."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import orjson

from unisafebench.core.errors import DataError, UniSafeBenchError
from unisafebench.core.keys import KeyIndex, hash_key
from unisafebench.core.records import Key

__all__ = ["check_rows", "read_rows"]

T = TypeVar("T")
_SHOWN_PROBLEMS = 20

_MAX_ARRAY_BYTES = 512 * 1024 * 1024


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) for each record of a .jsonl file or of a JSON array file.

    JSON Lines are streamed. A file whose first character is "[" is read as one array, whose
    records are numbered from 1 instead of by line. Blank lines are passed over.

    Raises:
        DataError: missing, unreadable, not UTF-8, invalid JSON, or a record is not an object.
    """
    try:
        with path.open("rb") as file:
            if _starts_array(file.peek(64)):
                yield from _read_array(path, file.read(_MAX_ARRAY_BYTES + 1))
                return
            for number, line in enumerate(file, start=1):
                text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                # Without its end, so that what is cut short is reported on its own line.
                text = text.rstrip(b"\r\n")
                if text.strip():
                    yield number, _parse(path, number, text)
    except FileNotFoundError:
        raise DataError(
            "the file does not exist.", path=path, remedy="Check the path and its spelling."
        ) from None
    except IsADirectoryError:
        raise DataError(
            "this is a directory, not a file.", path=path, remedy="Name the .jsonl file in it."
        ) from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}.", path=path) from error


def check_rows(
    path: Path, read: Callable[[int, dict[str, Any]], T], key: Callable[[T], Key]
) -> int:
    """Read every record of a file with `read`; return how many there are.

    Raises:
        DataError: lists the first twenty problems, repeated keys among them.
    """
    problems: list[str] = []
    keys = KeyIndex()
    count = 0
    try:
        for line, row in read_rows(path):
            try:
                keys.add(hash_key(key(read(line, row))), line)
            except UniSafeBenchError as error:
                problems.append(str(error))
            count += 1
    except DataError as error:
        # The file cannot be read past this place.
        problems.append(str(error))
    problems += [
        f"{path}:{line}: an earlier record has the same task, id and epoch. Give each its own id."
        for line in keys.repeated()
    ]
    if problems:
        more = len(problems) - _SHOWN_PROBLEMS
        shown = problems[:_SHOWN_PROBLEMS] + ([f"... and {more} more."] if more > 0 else [])
        raise DataError("\n".join(shown))
    return count


def _starts_array(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def _read_array(path: Path, content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    if len(content) > _MAX_ARRAY_BYTES:
        raise DataError(
            f"a JSON array of more than {_MAX_ARRAY_BYTES:,} bytes cannot be streamed.",
            path=path,
            remedy="Write it as JSON Lines: one object a line.",
        )
    records = _load(path, 1, content.removeprefix(b"\xef\xbb\xbf"))
    for number, record in enumerate(records, start=1):
        yield number, _object(path, number, record)


def _parse(path: Path, number: int, text: bytes) -> dict[str, Any]:
    return _object(path, number, _load(path, number, text))


def _load(path: Path, number: int, text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        try:
            text.decode("utf-8")
        except UnicodeDecodeError as wrong:
            before = text[: wrong.start]
            byte = wrong.start - before.rfind(b"\n")
            raise DataError(
                f"not UTF-8 text (byte {byte} of the line).",
                path=path,
                line=number + before.count(b"\n"),
                remedy="Save the file as UTF-8.",
            ) from None
        raise DataError(
            f"invalid JSON: {error.msg}.",
            path=path,
            line=number + error.lineno - 1,
            column=error.colno,
            remedy="Each line must be one JSON object.",
        ) from None


def _object(path: Path, number: int, record: Any) -> dict[str, Any]:
    if isinstance(record, dict):
        return record
    raise DataError(
        f"a record must be a JSON object, this is {_kind(record)}.",
        path=path,
        line=number,
        remedy='Write it as {"id": ..., ...}.',
    )


def _kind(value: object) -> str:
    kinds = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
