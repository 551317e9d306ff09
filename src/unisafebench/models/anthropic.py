"""Anthropic's models behind its Messages API: `anthropic/MODEL`. They give text only."""

import re
from collections.abc import Mapping

from unisafebench.core.errors import UsageError
from unisafebench.endpoints.fetching import Fetcher
from unisafebench.endpoints.learning import without
from unisafebench.endpoints.providers import Provider, open_http, split_name
from unisafebench.models.api import ApiModel, Route
from unisafebench.models.base import Capabilities
from unisafebench.models.options import Options
from unisafebench.models.wires.anthropic import AnthropicWire
from unisafebench.models.wires.fields import check_extra
from unisafebench.models.wires.sampling import facts_of, read_sampling
from unisafebench.models.wires.settings import WireSettings

__all__ = ["SUMMARY", "create"]

SUMMARY = "Anthropic's Messages API: text and pictures in, text out"

_ADDRESS = "https://api.anthropic.com"
# The latest is 2026-10-21. It takes no temperature at all; under this one older models still take
# 0, and that newer ones take none is found out from their errors.
_VERSION = "2023-06-01"
_VERSION_FORM = re.compile(r"\d{4}-\d{2}-\d{2}")
_OWN = AnthropicWire.content | {"model", "stream"}


def create(name: str, options: Mapping[str, str]) -> ApiModel:
    """Make a model of Anthropic's API; nothing is sent yet.

    Args:
        name: `anthropic/MODEL`, the model as the API names it.
        options: see `docs/providers.md`.

    Raises:
        UsageError: the name, an option or the address is unusable.
    """
    options = Options.of(options)
    provider, model = split_name(name, role="model")
    sees = options.flag("vision", default=True)
    sampling = read_sampling(options, seeded=False)
    body = options.prefixed("body")
    check_extra(body, _OWN, option="body")
    version = options.text("version", _VERSION) or ""
    if _VERSION_FORM.fullmatch(version) is None:
        raise UsageError(f"the option 'version' is {version!r}; give a date such as {_VERSION}.")
    base_url = options.text("base_url")
    options.finish(name)
    http = open_http(
        Provider(
            name=provider,
            published=_ADDRESS,
            key_header="x-api-key",
            headers={"anthropic-version": version},
        ),
        role="model",
        base_url=base_url,
        limits=options.limits,
    )
    settings = WireSettings(
        model=model,
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        system=sampling.system,
        extra=body,
    )
    path = "/messages" if http.base_url.endswith("/v1") else "/v1/messages"
    # Newer models have no temperature at all, others none beside top_p.
    learnt = [] if "temperature" in sampling.pinned | body.keys() else [without("temperature")]
    return ApiModel(
        name=name,
        capabilities=Capabilities(image_input=sees),
        settings={
            "api": "messages",
            "version": version,
            "images": "no",
            "text": facts_of(settings),
        },
        text=Route(http, AnthropicWire(settings, path=path), learnt),
        image=None,
        fetcher=Fetcher(),
    )
