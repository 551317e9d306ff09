"""Finding adapters: which installed packages offer models, and making one by its name.

A model is named `provider/name` or `provider:argument`. The provider is an entry point of the group
`unisafebench.models`; it names a function `create(name, options)` that makes the model. No
adapter is imported before it is asked for, so that one with heavy imports costs the others nothing.

An adapter's module may set some names that are read here and nowhere else: `SUMMARY`, one line for
`unisafebench models` (without it the first line of its docstring is shown); `REQUIRES`, the modules
that it imports only when a model is made, such as `("torch",)`; `EXTRA`, the optional part of its
package that brings them; and `CAPABILITIES`, what all its models can do, where that is known before
one is made. A missing module ends in one line that says what to install.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.abc import InspectLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import msgspec

from unisafebench.core.errors import MissingExtraError, UnknownNameError, UsageError
from unisafebench.models.base import Capabilities, Model

__all__ = ["ENTRY_POINTS", "AdapterInfo", "Factory", "list_models", "provider_of", "resolve"]

_OURS = "unisafebench"

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
    missing: tuple[str, ...] = ()
    """The modules that are not there."""
    extra: str | None = None
    """The optional part of its package that brings what it needs."""
    install: str | None = None
    """The command that adds what is missing; None when nothing is, or no extra brings it."""
    capabilities: Capabilities | None = None
    """What all its models can do; None when that depends on the model."""


class _Declared(msgspec.Struct, frozen=True):
    """What an adapter's module says of itself."""

    summary: str = ""
    requires: tuple[str, ...] = ()
    extra: str | None = None
    capabilities: Capabilities | None = None


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
        MissingExtraError: a module that it needs is not installed, and an extra brings it.
        UsageError: two packages claim the provider, or its adapter cannot be loaded.
    """
    provider = provider_of(name)
    claims = [entry for entry in entry_points(group=ENTRY_POINTS) if entry.name == provider]
    if not claims:
        raise _unknown(name, provider)
    if len(claims) > 1:
        packages = " and ".join(sorted(repr(_package(entry)) for entry in claims))
        raise UsageError(
            f"the model provider {provider!r} is claimed by the packages {packages}. "
            "Uninstall all but one of them."
        )
    factory = _load(claims[0])
    declared = _declared(import_module(claims[0].module))
    for module in _missing(declared) if declared.extra else ():
        raise _lacking(claims[0], declared, module)
    try:
        model: object = factory(name, {} if options is None else options)
    except ModuleNotFoundError as error:
        raise _lacking(claims[0], declared, str(error.name)) from error
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


def _unknown(name: str, provider: str) -> UsageError:
    """Return the error of a provider that nobody offers, or of a model's name without one."""
    known = sorted(entry_points(group=ENTRY_POINTS).names)
    unknown = UnknownNameError("model provider", provider, known)
    if provider != name or unknown.suggestions:
        return unknown
    return UsageError(
        f"the model {name!r} is not of the form provider/model, for example openai/{name}. "
        f"Providers are: {', '.join(known)}."
    )


def _load(entry: EntryPoint) -> Factory:
    try:
        factory: Factory = entry.load()
    except ModuleNotFoundError as error:
        if error.name and _is_part_of(entry.module, error.name):
            raise UsageError(
                f"{_place(entry)} is registered, but its module is not there. "
                f"Reinstall the package {_package(entry)!r}."
            ) from error
        raise _lacking(entry, _declared_in_source(entry.module), str(error.name)) from error
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"{_place(entry)} cannot be loaded: {error}. "
            f"Its version may not fit the other packages installed: update {_package(entry)!r}."
        ) from error
    return factory


def _describe(entry: EntryPoint) -> AdapterInfo:
    broken: tuple[str, ...] = ()
    try:
        declared = _declared(import_module(entry.module))
        loads = True
    except ImportError as error:
        declared = _declared_in_source(entry.module)
        broken = (error.name,) if isinstance(error, ModuleNotFoundError) and error.name else ()
        loads = False
    missing = tuple(dict.fromkeys([*broken, *_missing(declared)]))
    return AdapterInfo(
        provider=entry.name,
        summary=declared.summary,
        module=entry.module,
        installed=loads and not missing,
        missing=missing,
        extra=declared.extra,
        install=_command(entry, declared.extra) if missing and declared.extra else None,
        capabilities=declared.capabilities,
    )


def _declared(module: ModuleType) -> _Declared:
    can = getattr(module, "CAPABILITIES", None)
    return _Declared(
        summary=_first_line(getattr(module, "SUMMARY", None) or module.__doc__),
        requires=tuple(getattr(module, "REQUIRES", ())),
        extra=getattr(module, "EXTRA", None),
        capabilities=can if isinstance(can, Capabilities) else None,
    )


def _declared_in_source(module: str) -> _Declared:
    """Read from its source what a module that cannot be imported says of itself."""
    try:
        spec = find_spec(module)
        if spec is None or not isinstance(spec.loader, InspectLoader):
            return _Declared()
        tree = ast.parse(spec.loader.get_source(module) or "")
    except (ImportError, SyntaxError):
        return _Declared()
    said = dict(_constants(tree))
    return _Declared(
        summary=_first_line(said.get("SUMMARY") or ast.get_docstring(tree)),
        requires=tuple(said.get("REQUIRES", ())),
        extra=said.get("EXTRA"),
    )


def _constants(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """Yield the names that a module sets to plain values."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with suppress(ValueError):
                yield node.targets[0].id, ast.literal_eval(node.value)


def _missing(declared: _Declared) -> tuple[str, ...]:
    return tuple(name for name in declared.requires if not _is_installed(name))


def _lacking(entry: EntryPoint, declared: _Declared, module: str) -> UsageError:
    """Return the error of an adapter that needs a module which is not there."""
    package = _package(entry)
    if declared.extra and package == _OURS:
        return MissingExtraError(f"The model provider {entry.name!r}", declared.extra, module)
    remedy = (
        f"Install it with: {_command(entry, declared.extra)}"
        if declared.extra
        else f"Install it, or the optional part of {package!r} that brings it."
    )
    return UsageError(
        f"{_place(entry)} needs the module {module!r}, which is not installed. {remedy}"
    )


def _command(entry: EntryPoint, extra: str) -> str:
    return f"pip install '{_package(entry)}[{extra}]'"


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


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
