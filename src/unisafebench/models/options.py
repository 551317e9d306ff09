"""The settings of an adapter (`-M KEY=VALUE`), read with one clear message for each mistake."""

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.endpoints.http import Limits

__all__ = ["Options"]

_YES = frozenset({"yes", "true", "on", "1"})
_NO = frozenset({"no", "false", "off", "0"})
_BOUNDLESS = 10**9
"""So high a limit is not worth telling."""


class Options(Mapping[str, str]):
    """What the user set, by name. To an adapter that needs no more it is a mapping of texts.

    Reading an option marks it as known; `finish` then names those that nothing has read.

    Args:
        given: the settings as written.
        limits: how hard the model's endpoint may be driven.
    """

    def __init__(self, given: Mapping[str, str], *, limits: Limits | None = None) -> None:
        self._given = dict(given)
        self._known: set[str] = set()
        self._prefixes: set[str] = set()
        self.limits = limits or Limits()

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Options":
        """Return `given` itself where it is of this class, else with the default limits."""
        return given if isinstance(given, Options) else cls(given)

    def __getitem__(self, name: str) -> str:
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a text; `default` where it was not set."""
        self._known.add(name)
        return self._given.get(name, default)

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """Return one of the words allowed.

        Raises:
            UnknownNameError: it is none of them.
        """
        value = self.text(name, default) or ""
        if value not in allowed:
            raise UnknownNameError(f"value of the option {name!r}:", value, allowed)
        return value

    def words(self, name: str, allowed: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
        """Return words separated by commas, in the order given.

        Raises:
            UnknownNameError: one of them is not allowed.
        """
        value = self.text(name)
        if value is None:
            return tuple(default)
        found = tuple(word.strip() for word in value.split(",") if word.strip())
        for word in found:
            if word not in allowed:
                raise UnknownNameError(f"word in the option {name!r}:", word, allowed)
        return found

    def flag(self, name: str, default: bool) -> bool:
        """Return yes or no.

        Raises:
            UsageError: it is neither.
        """
        value = self.text(name)
        if value is None:
            return default
        if value.casefold() in _YES | _NO:
            return value.casefold() in _YES
        raise UsageError(f"the option {name!r} is {value!r}; give yes or no.")

    def number(
        self, name: str, default: float | None = None, *, low: float = 0.0, high: float = _BOUNDLESS
    ) -> float | None:
        """Return a number within [low, high].

        Raises:
            UsageError: it is no number, or outside.
        """
        value = self.text(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            span = f"of {low:g} or more" if high >= _BOUNDLESS else f"from {low:g} to {high:g}"
            raise UsageError(f"the option {name!r} is {value!r}; give a number {span}.")
        return number

    def count(self, name: str, default: int, *, low: int = 1, high: int = _BOUNDLESS) -> int:
        """Return a whole number within [low, high].

        Raises:
            UsageError: it is no whole number, or outside.
        """
        number = self.number(name, default, low=low, high=high)
        assert number is not None  # noqa: S101 -- the default is a number
        if number != int(number):
            raise UsageError(f"the option {name!r} is {number:g}; give a whole number.")
        return int(number)

    def prefixed(self, prefix: str) -> dict[str, Any]:
        """Return the options `<prefix>.<name>`; a value that is JSON is read as such, else text."""
        self._prefixes.add(f"{prefix}.")
        found = {}
        for name, value in self._given.items():
            if name.startswith(f"{prefix}."):
                try:
                    found[name.removeprefix(f"{prefix}.")] = json.loads(value)
                except ValueError:
                    found[name.removeprefix(f"{prefix}.")] = value
        return found

    def finish(self, model: str) -> None:
        """Refuse what no one has read.

        Raises:
            UsageError: names the options that the adapter does not have.
        """
        known = sorted(self._known | {f"{prefix}NAME" for prefix in self._prefixes})
        for name in self._given:
            if name in self._known or any(name.startswith(prefix) for prefix in self._prefixes):
                continue
            if "key" in name.casefold():
                raise UsageError(
                    f"{name!r} is no option of {model!r}. Keys are read from the environment only, "
                    "so that they end up in no file: set <PROVIDER>_API_KEY."
                )
            near = get_close_matches(name, known, n=2, cutoff=0.6)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"It has: {', '.join(known)}."
            raise UsageError(f"{name!r} is no option of {model!r}. {hint}")
