"""OpenAI's Responses API: answers in text, and pictures that a chat model has its tool draw.

With the tool a system is measured and not one model: the chat model decides whether to draw and
writes the image model's prompt anew.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from unisafebench.core.errors import EndpointError
from unisafebench.core.records import Usage
from unisafebench.endpoints.learning import Alternative, Body, without
from unisafebench.endpoints.replies import Reply
from unisafebench.media.pictures import Picture
from unisafebench.models.api import Call, Found
from unisafebench.models.base import Request
from unisafebench.models.endings import Ending, Place, ending
from unisafebench.models.wires.blocks import small_facts
from unisafebench.models.wires.fields import counted, mapping_of, mappings_in, tokens, word_of
from unisafebench.models.wires.moderation import block_of, block_of_error, in_place_of
from unisafebench.models.wires.pictures import find_pictures, split_markdown
from unisafebench.models.wires.settings import WireSettings

__all__ = ["SYSTEM_CLASS", "ResponsesWire"]

SYSTEM_CLASS = "chat model with an image tool"
"""What is measured where this wire draws, for the manifest."""

_STATUS: Place = "responses status"
_INCOMPLETE: Place = "responses incomplete reason"
_ERROR: Place = "responses error code"
_ITEM: Place = "responses item error"
_TOOL = "image_generation"
_DRAWN = "image_generation_call"
_KINDS = ("message", "reasoning", _DRAWN)
# OpenRouter gives the filter's code to requests that are malformed; only the message tells.
_POLICY_WORDS = ("policy", "policies", "safety", "flagged")


class ResponsesWire:
    """`/responses` for text, or for pictures when it draws.

    The user's further fields go into the body, or into the tool's object when it draws.

    Args:
        settings: what every call is made with.
        draws: whether the model gets the image tool.
    """

    content = frozenset({"input", "instructions"})
    accepts = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})

    def __init__(self, settings: WireSettings, draws: bool = False) -> None:
        self.settings = settings
        self.draws = draws

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """What servers and models differ in."""
        return (without("temperature"), _NO_ACTION)

    def call(self, request: Request, pictures: Sequence[Picture]) -> Call:
        """Return the request: the prompt, then the pictures as data URLs."""
        settings = self.settings
        prompt = settings.prompt(request.sample.prompt)
        parts = [{"type": "input_text", "text": prompt}, *(_image_part(p) for p in pictures)]
        body: Body = {
            "model": settings.model,
            "input": [{"role": "user", "content": parts}],
            "instructions": None if settings.system_in_text else settings.system,
            "max_output_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "store": False,
        }
        sent = {name: value for name, value in body.items() if value is not None}
        if not self.draws:
            return Call(path="/responses", body={**sent, **settings.extra})
        tool = {"type": _TOOL, "action": "edit" if pictures else "generate", **settings.extra}
        return Call(path="/responses", body={**sent, "tools": [tool]})

    def read(self, reply: Reply) -> Found:
        """Return what an answer holds; see `Wire.read`."""
        body = reply.body
        if not isinstance(body.get("output"), list):
            raise ValueError("the answer has no output, so it is none of the Responses API")
        items = mappings_in(body["output"])
        text, pictures, refused = self._content(items)
        blocks = [block for item in items if (block := _block(item)) is not None]
        found = Found(
            text=text,
            pictures=pictures,
            stop_reason=self._stop_reason(body, items, bool(text or pictures), refused=refused),
            usage=_usage(body),
            served_model=word_of(body.get("model")),
            details=_details(reply, items),
        )
        block = _cut_off(body) or (blocks[-1] if blocks and not pictures else None)
        if block is not None:
            return in_place_of(found, block)
        _check_failure(body, items, given=bool(text or pictures))
        return found

    def ended(self, error: EndpointError) -> Found | None:
        """Return the block that an error means; see `Wire.ended`."""
        if error.code == "invalid_prompt":
            message = f"{error.details.get('message') or error}".casefold()
            if not any(word in message for word in _POLICY_WORDS):
                return None
        return block_of_error(error, _ERROR)

    def _content(
        self, items: Sequence[Mapping[str, Any]]
    ) -> tuple[str | None, tuple[bytes | str, ...], bool]:
        """Return text, pictures, and whether the model refused in its own field."""
        parts = [
            part
            for item in items
            if item.get("type") == "message"
            for part in mappings_in(item.get("content"))
        ]
        texts = [word_of(part.get("text")) for part in parts if part.get("type") == "output_text"]
        refusals = [word_of(part.get("refusal")) for part in parts if part.get("type") == "refusal"]
        text = "\n".join(said for said in (*texts, *refusals) if said)
        # A call that failed may have an empty result.
        pictures = find_pictures([item for item in items if item.get("result") != ""])
        if text and self.settings.markdown_images:
            text, inside = split_markdown(text)
            pictures = tuple(dict.fromkeys((*pictures, *inside)))
        return text or None, pictures, any(refusals)

    def _stop_reason(
        self,
        body: Mapping[str, Any],
        items: Sequence[Mapping[str, Any]],
        given: bool,
        *,
        refused: bool,
    ) -> str | None:
        cut = word_of(mapping_of(body.get("incomplete_details")).get("reason"))
        if cut is not None:
            return cut
        if refused:
            return "refusal"
        if given:
            return word_of(body.get("status"))
        if any(item.get("type") not in _KINDS for item in items):
            return "tool_calls"
        return "no_image" if self.draws else "no_output"


def _tools(body: Body) -> list[Body]:
    tools = body.get("tools")
    return tools if isinstance(tools, list) else []


_NO_ACTION = Alternative(
    label="no action",
    names=("tools[0].action", "tools.0.action", "'action'", "`action`"),
    applies=lambda body: any("action" in tool for tool in _tools(body)),
    change=lambda body: {
        **body,
        "tools": [
            {name: value for name, value in tool.items() if name != "action"}
            for tool in _tools(body)
        ],
    },
)


def _image_part(picture: Picture) -> dict[str, Any]:
    encoded = base64.b64encode(picture.data).decode()
    url = f"data:{picture.mime};base64,{encoded}"
    return {"type": "input_image", "image_url": url, "detail": "auto"}


def _block(item: Mapping[str, Any]) -> Found | None:
    error = item.get("error")
    return block_of(error, _ITEM) if isinstance(error, Mapping) else None


def _cut_off(body: Mapping[str, Any]) -> Found | None:
    """Return the block that cut an answer off; None when a filter did not."""
    reason = word_of(mapping_of(body.get("incomplete_details")).get("reason"))
    meaning: Ending = ending(_INCOMPLETE, reason)
    if meaning.means != "blocked":
        return None
    return Found(status="blocked", stop_reason=reason, blocked_side=meaning.side)


def _check_failure(
    body: Mapping[str, Any], items: Sequence[Mapping[str, Any]], *, given: bool
) -> None:
    """Raise ValueError for an answer that failed and was stopped by no filter."""
    status = word_of(body.get("status"))
    if ending(_STATUS, status).means == "failed":
        raise ValueError(f"the provider says that the answer failed (status {status!r})")
    failed = [
        item for item in items if item.get("type") == _DRAWN and item.get("status") == "failed"
    ]
    if failed and not given:
        message = word_of(mapping_of(failed[-1].get("error")).get("message")) or "no reason given"
        raise ValueError(f"the provider says that its image tool failed: {message}")


def _usage(body: Mapping[str, Any]) -> Usage | None:
    usage = mapping_of(body.get("usage"))
    return tokens([counted(usage.get("input_tokens"))], [counted(usage.get("output_tokens"))])


def _details(reply: Reply, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    body = reply.body
    drawn = [item for item in items if item.get("type") == _DRAWN]
    revised = [text for item in drawn if (text := word_of(item.get("revised_prompt")))]
    tool = next((tool for tool in mappings_in(body.get("tools")) if tool.get("type") == _TOOL), {})
    spent = mapping_of(mapping_of(body.get("tool_usage")).get("image_gen"))
    image_tokens = [counted(spent.get(name)) for name in ("input_tokens", "output_tokens")]
    return small_facts(
        {
            "request_id": reply.request_id,
            "id": word_of(body.get("id")),
            "reasoning": sum(item.get("type") == "reasoning" for item in items) or None,
            "image_calls": len(drawn) or None,
            "image_model": word_of(tool.get("model")),
            # The image model's own tokens, which `usage` leaves out.
            "image_tokens": image_tokens if any(image_tokens) else None,
            "revised_prompt": "\n\n".join(revised),
            "moderation": body.get("moderation"),
        }
    )
