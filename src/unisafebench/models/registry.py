"""Finding adapters: which installed packages offer models, and making one by its name.

A model is named `provider/name` or `provider:argument`. The provider is an entry point of the group
`unisafebench.models`; it names a function `create(name, options)` that makes the model. No
adapter is imported before it is asked for, so that one with heavy imports costs the others nothing.

An adapter's module may set two names that are read here and nowhere else: `SUMMARY`, one line for
`unisafebench models` (without it the first line of its docstring is shown), and `REQUIRES`, the
modules that it imports only when a model is made, such as `("torch",)`.
"""

import ast
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.abc import InspectLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

import msgspec

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.models.base import Model

__all__ = ["ENTRY_POINTS", "AdapterInfo", "Factory", "list_models", "provider_of", "resolve"]

ENTRY_POINTS = "unisafebench.models"
"""The entry point group in which a package names its adapters."""

Factory = Callable[[str, Mapping[str, str]], Model]
"""What an entry point must name: called with the model's full name and the user's options."""


class AdapterInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter as `unisafebench models` lists it."""

    provider: str
    summary: str
    module: str
    installed: bool
    """Whether the modules it needs are there; when not, `resolve` says which one is missing."""


def provider_of(name: str) -> str:
    """Return the provider in a model's name: what stands before the first "/" or ":"."""
    return re.split("[/:]", name, maxsplit=1)[0]


def resolve(name: str, options: Mapping[str, str] | None = None) -> Model:
    """Make the model that `name` means.

    Args:
        name: `provider/name`, `provider:argument` or just the provider, as the user wrote it.
        options: The adapter's own settings; which ones it takes is its affair.

    Raises:
        UnknownNameError: no installed package has an adapter for this provider.
        UsageError: two packages claim the provider, or its adapter cannot be loaded.
    """
    provider = provider_of(name)
    claims = [entry for entry in entry_points(group=ENTRY_POINTS) if entry.name == provider]
    if not claims:
        known = sorted(entry_points(group=ENTRY_POINTS).names)
        raise UnknownNameError("model provider", provider, known)
    if len(claims) > 1:
        packages = " and ".join(sorted(repr(_package(entry)) for entry in claims))
        raise UsageError(
            f"the model provider {provider!r} is claimed by the packages {packages}. "
            "Uninstall all but one of them."
        )
    model: object = _load(claims[0])(name, {} if options is None else options)
    if not isinstance(model, Model):
        raise UsageError(
            f"{_place(claims[0])} made an object of type {type(model).__name__!r}, "
            "which is no model: it lacks a part of unisafebench.models.base.Model. "
            "Report this to its authors."
        )
    return model


def list_models() -> list[AdapterInfo]:
    """Return every adapter that the installed packages offer, by provider.

    A provider that two packages claim is listed twice. Each adapter's module is imported, to see
    whether what it needs is installed.
    """
    found = sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: (entry.name, entry.module))
    return [_describe(entry) for entry in found]


def _load(entry: EntryPoint) -> Factory:
    try:
        factory: Factory = entry.load()
    except ModuleNotFoundError as error:
        if error.name and _is_part_of(entry.module, error.name):
            raise UsageError(
                f"{_place(entry)} is registered, but its module is not there. "
                f"Reinstall the package {_package(entry)!r}."
            ) from error
        raise UsageError(
            f"{_place(entry)} needs the module {error.name!r}, which is not installed. "
            f"Install it, or the optional part of {_package(entry)!r} that brings it."
        ) from error
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"{_place(entry)} cannot be loaded: {error}. "
            f"Its version may not fit the other packages installed: update {_package(entry)!r}."
        ) from error
    return factory


def _describe(entry: EntryPoint) -> AdapterInfo:
    try:
        module = import_module(entry.module)
    except ImportError:
        summary, installed = _docstring_unimported(entry.module), False
    else:
        summary = getattr(module, "SUMMARY", None) or module.__doc__ or ""
        installed = all(_is_installed(name) for name in getattr(module, "REQUIRES", ()))
    return AdapterInfo(
        provider=entry.name,
        summary=summary.strip().partition("\n")[0],
        module=entry.module,
        installed=installed,
    )


def _docstring_unimported(module: str) -> str:
    """Read a module's docstring from its source; "" where there is none to read."""
    try:
        spec = find_spec(module)
        if spec is None or not isinstance(spec.loader, InspectLoader):
            return ""
        return ast.get_docstring(ast.parse(spec.loader.get_source(module) or "")) or ""
    except (ImportError, SyntaxError):
        return ""


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package of it is missing
        return False


def _is_part_of(module: str, name: str) -> bool:
    """Whether `name` is the module itself or one of its parent packages."""
    return module == name or module.startswith(f"{name}.")


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "unknown"


def _place(entry: EntryPoint) -> str:
    return f"the adapter of {entry.name!r} ({entry.value}, package {_package(entry)!r})"
