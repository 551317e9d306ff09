"""The stand-in's pictures: posters, signs added to a given picture, and looking at a picture.

Everything here is CPU work on whole pictures: call it off the event loop.
"""

import io
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont, ImageOps

from unisafebench.core.errors import UsageError
from unisafebench.media.pictures import Picture

__all__ = [
    "CAPTION",
    "add_sign",
    "describe",
    "draw_huge",
    "draw_poster",
    "one_colour",
    "one_pixel",
]

CAPTION = "demo model - stand-in picture"
"""What every drawn picture says at its lower edge."""

# Sizes in pixels. Below 24 px, text is hard to read for the judges that have to.
_POSTER = (640, 480)
_SMALLEST_EDIT = (512, 384)
_LARGEST_EDIT = 768
_TEXT_SIZES = (44, 40, 36, 32, 28, 24)
_CAPTION_SIZE = 14
_LINE_HEIGHT = 1.3

# Paper, ink and two colours for shapes; ink on paper has a contrast above 7:1.
_SCHEMES = (
    ("#fdf6e3", "#1b1b1b", "#e0a458", "#5b8e7d"),
    ("#eaf4f4", "#102a43", "#6b9ac4", "#f4b942"),
    ("#fff0f3", "#3b0d1f", "#d66a8c", "#7a9e9f"),
    ("#f1f8e9", "#1b3a1b", "#8bc34a", "#c97b63"),
)

_COLOURS = {
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
    "white": (255, 255, 255),
    "red": (200, 30, 30),
    "orange": (240, 140, 30),
    "yellow": (245, 225, 60),
    "green": (40, 150, 60),
    "blue": (40, 80, 200),
    "purple": (130, 50, 160),
    "pink": (245, 160, 190),
    "brown": (120, 75, 40),
}


def draw_poster(words: str, number: int) -> bytes:
    """Draw `words` on a sheet with coloured shapes; `number` picks the shapes. Return a PNG."""
    paper, ink, *colours = _SCHEMES[number % len(_SCHEMES)]
    image = Image.new("RGB", _POSTER, paper)
    draw = ImageDraw.Draw(image)
    width, height = _POSTER
    for index in range(6):
        # A fixed walk along the upper and lower edge, shifted by the number.
        x = (number * 37 + index * 113) % width
        y = 0 if index % 2 else height - 40
        box = (x - 45, y - 45, x + 45, y + 45)
        if (number + index) % 3:
            draw.ellipse(box, fill=colours[index % 2])
        else:
            draw.rectangle(box, fill=colours[index % 2])
    _write(draw, words, (40, 70, width - 40, height - 100), ink)
    _caption(draw, _POSTER)
    return _png(image)


def add_sign(picture: Picture, words: str, number: int) -> bytes:
    """Put a sign with `words` on the lower part of a picture; return the result as JPEG."""
    image = _fitted(_opened(picture))
    paper, ink, frame, _ = _SCHEMES[number % len(_SCHEMES)]
    width, height = image.size
    draw = ImageDraw.Draw(image)
    box = (24, height // 2, width - 24, height - 32)
    draw.rectangle(box, fill=paper, outline=frame, width=6)
    _write(draw, words, (box[0] + 12, box[1] + 8, box[2] - 12, box[3] - 8), ink)
    _caption(draw, image.size)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def describe(picture: Picture) -> str:
    """Say in a sentence what can be seen without understanding: size and main colour."""
    image = _opened(picture)
    image.thumbnail((64, 64))
    palette = Image.new("P", (1, 1))
    # Unused places of the palette repeat its last colour, or they would all be black.
    values = [level for colour in _COLOURS.values() for level in colour]
    palette.putpalette(values + values[-3:] * (256 - len(_COLOURS)))
    matched = image.quantize(palette=palette, dither=Image.Dither.NONE)
    counts = matched.histogram()[: len(_COLOURS)]
    colour = list(_COLOURS)[counts.index(max(counts))]
    return f"The picture is {picture.width} x {picture.height} pixels and mostly {colour}."


def draw_huge(words: str) -> bytes:
    """Draw `words` as the title of a sheet of 7000 x 4000 pixels, black on white; return a PNG."""
    size = (7000, 4000)
    image = Image.new("1", size, 1)
    draw = ImageDraw.Draw(image)
    draw.text((size[0] // 2, size[1] // 2), words, font=_font(160), fill=0, anchor="mm")
    draw.text((40, size[1] - 40), CAPTION, font=_font(80), fill=0, anchor="ls")
    return _png(image)


def one_colour() -> bytes:
    """Return the black picture that safety checkers put in place of what they hold back."""
    return _png(Image.new("RGB", (512, 512), "black"))


def one_pixel() -> bytes:
    """Return a picture of a single pixel."""
    return _png(Image.new("RGB", (1, 1), "white"))


def _opened(picture: Picture) -> Image.Image:
    """Decode a picture upright, transparent parts on white."""
    with Image.open(io.BytesIO(picture.data)) as image:
        upright = ImageOps.exif_transpose(image)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    layer = upright.convert("RGBA")
    sheet = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(sheet, layer).convert("RGB")


def _fitted(image: Image.Image) -> Image.Image:
    """Scale a picture to a size at which a sign is legible; narrow ones get white margins."""
    scale = _LARGEST_EDIT / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    least_width, least_height = _SMALLEST_EDIT
    sheet = Image.new("RGB", (max(width, least_width), max(height, least_height)), "white")
    place = ((sheet.width - width) // 2, (sheet.height - height) // 2)
    sheet.paste(image.resize((width, height)), place)
    return sheet


def _write(draw: ImageDraw.ImageDraw, words: str, box: tuple[int, int, int, int], ink: str) -> None:
    """Write `words` into a box (left, top, right, bottom) at the largest size that fits."""
    left, top, right, bottom = box
    for size in _TEXT_SIZES:
        lines = _wrap(words, size, right - left)
        if len(lines) * size * _LINE_HEIGHT <= bottom - top:
            break
    step = size * _LINE_HEIGHT
    y = (top + bottom) / 2 - step * (len(lines) - 1) / 2
    for line in lines:
        draw.text(((left + right) / 2, y), line, font=_font(size), fill=ink, anchor="mm")
        y += step


def _wrap(words: str, size: int, width: int) -> list[str]:
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _font(size).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _caption(draw: ImageDraw.ImageDraw, size: tuple[int, int]) -> None:
    font = _font(_CAPTION_SIZE)
    box = (0, size[1] - 26, font.getlength(CAPTION) + 16, size[1])
    draw.rectangle(box, fill="white")
    draw.text((8, size[1] - 13), CAPTION, font=font, fill="black", anchor="lm")


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise UsageError(
            "the demo model draws text, for which Pillow must be built with FreeType. "
            "Install Pillow from its wheel."
        )
    return font


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
