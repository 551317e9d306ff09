"""What goes over the wire: forms that are sent, replies that are read with a limit and parsed."""

import io
import json
from typing import Any

import aiohttp
import msgspec
import orjson

__all__ = [
    "FormField",
    "Reply",
    "TooLargeError",
    "parse_json",
    "payload",
    "read_limited",
    "request_id",
    "without_secret",
]

_LARGE_BODY = 1 << 20
_REQUEST_IDS = ("x-request-id", "request-id", "x-generation-id", "apim-request-id")


class FormField(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a form (multipart/form-data); with a file's name it is a file."""

    name: str
    value: str | bytes
    filename: str | None = None
    content_type: str | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A good answer: the JSON object, and the id by which the provider can find the call."""

    body: dict[str, Any]
    status: int
    request_id: str | None = None


class TooLargeError(Exception):
    """A body has more bytes than any answer may have."""


def request_id(headers: Any) -> str | None:
    """Return the provider's id of the call, where it gives one."""
    for name in _REQUEST_IDS:
        value = headers.get(name)
        if value:
            return str(value)[:200]
    return None


def payload(body: bytes | tuple[FormField, ...] | None) -> Any:
    """Return what is sent for a body; made anew for each attempt, since a form is used up by one.

    A large body is sent piece by piece, so that it does not hold up the other calls.
    """
    if isinstance(body, tuple):
        form = aiohttp.FormData(default_to_multipart=True)
        for field in body:
            form.add_field(
                field.name,
                _piecewise(field.value) if isinstance(field.value, bytes) else field.value,
                filename=field.filename,
                content_type=field.content_type,
            )
        return form
    return body if body is None else _piecewise(body)


def _piecewise(content: bytes) -> bytes | io.BytesIO:
    return content if len(content) < _LARGE_BODY else io.BytesIO(content)


async def read_limited(reply: aiohttp.ClientResponse, most: int) -> bytes:
    """Read a body of at most `most` bytes, counted after decompression.

    Raises:
        TooLargeError: there is more.
    """
    length = reply.content_length
    if length is not None and length > most:
        raise TooLargeError
    if length is not None and "Content-Encoding" not in reply.headers:
        return await reply.read()
    parts: list[bytes] = []
    held = 0
    async for part in reply.content.iter_any():
        held += len(part)
        if held > most:
            raise TooLargeError
        parts.append(part)
    return b"".join(parts)


def parse_json(content: bytes) -> Any:
    """Return what the JSON text means, or None when it is none.

    Lone surrogates, which models do produce and no file could hold, become U+FFFD.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        # The standard library takes lone surrogates.
        text = json.dumps(json.loads(content), ensure_ascii=False)
        return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except (ValueError, RecursionError):
        return None


def without_secret(value: Any, secret: str) -> Any:
    """Return a JSON value with "[key]" for every occurrence of `secret`, in names too.

    It is done on what the JSON means, since a text may spell the same word in many ways (any
    character as its number). A value that is nested too deep to be looked through becomes None.
    """
    try:
        return _without(value, secret)
    except RecursionError:
        return None


def _without(value: Any, secret: str) -> Any:
    if isinstance(value, str):
        return value.replace(secret, "[key]") if secret in value else value
    if isinstance(value, list):
        return [_without(item, secret) for item in value]
    if isinstance(value, dict):
        return {_without(name, secret): _without(item, secret) for name, item in value.items()}
    return value
