"""A key goes to its endpoint and nowhere else, however the endpoint sends it back."""

import base64
import contextlib
import json
import os
import socketserver
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from commands import Ended, start
from faulty import chat_reply
from faulty_runs import answer
from serving import ApiServer, Asked, Fault, Reply
from stopped_runs import arguments, samples

from unisafebench.core.errors import EndpointError
from unisafebench.endpoints.base import ChatRequest
from unisafebench.endpoints.chat import ChatEndpoint
from unisafebench.endpoints.http import HttpEndpoint, Limits
from unisafebench.endpoints.providers import open_chat

LONG = os.environ.get("UNISAFEBENCH_LONG") == "1"

# With the characters that JSON, addresses and base64 spell in other ways.
KEY = "sk-Zq7/Rw2+Lm9_Xt4=Bv6.Np1~"
SPELLINGS = {
    "as it is": KEY,
    "as JSON may have it": KEY.replace("/", r"\/"),
    "by numbers": "".join(f"\\u{ord(character):04x}" for character in KEY),
    "as an address has it": quote(KEY, safe=""),
    "in base64": base64.b64encode(KEY.encode()).decode(),
    "its second half": KEY[len(KEY) // 2 :],
}


def said(text: str, number: str = KEY) -> bytes:
    """Return an error whose JSON spells the key as `number`; OpenAI's shape with more in it."""
    return (
        f'{{"error": {{"message": "{text} {number}", "code": "bad {number}", "param": "{number}",'
        f' "metadata": {{"{number}": "{number}"}}}}}}'
    ).encode()


def echoes(status: int) -> dict[str, Reply | Fault]:
    """Return the ways in which an endpoint sends the key back with a status."""
    return {
        "message": (status, {}, said("wrong key")),
        "escaped": (status, {}, said("wrong key", SPELLINGS["as JSON may have it"])),
        "numbers": (status, {}, said("wrong key", SPELLINGS["by numbers"])),
        "page": (status, {"Content-Type": "text/html"}, f"<p>{KEY}</p>".encode()),
        "cut": (status, {}, said("wrong", SPELLINGS["as JSON may have it"])[:-9]),
        "text": (status, {}, json.dumps(f"Bearer {KEY}").encode()),
        "list": (status, {}, f'["{SPELLINGS["as JSON may have it"]}"]'.encode()),
        "header": (status, {"x-request-id": KEY, "Location": f"/?{quote(KEY)}"}, said("no")),
    }


class Echoing:
    """A judge and model that sends the key back with some calls, and is right with the others."""

    def __init__(self, replies: dict[str, Reply | Fault], every: int, after: int = 0) -> None:
        self._replies = list(replies.values())
        self._every = every
        self._after = after
        self.calls = 0
        self.keys: set[str] = set()

    def __call__(self, asked: Asked) -> Reply | Fault:
        """Answer one call."""
        self.keys.add(asked.headers.get("Authorization", ""))
        self.calls += 1
        number, rest = divmod(self.calls, self._every)
        if rest or self.calls < self._after:
            return answer(asked)
        reply = self._replies[number % len(self._replies)]
        return reply if isinstance(reply, str) else (reply[0], dict(reply[1]), reply[2])


def check_nowhere(directory: Path, *ended: Ended) -> None:
    """Look for the key in every file and all that was printed, in every spelling."""
    seen = 0
    for path in directory.rglob("*"):
        if path.is_file():
            seen += 1
            content = path.read_bytes()
            for how, spelling in SPELLINGS.items():
                assert spelling.encode() not in content, f"{path} has the key {how}"
    for how, spelling in SPELLINGS.items():
        for text in (one.out + one.err for one in ended):
            assert spelling not in text, f"printed the key {how}: {text[-2000:]}"
    assert seen


def run(directory: Path, *given: str) -> Ended:
    """Run a command with the key in the environment."""
    process = start(directory, *given, env={"VLLM_API_KEY": KEY})
    out, err = process.communicate(timeout=120)
    return Ended(process.returncode, out, err)


def after(directory: Path) -> list[Ended]:
    """Run what reads a run afterwards: it prints and writes what the journals hold."""
    return [
        run(directory, "--debug", "report", "run"),
        run(directory, "--debug", "doctor", "run"),
    ]


@pytest.mark.parametrize("status", [200, 400, 500] if LONG else [400])
def test_some_calls_fail(tmp_path: Path, status: int) -> None:
    """Errors of single calls are recorded and printed, the key in them is not."""
    samples(directory := tmp_path / "work")
    script = Echoing(echoes(status), 4, after=8)  # the probe is passed
    with ApiServer(script) as server:
        made = run(directory, "--debug", *arguments(server.root), "--max-retries", "0")
    assert script.keys == {f"Bearer {KEY}"}
    assert script.calls > 12
    assert made.code == 3, made.err
    kept = "".join(path.read_text() for path in (directory / "run").glob("*.jsonl"))
    assert "[key]" in kept
    check_nowhere(directory, made, *after(directory))


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_the_endpoint_is_of_no_use(tmp_path: Path, status: int) -> None:
    """The error that ends the run, with its traceback."""
    ways = echoes(status)
    for name, reply in (ways if LONG else {"header": ways["header"]}).items():
        samples(directory := tmp_path / name)
        with ApiServer(Echoing({name: reply}, 1)) as server:
            ended = run(directory, "--debug", *arguments(server.root), "--max-retries", "0")
        assert ended.code != 0
        check_nowhere(directory, ended)


def test_answers_that_hold_the_key(tmp_path: Path) -> None:
    """A model that repeats what it was sent, headers included, and a judge that reasons of it."""

    def repeat(asked: Asked) -> Reply:
        status, headers, body = answer(asked)
        if "choices" in body:
            text = body["choices"][0]["message"]["content"].replace("number", f"number {KEY}")
            _, _, body = chat_reply(text, id=KEY, model=f"served for {KEY}", provider=KEY)
            body["choices"][0]["message"]["reasoning"] = KEY
        return status, headers | {"x-request-id": KEY}, body

    samples(directory := tmp_path / "work")
    with ApiServer(repeat) as server:
        ended = run(directory, "--debug", *arguments(server.root))
    assert ended.code in (0, 3), ended.err
    assert "[key]" in (directory / "run" / "responses.jsonl").read_text()
    assert "[key]" in (directory / "run" / "verdicts.jsonl").read_text()
    check_nowhere(directory, ended, *after(directory))


@pytest.mark.parametrize("key", ["1", "EMPTY", "lm-studio"])
async def test_keys_that_are_words(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """What servers of one's own take for a key may stand in an answer: it stays as it came."""
    said = json.dumps({"reason": f"The {key} is fine.", "result": 1})
    with ApiServer(lambda _: chat_reply(said)) as server:
        monkeypatch.setenv("VLLM_API_KEY", key)
        chat = open_chat("vllm/m", role="judge", base_url=server.root, limits=Limits())
        try:
            found = await chat.complete(ChatRequest(messages=(), max_tokens=1))
        finally:
            await chat.aclose()
    assert server.asked[0].headers["Authorization"] == f"Bearer {key}"
    assert found.text == said


RAW = {
    "no HTTP": f"{KEY}\r\n\r\n",
    "header without a colon": f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n",
    "header with a bad byte": f"HTTP/1.1 200 OK\r\nX-Key: a\0{KEY}\r\n\r\n",
    "bad length": f"HTTP/1.1 200 OK\r\nContent-Length: {KEY}\r\n\r\n",
    "bad chunk": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{KEY}\r\n",
    "bad encoding": f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 27\r\n\r\n{KEY}",
    "reason": f"HTTP/1.1 401 {KEY}\r\nContent-Length: 0\r\n\r\n",
}


@contextlib.contextmanager
def raw_server(reply: str) -> Iterator[str]:
    """Serve the same bytes to every connection, whatever it asks."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(reply.encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("way", RAW)
async def test_a_server_that_breaks_the_protocol(way: str) -> None:
    """The library quotes what it could not read; its words are cleaned like the server's own."""
    limits = Limits(max_retries=0)
    with raw_server(RAW[way]) as url:
        http = HttpEndpoint(url, api_key=KEY, limits=limits)
        try:
            with pytest.raises(EndpointError) as caught:
                await ChatEndpoint(http, "m").complete(ChatRequest(messages=(), max_tokens=1))
        finally:
            await http.aclose()
    printed = "".join(traceback.format_exception(caught.value))
    for how, spelling in SPELLINGS.items():
        assert spelling not in printed, f"printed the key {how}: {printed}"
