"""Stick figures and portraits: people are only ever drawn as lines and circles."""

from collections.abc import Callable, Mapping

from canvas import Canvas, Point

__all__ = ["PEOPLE"]

_SKIN = "#e3b58f"
_INK = "#2b2b33"

# Hands and feet by pose, for a figure of height 100 that stands at (0, 0) and faces right.
_POSES: Mapping[str, tuple[Point, Point, Point, Point]] = {
    "stand": ((-18, -40), (18, -40), (-11, 0), (11, 0)),
    "wave": ((-18, -40), (24, -96), (-11, 0), (11, 0)),
    "cheer": ((-24, -100), (24, -100), (-13, 0), (13, 0)),
    "point": ((-18, -40), (36, -68), (-11, 0), (11, 0)),
    "shake": ((-15, -42), (30, -52), (-11, 0), (11, 0)),
    "run": ((-26, -56), (26, -58), (-26, -6), (20, 0)),
    "hit": ((-20, -52), (36, -78), (-20, 0), (16, 0)),
    "balance": ((-34, -74), (34, -74), (-4, 0), (20, -22)),
}


def _person(canvas: Canvas, *, pose: str, colour: str, second: str, text: str) -> None:
    """A figure in one of the poses; `text` "long" gives it long hair."""
    flip = -1 if pose.endswith("-left") else 1
    pose = pose.removesuffix("-left")
    skin = second or _SKIN
    if pose in {"sit", "lie"}:
        draw = _sit if pose == "sit" else _lie
        draw(canvas, colour or "#3a6ea5", skin, flip, long_hair=text == "long")
        return
    hand, other, foot, step = [(flip * x, y) for x, y in _POSES[pose or "stand"]]
    for end in (foot, step):
        canvas.line([(0, -40), end], _INK, width=6)
    for end in (hand, other):
        canvas.line([(0, -68), end], skin, width=5)
    canvas.line([(0, -68), (0, -42)], colour or "#3a6ea5", width=17)
    if text == "long":
        canvas.ellipse((-14, -103, 14, -70), _INK)
    canvas.circle((0, -88), 11, skin, _INK)


def _sit(canvas: Canvas, colour: str, skin: str, flip: int, *, long_hair: bool) -> None:
    canvas.line([(0, -34), (flip * 22, -32), (flip * 22, 0)], _INK, width=6)
    canvas.line([(0, -60), (flip * 14, -36)], skin, width=5)
    canvas.line([(0, -60), (0, -36)], colour, width=17)
    if long_hair:
        canvas.ellipse((flip * 3 - 15, -95, flip * 3 + 11, -62), _INK)
    canvas.circle((flip * 3, -80), 11, skin, _INK)


def _lie(canvas: Canvas, colour: str, skin: str, flip: int, *, long_hair: bool) -> None:
    canvas.line([(0, -9), (flip * 46, -4)], _INK, width=6)
    canvas.line([(flip * -24, -9), (flip * -6, -3)], skin, width=5)
    canvas.line([(flip * -28, -10), (0, -9)], colour, width=15)
    if long_hair:
        canvas.ellipse((flip * -60 - 8, -26, flip * -60 + 24, 2), _INK)
    canvas.circle((flip * -48, -12), 11, skin, _INK)


def _portrait(canvas: Canvas, *, pose: str, colour: str, second: str, text: str) -> None:
    """Head and shoulders from circles, 200 high; `text` "long" or "beard", `pose` "sad"."""
    skin = second or _SKIN
    canvas.pie((-95, -80, 95, 80), 180, 360, colour or "#3a6ea5")
    if text == "long":
        canvas.ellipse((-62, -208, 62, -62), "#5a3a22")
    canvas.rectangle((-18, -90, 18, -68), skin)
    canvas.ellipse((-52, -198, 52, -78), skin, _INK)
    canvas.pie((-56, -206, 56, -110), 180, 360, "#5a3a22")
    if text == "beard":
        canvas.pie((-40, -138, 40, -76), 0, 180, "#5a3a22")
    for x in (-20, 20):
        canvas.circle((x, -144), 6, _INK)
    canvas.line([(0, -138), (-5, -122), (3, -121)], _INK, width=2)
    if pose == "sad":
        canvas.arc((-20, -110, 20, -84), 200, 340, "#9c2f2f", width=4)
    else:
        canvas.arc((-22, -126, 22, -92), 20, 160, "#9c2f2f", width=4)


def _dog(canvas: Canvas, *, pose: str, colour: str, second: str, text: str) -> None:
    """A dog that stands and looks right."""
    del pose, second, text
    coat = colour or "#a8743d"
    for x in (-34, -22, 18, 30):
        canvas.line([(x, -26), (x, 0)], coat, width=7)
    canvas.ellipse((-44, -52, 42, -20), coat)
    canvas.line([(-42, -42), (-58, -62)], coat, width=6)
    canvas.ellipse((28, -74, 66, -42), coat)
    canvas.ellipse((54, -64, 78, -46), coat)
    canvas.polygon([(32, -66), (26, -40), (42, -54)], "#6d4520")
    canvas.circle((52, -62), 3, _INK)
    canvas.circle((76, -57), 4, _INK)


def _whale(canvas: Canvas, *, pose: str, colour: str, second: str, text: str) -> None:
    """A whale that looks left and spouts."""
    del pose, second, text
    skin = colour or "#3f6f9f"
    canvas.polygon([(90, -40), (140, -90), (150, -60), (130, -20)], skin)
    canvas.pie((-120, -120, 120, 60), 180, 360, skin)
    canvas.pie((-120, -60, 120, 0), 0, 180, "#cfe2f1")
    canvas.circle((-80, -44), 5, _INK)
    canvas.arc((-116, -46, -60, -14), 60, 170, _INK, width=3)
    for bend in (-26, 26):
        canvas.line([(-30, -120), (-30 + bend / 2, -146), (-30 + bend, -138)], "#7fb3dd", width=5)


PEOPLE: Mapping[str, Callable[..., None]] = {
    "dog": _dog,
    "person": _person,
    "portrait": _portrait,
    "whale": _whale,
}
"""Figures by name; each is drawn standing on the origin of its canvas."""
