"""What all models behind an API share: ask, learn what the endpoint takes, read, say how it ended.

An adapter adds a `Wire`: how its API is asked and how its answers are read. A model may have two
routes, one for answers in text and one for pictures, since some are served in two places.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from unisafebench.core.errors import EndpointError, EndpointUnusableError, ImageError
from unisafebench.core.records import BlockedSide, PictureSeen, ResponseStatus, Usage
from unisafebench.core.tasks import Task
from unisafebench.endpoints.classify import error_of
from unisafebench.endpoints.fetching import Fetcher
from unisafebench.endpoints.learning import Alternative, Body, Learner
from unisafebench.endpoints.replies import FormField, Reply
from unisafebench.media.fitting import fit_picture
from unisafebench.media.pictures import Picture
from unisafebench.models.base import (
    Capabilities,
    ModelError,
    Output,
    Request,
    UnsupportedError,
)

__all__ = ["ApiModel", "Call", "Found", "Posts", "Route", "Wire"]

T = TypeVar("T")
_PICTURE_TROUBLE = ("format", "decod", "process", "unsupported", "invalid", "corrupt", "mime")

# An answer without so much as an empty choice may be a passing fault, or a filter that does not say
# so. It is asked for again; what comes back every time is the answer.
_NOTHING_AT_ALL = frozenset({"no_choices", "no_candidates"})
_TRIES_OF_NOTHING = 3


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request: a path of the API and what is posted to it.

    The texts of a form have each a name of their own; files may share one.
    """

    path: str
    body: Body | tuple[FormField, ...]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer holds. `pictures` are bytes, or addresses from which they are fetched."""

    text: str | None = None
    pictures: tuple[bytes | str, ...] = ()
    status: ResponseStatus = "completed"
    stop_reason: str | None = None
    blocked_side: BlockedSide | None = None
    error: str | None = None
    usage: Usage | None = None
    served_model: str | None = None
    details: dict[str, Any] = {}


class Wire(Protocol):
    """How one API is asked for one kind of output, and how its answers are read."""

    @property
    def content(self) -> frozenset[str]:
        """The top fields of a body that hold the sample; all others are parameters."""

    @property
    def accepts(self) -> frozenset[str]:
        """MIME types of pictures that the API documents as taken."""

    def call(self, request: Request, pictures: Sequence[Picture]) -> Call:
        """Return what is sent for a request, `pictures` being of types that it accepts."""

    def read(self, reply: Reply) -> Found:
        """Return what a good answer holds.

        Raises:
            ValueError: it is no answer of this API, or says that the call failed; it is asked
                for again.
            EndpointUnusableError: it says that the account is shut.
        """

    def ended(self, error: EndpointError) -> Found | None:
        """Return the block that an error means; None when it is a failure and no block.

        Raises:
            UnsupportedError: it means that the server has no such path.
        """


class Posts(Protocol):
    """Where calls go: `HttpEndpoint` or `OpenAIServer`."""

    async def post(
        self,
        path: str,
        body: dict[str, Any] | tuple[FormField, ...],
        read: Callable[[Reply], T],
    ) -> T:
        """Send a call and return what `read` makes of the reply."""

    async def aclose(self) -> None:
        """Close the connections."""


class Route:
    """A wire and the server behind it, with what has been learned of it."""

    def __init__(self, server: Posts, wire: Wire, alternatives: Sequence[Alternative] = ()) -> None:
        self.server = server
        self.wire = wire
        self.learner = Learner(alternatives)

    async def ask(self, request: Request, pictures: Sequence[Picture]) -> tuple[Found, Body]:
        """Put a request to the server; return what came back and the parameters really sent.

        Raises:
            EndpointError: the call failed, and not because of a filter.
        """
        call = self.wire.call(request, pictures)
        fields, files = _parted(call.body)
        tries = _TRIES_OF_NOTHING
        while True:
            steps = self.learner.steps
            shaped = self.learner.shape(fields)
            body = shaped if isinstance(call.body, dict) else _form(shaped, files)
            try:
                found = await self.server.post(call.path, body, self.wire.read)
            except EndpointUnusableError as error:
                if error.status == 404:
                    self.wire.ended(error)
                raise
            except EndpointError as error:
                blocked = self.wire.ended(error)
                if blocked is None:
                    if self.learner.adapt(error, shaped, steps):
                        continue
                    raise
                found = blocked
            if found.stop_reason in _NOTHING_AT_ALL and tries > 1:
                tries -= 1
                continue
            content = self.wire.content
            return found, {name: value for name, value in shaped.items() if name not in content}


class ApiModel:
    """A model behind one or two routes.

    Args:
        name: the model's name as the user wrote it.
        capabilities: what it takes and gives.
        settings: what shapes its answers, for the manifest.
        text: the route for answers in text; None when it gives none.
        image: the route for pictures; None when it draws none.
        fetcher: fetches pictures that come as addresses.
        drawing: what to set so that pictures are asked for; None when it can draw none.
    """

    def __init__(
        self,
        *,
        name: str,
        capabilities: Capabilities,
        settings: Mapping[str, object],
        text: Route | None,
        image: Route | None,
        fetcher: Fetcher,
        drawing: str | None = None,
    ) -> None:
        self.name = name
        self.capabilities = capabilities
        self.settings = settings
        self._text = text
        self._image = image
        self._fetcher = fetcher
        self._drawing = drawing

    @property
    def learned(self) -> dict[str, object]:
        """What was found out about the endpoint: the parameters that it does not take."""
        routes = {"text": self._text, "image": self._image}
        return {kind: route.learner.learned for kind, route in routes.items() if route is not None}

    def advice(self, task: Task) -> str | None:
        """Say how pictures are asked for, where none are; see `Adviser`."""
        return self._drawing if task.output == "image" and self._image is None else None

    async def generate(self, request: Request) -> Output:
        """Answer one sample; see `Model.generate`."""
        route = self._image if request.task.output == "image" else self._text
        if route is None:
            raise UnsupportedError(f"{self.name} gives no {request.task.output}.")
        pictures = await _fitted(request.pictures, route.wire.accepts, plain=False)
        try:
            try:
                found, sent = await route.ask(request, pictures)
            except EndpointError as error:
                plain = await self._plainer(error, request, pictures, route)
                if plain is None:
                    raise
                pictures = plain
                found, sent = await route.ask(request, pictures)
        except EndpointError as error:
            lacking = _lacking(error, request)
            if lacking is None:
                raise
            raise UnsupportedError(f"{self.name} {lacking}: {error}") from error
        images, lost = await self._fetch(found.pictures)
        return Output(
            text=found.text,
            images=images,
            status="model_error" if lost and found.status == "completed" else found.status,
            stop_reason=found.stop_reason,
            blocked_side=found.blocked_side,
            error=found.error or lost,
            usage=found.usage,
            served_model=found.served_model,
            sent=sent,
            pictures_sent=tuple(_seen(picture) for picture in pictures),
            details=found.details,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        for route in (self._text, self._image):
            if route is not None:
                await route.server.aclose()
        await self._fetcher.aclose()

    async def _plainer(
        self, error: EndpointError, request: Request, sent: Sequence[Picture], route: Route
    ) -> tuple[Picture, ...] | None:
        """Return plainer pictures when the endpoint could not read those it got; else None."""
        # Only what the provider says: our own words name the path, which may be /images/edits.
        words = (error_of(error.details)[2] or error.body).casefold()
        trouble = "image" in words and any(word in words for word in _PICTURE_TROUBLE)
        if error.status not in (400, 415, 422) or error.lacks is not None or not trouble:
            return None
        plain = await _fitted(request.pictures, route.wire.accepts, plain=True)
        return plain if [p.sha256 for p in plain] != [p.sha256 for p in sent] else None

    async def _fetch(self, pictures: Iterable[bytes | str]) -> tuple[tuple[bytes, ...], str | None]:
        """Return the pictures as bytes, and why one could not be fetched, if so.

        What else the answer holds is kept: it was paid for, and shows what the model did.
        """
        found: list[bytes] = []
        lost = None
        for picture in pictures:
            try:
                if isinstance(picture, str):
                    picture = await self._fetcher.fetch(picture)  # noqa: PLW2901 -- now bytes
                found.append(picture)
            except EndpointError as error:
                lost = f"a picture of the answer could not be had: {error}"
        return tuple(found), lost


async def _fitted(
    pictures: Iterable[Picture], accepts: frozenset[str], *, plain: bool
) -> tuple[Picture, ...]:
    """Return the pictures in a form that the API takes; most are already."""
    given = tuple(pictures)
    if not given:
        return ()

    def fit() -> tuple[Picture, ...]:
        return tuple(fit_picture(picture, accepts=accepts, plain=plain) for picture in given)

    try:
        return await asyncio.to_thread(fit)
    except ImageError as error:
        raise ModelError(f"an input picture cannot be converted: {error}") from error


def _lacking(error: EndpointError, request: Request) -> str | None:
    """Return what an error says that the model cannot do, of what was asked of it; else None.

    The words of an error about one prompt may be those of a lack.
    """
    if isinstance(error, EndpointUnusableError):
        return None
    if error.lacks == "image_input" and request.pictures:
        return "takes no pictures"
    drawing = error.lacks == "image_output" and request.task.output == "image"
    return "draws no pictures" if drawing else None


def _parted(body: Body | tuple[FormField, ...]) -> tuple[Body, tuple[FormField, ...]]:
    """Return a body's fields apart from the files of a form: so both kinds are shaped alike."""
    if isinstance(body, dict):
        return body, ()
    files = tuple(field for field in body if isinstance(field.value, bytes))
    return {field.name: field.value for field in body if isinstance(field.value, str)}, files


def _form(fields: Body, files: tuple[FormField, ...]) -> tuple[FormField, ...]:
    texts = (FormField(name=name, value=str(value)) for name, value in fields.items())
    return (*texts, *files)


def _seen(picture: Picture) -> PictureSeen:
    return PictureSeen(sha256=picture.sha256, width=picture.width, height=picture.height)
