"""A server that speaks OpenAI's API: where its paths begin, and which models it serves.

An address without a path is a server's root. Nearly all serve the API under /v1; whether this one
does is found out from its first answer and remembered.
"""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeVar
from urllib.parse import urlsplit

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.endpoints.http import HttpEndpoint
from unisafebench.endpoints.replies import FormField, Reply

__all__ = ["OpenAIServer"]

T = TypeVar("T")


class OpenAIServer:
    """One model on a server of this kind. `http` may be shared by several."""

    def __init__(self, http: HttpEndpoint, model: str) -> None:
        self.model = model
        self.http = http
        rooted = urlsplit(http.base_url).path not in ("", "/")
        self._prefixes = [""] if rooted else ["/v1", ""]

    @property
    def prefix(self) -> str:
        """What stands before the paths of the API: "/v1" or nothing."""
        return self._prefixes[0]

    async def post(
        self,
        path: str,
        body: dict[str, Any] | tuple[FormField, ...],
        read: Callable[[Reply], T],
    ) -> T:
        """POST a body, as JSON or as a form, to a path of the API; see `HttpEndpoint.post`.

        Raises:
            EndpointError: this call failed.
            EndpointUnusableError: every further call would fail too; where the server does not
                know the model, those that it serves are named.
        """
        while True:
            prefix = self.prefix
            try:
                return await self.http.post(prefix + path, body, read)
            except EndpointUnusableError as error:
                if error.status == 404 and self._next_prefix(prefix, error):
                    continue
                if error.status in (400, 404):
                    raise await self._with_served_models(error) from error
                raise

    async def served_models(self) -> list[str]:
        """Return the names of the models that the server says it serves; empty if it does not say.

        Raises:
            EndpointError: it could not be asked.
        """
        listing = await self.http.get(f"{self.prefix}/models")
        entries = listing.get("data")
        return [
            str(entry["id"])
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and "id" in entry
        ]

    async def aclose(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    def _next_prefix(self, tried: str, error: EndpointError) -> bool:
        if tried != self.prefix:
            return True  # another call in flight has just found it out
        if len(self._prefixes) == 1 or "model" in f"{error.body}".casefold():
            return False
        self._prefixes.pop(0)
        return True

    async def _with_served_models(self, error: EndpointUnusableError) -> EndpointUnusableError:
        """Name the models that the endpoint does serve, where it tells."""
        try:
            names = await self.served_models()
        except EndpointError:
            return error
        if not names or self.model in names:
            return error
        near = get_close_matches(self.model, names, n=3, cutoff=0.4)
        hint = (
            f"Did you mean {' or '.join(repr(name) for name in near)}?"
            if near
            else f"It serves: {', '.join(names[:10])}."
        )
        return EndpointUnusableError(
            f"{self.http.base_url} does not know the model {self.model!r}. {hint}",
            status=error.status,
            code=error.code,
            body=error.body,
        )
