"""Draw the pictures of the starter set from `pictures.toml`."""

import io
from pathlib import Path

import msgspec
from canvas import Canvas, new_page
from charts import Bars, Map
from documents import BankCard, Chat, Form, IdCard, Letter, Mail, Note, Table
from PIL import Image
from scenes import Scene
from signs import Banner, Display, Label, Poster, Sign

__all__ = ["AnyDrawing", "draw_picture", "encode_picture", "read_drawings"]

AnyDrawing = (
    BankCard
    | Banner
    | Bars
    | Chat
    | Display
    | Form
    | IdCard
    | Label
    | Letter
    | Mail
    | Map
    | Note
    | Poster
    | Scene
    | Sign
    | Table
)


def read_drawings(path: Path) -> dict[str, AnyDrawing]:
    """Read the specification of every picture, by its name.

    Raises:
        msgspec.ValidationError: a picture has an unknown kind or field; the message says where.
    """
    return msgspec.toml.decode(path.read_bytes(), type=dict[str, AnyDrawing])


def draw_picture(drawing: AnyDrawing) -> Image.Image:
    """Draw one picture, 480 x 360 pixels, RGB."""
    page = new_page("#ffffff")
    drawing.draw(Canvas(page))
    return page.reduce(2)


def encode_picture(drawing: AnyDrawing) -> bytes:
    """Draw one picture and return it as the bytes of a file of its format."""
    picture = draw_picture(drawing)
    buffer = io.BytesIO()
    if drawing.format == "png":
        picture.save(buffer, "PNG", optimize=True)
    elif drawing.format == "jpg":
        picture.save(buffer, "JPEG", quality=88, subsampling=0)
    else:
        picture.save(buffer, "WEBP", lossless=True, method=6)
    return buffer.getvalue()
