"""What the user sets for a model of Google's: options, address, key; and what is noted of it."""

import json
from collections.abc import Mapping

import pytest
from gemini_api import KEY, MODEL, PATH, model_at, served
from serving import ApiServer

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.core.tasks import TASKS
from unisafebench.models.base import Capabilities
from unisafebench.testing import example_requests

_TEXT = example_requests(TASKS["text-generation"])[0]


async def test_safety_settings_are_sent_and_noted() -> None:
    """For all four categories, or for one; without any the settings say whose default it is."""
    with ApiServer(served) as server:
        plain = model_at(server.root)
        every = model_at(server.root, safety="block_only_high", safety__harassment="OFF")
        one = model_at(server.root, safety__HARM_CATEGORY_JAILBREAK="BLOCK_LOW_AND_ABOVE")
        for model in (plain, every, one):
            await model.generate(_TEXT)
            await model.aclose()
    assert plain.settings["safety"] == "provider's default"
    assert "safetySettings" not in server.asked[0].body
    assert every.settings["safety"] == {
        "HARASSMENT": "OFF",
        "HATE_SPEECH": "BLOCK_ONLY_HIGH",
        "SEXUALLY_EXPLICIT": "BLOCK_ONLY_HIGH",
        "DANGEROUS_CONTENT": "BLOCK_ONLY_HIGH",
    }
    assert server.asked[1].body["safetySettings"] == [
        {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"},
        {"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_ONLY_HIGH"},
        {"category": "HARM_CATEGORY_SEXUALLY_EXPLICIT", "threshold": "BLOCK_ONLY_HIGH"},
        {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "BLOCK_ONLY_HIGH"},
    ]
    assert server.asked[2].body["safetySettings"] == [
        {"category": "HARM_CATEGORY_JAILBREAK", "threshold": "BLOCK_LOW_AND_ABOVE"}
    ]


def test_settings_say_what_shapes_the_answers() -> None:
    """Per kind of output; no address, no key."""
    model = model_at(
        "http://127.0.0.1:9/v1beta", images="yes", system="Be brief.", body__labels='{"a": "b"}'
    )
    text = {
        "model": MODEL,
        "max_tokens": 4096,
        "temperature": 0.0,
        "top_p": "provider's default",
        "seed": True,
        "system": "Be brief.",
        "extra": {"labels": {"a": "b"}},
    }
    unset = {"max_tokens": "provider's default", "temperature": "provider's default"}
    assert model.settings == {
        "api": "generateContent",
        "images": "generateContent",
        "safety": "provider's default",
        "text": text,
        "image": {**text, **unset, "modalities": ["TEXT", "IMAGE"]},
    }
    assert KEY not in json.dumps(model.settings)
    assert "127.0.0.1" not in json.dumps(model.settings)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Capabilities(image_input=True)),
        ({"vision": "no"}, Capabilities()),
        (
            {"images": "yes"},
            Capabilities(image_input=True, image_output=True, image_editing=True),
        ),
        ({"images": "yes", "editing": "no"}, Capabilities(image_input=True, image_output=True)),
        ({"images": "yes", "vision": "no"}, Capabilities(image_output=True)),
        (
            {"images": "yes", "text": "no"},
            Capabilities(
                text_output=False, image_input=True, image_output=True, image_editing=True
            ),
        ),
    ],
)
def test_capabilities_are_told_before_the_run(
    options: Mapping[str, str], expected: Capabilities
) -> None:
    """From the options alone: nothing is guessed from the model's name."""
    assert model_at("http://127.0.0.1:9", **options).capabilities == expected


@pytest.mark.parametrize(
    ("options", "error_kind", "message"),
    [
        ({"safety": "BLOCK_SOME"}, UnknownNameError, "option 'safety'.*BLOCK_NONE"),
        ({"safety.HARASMENT": "OFF"}, UnknownNameError, "harm category.*'HARASSMENT'"),
        ({"safety.HARASSMENT": "1"}, UnknownNameError, "safety.HARASSMENT"),
        ({"modalities": "TEXT"}, UsageError, "must hold IMAGE"),
        ({"modalities": "VIDEO"}, UnknownNameError, "modalities"),
        ({"text": "no"}, UsageError, "neither text nor pictures"),
        ({"images": "chat"}, UsageError, "give yes or no"),
        ({"image.aspectRatio": "1:1"}, UsageError, "draws with -M images=yes"),
        ({"modalities": "IMAGE"}, UsageError, "'modalities' is for pictures"),
        ({"body.contents": "[]"}, UsageError, "body.contents"),
        ({"body.safetySettings": "[]"}, UsageError, "body.safetySettings"),
        ({"body.api_key": "x"}, UsageError, "looks like a key"),
        ({"temperature": "5"}, UsageError, "from 0 to 2"),
        ({"temprature": "0"}, UsageError, "Did you mean temperature"),
        ({"base_url": "ftp://x"}, UsageError, "no http or https address"),
    ],
)
def test_mistakes_in_options_are_named(
    options: Mapping[str, str], error_kind: type[UsageError], message: str
) -> None:
    """Before anything is sent, with what would have been right."""
    with pytest.raises(error_kind, match=message):
        model_at("http://127.0.0.1:9", **options)


async def test_the_version_is_added_to_a_bare_address() -> None:
    """A server's root gets /v1beta; an address with a path is taken as it is."""
    with ApiServer(served) as server:
        for root in (server.root, f"{server.root}/", f"{server.root}/v1beta/"):
            model = model_at(root)
            await model.generate(_TEXT)
            await model.aclose()
        other = model_at(f"{server.root}/proxy/v1", "gemini/tunedModels/my-model")
        await other.generate(_TEXT)
        await other.aclose()
    assert [asked.path for asked in server.asked] == [
        *[PATH] * 3,
        "/proxy/v1/tunedModels/my-model:generateContent",
    ]


async def test_the_key_may_stand_in_either_variable() -> None:
    """Both names of the provider take both variables, their own first."""
    one = {"GEMINI_API_KEY": "key-of-gemini"}
    both = {**one, "GOOGLE_API_KEY": "key-of-google"}
    with ApiServer(served) as server:
        for environment in (one, both):
            for provider in ("google", "gemini"):
                model = model_at(server.root, f"{provider}/{MODEL}", environment)
                await model.generate(_TEXT)
                await model.aclose()
    keys = [asked.headers["x-goog-api-key"] for asked in server.asked]
    assert keys == ["key-of-gemini", "key-of-gemini", "key-of-google", "key-of-gemini"]
