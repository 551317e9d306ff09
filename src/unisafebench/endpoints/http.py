"""One endpoint over HTTP: pooled connections, rate limits, retries, circuit breaker.

aiohttp with orjson is used since it was measured at several times the calls per second of the
providers' own packages. A slot of `max_connections` is held only while a call is on the wire, not
while it waits to be tried again, so one failing call never stops the rest.
"""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
import orjson
import stamina
from aiolimiter import AsyncLimiter
from yarl import URL

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.endpoints.classify import Failure, failure_of_status
from unisafebench.endpoints.concurrency import AdaptiveSlots
from unisafebench.endpoints.replies import (
    FormField,
    Reply,
    TooLargeError,
    parse_json,
    payload,
    read_limited,
    request_id,
    without_secret,
)

__all__ = ["HttpEndpoint", "Limits"]

# Unless the application configures logging, stamina's line for each retry would be printed.
logging.getLogger("stamina").addHandler(logging.NullHandler())

T = TypeVar("T")
_Content = bytes | tuple[FormField, ...] | None
# What an endpoint answers that is asked too much at a time.
_TOO_MANY = frozenset({429, 503, 529})
# Keys that a server of one's own is content with ("1", "EMPTY", "lm-studio") are words that an
# answer may hold for reasons of its own; nothing is taken out of answers for them.
_NO_WORD = 12
_JSON = {"Content-Type": "application/json"}


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
    longest_answer_bytes: int = 256 * 1024 * 1024
    """A longer answer is not read to its end; ten pictures of the largest size fit."""


class _AttemptFailed(Exception):  # noqa: N818 -- internal signal, mapped before it leaves
    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


class HttpEndpoint:
    """Sends JSON or forms, returns JSON. `calls`, `retries` and `failures` count what happened.

    Args:
        base_url: what stands before all paths.
        api_key: the key, or None to send none.
        limits: how hard it may be driven.
        key_header: the header that carries the key; "Authorization" carries it as a bearer token.
        headers: sent with every call.
        key_variable: where the key is looked up, for messages.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None,
        limits: Limits,
        key_header: str = "Authorization",
        headers: Mapping[str, str] | None = None,
        key_variable: str = "the environment",
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.limits = limits
        self.calls = 0
        self.retries = 0
        self.failures = 0
        self._headers = {"Accept": "application/json", **(headers or {})}
        if api_key:
            bearer = key_header == "Authorization"
            self._headers[key_header] = f"Bearer {api_key}" if bearer else api_key
        self._api_key = api_key or None
        # As it is, as JSON may have it, as an address has it.
        spelled = (api_key, api_key.replace("/", "\\/"), quote(api_key, "")) if api_key else ()
        self._spellings = tuple(dict.fromkeys(spelled))
        self._key_variable = key_variable
        self._slots = AdaptiveSlots(limits.max_connections)
        self._limiter = (
            None
            if limits.requests_per_minute is None
            else AsyncLimiter(*_bucket(limits.requests_per_minute))
        )
        self._session: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}
        self._failed_in_a_row = 0
        self._heard = 0  # how many calls have shown that the endpoint is there
        self._broken: EndpointUnusableError | None = None

    async def post(
        self,
        path: str,
        body: dict[str, Any] | tuple[FormField, ...],
        read: Callable[[Reply], T],
    ) -> T:
        """POST `body`, as JSON or as a form, and return what `read` makes of the reply.

        `read` raises ValueError for an answer that lacks what it must hold; such an answer is
        asked for again, like any other that was cut or garbled on its way.

        An EndpointUnusableError that it raises ends all further calls.

        Raises:
            EndpointError: this call failed, after its retries where retrying could help.
            EndpointUnusableError: every further call would fail too.
        """
        content = body if isinstance(body, tuple) else orjson.dumps(body)
        return await self._call("POST", path, content, read)

    @property
    def width(self) -> int:
        """How many calls may be open at once now; rate limits lower it, answers raise it."""
        return self._slots.width

    async def get(self, path: str) -> dict[str, Any]:
        """GET `path` and return the JSON object that came back; errors as for `post`."""
        return await self._call("GET", path, None, lambda reply: reply.body)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(self, method: str, path: str, body: _Content, read: Callable[[Reply], T]) -> T:
        heard = self._heard
        try:
            try:
                answer = self._read(await self._attempt(method, path, body), read)
            except _AttemptFailed as failed:
                answer = await self._retry(failed, method, path, body, read)
        except _AttemptFailed as failed:
            raise self._give_up(failed.failure, path, alone=heard != self._heard) from failed
        except EndpointUnusableError as error:
            # Another call has found it out, or `read` in what came: calls that wait are not sent.
            self._broken = error
            raise
        self._hear()
        return answer

    def _hear(self) -> None:
        self._heard += 1
        self._failed_in_a_row = 0

    async def _retry(
        self,
        first: _AttemptFailed,
        method: str,
        path: str,
        body: _Content,
        read: Callable[[Reply], T],
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
        self, method: str, path: str, body: _Content
    ) -> tuple[bytes, int, Mapping[str, str]]:
        async with self._slots as slots:
            if self._broken is not None:
                raise self._broken
            if self._limiter is not None:
                await self._limiter.acquire()
            self.calls += 1
            begun = slots.begun
            headers = _JSON if isinstance(body, bytes) else None
            try:
                # A redirect could carry the key to a host that nobody named: not followed.
                async with self._open().request(
                    method,
                    self._url(path),
                    data=payload(body),
                    headers=headers,
                    allow_redirects=False,
                ) as reply:
                    content = await read_limited(reply, self.limits.longest_answer_bytes)
            except TooLargeError:
                allowed = f"{self.limits.longest_answer_bytes:,}"
                message = f"the answer has more than the {allowed} bytes that are read"
                raise _AttemptFailed(Failure(kind="call", message=message, status=200)) from None
            except TimeoutError:
                message = f"no answer within {self.limits.timeout_s:g} s"
                raise _AttemptFailed(Failure(kind="transient", message=message)) from None
            except aiohttp.ClientPayloadError:
                # It comes from reading the body only, so there is a reply.
                message = "the connection was closed in the middle of the answer"
                failure = Failure(kind="transient", message=message, status=reply.status)
                raise _AttemptFailed(failure) from None
            except aiohttp.ClientError as error:
                # A server that breaks the protocol is quoted in it; its own chain is left out.
                message = f"{type(error).__name__}: {error}"
                raise self._failed(Failure(kind="transient", message=message)) from None
            if reply.status in _TOO_MANY:
                slots.pushed_back(begun)
            elif reply.status < 300:
                slots.answered()
            return content, reply.status, reply.headers

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

    def _read(self, reply: tuple[bytes, int, Mapping[str, str]], read: Callable[[Reply], T]) -> T:
        content, status, headers = reply
        body = parse_json(content)
        failed = status >= 300 or not isinstance(body, dict) or bool(body.get("error"))
        if self._api_key is not None and (failed or len(self._api_key) >= _NO_WORD):
            # Whatever is sent back may hold it: an error's text, but an answer's as well.
            body = without_secret(body, self._api_key)
        if status >= 300 or (isinstance(body, dict) and body.get("error")):
            text = self._text(content, body)
            raise self._failed(failure_of_status(status, headers, text, body))
        if not isinstance(body, dict):
            start = self._text(content, body)[:80]
            message = f"the answer is not a JSON object (it starts {start!r})"
            raise self._failed(Failure(kind="transient", message=message, status=status))
        found = request_id(headers)
        call = None if found is None else self._clean(found)
        try:
            return read(Reply(body=body, status=status, request_id=call))
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

    def _text(self, content: bytes, body: Any) -> str:
        # Cleaned before it is cut anywhere: half a key would not be found any more.
        if self._api_key is None or body is None:
            return self._clean(content.decode("utf-8", "replace"))
        return json.dumps(body, ensure_ascii=False)

    def _give_up(self, failure: Failure, path: str, *, alone: bool) -> EndpointError:
        """Return the error of a call; `alone` says that others were answered while it failed."""
        self.failures += 1
        message = self._describe(failure, path)
        kind = EndpointError
        if failure.kind == "transient":
            # The last calls of a run to end are those that always fail. Each of them says
            # something of its own request, and nothing of an endpoint that answers the others.
            self._failed_in_a_row += not alone
            if self._failed_in_a_row >= self.limits.break_after:
                kind = EndpointUnusableError
                message += (
                    f" This was call number {self._failed_in_a_row} in a row to fail in spite of "
                    "its retries, so the endpoint is left alone. Repeat the command when it "
                    "answers again."
                )
        else:
            self._hear()
            if failure.kind == "endpoint":
                kind = EndpointUnusableError
        error = kind(
            message,
            status=failure.status,
            code=failure.code,
            param=failure.param,
            body=failure.body,
            details=failure.details,
            lacks=failure.lacks,
        )
        # After a wrong path or model its list of models can still be asked for.
        listed = failure.status in (400, 404) and not failure.stopped
        if isinstance(error, EndpointUnusableError) and not listed:
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
            401: f" The key in {self._key_variable} was not accepted."
            if self._api_key
            else f" No key was sent: set {self._key_variable}.",
            402: " The account has no credit left.",
            403: " The key may not use this model or address.",
            404: " Check the address and the model's name.",
        }.get(401 if failure.bad_key else failure.status, "")
        if failure.wait_s is not None and failure.wait_s > self.limits.longest_retry_after_s:
            advice += f" It asks for a wait of {failure.wait_s:,.0f} s: repeat the command then."
        return f"{url} answered HTTP {failure.status}: {_sentence(failure.message)}{advice}"

    def _clean(self, text: str) -> str:
        """Providers may echo the key in an error; it must not reach a message or a file."""
        for spelling in self._spellings:
            text = text.replace(spelling, "[key]")
        return text


def _sentence(message: str) -> str:
    """End a provider's message with a full stop where it has none: advice follows."""
    message = message.rstrip()
    return message if message.endswith((".", "!", "?")) else f"{message}."


def _bucket(per_minute: float) -> tuple[float, float]:
    """Spread the minute's calls: a bucket of one second's worth, at least one call."""
    per_second = per_minute / 60
    return (per_second, 1.0) if per_second >= 1 else (1.0, 1 / per_second)
