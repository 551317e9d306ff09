"""Google's `generateContent`: text and pictures in, text and pictures out.

Shapes as in the API reference of the Gemini API (ai.google.dev, v1beta) and in the types of the
official client (google-genai).
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.core.records import Usage
from unisafebench.endpoints.learning import Alternative, Body
from unisafebench.endpoints.replies import Reply
from unisafebench.media.pictures import Picture
from unisafebench.models.api import Call, Found
from unisafebench.models.base import Request
from unisafebench.models.endings import ending
from unisafebench.models.wires.blocks import block_of_call, small_facts
from unisafebench.models.wires.fields import (
    counted,
    laid_over,
    mapping_of,
    mappings_in,
    tokens,
    word_of,
)
from unisafebench.models.wires.pictures import find_pictures
from unisafebench.models.wires.settings import WireSettings

__all__ = ["BOTH_MODALITIES", "SYSTEM_IN_TEXT", "GeminiWire", "without_generation"]

_CONFIG = "generationConfig"
_OF_A_RESPONSE = ("candidates", "promptFeedback", "usageMetadata", "responseId")
_PICTURE_PARTS = frozenset({"inlineData", "inline_data"})
# A tuned model's name says itself in which collection it is.
_COLLECTIONS = ("models/", "tunedModels/")
# Seeds are signed 32-bit numbers in this API.
_SEEDS = 1 << 31


def _config_of(body: Body) -> Body:
    config = body.get(_CONFIG)
    return config if isinstance(config, dict) else {}


def without_generation(parameter: str, *names: str) -> Alternative:
    """Return the alternative of leaving a parameter out of `generationConfig`."""
    return Alternative(
        label=f"no {parameter}",
        names=(parameter.casefold(), *names),
        applies=lambda body: parameter in _config_of(body),
        change=lambda body: {
            **body,
            _CONFIG: {key: value for key, value in _config_of(body).items() if key != parameter},
        },
    )


def _system_into_text(body: Body) -> Body:
    system = body["systemInstruction"]["parts"][0]["text"]
    (turn,) = body["contents"]
    *pictures, prompt = turn["parts"]
    parts = [*pictures, {"text": f"{system}\n\n{prompt['text']}"}]
    rest = {key: value for key, value in body.items() if key != "systemInstruction"}
    return {**rest, "contents": [{**turn, "parts": parts}]}


SYSTEM_IN_TEXT = Alternative(
    label="system prompt in the user's text",
    names=("developer instruction", "system instruction", "system_instruction"),
    applies=lambda body: "systemInstruction" in body,
    change=_system_into_text,
)
"""For models without system instructions, Gemma among them."""

BOTH_MODALITIES = Alternative(
    label="responseModalities TEXT,IMAGE for answers in text",
    names=("response modalities", "responsemodalities"),
    applies=lambda body: "responseModalities" not in _config_of(body),
    change=lambda body: {
        **body,
        _CONFIG: {**_config_of(body), "responseModalities": ["TEXT", "IMAGE"]},
    },
)
"""For models that draw and that give no text without a picture being allowed."""


class GeminiWire:
    """One kind of output of one model.

    Args:
        settings: the parameters of every call; `modalities` only where pictures are wanted.
        prefix: what stands before the paths of the API: a version, or nothing.
        safety: the threshold of each harm category, by the API's own names.
        image: the fields of `imageConfig`.
    """

    content = frozenset({"contents", "systemInstruction"})
    accepts = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})

    def __init__(
        self,
        settings: WireSettings,
        *,
        prefix: str = "",
        safety: Mapping[str, str] | None = None,
        image: Mapping[str, Any] | None = None,
    ) -> None:
        self._settings = settings
        self._safety = [
            {"category": category, "threshold": threshold}
            for category, threshold in (safety or {}).items()
        ]
        self._image = dict(image or {})
        named = settings.model.startswith(_COLLECTIONS)
        model = settings.model if named else f"models/{settings.model}"
        self._path = f"{prefix}/{quote(model)}:generateContent"

    def call(self, request: Request, pictures: Sequence[Picture]) -> Call:
        """Return what is sent for a request."""
        parts: list[dict[str, Any]] = [
            {
                "inlineData": {
                    "mimeType": picture.mime,
                    "data": base64.b64encode(picture.data).decode(),
                }
            }
            for picture in pictures
        ]
        parts.append({"text": self._settings.prompt(request.sample.prompt)})
        body: Body = {"contents": [{"role": "user", "parts": parts}]}
        if self._settings.system and not self._settings.system_in_text:
            body["systemInstruction"] = {"parts": [{"text": self._settings.system}]}
        body[_CONFIG] = self._config(request)
        if self._safety:
            body["safetySettings"] = self._safety
        return Call(path=self._path, body=laid_over(body, self._settings.extra))

    def _config(self, request: Request) -> Body:
        settings = self._settings
        wanted = {
            "maxOutputTokens": settings.max_tokens,
            "temperature": settings.temperature,
            "topP": settings.top_p,
            "seed": request.seed % _SEEDS if settings.send_seed else None,
            "responseModalities": settings.modalities,
            "imageConfig": self._image or None,
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def read(self, reply: Reply) -> Found:
        """Return what an answer holds; see `Wire.read`.

        Parts that are thoughts, drafts of pictures among them, are no output and are counted only.
        """
        body = reply.body
        if not any(name in body for name in _OF_A_RESPONSE):
            raise ValueError("the answer has neither candidates nor promptFeedback")
        feedback = mapping_of(body.get("promptFeedback"))
        candidates = mappings_in(body.get("candidates"))
        candidate = candidates[0] if candidates else {}
        parts = mappings_in(mapping_of(candidate.get("content")).get("parts"))
        texts = [part.get("text") for part in parts if part.get("thought") is not True]
        found = Found(
            text="".join(text for text in texts if isinstance(text, str)) or None,
            pictures=find_pictures(list(parts)),
            usage=_usage(mapping_of(body.get("usageMetadata"))),
            served_model=word_of(body.get("modelVersion")),
            details=_details(reply, feedback, candidate, parts),
        )
        return _with_ending(found, feedback, candidates)

    def ended(self, error: EndpointError) -> Found | None:
        """Return the block that an error means: gateways have such, the API itself has none."""
        return block_of_call(error)


def _with_ending(
    found: Found, feedback: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]]
) -> Found:
    """Return what was found with how it ended: the prompt's block first, then the candidate's."""
    blocked = word_of(feedback.get("blockReason"))
    # "..._UNSPECIFIED" is how the API writes a reason that is not set.
    if blocked is not None and not (candidates and blocked.endswith("_UNSPECIFIED")):
        # Also a reason that is new: the field is there only when the prompt was blocked.
        return _ended(
            found,
            status="blocked",
            stop_reason=blocked,
            blocked_side=ending("gemini blockReason", blocked).side or "input",
            error=word_of(feedback.get("blockReasonMessage")),
        )
    if not candidates:
        return _ended(found, stop_reason="no_candidates")
    reason = word_of(candidates[0].get("finishReason"))
    message = word_of(candidates[0].get("finishMessage"))
    meaning = ending("gemini finishReason", reason)
    if meaning.means == "stopped":
        told = f": {message}" if message else "."
        raise EndpointUnusableError(
            f"Google has limited or shut the account for breaches of its prohibited use policy "
            f"({reason}){told} Ask Google for access before you go on."
        )
    if meaning.means == "failed":
        told = f": {message}" if message else ""
        raise ValueError(f"the provider says that the answer failed ({reason}){told}")
    if meaning.means == "blocked":
        return _ended(
            found, status="blocked", stop_reason=reason, blocked_side=meaning.side, error=message
        )
    return _ended(found, stop_reason=reason)


def _ended(found: Found, **changes: Any) -> Found:
    return msgspec.structs.replace(found, **changes)


def _usage(counts: Mapping[str, Any]) -> Usage | None:
    return tokens(
        [counted(counts.get("promptTokenCount"))],
        [counted(counts.get("candidatesTokenCount")), counted(counts.get("thoughtsTokenCount"))],
    )


def _details(
    reply: Reply,
    feedback: Mapping[str, Any],
    candidate: Mapping[str, Any],
    parts: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    thoughts = sum(part.get("thought") is True for part in parts)
    others = {
        name
        for part in parts
        for name in part
        if isinstance(part[name], Mapping) and name not in _PICTURE_PARTS
    }
    facts = {
        "request_id": reply.request_id,
        "id": word_of(reply.body.get("responseId")),
        "finish_message": word_of(candidate.get("finishMessage")),
        "safety_ratings": _ratings(candidate) or _ratings(feedback),
        "thoughts": thoughts or None,
        "other_parts": sorted(others),
    }
    return small_facts(facts)


def _ratings(holder: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the safety ratings: category, probability, and whether it was this that blocked."""
    return [
        {name: value for name, value in rating.items() if isinstance(value, str | bool | float)}
        for rating in mappings_in(holder.get("safetyRatings"))
    ]
