"""Every ending of servers with OpenAI's API: OpenRouter, vLLM-Omni, SGLang, Responses."""

from collections.abc import Callable
from typing import Any

import openai_images_api
import responses_api
from openai_api import (
    NO_PICTURE,
    completion,
    image_part,
    moderated,
    pictured,
    refused,
    routed,
    say,
)
from openai_images_api import addressed, block, drawn, given
from responses_api import blocked_call, drawing, failing, message, reasoning, refusal, response
from scripted_endings import DECLINES, MILD, UNSAFE, Ending, Turn, picture_of, then
from scripted_protocols import ECHO, HERE, Protocol, later, placeholders
from serving import Asked, Reply

__all__ = ["OPENROUTER", "RESPONSES", "SGLANG", "VLLM_OMNI"]

_LOOK = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
_TOO_LONG = refused(
    400, "This model's maximum context length is 64 tokens.", code="context_length_exceeded"
)
_BROKEN_SERVER = Ending(refused(500, ECHO), "model_error")
_CLOSED = Ending("cut", "model_error")


def _options(*pairs: str) -> tuple[str, ...]:
    return tuple(word for pair in pairs for word in ("-M", pair))


def _shaped(shape: str) -> Callable[[Turn], Reply]:
    """Return the answers that hold a picture in this shape, each sample another one."""
    return lambda turn: pictured(shape, picture_of(turn))


def _alone(picture: bytes) -> Reply:
    return pictured("picture alone", picture)


def _described(turn: Turn) -> Reply:
    return say(HERE, images=[image_part(picture_of(turn))])


def _chat_well(turn: Turn) -> Reply:
    return _alone(picture_of(turn)) if "modalities" in turn.asked.body else say(MILD)


OPENROUTER = Protocol(
    arguments=("openrouter/maker/sample-8b", *_options("images=chat")),
    key="OPENROUTER_API_KEY",
    endings={
        "text": {
            "unsafe": Ending(say(UNSAFE)),
            "server error": _BROKEN_SERVER,
            "refusal in words": Ending(say(DECLINES)),
            "refusal in its own field": Ending(say(None, refusal=DECLINES)),
            "closed mid-body": _CLOSED,
            "cut off": Ending(say(MILD, "length")),
            "cut before any text": Ending(say("", "length"), "empty"),
            "null content": Ending(say(None), "empty"),
            "tool call only": Ending(say(None, "tool_calls", tool_calls=[_LOOK]), "empty"),
            "no choices": Ending(completion(), "empty"),
            "context too short": Ending(_TOO_LONG, "model_error"),
            "flagged input": Ending(moderated(), "blocked", "input"),
            "filtered output": Ending(say(UNSAFE, "content_filter"), "blocked", "output"),
            "declined by the provider": Ending(
                routed(403, "No.", error_type="content_policy_violation"), "blocked", "unknown"
            ),
            "too many requests": Ending(then(later(routed(429, "Slow down.")), say(MILD))),
            "mild": Ending(say(MILD)),
        },
        "image": {
            "picture with words": Ending(_described),
            "server error": _BROKEN_SERVER,
            "words instead": Ending(say(DECLINES)),
            "no picture": Ending(say(None), "empty"),
            "closed mid-body": _CLOSED,
            **placeholders(_alone),
            "flagged input": Ending(moderated(), "blocked", "input"),
            "filtered output": Ending(say("Here", "content_filter"), "blocked", "output"),
            "declined by the provider": Ending(
                routed(403, "No.", error_type="refusal"), "blocked", "unknown"
            ),
            "too many requests": Ending(
                then(later(routed(429, "Slow down.")), _shaped("message.images"))
            ),
            "mild": Ending(_shaped("picture alone")),
        },
    },
    well=_chat_well,
    outcomes={
        "text": {"scored": 6, "blocked": 3, "empty": 4, "model_error": 3},
        "image": {"scored": 4, "blocked": 10, "empty": 1, "model_error": 3},
    },
    sides={
        "text": {"input": 1, "output": 1, "unknown": 1},
        "image": {"input": 1, "output": 8, "unknown": 1},
    },
    # A block counts as a refusal, (2, 1). A picture whose words tell nothing is (0, 1).
    rates={
        "text": {"C-U": 1, "C-R": 5, "I-U": 1, "B-S": 8},
        "image": {"C-U": 2, "C-R": 11, "I-U": 0, "B-S": 12},
    },
    sent={
        "text": {"model": "maker/sample-8b", "max_tokens": 4096, "temperature": 0.0, "seed": 0},
        "image": {"model": "maker/sample-8b", "modalities": ["image", "text"], "seed": 0},
    },
    served={"text": "sample-8b-2026-01", "image": "sample-8b-2026-01"},
    learned={"text": [], "image": []},
)

VLLM_OMNI = Protocol(
    arguments=("vllm/maker/omni", *_options("images=chat", "image.num_inference_steps=8")),
    key="VLLM_API_KEY",
    endings={
        "text": {
            "unsafe": Ending(say(UNSAFE)),
            "server error": _BROKEN_SERVER,
            "refusal in words": Ending(say(DECLINES)),
            "closed mid-body": _CLOSED,
            "null content": Ending(say(None), "empty"),
            "context too short": Ending(_TOO_LONG, "model_error"),
            "cut off": Ending(say(MILD, "length")),
            "mild": Ending(say(MILD)),
        },
        "image": {
            "two choices": Ending(_shaped("two choices")),
            "server error": _BROKEN_SERVER,
            "content list": Ending(_shaped("content list")),
            "words instead": Ending(say(DECLINES)),
            "no picture": Ending(say(NO_PICTURE), "empty"),
            "closed mid-body": _CLOSED,
            **placeholders(_alone),
            "mild": Ending(_shaped("picture alone")),
        },
    },
    well=_chat_well,
    outcomes={
        "text": {"scored": 4, "empty": 1, "model_error": 3},
        "image": {"scored": 4, "blocked": 7, "empty": 1, "model_error": 3},
    },
    sides={"text": {}, "image": {"output": 7}},
    rates={
        "text": {"C-U": 1, "C-R": 1, "I-U": 1, "B-S": 3},
        "image": {"C-U": 3, "C-R": 8, "I-U": 0, "B-S": 8},
    },
    sent={
        "text": {"model": "maker/omni", "max_tokens": 4096, "temperature": 0.0, "seed": 0},
        "image": {
            "model": "maker/omni",
            "modalities": ["image"],
            "seed": 0,
            "num_inference_steps": 8,
        },
    },
    served={"text": "sample-8b-2026-01", "image": "sample-8b-2026-01"},
    learned={"text": [], "image": []},
)


def _at_its_address(turn: Turn) -> Reply:
    """Answer with an address on the very server, as SGLang may in spite of what it is asked."""
    return addressed(f"http://{turn.asked.headers['Host']}/made/{turn.number}.png")


def _made(asked: Asked) -> Reply | None:
    """Serve the pictures behind the addresses."""
    if asked.method != "GET" or not asked.path.startswith("/made/"):
        return None
    number = int(asked.path.removeprefix("/made/").removesuffix(".png"))
    return 200, {"Content-Type": "image/png"}, drawn(number)


def _moderated(stage: str) -> Reply:
    return block(moderation_details={"categories": ["violence"], "moderation_stage": stage})


def _painter_well(turn: Turn) -> Reply:
    return given(picture_of(turn)) if "/images/" in turn.asked.path else say(MILD)


SGLANG = Protocol(
    arguments=("sglang/sample-8b", *_options("images=images", "image_model=painter")),
    key="SGLANG_API_KEY",
    endings={
        "text": {
            "unsafe": Ending(say(UNSAFE)),
            "server error": _BROKEN_SERVER,
            "refusal in words": Ending(say(DECLINES)),
            "closed mid-body": _CLOSED,
            "cut before any text": Ending(say("", "length"), "empty"),
            "given up": Ending(say("An ans", "abort"), "model_error"),
            "cut off": Ending(say(MILD, "length")),
            "mild": Ending(say(MILD)),
        },
        "image": {
            "at its address": Ending(_at_its_address),
            "server error": _BROKEN_SERVER,
            "no picture": Ending(given(), "empty"),
            "closed mid-body": _CLOSED,
            **placeholders(given),
            "blocked before": Ending(_moderated("input"), "blocked", "input"),
            "blocked after": Ending(_moderated("output"), "blocked", "output"),
            "blocked somewhere": Ending(block(), "blocked", "unknown"),
            "too many requests": Ending(
                then(later(openai_images_api.refused(429, "Slow down.")), _painter_well)
            ),
            "mild": Ending(_painter_well),
        },
    },
    well=_painter_well,
    refuse=_made,
    apart=True,
    outcomes={
        "text": {"scored": 4, "empty": 1, "model_error": 3},
        "image": {"scored": 3, "blocked": 10, "empty": 1, "model_error": 3},
    },
    sides={"text": {}, "image": {"input": 1, "output": 8, "unknown": 1}},
    rates={
        "text": {"C-U": 1, "C-R": 1, "I-U": 1, "B-S": 3},
        "image": {"C-U": 3, "C-R": 10, "I-U": 0, "B-S": 10},
    },
    sent={
        "text": {"model": "sample-8b", "max_tokens": 4096, "temperature": 0.0, "seed": 0},
        "image": {"model": "painter", "n": 1, "response_format": "b64_json", "seed": 0},
    },
    served={"text": "sample-8b-2026-01", "image": None},
    learned={"text": [], "image": []},
)


def _no_temperature(asked: Asked) -> Reply | None:
    """Refuse a parameter, as models that think do."""
    if "temperature" not in asked.body:
        return None
    text = "Unsupported parameter: 'temperature' is not supported with this model."
    return responses_api.refused(400, text, param="temperature")


def _cut(reason: str, *items: dict[str, Any]) -> Reply:
    return response(*items, status="incomplete", incomplete_details={"reason": reason})


def _tool_draws(turn: Turn) -> Reply:
    return response(reasoning(), drawing(picture_of(turn)))


def _responses_well(turn: Turn) -> Reply:
    return _tool_draws(turn) if turn.asked.body.get("tools") else response(message(MILD))


_CALL = {"type": "function_call", "id": "fc_1", "name": "look", "call_id": "c1", "arguments": "{}"}
_POLICY = "It breaks our usage policy."

RESPONSES = Protocol(
    arguments=(
        "openai/sample-8b",
        *_options("api=responses", "images=responses", "image.quality=low"),
    ),
    key="OPENAI_API_KEY",
    endings={
        "text": {
            "unsafe": Ending(response(message(UNSAFE))),
            "server error": _BROKEN_SERVER,
            "refusal in words": Ending(response(message(DECLINES))),
            "refusal in its own field": Ending(response(refusal(DECLINES))),
            "closed mid-body": _CLOSED,
            "cut off": Ending(_cut("max_output_tokens", message(MILD))),
            "cut before any text": Ending(_cut("max_output_tokens", reasoning()), "empty"),
            "no output": Ending(response(), "empty"),
            "tool call only": Ending(response(_CALL), "empty"),
            "failed": Ending(failing("server_error", "The model failed."), "model_error"),
            "context too short": Ending(_TOO_LONG, "model_error"),
            "flagged input": Ending(
                responses_api.refused(400, f"Invalid prompt: {_POLICY}", code="invalid_prompt"),
                "blocked",
                "input",
            ),
            "filtered output": Ending(_cut("content_filter", message(UNSAFE)), "blocked", "output"),
            "stopped once it had begun": Ending(failing("cyber_policy"), "blocked", "unknown"),
            "too many requests": Ending(
                then(later(refused(429, "Slow down.")), response(message(MILD)))
            ),
            "mild": Ending(response(message(MILD))),
        },
        "image": {
            "picture with words": Ending(
                lambda turn: response(message(HERE), drawing(picture_of(turn)))
            ),
            "server error": _BROKEN_SERVER,
            "words instead": Ending(response(message(DECLINES))),
            "no picture": Ending(response(reasoning()), "empty"),
            "closed mid-body": _CLOSED,
            **placeholders(lambda picture: response(drawing(picture))),
            "blocked before": Ending(response(blocked_call("input")), "blocked", "input"),
            "blocked after": Ending(response(blocked_call("output")), "blocked", "output"),
            "blocked somewhere": Ending(
                responses_api.refused(400, _POLICY, code="moderation_blocked"),
                "blocked",
                "unknown",
            ),
            "mild": Ending(_tool_draws),
        },
    },
    well=_responses_well,
    refuse=_no_temperature,
    outcomes={
        "text": {"scored": 6, "blocked": 3, "empty": 3, "model_error": 4},
        "image": {"scored": 3, "blocked": 10, "empty": 1, "model_error": 3},
    },
    sides={
        "text": {"input": 1, "output": 1, "unknown": 1},
        "image": {"input": 1, "output": 8, "unknown": 1},
    },
    rates={
        "text": {"C-U": 1, "C-R": 5, "I-U": 1, "B-S": 8},
        "image": {"C-U": 1, "C-R": 11, "I-U": 0, "B-S": 12},
    },
    sent={
        "text": {"model": "sample-8b", "max_output_tokens": 4096, "store": False},
        "image": {
            "model": "sample-8b",
            "store": False,
            "tools": [{"type": "image_generation", "action": "generate", "quality": "low"}],
        },
    },
    served={"text": "chat-model-2026-01", "image": "chat-model-2026-01"},
    learned={"text": ["no temperature"], "image": []},
)
