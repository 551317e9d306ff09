"""Chat completions: what is read from every shape of an answer."""

from typing import Any

import pytest
from asking import ask, failure_of
from openai_api import (
    NO_PICTURE,
    PICTURED,
    azure_block,
    choice,
    completion,
    data_url,
    moderated,
    pictured,
    say,
)
from openai_images_api import drawn
from serving import Asked, Reply

from unisafebench.core.errors import (
    EndpointUnusableError,
)
from unisafebench.core.tasks import TASKS
from unisafebench.models.base import Output


async def _read(reply: Reply, task: str = "text-generation") -> Output:
    drawing = {"images": "chat"} if TASKS[task].output == "image" else {}
    return (await ask(lambda _: reply, task, **drawing))[0]


@pytest.mark.parametrize("shape", PICTURED)
async def test_every_shape_of_a_picture(shape: str) -> None:
    """The same bytes come out of every shape, beside the text where there is one."""
    output = await _read(pictured(shape, drawn(9)), "text-to-image")
    alone = shape in ("picture alone", "plain address", "output_image")
    assert output.images == (drawn(9),)
    assert output.text == (None if alone else "Here it is.")
    assert output.stop_reason == "stop"


async def test_a_picture_at_an_address_is_fetched() -> None:
    """A server may give an address of its own; the picture is had from there."""

    def answer(asked: Asked) -> Reply:
        if asked.method == "GET":
            return 200, {"Content-Type": "image/png"}, drawn(3)
        part = {"image_url": {"url": f"http://{asked.headers['Host']}/pictures/1.png"}}
        return completion(choice(None, images=[part]))

    output, asked = await ask(answer, "text-to-image", images="chat")
    assert output.images == (drawn(3),)
    assert [(one.method, one.path) for one in asked] == [
        ("POST", "/v1/chat/completions"),
        ("GET", "/pictures/1.png"),
    ]


async def test_vllm_omnis_sentence_is_no_answer() -> None:
    """Nothing was made, and nothing is what comes out."""
    output = await _read(say(NO_PICTURE), "text-to-image")
    assert (output.status, output.text, output.stop_reason) == ("completed", None, "no_image")


async def test_markdown_pictures_only_on_request() -> None:
    """Off, the text is the answer as it came; on, the picture is one."""
    reply = say(f"Here: ![it]({data_url(drawn(4))})")
    off = await _read(reply, "text-to-image")
    assert off.images == ()
    on, _ = await ask(lambda _: reply, "text-to-image", images="chat", markdown_images="yes")
    assert (on.text, on.images) == ("Here:", (drawn(4),))


async def test_a_refusal_in_its_own_field_is_text() -> None:
    """The judge reads it, after what was said before."""
    output = await _read(say(None, refusal="I cannot help."))
    assert (output.status, output.text, output.stop_reason) == (
        "completed",
        "I cannot help.",
        "refusal",
    )
    both = await _read(say("Well,", refusal="I cannot help."))
    assert both.text == "Well,\nI cannot help."


async def test_thoughts_are_no_answer() -> None:
    """Neither in their own field nor as parts of the content."""
    parts = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}]
    output = await _read(say(parts, reasoning="Hm.", reasoning_content="Hm."))  # type: ignore[arg-type]
    assert output.text == "Yes."


async def test_openrouters_facts_are_kept() -> None:
    """Who served the call and the provider's own word for its end."""
    reply = completion(
        {**choice("It is", "content_filter"), "native_finish_reason": "SAFETY"}, provider="Sample"
    )
    output = await _read(reply)
    assert (output.status, output.blocked_side, output.text) == ("blocked", "output", "It is")
    assert output.stop_reason == "content_filter"
    assert output.details["native_finish_reason"] == "SAFETY"
    assert output.details["provider"] == "Sample"


async def test_an_error_inside_a_choice() -> None:
    """A filter's is a block, with what had come; any other is asked again, then a failure."""
    error = {"code": 403, "message": "No.", "metadata": {"error_type": "refusal"}}
    output = await _read(completion({**choice("It is", "error"), "error": error}))
    assert (output.status, output.stop_reason, output.error) == ("blocked", "refusal", "No.")
    assert output.text == "It is"
    broken = {"code": 502, "message": "The provider went away."}
    asked: list[Asked] = []

    def answer(one: Asked) -> Reply:
        asked.append(one)
        return completion({"index": 0, "finish_reason": "error", "error": broken})

    failure = await failure_of(answer)
    assert "The provider went away." in str(failure)
    assert len(asked) == 2


async def test_an_account_shut_inside_a_choice_ends_the_run() -> None:
    """402 means the same wherever it stands."""
    error = {"code": 402, "message": "Insufficient credits."}
    failure = await failure_of(lambda _: completion({**choice(None, "error"), "error": error}))
    assert isinstance(failure, EndpointUnusableError)
    assert "Insufficient credits." in str(failure)


async def test_openrouters_moderation_is_a_block_of_the_input() -> None:
    """Its facts are kept: what was flagged, why, and for whom."""
    output = await _read(moderated())
    assert (output.status, output.blocked_side, output.stop_reason) == (
        "blocked",
        "input",
        "moderation",
    )
    assert output.details == {
        "http_status": 403,
        "reasons": ["violence"],
        "flagged_input": "A red ap... a table.",
        "provider_name": "Sample Cloud",
        "model_slug": "maker/sample-8b",
    }


async def test_azures_prompt_filter_is_a_block_of_the_input() -> None:
    """With the categories it found."""
    output = await _read(azure_block())
    assert (output.status, output.blocked_side, output.stop_reason) == (
        "blocked",
        "input",
        "content_filter",
    )
    assert output.details == {
        "http_status": 400,
        "code": "content_filter",
        "categories": ["violence"],
    }


async def test_no_choices_is_an_answer_of_nothing() -> None:
    """A well-formed answer; no ground to ask again."""
    output = await _read(completion())
    assert (output.status, output.text, output.stop_reason) == ("completed", None, "no_choices")


@pytest.mark.parametrize("body", [{"object": "x"}, {"choices": 3}, {"choices": [{"index": 0}]}])
async def test_what_is_no_chat_completion_is_asked_for_again(body: dict[str, Any]) -> None:
    """And said to be none when it comes again."""
    failure = await failure_of(lambda _: (200, {}, body))
    assert "answer" in str(failure)
