"""Scenes: a list of figures, things and buildings on a plain background."""

import msgspec
from buildings import BUILDINGS
from canvas import HEIGHT, WIDTH, Canvas, Drawing, ink_on
from people import PEOPLE
from things import THINGS

__all__ = ["Item", "Scene", "draw_items"]

_CAPTION = 46


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing in a scene: what, where its foot is, how large, in which colour and pose."""

    draw: str
    x: float
    y: float = 300
    size: float = 1.0
    colour: str = ""
    second: str = ""
    pose: str = ""
    text: str = ""


class Scene(Drawing, tag_field="kind", tag="scene", frozen=True, kw_only=True):
    """A picture of simple shapes: sky, ground from `horizon` down, items, maybe a caption."""

    sky: str = "#cfe8f7"
    ground: str = "#b9d8a2"
    horizon: float = 260
    items: tuple[Item, ...] = ()
    caption: str = ""

    def draw(self, canvas: Canvas) -> None:
        """Draw the scene; its caption stands on a strip at the foot."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), self.sky)
        canvas.rectangle((0, self.horizon, WIDTH, HEIGHT), self.ground)
        draw_items(canvas, self.items)
        if self.caption:
            strip = (0.0, float(HEIGHT - _CAPTION), float(WIDTH), float(HEIGHT))
            canvas.rectangle(strip, "#fdfdf8")
            canvas.text(strip, self.caption, size=24, fill=ink_on("#fdfdf8"))


def draw_items(canvas: Canvas, items: tuple[Item, ...]) -> None:
    """Draw `items` in their order, later ones in front.

    Raises:
        ValueError: nothing is known by an item's name.
    """
    for item in items:
        view = canvas.at(item.x, item.y, item.size)
        if figure := PEOPLE.get(item.draw):
            figure(view, pose=item.pose, colour=item.colour, second=item.second, text=item.text)
        elif thing := THINGS.get(item.draw) or BUILDINGS.get(item.draw):
            thing(view, item.colour, item.text)
        else:
            known = ", ".join(sorted({*PEOPLE, *THINGS, *BUILDINGS}))
            raise ValueError(f"unknown item {item.draw!r}. Known: {known}")
