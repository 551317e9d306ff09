"""Every ending of the Gemini API and of Anthropic's."""

import anthropic_api
import gemini_api
from anthropic_api import WORDS as SAID
from gemini_api import good, inline, prompt_blocked
from scripted_endings import DECLINES, MILD, UNSAFE, Ending, Turn, picture_of, then
from scripted_protocols import ECHO, HERE, Protocol, later, placeholders
from serving import Asked, Reply

__all__ = ["ANTHROPIC", "GEMINI"]

_CLOSED = Ending("cut", "model_error")


def _text(text: str, finish: str = "STOP") -> Reply:
    return good({"text": text}, finish=finish)


def _draws(turn: Turn) -> Reply:
    return good(inline(picture_of(turn)))


def _gemini_well(turn: Turn) -> Reply:
    asks = "responseModalities" in turn.asked.body["generationConfig"]
    return _draws(turn) if asks else _text(MILD)


def _busy() -> Reply:
    """Return Google's "too many", with the wait where Google writes it."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.7s"}
    return gemini_api.error(429, "RESOURCE_EXHAUSTED", "Too many requests.", info)


_BROKEN_GOOGLE = Ending(gemini_api.error(500, "INTERNAL", ECHO), "model_error")
_TOO_LONG = "The input token count (70) exceeds the maximum number of tokens allowed (64)."
_CALL = {"functionCall": {"name": "look", "args": {}}}
_THRESHOLDS = [
    {"category": f"HARM_CATEGORY_{name}", "threshold": "BLOCK_NONE"}
    for name in ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")
]

GEMINI = Protocol(
    arguments=("google/sample-pro", "-M", "images=yes", "-M", "safety=BLOCK_NONE"),
    key="GOOGLE_API_KEY",
    endings={
        "text": {
            "unsafe": Ending(_text(UNSAFE)),
            "server error": _BROKEN_GOOGLE,
            "refusal in words": Ending(_text(DECLINES)),
            "closed mid-body": _CLOSED,
            "cut off": Ending(_text(MILD, "MAX_TOKENS")),
            "cut before any text": Ending(
                good({"text": "Hm.", "thought": True}, finish="MAX_TOKENS"), "empty"
            ),
            "no content": Ending(good(), "empty"),
            "recitation": Ending(good(finish="RECITATION"), "empty"),
            "tool call only": Ending(good(_CALL, finish="UNEXPECTED_TOOL_CALL"), "empty"),
            "no candidates": Ending((200, {}, {"candidates": [], "responseId": "r"}), "empty"),
            "malformed": Ending(good(finish="MALFORMED_RESPONSE"), "model_error"),
            "context too short": Ending(
                gemini_api.error(400, "INVALID_ARGUMENT", _TOO_LONG), "model_error"
            ),
            "blocked prompt": Ending(prompt_blocked("PROHIBITED_CONTENT"), "blocked", "input"),
            "filtered output": Ending(good(finish="SAFETY"), "blocked", "output"),
            "handed over": Ending(good(finish="ESCALATION"), "blocked", "unknown"),
            "too many requests": Ending(then(_busy(), _text(MILD))),
            "mild": Ending(_text(MILD)),
        },
        "image": {
            "picture with words": Ending(
                lambda turn: good({"text": HERE}, inline(picture_of(turn)))
            ),
            "server error": _BROKEN_GOOGLE,
            "words instead": Ending(_text(DECLINES)),
            "no picture": Ending(good(finish="NO_IMAGE"), "empty"),
            "closed mid-body": _CLOSED,
            "drafts only": Ending(
                lambda turn: good(inline(picture_of(turn), thought=True)), "empty"
            ),
            **placeholders(lambda picture: good(inline(picture))),
            "blocked prompt": Ending(prompt_blocked("IMAGE_SAFETY"), "blocked", "input"),
            "filtered output": Ending(good(finish="IMAGE_SAFETY"), "blocked", "output"),
            "too many requests": Ending(then(_busy(), _draws)),
            "mild": Ending(_draws),
        },
    },
    well=_gemini_well,
    outcomes={
        "text": {"scored": 5, "blocked": 3, "empty": 5, "model_error": 4},
        "image": {"scored": 4, "blocked": 9, "empty": 2, "model_error": 3},
    },
    sides={
        "text": {"input": 1, "output": 1, "unknown": 1},
        "image": {"input": 1, "output": 8},
    },
    rates={
        "text": {"C-U": 1, "C-R": 4, "I-U": 1, "B-S": 7},
        "image": {"C-U": 2, "C-R": 10, "I-U": 0, "B-S": 11},
    },
    sent={
        "text": {
            "generationConfig": {"maxOutputTokens": 4096, "temperature": 0.0, "seed": 0},
            "safetySettings": _THRESHOLDS,
        },
        "image": {
            "generationConfig": {"seed": 0, "responseModalities": ["TEXT", "IMAGE"]},
            "safetySettings": _THRESHOLDS,
        },
    },
    served={"text": "gemini-loopback-001", "image": "gemini-loopback-001"},
    learned={"text": [], "image": []},
)


def _says(text: str, stop: str = "end_turn") -> Reply:
    return anthropic_api.good({"type": "text", "text": text}, stop=stop)


def _no_temperature(asked: Asked) -> Reply | None:
    """Refuse a parameter, as newer models do."""
    if "temperature" not in asked.body:
        return None
    text = "`temperature` is deprecated for this model."
    return anthropic_api.error(400, "invalid_request_error", text)


_THINKS = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
_USES = {"type": "tool_use", "id": "toolu_01", "name": "look", "input": {}}

ANTHROPIC = Protocol(
    arguments=("anthropic/sample-l",),
    key="ANTHROPIC_API_KEY",
    endings={
        "text": {
            "unsafe": Ending(_says(UNSAFE)),
            "server error": Ending(anthropic_api.error(500, "api_error", ECHO), "model_error"),
            "refusal in words": Ending(_says(DECLINES)),
            "closed mid-body": _CLOSED,
            "cut off": Ending(_says(MILD, "max_tokens")),
            "cut before any text": Ending(anthropic_api.good(_THINKS, stop="max_tokens"), "empty"),
            "no content": Ending(anthropic_api.good(), "empty"),
            "tool call only": Ending(anthropic_api.good(_USES, stop="tool_use"), "empty"),
            "context too short": Ending(
                anthropic_api.error(
                    400, "invalid_request_error", "prompt is too long: 70 tokens > 64 maximum"
                ),
                "model_error",
            ),
            "ended before any text": Ending(anthropic_api.refused(), "blocked", "unknown"),
            "ended after some text": Ending(anthropic_api.refused(SAID), "blocked", "output"),
            "filtered output": Ending(
                anthropic_api.error(
                    400, "invalid_request_error", "Output blocked by content filtering policy"
                ),
                "blocked",
                "output",
            ),
            "too many requests": Ending(
                then(later(anthropic_api.error(429, "rate_limit_error", "Slow.")), _says(MILD))
            ),
            "mild": Ending(_says(MILD)),
        },
        "image": {"never asked": Ending(anthropic_api.error(500, "api_error", ECHO))},
    },
    well=lambda _: _says(MILD),
    refuse=_no_temperature,
    not_supported=("text-to-image", "image-editing"),
    outcomes={"text": {"scored": 5, "blocked": 3, "empty": 3, "model_error": 3}},
    sides={"text": {"output": 2, "unknown": 1}},
    rates={"text": {"C-U": 1, "C-R": 4, "I-U": 1, "B-S": 7}},
    sent={"text": {"model": "sample-l", "max_tokens": 4096}},
    served={"text": "claude-loopback-20260101"},
    learned={"text": ["no temperature"]},
)
