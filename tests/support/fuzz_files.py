"""Files of the kinds that strangers give, right as they are: pictures and other tools' results."""

import io
from pathlib import Path

from hypothesis import strategies as st
from mutating import damaged_bytes
from PIL import Image, features

__all__ = ["pictures", "utility_files"]

_UTILITY = Path(__file__).resolve().parents[1] / "data" / "utility"
_OWN = b"""[[scores]]
model = "a/b"
task = "text-generation"
score = 0.5
source = "here"
"""
_CSV = b"model,task,score,source\na/b,text-generation,0.5,here\n"


def pictures() -> list[bytes]:
    """Return a small picture of each kind that is read."""
    found = []
    for mode in ("RGB", "RGBA", "L", "P", "I;16", "CMYK", "1"):
        image = Image.linear_gradient("L").resize((9, 7)).convert("L" if mode == "I;16" else mode)
        if mode == "I;16":
            image = image.convert("I").convert(mode)
        for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "ICO", "AVIF"):
            if kind == "AVIF" and not features.check("avif"):
                continue
            buffer = io.BytesIO()
            try:
                image.save(buffer, kind)
            except (OSError, ValueError, KeyError):
                continue  # a kind that has no such pixels
            found.append(buffer.getvalue())
    exif = Image.Exif()
    exif[0x0112] = 6
    turned, moving = io.BytesIO(), io.BytesIO()
    image = Image.new("RGB", (9, 7), "red")
    image.save(turned, "JPEG", exif=exif)
    image.save(moving, "GIF", save_all=True, append_images=[Image.new("RGB", (9, 7), "blue")])
    return [*found, turned.getvalue(), moving.getvalue()]


def utility_files() -> st.SearchStrategy[tuple[str, bytes]]:
    """Results of other tools and of our own form, damaged; with the name of their file."""
    given = [
        (path.name, path.read_bytes())
        for path in sorted(_UTILITY.iterdir())
        if path.is_file() and path.name != "README.md"
    ]
    given += [("own.toml", _OWN), ("own.csv", _CSV)]
    given += [
        (path.name, path.read_bytes())
        for path in sorted((_UTILITY / "vlmevalkit").rglob("*"))
        if path.is_file()
    ]
    return st.one_of(
        *(st.tuples(st.just(name), damaged_bytes([content])) for name, content in given)
    )
