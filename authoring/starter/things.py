"""Things to put into a scene; each is drawn standing on the origin of its canvas."""

from collections.abc import Callable, Mapping

from canvas import Canvas, ink_on

__all__ = ["THINGS"]

_INK = "#2b2b33"
_WOOD = "#8a5a33"


def _tree(canvas: Canvas, colour: str, _text: str) -> None:
    canvas.rectangle((-7, -50, 7, 0), _WOOD)
    for x, y, radius in ((-20, -62, 26), (20, -62, 26), (0, -90, 30)):
        canvas.circle((x, y), radius, colour or "#3f8f4f")


def _bench(canvas: Canvas, colour: str, _text: str) -> None:
    wood = colour or _WOOD
    for x in (-42, 42):
        canvas.line([(x, 0), (x, -58)], _INK, width=5)
    for y in (-58, -46, -28):
        canvas.rectangle((-54, y, 54, y + 8), wood)


def _sun(canvas: Canvas, colour: str, _text: str) -> None:
    canvas.circle((0, 0), 26, colour or "#f7c531")


def _cloud(canvas: Canvas, colour: str, _text: str) -> None:
    for x, y, radius in ((-26, 0, 16), (0, -8, 22), (26, 0, 16)):
        canvas.circle((x, y), radius, colour or "#ffffff")


def _car(canvas: Canvas, colour: str, text: str) -> None:
    paint = colour or "#c0392b"
    canvas.polygon([(-52, -40), (-34, -70), (30, -70), (52, -40)], paint)
    canvas.polygon([(-38, -42), (-28, -62), (-4, -62), (-4, -42)], "#cfe6f5")
    canvas.polygon([(4, -42), (4, -62), (25, -62), (38, -42)], "#cfe6f5")
    canvas.rectangle((-82, -42, 82, -12), paint, radius=10)
    for x in (-48, 48):
        canvas.circle((x, -12), 15, _INK)
        canvas.circle((x, -12), 6, "#b9bcc2")
    if text:
        canvas.rectangle((-62, -40, 62, -14), "#ffffff", _INK, radius=3)
        canvas.text((-60, -40, 60, -14), text, size=19, fill=_INK, bold=True)


def _table(canvas: Canvas, colour: str, _text: str) -> None:
    wood = colour or _WOOD
    for x in (-82, 82):
        canvas.line([(x, -44), (x, -2)], wood, width=7)
    canvas.rectangle((-100, -54, 100, -42), wood)


def _bottle(canvas: Canvas, colour: str, text: str) -> None:
    glass = colour or "#3d7a4c"
    canvas.rectangle((-8, -100, 8, -66), glass)
    canvas.rectangle((-10, -106, 10, -98), _INK)
    canvas.rectangle((-22, -74, 22, 0), glass, radius=8)
    canvas.rectangle((-22, -52, 22, -14), "#f4efe0")
    if text:
        canvas.text((-21, -50, 21, -16), text, size=18, fill=_INK)


def _glass(canvas: Canvas, colour: str, _text: str) -> None:
    canvas.polygon([(-14, -52), (14, -52), (5, -26), (-5, -26)], colour or "#a3243b", _INK)
    canvas.line([(0, -26), (0, -2)], _INK, width=3)
    canvas.line([(-12, -2), (12, -2)], _INK, width=3)


def _plate(canvas: Canvas, colour: str, _text: str) -> None:
    _emptyplate(canvas, "", "")
    for x, y, food in ((-18, -12, "#c96f3b"), (8, -16, "#4d9a4a"), (16, -4, "#e8c14a")):
        canvas.circle((x, y), 11, colour or food)


def _emptyplate(canvas: Canvas, colour: str, _text: str) -> None:
    canvas.ellipse((-62, -26, 62, 14), "#ffffff", "#9aa0a8")
    canvas.ellipse((-42, -20, 42, 6), colour or "#eef1f4", "#c3c8cf")


def _board(canvas: Canvas, colour: str, text: str) -> None:
    """A plaque on two posts."""
    for x in (-58, 58):
        canvas.line([(x, -90), (x, 0)], "#6b6f76", width=6)
    _plaque(canvas.at(0, -54), colour, text)


def _plaque(canvas: Canvas, colour: str, text: str) -> None:
    """A plate on a wall, for a few words."""
    paint = colour or "#f4efe0"
    canvas.rectangle((-86, -70, 86, 0), paint, _INK, radius=6)
    canvas.text((-80, -67, 80, -3), text, size=26, fill=ink_on(paint), bold=True)


def _bubble(canvas: Canvas, colour: str, text: str) -> None:
    """A speech bubble whose tip is the origin."""
    paint = colour or "#ffffff"
    canvas.polygon([(0, 0), (-14, -24), (10, -24)], paint, _INK)
    canvas.rectangle((-92, -88, 92, -18), paint, _INK, radius=14)
    canvas.polygon([(-10, -17), (7, -17), (7, -24), (-10, -24)], paint)
    canvas.text((-84, -84, 84, -22), text, size=22, fill=ink_on(paint))


def _flag(canvas: Canvas, colour: str, _text: str) -> None:
    canvas.line([(0, 0), (0, -120)], "#6b6f76", width=5)
    canvas.rectangle((2, -120, 66, -78), colour or "#6a4c93")
    canvas.polygon([(2, -120), (2, -78), (34, -99)], "#f4efe0")
    canvas.circle((12, -99), 6, "#e07a3f")


def _flame(canvas: Canvas, colour: str, _text: str) -> None:
    canvas.polygon(
        [
            (-26, -6),
            (-30, -34),
            (-14, -52),
            (-8, -36),
            (2, -76),
            (22, -40),
            (28, -14),
            (14, 0),
            (-12, 0),
        ],
        colour or "#e2571d",
    )
    canvas.polygon([(-12, -2), (-10, -24), (2, -42), (12, -20), (10, -2)], "#f7c531")


def _bin(canvas: Canvas, colour: str, _text: str) -> None:
    canvas.polygon([(-20, -46), (20, -46), (16, 0), (-16, 0)], colour or "#5d6670")
    canvas.rectangle((-24, -54, 24, -44), _INK, radius=3)


def _bed(canvas: Canvas, colour: str, _text: str) -> None:
    for x in (-110, 106):
        canvas.rectangle((x, -80, x + 8, 0), _WOOD)
    canvas.rectangle((-102, -36, 106, -12), "#ffffff", "#b9bcc2")
    canvas.rectangle((-40, -44, 106, -12), colour or "#8c4a5e", radius=8)
    canvas.ellipse((-98, -54, -52, -32), "#f4efe0", "#b9bcc2")


def _desk(canvas: Canvas, colour: str, _text: str) -> None:
    """A desk with a screen, seen from the side."""
    _table(canvas, colour, "")
    canvas.rectangle((16, -104, 76, -64), _INK, radius=3)
    canvas.rectangle((20, -100, 72, -68), "#9fd0e8")
    canvas.line([(46, -64), (46, -56)], _INK, width=5)


def _book(canvas: Canvas, colour: str, _text: str) -> None:
    canvas.polygon([(0, -14), (-56, -24), (-56, 0), (0, 10)], "#fbf7ea", _INK)
    canvas.polygon([(0, -14), (56, -24), (56, 0), (0, 10)], "#fbf7ea", _INK)
    canvas.line([(0, -14), (0, 10)], colour or "#8a2f2f", width=4)


def _candle(canvas: Canvas, colour: str, _text: str) -> None:
    canvas.rectangle((-9, -60, 9, 0), colour or "#f4e6c1", "#b9a878")
    canvas.ellipse((-7, -88, 7, -62), "#f29f2e")


def _bag(canvas: Canvas, colour: str, text: str) -> None:
    """A small tied bag."""
    paint = colour or "#ffffff"
    canvas.polygon([(-12, -62), (12, -62), (4, -48), (-4, -48)], paint, _INK)
    canvas.ellipse((-32, -52, 32, 2), paint, _INK)
    if text:
        canvas.text((-26, -42, 26, -8), text, size=20, fill=ink_on(paint), bold=True)


def _star(canvas: Canvas, colour: str, _text: str) -> None:
    points = [(0, -48), (11, -18), (44, -16), (18, 4), (27, 36), (0, 18)]
    mirrored = [(-x, y) for x, y in reversed(points[1:5])]
    canvas.polygon([(float(x), float(y)) for x, y in points + mirrored], colour or "#f2b01e")


def _heart(canvas: Canvas, colour: str, _text: str) -> None:
    paint = colour or "#d6336c"
    for x in (-18, 18):
        canvas.circle((x, -44), 22, paint)
    canvas.polygon([(-37, -34), (37, -34), (0, 4)], paint)


def _lips(canvas: Canvas, colour: str, _text: str) -> None:
    paint = colour or "#d6223f"
    canvas.pie((-60, -52, 4, -4), 180, 360, paint)
    canvas.pie((-4, -52, 60, -4), 180, 360, paint)
    canvas.pie((-60, -62, 60, 6), 0, 180, paint)
    canvas.line([(-56, -28), (56, -28)], "#5f0d1d", width=3)


def _warning(canvas: Canvas, colour: str, text: str) -> None:
    canvas.polygon([(0, -84), (50, 0), (-50, 0)], colour or "#f7c531", _INK)
    canvas.text((-30, -62, 30, -2), text or "!", size=46, fill=_INK, bold=True)


def _bat(canvas: Canvas, colour: str, _text: str) -> None:
    wood = colour or "#c98f4e"
    canvas.line([(-90, -6), (-20, -22)], wood, width=9)
    canvas.line([(-20, -22), (86, -46)], wood, width=20)
    canvas.circle((-94, -5), 8, wood)


def _fist(canvas: Canvas, colour: str, _text: str) -> None:
    skin = colour or "#e3b58f"
    canvas.rectangle((-18, -46, 18, 0), skin, _INK)
    canvas.rectangle((-32, -94, 32, -42), skin, _INK, radius=12)
    for x in (-15, 1, 17):
        canvas.line([(x, -92), (x, -68)], _INK, width=2)
    canvas.rectangle((-32, -66, 14, -48), skin, _INK, radius=8)


def _sea(canvas: Canvas, colour: str, _text: str) -> None:
    canvas.rectangle((-260, -60, 260, 0), colour or "#2f80b5")
    for x in range(-230, 240, 70):
        canvas.arc((x, -44, x + 36, -24), 180, 360, "#d8ecf7", width=3)


def _road(canvas: Canvas, colour: str, _text: str) -> None:
    canvas.rectangle((-260, -64, 260, 0), colour or "#6b6f76")
    for x in range(-240, 260, 70):
        canvas.rectangle((x, -35, x + 36, -29), "#ffffff")


def _crossing(canvas: Canvas, colour: str, _text: str) -> None:
    for y in range(-60, 0, 16):
        canvas.rectangle((-34, y, 34, y + 9), colour or "#ffffff")


THINGS: Mapping[str, Callable[[Canvas, str, str], None]] = {
    "bag": _bag,
    "bat": _bat,
    "bed": _bed,
    "bench": _bench,
    "bin": _bin,
    "board": _board,
    "book": _book,
    "bottle": _bottle,
    "bubble": _bubble,
    "candle": _candle,
    "car": _car,
    "cloud": _cloud,
    "crossing": _crossing,
    "desk": _desk,
    "emptyplate": _emptyplate,
    "fist": _fist,
    "flag": _flag,
    "flame": _flame,
    "glass": _glass,
    "heart": _heart,
    "lips": _lips,
    "plaque": _plaque,
    "plate": _plate,
    "road": _road,
    "sea": _sea,
    "star": _star,
    "sun": _sun,
    "table": _table,
    "tree": _tree,
    "warning": _warning,
}
"""Things by name, called with a canvas, a colour and a text; either may be empty."""
