"""A real chat-completions server on loopback whose answers a test decides."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

Reply = tuple[int, dict[str, str], Any]
"""HTTP status, headers, and the body: an object (sent as JSON) or bytes (sent as they are)."""

Fault = Literal["hang", "reset", "cut"]
"""No answer at all; the connection closed before one; closed in the middle of its body."""


def say(text: str, **message: Any) -> Reply:
    """Return a well-formed chat completion with this text."""
    return (
        200,
        {},
        {
            "id": "cmpl-1",
            "object": "chat.completion",
            "model": "loopback-judge-2026-01",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text, **message},
                }
            ],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        },
    )


def error(status: int, message: str, headers: dict[str, str] | None = None, **fields: Any) -> Reply:
    """Return an error answer in OpenAI's shape."""
    return status, headers or {}, {"error": {"message": message, **fields}}


def words_of(body: dict[str, Any]) -> str:
    """Return all text of a request's messages."""
    found = []
    for message in body["messages"]:
        content = message["content"]
        parts = [{"text": content}] if isinstance(content, str) else content
        found += [part["text"] for part in parts if "text" in part]
    return "\n".join(found)


def pictures_of(body: dict[str, Any]) -> list[str]:
    """Return the data URLs of a request's pictures."""
    return [
        part["image_url"]["url"]
        for message in body["messages"]
        if isinstance(message["content"], list)
        for part in message["content"]
        if part.get("type") == "image_url"
    ]


class LoopbackServer:
    """Serves /v1/chat/completions on 127.0.0.1; `answer` is called with each request's body.

    `prefix` stands before the paths instead of /v1; each answer comes `delay_s` after its request.
    What came is kept: `bodies`, `headers`, arrival `times` (monotonic seconds), `paths` of all
    requests, and `most_in_flight`, the largest number of chat requests open at once.
    """

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], Reply | Fault],
        models: tuple[str, ...] = (),
        *,
        prefix: str = "/v1",
        delay_s: float = 0.0,
    ) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.paths: list[str] = []
        self.most_in_flight = 0
        self.answer = answer
        self._in_flight = 0
        self._prefix = prefix
        self._delay_s = delay_s
        self._models = models
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        """Close, and end what a hanging client left: asyncio complains of it much later."""
        assert self._runner is not None
        await self._runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 26, middlewares=[self._note])
        app.router.add_post(f"{self._prefix}/chat/completions", self._chat)
        app.router.add_get(f"{self._prefix}/models", self._list)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}{self._prefix}"

    @web.middleware
    async def _note(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        self.paths.append(request.path)
        self._in_flight += request.method == "POST"
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            answered: web.StreamResponse = await handler(request)
        finally:
            self._in_flight -= request.method == "POST"
        return answered

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.times.append(time.monotonic())
        reply = self.answer(body)
        if isinstance(reply, str):
            return await self._spoil(request, reply)
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        status, headers, payload = reply
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return web.Response(
            status=status, headers=headers, body=content, content_type="application/json"
        )

    async def _spoil(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault == "hang":
            await asyncio.Event().wait()
        answered = web.StreamResponse(headers={"Content-Length": "4096"})
        if fault == "cut":
            await answered.prepare(request)
            await answered.write(b'{"choices": [{"message": {"content": "Reason: f')
        assert request.transport is not None
        request.transport.close()
        return answered

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": name} for name in self._models]})
