"""Where providers are reached and where their keys come from.

Only addresses that a provider publishes are known here; no model's name is, since names die
within a year. A key is only ever sent to the provider whose variable it was found in.
"""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from unisafebench.core.errors import UsageError
from unisafebench.endpoints.chat import ChatEndpoint
from unisafebench.endpoints.http import HttpEndpoint, Limits

__all__ = ["open_chat", "split_name"]

_ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
}


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
    env = os.environ if environment is None else environment
    provider, model = split_name(name, role=role)
    variable = provider.upper().replace("-", "_").replace(".", "_")
    given = base_url or env.get(f"{variable}_BASE_URL") or _ADDRESSES.get(provider)
    address = (given or "").strip()
    if not address:
        raise UsageError(
            f"no address is known for the provider {provider!r}. Give it with --{role}-base-url "
            f"http://host:port/v1, or set {variable}_BASE_URL."
        )
    _check_address(address, role=role, variable=f"{variable}_API_KEY")
    key = env.get(f"{variable}_API_KEY", "").strip()
    if not key.isascii() or not key.isprintable():
        raise UsageError(
            f"the key in {variable}_API_KEY holds characters that no key has. Copy it once more."
        )
    http = HttpEndpoint(address, api_key=key or None, limits=limits)
    return ChatEndpoint(http, model)


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
