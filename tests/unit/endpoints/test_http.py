"""Retries, waits, limits and secrets, against a real server on loopback."""

import asyncio
import json
import logging
import socket
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import LoopbackServer, error, say

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.endpoints.chat import _answer
from unisafebench.endpoints.http import HttpEndpoint, Limits, _AttemptFailed, _bucket
from unisafebench.endpoints.replies import Reply

Quick = Callable[..., Limits]
Script = Callable[..., Any]
_KEY = "sk-Zq7Rw2Lm9Xt4Bv6Np1"


def _text(reply: Reply) -> str:
    return _answer(reply).text


async def _ask(http: HttpEndpoint, word: str = "q") -> str:
    messages = [{"role": "user", "content": word}]
    return await http.post("/chat/completions", {"messages": messages}, _text)


async def _ask_once(url: str, limits: Limits, key: str | None = None) -> HttpEndpoint:
    """Ask one question and close; the answer must be "fine"."""
    http = HttpEndpoint(url, api_key=key, limits=limits)
    try:
        assert await _ask(http) == "fine"
    finally:
        await http.aclose()
    return http


async def _refused(url: str, limits: Limits, key: str | None = None) -> EndpointError:
    """Ask one question that must fail, close, and return the error."""
    http = HttpEndpoint(url, api_key=key, limits=limits)
    try:
        with pytest.raises(EndpointError) as caught:
            await _ask(http)
    finally:
        await http.aclose()
    return caught.value


async def test_the_key_goes_into_the_header_and_nowhere_else(quick: Quick) -> None:
    """A bearer token; without a key there is no such header."""
    with LoopbackServer(lambda _: say("fine")) as server:
        await _ask_once(server.url, quick(), _KEY)
        await _ask_once(server.url, quick())
    assert server.headers[0]["Authorization"] == f"Bearer {_KEY}"
    assert "Authorization" not in server.headers[1]
    assert _KEY not in str(server.bodies)


@pytest.mark.parametrize(
    "first",
    [
        error(500, "oops"),
        error(502, "bad gateway"),
        error(503, "loading"),
        error(529, "Overloaded"),
        error(429, "slow down"),
        error(429, "slow down", {"Retry-After": "0"}),
        (200, {}, b"<html>Welcome to nginx</html>"),
        (200, {}, b""),
        (200, {}, b'{"choices": [{"message": {"cont'),
        (200, {}, b"[" * 100_000),
        (200, {}, b'{"choices": [{"message": {"content": "\xff"}}]}'),
        (200, {}, [1, 2]),
        (200, {}, {}),
        (200, {}, {"choices": []}),
        (200, {}, {"choices": None}),
        (200, {}, {"choices": [None]}),
        (200, {}, {"choices": [{"message": None}]}),
        (200, {}, {"error": {"message": "overloaded", "code": "overloaded"}}),
        (200, {}, {"error": {"message": "overloaded", "code": 503}}),
        (200, {}, {"error": {"message": "busy", "code": "1301"}}),
        (200, {}, {"error": "worker died"}),
        "reset",
        "cut",
    ],
)
async def test_what_may_pass_is_tried_again(quick: Quick, script: Script, first: Any) -> None:
    """Errors of the server, also inside a 200, and cut, empty or garbled answers."""
    with LoopbackServer(script(first, say("fine"))) as server:
        http = await _ask_once(server.url, quick())
    assert len(server.bodies) == 2
    assert server.bodies[0] == server.bodies[1]
    assert (http.calls, http.retries, http.failures) == (2, 1, 0)


async def test_a_call_that_hangs_is_cut_and_tried_again(quick: Quick, script: Script) -> None:
    """After the time limit, not after the server's patience."""
    with LoopbackServer(script("hang", say("fine"))) as server:
        http = await _ask_once(server.url, quick(timeout_s=0.2))
    assert (http.calls, http.retries) == (2, 1)


async def test_a_call_that_always_hangs_says_how_long_it_waited(quick: Quick) -> None:
    """And asks whether the server is there."""
    with LoopbackServer(lambda _: "hang") as server:
        failed = await _refused(server.url, quick(timeout_s=0.1, max_retries=1))
    assert "no answer within 0.1 s" in str(failed)
    assert server.url in str(failed)
    assert failed.status is None
    assert len(server.bodies) == 2


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_retries_come_to_an_end(quick: Quick, retries: int) -> None:
    """One attempt and so many retries, then an error with status, address and message."""
    with LoopbackServer(lambda _: error(500, "oops")) as server:
        failed = await _refused(server.url, quick(max_retries=retries))
    assert len(server.bodies) == 1 + retries
    assert not isinstance(failed, EndpointUnusableError)
    assert failed.status == 500
    assert str(failed) == f"{server.url}/chat/completions answered HTTP 500: oops."


@pytest.mark.parametrize("status", [400, 413, 422, 501])
async def test_what_is_wrong_with_one_call_is_not_tried_again(quick: Quick, status: int) -> None:
    """It ends this call and no other."""
    with LoopbackServer(lambda _: error(status, "bad request")) as server:
        failed = await _refused(server.url, quick())
    assert len(server.bodies) == 1
    assert not isinstance(failed, EndpointUnusableError)
    assert failed.status == status


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "The key in MINE_API_KEY was not accepted."),
        (402, "The account has no credit left."),
        (403, "The key may not use this model or address."),
    ],
)
async def test_a_wrong_key_stops_the_endpoint_at_once(
    quick: Quick, status: int, advice: str
) -> None:
    """Neither this call nor a later one is sent again."""
    with LoopbackServer(lambda _: error(status, "no")) as server:
        http = HttpEndpoint(server.url, api_key=_KEY, limits=quick(), key_variable="MINE_API_KEY")
        for _ in range(3):
            with pytest.raises(EndpointUnusableError) as caught:
                await _ask(http)
        await http.aclose()
    assert len(server.bodies) == 1
    assert caught.value.status == status
    assert str(caught.value).endswith(advice)


async def test_a_key_that_is_missing_is_asked_for(quick: Quick) -> None:
    """A refusal of a call without a key names the variable to set."""
    with LoopbackServer(lambda _: error(401, "no")) as server:
        http = HttpEndpoint(server.url, api_key=None, limits=quick(), key_variable="MINE_API_KEY")
        with pytest.raises(EndpointUnusableError, match=r"No key was sent: set MINE_API_KEY\.$"):
            await _ask(http)
        await http.aclose()


async def test_an_unreachable_endpoint_is_named(quick: Quick) -> None:
    """Address, reason and what to look at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        failed = await _refused(url, quick(max_retries=1))
    assert str(failed).startswith(f"{url}/chat/completions cannot be used: ")
    assert str(failed).endswith("Is the server running, and is the address right?")


@pytest.mark.parametrize("form", ["ms", "seconds", "date"])
async def test_retry_after_is_honoured(quick: Quick, script: Script, form: str) -> None:
    """Its wait is taken instead of our own, which is 20 ms at most."""
    later = format_datetime(datetime.fromtimestamp(int(time.time()) + 2, UTC), usegmt=True)
    headers = {
        "ms": {"retry-after-ms": "150"},
        "seconds": {"Retry-After": "0.15"},
        "date": {"Retry-After": later},
    }[form]
    with LoopbackServer(script(error(429, "slow down", headers), say("fine"))) as server:
        await _ask_once(server.url, quick())
    assert server.times[1] - server.times[0] >= 0.14


async def test_a_wait_that_is_too_long_ends_the_call(quick: Quick) -> None:
    """An hour is not waited for; the message says what was asked."""
    with LoopbackServer(lambda _: error(429, "later", {"Retry-After": "3600"})) as server:
        failed = await _refused(server.url, quick(longest_retry_after_s=1.0))
    assert len(server.bodies) == 1
    assert "It asks for a wait of 3,600 s" in str(failed)


async def test_a_call_that_waits_does_not_stop_the_others(quick: Quick) -> None:
    """With one connection: the second call goes out while the first waits to be tried again."""
    seen: list[str] = []

    def answer(body: dict[str, Any]) -> Any:
        word = body["messages"][0]["content"]
        seen.append(word)
        if seen == ["first"]:
            return error(429, "slow down", {"retry-after-ms": "300"})
        return say(word)

    with LoopbackServer(answer) as server:
        http = HttpEndpoint(server.url, api_key=None, limits=quick(max_connections=1))
        answers = await asyncio.gather(_ask(http, "first"), _ask(http, "second"))
        await http.aclose()
    assert answers == ["first", "second"]
    assert seen == ["first", "second", "first"]


async def test_no_more_calls_are_in_flight_than_connections(quick: Quick) -> None:
    """The server counts: three at a time of twelve, and three are reached."""
    with LoopbackServer(lambda _: say("fine"), delay_s=0.03) as server:
        http = HttpEndpoint(server.url, api_key=None, limits=quick(max_connections=3))
        await asyncio.gather(*(_ask(http) for _ in range(12)))
        await http.aclose()
    assert len(server.bodies) == 12
    assert server.most_in_flight == 3


async def test_calls_a_minute_are_respected(quick: Quick) -> None:
    """At 600 a minute, 16 calls are a first ten at once and six more in 0.6 s."""
    limits = quick(requests_per_minute=600)
    with LoopbackServer(lambda _: say("fine")) as server:
        http = HttpEndpoint(server.url, api_key=None, limits=limits)
        await asyncio.gather(*(_ask(http) for _ in range(16)))
        await http.aclose()
    assert len(server.bodies) == 16
    assert server.times[-1] - server.times[0] >= 0.3


@settings(deadline=None)
@given(st.floats(0.01, 1e6))
def test_the_bucket_keeps_the_rate_and_holds_at_least_one_call(per_minute: float) -> None:
    """Calls per second times sixty is the rate, whatever the rate."""
    calls, seconds = _bucket(per_minute)
    assert calls >= 1
    assert calls / seconds * 60 == pytest.approx(per_minute)


async def test_a_body_that_breaks_off_is_said_to(quick: Quick) -> None:
    """The server is there and answered: nobody is told to look whether it runs."""
    with LoopbackServer(lambda _: "cut") as server:
        failed = await _refused(server.url, quick(max_retries=0))
    assert str(failed).endswith(
        "answered HTTP 200: the connection was closed in the middle of the answer."
    )


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(quick: Quick, status: int) -> None:
    """The other server would get the key."""
    with (
        LoopbackServer(lambda _: say("fine")) as other,
        LoopbackServer(
            lambda _: (status, {"Location": f"{other.url}/chat/completions"}, b"")
        ) as server,
    ):
        failed = await _refused(server.url, quick(), _KEY)
    assert isinstance(failed, EndpointUnusableError)
    assert failed.status == status
    assert other.paths == []


def _pieces(key: str) -> list[str]:
    return [key[at : at + 8] for at in range(len(key) - 7)]


@pytest.mark.parametrize("filler", [0, 185, 190, 199, 1985, 1990, 1999])
@pytest.mark.parametrize("status", [200, 401, 500])
async def test_the_key_is_in_no_message_even_when_the_server_echoes_it(
    quick: Quick, caplog: pytest.LogCaptureFixture, status: int, filler: int
) -> None:
    """Not whole, nor the half before the place where a long body is cut; not in logs or causes."""
    page = b"x" * filler + _KEY.encode()
    caplog.set_level(logging.DEBUG)
    with LoopbackServer(lambda _: (status, {}, page)) as server:
        failed = await _refused(server.url, quick(max_retries=1), _KEY)
    shown = "".join(traceback.format_exception(failed))
    logged = str([record.__dict__ for record in caplog.records])
    for piece in _pieces(_KEY):
        assert piece not in shown
        assert piece not in failed.body
        assert piece not in logged


async def test_the_key_is_in_no_field_of_the_error(quick: Quick) -> None:
    """Message, code and parameter come from the server, too."""
    echo = error(401, f"wrong key {_KEY}", code=f"bad {_KEY}", param=_KEY)
    with LoopbackServer(lambda _: echo) as server:
        failed = await _refused(server.url, quick(), _KEY)
    assert _KEY not in str(vars(failed)) + str(failed)
    assert "wrong key [key]" in str(failed)
    assert (failed.code, failed.param) == ("bad [key]", "[key]")


async def test_a_retry_prints_nothing(
    quick: Quick, script: Script, capfd: pytest.CaptureFixture[str]
) -> None:
    """A thousand retries would be a thousand lines through the progress bar."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        with LoopbackServer(script(error(500, "oops"), say("fine"))) as server:
            await _ask_once(server.url, quick())
    finally:
        root.handlers = handlers
    printed = "".join(capfd.readouterr())
    assert "stamina" not in printed
    assert "retry" not in printed


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
_MESSAGE = st.fixed_dictionaries({}, optional={"content": _JSON, "refusal": _JSON}) | _JSON
_CHOICE = st.fixed_dictionaries({}, optional={"message": _MESSAGE, "finish_reason": _JSON}) | _JSON
_TOKENS = st.integers() | _JSON
_USAGE = st.fixed_dictionaries(
    {}, optional={"prompt_tokens": _TOKENS, "completion_tokens": _TOKENS}
)
_BODY = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(_CHOICE, max_size=2) | _JSON,
        "error": _JSON,
        "model": _JSON,
        "usage": _USAGE | _JSON,
    },
)
_CONTENT = st.binary(max_size=60) | (_BODY | _JSON).map(lambda body: json.dumps(body).encode())


@settings(deadline=None)
@given(_CONTENT, st.integers(200, 599))
def test_any_body_is_an_answer_or_a_failed_attempt(content: bytes, status: int) -> None:
    """And an answer can be written to a file, whatever a server sends."""
    http = HttpEndpoint("http://127.0.0.1:9", api_key=None, limits=Limits())
    made: object
    try:
        made = http._read((content, status, {}), _answer)
        answered = True
    except _AttemptFailed as failed:
        made, answered = failed.failure, False
    assert status < 300 or not answered
    msgspec.json.encode(made)


async def test_an_account_that_an_answer_says_is_shut_is_left_alone(quick: Quick) -> None:
    """Calls that were waiting for their turn are not sent any more."""

    def shut(_: Reply) -> str:
        raise EndpointUnusableError("the account is limited")

    with LoopbackServer(lambda _: say("fine")) as server:
        http = HttpEndpoint(server.url, api_key=None, limits=quick(max_connections=1))
        try:
            calls = [http.post("/chat/completions", {"messages": []}, shut) for _ in range(5)]
            ended = await asyncio.gather(*calls, return_exceptions=True)
        finally:
            await http.aclose()
        assert [str(error) for error in ended] == ["the account is limited"] * 5
        assert len(server.bodies) == 1
