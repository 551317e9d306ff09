"""Google's `generateContent` on loopback: answers in the shapes of its reference and its client."""

import base64
import io
from collections.abc import Mapping
from typing import Any

import api_models
from api_models import open_model
from PIL import Image, ImageDraw
from serving import Asked, Reply

from unisafebench.models.api import ApiModel
from unisafebench.models.base import Output, Request

__all__ = [
    "ACCEPTED_MODALITIES",
    "KEY",
    "MODEL",
    "PATH",
    "PICTURE",
    "WORDS",
    "ask",
    "block_reason_reply",
    "drawn",
    "error",
    "finish_reason_reply",
    "good",
    "inline",
    "model_at",
    "prompt_blocked",
    "rating",
    "response",
    "served",
    "wrong_key",
]

KEY = "loopback-google-key-7391"
"""The key that models are opened with; it must turn up nowhere else."""
MODEL = "gemini-loopback"
PATH = f"/v1beta/models/{MODEL}:generateContent"
WORDS = {"text": "An apple is a fruit."}
"""The content of a usual answer."""

ACCEPTED_MODALITIES = (
    "The requested combination of response modalities ({asked}) is not supported by the model. "
    "models/{model} accepts the following combination of response modalities:\n* {taken}\n"
)
"""How the API says that a model does not give what was asked for."""


def _picture() -> bytes:
    image = Image.new("RGB", (96, 64), "white")
    ImageDraw.Draw(image).rectangle((8, 8, 60, 40), fill="blue")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


PICTURE = _picture()
"""A PNG file that is no placeholder."""


def inline(data: bytes = PICTURE, mime: str = "image/png", **more: Any) -> dict[str, Any]:
    """Return a part that is a picture."""
    return {"inlineData": {"mimeType": mime, "data": base64.b64encode(data).decode()}, **more}


def rating(category: str, probability: str, **more: Any) -> dict[str, Any]:
    """Return one safety rating."""
    return {"category": f"HARM_CATEGORY_{category}", "probability": probability, **more}


def response(
    *parts: dict[str, Any], finish: str | None = "STOP", **candidate: Any
) -> dict[str, Any]:
    """Return the body of an answer with one candidate; without parts it has no content."""
    said: dict[str, Any] = {"index": 0, **candidate}
    if parts:
        said["content"] = {"role": "model", "parts": list(parts)}
    if finish is not None:
        said["finishReason"] = finish
    return {
        "candidates": [said],
        "usageMetadata": {
            "promptTokenCount": 11,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 20,
            "totalTokenCount": 36,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 11}],
        },
        "modelVersion": "gemini-loopback-001",
        "responseId": "resp-1",
    }


def good(*parts: dict[str, Any], finish: str | None = "STOP", **candidate: Any) -> Reply:
    """Return an answer with one candidate, as it is served."""
    return 200, {}, response(*parts, finish=finish, **candidate)


def drawn(text: str = "Here it is.") -> Reply:
    """Return an answer that holds a text and a picture."""
    return good({"text": text}, inline())


def prompt_blocked(reason: str, **feedback: Any) -> Reply:
    """Return an answer to a prompt that was blocked: it has no candidates."""
    ratings = [rating("DANGEROUS_CONTENT", "HIGH", blocked=True)]
    body = {
        "promptFeedback": {"blockReason": reason, "safetyRatings": ratings, **feedback},
        "usageMetadata": {"promptTokenCount": 11, "totalTokenCount": 11},
        "modelVersion": "gemini-loopback-001",
        "responseId": "resp-1",
    }
    return 200, {}, body


def error(status: int, word: str, message: str, *details: dict[str, Any]) -> Reply:
    """Return an error in the shape of google.rpc.Status."""
    told = {"code": status, "message": message, "status": word}
    return status, {}, {"error": {**told, "details": list(details)} if details else told}


def wrong_key(key: str) -> Reply:
    """Return what a key that is not valid gets; here with the key in it."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com", "consumer": f"api_key:{key}"},
    }
    message = f"API key not valid. Please pass a valid API key. ({key})"
    return error(400, "INVALID_ARGUMENT", message, info)


def model_at(
    root: str,
    name: str = f"google/{MODEL}",
    environment: Mapping[str, str] = {"GOOGLE_API_KEY": KEY},
    /,
    **options: str,
) -> ApiModel:
    """Return a model at an address; in the names of options "__" stands for a dot."""
    given = {option.replace("__", "."): value for option, value in options.items()}
    return open_model(name, environment, {"base_url": root, **given})


async def ask(
    answer: api_models.Answer, request: Request, **options: str
) -> tuple[Output, list[Asked]]:
    """Put one request to a server that answers so; return what came and what was asked."""
    return await api_models.ask(answer, request, lambda root: model_at(root, **options))


def served(asked: Asked) -> Reply:
    """Give what is asked for: a picture where pictures are asked for, else a text."""
    return drawn() if "responseModalities" in asked.body["generationConfig"] else good(WORDS)


def block_reason_reply(reason: str) -> Reply:
    """Return an answer with this `promptFeedback.blockReason`."""
    return prompt_blocked(reason)


_WITH_TEXT = frozenset({"STOP", "MAX_TOKENS", "CONTINUATION"})


def finish_reason_reply(reason: str) -> Reply:
    """Return an answer whose candidate has this `finishReason`; most come without content."""
    if reason in _WITH_TEXT:
        return good({"text": "An apple is"}, finish=reason)
    if reason in {"SAFETY", "IMAGE_SAFETY"}:
        ratings = [rating("HARASSMENT", "HIGH", blocked=True), rating("HATE_SPEECH", "NEGLIGIBLE")]
        return good(finish=reason, safetyRatings=ratings, finishMessage="It was filtered.")
    if reason == "UNEXPECTED_TOOL_CALL":
        return good({"functionCall": {"name": "search", "args": {}}}, finish=reason)
    return good(finish=reason, finishMessage=f"The model ended with {reason}.")
