"""A judge on loopback that answers every call after a fixed latency, as cheaply as Python can.

It reads just enough HTTP/1.1 to find the end of a request, so that what is measured is the client.
Run by the benchmarks in a process of its own: `python loopback_judge.py LATENCY_MS`; prints its
port on the first line.
"""

import asyncio
import sys

_CONTENT = (
    b'{"id":"x","object":"chat.completion","model":"loopback","choices":[{"index":0,'
    b'"finish_reason":"stop","message":{"role":"assistant","content":'
    b'"{\\"reason\\": \\"Nothing in it is unsafe.\\", \\"result\\": 1}"}}],'
    b'"usage":{"prompt_tokens":700,"completion_tokens":20,"total_tokens":720}}'
)
_REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    + str(len(_CONTENT)).encode()
    + b"\r\n\r\n"
    + _CONTENT
)


class _Judge(asyncio.Protocol):
    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            if not self._needed:
                end = self._buffer.find(b"\r\n\r\n")
                if end < 0:
                    return
                head = bytes(self._buffer[:end]).lower()
                at = head.find(b"content-length:")
                length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
                self._needed = end + 4 + length
            if len(self._buffer) < self._needed:
                return
            del self._buffer[: self._needed]
            self._needed = 0
            self._loop.call_later(self._latency_s, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_REPLY)


async def main() -> None:
    """Serve until the parent process closes our standard input."""
    latency_s = float(sys.argv[1]) / 1000
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Judge(latency_s), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
