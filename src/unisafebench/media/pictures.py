"""Reading pictures: the only module that decodes foreign image bytes.

A picture is decoded once, in full, before anything else touches it: a truncated file, a
decompression bomb or a text file called `.png` ends here with one clear message. Its type is read
from its bytes, never from its name.
"""

import hashlib
import io
import stat
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from PIL import Image

from unisafebench.core.errors import ImageError

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "Picture",
    "PictureFlaw",
    "check_picture",
    "read_picture",
    "read_picture_bytes",
]

MAX_BYTES = 50 * 1024 * 1024
"""Largest picture file that is read."""
MAX_PIXELS = 64_000_000
"""Largest picture that is decoded, in pixels (width x height)."""

PictureFlaw = Literal["one_pixel", "one_colour"]

# What is decoded at all. Pillow knows more, among them EPS, for which it starts Ghostscript.
_DECODED = frozenset({"PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "PPM", "ICO"})
# What chat endpoints take as it is; anything else is converted before it is sent.
_MIME = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
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
    return check_picture(read_picture_bytes(path), name=str(path))


def read_picture_bytes(path: Path) -> bytes:
    """Read a picture file without looking at what it holds.

    Raises:
        ImageError: missing, unreadable, not a regular file, or larger than any picture may be.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ImageError(f"picture {str(path)!r} is not a file. Name the picture itself.")
        if found.st_size > MAX_BYTES:
            raise ImageError(_too_large(str(path), found.st_size))
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError(
            f"picture {str(path)!r} does not exist. Paths are relative to the file that names them."
        ) from None
    except OSError as error:
        raise ImageError(f"picture {str(path)!r} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        # A name with NUL in it, or one that the file system's encoding cannot hold.
        raise ImageError(f"picture {str(path)!r} cannot be read: {error}.") from error


def check_picture(data: bytes, *, name: str = "picture") -> Picture:
    """Decode `data` in full and return it as a checked picture.

    Formats that endpoints do not take (BMP, TIFF, ...) are converted to PNG here, once, and so
    are grey pictures of 16 bits, which servers show as plain white. Of an animation the first
    frame is looked at.

    Raises:
        ImageError: empty, too large, truncated, or not a picture.
    """
    if not data:
        raise ImageError(f"{name} is empty (0 bytes).")
    if len(data) > MAX_BYTES:
        raise ImageError(_too_large(name, len(data)))
    try:
        return _decode(data, name)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"{name} has more pixels than the {MAX_PIXELS:,} allowed. Scale it down."
        ) from error
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
        # Phones' JPEG files with a second picture inside are JPEG files to everyone else.
        kind = "JPEG" if image.format == "MPO" else image.format or ""
        if image.format not in _DECODED:
            raise ImageError(f"{name} is of the type {kind}. Use PNG, JPEG, WebP or GIF.")
        image.load()
        shown = _shown(image, name)
        flaw = _flaw(shown, frames=getattr(image, "n_frames", 1))
        if kind == "PNG":
            _check_png_end(data)
        if kind not in _MIME or shown is not image:
            buffer = io.BytesIO()
            if shown.mode not in ("L", "RGB", "RGBA"):
                shown = shown.convert("RGBA" if shown.has_transparency_data else "RGB")
            shown.save(buffer, "PNG")
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


def _shown(image: Image.Image, name: str) -> Image.Image:
    """Return the picture with 8 bits a sample: Pillow would cut deeper ones off at 255."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ImageError(f"{name} has 32 bits a sample, which no model sees. Save it with 8 bits.")
    return image


def _check_png_end(data: bytes) -> None:
    """Raise what Pillow raises for a PNG file that is damaged after its last pixel."""
    with Image.open(io.BytesIO(data)) as image:
        image.verify()
    if _PNG_END not in data:
        raise OSError("truncated PNG file")


def _flaw(image: Image.Image, *, frames: int) -> PictureFlaw | None:
    if frames > 1:
        return None  # a film may well begin with an empty frame
    if image.size == (1, 1):
        return "one_pixel"
    # Two entries of a palette may be the same colour; transparency may draw a shape.
    flat = image.convert("RGBA") if image.mode in ("P", "PA") else image
    bands = [band.getextrema() for band in flat.split()]
    return "one_colour" if all(low == high for low, high in bands) else None


def _too_large(name: str, size: int) -> str:
    return f"{name} is {size:,} bytes, more than the {MAX_BYTES:,} allowed. Scale it down."
