"""Google's models over a real server on loopback, held against Google's own client and types."""

import base64
import io
from collections.abc import Callable

import pytest
from gemini_api import (
    ACCEPTED_MODALITIES,
    KEY,
    MODEL,
    PATH,
    PICTURE,
    WORDS,
    ask,
    drawn,
    error,
    good,
    inline,
    model_at,
    served,
)
from google import genai
from google.genai import types
from PIL import Image
from serving import ApiServer, Asked, Reply

from unisafebench.core.errors import EndpointError
from unisafebench.core.tasks import TASKS
from unisafebench.media.pictures import check_picture
from unisafebench.models.base import Request
from unisafebench.testing import check_model, example_requests

_TEXT = example_requests(TASKS["text-generation"])[0]
_DRAW = example_requests(TASKS["text-to-image"])[0]
_EDIT = example_requests(TASKS["image-editing"])[0]
_SEE = example_requests(TASKS["vqa-text-unsafe"])[0]


async def test_a_text_is_asked_for_and_read() -> None:
    """The whole body, the path, the key in its header; text, usage, model and ids come back."""
    output, (asked,) = await ask(good(WORDS), _TEXT)
    assert (asked.method, asked.path) == ("POST", PATH)
    assert asked.headers["x-goog-api-key"] == KEY
    assert "Authorization" not in asked.headers
    assert asked.body == {
        "contents": [{"role": "user", "parts": [{"text": _TEXT.sample.prompt}]}],
        "generationConfig": {"maxOutputTokens": 4096, "temperature": 0.0, "seed": 0},
    }
    assert (output.text, output.images, output.status) == ("An apple is a fruit.", (), "completed")
    assert (output.stop_reason, output.served_model) == ("STOP", "gemini-loopback-001")
    assert output.usage is not None
    assert (output.usage.input_tokens, output.usage.output_tokens) == (11, 25)
    assert output.sent == {
        "generationConfig": {"maxOutputTokens": 4096, "temperature": 0.0, "seed": 0}
    }
    assert output.details == {"id": "resp-1"}


async def test_a_picture_is_seen_as_it_is() -> None:
    """PNG goes out byte for byte, before the text; what was sent is noted."""
    output, (asked,) = await ask(good(WORDS), _SEE)
    picture, words = asked.body["contents"][0]["parts"]
    assert picture["inlineData"]["mimeType"] == "image/png"
    assert base64.b64decode(picture["inlineData"]["data"]) == _SEE.pictures[0].data
    assert words == {"text": _SEE.sample.prompt}
    assert [seen.sha256 for seen in output.pictures_sent] == [_SEE.pictures[0].sha256]
    assert "responseModalities" not in asked.body["generationConfig"]


async def test_a_gif_is_converted() -> None:
    """The API takes no GIF files: the picture is sent as PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7), "red").save(buffer, "GIF")
    request = Request(
        sample=_SEE.sample, task=_SEE.task, pictures=(check_picture(buffer.getvalue()),)
    )
    _, (asked,) = await ask(good(WORDS), request)
    sent = asked.body["contents"][0]["parts"][0]["inlineData"]
    assert sent["mimeType"] == "image/png"
    assert Image.open(io.BytesIO(base64.b64decode(sent["data"]))).size == (9, 7)


async def test_a_picture_is_drawn() -> None:
    """Both modalities are asked for; no limit and no temperature that nobody set."""
    output, (asked,) = await ask(
        drawn(), _DRAW, images="yes", image__aspectRatio="1:1", image__imageSize="2K"
    )
    assert asked.body["generationConfig"] == {
        "seed": 0,
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "1:1", "imageSize": "2K"},
    }
    assert output.images == (PICTURE,)
    assert output.text == "Here it is."


async def test_a_picture_is_edited() -> None:
    """The picture to be edited goes out with the words, the new one comes back."""
    output, (asked,) = await ask(drawn(), _EDIT, images="yes", modalities="image")
    picture, words = asked.body["contents"][0]["parts"]
    assert base64.b64decode(picture["inlineData"]["data"]) == _EDIT.pictures[0].data
    assert words == {"text": _EDIT.sample.prompt}
    assert asked.body["generationConfig"]["responseModalities"] == ["IMAGE"]
    assert output.images == (PICTURE,)


async def test_mixed_answers_keep_their_order_and_leave_drafts_out() -> None:
    """Texts are joined, pictures are in order, thoughts are counted; a call of a tool is named."""
    second = Image.new("RGB", (4, 4), "green")
    buffer = io.BytesIO()
    second.save(buffer, "JPEG")
    answer = good(
        {"text": "I think.", "thought": True},
        inline(b"draft", thought=True),
        {"text": "First: "},
        inline(),
        {"text": "second: "},
        inline(buffer.getvalue(), "image/jpeg", thoughtSignature="c2ln"),
        {"functionCall": {"name": "search", "args": {}}},
    )
    output, _ = await ask(answer, _DRAW, images="yes")
    assert output.text == "First: second: "
    assert output.images == (PICTURE, buffer.getvalue())
    assert output.details == {"id": "resp-1", "thoughts": 2, "other_parts": ["functionCall"]}


async def test_the_request_is_what_the_client_sends() -> None:
    """The same call made with Google's client puts the same body on the same path."""
    with ApiServer(served) as server:
        model = model_at(
            server.root,
            images="yes",
            temperature="0.5",
            max_tokens="2000",
            top_p="0.9",
            system="Be brief.",
            safety="BLOCK_NONE",
            image__aspectRatio="16:9",
        )
        await model.generate(_EDIT)
        await model.aclose()
        client = genai.Client(
            api_key=KEY, http_options=types.HttpOptions(base_url=server.root, api_version="v1beta")
        )
        picture = _EDIT.pictures[0]
        client.models.generate_content(
            model=MODEL,
            contents=[
                types.Content(
                    role="user",
                    parts=[
                        types.Part.from_bytes(data=picture.data, mime_type=picture.mime),
                        types.Part.from_text(text=_EDIT.sample.prompt),
                    ],
                )
            ],
            config=types.GenerateContentConfig(
                temperature=0.5,
                max_output_tokens=2000,
                top_p=0.9,
                seed=0,
                response_modalities=["TEXT", "IMAGE"],
                image_config=types.ImageConfig(aspect_ratio="16:9"),
                system_instruction=types.Content(parts=[types.Part(text="Be brief.")]),
                safety_settings=[
                    types.SafetySetting(
                        category=category, threshold=types.HarmBlockThreshold.BLOCK_NONE
                    )
                    for category in (
                        types.HarmCategory.HARM_CATEGORY_HARASSMENT,
                        types.HarmCategory.HARM_CATEGORY_HATE_SPEECH,
                        types.HarmCategory.HARM_CATEGORY_SEXUALLY_EXPLICIT,
                        types.HarmCategory.HARM_CATEGORY_DANGEROUS_CONTENT,
                    )
                ],
            ),
        )
        client.close()
    ours, theirs = server.asked
    assert ours.path == theirs.path == PATH
    assert ours.headers["x-goog-api-key"] == theirs.headers["x-goog-api-key"]
    assert {**ours.body, "contents": []} == {**theirs.body, "contents": []}
    # The client writes "mime_type" where the reference has "mimeType"; both are taken.
    (our_turn,), (their_turn,) = ours.body["contents"], theirs.body["contents"]
    assert types.Content.model_validate(our_turn) == types.Content.model_validate(their_turn)


async def test_extra_fields_are_laid_over_the_body() -> None:
    """An object is taken in field by field; what the user set wins."""
    config = '{"thinkingConfig": {"thinkingBudget": 0}, "maxOutputTokens": 9}'
    _, (asked,) = await ask(good(WORDS), _TEXT, body__generationConfig=config, seed="no")
    assert asked.body["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0.0,
        "thinkingConfig": {"thinkingBudget": 0},
    }


def _refuses(field: str, message: str) -> Callable[[Asked], Reply]:
    """Return a server's answers: an error as long as `generationConfig` has a field."""

    def answer(asked: Asked) -> Reply:
        if field in asked.body["generationConfig"]:
            return error(400, "INVALID_ARGUMENT", message)
        return good(WORDS)

    return answer


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("temperature", "Temperature is not supported for this model."),
        ("seed", "Invalid JSON payload received. Unknown name \"seed\" at 'generation_config'."),
    ],
)
async def test_parameters_are_learned_away(field: str, message: str) -> None:
    """Told once, remembered; what was really sent is noted."""
    with ApiServer(_refuses(field, message)) as server:
        model = model_at(server.root)
        outputs = [await model.generate(_TEXT) for _ in range(2)]
        await model.aclose()
    assert len(server.asked) == 3
    assert all(field not in output.sent["generationConfig"] for output in outputs)
    assert model.learned == {"text": (f"no {field}",)}


@pytest.mark.parametrize(
    "options",
    [{"temperature": "0.7"}, {"body__generationConfig": '{"temperature": 0.7}'}],
)
async def test_what_was_set_on_purpose_is_never_dropped(options: dict[str, str]) -> None:
    """The endpoint's error is shown instead."""
    answer = _refuses("temperature", "Temperature is not supported for this model.")
    with pytest.raises(EndpointError, match="Temperature is not supported"):
        await ask(answer, _TEXT, **options)


async def test_a_model_without_system_instructions_gets_them_in_the_text() -> None:
    """As Gemma's error asks for; the picture stays where it is."""

    def answer(asked: Asked) -> Reply:
        if "systemInstruction" in asked.body:
            message = "Developer instruction is not enabled for models/gemma-3-4b-it"
            return error(400, "INVALID_ARGUMENT", message)
        return good(WORDS)

    output, asked = await ask(answer, _SEE, system="Be brief.")
    assert asked[0].body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    picture, words = asked[1].body["contents"][0]["parts"]
    assert "inlineData" in picture
    assert words == {"text": f"Be brief.\n\n{_SEE.sample.prompt}"}
    assert output.text == WORDS["text"]


async def test_a_drawing_model_that_gives_no_text_alone_is_asked_for_both() -> None:
    """Some models answer in text only where a picture is allowed too."""

    def answer(asked: Asked) -> Reply:
        if "responseModalities" not in asked.body["generationConfig"]:
            told = ACCEPTED_MODALITIES.format(asked="TEXT", model=MODEL, taken="IMAGE, TEXT")
            return error(400, "INVALID_ARGUMENT", told)
        return good(WORDS)

    output, asked = await ask(answer, _TEXT, images="yes")
    assert (output.text, len(asked)) == (WORDS["text"], 2)
    assert asked[1].body["generationConfig"]["responseModalities"] == ["TEXT", "IMAGE"]


async def test_it_is_a_conforming_adapter() -> None:
    """Over all seven tasks, with its key looked for everywhere."""
    with ApiServer(served) as server:
        counts = await check_model(model_at(server.root, images="yes"), secrets=[KEY])
        assert counts == {task: {"completed": 4} for task in TASKS}
        blocked = await check_model(model_at(f"{server.root}/v1beta", vision="no"), secrets=[KEY])
        assert blocked == {"text-generation": {"completed": 4}}
