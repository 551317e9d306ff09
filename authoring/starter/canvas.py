"""The page that pictures are drawn on: simple shapes, and text that always fits its box.

Coordinates are those of a 480 x 360 page with y growing downwards. Shapes are drawn at twice that
size and scaled down at the end, which smooths their edges. Text uses Pillow's own font, never a
font of the machine, so that the same Pillow draws the same pixels everywhere.
"""

from collections.abc import Sequence
from functools import cache
from typing import Literal

import msgspec
from PIL import Image, ImageColor, ImageDraw, ImageFont

__all__ = ["HEIGHT", "MIN_TEXT", "WIDTH", "Box", "Canvas", "Drawing", "Point", "ink_on", "new_page"]

WIDTH, HEIGHT = 480, 360
MIN_TEXT = 18
"""Smallest height of text in pixels of the finished picture; smaller text is hard to read."""

_SCALE = 2
_LINE = 1.25

Point = tuple[float, float]
Box = tuple[float, float, float, float]


class Drawing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every kind of picture has in common: the file type it is stored as."""

    format: Literal["png", "jpg", "webp"] = "png"


class Canvas:
    """A view of a page. Its own coordinates start at (x, y), stretched by `size`."""

    def __init__(
        self, image: Image.Image, x: float = 0.0, y: float = 0.0, size: float = 1.0
    ) -> None:
        self._image = image
        self._draw = ImageDraw.Draw(image)
        self._origin = (x, y)
        self._size = size

    def at(self, x: float, y: float, size: float = 1.0) -> "Canvas":
        """Return a view whose origin lies at (x, y) of this one."""
        left, top = self._origin
        return Canvas(self._image, left + x * self._size, top + y * self._size, self._size * size)

    def rectangle(
        self,
        box: Box,
        fill: str | None = None,
        outline: str | None = None,
        *,
        width: float = 2,
        radius: float = 0,
    ) -> None:
        """Draw a rectangle, with rounded corners when `radius` is given."""
        self._draw.rounded_rectangle(
            self._box(box),
            radius=self._length(radius),
            fill=fill,
            outline=outline,
            width=round(self._length(width)),
        )

    def ellipse(
        self, box: Box, fill: str | None = None, outline: str | None = None, *, width: float = 2
    ) -> None:
        """Draw the ellipse inside `box`."""
        self._draw.ellipse(self._box(box), fill, outline, round(self._length(width)))

    def circle(self, centre: Point, radius: float, fill: str, outline: str | None = None) -> None:
        """Draw a filled circle."""
        x, y = centre
        self.ellipse((x - radius, y - radius, x + radius, y + radius), fill, outline)

    def arc(self, box: Box, start: float, end: float, fill: str, *, width: float = 2) -> None:
        """Draw a part of the ellipse inside `box`, in degrees clockwise from three o'clock."""
        self._draw.arc(self._box(box), start, end, fill, round(self._length(width)))

    def pie(self, box: Box, start: float, end: float, fill: str) -> None:
        """Draw a filled slice of the ellipse inside `box`."""
        self._draw.pieslice(self._box(box), start, end, fill)

    def line(self, points: Sequence[Point], fill: str, *, width: float = 2) -> None:
        """Draw a line through `points` with round ends and joints."""
        placed = [self._point(point) for point in points]
        thick = round(self._length(width))
        self._draw.line(placed, fill, thick, joint="curve")
        radius = thick / 2
        for x, y in placed:
            self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill)

    def polygon(self, points: Sequence[Point], fill: str, outline: str | None = None) -> None:
        """Draw a filled polygon."""
        placed = [self._point(point) for point in points]
        self._draw.polygon(placed, fill)
        if outline:
            self.line([*points, points[0]], outline)

    def text(
        self,
        box: Box,
        text: str,
        *,
        size: float,
        fill: str,
        bold: bool = False,
        align: Literal["left", "center"] = "center",
        valign: Literal["top", "middle"] = "middle",
    ) -> float:
        """Write `text` into `box`, broken into lines and shrunk until it fits.

        Returns:
            The y at which the text ends, in the view's coordinates.

        Raises:
            ValueError: it does not fit even at `MIN_TEXT`, or holds a character without a glyph.
        """
        if odd := {char for char in text if not (char.isascii() or char == "°")}:
            raise ValueError(f"the font has no glyph for {sorted(odd)} in {text!r}")
        left, top, right, bottom = self._box(box)
        pixels = max(round(self._length(size)), MIN_TEXT * _SCALE)
        lines = _wrap(text, pixels, right - left, bold=bold)
        while lines is None or len(lines) * pixels * _LINE > bottom - top + 1:
            pixels -= 1
            if pixels < MIN_TEXT * _SCALE:
                raise ValueError(f"no room for {text!r} in {box}")
            lines = _wrap(text, pixels, right - left, bold=bold)
        height = len(lines) * pixels * _LINE
        y = top + (bottom - top - height) / 2 if valign == "middle" else top
        for line in lines:
            slack = right - left - _length_of(line, pixels, bold=bold)
            self._draw.text(
                (round(left + (slack / 2 if align == "center" else 0)), round(y)),
                line,
                fill=fill,
                font=_font(pixels),
                stroke_width=_stroke(pixels) if bold else 0,
            )
            y += pixels * _LINE
        return (y / _SCALE - self._origin[1]) / self._size

    def _point(self, point: Point) -> Point:
        left, top = self._origin
        return (
            (left + point[0] * self._size) * _SCALE,
            (top + point[1] * self._size) * _SCALE,
        )

    def _box(self, box: Box) -> Box:
        (left, top), (right, bottom) = self._point(box[:2]), self._point(box[2:])
        return min(left, right), min(top, bottom), max(left, right), max(top, bottom)

    def _length(self, value: float) -> float:
        return value * self._size * _SCALE


def new_page(background: str) -> Image.Image:
    """Return an empty page at drawing size; scale it down with `Image.reduce(2)`."""
    return Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), background)


def ink_on(background: str) -> str:
    """Return black or white, whichever is easier to read on `background`."""
    red, green, blue = ImageColor.getrgb(background)[:3]
    # Weights of ITU-R BT.601 luma.
    return "#111111" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"


def _wrap(text: str, pixels: int, width: float, *, bold: bool) -> list[str] | None:
    """Break `text` into lines of at most `width`; None when a single word is wider."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}".strip()
            if line and _length_of(longer, pixels, bold=bold) > width:
                lines.append(line)
                longer = word
            line = longer
            if _length_of(line, pixels, bold=bold) > width:
                return None
        lines.append(line)
    return lines


@cache
def _font(pixels: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=pixels)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow was built without FreeType; it cannot draw scalable text")
    # The basic layout: whether Raqm is there differs between builds of Pillow.
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


def _length_of(line: str, pixels: int, *, bold: bool) -> float:
    return _font(pixels).getlength(line) + (2 * _stroke(pixels) if bold else 0)


def _stroke(pixels: int) -> int:
    return max(1, pixels // 34)
