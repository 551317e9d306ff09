"""The messages between this package and a worker, protocol version 1; docs/exec.md describes them.

A message is one JSON object on one line, in UTF-8. Fields that are not known are ignored, so that
a later version may add some. What a worker prints besides messages is never an error by itself.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec

from unisafebench.core.records import BlockedSide, Usage
from unisafebench.core.tasks import Task
from unisafebench.models.base import Capabilities

__all__ = [
    "BYE",
    "PROTOCOL",
    "Answer",
    "Base64",
    "Hello",
    "HelloError",
    "Kind",
    "Line",
    "Lines",
    "Log",
    "Offered",
    "SampleMessage",
    "encode",
    "id_in",
    "kind_of",
    "message_in",
    "read_hello",
]

PROTOCOL = 1
"""The version of the protocol that is spoken here."""

Kind = Literal["text-generation", "text-to-image", "image-editing", "vqa"]
"""What a sample asks for. The seven tasks' own ids say what is unsafe in a sample, which no model
under test may be shown."""

_TYPES = frozenset({"hello", "response", "log"})
_ID = re.compile(rb'"id"\s*:\s*"([^"\\]{1,64})"')
_HEAD = 4096


class Base64(msgspec.Struct, frozen=True):
    """A picture inside a message."""

    base64: str

    @classmethod
    def of(cls, data: bytes) -> "Base64":
        """Encode a picture."""
        return cls(b64encode(data).decode("ascii"))


class SampleMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="sample"):
    """To a worker: one sample to answer. It holds only what a model under test may see."""

    id: str
    """Names this request; it says nothing of the sample and is used once."""
    task: Kind
    prompt: str
    turns: tuple[str, ...] = ()
    """What the user goes on to say, for samples of several turns."""
    images: tuple[str | Base64, ...] = ()
    seed: int
    epoch: int
    output_dir: str
    """An empty directory in which the worker may write its pictures."""


class _Bye(msgspec.Struct, frozen=True, tag_field="type", tag="bye"):
    """To a worker: no more samples will come. Its stdin is closed next."""


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says that its model can do; what it does not name, it cannot."""

    text_output: bool = False
    image_input: bool = False
    image_output: bool = False
    image_editing: bool = False
    multi_turn: bool = False


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """From a worker, once and first: it is ready, and what it is."""

    protocol: int
    name: Annotated[str, msgspec.Meta(min_length=1)]
    """The model's name, recorded with each response."""
    capabilities: Offered
    settings: dict[str, Any] = {}
    """What shapes its answers; for the manifest."""
    revision: str | None = None
    """The version of its weights: a commit, a hash."""
    max_in_flight: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 1
    """How many samples it takes before it answers the first."""
    images: Literal["path", "base64"] = "path"
    """How it wants its input pictures."""

    @property
    def can(self) -> Capabilities:
        """The capabilities as every adapter has them."""
        return Capabilities(**msgspec.structs.asdict(self.capabilities))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """From a worker: how one sample ended (`"type": "response"`)."""

    id: str
    text: str | None = None
    images: tuple[str | Base64, ...] = ()
    status: Literal["completed", "blocked", "invalid_input", "model_error"] = "completed"
    stop_reason: str | None = None
    blocked_side: BlockedSide | None = None
    error: str | None = None
    usage: Usage | None = None
    details: dict[str, Any] = {}


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """From a worker: a line for the log."""

    text: str


class HelloError(ValueError):
    """A worker's first message is not one that it can start with; says why."""


class Line(msgspec.Struct, frozen=True):
    """A line of a worker's stdout; `whole` is false for the head of one that was too long."""

    data: bytes
    whole: bool = True


class Lines:
    """Cuts what comes out of a pipe into lines.

    Args:
        limit: the longest line in bytes; of a longer one only the head is kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[Line]:
        """Yield the lines that end in `data`."""
        *ended, rest = data.split(b"\n")
        for piece in ended:
            yield from self._add(piece)
            if not self._skipping:
                yield Line(bytes(self._rest))
            self._rest.clear()
            self._skipping = False
        yield from self._add(rest)

    def close(self) -> Iterator[Line]:
        """Yield the last line when nothing ended it."""
        if self._rest and not self._skipping:
            yield Line(bytes(self._rest))
        self._rest.clear()

    def _add(self, piece: bytes) -> Iterator[Line]:
        if self._skipping:
            return
        self._rest += piece
        if len(self._rest) > self._limit:
            self._skipping = True
            yield Line(bytes(self._rest[:_HEAD]), whole=False)
            self._rest.clear()


def encode(message: SampleMessage) -> bytes:
    """Return a message as the line that is sent."""
    return msgspec.json.encode(message) + b"\n"


BYE = msgspec.json.encode(_Bye()) + b"\n"
"""The line that ends the work."""


def kind_of(task: Task) -> Kind:
    """Return what a worker is told of a task."""
    if task.output == "image":
        return "image-editing" if task.image_input else "text-to-image"
    return "vqa" if task.image_input else "text-generation"


def message_in(line: bytes) -> dict[str, Any] | None:
    """Return the message in a line; None when it holds none.

    Noise in front of a message is cut off: a progress bar seldom ends its line.
    """
    start = line.find(b"{")
    if start < 0:
        return None
    try:
        found: object = msgspec.json.decode(line[start:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    # What JSON calls a type need not be a text, nor even hashable.
    kind = found.get("type") if isinstance(found, dict) else None
    return found if isinstance(found, dict) and isinstance(kind, str) and kind in _TYPES else None


def id_in(line: bytes) -> str | None:
    """Return the id that a line which cannot be read as a message seems to answer."""
    found = _ID.search(line[:_HEAD])
    return found[1].decode("utf-8", "replace") if found and b'"response"' in line[:_HEAD] else None


def read_hello(message: dict[str, Any]) -> Hello:
    """Read the first message of a worker.

    Raises:
        HelloError: it is no hello, of another version, or a field of it is unusable.
    """
    if message["type"] != "hello":
        raise HelloError(
            f"its first message is of the type {message['type']!r}; it must be 'hello'."
        )
    version = message.get("protocol")
    if version != PROTOCOL:
        raise HelloError(
            f"it speaks protocol {version!r}, and this version of unisafebench speaks "
            f"{PROTOCOL}. Change the worker, or use a version of unisafebench that speaks its "
            "protocol."
        )
    try:
        hello = msgspec.convert(message, Hello)
    except msgspec.ValidationError as error:
        raise HelloError(f"its hello is unusable: {error}.") from None
    if not (hello.can.text_output or hello.can.image_output or hello.can.image_editing):
        raise HelloError("its hello names no output among its capabilities: it could give nothing.")
    return hello
