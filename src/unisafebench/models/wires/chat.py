"""The wire of chat completions: answers in text, and pictures where a server gives them there.

Pictures come back in several shapes: `message.images[]` (OpenRouter), `message.content` as a list,
text and picture as two choices of the same index (vLLM-Omni). All choices of index 0 are one
answer.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.core.records import Usage
from unisafebench.endpoints.chat import LIMIT_RENAMED
from unisafebench.endpoints.classify import failure_of_status
from unisafebench.endpoints.learning import Alternative, Body, without
from unisafebench.endpoints.replies import Reply
from unisafebench.media.pictures import Picture
from unisafebench.models.api import Call, Found
from unisafebench.models.base import Request
from unisafebench.models.endings import Place, ending
from unisafebench.models.wires.blocks import block_of_call, block_of_object, small_facts
from unisafebench.models.wires.fields import counted, laid_over, mapping_of, tokens, word_of
from unisafebench.models.wires.pictures import find_pictures, split_markdown
from unisafebench.models.wires.settings import WireSettings

__all__ = ["ACCEPTED", "NO_PICTURE", "PICTURES_ALONE", "ChatWire"]

ACCEPTED = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
"""The types of pictures that OpenAI, OpenRouter, vLLM and SGLang take."""
NO_PICTURE = "Image generation completed but no images were produced."
"""vLLM-Omni's sentence for a picture that was not made; it is sent as if it were an answer."""

_PLACE: Place = "chat finish_reason"
_LIMITS = ("max_tokens", "max_completion_tokens")
_SYSTEM_ROLES = ("system", "developer")
_NO_SYSTEM = ("messages[0].role", "'system'", "system role", "role system", "system message")
_NO_DEVELOPER = (*_NO_SYSTEM, "developer", "roles must alternate", "unexpected role")


class ChatWire:
    """`/chat/completions` for text, or for pictures when it draws.

    Args:
        settings: what every call is made with.
        draws: whether pictures are asked for.
        accepts: MIME types of pictures that the server takes.
    """

    content = frozenset({"messages"})

    def __init__(
        self, settings: WireSettings, draws: bool = False, *, accepts: frozenset[str] = ACCEPTED
    ) -> None:
        self.settings = settings
        self.draws = draws
        self.accepts = accepts

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """What a server's errors may teach; a field that the user has set is never left out."""
        given = self.settings.extra
        optional = (without(name) for name in ("temperature", "seed") if name not in given)
        return (LIMIT_RENAMED, *optional, _DEVELOPER, _IN_USER_TEXT, PICTURES_ALONE)

    def call(self, request: Request, pictures: Sequence[Picture]) -> Call:
        """Return the request: the prompt, then the pictures as data URLs."""
        settings = self.settings
        body: Body = {"model": settings.model, "messages": self._messages(request, pictures)}
        if self.draws and settings.modalities:
            body["modalities"] = list(settings.modalities)
        if not any(name in settings.extra for name in _LIMITS):
            body["max_tokens"] = settings.max_tokens
        body["temperature"] = settings.temperature
        body["top_p"] = settings.top_p
        body["seed"] = request.seed if settings.send_seed else None
        sent = {name: value for name, value in body.items() if value is not None}
        return Call(path="/chat/completions", body=laid_over(sent, settings.extra))

    def read(self, reply: Reply) -> Found:
        """Return what an answer holds; see `Wire.read`."""
        choices = _first_choices(reply.body)
        facts = _facts(reply, choices)
        common: dict[str, Any] = {
            "usage": _usage(reply.body),
            "served_model": word_of(reply.body.get("model")),
        }
        if not choices:
            return Found(stop_reason="no_choices", details=facts, **common)
        messages = [choice["message"] for choice in choices]
        text, pictures, no_picture = self._content(messages)
        refusal = _joined(word_of(message.get("refusal")) for message in messages)
        stop = _stop_reason([word_of(choice.get("finish_reason")) for choice in choices])
        block = _failure(choices, stop)
        if block is not None:
            return msgspec.structs.replace(
                block,
                text=_joined((text, refusal)),
                pictures=pictures,
                details={**facts, **block.details},
                **common,
            )
        if refusal:
            stop = "refusal"
        elif no_picture and not pictures:
            stop = "no_image"
        return Found(
            text=_joined((text, refusal)),
            pictures=pictures,
            stop_reason=stop,
            details=facts,
            **common,
        )

    def ended(self, error: EndpointError) -> Found | None:
        """Return the block that an error means; see `Wire.ended`."""
        return block_of_call(error)

    def _messages(self, request: Request, pictures: Sequence[Picture]) -> list[dict[str, Any]]:
        prompt = self.settings.prompt(request.sample.prompt)
        content: str | list[dict[str, Any]] = prompt
        if pictures:
            content = [{"type": "text", "text": prompt}, *(_image_part(p) for p in pictures)]
        messages = [{"role": "user", "content": content}]
        if self.settings.system and not self.settings.system_in_text:
            messages.insert(0, {"role": "system", "content": self.settings.system})
        return messages

    def _content(
        self, messages: Sequence[Mapping[str, Any]]
    ) -> tuple[str | None, tuple[bytes | str, ...], bool]:
        """Return text, pictures, and whether the server says that it made no picture."""
        texts = [_text_of(message.get("content")) for message in messages]
        no_picture = any(text.strip() == NO_PICTURE for text in texts)
        text = _joined(text for text in texts if text.strip() != NO_PICTURE)
        pictures = find_pictures(list(messages))
        if text and self.settings.markdown_images:
            rest, inside = split_markdown(text)
            text, pictures = rest or None, tuple(dict.fromkeys((*pictures, *inside)))
        return text, pictures, no_picture


def _asks_for_both(body: Body) -> bool:
    return {"image", "text"} <= set(body.get("modalities") or ())


# A model that draws and does not write is not served to a request for both.
PICTURES_ALONE = Alternative(
    label="no text modality",
    names=("output modality", "output modalities", "response modalities"),
    applies=_asks_for_both,
    change=lambda body: {**body, "modalities": ["image"]},
)


def _first_role(body: Body) -> Any:
    messages = body.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    return first.get("role") if isinstance(first, Mapping) else None


def _as_developer(body: Body) -> Body:
    first, *rest = body["messages"]
    return {**body, "messages": [{**first, "role": "developer"}, *rest]}


def _into_user_text(body: Body) -> Body:
    first, user, *rest = body["messages"]
    content = user["content"]
    if isinstance(content, str):
        joined: Any = f"{first['content']}\n\n{content}"
    else:
        joined = [{"type": "text", "text": first["content"]}, *content]
    return {**body, "messages": [{**user, "content": joined}, *rest]}


_DEVELOPER = Alternative(
    label="system prompt as developer",
    names=_NO_SYSTEM,
    applies=lambda body: _first_role(body) == "system",
    change=_as_developer,
)
_IN_USER_TEXT = Alternative(
    label="system prompt in the user's text",
    names=_NO_DEVELOPER,
    applies=lambda body: _first_role(body) in _SYSTEM_ROLES,
    change=_into_user_text,
)


def _image_part(picture: Picture) -> dict[str, Any]:
    encoded = base64.b64encode(picture.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{picture.mime};base64,{encoded}"}}


def _first_choices(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the choices that make up the one answer asked for, each with a message."""
    choices = body.get("choices")
    if not isinstance(choices, list):
        raise ValueError("the answer has no choices, so it is none of a chat completion")
    for choice in choices:
        # An answer that failed may come without a message.
        if isinstance(choice, dict) and choice.get("error") and "message" not in choice:
            choice["message"] = {}
        if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
            raise ValueError("the answer has a choice without a message")
    return [choice for choice in choices if choice.get("index", 0) in (0, None)] or choices[:1]


def _stop_reason(reasons: Sequence[str | None]) -> str | None:
    """Return the reason that says most: a block, a failure, a cut, then any other."""
    said = [reason for reason in reasons if reason]
    for means in ("blocked", "failed"):
        for reason in said:
            if ending(_PLACE, reason).means == means:
                return reason
    return "length" if "length" in said else next(reversed(said), None)


def _failure(choices: Sequence[Mapping[str, Any]], stop: str | None) -> Found | None:
    """Return the block that ended an answer, or None when it ended well.

    Raises:
        ValueError: the call failed after the model had begun.
        EndpointUnusableError: the account is shut.
    """
    errors = [choice["error"] for choice in choices if isinstance(choice.get("error"), Mapping)]
    for error in errors:
        block = block_of_object(error)
        if block is not None:
            return block
    means = ending(_PLACE, stop)
    if means.means == "blocked":
        return Found(status="blocked", stop_reason=stop, blocked_side=means.side)
    for error in errors:
        failure = failure_of_status(200, {}, "", {"error": error})
        if failure.kind == "endpoint":
            raise EndpointUnusableError(
                f"the provider stopped the account: {failure.message}",
                status=failure.status,
                code=failure.code,
            )
        raise ValueError(f"the provider says that the answer failed: {failure.message}")
    if means.means == "failed":
        raise ValueError(f"the provider says that the answer failed (finish_reason {stop!r})")
    return None


def _usage(body: Mapping[str, Any]) -> Usage | None:
    usage = mapping_of(body.get("usage"))
    return tokens([counted(usage.get("prompt_tokens"))], [counted(usage.get("completion_tokens"))])


def _facts(reply: Reply, choices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    body = reply.body
    native = [choice.get("native_finish_reason") for choice in choices]
    filters = [choice.get("content_filter_results") for choice in choices]
    return small_facts(
        {
            "request_id": reply.request_id,
            "id": word_of(body.get("id")),
            "provider": word_of(body.get("provider")),
            "system_fingerprint": word_of(body.get("system_fingerprint")),
            "native_finish_reason": next((reason for reason in native if reason), None),
            "content_filter_results": next((result for result in filters if result), None),
            "prompt_filter_results": body.get("prompt_filter_results"),
            "moderation": body.get("moderation"),
        }
    )


def _text_of(content: Any) -> str:
    """Return the text of a content; parts that hold thoughts or pictures are none."""
    if isinstance(content, str):
        return content
    found: list[Any] = []
    for part in content if isinstance(content, list) else []:
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, Mapping) and part.get("type") in (None, "text", "output_text"):
            found.append(part.get("text"))
        elif isinstance(part, Mapping) and part.get("type") == "refusal":
            found.append(part.get("refusal"))
    return "".join(text for text in found if isinstance(text, str))


def _joined(texts: Iterable[str | None]) -> str | None:
    return "\n".join(text for text in texts if text) or None
