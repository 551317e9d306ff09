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
        self._prefixes = ("",) if rooted else ("/v1", "")
        self._found: str | None = None

    @property
    def prefix(self) -> str:
        """What stands before the paths of the API: "/v1" or nothing."""
        return self._prefixes[0] if self._found is None else self._found

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
        prefixes = self._prefixes if self._found is None else (self._found,)
        for prefix in prefixes:
            try:
                answer = await self.http.post(prefix + path, body, read)
            except EndpointUnusableError as error:
                if error.status == 404 and prefix != prefixes[-1] and not _names_model(error):
                    continue  # a path that is nowhere tells nothing of the others
                if error.status in (400, 404):
                    raise await self._with_served_models(error) from error
                raise
            self._found = prefix
            return answer
        raise AssertionError  # not reached: the last prefix returns or raises

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


def _names_model(error: EndpointError) -> bool:
    return "model" in error.body.casefold()
