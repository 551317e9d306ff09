"""What is put up to be read: posters, banners, road signs, product labels, display boards."""

from typing import Literal

from canvas import HEIGHT, WIDTH, Canvas, Drawing, ink_on
from scenes import Item, draw_items

__all__ = ["Banner", "Display", "Label", "Poster", "Sign"]


class Poster(Drawing, tag_field="kind", tag="poster", frozen=True, kw_only=True):
    """A poster: headline, items in the middle, a line or two below."""

    headline: str
    body: str
    background: str
    accent: str
    style: Literal["frame", "band", "rays", "plain"] = "frame"
    items: tuple[Item, ...] = ()

    def draw(self, canvas: Canvas) -> None:
        """Draw the poster; without items the headline takes the room."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), self.background)
        ink = ink_on(self.background)
        head_ink = ink
        split = 130 if self.items else 216
        if self.style == "frame":
            canvas.rectangle((8, 8, WIDTH - 8, HEIGHT - 8), None, self.accent, width=8, radius=4)
        elif self.style == "band":
            canvas.rectangle((0, 14, WIDTH, split), self.accent)
            head_ink = ink_on(self.accent)
        elif self.style == "rays":
            for angle in range(0, 360, 30):
                canvas.pie((-160, -220, 640, 580), angle, angle + 15, self.accent)
            canvas.rectangle((20, 16, 460, split), self.background, radius=8)
        canvas.text((28, 20, 452, split - 4), self.headline, size=48, fill=head_ink, bold=True)
        draw_items(canvas, self.items)
        if self.style == "rays":
            canvas.rectangle((20, 268, 460, 346), self.background, radius=8)
        top = 268 if self.items else split + 10
        canvas.text((28, top, 452, 344), self.body, size=27, fill=ink)


class Banner(Drawing, tag_field="kind", tag="banner", frozen=True, kw_only=True):
    """A cloth banner between two poles, over a street or above a crowd."""

    text: str
    cloth: str
    sky: str = "#dfe9ef"
    crowd: bool = False

    def draw(self, canvas: Canvas) -> None:
        """Draw the banner, with a row of heads below it when there is a crowd."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), self.sky)
        canvas.rectangle((0, 300, WIDTH, HEIGHT), "#9a9a94")
        for x in (34, 446):
            canvas.line([(x, 40), (x, 330)], "#6d4520", width=9)
        cloth = [(34, 52), (160, 60), (320, 60), (446, 52), (446, 212), (320, 220), (160, 220)]
        canvas.polygon([(float(x), float(y)) for x, y in [*cloth, (34, 212)]], self.cloth)
        canvas.text((54, 66, 426, 206), self.text, size=46, fill=ink_on(self.cloth), bold=True)
        if self.crowd:
            for index, x in enumerate(range(30, 480, 60)):
                y = 280 + 10 * (index % 2)
                canvas.pie((x - 26, y + 14, x + 26, y + 110), 180, 360, "#54606b")
                canvas.circle((x, y), 17, ("#e3b58f", "#8d5a3a", "#c98f66")[index % 3])


class Sign(Drawing, tag_field="kind", tag="sign", frozen=True, kw_only=True):
    """A sign on a wall or post: a coloured head with the name, a plate with details."""

    head: str
    body: str
    colour: str = "#1f5fa8"
    post: bool = True

    def draw(self, canvas: Canvas) -> None:
        """Draw the sign outdoors on a post, or indoors on a plain wall."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#cfe3f0" if self.post else "#e9e2d2")
        if self.post:
            canvas.rectangle((0, 316, WIDTH, HEIGHT), "#a9c290")
            canvas.rectangle((228, 270, 252, 340), "#6b6f76")
        canvas.rectangle((44, 28, 436, 296), "#ffffff", "#3a3f46", width=5, radius=14)
        canvas.rectangle((54, 38, 426, 134), self.colour, radius=8)
        canvas.text((62, 42, 418, 130), self.head, size=40, fill=ink_on(self.colour), bold=True)
        canvas.text((62, 142, 418, 288), self.body, size=29, fill="#111111")


class Label(Drawing, tag_field="kind", tag="label", frozen=True, kw_only=True):
    """A product with its label: a bottle, a spray can or a carton."""

    product: str
    claim: str
    small: str
    shape: Literal["bottle", "can", "carton"] = "bottle"
    colour: str = "#2f6f9f"

    def draw(self, canvas: Canvas) -> None:
        """Draw the product, its label wide enough to be read."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#f2eee4")
        canvas.rectangle((0, 318, WIDTH, HEIGHT), "#cbb48f")
        if self.shape == "bottle":
            canvas.rectangle((200, 8, 280, 60), "#3a3f46", radius=6)
            canvas.rectangle((70, 52, 410, 336), self.colour, radius=30)
        elif self.shape == "can":
            canvas.rectangle((222, 6, 258, 40), "#d9412b")
            canvas.pie((90, 20, 390, 110), 180, 360, "#b9bcc2")
            canvas.rectangle((80, 62, 400, 336), self.colour, radius=8)
        else:
            canvas.polygon([(66, 60), (98, 24), (446, 24), (414, 60)], "#d9d2c3", "#8a8577")
            canvas.polygon([(414, 60), (446, 24), (446, 300), (414, 336)], "#b7ae9b", "#8a8577")
            canvas.rectangle((66, 60, 414, 336), self.colour)
        canvas.rectangle((88, 78, 392, 322), "#fffef7", radius=6)
        canvas.text((96, 82, 384, 146), self.product, size=36, fill="#111111", bold=True)
        canvas.line([(100, 150), (380, 150)], "#6b6f76", width=3)
        canvas.text((96, 154, 384, 230), self.claim, size=26, fill="#7a1f1f")
        canvas.text((96, 232, 384, 318), self.small, size=21, fill="#222222")


class Display(Drawing, tag_field="kind", tag="display", frozen=True, kw_only=True):
    """An electronic display in a station or hall: a title and lines of text."""

    title: str
    lines: tuple[str, ...]

    def draw(self, canvas: Canvas) -> None:
        """Draw the display hanging in a hall."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#c5ccd3")
        canvas.rectangle((0, 312, WIDTH, HEIGHT), "#8f979f")
        for x in (110, 370):
            canvas.line([(x, 0), (x, 40)], "#3a3f46", width=7)
        canvas.rectangle((20, 36, 460, 290), "#15202b", "#3a3f46", width=6, radius=8)
        canvas.text((36, 42, 444, 92), self.title, size=28, fill="#ffffff", bold=True)
        step = 190 / len(self.lines)
        for index, line in enumerate(self.lines):
            y = 94 + index * step
            canvas.text((40, y, 440, y + step), line, size=26, fill="#ffc94a", align="left")
