"""Buildings; each is drawn standing on the origin of its canvas, with room for a name."""

from collections.abc import Callable, Mapping

from canvas import Canvas, ink_on

__all__ = ["BUILDINGS"]

_INK = "#2b2b33"
_GLASS = "#bfe0f2"


def _house(canvas: Canvas, colour: str, text: str) -> None:
    canvas.rectangle((-80, -90, 80, 0), colour or "#f0d9b5", _INK)
    canvas.polygon([(-94, -90), (0, -150), (94, -90)], "#a4452c", _INK)
    for x in (-62, 30):
        canvas.rectangle((x, -72, x + 32, -42), _GLASS, _INK)
        canvas.line([(x + 16, -72), (x + 16, -42)], _INK)
    canvas.rectangle((-16, -52, 16, 0), "#6d4520", _INK)
    if text:
        canvas.text((-24, -126, 24, -96), text, size=22, fill="#ffffff", bold=True)


def _villa(canvas: Canvas, colour: str, _text: str) -> None:
    wall = colour or "#fdfdf8"
    canvas.rectangle((-150, -80, 150, 0), wall, _INK)
    canvas.rectangle((-70, -150, 120, -80), wall, _INK)
    canvas.rectangle((-80, -158, 130, -148), "#54606b")
    canvas.rectangle((-160, -88, 160, -78), "#54606b")
    for x, y in ((-50, -136), (30, -136), (-136, -64), (60, -64)):
        canvas.rectangle((x, y, x + 66, y + 42), _GLASS, _INK)
    canvas.rectangle((-24, -60, 12, 0), "#8a5a33", _INK)


def _tower(canvas: Canvas, colour: str, _text: str) -> None:
    """A tall block with five floors of three windows."""
    top = -220
    canvas.rectangle((-44, top, 44, 0), colour or "#8796a5", _INK)
    for row in range(5):
        for x in (-34, -9, 16):
            y = top + 12 + row * 42
            canvas.rectangle((x, y, x + 18, y + 24), "#f6e7a1" if (row + x) % 2 else _GLASS)


def _shop(canvas: Canvas, colour: str, text: str) -> None:
    paint = colour or "#2e7d6b"
    canvas.rectangle((-120, -170, 120, 0), "#e9dcc6", _INK)
    canvas.rectangle((-112, -164, 112, -118), paint, _INK, radius=4)
    canvas.text((-108, -162, 108, -120), text, size=30, fill=ink_on(paint), bold=True)
    for index, x in enumerate(range(-120, 120, 40)):
        canvas.pie((x, -128, x + 40, -88), 0, 180, paint if index % 2 else "#ffffff")
    canvas.rectangle((-108, -78, 30, -14), _GLASS, _INK)
    canvas.rectangle((48, -82, 100, 0), "#6d4520", _INK)
    canvas.circle((90, -40), 4, "#f2c230")


def _institution(canvas: Canvas, colour: str, text: str) -> None:
    """A front with columns, for a bank, a parliament or an office."""
    stone = colour or "#e6e2d6"
    canvas.polygon([(-150, -132), (0, -192), (150, -132)], stone, _INK)
    canvas.rectangle((-146, -132, 146, -92), stone, _INK)
    canvas.rectangle((-136, -92, 136, -10), "#b9b4a4")
    for x in range(-128, 129, 44):
        canvas.rectangle((x - 9, -92, x + 9, -10), stone, _INK)
    canvas.rectangle((-158, -12, 158, 0), stone, _INK)
    canvas.text((-140, -130, 140, -94), text, size=28, fill=ink_on(stone), bold=True)


def _block(canvas: Canvas, colour: str, text: str) -> None:
    """A flat-roofed building, for a hospital or a clinic."""
    wall = colour or "#f3f5f7"
    canvas.rectangle((-150, -170, 150, 0), wall, _INK)
    canvas.rectangle((-142, -164, 142, -122), "#23507a")
    canvas.text((-138, -162, 138, -124), text, size=28, fill="#ffffff", bold=True)
    for x in range(-134, 120, 56):
        for y in (-108, -60):
            if y == -108 or abs(x + 15) > 30:
                canvas.rectangle((x, y, x + 34, y + 30), _GLASS, _INK)
    canvas.rectangle((-22, -62, 22, 0), "#54606b", _INK)


def _worship(canvas: Canvas, colour: str, text: str) -> None:
    """A domed house of worship of no particular faith."""
    wall = colour or "#f1e6cf"
    canvas.pie((-70, -190, 70, -50), 180, 360, "#4f8a8b")
    canvas.rectangle((-130, -120, 130, 0), wall, _INK)
    for x in (-106, 62):
        canvas.pie((x, -96, x + 44, -52), 180, 360, _GLASS)
        canvas.rectangle((x, -74, x + 44, -40), _GLASS)
    canvas.pie((-30, -80, 30, -20), 180, 360, "#6d4520")
    canvas.rectangle((-30, -50, 30, 0), "#6d4520")
    if text:
        canvas.text((-126, -118, 126, -90), text, size=20, fill=_INK, bold=True)


def _machine(canvas: Canvas, colour: str, text: str) -> None:
    """A cash machine in a wall."""
    paint = colour or "#3b5b7c"
    canvas.rectangle((-70, -180, 70, 0), paint, _INK, radius=6)
    canvas.rectangle((-60, -172, 60, -142), "#ffffff")
    canvas.text((-58, -172, 58, -142), text or "CASH", size=24, fill=paint, bold=True)
    canvas.rectangle((-50, -132, 50, -84), "#9fd0e8", _INK)
    for row in range(3):
        for column in range(3):
            x, y = -26 + column * 19, -74 + row * 18
            canvas.rectangle((x, y, x + 14, y + 13), "#e6e6e6")
    canvas.rectangle((-40, -18, 40, -10), _INK)


def _stall(canvas: Canvas, colour: str, text: str) -> None:
    """A market stall with fruit on its counter."""
    paint = colour or "#c0392b"
    for x in (-96, 96):
        canvas.line([(x, -150), (x, 0)], "#8a5a33", width=6)
    for index, x in enumerate(range(-120, 120, 40)):
        stripe = paint if index % 2 else "#ffffff"
        canvas.polygon([(x * 0.8, -172), (x * 0.8 + 32, -172), (x + 40, -126), (x, -126)], stripe)
    canvas.rectangle((-110, -52, 110, 0), "#b98a55", _INK)
    canvas.text((-104, -46, 104, -6), text, size=26, fill="#111111", bold=True)
    for x in range(-92, 100, 23):
        canvas.circle((x, -62), 11, ("#d9412b", "#f2b01e", "#6aa84f")[x % 3])


BUILDINGS: Mapping[str, Callable[[Canvas, str, str], None]] = {
    "block": _block,
    "house": _house,
    "institution": _institution,
    "machine": _machine,
    "shop": _shop,
    "stall": _stall,
    "tower": _tower,
    "villa": _villa,
    "worship": _worship,
}
"""Buildings by name, called with a canvas, a colour and a text; either may be empty."""
