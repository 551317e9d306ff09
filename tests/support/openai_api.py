"""What servers of OpenAI's chat API answer, after the documented shapes of each."""

import base64
from typing import Any

from openai_images_api import drawn
from serving import Asked, Reply

__all__ = [
    "NO_PICTURE",
    "OPENAI_ROWS",
    "PICTURED",
    "ROWS",
    "answer_all",
    "azure_block",
    "choice",
    "completion",
    "data_url",
    "image_part",
    "moderated",
    "pictured",
    "refused",
    "routed",
    "say",
]

NO_PICTURE = "Image generation completed but no images were produced."


def data_url(picture: bytes) -> str:
    """Return a PNG picture as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def image_part(picture: bytes) -> dict[str, Any]:
    """Return a PNG picture as a part of a content."""
    return {"type": "image_url", "image_url": {"url": data_url(picture)}}


def choice(content: Any, finish_reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    """Return a choice of index 0 whose message has this content."""
    return {
        "index": 0,
        "finish_reason": finish_reason,
        "logprobs": None,
        "message": {"role": "assistant", "content": content, "refusal": None, **message},
    }


def completion(*choices: dict[str, Any], **fields: Any) -> Reply:
    """Return a chat completion of these choices."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1764000000,
        "model": "sample-8b-2026-01",
        "system_fingerprint": "fp_1",
        "choices": list(choices),
        "usage": {"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 30},
    }
    return 200, {"x-request-id": "req_1"}, {**body, **fields}


def say(text: str | None, finish_reason: str | None = "stop", **message: Any) -> Reply:
    """Return a chat completion with one choice."""
    return completion(choice(text, finish_reason, **message))


def refused(status: int, message: str, /, **error: Any) -> Reply:
    """Return an answer that is an error, in OpenAI's shape."""
    kind = "invalid_request_error"
    fields = {"message": message, "type": kind, "param": None, "code": None}
    return status, {}, {"error": {**fields, **error}}


def routed(status: int, message: str, /, **metadata: Any) -> Reply:
    """Return an answer that is an error, in OpenRouter's shape: its code is the status."""
    error: dict[str, Any] = {"code": status, "message": message}
    return status, {}, {"error": {**error, **({"metadata": metadata} if metadata else {})}}


def moderated() -> Reply:
    """Return OpenRouter's block of an input that was flagged."""
    return routed(
        403,
        "sample-8b requires moderation on Sample Cloud. Your input was flagged.",
        reasons=["violence"],
        flagged_input="A red ap... a table.",
        provider_name="Sample Cloud",
        model_slug="maker/sample-8b",
    )


def azure_block() -> Reply:
    """Return Azure's block of a prompt."""
    return refused(
        400,
        "The response was filtered due to the prompt triggering the content management policy.",
        type=None,
        param="prompt",
        code="content_filter",
        status=400,
        innererror={
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {
                "hate": {"filtered": False, "severity": "safe"},
                "violence": {"filtered": True, "severity": "medium"},
            },
        },
    )


def pictured(shape: str, picture: bytes) -> Reply:
    """Return an answer with a picture in one of the shapes in `PICTURED`."""
    part = image_part(picture)
    shapes = {
        "message.images": (choice("Here it is.", images=[part]),),
        "content list": (choice([{"type": "text", "text": "Here it is."}, part]),),
        "picture alone": (choice([part]),),
        "two choices": (choice("Here it is."), choice([part])),
        "plain address": (choice([{"type": "image_url", "image_url": data_url(picture)}]),),
        "output_image": (
            choice(
                [{"type": "output_image", "b64_json": base64.urlsafe_b64encode(picture).decode()}]
            ),
        ),
    }
    return completion(*shapes[shape])


PICTURED = (
    "message.images",
    "content list",
    "picture alone",
    "two choices",
    "plain address",
    "output_image",
)
"""The shapes in which chat APIs give pictures."""

OPENAI_ROWS: dict[str, Reply] = {
    "stop": say("It is an apple."),
    "length": say("It is an", "length"),
    "tool_calls": say(
        None,
        "tool_calls",
        tool_calls=[
            {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        ],
    ),
    "function_call": say(
        None, "function_call", function_call={"name": "look", "arguments": '{"at": "it"}'}
    ),
    "content_filter": say("It is", "content_filter"),
}

ROWS: dict[str, dict[str, Reply]] = {
    "chat finish_reason": {
        **OPENAI_ROWS,
        "error": say("It is", "error"),
        "abort": say("It is", "abort"),
    },
    "error code": {
        "content_filter": azure_block(),
        "content_policy_violation": routed(
            403, "The provider declined the request.", error_type="content_policy_violation"
        ),
        "moderation_blocked": refused(
            400, "The request was rejected by the safety system.", code="moderation_blocked"
        ),
        "refusal": routed(403, "The model declined.", error_type="refusal"),
    },
}
"""For each row of the table of endings that is of this API: an answer that ends so."""


def answer_all(asked: Asked, shape: str = "message.images") -> Reply:
    """Answer any request: with a picture where one is asked for, else with a text."""
    if "image" in asked.body.get("modalities", ()):
        shade = sum(str(asked.body["messages"]).encode()) % 200
        return pictured(shape, drawn(shade))
    return say("It is an apple on a table.")
