"""Flat tables: CSV for spreadsheets and programs, Parquet for programs."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from types import ModuleType
from typing import Any, BinaryIO

from unisafebench.core.errors import MissingExtraError
from unisafebench.exports.escaping import csv_text, encodable
from unisafebench.exports.rows import RateRow, ResponseRow, SampleRow, columns

__all__ = ["csv_lines", "write_parquet"]

_BATCH = 10_000
_QUOTED = re.compile(r'[,"\r\n]')


def csv_lines(rows: Iterable[RateRow | ResponseRow | SampleRow], row_type: type) -> Iterator[str]:
    """Yield the lines of a CSV table (RFC 4180, but for line feeds), beginning with its header.

    A missing value is an empty cell, numbers are written so that they read back as they are, and
    text is guarded as `escaping.csv_text` says. An empty text cannot be told from a missing one.
    """
    names = tuple(columns(row_type))
    yield ",".join(names) + "\n"
    for row in rows:
        yield ",".join(_cell(getattr(row, name)) for name in names) + "\n"


def write_parquet(
    rows: Iterable[RateRow | ResponseRow | SampleRow], row_type: type, target: BinaryIO
) -> None:
    """Write a Parquet table; a missing value is null.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pa, parquet = _pyarrow()
    types = {
        "text": pa.string(),
        "count": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
    }
    found = columns(row_type)
    schema = pa.schema([(name, types[kind]) for name, kind in found.items()])
    remaining = iter(rows)
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        while batch := list(islice(remaining, _BATCH)):
            arrays = [
                pa.array([_value(getattr(row, name)) for row in batch], types[kind])
                for name, kind in found.items()
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    text = csv_text(value)
    # The csv module of Python 3.11 leaves a lone carriage return bare, which ends a line.
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _value(value: Any) -> Any:
    return encodable(value) if isinstance(value, str) else value


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow as pa  # noqa: PLC0415 -- an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("Writing Parquet", "export", "pyarrow") from error
    return pa, parquet
