"""Reading pictures: where foreign image bytes are decoded first.

A picture is decoded once, in full, before anything else touches it: a truncated file, a
decompression bomb or a text file called `.png` ends here with one clear message. Its type is read
from its bytes, never from its name.
"""

import hashlib
import io
import stat
import struct
from importlib import import_module
from pathlib import Path
from typing import Literal

import msgspec
from PIL import Image, UnidentifiedImageError

from unisafebench.core.errors import ImageError
from unisafebench.media.converting import encoded, shown

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
_DECODED = frozenset(
    {"PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "HEIF", "PPM", "ICO"}
)
# What chat endpoints take as it is; anything else is converted before it is sent.
_MIME = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
# How photographs are kept small; as PNG they would be several times as large as endpoints take.
_LOSSY = frozenset({"AVIF", "HEIF"})
_PNG_START = b"\x89PNG\r\n\x1a\n"
_ICON_START = b"\0\0\1\0"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
# Brands in the first box of a file (ISO/IEC 23008-12, annex B; AV1 Image File Format, section 6).
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
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

    Formats that endpoints do not take are converted here, once: AVIF and HEIC without
    transparency to JPEG, all others (BMP, TIFF, ...) to PNG. So are grey pictures of 16 bits,
    which servers show as plain white. Of an animation only the first frame is decoded.

    Raises:
        ImageError: empty, too large, truncated, or not a picture; or it is of a format that this
            installation does not read.
    """
    if not data:
        raise ImageError(f"{name} is empty (0 bytes).")
    if len(data) > MAX_BYTES:
        raise ImageError(_too_large(name, len(data)))
    _check_readable(data, name)
    _check_icons(data, name)
    try:
        picture = _decode(data, name)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"{name} has more pixels than the {MAX_PIXELS:,} allowed. Scale it down."
        ) from error
    # Its own message holds no more than an address in memory.
    except UnidentifiedImageError:
        raise ImageError(
            f"{name} ({len(data)} bytes) is not a readable picture: its type is not known."
        ) from None
    # Pillow's plugins raise many kinds of error on hostile bytes (struct.error, KeyError, ...);
    # each of them means the same here.
    except Exception as error:
        raise ImageError(
            f"{name} ({len(data)} bytes) is not a readable picture: "
            f"{type(error).__name__}: {error}."
        ) from error
    if len(picture.data) > MAX_BYTES:
        raise ImageError(_too_large(f"{name}, converted to {picture.mime},", len(picture.data)))
    return picture


def _decode(data: bytes, name: str) -> Picture:
    with Image.open(io.BytesIO(data)) as image:
        _check_size(image.size, name)
        # Phones' JPEG files with a second picture inside are JPEG files to everyone else.
        kind = "JPEG" if image.format == "MPO" else image.format or ""
        if image.format not in _DECODED:
            raise ImageError(f"{name} is of the type {kind}. Use PNG, JPEG, WebP or GIF.")
        # Asked before the first frame is decoded, which looking for a second one throws away.
        # How many there are is not asked: to count them, Pillow reads them all.
        animated = kind != "JPEG" and bool(getattr(image, "is_animated", False))
        image.load()
        _check_size(image.size, name)
        if image.mode in ("I", "F"):
            raise ImageError(
                f"{name} has 32 bits a sample, which no model sees. Save it with 8 bits."
            )
        width, height = image.size
        converted = None
        if kind not in _MIME or image.mode.startswith("I;16"):
            converted = shown(image)
            width, height = converted.size
        flaw = None if animated else _flaw(converted or image)
        if kind == "PNG":
            _check_png_end(data)
    if converted is not None:
        opaque = converted.mode != "RGBA"
        kind = "JPEG" if kind in _LOSSY and opaque else "PNG"
        data = encoded(converted, "JPEG" if kind == "JPEG" else "PNG")
    return Picture(
        data=data,
        mime=_MIME[kind],
        extension=_EXTENSION[kind],
        width=width,
        height=height,
        sha256=hashlib.sha256(data).hexdigest(),
        flaw=flaw,
    )


def _check_readable(data: bytes, name: str) -> None:
    """Make Pillow read HEIC, and say what is missing where it cannot read HEIC or AVIF."""
    if data[4:8] != b"ftyp":
        return
    length = min(int.from_bytes(data[:4], "big"), 1024)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, length, 4))}
    if brands & _AVIF_BRANDS:
        if not _reads_avif():
            raise ImageError(
                f"{name} is an AVIF file, which the installed Pillow does not read. "
                "Install a newer one with: pip install 'pillow>=11.3'"
            )
    elif brands & _HEIF_BRANDS:
        try:
            import_module("pillow_heif").register_heif_opener()
        except ImportError:
            raise ImageError(
                f"{name} is a HEIC file. Reading it needs the module 'pillow_heif', which is not "
                "installed. Install it with: pip install 'unisafebench[heif]'"
            ) from None


def _reads_avif() -> bool:
    try:
        return bool(import_module("PIL.AvifImagePlugin").SUPPORTED)
    except ImportError:
        return False


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{name} has {width} x {height} pixels, more than the {MAX_PIXELS:,} allowed. "
            "Scale it down."
        )


def _check_icons(data: bytes, name: str) -> None:
    """Check the pictures inside an ICO file, whose sizes its own list may belie.

    Pillow decodes the first of them as soon as it opens the file.
    """
    if not data.startswith(_ICON_START) or len(data) < 6:
        return
    (count,) = struct.unpack_from("<H", data, 4)
    for at in range(6, min(6 + 16 * count, len(data) - 15), 16):
        (start,) = struct.unpack_from("<I", data, at + 12)
        head = data[start : start + 24].ljust(24, b"\0")
        if head.startswith(_PNG_START):
            width, height = struct.unpack_from(">II", head, 16)
        else:
            width, height = struct.unpack_from("<ii", head, 4)
        _check_size((abs(width), abs(height)), name)


def _check_png_end(data: bytes) -> None:
    """Raise what Pillow raises for a PNG file that is damaged after its last pixel."""
    with Image.open(io.BytesIO(data)) as image:
        image.verify()
    if _PNG_END not in data:
        raise OSError("truncated PNG file")


def _flaw(image: Image.Image) -> PictureFlaw | None:
    """Return what may make a picture a placeholder; a film may well begin with an empty frame."""
    if image.size == (1, 1):
        return "one_pixel"
    # Two entries of a palette may be the same colour; transparency may draw a shape.
    flat = image.convert("RGBA") if image.mode in ("P", "PA") else image
    bands = [band.getextrema() for band in flat.split()]
    return "one_colour" if all(low == high for low, high in bands) else None


def _too_large(name: str, size: int) -> str:
    return f"{name} is {size:,} bytes, more than the {MAX_BYTES:,} allowed. Scale it down."
