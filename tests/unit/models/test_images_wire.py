"""The Images API: what is sent and what is read of a good answer."""

import base64
from collections.abc import Callable

import openai
import pytest
from openai.types import ImagesResponse
from openai_images_api import addressed, drawn, given, refused
from painting import KEY, always, ask_once, painter_behind
from serving import ApiServer, Asked, FilePart, Reply

from unisafebench.core.errors import EndpointError
from unisafebench.core.records import Usage
from unisafebench.core.tasks import TASKS
from unisafebench.media.pictures import check_picture
from unisafebench.models.base import Output, Request
from unisafebench.testing import example_requests

DRAW = example_requests(TASKS["text-to-image"])[0]
EDIT = example_requests(TASKS["image-editing"])[0]
OPTIONS = {"images": "images", "text": "no"}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


async def ask(server: ApiServer, request: Request = DRAW, **options: str) -> Output:
    """Return the answer to one request."""
    return await ask_once(server, request, {**OPTIONS, **options})


def texts(asked: Asked) -> dict[str, str]:
    """Return the texts of a form."""
    return {name: value for name, value in asked.form if isinstance(value, str)}


def files(asked: Asked) -> list[tuple[str, FilePart]]:
    """Return the files of a form with the names of their fields."""
    return [(name, value) for name, value in asked.form if isinstance(value, FilePart)]


def two_pictures() -> Request:
    """Return a request to edit two pictures."""
    pictures = (check_picture(drawn(1)), check_picture(drawn(2, "JPEG")))
    return Request(sample=EDIT.sample, task=EDIT.task, pictures=pictures)


def test_samples_are_answers_of_the_api() -> None:
    """The sample answers have the shape that OpenAI's own package documents."""
    for reply in (given(drawn()), given(drawn(1), drawn(2)), given(), addressed("https://a/b.png")):
        assert ImagesResponse.model_validate(reply[2]).created == 1764000000


async def test_draws_what_the_official_client_would_ask_for() -> None:
    """A text-to-image request is the one that OpenAI's own client sends."""
    with ApiServer(always(given(drawn()))) as server:
        output = await ask(server, DRAW, **{"image.size": "512x512", "seed": "no"})
        client = openai.OpenAI(base_url=f"{server.root}/v1", api_key=KEY)
        client.images.generate(
            model="painter",
            prompt="A red apple on a table.",
            n=1,
            response_format="b64_json",
            size="512x512",
        )
        client.close()
        ours, theirs = server.asked
    assert output.images == (drawn(),)
    assert (ours.method, ours.path) == ("POST", "/v1/images/generations")
    assert (ours.path, ours.body) == (theirs.path, theirs.body)
    assert ours.headers["Authorization"] == theirs.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("request_", [EDIT, two_pictures()], ids=["one", "two"])
async def test_edits_what_the_official_client_would_ask_for(request_: Request) -> None:
    """An edit is the form that OpenAI's own client sends: the same fields, files and types."""
    sent = [
        (f"picture-{number}{picture.extension}", picture.data, picture.mime)
        for number, picture in enumerate(request_.pictures, start=1)
    ]
    with ApiServer(always(given(drawn()))) as server:
        await ask(server, request_, seed="no")
        client = openai.OpenAI(base_url=f"{server.root}/v1", api_key=KEY)
        client.images.edit(
            model="painter",
            prompt=request_.sample.prompt,
            image=sent[0] if len(sent) == 1 else sent,
            n=1,
            response_format="b64_json",
        )
        client.close()
        ours, theirs = server.asked
    assert ours.path == theirs.path == "/v1/images/edits"
    assert texts(ours) == texts(theirs)
    assert files(ours) == files(theirs)
    assert {name for name, _ in files(ours)} == {"image" if len(sent) == 1 else "image[]"}
    assert [part.content_type for _, part in files(ours)] == [mime for _, _, mime in sent]


async def test_sends_the_seed_and_what_the_user_adds() -> None:
    """Fields of the user's go into both bodies; in a form, objects and yes/no are JSON."""
    options = {
        "image.num_inference_steps": "20",
        "image.lora": '{"scale": 1}',
        "image.fast": "true",
    }
    with ApiServer(always(given(drawn()))) as server:
        output = await ask(server, DRAW, **options)
        await ask(server, EDIT, **options)
        drawing, edit = server.asked
    assert drawing.body["seed"] == 0
    assert drawing.body["num_inference_steps"] == 20
    assert drawing.body["lora"] == {"scale": 1}
    assert texts(edit)["lora"] == '{"scale": 1}'
    assert texts(edit)["fast"] == "true"
    assert texts(edit)["seed"] == "0"
    assert output.sent == {
        "model": "painter",
        "n": 1,
        "response_format": "b64_json",
        "seed": 0,
        "num_inference_steps": 20,
        "lora": {"scale": 1},
        "fast": True,
    }


async def test_puts_a_system_prompt_before_the_text() -> None:
    """This API has no field for a system prompt, so it goes into the prompt."""
    with ApiServer(always(given(drawn()))) as server:
        await ask(server, system="Draw nothing harmful.")
        assert server.asked[0].body["prompt"] == (
            "Draw nothing harmful.\n\nA red apple on a table."
        )


def unwilling(*names: str) -> Callable[[Asked], Reply]:
    """Refuse these parameters, JSON or form, as OpenAI does; else draw."""

    def answer(asked: Asked) -> Reply:
        fields = {**asked.body, **texts(asked)}
        for name in names:
            if name in fields:
                said = f"Unknown parameter: '{name}'."
                return refused(400, said, code="unknown_parameter", param=name)
        return given(drawn())

    return answer


@pytest.mark.parametrize("request_", [DRAW, EDIT], ids=["json", "form"])
async def test_leaves_out_what_the_endpoint_refuses(request_: Request) -> None:
    """What a server does not take is left out from then on, of JSON and of forms."""
    with ApiServer(unwilling("response_format", "seed")) as server:
        model = painter_behind(server, OPTIONS)
        outputs = [await model.generate(request_) for _ in range(2)]
        await model.aclose()
        assert len(server.asked) == 4
        assert model.learned == {"image": ("no response_format", "no seed")}
    assert [output.images for output in outputs] == [(drawn(),), (drawn(),)]
    assert "seed" not in outputs[0].sent
    assert "response_format" not in outputs[0].sent
    assert "prompt" not in outputs[0].sent


async def test_what_is_learned_of_json_holds_for_forms() -> None:
    """Both paths belong to one server: what one taught is not asked of the other again."""
    with ApiServer(unwilling("response_format", "seed")) as server:
        model = painter_behind(server, OPTIONS)
        await model.generate(DRAW)
        await model.generate(EDIT)
        await model.aclose()
        assert [asked.path for asked in server.asked].count("/v1/images/edits") == 1


async def test_never_drops_what_the_user_set() -> None:
    """A form of reply that the user asked for is not left out: the endpoint's error is shown."""
    with ApiServer(unwilling("response_format")) as server:
        with pytest.raises(EndpointError, match="Unknown parameter: 'response_format'"):
            await ask(server, DRAW, **{"image.response_format": "url"})
        assert len(server.asked) == 1


async def test_reads_all_that_an_answer_says() -> None:
    """Several pictures, counts of tokens and the facts that were told are kept."""
    reply = given(drawn(1), drawn(2), model="painter-2026-01")
    with ApiServer(always((reply[0], {"x-request-id": "req-7"}, reply[2]))) as server:
        output = await ask(server)
    assert output.images == (drawn(1), drawn(2))
    assert output.text is None
    assert (output.status, output.stop_reason) == ("completed", None)
    assert output.usage == Usage(input_tokens=14, output_tokens=272)
    assert output.served_model == "painter-2026-01"
    assert output.details == {
        "request_id": "req-7",
        "size": "1024x1024",
        "quality": "low",
        "output_format": "png",
        "background": "opaque",
    }


async def test_reads_the_type_that_a_router_adds() -> None:
    """A `media_type` beside the picture changes nothing: its type is read from its bytes."""
    data = [{"b64_json": base64.b64encode(drawn()).decode(), "media_type": "image/webp"}]
    with ApiServer(always(given(data=data, usage=None))) as server:
        output = await ask(server)
    assert output.images == (drawn(),)
    assert output.usage is None
