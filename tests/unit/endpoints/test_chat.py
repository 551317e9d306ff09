"""The chat endpoint: what it sends, what it learns, and what it makes of an answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from loopback import LoopbackServer, Reply, error, say

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.core.records import Usage
from unisafebench.endpoints.base import ChatAnswer, ChatRequest
from unisafebench.endpoints.chat import ChatEndpoint
from unisafebench.endpoints.http import HttpEndpoint, Limits

Quick = Callable[..., Limits]
_SCHEMA = {"type": "object", "properties": {"result": {"type": "integer"}}}
_ASKED = ChatRequest(
    messages=({"role": "user", "content": "What temperature has lava?"},),
    max_tokens=64,
    schema=_SCHEMA,
)


async def _complete(
    url: str, limits: Limits, *, model: str = "judge-8b", calls: int = 1
) -> tuple[ChatEndpoint, ChatAnswer]:
    """Ask the same question so many times, one after the other; return the last answer."""
    chat = ChatEndpoint(HttpEndpoint(url, api_key=None, limits=limits), model)
    try:
        for _ in range(calls):
            answer = await chat.complete(_ASKED)
    finally:
        await chat.aclose()
    return chat, answer


async def _answer_to(reply: Reply, quick: Quick) -> ChatAnswer:
    with LoopbackServer(lambda _: reply) as server:
        return (await _complete(server.url, quick(max_retries=0)))[1]


async def test_a_request_is_sent_as_it_was_made(quick: Quick) -> None:
    """Model, messages, limit, temperature 0 and the schema, all in one request."""
    with LoopbackServer(lambda _: say("fine")) as server:
        chat, answer = await _complete(server.url, quick())
    assert server.bodies == [
        {
            "model": "judge-8b",
            "messages": [{"role": "user", "content": "What temperature has lava?"}],
            "max_tokens": 64,
            "temperature": 0.0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": _SCHEMA},
            },
        }
    ]
    assert answer == ChatAnswer(
        text="fine",
        finish_reason="stop",
        model="loopback-judge-2026-01",
        usage=Usage(input_tokens=11, output_tokens=7),
    )
    assert chat.learned == {
        "limit_field": "max_tokens",
        "temperature": True,
        "structured_output": "json_schema",
        "path": "/chat/completions",
    }


def _only_takes(
    *, limit: str = "max_tokens", temperature: bool = True, form: str = "json_schema"
) -> Callable[[dict[str, Any]], Reply]:
    """Return the `answer` of a server that takes these parameters and names any other."""

    def answer(body: dict[str, Any]) -> Reply:
        if "max_tokens" in body and limit != "max_tokens":
            return error(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                code="unsupported_parameter",
                param="max_tokens",
            )
        if "temperature" in body and not temperature:
            return error(400, "Unsupported value.", code="unsupported_value", param="temperature")
        sent = body.get("response_format", {}).get("type", "none")
        if sent not in (form, "none"):
            return error(400, f"response_format of type {sent} is not supported")
        return say("fine")

    return answer


@pytest.mark.parametrize(
    ("rules", "learned", "extra"),
    [
        ({"limit": "max_completion_tokens"}, {"limit_field": "max_completion_tokens"}, 1),
        ({"temperature": False}, {"temperature": False}, 1),
        ({"form": "json_object"}, {"structured_output": "json_object"}, 1),
        ({"form": "none"}, {"structured_output": "none"}, 2),
        (
            {"limit": "max_completion_tokens", "temperature": False, "form": "none"},
            {
                "limit_field": "max_completion_tokens",
                "temperature": False,
                "structured_output": "none",
            },
            4,
        ),
    ],
)
async def test_what_an_endpoint_does_not_take_is_learned_once(
    quick: Quick, rules: dict[str, Any], learned: dict[str, Any], extra: int
) -> None:
    """From its own errors, at one extra call for each; the next calls are right at once."""
    with LoopbackServer(_only_takes(**rules)) as server:
        chat, answer = await _complete(server.url, quick(), calls=3)
    assert answer.text == "fine"
    assert learned.items() <= chat.learned.items()
    assert len(server.bodies) == extra + 3
    assert server.bodies[-1] == server.bodies[extra]


async def test_calls_in_flight_learn_together(quick: Quick) -> None:
    """Eight calls meet the same three refusals at once, and all of them are answered."""
    rules = _only_takes(limit="max_completion_tokens", temperature=False, form="json_object")
    with LoopbackServer(rules, delay_s=0.01) as server:
        chat = ChatEndpoint(HttpEndpoint(server.url, api_key=None, limits=quick()), "judge-8b")
        answers = await asyncio.gather(*(chat.complete(_ASKED) for _ in range(8)))
        await chat.aclose()
    assert [answer.text for answer in answers] == ["fine"] * 8
    assert chat.learned["structured_output"] == "json_object"
    assert server.bodies[-1]["max_completion_tokens"] == 64
    assert "temperature" not in server.bodies[-1]


async def test_a_question_without_a_schema_sends_no_format(quick: Quick) -> None:
    """And an error about formats is then simply an error."""
    asked = msgspec.structs.replace(_ASKED, schema=None)
    with LoopbackServer(lambda _: error(400, "bad response_format")) as server:
        chat = ChatEndpoint(HttpEndpoint(server.url, api_key=None, limits=quick()), "judge-8b")
        with pytest.raises(EndpointError):
            await chat.complete(asked)
        await chat.aclose()
    assert len(server.bodies) == 1
    assert "response_format" not in server.bodies[0]


@pytest.mark.parametrize(
    "refusal",
    [
        (
            422,
            {},
            {
                "detail": [
                    {
                        "type": "missing",
                        "loc": ["body", "user"],
                        "msg": "Field required",
                        "input": {"temperature": 0.0, "max_tokens": 64, "response_format": {}},
                    }
                ]
            },
        ),
        error(400, "Rejected: 'What temperature has lava?'", code="content_policy_violation"),
        error(
            400, "max_tokens is too large: 64. This model supports at most 32.", param="max_tokens"
        ),
    ],
)
async def test_an_error_about_one_request_teaches_nothing(quick: Quick, refusal: Reply) -> None:
    """A repeated request, a prompt with such a word, one limit too large: nothing is dropped."""
    with LoopbackServer(lambda _: refusal) as server:
        chat = ChatEndpoint(HttpEndpoint(server.url, api_key=None, limits=quick()), "judge-8b")
        before = chat.learned
        with pytest.raises(EndpointError):
            await chat.complete(_ASKED)
        await chat.aclose()
    assert chat.learned == before
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("prefix", "tried"),
    [
        ("/v1", ["/v1/chat/completions"]),
        ("", ["/v1/chat/completions", "/chat/completions"]),
    ],
)
async def test_an_address_without_a_path_is_tried_under_v1_first(
    quick: Quick, prefix: str, tried: list[str]
) -> None:
    """Then at the root; where it was found is remembered."""
    with LoopbackServer(lambda _: say("fine"), prefix=prefix) as server:
        root = server.url.removesuffix("/v1")
        chat, _ = await _complete(f"{root}/", quick(), calls=2)
    assert server.paths == [*tried, tried[-1]]
    assert chat.learned["path"] == tried[-1]


async def test_an_address_with_a_path_is_taken_at_its_word(quick: Quick) -> None:
    """Nothing else is tried, and the message names the address."""
    with LoopbackServer(lambda _: say("fine")) as server:
        wrong = server.url.replace("/v1", "/v2")
        with pytest.raises(EndpointUnusableError, match="Check the address") as caught:
            await _complete(wrong, quick())
    assert server.paths == ["/v2/chat/completions", "/v2/models"]
    assert str(caught.value).startswith(f"{wrong}/chat/completions answered HTTP 404")


@pytest.mark.parametrize(
    "unknown",
    [
        error(404, "The model `qwen3-vl` does not exist.", code="model_not_found"),
        error(404, "Not Found"),
        error(400, "The model `qwen3-vl` does not exist."),
        error(400, "no", code="model_not_found"),
    ],
)
async def test_an_unknown_model_lists_the_near_ones_that_are_served(
    quick: Quick, unknown: Reply
) -> None:
    """The endpoint is asked what it serves; the message says what may have been meant."""
    with (
        LoopbackServer(lambda _: unknown, models=("Qwen3-VL-8B", "qwen3-vl-8b", "x")) as server,
        pytest.raises(EndpointUnusableError) as caught,
    ):
        await _complete(server.url, quick(), model="qwen3-vl")
    assert len(server.bodies) == 1
    assert str(caught.value).startswith(
        f"{server.url} does not know the model 'qwen3-vl'. Did you mean 'qwen3-vl-8b'"
    )


async def test_an_unknown_model_without_a_near_one_lists_what_is_served(quick: Quick) -> None:
    """The first ten of them."""
    names = tuple(f"served-{n}" for n in range(12))
    gone = error(404, "no such model")
    with (
        LoopbackServer(lambda _: gone, models=names) as server,
        pytest.raises(EndpointUnusableError) as caught,
    ):
        await _complete(server.url, quick(), model="qq")
    assert str(caught.value).endswith(f"It serves: {', '.join(names[:10])}.")


async def test_a_404_about_a_model_that_is_served_stays_as_it_is(quick: Quick) -> None:
    """The list has the model: then something else is wrong, and the server's words stand."""
    with (
        LoopbackServer(lambda _: error(404, "adapter gone"), models=("judge-8b",)) as server,
        pytest.raises(EndpointUnusableError, match="answered HTTP 404: adapter gone"),
    ):
        await _complete(server.url, quick())


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        (None, ""),
        ("", ""),
        ([{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}], "in parts"),
        ([{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "a"}], "a"),
        ([{"type": "text", "text": None}, "b", 3], ""),
        ({"text": "no list"}, ""),
    ],
)
async def test_content_is_text_or_parts_or_nothing(quick: Quick, content: Any, text: str) -> None:
    """The parts' texts are put together; null is an empty text, not an error."""
    reply = (200, {}, {"choices": [{"message": {"content": content}}]})
    assert (await _answer_to(reply, quick)).text == text


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (b'"a\\ud83d"', "a\ufffd"),
        (b'"\\udc00b"', "\ufffdb"),
        (b'"\\ud83d\\ude00 \\ud800"', "\U0001f600 \ufffd"),
        (b'"a\xed\xa0\x80"', "a\ufffd"),
    ],
)
async def test_lone_surrogates_become_a_mark(quick: Quick, sent: bytes, text: str) -> None:
    """Models produce them; no file could hold them. Whole pairs stay what they are."""
    body = b'{"choices": [{"message": {"content": ' + sent + b"}}]}"
    answer = await _answer_to((200, {}, body), quick)
    assert answer.text == text
    assert msgspec.json.decode(msgspec.json.encode(answer))["text"] == text


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {},
        {"prompt_tokens": 3},
        {"prompt_tokens": 3, "completion_tokens": None},
        {"prompt_tokens": "3", "completion_tokens": 4},
        {"prompt_tokens": True, "completion_tokens": 4},
        {"prompt_tokens": 3, "completion_tokens": -1},
    ],
)
async def test_usage_that_is_not_there_in_full_is_not_made_up(quick: Quick, usage: Any) -> None:
    """Absent or odd counts are no counts, and never an error."""
    body = {"choices": [{"message": {"content": "fine"}}], "usage": usage}
    answer = await _answer_to((200, {}, body), quick)
    assert (answer.text, answer.usage, answer.model) == ("fine", None, None)


async def test_the_providers_refusal_and_reason_are_kept(quick: Quick) -> None:
    """Its own refusal field, a cut-off answer and a filtered one are told apart."""
    refused = await _answer_to(say("", refusal="I cannot help with that."), quick)
    assert refused.refusal == "I cannot help with that."
    for reason, cut, filtered in [
        ("stop", False, False),
        ("length", True, False),
        ("content_filter", False, True),
    ]:
        body = {"choices": [{"message": {"content": "x"}, "finish_reason": reason}]}
        answer = await _answer_to((200, {}, body), quick)
        assert (answer.cut_off, answer.filtered) == (cut, filtered)
        assert answer.refusal is None
