"""A user's file in memory: how it is written is told from its content, not from its name."""

import csv
import hashlib
import json
import re
import tomllib
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import msgspec

from unisafebench.core.errors import DataError
from unisafebench.utility.archives import read_member

__all__ = ["MAX_BYTES", "Document", "Table", "load", "parse_member"]

MAX_BYTES = 256 * 1024 * 1024
"""Largest text file, and largest member of an archive, that is read."""

_CHUNK = 1 << 20
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_COMMENTS = re.compile(r"(?:\s*#[^\n]*\n)*\s*")
_TOML_TABLE = re.compile(r"\[\[?\s*[A-Za-z_]\w*\s*\]")
_TOML_KEY = re.compile(r"[^,\n\[{]+?=")


class Table(msgspec.Struct, frozen=True):
    """The rows of a CSV file, by the names in its first line."""

    header: tuple[str, ...]
    rows: tuple[dict[str, str], ...]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A file's content; of the four, one is there."""

    path: Path
    sha256: str
    json: Any = None
    toml: dict[str, Any] | None = None
    table: Table | None = None
    members: dict[str, bytes] | None = None
    """Members of a zip archive that were asked for and are there."""

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON object, or an empty one where the file holds something else."""
        return self.json if isinstance(self.json, dict) else {}


def load(path: Path, wanted: tuple[str, ...] = ()) -> Document:
    """Read a file, and of a zip archive the members named in `wanted`.

    Raises:
        DataError: missing, unreadable, empty, too large, cut short, or in no known notation.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) in _ZIP:
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                return Document(path=path, sha256=digest, members=_members(path, wanted))
            file.seek(0)
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise DataError(
            "the file does not exist.", path=path, remedy="Check the path and its spelling."
        ) from None
    except IsADirectoryError:
        raise DataError(
            "this is a directory.", path=path, remedy="Name the result file in it."
        ) from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}.", path=path) from error
    if len(content) > MAX_BYTES:
        raise DataError(
            f"a result file of more than {MAX_BYTES:,} bytes is not read.",
            path=path,
            remedy="Write it without its samples, or the score by hand.",
        )
    return _parse(path, content)


def _parse(path: Path, content: bytes) -> Document:
    digest = hashlib.sha256(content).hexdigest()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"this is neither UTF-8 text nor a zip archive (byte {error.start}).", path=path
        ) from None
    if not text.strip():
        raise DataError("the file is empty.", path=path)
    comments = _COMMENTS.match(text)
    start = text[comments.end() if comments else 0 :]
    if _TOML_TABLE.match(start) or _TOML_KEY.match(start):
        return Document(path=path, sha256=digest, toml=_toml(path, text))
    if start[:1] in ("{", "["):
        return Document(path=path, sha256=digest, json=_json(path, text))
    return Document(path=path, sha256=digest, table=_csv(path, text))


def _json(path: Path, text: str) -> Any:
    """Read JSON as these tools write it: with NaN, but never the same key twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"the key {twice!r} is there twice.", path=path)
        return found

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise DataError(
            f"invalid JSON: {error.msg}.",
            path=path,
            line=error.lineno,
            column=error.colno,
            remedy="Is the file complete?",
        ) from None
    except (RecursionError, ValueError) as error:
        raise DataError(f"invalid JSON: {error}.", path=path) from None


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"invalid TOML: {error}.", path=path) from None


def _csv(path: Path, text: str) -> Table:
    try:
        lines = [line for line in csv.reader(StringIO(text), strict=True) if any(line)]
    except csv.Error as error:
        raise DataError(f"invalid CSV: {error}.", path=path) from None
    if not lines:
        raise DataError("the file holds nothing but commas.", path=path)
    header = tuple(name.strip() for name in lines[0])
    repeated = {name for name in header if header.count(name) > 1}
    if repeated:
        raise DataError(f"the column {min(repeated)!r} is there twice.", path=path, line=1)
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise DataError(
                f"{len(line)} values where the first line names {len(header)} columns.",
                path=path,
                line=number,
                remedy="Is the file complete?",
            )
    rows = (dict(zip(header, line, strict=True)) for line in lines[1:])
    return Table(header, tuple(rows))


def _members(path: Path, wanted: tuple[str, ...]) -> dict[str, bytes]:
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
            twice = [name for name in wanted if names.count(name) > 1]
            if twice:
                raise DataError(f"{twice[0]} is in it twice.", path=path)
            return {
                name: read_member(archive, path, archive.getinfo(name), MAX_BYTES)
                for name in wanted
                if name in names
            }
    except (BadZipFile, NotImplementedError) as error:
        raise DataError(
            f"the zip archive is damaged ({error}).", path=path, remedy="Is the file complete?"
        ) from None


def parse_member(document: Document, name: str) -> Any:
    """Return the JSON in a member of an archive.

    Raises:
        DataError: not UTF-8, or not JSON.
    """
    content = (document.members or {})[name]
    try:
        return _json(document.path, content.decode("utf-8"))
    except UnicodeDecodeError:
        raise DataError(f"{name} in it is not UTF-8 text.", path=document.path) from None
