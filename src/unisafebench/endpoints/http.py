"""One endpoint over HTTP: pooled connections, rate limit, retries, circuit breaker.

aiohttp with orjson is used since it was measured at several times the calls per second of the
providers' own packages. A slot of `max_connections` is held only while a call is on the wire, not
while it waits to be tried again, so one failing call never stops the rest.
"""

import asyncio
import io
import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import aiohttp
import msgspec
import orjson
import stamina
from aiolimiter import AsyncLimiter
from yarl import URL

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.endpoints.classify import Failure, error_of, failure_of_status

__all__ = ["HttpEndpoint", "Limits"]

# Unless the application configures logging, stamina's line for each retry would be printed.
logging.getLogger("stamina").addHandler(logging.NullHandler())

T = TypeVar("T")
_LARGE_BODY = 1 << 20
_STATUS = re.compile(r"[1-5][0-9]{2}")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How hard an endpoint may be driven. Waits and timeouts in seconds."""

    max_connections: int = 32
    requests_per_minute: float | None = None
    timeout_s: float = 120.0
    max_retries: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0
    longest_retry_after_s: float = 120.0
    """A provider that asks for a longer wait ends the call instead."""
    break_after: int = 5
    """So many calls in a row that failed after all their retries stop the endpoint."""


class _AttemptFailed(Exception):  # noqa: N818 -- internal signal, mapped before it leaves
    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


class HttpEndpoint:
    """Sends JSON, returns JSON. `calls`, `retries` and `failures` count what happened."""

    def __init__(self, base_url: str, *, api_key: str | None, limits: Limits) -> None:
        self.base_url = base_url.rstrip("/")
        self.limits = limits
        self.calls = 0
        self.retries = 0
        self.failures = 0
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._api_key = api_key
        self._slots = asyncio.Semaphore(limits.max_connections)
        self._limiter = (
            None
            if limits.requests_per_minute is None
            else AsyncLimiter(*_bucket(limits.requests_per_minute))
        )
        self._session: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}
        self._failed_in_a_row = 0
        self._broken: EndpointUnusableError | None = None

    async def post(self, path: str, body: dict[str, Any], read: Callable[[dict[str, Any]], T]) -> T:
        """POST `body` to `path` and return what `read` makes of the JSON object that came back.

        `read` raises ValueError for an answer that lacks what it must hold; such an answer is
        asked for again, like any other that was cut or garbled on its way.

        Raises:
            EndpointError: this call failed, after its retries where retrying could help.
            EndpointUnusableError: every further call would fail too.
        """
        return await self._call("POST", path, orjson.dumps(body), read)

    async def get(self, path: str) -> dict[str, Any]:
        """GET `path` and return the JSON object that came back; errors as for `post`."""
        return await self._call("GET", path, None, dict)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(
        self, method: str, path: str, body: bytes | None, read: Callable[[dict[str, Any]], T]
    ) -> T:
        try:
            try:
                answer = self._read(await self._attempt(method, path, body), read)
            except _AttemptFailed as failed:
                answer = await self._retry(failed, method, path, body, read)
        except _AttemptFailed as failed:
            raise self._give_up(failed.failure, path) from failed
        self._failed_in_a_row = 0
        return answer

    async def _retry(
        self,
        first: _AttemptFailed,
        method: str,
        path: str,
        body: bytes | None,
        read: Callable[[dict[str, Any]], T],
    ) -> T:
        """Go on after a first attempt that failed. Most calls never come here, nor pay for it."""
        limits = self.limits
        async for attempt in stamina.retry_context(
            on=self._wait_for,
            attempts=limits.max_retries + 1,
            timeout=None,
            wait_initial=limits.first_wait_s,
            wait_max=limits.longest_wait_s,
            wait_jitter=limits.first_wait_s,
        ):
            with attempt:
                if attempt.num == 1:
                    raise first
                self.retries += 1
                return self._read(await self._attempt(method, path, body), read)
        raise first  # not reached: the last attempt returns or raises

    def _wait_for(self, error: Exception) -> bool | float:
        """Tell stamina whether to try again: True for its own back-off, or seconds to wait."""
        if not isinstance(error, _AttemptFailed) or error.failure.kind != "transient":
            return False
        wait = error.failure.wait_s
        if wait is None:
            return True
        return False if wait > self.limits.longest_retry_after_s else float(wait)

    async def _attempt(
        self, method: str, path: str, body: bytes | None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        async with self._slots:
            if self._broken is not None:
                raise self._broken
            if self._limiter is not None:
                await self._limiter.acquire()
            self.calls += 1
            try:
                # A redirect could carry the key to a host that nobody named: not followed.
                async with self._open().request(
                    method, self._url(path), data=_payload(body), allow_redirects=False
                ) as reply:
                    return await reply.read(), reply.status, reply.headers
            except TimeoutError:
                message = f"no answer within {self.limits.timeout_s:g} s"
                raise _AttemptFailed(Failure(kind="transient", message=message)) from None
            except aiohttp.ClientError as error:
                message = f"{type(error).__name__}: {error}"
                raise _AttemptFailed(Failure(kind="transient", message=message)) from error

    def _url(self, path: str) -> URL:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = URL(self.base_url + path)
        return url

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
                timeout=aiohttp.ClientTimeout(total=self.limits.timeout_s),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    def _read(
        self, reply: tuple[bytes, int, Mapping[str, str]], read: Callable[[dict[str, Any]], T]
    ) -> T:
        content, status, headers = reply
        body = _parse(content)
        if status >= 300 or (isinstance(body, dict) and body.get("error")):
            code = status
            if status < 300:
                # Some providers send an error with HTTP 200 once the model has begun.
                inner = error_of(body)[0]
                code = int(inner) if inner is not None and _STATUS.fullmatch(inner) else 502
            raise self._failed(failure_of_status(code, headers, self._text(content), body))
        if not isinstance(body, dict):
            start = self._text(content)[:80]
            message = f"the answer is not a JSON object (it starts {start!r})"
            raise self._failed(Failure(kind="transient", message=message, status=status))
        try:
            return read(body)
        except ValueError as error:
            failure = Failure(kind="transient", message=str(error), status=status)
            raise self._failed(failure) from error

    def _failed(self, failure: Failure) -> _AttemptFailed:
        """Return what ends the attempt, without the key: from here on it may be logged or shown."""
        return _AttemptFailed(
            msgspec.structs.replace(
                failure,
                message=self._clean(failure.message),
                code=None if failure.code is None else self._clean(failure.code),
                param=None if failure.param is None else self._clean(failure.param),
            )
        )

    def _text(self, content: bytes) -> str:
        # Cleaned before it is cut anywhere: half a key would not be found any more.
        return self._clean(content.decode("utf-8", "replace"))

    def _give_up(self, failure: Failure, path: str) -> EndpointError:
        self.failures += 1
        message = self._describe(failure, path)
        kind = EndpointError
        if failure.kind == "transient":
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= self.limits.break_after:
                kind = EndpointUnusableError
                message += (
                    f" This was call number {self._failed_in_a_row} in a row to fail in spite of "
                    "its retries, so the endpoint is left alone."
                )
        else:
            self._failed_in_a_row = 0  # it is there and answers
            if failure.kind == "endpoint":
                kind = EndpointUnusableError
        error = kind(
            message,
            status=failure.status,
            code=failure.code,
            param=failure.param,
            body=failure.body,
        )
        # After a wrong path or model its list of models can still be asked for.
        if isinstance(error, EndpointUnusableError) and failure.status not in (400, 404):
            self._broken = error
        return error

    def _describe(self, failure: Failure, path: str) -> str:
        url = self.base_url + path
        if failure.status is None:
            return (
                f"{url} cannot be used: {failure.message}. "
                "Is the server running, and is the address right?"
            )
        advice = {
            401: " The key was not accepted: set the right one in the environment.",
            402: " The account has no credit left.",
            403: " The key may not use this model or address.",
            404: " Check the address and the model's name.",
        }.get(failure.status, "")
        if failure.wait_s is not None and failure.wait_s > self.limits.longest_retry_after_s:
            advice += f" It asks for a wait of {failure.wait_s:,.0f} s: repeat the command then."
        return f"{url} answered HTTP {failure.status}: {failure.message}{advice}"

    def _clean(self, text: str) -> str:
        """Providers may echo the key in an error; it must not reach a message or a file."""
        return text.replace(self._api_key, "[key]") if self._api_key else text


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """Let a large body be sent piece by piece, so that it does not hold up the other calls."""
    return body if body is None or len(body) < _LARGE_BODY else io.BytesIO(body)


def _parse(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        # The standard library takes lone surrogates, which models do produce. No file could hold
        # them: they become U+FFFD.
        text = json.dumps(json.loads(content), ensure_ascii=False)
        return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except (ValueError, RecursionError):
        return None


def _bucket(per_minute: float) -> tuple[float, float]:
    """Spread the minute's calls: a bucket of one second's worth, at least one call."""
    per_second = per_minute / 60
    return (per_second, 1.0) if per_second >= 1 else (1.0, 1 / per_second)
