"""Strategies that damage what is right: JSON documents, lines of them, and the bytes of files."""

import copy
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

__all__ = ["damaged_bytes", "damaged_json", "damaged_lines", "texts"]

DEEP = "@deep@"
"""Stands for a value that is nested very deep, until lines are written."""
_ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, False, 0, 1, -1, 2, 3, 2**31, 2**63, 2**64, 10**400, 0.5, -0.0, 1e308,
        float("nan"), float("inf"), "", " ", "\0", "\ud800", "\udc00\ud800", "0", "1", "true",
        "\u202e", "\x1b[2J", "a" * 5000, "../../etc/passwd", "/dev/zero", "http://127.0.0.1/x",
        "data:image/png;base64,", "data:image/png;base64,AAAA", "data:,", "![x](data:;base64,A)",
        DEEP, [], {}, [[]], [{}], {"": ""}, [None], [[[[[[[[]]]]]]]], "unsafe", "Result: 1",
        "image_url",
    ]
)  # fmt: skip
_JUNK = st.one_of(
    _ODD,
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
        max_leaves=6,
    ),
)
_PIECES = st.sampled_from(
    [
        b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\n", b"\r\n", b"\r", b"\\", b'"',
        b"{", b"}", b"[", b"]", b",", b":", b"NaN", b"1e999", b"9" * 400, b"[" * 3000, b"\\ud800",
        b"\\u0000", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"PK\3\4", b"IEND",
    ]
)  # fmt: skip


def texts(pieces: Sequence[str]) -> st.SearchStrategy[str]:
    """Any text, or one that is put together from telling pieces."""
    return st.one_of(st.text(), st.lists(st.sampled_from(pieces), max_size=40).map("".join))


@st.composite
def damaged_json(draw: st.DrawFn, documents: Sequence[Any]) -> Any:
    """One of the documents with up to four of its values replaced, taken away or wrapped."""
    found = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(0, 4))):
        found = _damaged(draw, found)
    return found


def _damaged(draw: st.DrawFn, value: Any) -> Any:
    """Walk to some value inside and damage it."""
    place = list(value) if isinstance(value, dict) else range(len(value)) if _list(value) else ()
    if not place or draw(st.integers(0, 5)) == 0:
        # A copy: what is drawn may be damaged further, and the next draw gives the same object.
        return copy.deepcopy(draw(st.one_of(_JUNK, st.just([value]), st.just({"error": value}))))
    at = draw(st.sampled_from(list(place)))
    way = draw(st.integers(0, 9))
    if way == 0:
        del value[at]
    elif way == 1 and isinstance(value, dict):
        value[draw(st.text(max_size=5))] = value[at]
    elif way == 1:
        value.append(copy.deepcopy(value[at]))
    else:
        value[at] = _damaged(draw, value[at])
    return value


def _list(value: Any) -> bool:
    return isinstance(value, list)


@st.composite
def damaged_lines(draw: st.DrawFn, rows: Sequence[Any]) -> bytes:
    """Lines of JSON, each of them damaged in itself, and then perhaps the bytes of all."""
    found = draw(st.lists(damaged_json(rows), max_size=4))
    deep = draw(st.sampled_from([200, 900, 985, 1000, 1020, 1100, 20_000]))
    nested = b"[" * deep + b"]" * deep
    quoted = json.dumps(DEEP).encode()
    written = (json.dumps(row).encode().replace(quoted, nested) for row in found)
    content = draw(st.sampled_from([b"\n", b"\r\n", b"\n\n"])).join(written)
    content += draw(st.sampled_from([b"", b"\n"]))
    return draw(damaged_bytes([content])) if draw(st.booleans()) else content


@st.composite
def damaged_bytes(draw: st.DrawFn, files: Sequence[bytes]) -> bytes:
    """The bytes of a file with up to four cuts, flips, insertions and copies."""
    content = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        to = min(len(content), at + draw(st.sampled_from([0, 1, 2, 4, 16, 1000])))
        way = draw(st.integers(0, 4))
        if way == 0:
            del content[at:]
        elif way == 1:
            content[at:to] = draw(_PIECES)
        elif way == 2:
            content[at:to] = draw(st.binary(max_size=8))
        elif way == 3:
            content[at:at] = content[at:to]
        else:
            content[at:to] = bytes(byte ^ 0xFF for byte in content[at:to])
    return bytes(content)
