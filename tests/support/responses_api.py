"""What servers of OpenAI's Responses API answer, after the documented shapes."""

import base64
from typing import Any

from serving import Reply

__all__ = [
    "ROWS",
    "blocked_call",
    "drawing",
    "failing",
    "message",
    "reasoning",
    "refusal",
    "refused",
    "response",
]


def response(*items: dict[str, Any], **fields: Any) -> Reply:
    """Return a response with these items of output."""
    body = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1764000000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": 4096,
        "model": "chat-model-2026-01",
        "output": list(items),
        "parallel_tool_calls": True,
        "temperature": 0.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": 21,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 30,
        },
    }
    return 200, {}, {**body, **fields}


def message(text: str) -> dict[str, Any]:
    """Return an item that says a text."""
    return _said({"type": "output_text", "text": text, "annotations": []})


def refusal(text: str) -> dict[str, Any]:
    """Return an item that refuses in its own field."""
    return _said({"type": "refusal", "refusal": text})


def reasoning() -> dict[str, Any]:
    """Return an item of thoughts, which are no output."""
    summary = [{"type": "summary_text", "text": "They want an apple."}]
    return {"type": "reasoning", "id": "rs_1", "summary": summary}


def drawing(picture: bytes, **fields: Any) -> dict[str, Any]:
    """Return a call of the image tool that gave a picture."""
    call = {
        "type": "image_generation_call",
        "id": "ig_1",
        "status": "completed",
        "result": base64.b64encode(picture).decode(),
        "action": "generate",
        "output_format": "png",
        "quality": "low",
        "size": "1024x1024",
        "revised_prompt": "A red apple, studio light.",
    }
    return {**call, **fields}


def blocked_call(stage: str = "unknown", *categories: str, **error: Any) -> dict[str, Any]:
    """Return a call of the image tool that a filter stopped at this stage."""
    found = {
        "code": "moderation_blocked",
        "type": "image_generation_user_error",
        "message": "Your request was rejected by the safety system.",
        "param": None,
        "moderation_details": {"categories": list(categories), "moderation_stage": stage},
    }
    call = {"type": "image_generation_call", "id": "ig_2", "status": "failed", "result": None}
    return {**call, "error": {**found, **error}}


def refused(status: int, message: str, /, **error: Any) -> Reply:
    """Return an answer that is an error."""
    kind = "invalid_request_error"
    return status, {}, {"error": {"message": message, "type": kind, "param": None, **error}}


def failing(code: str, message: str = "It breaks our usage policy.") -> Reply:
    """Return a response that failed after the model had begun: an error with HTTP 200."""
    return response(status="failed", error={"code": code, "message": message})


def _said(part: dict[str, Any]) -> dict[str, Any]:
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    return {**item, "content": [part]}


def _cut(reason: str) -> Reply:
    details = {"reason": reason}
    return response(message("It is an"), status="incomplete", incomplete_details=details)


_FLAGGED = "Invalid prompt: your prompt was flagged as potentially violating our usage policy."
_MESSAGES = {
    "invalid_prompt": _FLAGGED,
    "image_content_policy_violation": "The image breaks our content policy.",
    "content_filter": "The prompt was filtered by the content management policy.",
    "content_policy_violation": "Your request was rejected by our safety system.",
    "moderation_blocked": "Your request was rejected by the safety system.",
    "bio_policy": "This content is limited under our biology policy.",
    "cyber_policy": "This content was flagged for possible cybersecurity risk.",
    "misalignment_policy_violation": "The response was stopped by a policy.",
}

ROWS: dict[str, dict[str, Reply]] = {
    "responses status": {
        "completed": response(message("It is an apple.")),
        "incomplete": _cut("max_output_tokens"),
        **{
            status: response(message("It is"), status=status)
            for status in ("failed", "cancelled", "queued", "in_progress")
        },
    },
    "responses incomplete reason": {
        reason: _cut(reason)
        for reason in ("max_output_tokens", "max_messages", "steered", "content_filter")
    },
    "responses error code": {
        code: refused(400, text, code=code) for code, text in _MESSAGES.items()
    },
    "responses item error": {
        "moderation_blocked": response(blocked_call("unknown", "violence")),
        "content_policy_violation": response(
            blocked_call(code="content_policy_violation", moderation_details=None)
        ),
    },
}
"""For each row of the table of endings that is of this API: an answer that ends so."""
