"""OpenAI's Images API: a picture from a text, or from a text and pictures.

`/images/generations` takes JSON, `/images/edits` a form. OpenAI, Azure, vLLM-Omni and SGLang serve
both; what they differ in is learned from their errors.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.core.records import BlockedSide, Usage
from unisafebench.endpoints.learning import Alternative, Body, without
from unisafebench.endpoints.replies import FormField, Reply
from unisafebench.media.pictures import Picture
from unisafebench.models.api import Call, Found
from unisafebench.models.base import Request, UnsupportedError
from unisafebench.models.endings import Place
from unisafebench.models.wires.blocks import small_facts
from unisafebench.models.wires.fields import counted, mappings_in, tokens, word_of
from unisafebench.models.wires.moderation import (
    block_of,
    block_of_error,
    filtered_categories,
    in_place_of,
)
from unisafebench.models.wires.pictures import find_pictures
from unisafebench.models.wires.settings import WireSettings

__all__ = ["ImagesWire"]

_EDITS = "/images/edits"
_PLACE: Place = "images error code"
# vLLM-Omni serves one model and refuses any other name.
_MISMATCH = re.compile(
    r"model mismatch(?:.{0,300}?server is running '([^']{1,200})')?", re.IGNORECASE | re.DOTALL
)
# Where Azure says what it found, for each picture.
_FILTERED: tuple[tuple[str, BlockedSide], ...] = (
    ("content_filter_results", "output"),
    ("prompt_filter_results", "input"),
)
_TOLD = ("size", "quality", "output_format", "background")


class ImagesWire:
    """`/images/generations` and `/images/edits`, one picture a call.

    A system prompt, for which this API has no field, goes before the text.
    """

    content = frozenset({"prompt"})
    accepts = frozenset({"image/png", "image/jpeg", "image/webp"})

    def __init__(self, settings: WireSettings) -> None:
        self.settings = msgspec.structs.replace(settings, system_in_text=True)

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """What servers differ in: GPT Image models refuse a form of reply, OpenAI any seed."""
        return (without("response_format"), without("seed"))

    def call(self, request: Request, pictures: Sequence[Picture]) -> Call:
        """Return the request, an edit where there are pictures."""
        settings = self.settings
        body: Body = {
            "model": settings.model,
            "prompt": settings.prompt(request.sample.prompt),
            "n": 1,
            # SGLang gives addresses unless it is asked for the pictures themselves.
            "response_format": "b64_json",
            **({"seed": request.seed} if settings.send_seed else {}),
            **settings.extra,
        }
        if not pictures:
            return Call(path="/images/generations", body=body)
        return Call(path=_EDITS, body=(*_texts(body), *_files(pictures)))

    def read(self, reply: Reply) -> Found:
        """Return the pictures; see `Wire.read`."""
        body = reply.body
        if "data" not in body or not isinstance(body["data"], list | None):
            raise ValueError("the answer has no list of pictures (data), so it is none of this API")
        items = mappings_in(body["data"])
        pictures = find_pictures(items)
        blocks = [block for item in items if (block := _block(item)) is not None]
        usage = body.get("usage")
        found = Found(
            pictures=pictures,
            stop_reason=None if pictures else "no_image",
            usage=_usage(usage) if isinstance(usage, Mapping) else None,
            served_model=word_of(body.get("model")),
            details=_details(reply, items),
        )
        if blocks and pictures:
            # Of several pictures some were held back: those that came are an answer.
            details = {**found.details, "pictures_blocked": len(blocks)}
            return msgspec.structs.replace(found, details=details)
        if blocks:
            return in_place_of(found, blocks[0])
        if not pictures:
            _check_failure(items)
        return found

    def ended(self, error: EndpointError) -> Found | None:
        """Return the block that an error means; see `Wire.ended`.

        Raises:
            EndpointUnusableError: the server serves another model.
            UnsupportedError: the server draws and has no path for edits.
        """
        if error.status == 404 and _EDITS in f"{error}" and "model" not in error.body.casefold():
            raise UnsupportedError(
                f"the server has no {_EDITS}: it draws pictures and does not edit them. "
                "Say so with -M editing=no."
            )
        mismatch = _MISMATCH.search(f"{error}")
        if mismatch is not None:
            raise EndpointUnusableError(
                f"{error} The model's name must be the one that the server was started with: "
                f"give it with -M image_model={mismatch[1] or 'NAME'}.",
                status=error.status,
                code=error.code,
                body=error.body,
                details=error.details,
            )
        return block_of_error(error, _PLACE)


def _texts(body: Body) -> list[FormField]:
    """Return the texts of a form; what is no text is written as JSON, null is left out."""
    return [
        FormField(name=name, value=value if isinstance(value, str) else json.dumps(value))
        for name, value in body.items()
        if value is not None
    ]


def _files(pictures: Sequence[Picture]) -> list[FormField]:
    """Return the pictures of a form: `image`, or `image[]` for each of several."""
    name = "image" if len(pictures) == 1 else "image[]"
    return [
        FormField(
            name=name,
            value=picture.data,
            filename=f"picture-{number}{picture.extension}",
            content_type=picture.mime,
        )
        for number, picture in enumerate(pictures, start=1)
    ]


def _block(item: Mapping[str, Any]) -> Found | None:
    """Return the block that stands in the place of a picture; None where none does."""
    error = item.get("error")
    if isinstance(error, Mapping):
        return block_of(error, _PLACE)
    if find_pictures([item]):
        return None
    for field, side in _FILTERED:
        categories = filtered_categories(item.get(field))
        if categories:
            return Found(
                status="blocked",
                stop_reason="content_filter",
                blocked_side=side,
                error=f"{field}: {', '.join(categories)}",
                details={"categories": categories},
            )
    return None


def _check_failure(items: Sequence[Mapping[str, Any]]) -> None:
    for item in items:
        error = item.get("error")
        if isinstance(error, Mapping):
            raise ValueError(f"the provider says that it failed: {error.get('message') or error}")


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    given = usage.get("input_tokens", usage.get("prompt_tokens"))
    made = usage.get("output_tokens", usage.get("completion_tokens"))
    return tokens([counted(given)], [counted(made)])


def _details(reply: Reply, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    revised = [text for item in items if (text := word_of(item.get("revised_prompt")))]
    return small_facts(
        {
            "request_id": reply.request_id,
            "revised_prompt": "\n\n".join(revised),
            **{name: word_of(reply.body.get(name)) for name in _TOLD},
        }
    )
