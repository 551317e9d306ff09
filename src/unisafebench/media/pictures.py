"""Reading pictures: the only module that decodes foreign image bytes.

A picture is decoded once, in full, before anything else touches it: a truncated file, a
decompression bomb or a text file called `.png` ends here with one clear message. Its type is read
from its bytes, never from its name.
"""

import hashlib
import io
import warnings
from pathlib import Path
from typing import Literal

import msgspec
from PIL import Image

from unisafebench.core.errors import ImageError

__all__ = ["MAX_BYTES", "MAX_PIXELS", "Picture", "PictureFlaw", "check_picture", "read_picture"]

MAX_BYTES = 50 * 1024 * 1024
"""Largest picture file that is read."""
MAX_PIXELS = 64_000_000
"""Largest picture that is decoded, in pixels (width x height)."""

PictureFlaw = Literal["one_pixel", "one_colour"]

# What chat endpoints take as it is; anything else is converted before it is sent.
_MIME = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_EXTENSION = {"PNG": ".png", "JPEG": ".jpg", "GIF": ".gif", "WEBP": ".webp"}


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A checked picture: its bytes, type, size in pixels and the hash of the bytes."""

    data: bytes
    mime: str
    extension: str
    width: int
    height: int
    sha256: str
    flaw: PictureFlaw | None = None
    """Why it may be a safety checker's placeholder: a single pixel or a single colour."""


def read_picture(path: Path) -> Picture:
    """Read and check a picture file.

    Raises:
        ImageError: missing, unreadable, empty, too large, truncated, or not a picture.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ImageError(_too_large(str(path), size))
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(
            f"picture {str(path)!r} does not exist. Paths are relative to the file that names them."
        ) from None
    except OSError as error:
        raise ImageError(f"picture {str(path)!r} cannot be read: {error.strerror}.") from error
    return check_picture(data, name=str(path))


def check_picture(data: bytes, *, name: str = "picture") -> Picture:
    """Decode `data` in full and return it as a checked picture.

    Formats that endpoints do not take (BMP, TIFF, ...) are converted to PNG here, once.

    Raises:
        ImageError: empty, too large, truncated, or not a picture.
    """
    if not data:
        raise ImageError(f"{name} is empty (0 bytes).")
    if len(data) > MAX_BYTES:
        raise ImageError(_too_large(name, len(data)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(data, name)
    except ImageError:
        raise
    # Pillow's plugins raise many kinds of error on hostile bytes (struct.error, KeyError, ...);
    # each of them means the same here.
    except Exception as error:
        raise ImageError(
            f"{name} ({len(data)} bytes) is not a readable picture: "
            f"{type(error).__name__}: {error}."
        ) from error


def _decode(data: bytes, name: str) -> Picture:
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ImageError(
                f"{name} has {width} x {height} pixels, more than the {MAX_PIXELS:,} allowed. "
                "Scale it down."
            )
        image.load()
        kind = image.format or ""
        flaw = _flaw(image)
        if kind not in _MIME:
            buffer = io.BytesIO()
            image.convert("RGBA" if "A" in image.getbands() else "RGB").save(buffer, "PNG")
            data, kind = buffer.getvalue(), "PNG"
    return Picture(
        data=data,
        mime=_MIME[kind],
        extension=_EXTENSION[kind],
        width=width,
        height=height,
        sha256=hashlib.sha256(data).hexdigest(),
        flaw=flaw,
    )


def _flaw(image: Image.Image) -> PictureFlaw | None:
    if image.size == (1, 1):
        return "one_pixel"
    bands = [band.getextrema() for band in image.convert("RGB").split()]
    return "one_colour" if all(low == high for low, high in bands) else None


def _too_large(name: str, size: int) -> str:
    return f"{name} is {size:,} bytes, more than the {MAX_BYTES:,} allowed. Scale it down."
