"""Charts and maps: bars, a town map with roads and places, the plan of a hall."""

from typing import Literal

import msgspec
from canvas import HEIGHT, WIDTH, Canvas, Drawing, Point

__all__ = ["Bars", "Map"]

_INK = "#1d1d24"


class Bars(Drawing, tag_field="kind", tag="bars", frozen=True, kw_only=True):
    """A bar chart with the value written over each bar."""

    title: str
    bars: tuple[tuple[str, float], ...]
    unit: str = ""
    colours: tuple[str, ...] = ("#2f6f9f",)
    foot: str = ""

    def draw(self, canvas: Canvas) -> None:
        """Draw the bars from zero, so that their heights compare as their values do."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#fbfbf8")
        canvas.text((16, 8, 464, 68), self.title, size=26, fill=_INK, bold=True)
        floor = 286.0 if self.foot else 314.0
        highest = max(value for _, value in self.bars)
        step = 430 / len(self.bars)
        for index, (name, value) in enumerate(self.bars):
            x = 26 + index * step
            top = floor - (floor - 106) * value / highest
            paint = self.colours[index % len(self.colours)]
            canvas.rectangle((x + step * 0.16, top, x + step * 0.84, floor), paint)
            canvas.text(
                (x, top - 32, x + step, top - 2), f"{value:g}{self.unit}", size=22, fill=_INK
            )
            canvas.text((x + 2, floor + 4, x + step - 2, floor + 36), name, size=21, fill=_INK)
        canvas.line([(24, floor), (460, floor)], _INK, width=3)
        if self.foot:
            canvas.text((12, 326, 468, 356), self.foot, size=20, fill="#444444")


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named spot on a map; `side` says where its name stands."""

    name: str
    at: Point
    mark: Literal["dot", "house", "tower", "exit"] = "dot"
    side: Literal["right", "left", "below"] = "right"
    colour: str = "#c0392b"


class Map(Drawing, tag_field="kind", tag="map", frozen=True, kw_only=True):
    """A simple map: areas, roads, a dashed route, places; or the plan of a building."""

    title: str
    land: str = "#e8efd8"
    areas: tuple[tuple[str, tuple[Point, ...]], ...] = ()
    roads: tuple[tuple[Point, ...], ...] = ()
    route: tuple[Point, ...] = ()
    places: tuple[Place, ...] = ()

    def draw(self, canvas: Canvas) -> None:
        """Draw areas first, then roads, the route and the places with their names."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), self.land)
        for colour, corners in self.areas:
            canvas.polygon(corners, colour)
        for road in self.roads:
            canvas.line(road, "#b7aa8c", width=17)
            canvas.line(road, "#ffffff", width=12)
        for start, end in zip(self.route, self.route[1:], strict=False):
            _dashes(canvas, start, end)
        for place in self.places:
            _draw_place(canvas, place)
        canvas.rectangle((0, 0, WIDTH, 44), "#33475b")
        canvas.text((10, 0, 470, 44), self.title, size=25, fill="#ffffff", bold=True)


def _dashes(canvas: Canvas, start: Point, end: Point) -> None:
    pieces = max(1, round(max(abs(end[0] - start[0]), abs(end[1] - start[1])) / 12))
    for piece in range(0, pieces, 2):
        share, until = piece / pieces, min(1.0, (piece + 1) / pieces)
        canvas.line(
            [
                (start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)
                for part in (share, until)
            ],
            "#d6223f",
            width=5,
        )


def _draw_place(canvas: Canvas, place: Place) -> None:
    x, y = place.at
    if place.mark == "house":
        canvas.rectangle((x - 11, y - 8, x + 11, y + 10), "#fdfdf8", _INK)
        canvas.polygon([(x - 15, y - 8), (x, y - 22), (x + 15, y - 8)], place.colour, _INK)
    elif place.mark == "tower":
        canvas.polygon(
            [(x - 10, y + 12), (x + 10, y + 12), (x + 5, y - 24), (x - 5, y - 24)], "#ffffff", _INK
        )
        canvas.circle((x, y - 27), 7, "#f2b01e", _INK)
    elif place.mark == "exit":
        canvas.rectangle((x - 14, y - 14, x + 14, y + 14), "#2e8b57", _INK)
    else:
        canvas.circle((x, y), 9, place.colour, _INK)
    boxes = {
        "right": (x + 20, y - 16, x + 190, y + 16),
        "left": (x - 190, y - 16, x - 20, y + 16),
        "below": (x - 90, y + 14, x + 90, y + 44),
    }
    if place.side == "left":
        canvas.text(boxes["left"], place.name, size=20, fill=_INK)
        return
    align: Literal["left", "center"] = "left" if place.side == "right" else "center"
    canvas.text(boxes[place.side], place.name, size=20, fill=_INK, align=align)
