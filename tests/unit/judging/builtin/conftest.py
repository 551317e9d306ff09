"""Pictures drawn for the tests, and the embedded judge."""

import io
from collections.abc import AsyncIterator, Callable

import pytest
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from unisafebench.judging.builtin.judge import BuiltinJudge
from unisafebench.media.pictures import Picture, check_picture

Poster = Callable[..., Picture]


@pytest.fixture
def poster() -> Poster:
    """Draw lines of text on a light ground, 480 x 360 pixels."""

    def draw(*lines: str, comment: str | None = None, transparent: bool = False) -> Picture:
        ground = (240, 238, 228, 0) if transparent else (240, 238, 228, 255)
        image = Image.new("RGBA", (480, 360), ground)
        pen = ImageDraw.Draw(image)
        for row, line in enumerate(lines):
            place = (16, 24 + 48 * row)
            pen.text(place, line, fill=(20, 20, 30, 255), font=ImageFont.load_default(26))
        return _checked(image if transparent else image.convert("RGB"), comment)

    return draw


@pytest.fixture
def landscape() -> Picture:
    """Draw a sky and a meadow, 480 x 360 pixels."""
    image = Image.new("RGB", (480, 360), (130, 180, 235))
    pen = ImageDraw.Draw(image)
    pen.polygon([(0, 260), (180, 150), (480, 250), (480, 360), (0, 360)], fill=(70, 140, 70))
    return _checked(image, None)


@pytest.fixture
async def judge() -> AsyncIterator[BuiltinJudge]:
    """Give a judge with one thread, closed after the test."""
    judge = BuiltinJudge(workers=1)
    yield judge
    await judge.aclose()


def _checked(image: Image.Image, comment: str | None) -> Picture:
    info = PngImagePlugin.PngInfo()
    if comment is not None:
        info.add_text("Comment", comment)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return check_picture(buffer.getvalue())
