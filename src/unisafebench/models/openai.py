"""Models behind servers that speak OpenAI's API: OpenAI, OpenRouter, vLLM, SGLang, LM Studio, ...

One function makes the model for all of them. What they differ in is told by options (which API
gives text, which gives pictures) or found out from the server's own errors.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from unisafebench.core.errors import UsageError
from unisafebench.endpoints.fetching import Fetcher
from unisafebench.endpoints.http import HttpEndpoint, Limits
from unisafebench.endpoints.openai import OpenAIServer
from unisafebench.endpoints.providers import Provider, open_http, split_name
from unisafebench.models.api import ApiModel, Route
from unisafebench.models.options import Options
from unisafebench.models.wires.abilities import read_capabilities
from unisafebench.models.wires.chat import ACCEPTED, ChatWire
from unisafebench.models.wires.fields import check_extra, check_idle
from unisafebench.models.wires.images import ImagesWire
from unisafebench.models.wires.responses import SYSTEM_CLASS, ResponsesWire
from unisafebench.models.wires.sampling import Sampling, facts_of, read_sampling
from unisafebench.models.wires.settings import WireSettings

__all__ = ["SUMMARY", "create"]

SUMMARY = "Servers with OpenAI's API: chat, responses and images, at any address"

# llama.cpp and LM Studio read fewer types of pictures than the others.
_ACCEPTED = {
    "llamacpp": frozenset({"image/png", "image/jpeg"}),
    "lmstudio": frozenset({"image/png", "image/jpeg", "image/webp"}),
}
# vLLM-Omni drops a system prompt from a request for pictures without a word, and makes no picture
# for some models when text is asked for as well.
_SYSTEM_DROPPED = frozenset({"vllm"})
_MODALITIES = {"vllm": ("image",)}
# One whole answer is asked for at a time, and the samples are ours to put in.
_OWN = frozenset({"model", "messages", "input", "prompt", "stream", "n"})


# Options that say nothing where no pictures, or no texts, are asked for.
_OF_PICTURES = ("image_base_url", "image_model", "modalities")
_OF_TEXTS = ("api",)
_DRAWING = "Say how the model draws: -M images=chat, -M images=responses or -M images=images."

# What an API has no field for, so that it shapes no answer.
_NOT_SENT: Mapping[str, frozenset[str]] = {
    "chat": frozenset(),
    "responses": frozenset({"modalities", "seed"}),
    "images": frozenset({"modalities", "max_tokens", "temperature", "top_p"}),
}


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of output is asked for: by which API, at which address, with what."""

    api: str
    base_url: str | None
    settings: WireSettings
    pinned: frozenset[str]
    """Parameters that the user set: they are never left out, their error is shown."""
    draws: bool


def create(name: str, options: Mapping[str, str]) -> ApiModel:
    """Make the model `provider/name`; nothing is sent yet.

    Args:
        name: the provider, and the model's name as the server knows it.
        options: the settings that `docs/providers.md` lists.

    Raises:
        UsageError: the name, an option or an address is unusable.
    """
    options = Options.of(options)
    provider, model = split_name(name, role="model")
    sampling = read_sampling(options)
    writing = _text_part(model, options, sampling)
    image = _image_part(provider, model, options, sampling)
    can = read_capabilities(name, options, draws=image is not None, drawing=_DRAWING)
    options.finish(name)
    text = writing if can.text_output else None
    _check_idle(options, text, image)
    servers = _Servers(provider, options.limits)
    return ApiModel(
        name=name,
        capabilities=can,
        settings=_shown(text, image),
        text=None if text is None else _route(text, servers),
        image=None if image is None else _route(image, servers),
        fetcher=Fetcher(hosts=servers.hosts),
        drawing=_DRAWING,
    )


def _check_idle(options: Options, text: _Part | None, image: _Part | None) -> None:
    if image is None:
        why = f"is for pictures, and none are asked for. {_DRAWING}"
        check_idle(options, _OF_PICTURES, "image.", why=why)
    elif "image" not in (image.settings.modalities or ()):
        raise UsageError("the option 'modalities' is for pictures and must hold image.")
    if text is None:
        why = "is for answers in text, and text=no asks for none. For pictures it is image.NAME."
        check_idle(options, _OF_TEXTS, "body.", why=why)
    idle = frozenset.intersection(*(_unsent(part) for part in (text, image) if part is not None))
    for name in sorted(idle.intersection(options)):
        raise UsageError(
            f"the option {name!r} would have no effect: the API that is asked has no field for it. "
            "Leave it out."
        )


def _unsent(part: _Part) -> frozenset[str]:
    """Return the options that this part of the model is never sent."""
    return _NOT_SENT[part.api] if part.draws else _NOT_SENT[part.api] | {"modalities"}


class _Servers:
    """The connections of one model: shared by its routes unless they have two addresses."""

    def __init__(self, provider: str, limits: Limits) -> None:
        self.provider = provider
        self._limits = limits
        self._open: dict[str | None, HttpEndpoint] = {}

    def at(self, address: str | None, model: str) -> OpenAIServer:
        """Return the server at an address; None is the provider's own."""
        if address not in self._open:
            self._open[address] = open_http(
                Provider(name=self.provider),
                role="model",
                base_url=address,
                limits=self._limits,
            )
        return OpenAIServer(self._open[address], model)

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts of the servers: pictures may be fetched from them."""
        found = (urlsplit(http.base_url).hostname for http in self._open.values())
        return frozenset(host for host in found if host)


def _text_part(model: str, options: Options, sampling: Sampling) -> _Part:
    api = options.choice("api", ("chat", "responses"), "chat")
    extra = options.prefixed("body")
    check_extra(extra, _OWN, option="body")
    settings = WireSettings(
        model=model,
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        send_seed=sampling.send_seed,
        system=sampling.system,
        markdown_images=options.flag("markdown_images", default=False),
        extra=extra,
    )
    return _Part(
        api=api,
        base_url=options.text("base_url"),
        settings=settings,
        pinned=sampling.pinned.union(extra),
        draws=False,
    )


def _image_part(provider: str, model: str, options: Options, sampling: Sampling) -> _Part | None:
    api = options.choice("images", ("no", "chat", "responses", "images"), "no")
    extra = options.prefixed("image")
    # The image tool of the Responses API has a model of its own.
    check_extra(extra, _OWN - {"model"} if api == "responses" else _OWN, option="image")
    default = _MODALITIES.get(provider, ("image", "text"))
    drawer = options.text("image_model")
    if drawer and api == "responses":
        # There the chat model stays the one that is asked; its tool draws with the other.
        extra, drawer = {"model": drawer, **extra}, None
    chosen = frozenset({"text modality"} if "modalities" in options else ())
    settings = WireSettings(
        model=drawer or model,
        max_tokens=sampling.drawing_max_tokens,
        temperature=sampling.drawing_temperature,
        top_p=sampling.top_p,
        send_seed=sampling.send_seed,
        system=sampling.system,
        # The images API has no place for a system prompt at all.
        system_in_text=api == "images" or provider in _SYSTEM_DROPPED,
        modalities=options.words("modalities", ("image", "text"), default),
        markdown_images=options.flag("markdown_images", default=False),
        extra=extra,
    )
    part = _Part(
        api=api,
        base_url=options.text("image_base_url") or options.text("base_url"),
        settings=settings,
        pinned=sampling.pinned.union(extra, chosen),
        draws=True,
    )
    return None if api == "no" else part


def _route(part: _Part, servers: _Servers) -> Route:
    wire = _wire(part, servers.provider)
    kept = {f"no {name}" for name in part.pinned}
    learnt = [each for each in wire.alternatives if each.label not in kept]
    return Route(servers.at(part.base_url, part.settings.model), wire, learnt)


def _wire(part: _Part, provider: str) -> ChatWire | ImagesWire | ResponsesWire:
    if part.api == "images":
        return ImagesWire(part.settings)
    if part.api == "responses":
        return ResponsesWire(part.settings, part.draws)
    return ChatWire(part.settings, part.draws, accepts=_ACCEPTED.get(provider, ACCEPTED))


def _shown(text: _Part | None, image: _Part | None) -> dict[str, object]:
    """Return what shapes the answers, for the manifest: neither an address nor a key."""
    shown: dict[str, object] = {"api": text.api if text else "no"}
    shown["images"] = image.api if image else "no"
    for kind, part in (("text", text), ("image", image)):
        if part is not None:
            shown[kind] = _facts(part)
    return shown


def _facts(part: _Part) -> dict[str, object]:
    settings = part.settings
    facts = facts_of(settings)
    for name in _NOT_SENT[part.api]:
        facts.pop(name, None)
    if settings.system:
        facts["system_place"] = "user text" if settings.system_in_text else "system message"
    if settings.markdown_images:
        facts["markdown_images"] = True
    if part.api == "responses" and part.draws:
        facts["system_class"] = SYSTEM_CLASS
    return facts
