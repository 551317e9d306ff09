"""Calls that fail one after the other: an endpoint that is gone, and one that is not."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from loopback import LoopbackServer, error, say

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.endpoints.chat import _answer
from unisafebench.endpoints.http import HttpEndpoint, Limits
from unisafebench.endpoints.replies import Reply

Quick = Callable[..., Limits]
Script = Callable[..., Any]


def _text(reply: Reply) -> str:
    return _answer(reply).text


async def _ask(http: HttpEndpoint, word: str = "q") -> str:
    messages = [{"role": "user", "content": word}]
    return await http.post("/chat/completions", {"messages": messages}, _text)


async def test_calls_that_fail_in_a_row_stop_the_endpoint(quick: Quick) -> None:
    """The third of three says so, and the fourth is not sent."""
    with LoopbackServer(lambda _: error(500, "oops")) as server:
        http = HttpEndpoint(server.url, api_key=None, limits=quick(break_after=3, max_retries=1))
        kinds = []
        for _ in range(4):
            with pytest.raises(EndpointError) as caught:
                await _ask(http)
            kinds.append(type(caught.value))
        await http.aclose()
    assert kinds == [EndpointError, EndpointError, EndpointUnusableError, EndpointUnusableError]
    assert len(server.bodies) == 3 * 2
    assert "call number 3 in a row" in str(caught.value)


@pytest.mark.parametrize("between", [say("fine"), error(400, "bad request")])
async def test_an_answer_in_between_starts_the_row_anew(
    quick: Quick, script: Script, between: Any
) -> None:
    """Also a 400: the server is there and answers."""
    oops = error(500, "oops")
    with LoopbackServer(script(oops, between, oops, between, oops, say("fine"))) as server:
        limits = quick(break_after=2, max_retries=0)
        http = HttpEndpoint(server.url, api_key=None, limits=limits)
        for _ in range(5):
            with suppress(EndpointError):
                await _ask(http)
        # Two failures in a row would have stopped the endpoint for good.
        assert await _ask(http) == "fine"
        await http.aclose()


async def test_calls_that_fail_beside_answered_ones_are_no_row(quick: Quick) -> None:
    """What always fails is left over at the end of a run; the endpoint answers the rest."""
    words: list[str] = []

    def answer(body: dict[str, Any]) -> Any:
        words.append(body["messages"][0]["content"])
        if words[-1] == "good":
            return say("fine")
        # The bad ones are tried until the first good answer has come, then given up.
        wait = "1000" if words.count("good") == 2 else "0"
        return error(500, "oops", {"Retry-After": wait})

    with LoopbackServer(answer) as server:
        http = HttpEndpoint(server.url, api_key=None, limits=quick(break_after=2, max_retries=999))
        bad = [asyncio.create_task(_ask(http, "bad")) for _ in range(4)]
        await asyncio.sleep(0)
        for _ in range(2):
            assert await _ask(http, "good") == "fine"
        failed = await asyncio.gather(*bad, return_exceptions=True)
        assert await _ask(http, "good") == "fine"
        await http.aclose()
    assert [type(error) for error in failed] == [EndpointError] * 4
