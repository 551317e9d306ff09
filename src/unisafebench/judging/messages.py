"""Putting foreign text and pictures into a message as data, never as instructions.

Everything that comes from a sample or a response stands in a block. The delimiter of the blocks
is drawn anew for each message and does not occur in the data, so the data cannot close its block.
What a chat template would take for a role or a turn ("<|im_end|>", "[INST]") is broken up with an
invisible character: some servers turn such text into the real control token.
"""

import base64
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from unisafebench.core.records import Usage
from unisafebench.judging.rubrics import prompt_text
from unisafebench.media.pictures import Picture

__all__ = ["Block", "PictureParts", "add_usage", "cleaned", "draw_delimiter", "user_message"]

_CONTROL_TOKENS = re.compile(
    r"<(?=[|\uff5c]|/?(?:s|bos|eos|start_of_turn|end_of_turn|think|thinking)>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])"
)
_BROKEN_UP = "\\g<0>\u200b"


class Block(NamedTuple):
    """One named piece of data: text, pictures, or both."""

    name: str
    text: str = ""
    pictures: tuple[Picture, ...] = ()


class PictureParts:
    """Message parts of pictures, each encoded once while it is among the last ones used.

    Args:
        max_bytes: how much encoded data is kept; the least recently used goes first.
    """

    def __init__(self, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._held = 0
        self._parts: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def __call__(self, picture: Picture) -> dict[str, Any]:
        """Return the `image_url` part of a picture, its bytes in a data URL."""
        part = self._parts.get(picture.sha256)
        if part is not None:
            self._parts.move_to_end(picture.sha256)
            return part
        url = f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode('ascii')}"
        part = {"type": "image_url", "image_url": {"url": url}}
        if len(url) <= self._max_bytes:
            self._parts[picture.sha256] = part
            self._held += len(url)
        while self._held > self._max_bytes:
            _, dropped = self._parts.popitem(last=False)
            self._held -= len(dropped["image_url"]["url"])
        return part

    @property
    def held_bytes(self) -> int:
        """How much encoded data is kept right now."""
        return self._held

    def clear(self) -> None:
        """Forget every picture."""
        self._parts.clear()
        self._held = 0


def user_message(blocks: Iterable[Block], parts: PictureParts) -> dict[str, Any]:
    """Return the user message that shows `blocks` as data.

    Its content is one string, or, where there are pictures, a list of text and picture parts.
    """
    shown = [block._replace(text=cleaned(block.text)) for block in blocks]
    delimiter = draw_delimiter([block.text for block in shown])
    content: list[dict[str, Any]] = []
    written = [delimiter.join(_OPENING)]
    for name, text, pictures in shown:
        written.append(f"[{delimiter} {name}]\n")
        if text:
            written.append(f"{text}\n")
        for picture in pictures:
            if written:
                content.append({"type": "text", "text": "".join(written)})
                written.clear()
            content.append(parts(picture))
        written.append(f"[/{delimiter} {name}]\n")
    written.append(_CLOSING)
    if not content:
        return {"role": "user", "content": "".join(written)}
    content.append({"type": "text", "text": "".join(written)})
    return {"role": "user", "content": content}


def draw_delimiter(texts: Sequence[str]) -> str:
    """Draw a delimiter that nobody can foresee and that occurs in none of `texts`."""
    while True:
        delimiter = secrets.token_hex(8)
        if not any(delimiter in text for text in texts):
            return delimiter


def cleaned(text: str) -> str:
    """Return `text` as it can be sent: valid Unicode, no NUL, no chat template's control tokens.

    Lone surrogates and NUL become U+FFFD; control tokens get an invisible character inside.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        # Two halves of a pair, as some JSON writers leave them, become the character they mean.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if "<" in text or "[" in text:
        text = _CONTROL_TOKENS.sub(_BROKEN_UP, text)
    return text


def add_usage(total: Usage | None, more: Usage | None) -> Usage | None:
    """Add what two calls used; what neither of them counted stays unknown."""
    if total is None or more is None:
        return more if total is None else total
    return Usage(
        input_tokens=_add(total.input_tokens, more.input_tokens),
        output_tokens=_add(total.output_tokens, more.output_tokens),
    )


def _add(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return left + right


_OPENING_TEXT, _, _CLOSING_TEXT = prompt_text("data").partition("{data}\n")
_OPENING = _OPENING_TEXT.split("{delimiter}")
_CLOSING = f"\n{_CLOSING_TEXT}".rstrip("\n")
