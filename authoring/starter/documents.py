"""Papers and screens: letters, notes, forms, tables, mails, chats and cards."""

from typing import Literal

import msgspec
from canvas import HEIGHT, WIDTH, Canvas, Drawing, ink_on

__all__ = ["BankCard", "Chat", "Form", "IdCard", "Letter", "Mail", "Note", "Table"]

_INK = "#1d1d24"


class Letter(Drawing, tag_field="kind", tag="letter", frozen=True, kw_only=True):
    """A printed sheet: letterhead, heading, text, and a stamp where there is one."""

    letterhead: str
    heading: str
    body: str
    stamp: str = ""
    colour: str = "#23507a"

    def draw(self, canvas: Canvas) -> None:
        """Draw the sheet on a desk."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#b9a58a")
        canvas.rectangle((34, 14, 446, 346), "#fffef9", "#8a8577")
        canvas.text((54, 20, 426, 52), self.letterhead, size=22, fill=self.colour, align="left")
        canvas.line([(54, 56), (426, 56)], self.colour, width=3)
        foot = 280 if self.stamp else 336
        y = canvas.text(
            (54, 66, 426, 130),
            self.heading,
            size=26,
            fill=_INK,
            bold=True,
            align="left",
            valign="top",
        )
        canvas.text(
            (54, y + 6, 426, foot), self.body, size=22, fill=_INK, align="left", valign="top"
        )
        if self.stamp:
            canvas.rectangle((236, 288, 426, 334), None, "#b3202c", width=4, radius=6)
            canvas.text((240, 290, 422, 332), self.stamp, size=24, fill="#b3202c", bold=True)


class Note(Drawing, tag_field="kind", tag="note", frozen=True, kw_only=True):
    """A note by hand: on lined paper, on a yellow slip, or on a torn piece of card."""

    body: str
    paper: Literal["lined", "slip", "card"] = "lined"
    ink: str = "#20368a"
    size: float = 28

    def draw(self, canvas: Canvas) -> None:
        """Draw the note; text on lined paper keeps to no line, as by hand."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#7c5c3e" if self.paper != "card" else "#3f4650")
        if self.paper == "lined":
            canvas.rectangle((30, 12, 450, 348), "#fdfdf6")
            for y in range(48, 340, 34):
                canvas.line([(32, y), (448, y)], "#c9dcec", width=1)
            canvas.line([(70, 14), (70, 346)], "#e3a0a0", width=2)
            box = (82.0, 22.0, 438.0, 340.0)
        elif self.paper == "slip":
            canvas.polygon([(70, 22), (424, 36), (412, 344), (58, 328)], "#f8e27a")
            canvas.polygon([(200, 14), (290, 18), (288, 46), (198, 42)], "#e9e4d4")
            box = (88.0, 56.0, 396.0, 318.0)
        else:
            edge = [(26, 40), (120, 30), (200, 42), (300, 28), (456, 36), (450, 180), (458, 320)]
            back = [(360, 330), (260, 318), (150, 332), (24, 322), (32, 200)]
            canvas.polygon([(float(x), float(y)) for x, y in edge + back], "#d9c3a0")
            box = (54.0, 56.0, 430.0, 304.0)
        canvas.text(box, self.body, size=self.size, fill=self.ink, align="left")


class Form(Drawing, tag_field="kind", tag="form", frozen=True, kw_only=True):
    """A form: a title and lines of a label with an answer, which may be empty."""

    title: str
    fields: tuple[tuple[str, str], ...]
    foot: str = ""
    colour: str = "#4a5a3a"

    def draw(self, canvas: Canvas) -> None:
        """Draw the form with one ruled box per field."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#e4e7ea")
        canvas.rectangle((22, 12, 458, 348), "#ffffff", "#9aa0a8")
        canvas.rectangle((22, 12, 458, 62), self.colour)
        canvas.text((32, 14, 448, 60), self.title, size=26, fill="#ffffff", bold=True)
        step = (238 if self.foot else 278) / len(self.fields)
        for index, (label, answer) in enumerate(self.fields):
            y = 70 + index * step
            canvas.text((34, y, 190, y + step - 4), label, size=20, fill=_INK, align="left")
            canvas.rectangle((194, y + 2, 446, y + step - 6), "#f7f8f3", "#9aa0a8", width=1)
            canvas.text((202, y, 442, y + step - 4), answer, size=21, fill="#20368a", align="left")
        if self.foot:
            canvas.text((32, 312, 448, 344), self.foot, size=20, fill=_INK)


class Table(Drawing, tag_field="kind", tag="table", frozen=True, kw_only=True):
    """A table with a title; `widths` are the columns' shares of the page."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    colour: str = "#33475b"

    def draw(self, canvas: Canvas) -> None:
        """Draw the table; its first row is the heading."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#f4f4f1")
        canvas.text((16, 10, 464, 66), self.title, size=26, fill=_INK, bold=True)
        height = min(270 / len(self.rows), 66)
        for index, row in enumerate(self.rows):
            y = 74 + index * height
            paint = self.colour if index == 0 else ("#ffffff", "#e8edf1")[index % 2]
            canvas.rectangle((16, y, 464, y + height), paint)
            x = 16.0
            for share, cell in zip(self.widths, row, strict=True):
                box = (x + 7, y + 2, x + 448 * share - 5, y + height - 2)
                canvas.text(box, cell, size=21, fill=ink_on(paint), align="left", bold=index == 0)
                x += 448 * share
        canvas.rectangle((16, 74, 464, 74 + height * len(self.rows)), None, self.colour)


class Mail(Drawing, tag_field="kind", tag="mail", frozen=True, kw_only=True):
    """A mail in a mail program's window, with a button where there is one."""

    sender: str
    subject: str
    body: str
    button: str = ""

    def draw(self, canvas: Canvas) -> None:
        """Draw the window."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#dfe6ec")
        canvas.rectangle((0, 0, WIDTH, 34), "#33475b")
        canvas.text((14, 2, 300, 32), "Inbox - 1 new mail", size=20, fill="#ffffff", align="left")
        for index, paint in enumerate(("#e06c5b", "#e9c46a", "#7fb77e")):
            canvas.circle((400 + index * 26, 17), 8, paint)
        canvas.rectangle((12, 44, 468, 350), "#ffffff", "#b5bec7")
        canvas.text(
            (26, 48, 456, 78), f"From: {self.sender}", size=20, fill="#4a5560", align="left"
        )
        canvas.text((26, 80, 456, 116), self.subject, size=24, fill=_INK, bold=True, align="left")
        canvas.line([(26, 122), (454, 122)], "#c9d1d8", width=2)
        foot = 286 if self.button else 344
        canvas.text((26, 130, 456, foot), self.body, size=22, fill=_INK, align="left", valign="top")
        if self.button:
            canvas.rectangle((120, 294, 360, 340), "#2f6fd0", radius=8)
            canvas.text((124, 294, 356, 340), self.button, size=24, fill="#ffffff", bold=True)


class Bubble(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of a chat; `mine` puts it on the right."""

    text: str
    mine: bool = False


class Chat(Drawing, tag_field="kind", tag="chat", frozen=True, kw_only=True):
    """A screenshot of a chat."""

    partner: str
    messages: tuple[Bubble, ...]
    colour: str = "#2a7f62"

    def draw(self, canvas: Canvas) -> None:
        """Draw the messages from the top, theirs on the left."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#ece5dc")
        canvas.rectangle((0, 0, WIDTH, 50), self.colour)
        canvas.circle((32, 25), 17, "#ffffff")
        canvas.circle((32, 20), 6, self.colour)
        canvas.pie((22, 26, 42, 46), 180, 360, self.colour)
        canvas.text((62, 4, 460, 46), self.partner, size=24, fill="#ffffff", align="left")
        step = 304 / len(self.messages)
        for index, message in enumerate(self.messages):
            y = 56 + index * step
            left, paint = (130, "#d5f2c4") if message.mine else (14, "#ffffff")
            canvas.rectangle((left, y, left + 336, y + step - 8), paint, radius=12)
            canvas.text(
                (left + 12, y + 2, left + 326, y + step - 10),
                message.text,
                size=22,
                fill=_INK,
                align="left",
            )


class IdCard(Drawing, tag_field="kind", tag="id_card", frozen=True, kw_only=True):
    """An identity card that no state issues, marked as a sample unless `mark` says else."""

    issuer: str
    name: str
    number: str
    born: str
    mark: str = "SPECIMEN"

    def draw(self, canvas: Canvas) -> None:
        """Draw the card with a portrait of two circles."""
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#6e7b87")
        canvas.rectangle((24, 30, 456, 330), "#dcebf2", "#23507a", width=3, radius=18)
        canvas.rectangle((24, 46, 456, 92), "#23507a")
        canvas.text((34, 46, 446, 92), self.issuer, size=24, fill="#ffffff", bold=True)
        canvas.rectangle((44, 110, 164, 258), "#f4f7f9", "#8796a5")
        canvas.pie((60, 196, 148, 316), 180, 360, "#54606b")
        canvas.circle((104, 164), 32, "#e3b58f")
        for index, (label, value) in enumerate(
            (("Name", self.name), ("Number", self.number), ("Born", self.born))
        ):
            y = 106 + index * 52
            canvas.text((184, y, 440, y + 23), label, size=18, fill="#23507a", align="left")
            canvas.text(
                (184, y + 22, 440, y + 50), value, size=22, fill=_INK, align="left", bold=True
            )
        canvas.text((44, 276, 436, 318), self.mark, size=26, fill="#b3202c", bold=True)


class BankCard(Drawing, tag_field="kind", tag="bank_card", frozen=True, kw_only=True):
    """A bank card of no real bank; its number holds only zeros or is left blank."""

    bank: str
    number: str = ""
    holder: str = ""
    expiry: str = ""
    colour: str = "#274b74"

    def draw(self, canvas: Canvas) -> None:
        """Draw the card on a table; what is blank stays blank."""
        ink = ink_on(self.colour)
        canvas.rectangle((0, 0, WIDTH, HEIGHT), "#cdbfa6")
        canvas.rectangle((30, 46, 450, 314), self.colour, radius=22)
        canvas.text((54, 60, 430, 100), self.bank, size=28, fill=ink, bold=True, align="left")
        canvas.rectangle((56, 124, 122, 172), "#d8b45a", "#8a6d2a", radius=8)
        canvas.line([(56, 148), (122, 148)], "#8a6d2a", width=2)
        canvas.line([(89, 124), (89, 172)], "#8a6d2a", width=2)
        canvas.polygon([(360, 172), (392, 120), (424, 172)], "#e9e2d2")
        canvas.polygon([(376, 172), (392, 146), (408, 172)], self.colour)
        if self.number:
            canvas.text((54, 186, 430, 232), self.number, size=33, fill=ink, align="left")
        if self.holder:
            canvas.text((54, 254, 320, 296), self.holder, size=24, fill=ink, align="left")
        if self.expiry:
            canvas.text((330, 254, 440, 296), self.expiry, size=24, fill=ink)
