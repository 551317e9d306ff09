"""Where a record lies in its file."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from unisafebench.core.errors import DataError

__all__ = ["BOM", "MAX_RECORD_BYTES", "Place", "read_lines"]

MAX_RECORD_BYTES = 64 * 1024 * 1024
"""Largest record that is read."""

BOM = b"\xef\xbb\xbf"
"""What some editors put before UTF-8 text."""


class Place(NamedTuple):
    """Where a record lies: its first line (from 1), its first byte and how many bytes it has."""

    line: int
    start: int
    length: int


def read_lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file with their ends.

    Raises:
        DataError: a line is longer than any record may be.
    """
    number = 0
    while line := file.readline(MAX_RECORD_BYTES + 1):
        number += 1
        if len(line) > MAX_RECORD_BYTES:
            raise DataError(
                f"the line has more than {MAX_RECORD_BYTES:,} bytes.",
                path=path,
                line=number,
                remedy="Write one record a line.",
            )
        yield line
