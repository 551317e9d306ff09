"""What the user sets for Anthropic's models, and what fails before them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from anthropic_api import GOOD, KEY, WORDS, ask, error, model_at
from serving import ApiServer, Asked, Fault, Reply

from unisafebench.core.errors import EndpointError, EndpointUnusableError, UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.models.base import Capabilities, UnsupportedError
from unisafebench.testing import example_requests

_TEXT = example_requests(TASKS["text-generation"])[0]
_DRAW = example_requests(TASKS["text-to-image"])[0]
_SEE = example_requests(TASKS["vqa-text-unsafe"])[0]


def test_settings_and_capabilities_are_told_before_the_run() -> None:
    """No address and no key; it draws nothing, and sees unless it is said not to."""
    model = model_at("http://127.0.0.1:9", top_p="0.9", temperature="default")
    assert model.capabilities == Capabilities(image_input=True)
    assert model.settings == {
        "api": "messages",
        "version": "2023-06-01",
        "images": "no",
        "text": {
            "model": "claude-loopback",
            "max_tokens": 4096,
            "temperature": "provider's default",
            "top_p": 0.9,
            "seed": False,
        },
    }
    assert KEY not in json.dumps(model.settings)
    assert model_at("http://127.0.0.1:9", vision="no").capabilities == Capabilities()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"images": "yes"}, "'images' is no option"),
        ({"seed": "no"}, "'seed' is no option"),
        ({"body.messages": "[]"}, "body.messages"),
        ({"body.system": "Be brief."}, "body.system"),
        ({"body.stream": "true"}, "body.stream"),
        ({"body.x-api-key": "x"}, "looks like a key"),
        ({"max_tokens": "0"}, "a number of 1 or more"),
        ({"version": "latest"}, "give a date such as 2023-06-01"),
        ({"api_key": "x"}, "from the environment only"),
    ],
)
def test_mistakes_in_options_are_named(options: Mapping[str, str], told: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=told):
        model_at("http://127.0.0.1:9", **options)


async def test_addresses_with_and_without_the_version() -> None:
    """The version is added unless it is there; the variable is the client's own."""
    with ApiServer(lambda _: GOOD) as server:
        environment = {"ANTHROPIC_BASE_URL": f"{server.root}/gateway"}
        for root in (server.root, f"{server.root}/v1/", f"{server.root}/proxy", None):
            model = model_at(root, environment)
            await model.generate(_TEXT)
            await model.aclose()
    assert [asked.path for asked in server.asked] == [
        "/v1/messages",
        "/v1/messages",
        "/proxy/v1/messages",
        "/gateway/v1/messages",
    ]


@pytest.mark.parametrize(
    ("told", "options"),
    [
        ("`temperature` is deprecated for this model.", {}),
        ("temperature: Extra inputs are not permitted", {}),
        (
            "`temperature` and `top_p` cannot both be specified for this model.",
            {"top_p": "0.9"},
        ),
    ],
)
async def test_the_temperature_is_learned_away(told: str, options: dict[str, str]) -> None:
    """Told once, remembered; what was really sent is noted."""

    def answer(asked: Asked) -> Reply:
        if "temperature" in asked.body:
            return error(400, "invalid_request_error", told)
        return GOOD

    with ApiServer(answer) as server:
        model = model_at(server.root, **options)
        outputs = [await model.generate(_TEXT) for _ in range(2)]
        await model.aclose()
    assert len(server.asked) == 3
    assert all("temperature" not in output.sent for output in outputs)
    assert [output.sent.get("top_p") for output in outputs] == [0.9 if options else None] * 2
    assert model.learned == {"text": ("no temperature",)}


@pytest.mark.parametrize("options", [{"temperature": "0.7"}, {"body__temperature": "0.7"}])
async def test_what_was_set_on_purpose_is_never_dropped(options: dict[str, str]) -> None:
    """The endpoint's error is shown instead."""
    told = "`temperature` is deprecated for this model."
    failed = await _fails(error(400, "invalid_request_error", told), **options)
    assert "`temperature` is deprecated" in str(failed)


async def _fails(answer: Reply | Fault, **options: str) -> EndpointError:
    with pytest.raises(EndpointError) as caught:
        await ask(answer, _TEXT, **options)
    assert KEY not in f"{caught.value!r}{caught.value.body}{caught.value.details}"
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "told", "shown"),
    [
        (401, "authentication_error", f"invalid x-api-key: {KEY}", "was not accepted"),
        (403, "permission_error", "Your key may not use this.", "may not use this model"),
        (404, "not_found_error", "model: claude-loopback", "model: claude-loopback"),
        (402, "billing_error", "Check your billing details.", "no credit left"),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
            "credit balance is too low",
        ),
        (
            400,
            "invalid_request_error",
            "You have reached your specified API usage limits.",
            "API usage limits",
        ),
    ],
)
async def test_a_stopped_account_ends_it_all(status: int, kind: str, told: str, shown: str) -> None:
    """One message that says why, and no key in it."""
    failed = await _fails(error(status, kind, told))
    assert isinstance(failed, EndpointUnusableError)
    assert shown in str(failed)


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        (413, "request_too_large", "Request exceeds the maximum allowed number of bytes."),
    ],
)
async def test_a_request_that_is_too_large_fails_alone(status: int, kind: str, told: str) -> None:
    """The next one is sent as if nothing had been."""
    answers = [error(status, kind, told), GOOD]
    with ApiServer(lambda _: answers.pop(0)) as server:
        model = model_at(server.root)
        with pytest.raises(EndpointError) as caught:
            await model.generate(_TEXT)
        assert (await model.generate(_TEXT)).text == WORDS["text"]
        await model.aclose()
    assert told in str(caught.value)
    assert not isinstance(caught.value, EndpointUnusableError)
    assert len(server.asked) == 2


async def test_an_overload_is_waited_out() -> None:
    """Status 529 is tried again."""
    answers = [error(529, "overloaded_error", "Overloaded"), GOOD]
    output, asked = await ask(lambda _: answers.pop(0), _TEXT)
    assert (output.text, len(asked)) == (WORDS["text"], 2)


async def test_a_model_that_cannot_see_says_so() -> None:
    """One message, which ends the task and not the run."""
    told = error(400, "invalid_request_error", "'claude-loopback' does not support image input.")
    with pytest.raises(UnsupportedError, match=r"takes no pictures: .*does not support image"):
        await ask(told, _SEE)


async def test_it_draws_nothing() -> None:
    """A request for a picture is not even sent."""
    with ApiServer(lambda _: GOOD) as server:
        model = model_at(server.root)
        with pytest.raises(UnsupportedError, match="gives no image"):
            await model.generate(_DRAW)
        await model.aclose()
    assert server.asked == []


@pytest.mark.parametrize("fault", ["cut", "reset"])
async def test_a_connection_that_breaks_is_tried_again(fault: Fault) -> None:
    """Closed in the middle of the body, or before it."""
    answers: list[Reply | Fault] = [fault, GOOD]
    output, asked = await ask(lambda _: answers.pop(0), _TEXT)
    assert (output.text, len(asked)) == (WORDS["text"], 2)
    said = "closed in the middle of the answer" if fault == "cut" else "cannot be used"
    assert said in str(await _fails(fault))


@pytest.mark.parametrize("body", [{}, {"content": "text"}, [], "text", b"{", b""])
async def test_what_is_no_answer_is_no_answer(body: Any) -> None:
    """Whatever else comes with status 200 is asked for again, then an error."""
    failed = await _fails((200, {}, body))
    assert "no list of content" in str(failed) or "not a JSON object" in str(failed)
