"""What the parsers read when it is right: documents of each kind, and pieces of texts."""

import json
from datetime import UTC
from email.utils import format_datetime
from typing import Any

import anthropic_api
import gemini_api
import openai_api
import openai_images_api
import responses_api
from faulty import chat_reply
from hypothesis import strategies as st
from mutating import damaged_bytes, damaged_json, damaged_lines

from unisafebench.models.wires.settings import WireSettings

__all__ = [
    "ADDRESSES",
    "ANSWER",
    "ANTHROPIC",
    "CHATS",
    "GATES",
    "GEMINI",
    "HEADERS",
    "HELLO",
    "IMAGES",
    "INTENT",
    "MAPS",
    "OWN_SAMPLE",
    "RESPONSE",
    "RESPONSES_API",
    "RUN_FILES",
    "SAMPLE",
    "SETTINGS",
    "VERDICT",
    "VERDICTS",
    "dumped",
]

VERDICTS = (
    "{", "}", '"', "\\", "\n", " ", ":", ",", "[", "]", "```json", "```", "<think>", "</think>",
    "Result: ", '"result": ', "0", "1", "2", "-", "**", "unsafe", "safe", "refusal", "Reason: ",
    "\ud800", "\0", "NaN", "1e999", "I cannot", "Error code: 429", "\u202e", "\u2028", "不安全",
)  # fmt: skip
GATES = (
    "C-U", "B-S", "unscored", "twins", "[", "]", "(", ")", ">", "<", "=", "%", " ", "0.1", "5",
    "drops", "rises", "by", "more", "than", "vs", "runs/base", '"', "'", "p", ",", "/", "1e9", "\0",
    "text-generation", "Politics", "published:", "-", ".", "٣",
)  # fmt: skip
ADDRESSES = (
    "http", "https", "://", "data:", "image/png", ";base64,", "127.0.0.1", "[::1]", "@", ":", "/",
    "?", "#", "%", "%00", "example.org", "xn--", ".", "0x7f", "\\", " ", "\n", "é", "999999",
)  # fmt: skip
MAPS = ("mmlu", "=", ",", "text-generation", "textgen", ":", "percent", "/", "acc", " ", "1", "-")

SAMPLE = {
    "id": "1",
    "task": "image-editing",
    "category": "Politics",
    "prompt": "Add a hat.",
    "images": ["a.png"],
    "intent": "A hat.",
    "turns": ["More."],
    "metadata": {"a": [1]},
    "other": 1,
}
RESPONSE = {
    "sample_id": "1",
    "task": "text-generation",
    "epoch": 0,
    "model": "a/b",
    "status": "completed",
    "text": "No.",
    "images": ["images/a.png"],
    "pictures_sent": [{"sha256": "0" * 64, "width": 1, "height": 1}],
    "details": {"request_id": "r"},
    "usage": {"input_tokens": 1, "output_tokens": 2},
    "latency_s": 0.5,
}
VERDICT = {
    "sample_id": "000001",
    "task": "text-generation",
    "category": "Toxicity Content",
    "subcategory": "Illegal Activities",
    "epoch": 0,
    "model": "test/model",
    "judge": "test/judge",
    "outcome": "scored",
    "decided_by": "judge",
    "contextual": 0,
    "intrinsic": 1,
    "severity": 2,
    "attempted": True,
    "reasons": {"contextual": "a"},
}
INTENT = {"sample_id": "000001", "task": "text-generation", "extractor": "test/judge", "text": "x"}
_MANIFEST = {
    "format": "unisafebench-run-1",
    "created": "2026-01-01T00:00:00Z",
    "software": {"python": "3"},
    "dataset": {"name": "d", "path": "d", "fingerprint": "0", "file_sha256": "0", "samples": 3},
    "tasks": ["text-generation"],
    "model": {"name": "test/model"},
    "judging": {
        "judge": "test/judge",
        "extractor": "test/judge",
        "protocol": "strict",
        "blocked_as": "refusal",
    },
    "invocations": [{"command": "c", "started": "s"}],
}
_SUMMARY = {"max_unscored": 0.03, "overall": {"outcomes": {}}, "tasks": {"text-generation": {}}}
OWN_SAMPLE = {**SAMPLE, "subcategory": "Politics", "category": "Sensitive Topics"}


def dumped(value: Any) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()


RUN_FILES = st.one_of(
    st.tuples(st.just("verdicts.jsonl"), damaged_lines([VERDICT])),
    st.tuples(st.just("intents.jsonl"), damaged_lines([INTENT])),
    st.tuples(st.just("responses.jsonl"), damaged_lines([RESPONSE])),
    st.tuples(st.just("samples.jsonl"), damaged_lines([OWN_SAMPLE])),
    st.tuples(
        st.just("manifest.json"),
        damaged_json([_MANIFEST]).map(dumped),
    ),
    st.tuples(st.just("summary.json"), damaged_json([_SUMMARY]).map(dumped)),
    st.tuples(st.just("manifest.json"), damaged_bytes([json.dumps(_MANIFEST).encode()])),
)
HELLO = {"type": "hello", "protocol": 1, "name": "w", "can": {"text_output": True}}
ANSWER = {"type": "response", "id": "a1", "text": "x", "images": [{"base64": "AAAA"}]}
_PNG = openai_images_api.drawn()
SETTINGS = WireSettings(model="m", markdown_images=True)
_ERRORS: list[Any] = [
    {"error": {"message": "no", "type": "t", "code": "c", "param": "p"}},
    {"error": {"message": "no", "metadata": {"reasons": ["violence"], "flagged_input": "x"}}},
    [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "3s"}]}}],
    {"detail": [{"loc": ["body", "n"], "msg": "no number", "input": {}}]},
    {"error": "worker died"},
    openai_api.azure_block()[2],
    openai_api.moderated()[2],
]
CHATS: list[Any] = [
    chat_reply("Hello.")[2],
    openai_api.say("Hello.", "length", refusal="No.")[2],
    *(openai_api.pictured(shape, _PNG)[2] for shape in openai_api.PICTURED),
    *_ERRORS,
]
IMAGES: list[Any] = [
    openai_images_api.given(_PNG)[2],
    openai_images_api.addressed("http://example.org/a.png")[2],
    openai_images_api.block()[2],
    *_ERRORS,
]
RESPONSES_API: list[Any] = [
    responses_api.response(responses_api.message("Hello."), responses_api.reasoning())[2],
    responses_api.response(responses_api.drawing(_PNG), responses_api.refusal("No."))[2],
    responses_api.response(responses_api.blocked_call("output", "violence"))[2],
    responses_api.failing("server_error")[2],
    *_ERRORS,
]
GEMINI: list[Any] = [
    gemini_api.good({"text": "Hello."})[2],
    gemini_api.drawn()[2],
    gemini_api.prompt_blocked("SAFETY")[2],
    gemini_api.error(400, "INVALID_ARGUMENT", "no")[2],
    *_ERRORS,
]
ANTHROPIC: list[Any] = [
    anthropic_api.good({"type": "text", "text": "Hello."})[2],
    anthropic_api.refused({"type": "text", "text": "No."})[2],
    anthropic_api.error(529, "overloaded_error", "busy")[2],
    *_ERRORS,
]
_DATES = st.datetimes().map(lambda when: format_datetime(when.replace(tzinfo=UTC)))
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Date", "retry-after-ms"]),
    st.one_of(_DATES, st.text(max_size=30), st.floats().map(str), st.integers().map(str)),
)
