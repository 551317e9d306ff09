"""Anthropic's Messages API on loopback: answers in the shapes of its reference and its client."""

from collections.abc import Mapping
from typing import Any

import api_models
from api_models import open_model
from serving import Asked, Reply

from unisafebench.models.api import ApiModel
from unisafebench.models.base import Output, Request

__all__ = [
    "GOOD",
    "KEY",
    "WORDS",
    "ask",
    "error",
    "error_message_reply",
    "good",
    "message",
    "model_at",
    "refused",
    "stop_reason_reply",
]

KEY = "loopback-anthropic-key-2846"
"""The key that models are opened with; it must turn up nowhere else."""
WORDS = {"type": "text", "text": "An apple is a fruit."}
"""The content of a usual answer."""


def message(*content: dict[str, Any], stop: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    """Return the body of an answer."""
    return {
        "id": "msg_01loopback",
        "type": "message",
        "role": "assistant",
        "model": "claude-loopback-20260101",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 11,
            "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 3,
            "output_tokens": 7,
            "service_tier": "standard",
        },
        **more,
    }


def good(*content: dict[str, Any], stop: str | None = "end_turn", **more: Any) -> Reply:
    """Return an answer as it is served, its content given as blocks."""
    return 200, {"request-id": "req_01loopback"}, message(*content, stop=stop, **more)


GOOD = good(WORDS)
"""A usual answer."""


def model_at(
    root: str | None, environment: Mapping[str, str] | None = None, /, **options: str
) -> ApiModel:
    """Return a model, at an address if any; in the names of options "__" stands for a dot."""
    given = {name.replace("__", "."): value for name, value in options.items()}
    if root is not None:
        given["base_url"] = root
    return open_model(
        "anthropic/claude-loopback", {"ANTHROPIC_API_KEY": KEY, **(environment or {})}, given
    )


async def ask(
    answer: api_models.Answer, request: Request, **options: str
) -> tuple[Output, list[Asked]]:
    """Put one request to a server that answers so; return what came and what was asked."""
    return await api_models.ask(answer, request, lambda root: model_at(root, **options))


def refused(*content: dict[str, Any], category: str | None = "general_harms") -> Reply:
    """Return an answer that the API's classifiers ended, with what had come before."""
    details = {
        "type": "refusal",
        "category": category,
        "explanation": "The request could be related to harm." if category else None,
    }
    return good(*content, stop="refusal", stop_details=details)


def error(status: int, kind: str, told: str) -> Reply:
    """Return an error of this type."""
    body = {
        "type": "error",
        "error": {"type": kind, "message": told, "details": None},
        "request_id": "req_01loopback",
    }
    return status, {"request-id": "req_01loopback"}, body


def stop_reason_reply(reason: str) -> Reply:
    """Return an answer with this `stop_reason`."""
    if reason == "refusal":
        return refused()
    if reason == "tool_use":
        call = {"type": "tool_use", "id": "toolu_01", "name": "search", "input": {}}
        return good(call, stop=reason)
    return good({"type": "text", "text": "An apple is"}, stop=reason)


def error_message_reply(told: str) -> Reply:
    """Return the error by which the API says with this message that it filtered an answer."""
    return error(400, "invalid_request_error", told)
