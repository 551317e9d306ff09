"""The one reader for all places of an answer where a picture can be.

Chat (`choices[].message.images[]`, content lists), images (`data[]`), Responses
(`image_generation_call`), Gemini (`inlineData`): each holds a picture as an address, a data URL or
plain base64. What is meant as a picture but cannot be decoded is returned as it is: whoever checks
the bytes then says that the model's picture is unusable, and none is dropped in silence.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

__all__ = ["decode_picture", "find_pictures", "split_markdown"]

# Fields in which an answer holds what it gave; drafts (`reasoning`, ...) are in others.
_HOLDERS = frozenset(
    {"choices", "message", "images", "content", "data", "output", "candidates", "parts"}
)
_INLINE = ("inlineData", "inline_data")
# Where the picture is inside a part that is one, the surest field first.
_FIELDS = ("b64_json", "image_url", "result", "image_base64", "base64", "data", "url", "source")
# In a part of no type, only fields that nothing but a picture uses.
_UNTYPED = ("b64_json", "image_url", "url")
_DEEPEST = 12
_DATA_URL = re.compile(r"data:([^,]{0,200}),", re.IGNORECASE)
_MARKDOWN = re.compile(r"!\[[^\]]*\]\(\s*<?(data:image/[^\s)>]+)>?[^)]*\)", re.IGNORECASE)


def find_pictures(value: Any) -> tuple[bytes | str, ...]:
    """Return the pictures in an answer, or in any piece of one: a message, an item, a list.

    They come in order of appearance, the same picture once: bytes, or an http(s) address. Gemini's
    drafts (`thought`) are left out.
    """
    found = (decode_picture(reference) for reference in _references(value, _DEEPEST))
    return tuple(dict.fromkeys(found))


def decode_picture(reference: str) -> bytes | str:
    """Return the bytes of a data URL or of base64; an http(s) address as it is.

    Base64 is taken in both alphabets, with or without padding and white space. A text that is
    nothing of these comes back encoded as UTF-8.
    """
    text = reference.strip()
    if text[:8].casefold().startswith(("http://", "https://")):
        return text
    head = _DATA_URL.match(text)
    if head is None:
        return _decode(text, text)
    content = text[head.end() :]
    if not head[1].casefold().endswith(";base64"):
        return unquote_to_bytes(content)
    if "%" in content:
        content = unquote_to_bytes(content).decode("utf-8", "replace")
    return _decode(content, text)


def split_markdown(text: str) -> tuple[str, tuple[bytes | str, ...]]:
    """Return a text without its Markdown images that are data URLs, and those pictures."""
    found = tuple(decode_picture(match[1]) for match in _MARKDOWN.finditer(text))
    return (_MARKDOWN.sub("", text).strip(), found) if found else (text, ())


def _references(value: Any, depth: int, *, listed: bool = False) -> Iterator[str]:
    """Yield where each picture is; `listed` says that a plain text in a list is one too."""
    if depth == 0:
        return
    if isinstance(value, list):
        for item in value:
            if isinstance(item, str) and listed:
                yield item
            elif not isinstance(item, str):
                yield from _references(item, depth - 1, listed=listed)
    elif isinstance(value, Mapping) and value.get("thought") is not True:
        reference = _reference(value)
        if reference is not None:
            yield reference
            return
        for name, inner in value.items():
            if name in _HOLDERS:
                yield from _references(inner, depth - 1, listed=name == "images")


def _reference(part: Mapping[str, Any]) -> str | None:
    """Return the picture of a part that is one; None when it is something else."""
    for name in _INLINE:
        blob = part.get(name)
        if isinstance(blob, Mapping):
            kind = blob.get("mimeType") or blob.get("mime_type") or "image/"
            data = blob.get("data")
            return data if str(kind).startswith("image/") and isinstance(data, str) else None
    kind = part.get("type")
    fields: tuple[str, ...]
    if kind is None:
        fields = _UNTYPED
    elif isinstance(kind, str) and "image" in kind:
        fields = _FIELDS
    else:
        return None
    texts = [text for text in (_text(part.get(name)) for name in fields) if text is not None]
    # A field that is empty is no picture as long as another holds one.
    return next((text for text in texts if text), texts[0] if texts else None)


def _text(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("data") or value.get("url")
    return value if isinstance(value, str) else None


def _decode(content: str, whole: str) -> bytes:
    if any(space in content for space in " \t\r\n"):
        content = "".join(content.split())
    content = content.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        padded = content + "=" * (-len(content) % 4)
        return binascii.a2b_base64(padded, strict_mode=True)
    except ValueError:  # of which binascii.Error is one
        return whole.encode("utf-8", "replace")
