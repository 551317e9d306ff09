"""Servers of OpenAI's API that lack a path or a form of request: found out, said, remembered."""

import json
from typing import Any

import pytest
from asking import LIMITS, ask, failure_of, model_at, request_for
from openai_api import refused, say
from openai_images_api import drawn, given
from serving import ApiServer, Asked, Reply

from unisafebench.endpoints.http import HttpEndpoint
from unisafebench.endpoints.openai import OpenAIServer
from unisafebench.models.base import UnsupportedError

_NOT_FOUND: Reply = (404, {}, {"detail": "Not Found"})


def _draws_alone(asked: Asked) -> Reply:
    """Refuse a request for text and pictures, as OpenRouter does for a model that only draws."""
    if asked.body.get("modalities") == ["image", "text"]:
        message = "No endpoints found that support the requested output modalities: image, text"
        return refused(404, message)
    return say("a red square")


async def test_a_model_that_only_draws_is_asked_for_pictures_alone() -> None:
    """The second request asks for pictures only, and so does every later one."""
    with ApiServer(_draws_alone) as server:
        model = model_at(server, "openrouter/maker/painter", images="chat")
        for _ in range(2):
            await model.generate(request_for("text-to-image"))
        await model.aclose()
    assert [asked.body["modalities"] for asked in server.asked] == [
        ["image", "text"],
        ["image"],
        ["image"],
    ]
    assert model.learned["image"] == ("no text modality",)


async def test_modalities_that_the_user_chose_are_not_changed() -> None:
    """The server's answer is then the last word on the task."""
    failed = await failure_of(_draws_alone, "text-to-image", images="chat", modalities="image,text")
    assert isinstance(failed, UnsupportedError)


async def test_a_server_that_draws_and_does_not_edit() -> None:
    """No path for edits ends that task alone, and the message says what to do."""

    def answer(asked: Asked) -> Reply:
        return given(drawn()) if asked.path == "/v1/images/generations" else _NOT_FOUND

    with ApiServer(answer) as server:
        model = model_at(server, images="images")
        with pytest.raises(UnsupportedError, match="-M editing=no"):
            await model.generate(request_for("image-editing"))
        output = await model.generate(request_for("text-to-image"))
        assert len(output.images) == 1
        await model.aclose()


async def test_a_path_that_is_nowhere_does_not_hide_where_the_others_are() -> None:
    """A root address whose API is under /v1 stays found, whichever path is asked first."""

    def answer(asked: Asked) -> Reply:
        return say("fine") if asked.path == "/v1/chat/completions" else _NOT_FOUND

    with ApiServer(answer) as server:
        model = model_at(server, images="images", editing="yes")
        with pytest.raises(UnsupportedError):
            await model.generate(request_for("image-editing"))
        assert (await model.generate(request_for("text-generation"))).text == "fine"
        await model.aclose()
    assert [asked.path for asked in server.asked if asked.method == "POST"] == [
        "/v1/images/edits",
        "/images/edits",
        "/v1/chat/completions",
    ]


async def test_the_prefix_that_answered_is_kept() -> None:
    """After an answer at the root no other prefix is tried."""

    def answer(asked: Asked) -> Reply:
        return say("fine") if asked.path == "/chat/completions" else _NOT_FOUND

    with ApiServer(answer) as server:
        api = OpenAIServer(HttpEndpoint(server.root, api_key=None, limits=LIMITS), "m")
        for _ in range(2):
            assert (await api.post("/chat/completions", {}, lambda reply: reply.status)) == 200
        assert api.prefix == ""
        await api.aclose()
    assert [asked.path for asked in server.asked] == [
        "/v1/chat/completions",
        "/chat/completions",
        "/chat/completions",
    ]


async def test_the_image_tools_model_is_not_the_chat_model() -> None:
    """With the Responses API `image_model` names the tool's model."""
    sent: list[dict[str, Any]] = []

    def answer(asked: Asked) -> Reply:
        sent.append(asked.body)
        item = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": ""}
        return 200, {}, {"id": "resp_1", "status": "completed", "error": None, "output": [item]}

    await ask(answer, "text-to-image", "openai/chat", images="responses", image_model="painter")
    (body,) = sent
    assert body["model"] == "chat"
    assert body["tools"][0]["model"] == "painter"


async def test_a_parameter_is_known_by_its_whole_name() -> None:
    """A model called seedream is no reason to leave the seed out."""

    def answer(asked: Asked) -> Reply:
        if asked.body["model"] == "seedream":
            return refused(400, "seedream cannot answer this request")
        return say("fine")

    failed = await failure_of(answer, name="vllm/seedream")
    assert "seedream cannot answer" in str(failed)


async def test_settings_hold_only_what_is_sent() -> None:
    """The images API has no field for a temperature, the Responses API none for a seed."""
    with ApiServer(lambda _: _NOT_FOUND) as server:
        drawing = model_at(server, images="images").settings["image"]
        answering = model_at(server, api="responses").settings["text"]
    assert isinstance(drawing, dict)
    assert isinstance(answering, dict)
    assert not {"temperature", "top_p", "max_tokens", "modalities"} & drawing.keys()
    assert "seed" not in answering
    assert json.dumps(drawing)


@pytest.mark.parametrize("lacking", [1, 2])
async def test_an_answer_without_a_choice_is_asked_for_again(lacking: int) -> None:
    """A passing fault costs a call or two, not the response."""
    asked: list[Asked] = []

    def answer(request: Asked) -> Reply:
        asked.append(request)
        nothing = {"id": "1", "model": "m", "choices": []}
        return (200, {}, nothing) if len(asked) <= lacking else say("fine")

    output, _ = await ask(answer)
    assert (output.text, len(asked)) == ("fine", lacking + 1)


async def test_an_answer_that_never_has_a_choice_is_the_answer() -> None:
    """After three of them it is taken as given: it is empty."""
    nothing = {"id": "1", "model": "m", "choices": []}
    output, asked = await ask(lambda _: (200, {}, nothing))
    assert (output.text, output.stop_reason, output.status) == (None, "no_choices", "completed")
    assert len(asked) == 3
