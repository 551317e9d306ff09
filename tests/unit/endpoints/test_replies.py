"""Bodies that are read with a limit, forms that are sent whole, JSON that models produce."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import ApiServer, FilePart

from unisafebench.core.errors import EndpointError
from unisafebench.endpoints.http import HttpEndpoint, Limits
from unisafebench.endpoints.replies import (
    FormField,
    Reply,
    parse_json,
    request_id,
    without_secret,
)

Quick = Callable[..., Limits]
_BODY = json.dumps({"text": "x" * 5000}).encode()


@asynccontextmanager
async def _endpoint(url: str, limits: Limits) -> AsyncIterator[HttpEndpoint]:
    http = HttpEndpoint(url, api_key=None, limits=limits)
    try:
        yield http
    finally:
        await http.aclose()


def _whole(reply: Reply) -> Reply:
    return reply


@pytest.mark.parametrize("packed", [False, True])
async def test_the_largest_answer_is_read(quick: Quick, packed: bool) -> None:
    """The limit itself passes, packed or not; one byte less is a failure that names the limit."""
    headers = {"Content-Encoding": "gzip"} if packed else {}
    answer = gzip.compress(_BODY) if packed else _BODY
    with ApiServer(lambda _: (200, dict(headers), answer)) as server:
        async with _endpoint(server.root, quick(longest_answer_bytes=len(_BODY))) as http:
            assert (await http.post("/a", {}, _whole)).body == {"text": "x" * 5000}
        async with _endpoint(server.root, quick(longest_answer_bytes=len(_BODY) - 1)) as http:
            with pytest.raises(EndpointError, match=f"more than the {len(_BODY) - 1:,} bytes"):
                await http.post("/a", {}, _whole)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b" " * 4096),
        (b"Transfer-Encoding: chunked\r\n", b"1000\r\n" + b" " * 4096 + b"\r\n"),
        (b"Content-Length: 99999999999\r\n", b" " * 4096),
    ],
)
async def test_an_answer_without_end_is_left(quick: Quick, head: bytes, piece: bytes) -> None:
    """Whether or not it says how long it is; it is not asked for again."""
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
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
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with _endpoint(url, quick(longest_answer_bytes=100_000)) as http:
            with pytest.raises(EndpointError, match="more than the 100,000 bytes that are read"):
                await http.post("/a", {}, _whole)
    assert asked == 1


async def test_a_body_that_swells_is_left(quick: Quick) -> None:
    """30 MB of blanks in 30 kB: what counts is what comes out."""
    bomb = gzip.compress(b" " * 30_000_000)
    assert len(bomb) < 40_000
    with ApiServer(lambda _: (200, {"Content-Encoding": "gzip"}, bomb)) as server:
        async with _endpoint(server.root, quick(longest_answer_bytes=1_000_000)) as http:
            with pytest.raises(EndpointError, match="more than the 1,000,000 bytes"):
                await http.post("/a", {}, _whole)
    assert len(server.asked) == 1


@pytest.mark.parametrize("size", [10, 3 << 20])
async def test_a_form_is_sent_whole_each_time(quick: Quick, size: int) -> None:
    """A form is used up by sending it: the second attempt has every byte of the first."""
    picture = bytes(n % 251 for n in range(size))
    form = (
        FormField(name="model", value="m"),
        FormField(name="prompt", value="Ändere\r\nes"),
        FormField(name="image[]", value=picture, filename="a.png", content_type="image/png"),
        FormField(name="image[]", value=b"2", filename="b.jpg", content_type="image/jpeg"),
    )
    replies: list[Any] = [(500, {}, {}), "reset", (200, {}, {"ok": 1})]
    with ApiServer(lambda _: replies.pop(0)) as server:
        async with _endpoint(server.root, quick()) as http:
            assert (await http.post("/images/edits", form, _whole)).body == {"ok": 1}
    assert len(server.asked) == 3
    for asked in server.asked:
        assert asked.form == (
            ("model", "m"),
            ("prompt", "Ändere\r\nes"),
            ("image[]", FilePart("a.png", "image/png", picture)),
            ("image[]", FilePart("b.jpg", "image/jpeg", b"2")),
        )


async def test_a_form_of_texts_alone_is_a_form(quick: Quick) -> None:
    """Servers that take multipart do not take the other kind of form."""
    with ApiServer(lambda _: (200, {}, {"ok": 1})) as server:
        async with _endpoint(server.root, quick()) as http:
            await http.post("/a", (FormField(name="n", value="1"),), _whole)
    assert server.asked[0].headers["Content-Type"].startswith("multipart/form-data")
    assert server.asked[0].form == (("n", "1"),)


async def test_a_large_body_is_sent_whole_each_time(quick: Quick) -> None:
    """Piece by piece, from its start."""
    body = {"picture": "A" * (3 << 20)}
    replies: list[Any] = [(503, {}, {}), (200, {}, {"ok": 1})]
    with ApiServer(lambda _: replies.pop(0)) as server:
        async with _endpoint(server.root, quick()) as http:
            await http.post("/a", body, _whole)
    assert [asked.body for asked in server.asked] == [body, body]


@pytest.mark.parametrize(
    "name", ["x-request-id", "request-id", "X-Generation-Id", "apim-request-id"]
)
async def test_the_providers_id_of_a_call_is_kept(quick: Quick, name: str) -> None:
    """OpenAI, Anthropic, OpenRouter and Azure; what is too long for an id is cut."""
    with ApiServer(lambda _: (200, {name: "r" * 300}, {})) as server:
        async with _endpoint(server.root, quick()) as http:
            reply = await http.post("/a", {}, _whole)
    assert (reply.request_id, reply.status) == ("r" * 200, 200)


def test_without_an_id_there_is_none() -> None:
    """An empty one is none."""
    assert request_id({}) is None
    assert request_id({"x-request-id": ""}) is None


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_json_is_read_as_it_was_meant(value: Any) -> None:
    """Whether characters stand for themselves or are escaped."""
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.lists(st.sampled_from(["a", "\ud83d", "\ude00", "\udfff"]), max_size=8))
def test_half_a_character_becomes_a_mark(parts: list[str]) -> None:
    """What is read can always be written again; two halves are the character they mean."""
    found = parse_json(json.dumps({"text": "".join(parts)}).encode())
    assert found["text"].encode().decode() == found["text"]
    expected = "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert found["text"] == expected


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_nothing(content: bytes) -> None:
    """Nothing is raised; what is returned can be written as UTF-8."""
    json.dumps(parse_json(content), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "content", [b"", b"nothing", b"[" * 100_000, b'{"a": 1', b"\xff\xfe", b'{"a": 1}{"a": 2}']
)
def test_what_is_no_json_is_nothing(content: bytes) -> None:
    """Also what is nested too deeply."""
    assert parse_json(content) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("sk-12", max_size=12),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("sk-12", max_size=8), inner),
)


@given(_JSON)
def test_a_secret_is_nowhere_in_what_is_left(value: Any) -> None:
    """Neither in values nor in names, at any depth; without it nothing changes."""
    left = without_secret(value, "sk-1")
    assert "sk-1" not in json.dumps(left)
    if "sk-1" not in json.dumps(value):
        assert left == value


def test_a_value_that_is_too_deep_is_not_kept() -> None:
    """What cannot be looked through could hold the secret."""
    value: Any = "sk-1"
    for _ in range(100_000):
        value = [value]
    assert without_secret(value, "sk-1") is None
