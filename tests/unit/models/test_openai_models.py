"""Models of OpenAI's API as a whole: how they are made, what goes wrong, conformance."""

from functools import partial
from typing import Any

import pytest
from asking import ask, failure_of, model_at
from openai_api import (
    PICTURED,
    answer_all,
    refused,
    routed,
    say,
)
from serving import ApiServer, Asked, Fault, Reply

from unisafebench.core.errors import (
    EndpointUnusableError,
    UnknownNameError,
    UsageError,
)
from unisafebench.core.tasks import TASKS
from unisafebench.models.api import ApiModel
from unisafebench.models.base import Capabilities, UnsupportedError
from unisafebench.models.openai import create
from unisafebench.models.registry import resolve
from unisafebench.testing import check_model

_KEY = "sk-test-0123456789abcdef0123456789"
_ALL = ("llamacpp", "lmstudio", "openai", "openai-compatible", "openrouter", "sglang", "vllm")


@pytest.mark.parametrize("provider", _ALL)
def test_every_provider_is_registered(provider: str) -> None:
    """All seven names make a model; none has a model's name built in."""
    model = resolve(f"{provider}/maker/sample-8b", {"base_url": "http://127.0.0.1:9/v1"})
    assert isinstance(model, ApiModel)
    assert model.settings["text"] == {
        "model": "maker/sample-8b",
        "max_tokens": 4096,
        "temperature": 0.0,
        "top_p": "provider's default",
        "seed": True,
    }


@pytest.mark.parametrize(
    ("options", "can"),
    [
        ({}, Capabilities(image_input=True)),
        ({"vision": "no"}, Capabilities()),
        (
            {"images": "chat"},
            Capabilities(image_input=True, image_output=True, image_editing=True),
        ),
        ({"images": "images", "editing": "no"}, Capabilities(image_input=True, image_output=True)),
        (
            {"images": "responses", "text": "no", "vision": "no"},
            Capabilities(text_output=False, image_output=True),
        ),
    ],
)
def test_capabilities_are_known_before_anything_is_sent(
    options: dict[str, str], can: Capabilities
) -> None:
    """They follow from the options alone."""
    model = create("vllm/m", {"base_url": "http://127.0.0.1:9", **options})
    assert model.capabilities == can


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": "no"}, "neither text nor pictures"),
        ({"body.messages": "[]"}, "'body.messages' cannot be set"),
        ({"image.prompt": "x"}, "'image.prompt' cannot be set"),
        ({"body.api_key": "x"}, "looks like a key"),
        ({"body.stream": "true"}, "'body.stream' cannot be set"),
        ({"temperature": "hot"}, "give a number from 0 to 2."),
        ({"max_tokens": "0"}, "'max_tokens' is '0'; give a number of 1 or more."),
        ({"images": "yes"}, "value of the option 'images': 'yes'. Known: no, chat, responses"),
        ({"images": "images", "modalities": "image"}, "'modalities' would have no effect"),
        ({"images": "images", "text": "no", "top_p": "0.5"}, "'top_p' would have no effect"),
        ({"api": "responses", "seed": "yes"}, "'seed' would have no effect"),
        ({"modalities": "image,smell"}, "'smell'"),
        ({"modalities": "text", "images": "chat"}, "must hold image"),
        ({"image_model": "painter"}, "'image_model' is for pictures, and none are asked for."),
        ({"image_base_url": "http://127.0.0.1:9"}, "Say how the model draws: -M images=chat"),
        ({"image.size": "64x64"}, "'image.size' is for pictures"),
        ({"images": "images", "text": "no", "body.user": "x"}, "'body.user' is for answers in"),
        ({"images": "images", "text": "no", "api": "chat"}, "'api' is for answers in text"),
        ({"sistem": "x"}, "Did you mean system?"),
        ({"smell": "x"}, "It has: api, base_url, body.NAME, editing,"),
        ({"api": "completions"}, "completions"),
    ],
)
def test_options_that_cannot_be(options: dict[str, str], message: str) -> None:
    """One clear message each, before anything is sent."""
    with pytest.raises((UsageError, UnknownNameError)) as caught:
        create("vllm/m", {"base_url": "http://127.0.0.1:9", **options})
    assert message in str(caught.value)


async def test_conformance_of_text(monkeypatch: Any) -> None:
    """The suite for adapters passes, with a key that turns up nowhere."""
    monkeypatch.setenv("OPENAI_API_KEY", _KEY)
    with ApiServer(partial(answer_all)) as server:
        counts = await check_model(model_at(server, "openai/sample-8b"), secrets=[_KEY])
    assert counts["text-generation"] == {"completed": 4}
    assert set(counts) == {task.id for task in TASKS.values() if task.output == "text"}


@pytest.mark.parametrize("shape", PICTURED)
async def test_conformance_of_pictures(shape: str, monkeypatch: Any) -> None:
    """All seven tasks, in every shape."""
    monkeypatch.setenv("OPENROUTER_API_KEY", _KEY)
    with ApiServer(partial(answer_all, shape=shape)) as server:
        model = model_at(server, "openrouter/maker/sample", images="chat")
        counts = await check_model(model, secrets=[_KEY])
    assert counts == {task: {"completed": 4} for task in TASKS}


# What goes wrong.


async def test_a_wrong_key_ends_the_run_without_showing_it(monkeypatch: Any) -> None:
    """The provider sends the key back; no message holds it."""
    monkeypatch.setenv("VLLM_API_KEY", _KEY)
    seen: list[str] = []

    def answer(asked: Asked) -> Reply:
        seen.append(asked.headers["Authorization"])
        return refused(401, f"Incorrect API key provided: {_KEY}.", code="invalid_api_key")

    failure = await failure_of(answer)
    assert isinstance(failure, EndpointUnusableError)
    assert seen == [f"Bearer {_KEY}"]
    assert _KEY not in str(failure)
    assert "The key in VLLM_API_KEY was not accepted" in str(failure)


async def test_an_unknown_model_is_named_with_those_that_are_served() -> None:
    """The server's list is asked, and the nearest name offered."""

    def answer(asked: Asked) -> Reply:
        if asked.path == "/v1/models":
            return 200, {}, {"object": "list", "data": [{"id": "sample-9b"}]}
        message = "The model `sample-8b` does not exist."
        return refused(404, message, code="model_not_found")

    failure = await failure_of(answer)
    assert isinstance(failure, EndpointUnusableError)
    assert "does not know the model 'sample-8b'. Did you mean 'sample-9b'?" in str(failure)


async def test_no_vision_is_said_once() -> None:
    """llama.cpp without a projector: the task can not be done, rather than each sample failing."""
    message = "image input is not supported - hint: you may need to provide the mmproj"
    failure = await failure_of(lambda _: refused(500, message), "vqa-text-unsafe")
    assert isinstance(failure, UnsupportedError)
    assert "vllm/sample-8b takes no pictures" in str(failure)


async def test_no_image_output_is_said_once() -> None:
    """OpenRouter has no provider that draws with this model."""
    message = "No endpoints found that support the requested output modalities: image, text"
    failure = await failure_of(lambda _: routed(404, message), "text-to-image", images="chat")
    assert isinstance(failure, UnsupportedError)
    assert "vllm/sample-8b draws no pictures" in str(failure)


async def test_a_context_that_is_too_short_fails_this_sample() -> None:
    """The server's own words, and no try without the limit."""
    message = (
        "This model's maximum context length is 2048 tokens. However, you requested 4103 tokens "
        "(7 in the messages, 4096 in the completion). Please reduce max_tokens."
    )
    asked: list[Asked] = []

    def answer(one: Asked) -> Reply:
        asked.append(one)
        return refused(400, message, code="context_length_exceeded")

    failure = await failure_of(answer)
    assert not isinstance(failure, EndpointUnusableError)
    assert "maximum context length is 2048 tokens" in str(failure)
    assert len(asked) == 1


async def test_an_answer_cut_in_the_middle_is_asked_again() -> None:
    """Then it is a failure with one clear message, or an answer."""
    failure = await failure_of(lambda _: "cut")
    assert "closed in the middle of the answer" in str(failure)
    replies: list[Reply | Fault] = ["cut", say("Yes.")]
    output, asked = await ask(lambda _: replies.pop(0))
    assert output.text == "Yes."
    assert len(asked) == 2


@pytest.mark.parametrize(
    "said", ["This model does not support image input.", "Unsupported output modalities: image."]
)
async def test_a_lack_of_what_was_not_asked_ends_one_sample(said: str) -> None:
    """A question in words needs neither vision nor drawing: the task goes on."""
    failure = await failure_of(lambda _: refused(400, said))
    assert not isinstance(failure, UnsupportedError)
    assert said in str(failure)
