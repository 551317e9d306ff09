"""Which unified model grew out of which others, from a small TOML file."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

import msgspec

from unisafebench.core.errors import DataError

__all__ = ["BUILT_IN", "Family", "Relation", "means", "read_families"]

Relation = Literal["llm", "vlm", "generator"]
"""What a unified model is compared with: its language model, a vision-language model, a model
that only draws."""

BUILT_IN = "families.toml"
_RELATIONS: tuple[Relation, ...] = get_args(Relation)
_SHAPE = 'Each [[family]] has unified = "NAME" and llm, vlm or generator as a name or a list.'


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """A unified model and those that it is compared with, by names of models."""

    unified: str
    counterparts: tuple[tuple[Relation, str], ...]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    unified: str
    llm: str | tuple[str, ...] = ()
    vlm: str | tuple[str, ...] = ()
    generator: str | tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    family: tuple[_Entry, ...]


def read_families(path: Path | None = None) -> tuple[Family, ...]:
    """Return the families of a file, or those of the published models.

    Raises:
        DataError: the file is missing, is not TOML, or holds something else.
    """
    try:
        content = (
            (files("unisafebench.comparisons") / BUILT_IN).read_text(encoding="utf-8")
            if path is None
            else path.read_text(encoding="utf-8")
        )
        found = msgspec.convert(tomllib.loads(content), _File)
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}.", path=path) from error
    except UnicodeDecodeError as error:
        raise DataError("the file is not UTF-8.", path=path) from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not TOML: {error}.", path=path, remedy=_SHAPE) from error
    except msgspec.ValidationError as error:
        raise DataError(f"not a list of families: {error}.", path=path, remedy=_SHAPE) from error
    return tuple(_family(entry, path) for entry in found.family)


def means(name: str, model: str) -> bool:
    """Whether a name in a file of families means a model, with or without its provider.

    Case, spaces and punctuation do not matter.
    """
    return _fold(name) in {_fold(model), _fold(model.rpartition("/")[2])}


def _family(entry: _Entry, path: Path | None) -> Family:
    counterparts: list[tuple[Relation, str]] = []
    for relation in _RELATIONS:
        names: str | tuple[str, ...] = getattr(entry, relation)
        listed = (names,) if isinstance(names, str) else names
        counterparts += [(relation, name) for name in listed]
    if not counterparts:
        raise DataError(
            f"the family of {entry.unified!r} names nothing to compare it with.",
            path=path,
            remedy=_SHAPE,
        )
    return Family(unified=entry.unified, counterparts=tuple(counterparts))


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "", name.casefold())
