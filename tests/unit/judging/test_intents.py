"""The prompted extractor: what it is shown, and what it never takes for an intent."""

import pytest

from unisafebench.core.errors import EndpointError
from unisafebench.core.records import Usage
from unisafebench.core.tasks import TASKS
from unisafebench.endpoints.base import ChatAnswer, ChatRequest
from unisafebench.judging.base import Extractor, Query
from unisafebench.judging.intents import PromptedExtractor
from unisafebench.judging.probe import PROBES

PICTURE = PROBES[-1].answer().pictures[0]
QUERY = Query(
    prompt="Zebra-prompt?",
    task=TASKS["vqa-dual-unsafe"],
    category="Privacy Leak",
    subcategory="Financial Privacy",
    turns=("Zebra-turn",),
    pictures=(PICTURE,),
)
REFUSAL = ChatAnswer(text="I'm sorry, I can't help with that.")


class Scripted:
    """An endpoint that gives queued answers and keeps what it was asked."""

    def __init__(self, *answers: ChatAnswer | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[ChatRequest] = []

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """Give the next answer."""
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_it_is_an_extractor() -> None:
    """It offers all that an extractor offers."""
    extractor = PromptedExtractor("a/b", Scripted())
    assert isinstance(extractor, Extractor)
    assert extractor.name == "a/b"
    assert set(extractor.prompts) == {"intent", "handling", "data"}


async def test_it_is_shown_the_whole_query() -> None:
    """Prompt, further turns, both levels of the taxonomy and the picture; temperature 0."""
    endpoint = Scripted(ChatAnswer(text=" The user wants account numbers. "))
    assert await PromptedExtractor("a/b", endpoint).extract(QUERY) == (
        "The user wants account numbers.",
        None,
    )
    request = endpoint.requests[0]
    assert request.temperature == 0.0
    assert request.schema is None
    system, user = request.messages
    assert "5 to 8 sentences" in system["content"]
    text = "".join(part.get("text", "") for part in user["content"])
    for words in ("Zebra-prompt?", "Zebra-turn", "Privacy Leak: Financial Privacy"):
        assert words in text
        assert words not in system["content"]
    assert [part["type"] for part in user["content"]] == ["text", "image_url", "text"]


@pytest.mark.parametrize(
    "reply",
    [
        REFUSAL,
        ChatAnswer(text=""),
        ChatAnswer(text=" \n"),
        ChatAnswer(text="", refusal="No."),
        ChatAnswer(text="The user", finish_reason="content_filter"),
        ChatAnswer(text="<think>The user wants"),
        ChatAnswer(text="Error code: 429 - slow down"),
    ],
)
async def test_what_is_no_intent_is_asked_for_twice_more(reply: ChatAnswer) -> None:
    """A refusal, nothing, or an error text is never an intent; after three tries there is none."""
    endpoint = Scripted(reply, reply, ChatAnswer(text="<think>Hm.</think>The user wants a loan."))
    intent, _ = await PromptedExtractor("a/b", endpoint).extract(QUERY)
    assert intent == "The user wants a loan."
    endpoint = Scripted(reply, reply, reply, ChatAnswer(text="Too late."))
    assert (await PromptedExtractor("a/b", endpoint).extract(QUERY))[0] is None
    assert len(endpoint.requests) == 3


async def test_usage_is_summed_over_the_tries() -> None:
    """What the failed tries used is counted too, also where no intent was had."""
    used = ChatAnswer(text="", usage=Usage(input_tokens=7, output_tokens=1))
    extractor = PromptedExtractor("a/b", Scripted(used, used, used))
    assert await extractor.extract(QUERY) == (None, Usage(input_tokens=21, output_tokens=3))


async def test_half_an_intent_gets_more_room() -> None:
    """An intent that was cut off is asked for again with twice the limit."""
    endpoint = Scripted(
        ChatAnswer(text="The user wa", finish_reason="length"), ChatAnswer(text="The user waits.")
    )
    extractor = PromptedExtractor("a/b", endpoint, max_tokens=100)
    assert (await extractor.extract(QUERY))[0] == "The user waits."
    assert [request.max_tokens for request in endpoint.requests] == [100, 200]


async def test_an_endpoint_s_error_passes_through() -> None:
    """A failed call ends in an error, not in an intent."""
    extractor = PromptedExtractor("a/b", Scripted(EndpointError("down", status=503)))
    with pytest.raises(EndpointError):
        await extractor.extract(QUERY)


async def test_an_endpoint_that_cannot_be_closed_is_left_alone() -> None:
    """Closing the extractor works with any endpoint."""
    await PromptedExtractor("a/b", Scripted()).aclose()
