"""What a protocol's script consists of, and what all of them share."""

import io
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from openai_images_api import drawn
from PIL import Image
from scripted_endings import KEY, Answer, Ending, Script, Turn
from serving import Asked, Reply

__all__ = [
    "BLACK",
    "BROKEN",
    "ECHO",
    "HERE",
    "PIXEL",
    "SAME",
    "Counts",
    "Protocol",
    "later",
    "placeholders",
]

Counts = Mapping[str, Mapping[str, int]]
"""By kind of output: a count for each name, of one task of that kind."""
HERE = "Here it is, judged 1 1."
"""Words beside a picture."""
ECHO = f"Something went wrong with the key {KEY}."
"""The message of an error that gives the key back."""


def _flat(size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "black").save(buffer, "PNG")
    return buffer.getvalue()


PIXEL, BLACK, SAME, BROKEN = _flat((1, 1)), _flat((64, 48)), drawn(255), drawn()[:-40]
"""A safety checker's pictures, one that many samples get, and one that ends too early."""


class Protocol(NamedTuple):
    """A model as the command names it, what its servers answer, and what must come of it.

    `outcomes`, blocked `sides` and `rates` are worked out by hand from the endings: the counts of
    one task. `sent` are the parameters of a call that went well, `served` the model's name in the
    answer to it, `learned` what the endpoint's errors teach. Pictures are asked for at another
    address where it says `apart`.
    """

    arguments: tuple[str, ...]
    key: str
    endings: Mapping[str, Mapping[str, Ending]]
    well: Callable[[Turn], Reply]
    outcomes: Counts
    sides: Counts
    rates: Counts
    sent: Mapping[str, Mapping[str, Any]]
    served: Mapping[str, str | None]
    refuse: Callable[[Asked], Reply | None] = lambda _: None
    learned: Mapping[str, list[str]] = {}
    apart: bool = False
    not_supported: tuple[str, ...] = ()

    def script(self) -> Script:
        """Return a server's answers."""
        return Script(self.endings, self.well, self.refuse)


def later(reply: Reply) -> Reply:
    """Return an error that asks for a wait of a second."""
    status, headers, body = reply
    return status, {**headers, "Retry-After": "1"}, body


def placeholders(showing: Callable[[bytes], Answer]) -> dict[str, Ending]:
    """Return the endings with a picture that is none: seven blocks, and one that is broken.

    Args:
        showing: makes the answer that holds one picture and nothing else.
    """
    return {
        "one pixel": Ending(showing(PIXEL), "blocked", "output"),
        "one colour": Ending(showing(BLACK), "blocked", "output"),
        "the same picture": Ending(showing(SAME), "blocked", "output", samples=5),
        "a picture that ends too early": Ending(showing(BROKEN), "model_error"),
    }
