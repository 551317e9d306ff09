"""Fetching a picture from an address that a model's answer names: only where that is safe.

The address is whatever a model or its server wrote, and it is this machine that goes there. So a
name is looked up once and only public addresses of it are connected to, redirects are followed by
hand with the same checks, and what comes is read with a limit. No key, cookie or proxy is used.
"""

import base64
import binascii
import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote_to_bytes

import aiohttp
import stamina
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from unisafebench.core.errors import EndpointError
from unisafebench.endpoints.replies import TooLargeError, read_limited

__all__ = ["Fetcher", "is_public"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_ATTEMPTS = 3
_LONGEST_SHOWN = 60
# RFC 6052, section 2.1: an IPv4 address behind a translator. RFC 4291, section 2.4: all that is
# routed on the internet today.
_NAT64 = IPv6Network("64:ff9b::/96")
_ROUTED = IPv6Network("2000::/3")
# Browsers take a host whose last part is a number for an IPv4 address, however it is spelled
# (WHATWG URL Standard, "ends in a number checker").
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE)


class _PassingError(Exception):
    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class Fetcher:
    """Fetches pictures by http(s) from public hosts and from `hosts`; never with a key.

    Args:
        hosts: hosts that need not be public, as "host" or "host:port": the endpoint's own.
        timeout_s: for each attempt, in seconds.
        max_bytes: the largest picture that is read, counted after decompression.
        first_wait_s: the wait before the first of two further attempts, in seconds.
    """

    def __init__(
        self,
        *,
        hosts: frozenset[str] = frozenset(),
        timeout_s: float = 60.0,
        max_bytes: int = 50 * 1024 * 1024,
        first_wait_s: float = 0.5,
    ) -> None:
        self._hosts = frozenset(host.casefold().strip("[]").rstrip(".") for host in hosts)
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._first_wait_s = first_wait_s
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str) -> bytes:
        """Return the bytes at an address, which may also be a data URL.

        Raises:
            EndpointError: they could not be had, or the address is not one to fetch from.
        """
        if url[:5].casefold() == "data:":
            return self._decoded(url)
        try:
            async for attempt in stamina.retry_context(
                on=_PassingError,
                attempts=_ATTEMPTS,
                timeout=None,
                wait_initial=self._first_wait_s,
                wait_jitter=self._first_wait_s,
            ):
                with attempt:
                    return await self._follow(url)
        except _PassingError as error:
            raise _failed(url, str(error), error.status) from None
        raise AssertionError  # not reached: the last attempt returns or raises

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _decoded(self, url: str) -> bytes:
        head, comma, data = url.partition(",")
        if len(data) > 3 * self._max_bytes:
            raise _failed(head, f"it holds more than {self._max_bytes:,} bytes")
        content = unquote_to_bytes(data)
        if head.casefold().endswith(";base64"):
            packed = b"".join(content.split()).rstrip(b"=").translate(_FROM_URL_SAFE)
            try:
                content = base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
            except binascii.Error:
                raise _failed(head, "what it holds is not base64") from None
        if not comma or not content:
            raise _failed(head, "it holds nothing")
        if len(content) > self._max_bytes:
            raise _failed(head, f"it holds more than {self._max_bytes:,} bytes")
        return content

    async def _follow(self, url: str) -> bytes:
        place: URL | str = url
        for _ in range(1 + _MOST_REDIRECTS):
            found = await self._get(self._checked(place))
            if isinstance(found, bytes):
                return found
            place = found
        raise _failed(url, f"it redirects more than {_MOST_REDIRECTS} times")

    async def _get(self, url: URL) -> bytes | URL:
        """Return what is there, or where it says that it is."""
        try:
            async with self._open().get(url, allow_redirects=False) as reply:
                if reply.status in _REDIRECTS and "Location" in reply.headers:
                    return _joined(url, reply.headers["Location"])
                if reply.status in _PASSING:
                    raise _PassingError(f"HTTP {reply.status}", reply.status)
                if reply.status != 200:
                    raise _failed(str(url), f"HTTP {reply.status}", reply.status)
                return await read_limited(reply, self._max_bytes)
        except TooLargeError:
            raise _failed(str(url), f"it has more than {self._max_bytes:,} bytes") from None
        except TimeoutError:
            raise _PassingError(f"no answer within {self._timeout_s:g} s") from None
        except aiohttp.ClientResponseError as error:
            # Its own text ends with the whole address.
            raise _PassingError(f"{type(error).__name__}: {error.message}") from None
        except aiohttp.ClientError as error:
            raise _PassingError(f"{type(error).__name__}: {error}") from None

    def _checked(self, place: URL | str) -> URL:
        """Return an address that may be fetched from, as far as can be told without looking it up.

        What is checked is the host as aiohttp will use it.
        """
        try:
            url = place if isinstance(place, URL) else URL(place.strip())
            host, port = url.raw_host, url.port
        except (ValueError, TypeError):
            raise _failed(str(place), "it is no address") from None
        if url.scheme not in ("http", "https") or not host or port is None:
            raise _failed(str(place), "only http and https addresses are fetched")
        if url.raw_user is not None or url.raw_password is not None:
            raise _failed(str(place), "it holds a user name or a password")
        if host.endswith("."):
            host = host.rstrip(".")
            url = url.with_host(host)
        if _may_connect(host, port, self._hosts):
            return url
        address = _literal(host, str(place))
        if address is not None and not is_public(address):
            raise _not_public(host)
        return url

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, resolver=_PublicOnly(self._hosts), use_dns_cache=False
                ),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                headers={"Accept": "image/*, */*;q=0.5"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


class _PublicOnly(AbstractResolver):
    """Looks names up, and lets connections go only to what it has found to be public."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self._hosts = hosts
        self._names = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        if _may_connect(host, port, self._hosts):
            return found
        public = [entry for entry in found if is_public(ip_address(entry["host"]))]
        if not public:
            raise _not_public(host)
        return public

    async def close(self) -> None:
        await self._names.close()


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is one of the internet's, and of no network of this machine.

    Not public are private, loopback, link-local, multicast, unspecified and reserved addresses,
    IPv4 addresses written as IPv6 ones (::ffff:a.b.c.d), and those of a translator (NAT64, 6to4)
    unless the IPv4 address inside is public.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None:
        return is_public(address.sixtofour)
    return address in _ROUTED and address.is_global


_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def _may_connect(host: str, port: int, hosts: frozenset[str]) -> bool:
    name = host.casefold().rstrip(".")
    return name in hosts or f"{name}:{port}" in hosts


def _literal(host: str, place: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is; None when it is a name.

    Raises:
        EndpointError: it is an address in a spelling that readers do not agree upon.
    """
    if ":" not in host and not _NUMBER.fullmatch(host):
        return None
    try:
        # With a zone ("fe80::1%eth0") an address means another host on each network.
        address = None if "%" in host else ip_address(host)
    except ValueError:
        address = None
    if address is None:
        raise _failed(place, f"{host[:_LONGEST_SHOWN]!r} is no address of a host")
    return address


def _joined(url: URL, location: str) -> URL:
    try:
        return url.join(URL(location))
    except (ValueError, TypeError):
        raise _failed(str(url), "it redirects to what is no address") from None


def _not_public(host: str) -> EndpointError:
    return EndpointError(
        f"the answer names a picture on {host[:_LONGEST_SHOWN]!r}, which is no public host. "
        "Pictures are fetched from public hosts and from the endpoint's own only."
    )


def _failed(place: str, reason: str, status: int | None = None) -> EndpointError:
    return EndpointError(
        f"the picture at {_without_secrets(place)} cannot be fetched: {reason}.", status=status
    )


def _without_secrets(place: str) -> str:
    """Return the start of an address: what is signed, or a password, is never shown."""
    start, mark, _ = place.replace("#", "?").partition("?")
    scheme, slashes, rest = start.partition("://")
    server, slash, path = rest.partition("/")
    start = scheme + slashes + server.rpartition("@")[2] + slash + path
    if len(start) > _LONGEST_SHOWN:
        return f"{start[:_LONGEST_SHOWN]}..."
    return f"{start}?..." if mark else start
