"""Reading foreign JSON field by field, and laying a user's own fields over a request."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from unisafebench.core.errors import UsageError
from unisafebench.core.records import Usage
from unisafebench.endpoints.learning import Body

__all__ = [
    "check_extra",
    "check_idle",
    "counted",
    "laid_over",
    "mapping_of",
    "mappings_in",
    "tokens",
    "word_of",
]

_KEY_FIELDS = frozenset({"key", "api_key", "apikey", "x_api_key", "authorization", "token"})


def mapping_of(value: Any) -> Mapping[str, Any]:
    """Return an object of JSON as it is; anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings_in(value: Any) -> Sequence[Mapping[str, Any]]:
    """Return the objects in a list; nothing when it is no list."""
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []


def word_of(value: Any) -> str | None:
    """Return a text that is not empty; else None."""
    return value if isinstance(value, str) and value else None


def counted(value: Any) -> int | None:
    """Return a whole number that can be a count of tokens; else None."""
    return value if type(value) is int and 0 <= value < 2**63 else None


def tokens(given: Sequence[int | None], made: Sequence[int | None]) -> Usage | None:
    """Return the sums of the counts that a provider gave; None when it gave none at all."""
    sums = [
        sum(known) if (known := [count for count in counts if count is not None]) else None
        for counts in (given, made)
    ]
    return None if sums == [None, None] else Usage(input_tokens=sums[0], output_tokens=sums[1])


def check_extra(extra: Mapping[str, Any], own: Collection[str], *, option: str) -> None:
    """Refuse fields of the user's that are not the user's to set.

    Args:
        extra: the fields, by name.
        own: the fields that the adapter writes itself, the samples among them.
        option: what stands before their names in an option.

    Raises:
        UsageError: names the first of them, or one that looks like a key.
    """
    for name in extra:
        if name in own:
            raise UsageError(
                f"the option '{option}.{name}' cannot be set: this field is made of the samples "
                "and of the other options. Leave it out; see the options of this provider."
            )
        if name.casefold().replace("-", "_") in _KEY_FIELDS:
            raise UsageError(
                f"the option '{option}.{name}' looks like a key, which would end in files. Keys "
                "are read from the environment only: set <PROVIDER>_API_KEY."
            )


def check_idle(given: Collection[str], names: Collection[str], prefix: str, *, why: str) -> None:
    """Refuse options that would have no effect, since a part of the model is not asked for.

    Args:
        given: the names of the options that the user set.
        names: those of the part that is not asked for.
        prefix: what its further fields begin with, such as "image.".
        why: what the option is for, and what to do.

    Raises:
        UsageError: names the first of them.
    """
    for name in given:
        if name in names or name.startswith(prefix):
            raise UsageError(f"the option {name!r} {why}")


def laid_over(body: Body, extra: Mapping[str, Any]) -> Body:
    """Return the body with the user's fields in it; they win, objects are laid over field by field.

    Neither argument is changed.
    """
    found = dict(body)
    for name, value in extra.items():
        inner = found.get(name)
        if isinstance(inner, dict) and isinstance(value, Mapping):
            found[name] = laid_over(inner, value)
        else:
            found[name] = value
    return found
