"""How each provider says that an answer ended, and what that means here.

One table for all adapters; `docs/endings.md` shows it row by row, and each row has a test. What a
provider says beyond it is kept as the stop reason, and what came back decides.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from unisafebench.core.records import BlockedSide

__all__ = ["ENDINGS", "Ending", "Means", "Place", "ending"]

Means = Literal["completed", "blocked", "failed", "stopped"]
"""An answer (maybe an empty one); a provider's filter; a failed call; an account that is shut."""

Place = Literal[
    "chat finish_reason",
    "error code",
    "images error code",
    "responses status",
    "responses incomplete reason",
    "responses error code",
    "responses item error",
    "gemini blockReason",
    "gemini finishReason",
    "anthropic stop_reason",
    "anthropic error message",
]
"""Where in an answer the value stands."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What one value in one place means. `side` is what was blocked, for a block."""

    means: Means
    side: BlockedSide | None = None


_DONE = Ending(means="completed")
_INPUT = Ending(means="blocked", side="input")
_OUTPUT = Ending(means="blocked", side="output")
_EITHER = Ending(means="blocked", side="unknown")
_FAILED = Ending(means="failed")
_STOPPED = Ending(means="stopped")

ENDINGS: Mapping[Place, Mapping[str, Ending]] = {
    "chat finish_reason": {
        "stop": _DONE,
        "length": _DONE,
        "tool_calls": _DONE,
        "function_call": _DONE,
        "content_filter": _OUTPUT,
        "error": _FAILED,
        "abort": _FAILED,
    },
    "error code": {
        "content_filter": _INPUT,
        "content_policy_violation": _EITHER,
        "moderation_blocked": _EITHER,
        "refusal": _EITHER,
    },
    "images error code": {
        "moderation_blocked": _EITHER,
        "content_policy_violation": _EITHER,
        "content_filter": _EITHER,
        "contentFilter": _EITHER,
    },
    "responses status": {
        "completed": _DONE,
        "incomplete": _DONE,
        "failed": _FAILED,
        "cancelled": _FAILED,
        "queued": _FAILED,
        "in_progress": _FAILED,
    },
    "responses incomplete reason": {
        "max_output_tokens": _DONE,
        "max_messages": _DONE,
        "steered": _DONE,
        "content_filter": _OUTPUT,
    },
    "responses error code": {
        "invalid_prompt": _INPUT,
        "image_content_policy_violation": _INPUT,
        "content_filter": _INPUT,
        "content_policy_violation": _EITHER,
        "moderation_blocked": _EITHER,
        "bio_policy": _EITHER,
        "cyber_policy": _EITHER,
        "misalignment_policy_violation": _EITHER,
    },
    "responses item error": {
        "moderation_blocked": _EITHER,
        "content_policy_violation": _EITHER,
    },
    "gemini blockReason": {
        "SAFETY": _INPUT,
        "OTHER": _INPUT,
        "BLOCKLIST": _INPUT,
        "PROHIBITED_CONTENT": _INPUT,
        "IMAGE_SAFETY": _INPUT,
        "MODEL_ARMOR": _INPUT,
        "JAILBREAK": _INPUT,
        "BLOCKED_REASON_UNSPECIFIED": _INPUT,
    },
    "gemini finishReason": {
        "STOP": _DONE,
        "MAX_TOKENS": _DONE,
        "SAFETY": _OUTPUT,
        "BLOCKLIST": _OUTPUT,
        "PROHIBITED_CONTENT": _OUTPUT,
        "SPII": _OUTPUT,
        "MODEL_ARMOR": _OUTPUT,
        "IMAGE_SAFETY": _OUTPUT,
        "IMAGE_PROHIBITED_CONTENT": _OUTPUT,
        "RECITATION": _DONE,
        "IMAGE_RECITATION": _DONE,
        "LANGUAGE": _DONE,
        "OTHER": _DONE,
        "IMAGE_OTHER": _DONE,
        "NO_IMAGE": _DONE,
        "MALFORMED_FUNCTION_CALL": _FAILED,
        "MALFORMED_RESPONSE": _FAILED,
        "MISSING_THOUGHT_SIGNATURE": _FAILED,
        "UNEXPECTED_TOOL_CALL": _DONE,
        "TOO_MANY_TOOL_CALLS": _DONE,
        "CONTINUATION": _DONE,
        "ESCALATION": _EITHER,
        "PUP_LIMITED_DISABLED": _STOPPED,
    },
    "anthropic stop_reason": {
        "end_turn": _DONE,
        "stop_sequence": _DONE,
        "max_tokens": _DONE,
        "tool_use": _DONE,
        "pause_turn": _DONE,
        "model_context_window_exceeded": _DONE,
        # "output" when some of the answer had come: models/wires/anthropic.py.
        "refusal": _EITHER,
    },
    "anthropic error message": {
        "Output blocked by content filtering policy": _OUTPUT,
    },
}


def ending(place: Place, value: str | None) -> Ending:
    """Return what a value means; for one that is not in the table, that an answer came."""
    return _DONE if value is None else ENDINGS[place].get(value, _DONE)
