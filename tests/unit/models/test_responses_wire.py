"""The Responses API: what is sent and what is read of a good answer."""

import base64
from typing import Any

import openai
import pytest
from openai.types.responses import Response
from openai_images_api import drawn
from painting import KEY, always, ask_once, painter_behind
from responses_api import ROWS, drawing, message, reasoning, refusal, refused, response
from serving import ApiServer, Asked, Reply

from unisafebench.core.errors import EndpointError
from unisafebench.core.records import Usage
from unisafebench.core.tasks import TASKS
from unisafebench.models.base import Output, Request
from unisafebench.models.wires.responses import ResponsesWire
from unisafebench.models.wires.settings import WireSettings
from unisafebench.testing import check_model, example_requests

WRITE = example_requests(TASKS["text-generation"])[0]
LOOK = example_requests(TASKS["vqa-dual-unsafe"])[0]
DRAW = example_requests(TASKS["text-to-image"])[0]
EDIT = example_requests(TASKS["image-editing"])[0]
OPTIONS = {"api": "responses", "images": "responses"}
SAID = response(message("It is an apple."))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


async def ask(server: ApiServer, request: Request = WRITE, **options: str) -> Output:
    """Return the answer to one request."""
    return await ask_once(server, request, {**OPTIONS, **options})


def parts(prompt: str, *pictures: bytes) -> list[dict[str, Any]]:
    """Return the parts of a user's message, the pictures being PNG files."""
    encoded = [base64.b64encode(picture).decode() for picture in pictures]
    seen = [
        {"type": "input_image", "image_url": f"data:image/png;base64,{text}", "detail": "auto"}
        for text in encoded
    ]
    return [{"type": "input_text", "text": prompt}, *seen]


def test_samples_are_answers_of_the_api() -> None:
    """The sample answers have the shape that OpenAI's own package documents."""
    samples = [
        response(reasoning(), message("An apple."), refusal("I will not."), drawing(drawn())),
        *ROWS["responses status"].values(),
        *ROWS["responses incomplete reason"].values(),
        *ROWS["responses item error"].values(),
    ]
    for _, _, body in samples:
        assert Response.model_validate(body).id == "resp_1"


@pytest.mark.parametrize("request_", [WRITE, LOOK], ids=["text", "picture"])
async def test_asks_what_the_official_client_would(request_: Request) -> None:
    """A request for text is the one that OpenAI's own client sends."""
    content: Any = parts(request_.sample.prompt, *(p.data for p in request_.pictures))
    with ApiServer(always(SAID)) as server:
        output = await ask(server, request_, system="Be kind.", top_p="0.5")
        client = openai.OpenAI(base_url=f"{server.root}/v1", api_key=KEY)
        client.responses.create(
            model="painter",
            input=[{"role": "user", "content": content}],
            instructions="Be kind.",
            max_output_tokens=4096,
            temperature=0.0,
            top_p=0.5,
            store=False,
        )
        client.close()
        ours, theirs = server.asked
    assert (ours.path, ours.body) == (theirs.path, theirs.body)
    assert ours.path == "/v1/responses"
    assert output.text == "It is an apple."
    assert output.sent == {
        "model": "painter",
        "max_output_tokens": 4096,
        "temperature": 0.0,
        "top_p": 0.5,
        "store": False,
    }


@pytest.mark.parametrize(
    ("request_", "action"), [(DRAW, "generate"), (EDIT, "edit")], ids=["draw", "edit"]
)
async def test_asks_for_pictures_as_the_official_client_would(
    request_: Request, action: Any
) -> None:
    """A request for a picture has the image tool, with the user's options in its object."""
    content: Any = parts(request_.sample.prompt, *(p.data for p in request_.pictures))
    options = {"image.moderation": "low", "image.size": "1024x1024"}
    with ApiServer(always(response(drawing(drawn())))) as server:
        output = await ask(server, request_, **options)
        client = openai.OpenAI(base_url=f"{server.root}/v1", api_key=KEY)
        client.responses.create(
            model="painter",
            input=[{"role": "user", "content": content}],
            store=False,
            tools=[
                {
                    "type": "image_generation",
                    "action": action,
                    "moderation": "low",
                    "size": "1024x1024",
                }
            ],
        )
        client.close()
        ours, theirs = server.asked
    assert (ours.path, ours.body) == (theirs.path, theirs.body)
    assert output.images == (drawn(),)
    assert output.sent["tools"][0]["moderation"] == "low"


async def test_the_users_fields_win() -> None:
    """`body.NAME` is laid over a request for text, `image.action` over the tool's own."""
    with ApiServer(always(SAID)) as server:
        await ask(server, WRITE, **{"body.store": "true", "body.reasoning": '{"effort": "low"}'})
        await ask(server, EDIT, **{"image.action": "auto"})
        text, image = server.asked
    assert text.body["store"] is True
    assert text.body["reasoning"] == {"effort": "low"}
    assert image.body["tools"] == [{"type": "image_generation", "action": "auto"}]


def test_the_image_tool_may_have_a_model_of_its_own() -> None:
    """The chat model is the body's, the one that draws the tool's."""
    wire = ResponsesWire(WireSettings(model="chat", extra={"model": "painter"}), draws=True)
    body = wire.call(DRAW, ()).body
    assert isinstance(body, dict)
    assert body["model"] == "chat"
    assert body["tools"] == [{"type": "image_generation", "action": "generate", "model": "painter"}]


def test_a_system_prompt_may_go_into_the_text() -> None:
    """Where the settings say so, the system prompt stands before the user's words."""
    wire = ResponsesWire(WireSettings(model="m", system="Be kind.", system_in_text=True))
    body = wire.call(WRITE, ()).body
    assert isinstance(body, dict)
    assert body["input"][0]["content"] == parts(f"Be kind.\n\n{WRITE.sample.prompt}")
    assert "instructions" not in body


async def test_leaves_out_what_the_model_refuses() -> None:
    """The temperature, and the action of the tool, are left out where they are not taken."""

    def answer(asked: Asked) -> Reply:
        if "temperature" in asked.body:
            said = "Unsupported parameter: 'temperature' is not supported with this model."
            return refused(400, said, code="unsupported_parameter", param="temperature")
        if any("action" in tool for tool in asked.body.get("tools", ())):
            said = "Unknown parameter: 'tools[0].action'."
            return refused(400, said, code="unknown_parameter", param="tools[0].action")
        return response(message("An apple."), drawing(drawn()))

    with ApiServer(answer) as server:
        model = painter_behind(server, OPTIONS)
        outputs = [await model.generate(request) for request in (WRITE, WRITE, DRAW, DRAW)]
        await model.aclose()
        assert len(server.asked) == 6
        assert model.learned == {"text": ("no temperature",), "image": ("no action",)}
    assert "temperature" not in outputs[1].sent
    assert outputs[3].sent["tools"] == [{"type": "image_generation"}]


async def test_never_drops_what_the_user_set() -> None:
    """An action that the user chose is not left out: the endpoint's error is shown."""
    said = "Unknown parameter: 'tools[0].action'."
    with (
        ApiServer(always(refused(400, said, param="tools[0].action"))) as server,
        pytest.raises(EndpointError, match="Unknown parameter"),
    ):
        await ask(server, DRAW, **{"image.action": "auto"})


async def test_reads_all_that_an_answer_says() -> None:
    """Texts, pictures and counts are kept; thoughts are counted and are no output."""
    spent = {
        "image_gen": {
            "input_tokens": 30,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 30},
            "output_tokens": 272,
            "total_tokens": 302,
        },
        "web_search": {"num_requests": 0},
    }
    tools = [{"type": "image_generation", "model": "painter-2"}]
    status, _, body = response(
        reasoning(),
        message("Here is an apple."),
        drawing(drawn(1)),
        drawing(drawn(2), revised_prompt="A second apple."),
        message("And another one."),
        tools=tools,
        tool_usage=spent,
    )
    Response.model_validate(body)
    with ApiServer(always((status, {"x-request-id": "req-9"}, body))) as server:
        output = await ask(server, DRAW)
    assert output.text == "Here is an apple.\nAnd another one."
    assert output.images == (drawn(1), drawn(2))
    assert (output.status, output.stop_reason) == ("completed", "completed")
    assert output.usage == Usage(input_tokens=21, output_tokens=9)
    assert output.served_model == "chat-model-2026-01"
    assert output.details == {
        "request_id": "req-9",
        "id": "resp_1",
        "reasoning": 1,
        "image_calls": 2,
        "image_model": "painter-2",
        "image_tokens": [30, 272],
        "revised_prompt": "A red apple, studio light.\n\nA second apple.",
    }


async def test_keeps_the_scores_of_a_moderation() -> None:
    """Scores that the user asked for come back with the answer and are kept."""
    scores = {"input": {"type": "moderation_result", "flagged": True}, "output": None}
    with ApiServer(always(response(message("No."), moderation=scores))) as server:
        output = await ask(
            server, WRITE, **{"body.moderation": '{"model": "omni-moderation-latest"}'}
        )
    assert output.details["moderation"] == scores
    assert output.sent["moderation"] == {"model": "omni-moderation-latest"}


async def test_pictures_of_markdown_are_taken_when_asked() -> None:
    """A data URL inside the text is a picture only where the option says so."""
    encoded = base64.b64encode(drawn()).decode()
    reply = response(message(f"Look: ![apple](data:image/png;base64,{encoded})"))
    with ApiServer(always(reply)) as server:
        off = await ask(server, DRAW)
        on = await ask(server, DRAW, markdown_images="yes")
    assert off.images == ()
    assert (on.text, on.images) == ("Look:", (drawn(),))


async def test_conforms() -> None:
    """The adapter passes the suite that every adapter must."""

    def answer(asked: Asked) -> Reply:
        return response(drawing(drawn())) if "tools" in asked.body else SAID

    with ApiServer(answer) as server:
        counts = await check_model(painter_behind(server, OPTIONS), secrets=[KEY])
    assert counts == {task: {"completed": 4} for task in TASKS}
