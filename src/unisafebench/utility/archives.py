"""One member of a zip archive, never more of it than a limit allows.

Inspect compresses its logs with Zstandard (zip method 93), which the standard library reads from
Python 3.14 on; before that the module `zstandard` does it.
"""

import struct
import zlib
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from unisafebench.core.errors import DataError, MissingExtraError

__all__ = ["ZSTANDARD", "read_member"]

ZSTANDARD = 93
"""The zip specification's number for Zstandard."""

_READABLE = (0, 8)
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 0x1
_CHUNK = 1 << 20


def read_member(archive: ZipFile, path: Path, info: ZipInfo, limit: int) -> bytes:
    """Return the bytes of a member that holds at most `limit` of them.

    What the archive says of a size is not believed: decompression stops past the limit.

    Raises:
        DataError: too large, encrypted, damaged, or compressed in an unknown way.
        MissingExtraError: Zstandard, and nothing here reads it.
    """
    if info.flag_bits & _ENCRYPTED:
        raise DataError(f"{info.filename} in it is encrypted.", path=path)
    try:
        if info.compress_type in _READABLE:
            with archive.open(info) as member:
                content = member.read(limit + 1)
        elif info.compress_type == ZSTANDARD:
            content = _read_zstandard(_compressed(archive, info, limit), limit)
            if len(content) <= limit and zlib.crc32(content) != info.CRC:
                raise BadZipFile("wrong checksum")  # noqa: TRY301 -- same answer as zipfile's own
        else:
            raise DataError(
                f"{info.filename} in it is compressed by method {info.compress_type}, which "
                "cannot be read here.",
                path=path,
            )
    except (BadZipFile, EOFError, OSError, zlib.error, struct.error, ValueError) as error:
        raise DataError(
            f"{info.filename} in it is damaged ({error}).", path=path, remedy="Copy it again."
        ) from None
    if len(content) > limit:
        raise DataError(f"{info.filename} in it holds more than {limit:,} bytes.", path=path)
    return content


def _compressed(archive: ZipFile, info: ZipInfo, limit: int) -> bytes:
    """Return a member as it is stored: `ZipFile.open` refuses methods that it does not know."""
    if info.compress_size > limit:
        raise ValueError(f"more than {limit:,} bytes")
    file = archive.fp
    if file is None:
        raise ValueError("closed")
    file.seek(info.header_offset)
    signature, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if signature != b"PK\x03\x04":
        raise BadZipFile("no local header")
    file.seek(name + extra, 1)
    return file.read(info.compress_size)


def _read_zstandard(data: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit + 1
    with _open_zstandard(data) as stream:
        try:
            while left > 0 and (part := stream.read(min(left, _CHUNK))):
                parts.append(part)
                left -= len(part)
        except Exception as error:
            # Each implementation has an error class of its own.
            if type(error).__name__ != "ZstdError":
                raise
            raise ValueError(str(error)) from None
    return b"".join(parts)


def _open_zstandard(data: bytes) -> Any:
    try:
        return import_module("compression.zstd").open(BytesIO(data))
    except ModuleNotFoundError:
        pass
    try:
        decompressor = import_module("zstandard").ZstdDecompressor(max_window_size=1 << 27)
    except ModuleNotFoundError:
        raise MissingExtraError("Reading .eval logs of Inspect", "inspect", "zstandard") from None
    return decompressor.stream_reader(BytesIO(data), read_across_frames=True)
