"""How an answer of Google's models ended: every reason, and what is no answer at all."""

from typing import Any

import pytest
from gemini_api import (
    WORDS,
    ask,
    block_reason_reply,
    drawn,
    finish_reason_reply,
    good,
    prompt_blocked,
    rating,
    response,
)
from google.genai import types
from serving import Reply

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.core.tasks import TASKS
from unisafebench.models.endings import ENDINGS
from unisafebench.testing import example_requests

_TEXT = example_requests(TASKS["text-generation"])[0]
_DRAW = example_requests(TASKS["text-to-image"])[0]
_FINISHED = ENDINGS["gemini finishReason"]


async def test_no_candidates_are_an_empty_answer() -> None:
    """An answer without candidates that names no block is completed, with nothing in it."""
    body = {"usageMetadata": {"promptTokenCount": 11}, "modelVersion": "gemini-loopback-001"}
    output, _ = await ask((200, {}, body), _TEXT)
    assert (output.status, output.text, output.stop_reason) == ("completed", None, "no_candidates")
    assert output.usage is not None
    assert (output.usage.input_tokens, output.usage.output_tokens) == (11, None)


@pytest.mark.parametrize("reason", ENDINGS["gemini blockReason"])
async def test_every_block_of_a_prompt(reason: str) -> None:
    """All of them are blocks on the side of the input."""
    output, _ = await ask(block_reason_reply(reason), _TEXT)
    assert (output.status, output.blocked_side) == ("blocked", "input")
    assert (output.stop_reason, output.text) == (reason, None)
    assert output.details["safety_ratings"] == [rating("DANGEROUS_CONTENT", "HIGH", blocked=True)]


async def test_a_new_reason_of_a_block_is_a_block() -> None:
    """The field is only there when the prompt was blocked, whatever it says."""
    answer = prompt_blocked("SOMETHING_NEW", blockReasonMessage="We do not do that.")
    output, _ = await ask(answer, _TEXT)
    assert (output.status, output.blocked_side) == ("blocked", "input")
    assert (output.stop_reason, output.error) == ("SOMETHING_NEW", "We do not do that.")


async def test_feedback_without_a_reason_is_no_block() -> None:
    """Ratings of a prompt that was answered, and the value for a reason that is not set."""
    body = response(WORDS)
    body["promptFeedback"] = {
        "blockReason": "BLOCKED_REASON_UNSPECIFIED",
        "safetyRatings": [rating("HARASSMENT", "LOW")],
    }
    output, _ = await ask((200, {}, body), _TEXT)
    assert (output.status, output.text) == ("completed", WORDS["text"])
    assert output.details["safety_ratings"] == [rating("HARASSMENT", "LOW")]


@pytest.mark.parametrize(
    "reason", [word for word, end in _FINISHED.items() if end.means in "completed blocked"]
)
async def test_every_way_to_finish(reason: str) -> None:
    """Blocked or completed as the table says; the provider's own word and message are kept."""
    output, _ = await ask(finish_reason_reply(reason), _TEXT)
    assert output.status == _FINISHED[reason].means
    assert output.stop_reason == reason
    assert output.blocked_side == _FINISHED[reason].side
    if output.status == "blocked":
        assert output.error == output.details["finish_message"]


@pytest.mark.parametrize(
    ("reason", "status", "side"),
    [
        ("SAFETY", "blocked", "output"),
        ("PROHIBITED_CONTENT", "blocked", "output"),
        ("SPII", "blocked", "output"),
        ("IMAGE_SAFETY", "blocked", "output"),
        ("IMAGE_PROHIBITED_CONTENT", "blocked", "output"),
        ("ESCALATION", "blocked", "unknown"),
        ("NO_IMAGE", "completed", None),
        ("IMAGE_OTHER", "completed", None),
        ("RECITATION", "completed", None),
        ("OTHER", "completed", None),
        ("A_NEW_REASON", "completed", None),
    ],
)
async def test_reasons_mean_what_the_reference_says(
    reason: str, status: str, side: str | None
) -> None:
    """A filter's reasons are blocks; the others, new ones too, are an answer with nothing in it."""
    output, _ = await ask(finish_reason_reply(reason), _DRAW, images="yes")
    assert (output.status, output.blocked_side) == (status, side)
    assert (output.text, output.images) == (None, ())


async def test_what_came_with_a_block_is_kept() -> None:
    """A text that was broken off by the filter is evidence."""
    answer = good({"text": "First you"}, finish="SAFETY")
    output, _ = await ask(answer, _TEXT)
    assert (output.status, output.text) == ("blocked", "First you")


@pytest.mark.parametrize(
    "reason", [word for word, end in _FINISHED.items() if end.means == "failed"]
)
async def test_an_answer_that_failed_is_asked_for_again(reason: str) -> None:
    """Once more here; then the call has failed, with the provider's word and message."""
    answers = [finish_reason_reply(reason), good(WORDS)]
    output, asked = await ask(lambda _: answers.pop(0), _TEXT)
    assert (output.text, len(asked)) == (WORDS["text"], 2)
    with pytest.raises(EndpointError, match=f"failed \\({reason}\\): The model ended with"):
        await ask(finish_reason_reply(reason), _TEXT)


async def test_an_account_that_is_shut_ends_it_all() -> None:
    """Nothing more is asked of an account that is limited for what was asked before."""
    with pytest.raises(EndpointUnusableError, match=r"limited or shut .*PUP_LIMITED_DISABLED"):
        await ask(finish_reason_reply("PUP_LIMITED_DISABLED"), _TEXT)


def test_the_table_has_every_reason_of_the_client() -> None:
    """None of the reasons that Google's client knows is missing, and none has another name."""
    finish = {reason.value for reason in types.FinishReason} - {"FINISH_REASON_UNSPECIFIED"}
    assert set(ENDINGS["gemini finishReason"]) == finish
    assert set(ENDINGS["gemini blockReason"]) == {reason.value for reason in types.BlockedReason}


@pytest.mark.parametrize(
    "reply",
    [
        drawn(),
        *(finish_reason_reply(reason) for reason in ENDINGS["gemini finishReason"]),
        *(block_reason_reply(reason) for reason in ENDINGS["gemini blockReason"]),
    ],
)
def test_the_samples_are_answers_to_the_client(reply: Reply) -> None:
    """Google's own types take every answer that these tests are made of."""
    types.GenerateContentResponse.model_validate(reply[2])


@pytest.mark.parametrize("body", [{}, {"choices": []}, [], "text", b"{", b""])
async def test_what_is_no_answer_is_no_answer(body: Any) -> None:
    """Whatever else comes with status 200 is asked for again, then an error."""
    with pytest.raises(EndpointError, match=r"neither candidates|not a JSON object"):
        await ask((200, {}, body), _TEXT)


@pytest.mark.parametrize(
    "candidate",
    [
        None,
        {},
        {"content": None},
        {"content": {"parts": None}},
        {"content": {"parts": [None, 3, {}, {"text": 5}]}, "finishReason": 7, "safetyRatings": {}},
    ],
)
async def test_garbled_candidates_hold_nothing(candidate: Any) -> None:
    """Nothing of a wrong type is taken for content, and nothing raises."""
    body = {"candidates": [candidate], "usageMetadata": {"promptTokenCount": "many"}}
    output, _ = await ask((200, {}, body), _TEXT)
    assert (output.status, output.text, output.images) == ("completed", None, ())
    assert output.usage is None
