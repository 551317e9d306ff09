"""Where providers are reached and where their keys come from.

Only addresses that a provider publishes are known here; no model's name is, since names die
within a year. A key is only ever sent to the provider whose variable it was found in.
"""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from unisafebench.core.errors import UsageError
from unisafebench.endpoints.chat import ChatEndpoint
from unisafebench.endpoints.http import HttpEndpoint, Limits

__all__ = ["Provider", "open_chat", "open_http", "split_name"]

_ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
}


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Where a provider is reached and how it takes its key.

    The address and the key are looked up in `<NAME>_BASE_URL` and `<NAME>_API_KEY`.
    """

    name: str
    """What stands before the first slash of a model's name."""
    published: str | None = None
    """The address that the provider publishes, where this module does not know it."""
    key_variables: tuple[str, ...] = ()
    """Further variables that may hold the key."""
    key_header: str = "Authorization"
    """The header that carries the key; "Authorization" carries it as a bearer token."""
    headers: dict[str, str] = {}
    """Sent with every call."""


def split_name(name: str, *, role: str) -> tuple[str, str]:
    """Split `provider/model` (the model's own name may hold further slashes).

    Raises:
        UsageError: there is no provider or no model in it.
    """
    provider, slash, model = name.partition("/")
    if not slash or not provider or not model:
        raise UsageError(
            f"the {role} {name!r} is not of the form provider/model, "
            "for example vllm/Qwen3-VL-8B-Instruct."
        )
    return provider, model


def open_chat(
    name: str,
    *,
    role: str,
    base_url: str | None,
    limits: Limits,
    environment: Mapping[str, str] | None = None,
) -> ChatEndpoint:
    """Return the chat endpoint of `provider/model`; nothing is sent yet.

    The address is `base_url`, or `<PROVIDER>_BASE_URL` in the environment, or the provider's
    published one. The key is `<PROVIDER>_API_KEY` in the environment; without one, none is sent.

    Raises:
        UsageError: the name or the address is unusable.
    """
    provider, model = split_name(name, role=role)
    http = open_http(
        Provider(name=provider),
        role=role,
        base_url=base_url,
        limits=limits,
        environment=environment,
    )
    return ChatEndpoint(http, model)


def open_http(
    provider: Provider,
    *,
    role: str,
    base_url: str | None,
    limits: Limits,
    environment: Mapping[str, str] | None = None,
) -> HttpEndpoint:
    """Return the connection to a provider; nothing is sent yet.

    Args:
        provider: where it is reached and how it takes its key.
        role: what it is used as, for messages: "model", "judge", "extractor".
        base_url: the address that the user gave; else the environment's, else the published one.
        limits: how hard it may be driven.
        environment: where keys and addresses are looked up; `os.environ` by default.

    Raises:
        UsageError: no address is known, or it or the key is unusable.
    """
    env = os.environ if environment is None else environment
    variable = provider.name.upper().replace("-", "_").replace(".", "_")
    known = provider.published or _ADDRESSES.get(provider.name)
    address = (base_url or env.get(f"{variable}_BASE_URL") or known or "").strip()
    if not address:
        raise UsageError(
            f"no address is known for the provider {provider.name!r}. Give it with "
            f"--{role}-base-url http://host:port/v1, or set {variable}_BASE_URL."
        )
    names = (f"{variable}_API_KEY", *provider.key_variables)
    _check_address(address, role=role, variable=names[0])
    held = next((name for name in names if env.get(name, "").strip()), names[0])
    key = env.get(held, "").strip()
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"the key in {held} holds characters that no key has. Copy it once more.")
    return HttpEndpoint(
        address,
        api_key=key or None,
        limits=limits,
        key_header=provider.key_header,
        headers=provider.headers,
        key_variable=held,
    )


def _check_address(address: str, *, role: str, variable: str) -> None:
    if "@" in address or "?" in address or "#" in address:
        raise UsageError(
            f"the address of the {role} holds a user name, a password or something after '?' or "
            f"'#', which would end in files. Put the key into {variable} instead."
        )
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"the address {address!r} is no http or https address, "
            "for example http://127.0.0.1:8000/v1."
        )
