"""A file of records: JSON Lines, one JSON array, or a table (CSV, TSV).

It is read from front to back once, to find its records; after that any of them is read alone.
"""

import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from unisafebench.core.errors import DataError
from unisafebench.models.recorded.places import BOM, Place, read_lines
from unisafebench.models.recorded.tables import cells_of, named_cells, scan_table

__all__ = ["RecordFile"]

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_DECODER = msgspec.json.Decoder()
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class RecordFile:
    """A file of records. A table is told by the ending of its name, an array by its "[".

    It is open only while something is read, and must stay as it was when it was scanned.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._delimiter = _DELIMITERS.get(path.suffix.lower())
        self._header: list[str] = []
        self._state: tuple[int, ...] = ()

    @property
    def is_table(self) -> bool:
        """Whether all its values are texts, as those of a table are."""
        return self._delimiter is not None

    def scan(self) -> Iterator[tuple[Place, bytes | list[str]]]:
        """Yield each record that is not blank, as its bytes or cells; `decode` makes them one.

        Raises:
            DataError: the file cannot be opened, or not be read past some place.
        """
        with self._opened() as file:
            self._state = _state(file)
            if self._delimiter is not None:
                yield from self._scan_rows(file, self._delimiter)
            elif file.read(64).removeprefix(BOM).lstrip()[:1] == b"[":
                yield from _scan_array(self.path, file)
            else:
                file.seek(0)
                yield from _scan_lines(self.path, file)

    def decode(self, place: Place, raw: bytes | list[str]) -> dict[str, Any]:
        """Return the record as an object; the empty cells of a table are left out.

        Raises:
            DataError: it is no object, or not readable at all.
        """
        if isinstance(raw, list):
            return dict(named_cells(self.path, place, self._header, raw))
        try:
            record = _DECODER.decode(raw.removeprefix(BOM if place.start == 0 else b""))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _malformed(self.path, place.line, error) from None
        if not isinstance(record, dict):
            raise DataError(
                f"a record must be a JSON object, this is of the type {type(record).__name__}.",
                path=self.path,
                line=place.line,
                remedy='Write it as {"id": ..., ...}.',
            )
        return record

    def read(self, place: Place) -> dict[str, Any]:
        """Read one record again.

        Raises:
            DataError: the file has changed since it was scanned.
        """
        with self._opened() as file:
            if _state(file) != self._state:
                raise DataError(
                    "the file has changed since the run began.",
                    path=self.path,
                    line=place.line,
                    remedy="Leave it alone while it is used, and repeat the command.",
                )
            raw = os.pread(file.fileno(), place.length, place.start)
        if self._delimiter is None:
            return self.decode(place, raw)
        return self.decode(place, cells_of(self.path, place, raw, self._delimiter))

    def sha256(self) -> str:
        """Return the hash of the file's bytes.

        Raises:
            DataError: it cannot be opened.
        """
        with self._opened() as file:
            return file_digest(file, "sha256").hexdigest()

    @contextmanager
    def _opened(self) -> Iterator[BufferedReader]:
        try:
            with self.path.open("rb") as file:
                yield file
        except FileNotFoundError:
            raise DataError(
                "the file does not exist.",
                path=self.path,
                remedy="Check the path and its spelling.",
            ) from None
        except IsADirectoryError:
            raise DataError(
                "this is a directory, not a file.", path=self.path, remedy="Name the file in it."
            ) from None
        except OSError as error:
            raise DataError(
                f"the file cannot be read: {error.strerror}.", path=self.path
            ) from error

    def _scan_rows(self, file: BinaryIO, delimiter: str) -> Iterator[tuple[Place, list[str]]]:
        rows = scan_table(self.path, file, delimiter)
        head = next(rows, None)
        if head is None:
            return
        place, names = head
        self._header = [name.strip() for name in names]
        twice = {name for name in self._header if self._header.count(name) > 1}
        if twice:
            raise DataError(
                f"two columns have the name {min(twice)!r}.",
                path=self.path,
                line=place.line,
                remedy="Give each column a name of its own.",
            )
        yield from rows


def _state(file: BinaryIO) -> tuple[int, ...]:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _scan_lines(path: Path, file: BinaryIO) -> Iterator[tuple[Place, bytes]]:
    start = 0
    for number, line in enumerate(read_lines(path, file), start=1):
        if line.removeprefix(BOM).strip():
            yield Place(number, start, len(line)), line
        start += len(line)


def _scan_array(path: Path, file: BinaryIO) -> Iterator[tuple[Place, bytes]]:
    """Yield the elements of an array, which must be decoded as a whole to be found.

    The file is mapped, not read: what is not looked at any more takes no memory of the process.
    """
    content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    skipped = len(BOM) if content[: len(BOM)] == BOM else 0
    try:
        elements = _ARRAY.decode(memoryview(content)[skipped:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        at = re.search(r"\(byte (\d+)\)", str(error))
        line = None if at is None else content[: int(at[1])].count(b"\n") + 1
        raise _malformed(path, line, error) from None
    start, line = content.find(b"[") + 1, content[: content.find(b"[")].count(b"\n") + 1
    for element in elements:
        raw = bytes(element)
        begin = content.find(raw[:1], start)
        line += content[start:begin].count(b"\n")
        yield Place(line, begin, len(raw)), raw
        line += raw.count(b"\n")
        start = begin + len(raw)


def _malformed(path: Path, line: int | None, error: Exception) -> DataError:
    if isinstance(error, UnicodeDecodeError):
        return DataError("not UTF-8 text.", path=path, line=line, remedy="Save the file as UTF-8.")
    if isinstance(error, RecursionError):
        return DataError("invalid JSON: it is nested too deeply.", path=path, line=line)
    return DataError(
        f"invalid JSON: {error}.",
        path=path,
        line=line,
        remedy="Write one JSON object a line, or one array of objects.",
    )
