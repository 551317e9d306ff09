"""Anthropic's Messages API: text and pictures in, text out.

Shapes as in its API reference (platform.claude.com) and in the types of the official client.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from unisafebench.core.errors import EndpointError
from unisafebench.core.records import Usage
from unisafebench.endpoints.learning import Body
from unisafebench.endpoints.replies import Reply
from unisafebench.media.pictures import Picture
from unisafebench.models.api import Call, Found
from unisafebench.models.base import Request
from unisafebench.models.endings import ENDINGS, ending
from unisafebench.models.wires.blocks import block_of_call, small_facts
from unisafebench.models.wires.fields import (
    counted,
    laid_over,
    mapping_of,
    mappings_in,
    tokens,
    word_of,
)
from unisafebench.models.wires.settings import WireSettings

__all__ = ["AnthropicWire"]

_THOUGHTS = frozenset({"thinking", "redacted_thinking"})


class AnthropicWire:
    """Answers in text of one model.

    Args:
        settings: the parameters of every call; `max_tokens` must be set, the API insists on it.
        path: where messages are posted to, after the server's address.
    """

    content = frozenset({"messages", "system"})
    accepts = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

    def __init__(self, settings: WireSettings, *, path: str) -> None:
        self._settings = settings
        self._path = path

    def call(self, request: Request, pictures: Sequence[Picture]) -> Call:
        """Return what is sent for a request; pictures come before the text, as is advised."""
        settings = self._settings
        parts: list[dict[str, Any]] = [
            {
                "type": "image",
                "source": {
                    "type": "base64",
                    "media_type": picture.mime,
                    "data": base64.b64encode(picture.data).decode(),
                },
            }
            for picture in pictures
        ]
        parts.append({"type": "text", "text": settings.prompt(request.sample.prompt)})
        wanted = {
            "model": settings.model,
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "system": None if settings.system_in_text else settings.system,
            "messages": [{"role": "user", "content": parts}],
        }
        body: Body = {name: value for name, value in wanted.items() if value is not None}
        return Call(path=self._path, body=laid_over(body, settings.extra))

    def read(self, reply: Reply) -> Found:
        """Return what a message holds; see `Wire.read`. Thinking is no output, only counted.

        A refusal by the API's classifiers has the side "output" when some of the answer had come.
        Without any the API does not tell whether it read more than the prompt: the side is unknown.
        """
        body = reply.body
        if not isinstance(body.get("content"), list):
            raise ValueError("the answer has no list of content")
        blocks = mappings_in(body["content"])
        texts = [block.get("text") for block in blocks if block.get("type") == "text"]
        text = "".join(text for text in texts if isinstance(text, str)) or None
        reason = word_of(body.get("stop_reason"))
        meaning = ending("anthropic stop_reason", reason)
        blocked = meaning.means == "blocked"
        stop_details = mapping_of(body.get("stop_details"))
        return Found(
            text=text,
            status="blocked" if blocked else "completed",
            stop_reason=reason,
            blocked_side=("output" if text else meaning.side) if blocked else None,
            error=word_of(stop_details.get("explanation")) if blocked else None,
            usage=_usage(mapping_of(body.get("usage"))),
            served_model=word_of(body.get("model")),
            details=_details(reply, stop_details, blocks),
        )

    def ended(self, error: EndpointError) -> Found | None:
        """Return the block that an error means.

        The API's own filter answers with a plain invalid_request_error; only its message tells.
        """
        message = word_of(error.details.get("message")) or f"{error}"
        for words, meaning in ENDINGS["anthropic error message"].items():
            if words.casefold() in message.casefold():
                return Found(
                    status="blocked",
                    stop_reason=words,
                    blocked_side=meaning.side,
                    error=message,
                    details=small_facts({"http_status": error.status, "code": error.code}),
                )
        return block_of_call(error)


def _usage(counts: Mapping[str, Any]) -> Usage | None:
    given = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return tokens(
        [counted(counts.get(name)) for name in given], [counted(counts.get("output_tokens"))]
    )


def _details(
    reply: Reply, stop_details: Mapping[str, Any], blocks: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    kinds = [str(block.get("type")) for block in blocks]
    facts = {
        "request_id": reply.request_id,
        "id": word_of(reply.body.get("id")),
        "stop_details": {
            name: value for name, value in stop_details.items() if isinstance(value, str)
        },
        "thoughts": sum(kind in _THOUGHTS for kind in kinds) or None,
        "other_parts": sorted(set(kinds) - _THOUGHTS - {"text"}),
    }
    return small_facts(facts)
