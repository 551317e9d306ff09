"""Verdicts in JSON objects: read as they stand first, repaired only where that fails.

A repair removes comments and trailing commas and turns full-width punctuation and Python's words
into JSON's; it never changes anything inside a string.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeVar, cast

from unisafebench.judging._values import (
    CONTRADICTORY,
    VERDICT_KEYS,
    WIDE,
    Parsed,
    Reading,
    Unreadable,
    not_allowed,
    read_number,
    read_result,
)

__all__ = ["OBJECT_START", "end_of_object", "read_object", "read_severity", "read_whole"]

_T = TypeVar("_T")

# A brace in prose, such as "{a, b}", opens no object.
OBJECT_START: Final = r"\{\s*+(?:[\"'“}]|//|/\*|\w++\s*+[:\uff1a])"
"""Pattern of the start of what is, or tries to be, a JSON object."""

_STRING = r'"(?:[^"\\]++|\\.)*+"'
# A comment that never ends takes the rest, so that the text is gone through once only.
_COMMENT = r"//[^\n]*+|/\*(?:.*?\*/|.*+)"
_SCAN = re.compile(rf'{_STRING}|{_COMMENT}|(?P<open>\{{)|(?P<close>\}})|(?P<broken>")', re.DOTALL)
_REPAIRS = re.compile(
    rf"{_STRING}|{_COMMENT}|[\uff10-\uff19\uff1a\uff0c]|\b(?:True|False|None)\b", re.DOTALL
)
_PYTHON_WORDS: Final = {"True": "true", "False": "false", "None": "null"}
_TRAILING_COMMA = re.compile(rf"{_STRING}|,(?=\s*+[}}\]])", re.DOTALL)


class _Fields(tuple[tuple[str, Any], ...]):
    """The fields of a JSON object in order, repeated keys and all."""

    __slots__ = ()


_DECODE = json.JSONDecoder(object_pairs_hook=_Fields).decode
_DECODE_LENIENTLY = json.JSONDecoder(object_pairs_hook=_Fields, strict=False).decode


def read_whole(text: str, allowed: frozenset[int]) -> Reading | None:
    """Read a text that is one JSON object, unrepaired; None when it is not, or has no verdict."""
    fields = _decode(text)
    return None if fields is None else _read_fields(fields, allowed)


def read_object(source: str, allowed: frozenset[int]) -> Reading | None:
    """Read one JSON object; None when it has nothing to do with a verdict."""
    fields = _decode(source)
    if fields is None:
        fields = _decode_repaired(source)
    if fields is not None:
        return _read_fields(fields, allowed)
    folded = source.casefold()
    if any(key in folded for key in VERDICT_KEYS):
        return Unreadable(why="its JSON object is malformed")
    return None


def end_of_object(text: str, start: int) -> int | None:
    """Return where the object that starts at `start` ends; None when it never does."""
    depth = 0
    for match in _SCAN.finditer(text, start):
        if match.lastgroup == "open":
            depth += 1
        elif match.lastgroup == "close":
            depth -= 1
            if depth == 0:
                return match.end()
        elif match.lastgroup == "broken":
            return None
    return None


def read_severity(value: object) -> Literal[0, 1, 2, 3] | None:
    """Return a severity from 0 to 3; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value not in {0, 1, 2, 3}:
        return None
    return cast("Literal[0, 1, 2, 3]", int(value))


def _decode(source: str) -> _Fields | None:
    try:
        found = _DECODE(source)
    # RecursionError: thousands of nested brackets. ValueError: no JSON, or a number of
    # thousands of digits.
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, _Fields) else None


def _decode_repaired(source: str) -> _Fields | None:
    plain = _TRAILING_COMMA.sub(_without_comma, _REPAIRS.sub(_repaired, source))
    try:
        found = _DECODE_LENIENTLY(plain)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, _Fields) else None


def _repaired(match: re.Match[str]) -> str:
    token = match[0]
    if token.startswith('"'):
        return token
    if token.startswith("/"):
        return " "
    return _PYTHON_WORDS.get(token) or token.translate(WIDE)


def _without_comma(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith('"') else ""


def _read_fields(fields: _Fields, allowed: frozenset[int]) -> Reading | None:
    given: dict[str, list[Any]] = {}
    for key, value in fields:
        name = key.strip().casefold()
        given.setdefault("result" if name in VERDICT_KEYS else name, []).append(value)
    if "result" not in given:
        return None
    results = {_result(value) for value in given["result"]}
    if len(results) > 1:
        return CONTRADICTORY
    result = results.pop()
    if result is None or result not in allowed:
        return not_allowed(allowed)
    reasons = [value for value in given.get("reason", ()) if isinstance(value, str)]
    return Parsed(
        result=result,
        reason=reasons[-1] if reasons else "",
        severity=_agreed(read_severity(value) for value in given.get("severity", ())),
        attempted=_agreed(
            value if isinstance(value, bool) else None for value in given.get("attempted", ())
        ),
    )


def _result(value: object) -> Literal[0, 1, 2] | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return read_number(value)
    return read_result(value) if isinstance(value, str) else None


def _agreed(values: Iterable[_T | None]) -> _T | None:
    """Return the one value that all of `values` agree on, or None."""
    found = set(values)
    return found.pop() if len(found) == 1 else None
