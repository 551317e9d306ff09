"""Chat completions: what is sent, how it fits the official types, what is learned of a server."""

import base64
from functools import partial
from typing import Any

import pytest
from asking import ask, failure_of, model_at, request_for
from openai import AsyncOpenAI, BadRequestError
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam, completion_create_params
from openai_api import (
    OPENAI_ROWS,
    answer_all,
    azure_block,
    data_url,
    moderated,
    pictured,
    refused,
    routed,
    say,
)
from openai_images_api import drawn
from openrouter.components import ChatRequest, ChatResult, ForbiddenResponseErrorData
from pydantic import TypeAdapter
from serving import ApiServer, Asked, Reply

from unisafebench.core.records import Usage
from unisafebench.models.base import Output
from unisafebench.models.openai import create


async def test_a_text_request() -> None:
    """The prompt alone, greedy, with the seed; nothing more."""
    output, [asked] = await ask(lambda _: say("A story."), name="openai/sample-8b")
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.body == {
        "model": "sample-8b",
        "messages": [{"role": "user", "content": "A red apple on a table."}],
        "max_tokens": 4096,
        "temperature": 0.0,
        "seed": 7,
    }
    assert output == Output(
        text="A story.",
        stop_reason="stop",
        usage=Usage(input_tokens=21, output_tokens=9),
        served_model="sample-8b-2026-01",
        sent={"model": "sample-8b", "max_tokens": 4096, "temperature": 0.0, "seed": 7},
        details={"request_id": "req_1", "id": "chatcmpl-1", "system_fingerprint": "fp_1"},
    )


async def test_a_picture_goes_as_a_data_url_after_the_text() -> None:
    """The bytes arrive unchanged, and what was sent is noted by its hash."""
    output, [asked] = await ask(lambda _: say("An apple."), "vqa-text-unsafe")
    text, part = asked.body["messages"][0]["content"]
    sent = request_for("vqa-text-unsafe").pictures[0]
    assert text == {"type": "text", "text": "A red apple on a table."}
    assert part["image_url"]["url"] == data_url(sent.data)
    assert [seen.sha256 for seen in output.pictures_sent] == [sent.sha256]


async def test_what_the_user_sets_is_sent_and_told() -> None:
    """Every option has its place in the body, and in the settings."""
    options = {
        "system": "Be brief.",
        "temperature": "0.5",
        "max_tokens": "100",
        "top_p": "0.9",
        "seed": "no",
        "body__reasoning_effort": "low",
        "body__provider": '{"only": ["sample"]}',
    }
    _, [asked] = await ask(lambda _: say("Yes."), **options)
    assert asked.body == {
        "model": "sample-8b",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "A red apple on a table."},
        ],
        "max_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "reasoning_effort": "low",
        "provider": {"only": ["sample"]},
    }
    given = {key.replace("__", "."): value for key, value in options.items()}
    assert create("vllm/m", {"base_url": "http://127.0.0.1:9", **given}).settings == {
        "api": "chat",
        "images": "no",
        "text": {
            "model": "m",
            "max_tokens": 100,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": False,
            "system": "Be brief.",
            "system_place": "system message",
            "extra": {"reasoning_effort": "low", "provider": {"only": ["sample"]}},
        },
    }


async def test_the_users_own_limit_takes_the_place_of_ours() -> None:
    """Two limits in one body would be an error, or one of them a lie."""
    _, [asked] = await ask(lambda _: say("Yes."), body__max_completion_tokens="64")
    assert asked.body["max_completion_tokens"] == 64
    assert "max_tokens" not in asked.body


async def test_a_picture_request() -> None:
    """Modalities are asked for; neither a limit nor a temperature is set unasked."""
    _, [asked] = await ask(
        partial(answer_all), "text-to-image", "openrouter/sample", images="chat", system="Be kind."
    )
    assert asked.body == {
        "model": "sample",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "A red apple on a table."},
        ],
        "modalities": ["image", "text"],
        "seed": 7,
    }


async def test_what_vllm_omni_would_drop_goes_into_the_users_text() -> None:
    """It reads user messages only when it draws; the settings say where the prompt went."""
    options = {"images": "chat", "system": "Be kind.", "image__num_inference_steps": "20"}
    _, [asked] = await ask(partial(answer_all), "text-to-image", **options)
    assert asked.body == {
        "model": "sample-8b",
        "messages": [{"role": "user", "content": "Be kind.\n\nA red apple on a table."}],
        "modalities": ["image"],
        "seed": 7,
        "num_inference_steps": 20,
    }
    model = create("vllm/m", {"base_url": "http://127.0.0.1:9", "images": "chat", "system": "Hm."})
    image: Any = model.settings["image"]
    assert (image["system"], image["system_place"]) == ("Hm.", "user text")


async def test_an_edit_sends_the_picture_as_a_data_url() -> None:
    """vLLM-Omni reads reference pictures from data URLs only."""
    output, [asked] = await ask(partial(answer_all), "image-editing", images="chat")
    part = asked.body["messages"][0]["content"][1]
    head, _, encoded = part["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(encoded) == request_for("image-editing").pictures[0].data
    assert len(output.images) == 1


async def test_pictures_from_another_server_under_another_name() -> None:
    """Two servers make one model: SGLang has no server that does both."""
    with ApiServer(partial(answer_all)) as text, ApiServer(partial(answer_all)) as image:
        model = model_at(text, images="chat", image_base_url=image.root, image_model="painter")
        await model.generate(request_for("text-generation"))
        await model.generate(request_for("text-to-image"))
        await model.aclose()
    assert [asked.body["model"] for asked in text.asked] == ["sample-8b"]
    assert [asked.body["model"] for asked in image.asked] == ["painter"]


# The official types.


async def test_our_requests_are_what_the_official_clients_send() -> None:
    """OpenAI's client, given our body as arguments, sends the same body; its types take it."""
    with ApiServer(lambda _: say("Yes.")) as server:
        model = model_at(server, "openai/sample-8b", system="Be brief.", top_p="0.9")
        for task in ("text-generation", "vqa-text-unsafe"):
            await model.generate(request_for(task))
        await model.aclose()
        bodies = [asked.body for asked in server.asked]
        async with AsyncOpenAI(base_url=f"{server.root}/v1", api_key="none") as client:
            for body in bodies:
                answer = await client.chat.completions.create(**body)
                assert answer.choices[0].message.content == "Yes."
        assert [asked.body for asked in server.asked[2:]] == bodies
    messages = TypeAdapter(list[ChatCompletionMessageParam])
    whole = TypeAdapter(completion_create_params.CompletionCreateParamsNonStreaming)
    for body in bodies:
        whole.validate_python(body)
        messages.validate_python(body["messages"])


async def test_our_picture_requests_fit_openrouters_types() -> None:
    """Its request type takes our body, the extras of its own included."""
    _, [asked] = await ask(
        partial(answer_all),
        "image-editing",
        "openrouter/maker/sample",
        images="chat",
        image__image_config='{"aspect_ratio": "1:1"}',
        image__provider='{"only": ["sample"]}',
    )
    request = ChatRequest.model_validate(asked.body)
    assert request.modalities == ["image", "text"]
    assert request.model == "maker/sample"


@pytest.mark.parametrize("reply", OPENAI_ROWS.values(), ids=OPENAI_ROWS)
def test_the_sample_answers_fit_openais_types(reply: Reply) -> None:
    """What the tests read is what OpenAI documents."""
    ChatCompletion.model_validate(reply[2])


@pytest.mark.parametrize("shape", ["message.images", "content list", "picture alone"])
def test_the_sample_pictures_fit_openrouters_types(shape: str) -> None:
    """OpenRouter's types know its own shape, and lists of parts."""
    found = ChatResult.model_validate(pictured(shape, drawn())[2])
    assert found.choices[0].message.role == "assistant"


def test_the_sample_errors_fit_openrouters_types() -> None:
    """The flagged input and the typed error are in the metadata of a 403."""
    for reply in (moderated(), routed(403, "No.", error_type="refusal")):
        found = ForbiddenResponseErrorData.model_validate(reply[2]["error"])
        assert found.code == 403


async def test_the_sample_errors_are_errors_to_openais_client() -> None:
    """It reads the same code and parameter from them as we do."""
    with ApiServer(lambda _: azure_block()) as server:
        async with AsyncOpenAI(base_url=f"{server.root}/v1", api_key="none") as client:
            with pytest.raises(BadRequestError) as caught:
                await client.chat.completions.create(
                    model="sample-8b", messages=[{"role": "user", "content": "An apple."}]
                )
    assert (caught.value.code, caught.value.param) == ("content_filter", "prompt")


# What is learned.


def _picky(asked: Asked) -> Reply:
    """Answer like a reasoning model behind a picky server."""
    body = asked.body
    if "max_tokens" in body:
        return refused(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            code="unsupported_parameter",
            param="max_tokens",
        )
    if "temperature" in body:
        return refused(
            400,
            "Unsupported value: 'temperature' does not support 0 with this model. "
            "Only the default (1) value is supported.",
            code="unsupported_value",
            param="temperature",
        )
    if "seed" in body:
        return refused(400, "Extra inputs are not permitted: 'seed'", param="seed")
    role = body["messages"][0]["role"]
    if role == "system":
        return refused(
            400,
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
            code="unsupported_value",
            param="messages[0].role",
        )
    if role == "developer":
        return refused(400, "Developer instruction is not enabled for this model")
    return say("Yes.")


async def test_what_a_server_does_not_take_is_learned_once() -> None:
    """Five errors teach five things; the next call is right at once; the sent form is kept."""
    with ApiServer(_picky) as server:
        model = model_at(server, system="Be brief.")
        outputs = [await model.generate(request_for("text-generation")) for _ in range(2)]
        output = await model.generate(request_for("vqa-text-unsafe"))
        await model.aclose()
    assert len(server.asked) == 6 + 1 + 1
    assert [sent.sent for sent in outputs] == [
        {"model": "sample-8b", "max_completion_tokens": 4096}
    ] * 2
    assert server.asked[-2].body["messages"] == [
        {"role": "user", "content": "Be brief.\n\nA red apple on a table."}
    ]
    [user] = server.asked[-1].body["messages"]
    assert [part["type"] for part in user["content"]] == ["text", "text", "image_url"]
    assert output.sent == outputs[0].sent
    assert model.learned == {
        "text": (
            "max_completion_tokens",
            "no temperature",
            "no seed",
            "system prompt as developer",
            "system prompt in the user's text",
        )
    }


async def test_a_template_without_system_role_is_learned() -> None:
    """A server passes on what the model's template says, first of the role, then of the order."""

    def answer(asked: Asked) -> Reply:
        role = asked.body["messages"][0]["role"]
        if role == "system":
            fields = {"object": "error", "type": "BadRequestError", "param": None, "code": 400}
            return 400, {}, {**fields, "message": "System role not supported"}
        if role == "developer":
            return refused(400, "Conversation roles must alternate user/assistant/user/...")
        return say("Yes.")

    output, asked = await ask(answer, system="Be brief.")
    assert output.text == "Yes."
    assert asked[-1].body["messages"][0]["content"] == "Be brief.\n\nA red apple on a table."


@pytest.mark.parametrize(
    ("name", "value"),
    [("body__temperature", "0.3"), ("temperature", "0.3"), ("body__seed", "5"), ("seed", "yes")],
)
async def test_what_the_user_set_is_never_dropped(name: str, value: str) -> None:
    """Its error is shown instead: a run with other settings than asked for would be a lie."""
    parameter = name.removeprefix("body__")

    def answer(asked: Asked) -> Reply:
        if parameter in asked.body:
            return refused(400, f"'{parameter}' is not supported with this model.")
        return say("Yes.")

    error = await failure_of(answer, **{name: value})
    assert f"'{parameter}' is not supported with this model." in str(error)


async def test_a_filter_teaches_nothing() -> None:
    """Its message may name any parameter."""
    with ApiServer(lambda _: azure_block()) as server:
        model = model_at(server)
        output = await model.generate(request_for("text-generation"))
        await model.aclose()
    assert output.status == "blocked"
    assert model.learned == {"text": ()}
    assert len(server.asked) == 1
