"""Fetching a picture from an address that a model's answer names: only where that is safe."""

import aiohttp

from unisafebench.core.errors import EndpointError

__all__ = ["Fetcher"]


class Fetcher:
    """Fetches pictures by http(s) from public hosts and from `hosts`; never with a key."""

    def __init__(
        self,
        *,
        hosts: frozenset[str] = frozenset(),
        timeout_s: float = 60.0,
        max_bytes: int = 50 * 1024 * 1024,
    ) -> None:
        self._hosts = hosts
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str) -> bytes:
        """Return the bytes at an address, which may also be a data URL.

        Raises:
            EndpointError: they could not be had, or the address is not one to fetch from.
        """
        raise EndpointError(f"pictures are not fetched from {url[:80]}.")

    async def aclose(self) -> None:
        """Close the connections."""
