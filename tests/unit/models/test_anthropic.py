"""Anthropic's models over a real server on loopback, held against its own client and types."""

import base64
import io
from typing import Any, get_args

import anthropic
import pytest
from anthropic.types import Message, StopReason
from anthropic.types.shared import ErrorResponse
from anthropic_api import (
    GOOD,
    KEY,
    WORDS,
    ask,
    error,
    error_message_reply,
    good,
    message,
    model_at,
    refused,
    stop_reason_reply,
)
from PIL import Image
from serving import ApiServer

from unisafebench.core.tasks import TASKS
from unisafebench.media.pictures import check_picture
from unisafebench.models.base import Request
from unisafebench.models.endings import ENDINGS
from unisafebench.testing import check_model, example_requests

_TEXT = example_requests(TASKS["text-generation"])[0]
_SEE = example_requests(TASKS["vqa-text-unsafe"])[0]
_STOPPED = ENDINGS["anthropic stop_reason"]


async def test_a_text_is_asked_for_and_read() -> None:
    """The whole body, the path and the headers; text, usage, model and ids come back."""
    output, (asked,) = await ask(GOOD, _TEXT)
    assert (asked.method, asked.path) == ("POST", "/v1/messages")
    assert asked.headers["x-api-key"] == KEY
    assert asked.headers["anthropic-version"] == "2023-06-01"
    assert "Authorization" not in asked.headers
    assert asked.body == {
        "model": "claude-loopback",
        "max_tokens": 4096,
        "temperature": 0.0,
        "messages": [{"role": "user", "content": [{"type": "text", "text": _TEXT.sample.prompt}]}],
    }
    assert (output.text, output.images, output.status) == ("An apple is a fruit.", (), "completed")
    assert (output.stop_reason, output.served_model) == ("end_turn", "claude-loopback-20260101")
    assert output.usage is not None
    assert (output.usage.input_tokens, output.usage.output_tokens) == (16, 7)
    assert output.sent == {"model": "claude-loopback", "max_tokens": 4096, "temperature": 0.0}
    assert output.details == {"request_id": "req_01loopback", "id": "msg_01loopback"}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_pictures_are_sent_as_they_are(kind: str) -> None:
    """All four types that the API takes go out byte for byte, before the text."""
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7), "red").save(buffer, kind)
    picture = check_picture(buffer.getvalue())
    request = Request(sample=_SEE.sample, task=_SEE.task, pictures=(picture,))
    output, (asked,) = await ask(GOOD, request)
    image, words = asked.body["messages"][0]["content"]
    assert (image["type"], image["source"]["type"]) == ("image", "base64")
    assert image["source"]["media_type"] == f"image/{kind.lower()}"
    assert base64.b64decode(image["source"]["data"]) == buffer.getvalue()
    assert words == {"type": "text", "text": _SEE.sample.prompt}
    assert [seen.sha256 for seen in output.pictures_sent] == [picture.sha256]


async def test_thinking_is_no_output() -> None:
    """Text blocks are joined; thinking is counted, other blocks are named."""
    answer = good(
        {"type": "thinking", "thinking": "An apple?", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "eHh4"},
        {"type": "text", "text": "An apple "},
        {"type": "text", "text": "is a fruit."},
        {"type": "tool_use", "id": "toolu_01", "name": "search", "input": {}},
    )
    output, _ = await ask(answer, _TEXT)
    assert output.text == "An apple is a fruit."
    assert output.details["thoughts"] == 2
    assert output.details["other_parts"] == ["tool_use"]


@pytest.mark.parametrize("reason", _STOPPED)
async def test_every_stop_reason(reason: str) -> None:
    """Completed or blocked as the table says, the provider's own word kept."""
    output, _ = await ask(stop_reason_reply(reason), _TEXT)
    assert output.status == _STOPPED[reason].means
    assert output.blocked_side == _STOPPED[reason].side
    assert output.stop_reason == reason


async def test_calls_of_tools_alone_are_an_empty_answer() -> None:
    """There is no text, and the reason says why."""
    output, _ = await ask(stop_reason_reply("tool_use"), _TEXT)
    assert (output.status, output.text, output.stop_reason) == ("completed", None, "tool_use")


async def test_a_refusal_before_any_answer_is_of_an_unknown_side() -> None:
    """The API does not say whether it read more than the prompt."""
    output, _ = await ask(refused(), _TEXT)
    assert (output.status, output.blocked_side, output.text) == ("blocked", "unknown", None)
    assert (output.stop_reason, output.error) == (
        "refusal",
        "The request could be related to harm.",
    )
    assert output.details["stop_details"] == {
        "type": "refusal",
        "category": "general_harms",
        "explanation": "The request could be related to harm.",
    }


async def test_a_refusal_in_the_middle_is_of_the_output() -> None:
    """What had come before it is kept; without an explanation there is none."""
    output, _ = await ask(refused({"type": "text", "text": "First you"}, category=None), _TEXT)
    assert (output.status, output.blocked_side, output.text) == ("blocked", "output", "First you")
    assert output.error is None
    assert output.details["stop_details"] == {"type": "refusal"}


@pytest.mark.parametrize("told", ENDINGS["anthropic error message"])
async def test_a_filtered_answer_may_come_as_an_error(told: str) -> None:
    """Only the message tells it from a mistake in the request."""
    output, asked = await ask(error_message_reply(told), _TEXT)
    assert (output.status, output.blocked_side) == ("blocked", "output")
    assert (output.stop_reason, output.error) == (told, told)
    assert output.details == {"http_status": 400, "code": "invalid_request_error"}
    assert len(asked) == 1


async def test_a_gateways_filter_is_a_block() -> None:
    """Services that offer this API for others' models have codes of their own."""
    output, _ = await ask(error(403, "content_policy_violation", "This was flagged."), _TEXT)
    assert (output.status, output.blocked_side) == ("blocked", "unknown")
    assert (output.stop_reason, output.error) == ("content_policy_violation", "This was flagged.")


def test_the_table_has_every_stop_reason_of_the_client() -> None:
    """None of those that Anthropic's client knows is missing, and none has another name."""
    assert set(_STOPPED) == set(get_args(StopReason))


@pytest.mark.parametrize(
    "body",
    [
        message(WORDS),
        *(stop_reason_reply(reason)[2] for reason in _STOPPED),
        refused({"type": "text", "text": "First you"}, category=None)[2],
    ],
)
def test_the_samples_are_messages_to_the_client(body: dict[str, Any]) -> None:
    """Anthropic's own types take every answer that these tests are made of."""
    Message.model_validate(body, strict=True)


@pytest.mark.parametrize(
    "kind",
    ["invalid_request_error", "authentication_error", "not_found_error", "overloaded_error"],
)
def test_the_errors_are_errors_to_the_client(kind: str) -> None:
    """Anthropic's own types take them."""
    ErrorResponse.model_validate(error(400, kind, "No.")[2], strict=True)


async def test_the_request_is_what_the_client_sends() -> None:
    """The same call made with Anthropic's client: same body, path and version."""
    with ApiServer(lambda _: GOOD) as server:
        model = model_at(
            server.root,
            system="Be brief.",
            max_tokens="2000",
            temperature="default",
            version="2026-10-21",
            body__output_config='{"effort": "low"}',
        )
        await model.generate(_SEE)
        await model.aclose()
        picture = _SEE.pictures[0]
        with anthropic.Anthropic(api_key=KEY, base_url=server.root) as client:
            client.messages.create(
                model="claude-loopback",
                max_tokens=2000,
                system="Be brief.",
                output_config={"effort": "low"},
                messages=[
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "image",
                                "source": {
                                    "type": "base64",
                                    "media_type": "image/png",
                                    "data": base64.b64encode(picture.data).decode(),
                                },
                            },
                            {"type": "text", "text": _SEE.sample.prompt},
                        ],
                    }
                ],
            )
    ours, theirs = server.asked
    assert (ours.path, ours.body) == (theirs.path, theirs.body)
    # Its key goes into another header, beside which the API still takes this one.
    assert ours.headers["anthropic-version"] == theirs.headers["anthropic-version"]


@pytest.mark.parametrize(
    "content", [[], [None, 3, {}, {"type": "text"}, {"type": "text", "text": 5}]]
)
async def test_an_answer_without_text_is_empty(content: list[Any]) -> None:
    """Nothing of a wrong type is taken for content, and nothing raises."""
    body = {
        "content": content,
        "stop_reason": None,
        "stop_details": 3,
        "usage": {"input_tokens": -1},
    }
    output, _ = await ask((200, {}, body), _TEXT)
    assert (output.status, output.text, output.stop_reason) == ("completed", None, None)
    assert output.usage is None


async def test_it_is_a_conforming_adapter() -> None:
    """Over the five tasks that it can do, with its key looked for everywhere."""
    with ApiServer(lambda _: GOOD) as server:
        counts = await check_model(model_at(server.root), secrets=[KEY])
    text_tasks = [task for task in TASKS if TASKS[task].output == "text"]
    assert counts == {task: {"completed": 4} for task in text_tasks}
