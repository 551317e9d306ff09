"""Google's models behind the Gemini API: `google/MODEL` or `gemini/MODEL`."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.endpoints.fetching import Fetcher
from unisafebench.endpoints.http import HttpEndpoint
from unisafebench.endpoints.learning import Alternative
from unisafebench.endpoints.providers import Provider, open_http, split_name
from unisafebench.models.api import ApiModel, Route
from unisafebench.models.base import Capabilities
from unisafebench.models.options import Options
from unisafebench.models.wires.abilities import read_capabilities
from unisafebench.models.wires.fields import check_extra, check_idle, mapping_of
from unisafebench.models.wires.gemini import (
    BOTH_MODALITIES,
    SYSTEM_IN_TEXT,
    GeminiWire,
    without_generation,
)
from unisafebench.models.wires.sampling import NOT_SET, Sampling, facts_of, read_sampling
from unisafebench.models.wires.settings import WireSettings

__all__ = ["SUMMARY", "create"]

SUMMARY = "Google's Gemini API: text and pictures, in and out"

_ADDRESS = "https://generativelanguage.googleapis.com/v1beta"
_VERSION = "/v1beta"
_KEYS = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
_MODALITIES = ("TEXT", "IMAGE")
# Harm categories that every request may set a threshold for; `safety` alone sets these.
_CATEGORIES = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")
_FURTHER_CATEGORIES = ("JAILBREAK",)
_CATEGORY = "HARM_CATEGORY_"
_THRESHOLDS = (
    "BLOCK_LOW_AND_ABOVE",
    "BLOCK_MEDIUM_AND_ABOVE",
    "BLOCK_ONLY_HIGH",
    "BLOCK_NONE",
    "OFF",
)
_DRAWING = "Say that the model draws with -M images=yes."
_OWN = GeminiWire.content | {"safetySettings"}


class _Chosen(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    can: Capabilities
    sampling: Sampling
    modalities: tuple[str, ...]
    safety: dict[str, str]
    image: dict[str, Any]
    body: dict[str, Any]


def create(name: str, options: Mapping[str, str]) -> ApiModel:
    """Make a model of the Gemini API; nothing is sent yet.

    Args:
        name: `google/MODEL` or `gemini/MODEL`, the model as the API names it.
        options: see `docs/providers.md`.

    Raises:
        UsageError: the name, an option or the address is unusable.
    """
    options = Options.of(options)
    provider, model = split_name(name, role="model")
    chosen = _Chosen(
        model=model,
        can=read_capabilities(
            name, options, draws=options.flag("images", default=False), drawing=_DRAWING
        ),
        sampling=read_sampling(options),
        modalities=_modalities(options),
        safety=_safety(options),
        image=options.prefixed("image"),
        body=options.prefixed("body"),
    )
    check_extra(chosen.body, _OWN, option="body")
    check_extra(chosen.image, {}, option="image")
    if not chosen.can.image_output:
        why = f"is for pictures, and none are asked for. {_DRAWING}"
        check_idle(options, ("modalities",), "image.", why=why)
    base_url = options.text("base_url")
    options.finish(name)
    http = open_http(
        Provider(
            name=provider, published=_ADDRESS, key_variables=_KEYS, key_header="x-goog-api-key"
        ),
        role="model",
        base_url=base_url,
        limits=options.limits,
    )
    text = _wire_settings(chosen, draws=False) if chosen.can.text_output else None
    image = _wire_settings(chosen, draws=True) if chosen.can.image_output else None
    return ApiModel(
        name=name,
        capabilities=chosen.can,
        settings=_shown(chosen, text, image),
        text=None if text is None else _route(http, chosen, text),
        image=None if image is None else _route(http, chosen, image),
        fetcher=Fetcher(),
        drawing=_DRAWING,
    )


def _modalities(options: Options) -> tuple[str, ...]:
    allowed = (*_MODALITIES, *(word.casefold() for word in _MODALITIES))
    words = options.words("modalities", allowed, _MODALITIES)
    found = tuple(dict.fromkeys(word.upper() for word in words))
    if "IMAGE" not in found:
        raise UsageError("the option 'modalities' is for pictures and must hold IMAGE.")
    return found


def _safety(options: Options) -> dict[str, str]:
    """Return the threshold of each category that the user set one for, by their short names."""
    found = {}
    everywhere = options.text("safety")
    if everywhere is not None:
        threshold = _known("threshold in the option 'safety':", everywhere, _THRESHOLDS)
        found = dict.fromkeys(_CATEGORIES, threshold)
    for name, value in options.prefixed("safety").items():
        short = name.upper().removeprefix(_CATEGORY)
        category = _known("harm category", short, (*_CATEGORIES, *_FURTHER_CATEGORIES))
        found[category] = _known(f"threshold in the option 'safety.{name}':", value, _THRESHOLDS)
    return found


def _known(kind: str, value: object, allowed: tuple[str, ...]) -> str:
    word = f"{value}".upper()
    if word not in allowed:
        raise UnknownNameError(kind, f"{value}", allowed)
    return word


def _shown(
    chosen: _Chosen, text: WireSettings | None, image: WireSettings | None
) -> dict[str, object]:
    """Return what shapes the answers, for the manifest: neither an address nor a key."""
    shown: dict[str, object] = {
        "api": "no" if text is None else "generateContent",
        "images": "no" if image is None else "generateContent",
        "safety": chosen.safety or NOT_SET,
    }
    if text is not None:
        shown["text"] = facts_of(text)
    if image is not None:
        config = {"image_config": chosen.image} if chosen.image else {}
        shown["image"] = {**facts_of(image), **config}
    return shown


def _wire_settings(chosen: _Chosen, *, draws: bool) -> WireSettings:
    sampling = chosen.sampling
    return WireSettings(
        model=chosen.model,
        max_tokens=sampling.drawing_max_tokens if draws else sampling.max_tokens,
        temperature=sampling.drawing_temperature if draws else sampling.temperature,
        top_p=sampling.top_p,
        send_seed=sampling.send_seed,
        system=sampling.system,
        modalities=chosen.modalities if draws else None,
        extra=chosen.body,
    )


def _route(http: HttpEndpoint, chosen: _Chosen, settings: WireSettings) -> Route:
    draws = settings.modalities is not None
    wire = GeminiWire(
        settings,
        prefix=_VERSION if urlsplit(http.base_url).path in ("", "/") else "",
        safety={f"{_CATEGORY}{name}": threshold for name, threshold in chosen.safety.items()},
        image=chosen.image if draws else None,
    )
    return Route(http, wire, _alternatives(chosen, draws=draws))


def _alternatives(chosen: _Chosen, *, draws: bool) -> list[Alternative]:
    """Return what errors may teach; never to leave out what the user set on purpose."""
    pinned = {*chosen.sampling.pinned, *mapping_of(chosen.body.get("generationConfig"))}
    found = [
        without_generation(parameter)
        for parameter in ("temperature", "seed")
        if parameter not in pinned
    ]
    if chosen.can.image_output and not draws:
        found.append(BOTH_MODALITIES)
    return [*found, SYSTEM_IN_TEXT]
