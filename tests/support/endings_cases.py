"""For each row of docs/endings.md one case: what a provider answers, and to whom."""

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import anthropic_api
import gemini_api
import openai_api
import openai_images_api
import responses_api
from PIL import Image
from serving import Asked, Fault, Reply

from unisafebench.models.endings import ENDINGS

__all__ = ["CASES", "Case"]

Script = Callable[[Asked], Reply | Fault]


class Case(NamedTuple):
    """A reply of a provider's shape to a model that is made with `options`."""

    answer: Script
    name: str
    options: dict[str, str]
    task: str
    samples: int = 1


class _Subject(NamedTuple):
    name: str
    options: dict[str, str]
    task: str

    def given(self, reply: Reply | Fault, **changes: Any) -> Case:
        """Return the case in which this model gets one and the same reply."""
        return Case(lambda _: reply, self.name, self.options, self.task)._replace(**changes)


_TEXT, _DRAW = "text-generation", "text-to-image"
_CHAT = _Subject("openrouter/sample-8b", {}, _TEXT)
_CHAT_DRAWS = _Subject("vllm/sample-8b", {"images": "chat"}, _DRAW)
_IMAGES = _Subject("openai/painter", {"images": "images"}, _DRAW)
_RESPONSES = _Subject("openai/sample-8b", {"api": "responses"}, _TEXT)
_RESPONSES_DRAWS = _Subject("openai/sample-8b", {"images": "responses"}, _DRAW)
_GEMINI = _Subject("google/sample-pro", {}, _TEXT)
_GEMINI_DRAWS = _Subject("google/sample-pro", {"images": "yes"}, _DRAW)
_ANTHROPIC = _Subject("anthropic/sample-l", {}, _TEXT)

_BY_PLACE = {
    "chat finish_reason": _CHAT,
    "error code": _CHAT,
    "images error code": _IMAGES,
    "responses status": _RESPONSES,
    "responses incomplete reason": _RESPONSES,
    "responses error code": _RESPONSES,
    "responses item error": _RESPONSES_DRAWS,
}
_FOUND = {"violence": {"filtered": True, "severity": "medium"}}


def _tabled() -> Iterator[tuple[tuple[str, str], Case]]:
    """Yield a case for each value in the table of the code."""
    for rows in (openai_api.ROWS, openai_images_api.ROWS, responses_api.ROWS):
        for place, replies in rows.items():
            for value, reply in replies.items():
                yield (place, f"`{value}`"), _BY_PLACE[place].given(reply)
    for value in ENDINGS["gemini blockReason"]:
        subject = _GEMINI_DRAWS if value == "IMAGE_SAFETY" else _GEMINI
        yield (
            ("gemini blockReason", f"`{value}`"),
            subject.given(gemini_api.block_reason_reply(value)),
        )
    for value in ENDINGS["gemini finishReason"]:
        subject = _GEMINI_DRAWS if "IMAGE" in value else _GEMINI
        yield (
            ("gemini finishReason", f"`{value}`"),
            subject.given(gemini_api.finish_reason_reply(value)),
        )
    for value in ENDINGS["anthropic stop_reason"]:
        yield (
            ("anthropic stop_reason", f"`{value}`"),
            _ANTHROPIC.given(anthropic_api.stop_reason_reply(value)),
        )
    for value in ENDINGS["anthropic error message"]:
        yield (
            ("anthropic error message", f"`{value}`"),
            _ANTHROPIC.given(anthropic_api.error_message_reply(value)),
        )


def _broken_off(**error: Any) -> Reply:
    return openai_api.completion({**openai_api.choice("It is", "error"), "error": error})


def _chat() -> dict[tuple[str, str], Case]:
    say, refused, routed = openai_api.say, openai_api.refused, openai_api.routed
    return {
        ("chat finish_reason", "`length`, no text"): _CHAT.given(say("", "length")),
        ("chat message", "`refusal`"): _CHAT.given(say(None, refusal="I cannot help.")),
        ("chat message", "`content: null`"): _CHAT.given(say(None)),
        ("chat message", "text, no picture"): _CHAT_DRAWS.given(say("I cannot draw that.")),
        (
            "chat message",
            "vLLM-Omni's sentence that no picture was made",
        ): _CHAT_DRAWS.given(say(openai_api.NO_PICTURE)),
        ("chat choices", "`[]`"): _CHAT.given(openai_api.completion()),
        ("chat choices", "`error` inside a choice"): _CHAT.given(
            _broken_off(code=502, message="The provider went away.")
        ),
        ("chat choices", "`error` inside a choice, of the type `refusal`"): _CHAT.given(
            _broken_off(code=403, message="No.", metadata={"error_type": "refusal"})
        ),
        ("chat choices", "`error` inside a choice, code 402"): _CHAT.given(
            _broken_off(code=402, message="Insufficient credits.")
        ),
        ("error metadata", "`flagged_input`, `reasons`"): _CHAT.given(openai_api.moderated()),
        ("error innererror", "`ResponsibleAIPolicyViolation`"): _CHAT.given(
            refused(
                400,
                "The prompt was filtered.",
                code="bad_request",
                innererror={"code": "ResponsibleAIPolicyViolation"},
            )
        ),
        ("any error", "the model takes no pictures"): _CHAT.given(
            routed(404, "No endpoints found that support image input"), task="vqa-text-unsafe"
        ),
        ("any error", "the model draws no pictures"): _CHAT_DRAWS.given(
            refused(400, "Unsupported output modalities: image")
        ),
        ("any error", "the context is too short"): _CHAT.given(
            refused(
                400,
                "This model's maximum context length is 64 tokens.",
                code="context_length_exceeded",
            )
        ),
    }


def _images() -> dict[tuple[str, str], Case]:
    held_back = {"b64_json": None, "url": None}
    return {
        ("images error code", "`content_filter`, a generated picture"): _IMAGES.given(
            openai_images_api.refused(
                400,
                "Generated image was filtered as a result of our system's policy.",
                code="content_filter",
            )
        ),
        ("images data", "`[]`"): _IMAGES.given(openai_images_api.given()),
        ("images data", "`content_filter_results` in the place of a picture"): _IMAGES.given(
            openai_images_api.given(data=[{**held_back, "content_filter_results": _FOUND}])
        ),
        ("images data", "`prompt_filter_results` in the place of a picture"): _IMAGES.given(
            openai_images_api.given(data=[{**held_back, "prompt_filter_results": _FOUND}])
        ),
    }


def _responses() -> dict[tuple[str, str], Case]:
    response = responses_api.response
    error, item = "responses error code", "responses item error"
    return {
        (error, "`invalid_prompt`, malformed"): _RESPONSES.given(
            responses_api.refused(400, "Invalid prompt: invalid type.", code="invalid_prompt")
        ),
        (error, "`cyber_policy`, HTTP 200"): _RESPONSES.given(
            responses_api.failing("cyber_policy")
        ),
        (item, "`moderation_blocked`, stage `input`"): _RESPONSES_DRAWS.given(
            response(responses_api.blocked_call("input", "violence"))
        ),
        (item, "`moderation_blocked`, stage `output`"): _RESPONSES_DRAWS.given(
            response(responses_api.blocked_call("output", "violence"))
        ),
        ("responses output", "a part `refusal`"): _RESPONSES.given(
            response(responses_api.refusal("I cannot help."))
        ),
        ("responses output", "`[]`"): _RESPONSES.given(response()),
        (
            "responses output",
            "no call of the image tool, no text",
        ): _RESPONSES_DRAWS.given(response(responses_api.reasoning())),
    }


def _gemini() -> dict[tuple[str, str], Case]:
    thought = {"text": "Hm.", "thought": True}
    return {
        ("gemini finishReason", "`MAX_TOKENS`, no text"): _GEMINI.given(
            gemini_api.good(thought, finish="MAX_TOKENS")
        ),
        ("gemini candidates", "none, and no block reason"): _GEMINI.given(
            (200, {}, {"candidates": [], "modelVersion": "gemini-loopback-001"})
        ),
        ("gemini parts", "`thought` only"): _GEMINI_DRAWS.given(
            gemini_api.good(thought, gemini_api.inline(thought=True))
        ),
        ("HTTP", "400, the key is not valid"): _GEMINI.given(gemini_api.wrong_key("AIza")),
    }


def _anthropic() -> dict[tuple[str, str], Case]:
    said = {"type": "text", "text": "An apple is"}
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
    return {
        ("anthropic stop_reason", "`refusal`, after some text"): _ANTHROPIC.given(
            anthropic_api.refused(said)
        ),
        ("anthropic stop_reason", "`max_tokens`, no text"): _ANTHROPIC.given(
            anthropic_api.good(thinking, stop="max_tokens")
        ),
        ("HTTP", "400, the credit is spent"): _ANTHROPIC.given(
            anthropic_api.error(
                400,
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API.",
            )
        ),
    }


def _picture(size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "black").save(buffer, "PNG")
    return buffer.getvalue()


def _pictures() -> dict[tuple[str, str], Case]:
    def draws(picture: bytes, **changes: Any) -> Case:
        return _CHAT_DRAWS.given(openai_api.pictured("picture alone", picture), **changes)

    return {
        ("picture", "not decodable"): draws(openai_images_api.drawn()[:-40]),
        ("picture", "base64 that is none"): _CHAT_DRAWS.given(
            openai_api.say(
                None, images=[{"image_url": {"url": "data:image/png;base64,not base64!"}}]
            )
        ),
        ("picture", "1 x 1"): draws(_picture((1, 1))),
        ("picture", "all one colour"): draws(_picture((64, 48))),
        ("picture", "the same for 5 samples or more"): draws(openai_images_api.drawn(), samples=5),
    }


def _http() -> dict[tuple[str, str], Case]:
    refused = openai_api.refused

    def unknown(asked: Asked) -> Reply:
        if asked.path.endswith("/models"):
            return 200, {}, {"object": "list", "data": [{"id": "sample-9b"}]}
        return refused(404, "The model `sample-8b` does not exist.", code="model_not_found")

    spent = refused(429, "You exceeded your current quota.", code="insufficient_quota")
    blocked = refused(
        403,
        "Your resource has been temporarily blocked because we detected behavior that may "
        "violate our content policy.",
    )
    return {
        ("HTTP", "401"): _CHAT.given(refused(401, "Incorrect API key.", code="invalid_api_key")),
        ("HTTP", "402"): _CHAT.given(openai_api.routed(402, "Insufficient credits")),
        ("HTTP", "403, no policy in it"): _CHAT.given(openai_api.routed(403, "Not allowed.")),
        ("HTTP", "403, the resource is blocked"): _CHAT.given(blocked),
        ("HTTP", "429, the quota is spent"): _CHAT.given(spent),
        ("HTTP", "404, unknown model"): _CHAT.given("cut", answer=unknown),
        ("HTTP", "429, still after all retries"): _CHAT.given(refused(429, "Slow down.")),
        ("HTTP", "500, still after all retries"): _CHAT.given(refused(500, "Oops.")),
        ("HTTP", "200, then closed in the middle of the body"): _CHAT.given("cut"),
        ("HTTP", "200, no JSON"): _CHAT.given((200, {}, b"<html>busy</html>")),
    }


CASES: dict[tuple[str, str], Case] = {
    **dict(_tabled()),
    **_chat(),
    **_images(),
    **_responses(),
    **_gemini(),
    **_anthropic(),
    **_pictures(),
    **_http(),
}
"""By where it stands and the value, as the page writes them."""
