"""What fails before a model of Google's: the key, the model, what it lacks, the connection."""

import pytest
from gemini_api import (
    ACCEPTED_MODALITIES,
    KEY,
    MODEL,
    WORDS,
    ask,
    drawn,
    error,
    good,
    model_at,
    wrong_key,
)
from serving import ApiServer, Fault, Reply

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.core.tasks import TASKS
from unisafebench.models.base import UnsupportedError
from unisafebench.testing import example_requests

_TEXT = example_requests(TASKS["text-generation"])[0]
_DRAW = example_requests(TASKS["text-to-image"])[0]
_SEE = example_requests(TASKS["vqa-text-unsafe"])[0]


async def _fails(answer: Reply | Fault) -> EndpointError:
    with pytest.raises(EndpointError) as caught:
        await ask(answer, _TEXT)
    assert KEY not in f"{caught.value!r}{caught.value.body}{caught.value.details}"
    return caught.value


async def test_a_wrong_key_ends_it_all_and_is_not_shown() -> None:
    """Google answers with the status of a bad request, and may repeat the key."""
    failed = await _fails(wrong_key(KEY))
    assert isinstance(failed, EndpointUnusableError)
    assert "API key not valid" in str(failed)
    assert str(failed).endswith(" The key in GOOGLE_API_KEY was not accepted.")


async def test_after_a_wrong_key_nothing_more_is_asked() -> None:
    """Further calls would get the same answer."""
    with ApiServer(lambda _: wrong_key(KEY)) as server:
        model = model_at(server.root)
        try:
            for _ in range(3):
                with pytest.raises(EndpointUnusableError, match="API key not valid"):
                    await model.generate(_TEXT)
        finally:
            await model.aclose()
        assert len(server.asked) == 1


async def test_an_unknown_model_ends_it_all() -> None:
    """The message names the model."""
    told = (
        f"models/{MODEL} is not found for API version v1beta, or is not supported for "
        "generateContent. Call ListModels to see the list of available models."
    )
    failed = await _fails(error(404, "NOT_FOUND", told))
    assert isinstance(failed, EndpointUnusableError)
    assert f"models/{MODEL} is not found" in str(failed)


async def test_a_model_that_cannot_see_says_so() -> None:
    """One message, which ends the task and not the run."""
    told = error(400, "INVALID_ARGUMENT", f"Image input modality is not enabled for models/{MODEL}")
    with pytest.raises(UnsupportedError, match=r"takes no pictures: .*is not enabled for models"):
        await ask(told, _SEE)


async def test_a_model_that_cannot_draw_says_so() -> None:
    """As Gemini puts it, and as a model for which nobody said that it draws."""
    told = ACCEPTED_MODALITIES.format(asked="TEXT, IMAGE", model=MODEL, taken="TEXT")
    with pytest.raises(UnsupportedError, match=r"draws no pictures: .*response modalities"):
        await ask(error(400, "INVALID_ARGUMENT", told), _DRAW, images="yes")
    with pytest.raises(UnsupportedError, match="gives no image"):
        await ask(drawn(), _DRAW)


async def test_a_prompt_that_is_too_long_fails_alone() -> None:
    """The next request is sent as if nothing had been."""
    told = "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576)."
    answers = [error(400, "INVALID_ARGUMENT", told), good(WORDS)]
    with ApiServer(lambda _: answers.pop(0)) as server:
        model = model_at(server.root)
        with pytest.raises(EndpointError, match="exceeds the maximum number of tokens") as caught:
            await model.generate(_TEXT)
        assert (await model.generate(_TEXT)).text == WORDS["text"]
        await model.aclose()
    assert not isinstance(caught.value, EndpointUnusableError)


@pytest.mark.parametrize("fault", ["cut", "reset"])
async def test_a_connection_that_breaks_is_tried_again(fault: Fault) -> None:
    """Closed in the middle of the body, or before it."""
    answers: list[Reply | Fault] = [fault, good(WORDS)]
    output, asked = await ask(lambda _: answers.pop(0), _TEXT)
    assert (output.text, len(asked)) == (WORDS["text"], 2)
    said = "closed in the middle of the answer" if fault == "cut" else "cannot be used"
    assert said in str(await _fails(fault))


async def test_rate_limits_are_waited_out() -> None:
    """For as long as the error's details say."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.01s"}
    answers = [error(429, "RESOURCE_EXHAUSTED", "Slow down.", info), good(WORDS)]
    output, asked = await ask(lambda _: answers.pop(0), _TEXT)
    assert (output.text, len(asked)) == (WORDS["text"], 2)


async def test_a_wait_of_hours_ends_the_call_at_once() -> None:
    """A quota of the day is not waited for."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "32400s"}
    failed = await _fails(error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", info))
    assert "It asks for a wait of 32,400 s" in str(failed)
