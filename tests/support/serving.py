"""A real HTTP server on loopback: any paths, JSON or forms; a test decides what it answers."""

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from aiohttp import BodyPartReader, web

Reply = tuple[int, dict[str, str], Any]
"""HTTP status, headers, and the body: an object (sent as JSON) or bytes (sent as they are)."""

Fault = Literal["hang", "reset", "abort", "cut", "slow"]
"""No answer at all; the connection closed before one, or torn down; closed in the middle of the
body; a body that comes byte by byte and never ends."""


class FilePart(NamedTuple):
    """A file that came in a form."""

    filename: str | None
    content_type: str | None
    data: bytes


class Asked(NamedTuple):
    """One request as it came. `body` is the JSON object, or {} when there is none.

    `form` has the fields of a form in their order: text as str, files as `FilePart`.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any]
    form: tuple[tuple[str, str | FilePart], ...]


class ApiServer:
    """Serves every path on 127.0.0.1; `answer` is called with each request.

    What came is kept: `asked`, all requests in order; `most_in_flight`, the largest number of
    POST requests open at once. Each answer comes `delay_s` after its request.
    """

    def __init__(self, answer: Callable[[Asked], Reply | Fault], *, delay_s: float = 0.0) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.times: list[float] = []
        self.most_in_flight = 0
        self.root = ""
        self._in_flight = 0
        self._delay_s = delay_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

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

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.root = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _end(self) -> None:
        """Close, and end what a hanging client left: asyncio complains of it much later."""
        assert self._runner is not None
        await self._runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self._in_flight += request.method == "POST"
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            asked = await _asked(request)
            self.asked.append(asked)
            self.times.append(time.monotonic())
            reply = self.answer(asked)
            if isinstance(reply, str):
                return await _spoil(request, reply)
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
        finally:
            self._in_flight -= request.method == "POST"
        status, headers, payload = reply
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        kind = headers.pop("Content-Type", "application/json") if headers else "application/json"
        return web.Response(status=status, headers=headers, body=content, content_type=kind)


async def _asked(request: web.Request) -> Asked:
    body: dict[str, Any] = {}
    form: list[tuple[str, str | FilePart]] = []
    if request.content_type == "multipart/form-data":
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            data = bytes(await part.read())
            kind = part.headers.get("Content-Type")
            value = data.decode() if part.filename is None else FilePart(part.filename, kind, data)
            form.append((part.name or "", value))
    else:
        content = await request.read()
        body = json.loads(content) if content else {}
    return Asked(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers=dict(request.headers),
        body=body,
        form=tuple(form),
    )


async def _spoil(request: web.Request, fault: Fault) -> web.StreamResponse:
    if fault == "hang":
        await asyncio.Event().wait()
    answered = web.StreamResponse(headers={"Content-Length": "4096"})
    if fault in ("cut", "slow"):
        await answered.prepare(request)
        await answered.write(b'{"choices": [{"message": {"content": "Reason: f')
    while fault == "slow" and request.transport is not None:
        await answered.write(b" ")
        await asyncio.sleep(0.02)
    if request.transport is not None:
        if fault == "abort":
            # Closed without a linger a connection is reset, not ended.
            connection = request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.close()
    return answered
