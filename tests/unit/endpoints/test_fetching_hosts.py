"""Where pictures are fetched from: public hosts and the endpoint's own, whatever is tried."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import ApiServer, Asked, Reply

from unisafebench.core.errors import EndpointError
from unisafebench.endpoints import fetching
from unisafebench.endpoints.fetching import Fetcher, is_public

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


# Hosts.


async def test_a_host_may_be_named_with_its_port() -> None:
    """Then other ports of that host, where other services listen, are as closed as before."""
    with ApiServer(lambda _: _png()) as server:
        port = server.root.rpartition(":")[2]
        async with _fetcher(hosts=frozenset({f"127.0.0.1:{port}"})) as fetcher:
            assert await fetcher.fetch(server.root) == _PIXELS
        error = await _refused(server.root, hosts=frozenset({"127.0.0.1:1"}))
    assert "no public host" in str(error)
    assert len(server.asked) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "localhost."])
async def test_this_machine_is_not_gone_to_unless_it_is_the_endpoint(host: str) -> None:
    """By address or by a name that leads there: nothing is sent."""
    with ApiServer(lambda _: _png()) as server:
        url = server.root.replace("127.0.0.1", host)
        error = await _refused(url)
        assert not server.asked
        async with _fetcher(hosts=frozenset({host.casefold().rstrip(".")})) as fetcher:
            assert await fetcher.fetch(url) == _PIXELS
    assert str(error) == (
        f"the answer names a picture on {host.casefold().rstrip('.')!r}, which is no public host. "
        "Pictures are fetched from public hosts and from the endpoint's own only."
    )


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 -- an address to refuse
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fc00::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:8.8.8.8]",
        "[::7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::808:808]",
        "[2002:7f00:1::]",
        "[2001:0:808:808::]",
        "2130706433",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "127.1",
        "127.0.0.1.",
        "8.8.8.8.8",
        "①②⑦.⓪.⓪.①",
        "localhost",
        "",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_network_of_this_machine_is_reached(scheme: str, host: str) -> None:
    """Whatever the spelling; and no spelling is tried out on the network."""
    error = await _refused(f"{scheme}://{host}/a.png", timeout_s=0.2)
    assert "no public host" in str(error) or "no address" in str(error) or "only http" in str(error)
    assert error.status is None


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/a.png",
        "gopher://127.0.0.1:70/",
        "//127.0.0.1/a.png",
        "/files/a.png",
        "a.png",
        "",
        "http://",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "http://example.org\\@127.0.0.1/",
        "javascript:alert(1)",
        "\0",
    ],
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    """Files above all."""
    assert "cannot be fetched" in str(await _refused(url, hosts=_OWN))


async def test_a_user_name_in_the_address_is_refused_and_not_shown() -> None:
    """It would be sent as a password, and is often there to make a host look like another."""
    error = await _refused(f"http://me:{_SIGNED}@127.0.0.1/a.png", hosts=_OWN)
    assert "user name or a password" in str(error)
    assert _SIGNED not in str(error)


# Names.


def _found(*addresses: str) -> Callable[..., list[Any]]:
    """Return a look-up that finds these addresses for any name."""

    def lookup(_: str, port: int, *__: Any, **___: Any) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, port)) for address in addresses]

    return lookup


async def test_of_a_names_addresses_only_public_ones_are_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name of the attacker's may lead anywhere, and to two places at once."""
    monkeypatch.setattr(socket, "getaddrinfo", _found("10.0.0.1", "8.8.8.8", "127.0.0.1"))
    names = fetching._PublicOnly(frozenset())
    assert [entry["host"] for entry in await names.resolve("a.example", 80)] == ["8.8.8.8"]


async def test_a_name_is_looked_up_once_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Had it been looked up again to connect, the second answer could be another one."""
    calls: list[str] = []

    def lookup(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        calls.append(host)
        return _found("127.0.0.1")(host, port)

    with ApiServer(lambda _: _png()) as server:
        port = server.root.rpartition(":")[2]
        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        async with _fetcher(hosts=frozenset({"pictures.example"})) as fetcher:
            assert await fetcher.fetch(f"http://pictures.example:{port}/") == _PIXELS
    assert calls == ["pictures.example"]


async def test_a_name_that_leads_nowhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """After further tries, since name servers fail in passing."""

    def lookup(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    error = await _refused("https://nowhere.example/a.png")
    assert str(error).startswith(
        "the picture at https://nowhere.example/a.png cannot be fetched: ClientConnectorDNSError"
    )


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1", "172.32.0.1"],
)
def test_public_addresses_are_public(address: str) -> None:
    """Also those that a translator makes of public ones."""
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_as_the_one_inside_it(address: Any) -> None:
    """Translators' addresses follow what is inside; one written as IPv6 is never public."""
    number = int(address)
    assert is_public(ip_address((0x64FF9B << 96) | number)) == is_public(address)
    assert is_public(ip_address((0x2002 << 112) | (number << 80))) == is_public(address)
    assert not is_public(ip_address((0xFFFF << 32) | number))
    assert not is_public(address) or not (address.is_private or address.is_multicast)


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(status: int) -> None:
    """To a path on the same host, given in part or in full."""
    with ApiServer(lambda asked: _moved(asked, status)) as server:
        async with _fetcher(hosts=_OWN) as fetcher:
            assert await fetcher.fetch(f"{server.root}/3") == _PIXELS
    assert [asked.path for asked in server.asked] == ["/3", "/2", "/1", "/0"]


def _moved(asked: Asked, status: int) -> Reply:
    left = int(asked.path[1:])
    return (status, {"Location": f"/{left - 1}"}, b"") if left else _png()


async def test_more_than_three_redirects_are_not_followed() -> None:
    """Nor is a circle."""
    with ApiServer(lambda asked: _moved(asked, 302)) as server:
        error = await _refused(f"{server.root}/9", hosts=_OWN)
    assert "redirects more than 3 times" in str(error)
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:1/",
        "http://[::1]/",
        "http://2130706433/",
        "file:///etc/passwd",
        "//10.0.0.1/x",
        "http://[",
        "http://me:you@127.0.0.1/",
    ],
)
async def test_a_redirect_to_a_forbidden_place_is_not_followed(target: str) -> None:
    """The allowed host does not lead to places that are not."""
    with ApiServer(lambda _: (302, {"Location": target}, b"")) as server:
        error = await _refused(f"{server.root}/a", hosts=_OWN)
    assert "no public host" in str(error) or "cannot be fetched" in str(error)
    assert len(server.asked) == 1


async def test_a_redirect_without_a_place_is_a_failure() -> None:
    """It holds no picture."""
    with ApiServer(lambda _: (302, {}, b"")) as server:
        error = await _refused(f"{server.root}/a", hosts=_OWN)
    assert "HTTP 302" in str(error)
