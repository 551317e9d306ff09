"""Pictures that an answer names: fetched where that is safe, refused where it is not."""

import asyncio
import base64
import gzip
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import ApiServer, Asked, Fault, Reply

from unisafebench.core.errors import EndpointError
from unisafebench.endpoints.fetching import Fetcher

_OWN = frozenset({"127.0.0.1"})
_PIXELS = bytes(range(256)) * 8
_SIGNED = "Zq7Rw2Lm9Xt4"


@asynccontextmanager
async def _fetcher(**options: Any) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(**({"first_wait_s": 0.001, "timeout_s": 10.0} | options))
    try:
        yield fetcher
    finally:
        await fetcher.aclose()


async def _refused(url: str, **options: Any) -> EndpointError:
    """Fetch what must fail; return the error."""
    async with _fetcher(**options) as fetcher:
        with pytest.raises(EndpointError) as caught:
            await fetcher.fetch(url)
    return caught.value


def _png(status: int = 200, headers: dict[str, str] | None = None, body: bytes = _PIXELS) -> Reply:
    return status, {"Content-Type": "image/png"} | (headers or {}), body


def _in_turn(*replies: Reply | Fault) -> Callable[[Asked], Reply | Fault]:
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


# From a server.


async def test_a_picture_is_fetched_from_the_endpoints_own_host() -> None:
    """Its bytes, untouched; neither a key nor a cookie goes along, also not the second time."""
    cookie = {"Set-Cookie": "session=1"}
    with ApiServer(lambda _: _png(headers=cookie)) as server:
        async with _fetcher(hosts=_OWN) as fetcher:
            for _ in range(2):
                assert await fetcher.fetch(f"{server.root}/a/b.png?signed=%2Fx%3D&n=1") == _PIXELS
    for asked in server.asked:
        assert (asked.method, asked.path, asked.query) == (
            "GET",
            "/a/b.png",
            {"signed": "/x=", "n": "1"},
        )
        assert not {"Authorization", "Cookie", "Referer"} & asked.headers.keys()


# Limits.


@asynccontextmanager
async def _endless(head: bytes, piece: bytes) -> AsyncIterator[str]:
    """Serve `head` and then `piece` without end; yield the address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        try:
            while True:
                writer.write(piece)
                await writer.drain()
        except OSError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a.png"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"x" * 4096),
        (b"Transfer-Encoding: chunked\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        (b"Content-Length: 99999999999\r\n", b"x" * 4096),
    ],
)
async def test_a_server_that_never_ends_is_left(head: bytes, piece: bytes) -> None:
    """At the limit, whatever it said of the length; and it is not asked again."""
    async with _endless(head, piece) as url:
        error = await _refused(url, hosts=_OWN, max_bytes=100_000)
    assert str(error) == f"the picture at {url} cannot be fetched: it has more than 100,000 bytes."


async def test_the_limit_itself_is_read() -> None:
    """One byte more is not."""
    with ApiServer(lambda _: _png()) as server:
        async with _fetcher(hosts=_OWN, max_bytes=len(_PIXELS)) as fetcher:
            assert await fetcher.fetch(server.root) == _PIXELS
        await _refused(server.root, hosts=_OWN, max_bytes=len(_PIXELS) - 1)


async def test_a_body_that_swells_is_left() -> None:
    """30 MB of nothing in 30 kB: what counts is what comes out."""
    small = gzip.compress(bytes(30_000_000))
    assert len(small) < 40_000
    bomb = _png(headers={"Content-Encoding": "gzip"}, body=small)
    with ApiServer(lambda _: bomb) as server:
        error = await _refused(server.root, hosts=_OWN, max_bytes=1_000_000)
    assert "more than 1,000,000 bytes" in str(error)
    assert len(server.asked) == 1


async def test_a_compressed_picture_is_unpacked() -> None:
    """Below the limit it is what it was."""
    packed = _png(headers={"Content-Encoding": "gzip"}, body=gzip.compress(_PIXELS))
    with ApiServer(lambda _: packed) as server:
        async with _fetcher(hosts=_OWN) as fetcher:
            assert await fetcher.fetch(server.root) == _PIXELS


# Failures.


@pytest.mark.parametrize("first", [_png(503), _png(429), _png(500), "reset", "cut"])
async def test_what_fails_in_passing_is_tried_again(first: Reply | Fault) -> None:
    """Twice at most, with a wait between."""
    with ApiServer(_in_turn(first, first, _png())) as server:
        async with _fetcher(hosts=_OWN) as fetcher:
            assert await fetcher.fetch(f"{server.root}/a.png") == _PIXELS
    assert len(server.asked) == 3


async def test_what_keeps_failing_is_given_up_with_its_status() -> None:
    """After three attempts."""
    with ApiServer(lambda _: _png(503)) as server:
        error = await _refused(f"{server.root}/a.png", hosts=_OWN)
        assert len(server.asked) == 3
        assert (str(error), error.status) == (
            f"the picture at {server.root}/a.png cannot be fetched: HTTP 503.",
            503,
        )


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410])
async def test_what_will_not_change_is_asked_once(status: int) -> None:
    """An address that has run out is the usual case."""
    with ApiServer(lambda _: _png(status, body=b"")) as server:
        error = await _refused(f"{server.root}/a.png", hosts=_OWN)
    assert error.status == status
    assert len(server.asked) == 1


async def test_a_server_that_hangs_is_left_in_time() -> None:
    """Each attempt has its own limit."""
    with ApiServer(lambda _: "hang") as server:
        error = await _refused(server.root, hosts=_OWN, timeout_s=0.05)
    assert "no answer within 0.05 s" in str(error)


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would look names up by itself, where no one checks them."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with ApiServer(lambda _: _png()) as server:
        async with _fetcher(hosts=_OWN) as fetcher:
            assert await fetcher.fetch(server.root) == _PIXELS


@pytest.mark.parametrize(
    "answer", [_png(403), _png(500), "reset", (302, {"Location": "http://["}, b"")]
)
async def test_what_is_signed_is_never_shown(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in messages nor in the log, however the call fails; long paths are cut."""
    caplog.set_level(logging.DEBUG)
    with ApiServer(lambda _: answer) as server:
        url = f"{server.root}/{'p' * 500}?Signature={_SIGNED}#{_SIGNED}"
        error = await _refused(url, hosts=_OWN)
    assert _SIGNED not in str(error)
    assert len(str(error)) < 300
    ours = [record for record in caplog.records if record.name != "aiohttp.access"]
    assert _SIGNED not in "".join(record.getMessage() for record in ours)
    assert error.__cause__ is None


async def test_what_is_no_http_is_a_failure_without_the_address() -> None:
    """Aiohttp's own message for it ends with the whole address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        error = await _refused(f"http://127.0.0.1:{port}/a?key={_SIGNED}", hosts=_OWN)
    assert str(error).startswith(f"the picture at http://127.0.0.1:{port}/a?... cannot be fetched")
    assert _SIGNED not in str(error)


async def test_closing_twice_or_unused_is_fine() -> None:
    """And after it a picture can be fetched again."""
    fetcher = Fetcher(hosts=_OWN)
    await fetcher.aclose()
    with ApiServer(lambda _: _png()) as server:
        for _ in range(2):
            assert await fetcher.fetch(server.root) == _PIXELS
            await fetcher.aclose()
            await fetcher.aclose()


# Data URLs.


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64," + base64.b64encode(_PIXELS).decode(),
        "data:image/png;base64," + base64.b64encode(_PIXELS).decode().rstrip("="),
        "data:image/png;base64," + base64.urlsafe_b64encode(_PIXELS).decode(),
        "DATA:image/png;name=a.png;BASE64," + base64.encodebytes(_PIXELS).decode(),
        "data:;base64,"
        + base64.b64encode(_PIXELS).decode().replace("+", "%2B").replace("=", "%3D"),
        "data:image/png," + "".join(f"%{byte:02x}" for byte in _PIXELS),
    ],
)
async def test_a_data_url_is_decoded(url: str) -> None:
    """In all spellings in use; nothing is sent anywhere."""
    async with _fetcher() as fetcher:
        assert await fetcher.fetch(url) == _PIXELS


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("data:image/png;base64,@@@@", "is not base64"),
        ("data:image/png;base64,AAAAA", "is not base64"),
        ("data:image/png;base64,", "holds nothing"),
        ("data:image/png;base64", "holds nothing"),
        ("data:", "holds nothing"),
        ("data:image/png;base64," + "A" * 4000, "more than 1,000 bytes"),
        ("data:image/png;base64," + "A" * 1400, "more than 1,000 bytes"),
        ("data:," + "A" * 1001, "more than 1,000 bytes"),
    ],
)
async def test_a_broken_data_url_is_said_without_what_it_holds(url: str, reason: str) -> None:
    """Only its head is shown."""
    error = await _refused(url, max_bytes=1000)
    assert reason in str(error)
    assert "AAAA" not in str(error)


@given(st.binary(min_size=1, max_size=99))
def test_any_bytes_come_out_of_a_data_url(data: bytes) -> None:
    """What was packed is what is fetched."""
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    assert asyncio.run(Fetcher().fetch(url)) == data
