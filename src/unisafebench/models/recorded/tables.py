"""Records of a table (CSV, TSV): where each row lies, and what stands in its cells."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from unisafebench.core.errors import DataError
from unisafebench.models.recorded.places import BOM, MAX_RECORD_BYTES, Place, read_lines

__all__ = ["cells_of", "named_cells", "scan_table"]


def scan_table(path: Path, file: BinaryIO, delimiter: str) -> Iterator[tuple[Place, list[str]]]:
    """Yield the cells of each row that is not blank, the header first.

    Where a quote is open at the end of a line, the row goes on.

    Raises:
        DataError: a row is not UTF-8 or its quotes do not match.
    """
    lines = _Lines(read_lines(path, file))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        try:
            with _long_cells():
                cells = next(reader, None)
        except (csv.Error, UnicodeDecodeError) as error:
            raise _malformed(path, lines.number, error) from None
        if cells is None:
            return
        if any(cells):
            yield Place(lines.first, lines.start, lines.size), cells


def cells_of(path: Path, place: Place, raw: bytes, delimiter: str) -> list[str]:
    """Return the cells of one row.

    Raises:
        DataError: the bytes are no row.
    """
    try:
        text = io.StringIO(raw.removeprefix(BOM).decode("utf-8"), newline="")
        with _long_cells():
            return next(csv.reader(text, delimiter=delimiter, strict=True), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise _malformed(path, place.line, error) from None


def named_cells(path: Path, place: Place, header: list[str], cells: list[str]) -> dict[str, str]:
    """Return a row's cells by the name of their column; empty ones are left out.

    Raises:
        DataError: there are more cells than columns.
    """
    if len(cells) > len(header):
        raise DataError(
            f"the row has {len(cells)} cells, the header {len(header)}.",
            path=path,
            line=place.line,
            remedy="Put quotes around a cell that holds the delimiter.",
        )
    return {name: cell for name, cell in zip(header, cells, strict=False) if cell}


class _Lines(Iterator[str]):
    """The lines of a file for the reader of rows, who does not say how far it has read."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self.number = self.start = self.size = 0
        self.begin()

    def begin(self) -> None:
        """Note that a row begins here."""
        self.first = self.number + 1
        self.start += self.size
        self.size = 0

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        self.size += len(line)
        if self.size > MAX_RECORD_BYTES:
            raise csv.Error(f"a row has more than {MAX_RECORD_BYTES:,} bytes; is a quote open?")
        return line.removeprefix(BOM if self.number == 1 else b"").decode("utf-8")


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let a cell be as long as a record; the limit of 128 KiB is the module's own for all."""
    before = csv.field_size_limit(MAX_RECORD_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _malformed(path: Path, line: int, error: Exception) -> DataError:
    if isinstance(error, UnicodeDecodeError):
        return DataError("not UTF-8 text.", path=path, line=line, remedy="Save the file as UTF-8.")
    return DataError(
        f"not a readable table: {error}.",
        path=path,
        line=line,
        remedy="Rows end with a line break, and a quote inside quotes is doubled.",
    )
