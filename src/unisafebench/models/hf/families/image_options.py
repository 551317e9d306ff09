"""The user's options for pictures (`image.NAME`), read with one clear message for each mistake."""

from collections.abc import Mapping
from typing import Any

from unisafebench.core.errors import UnknownNameError, UsageError

__all__ = ["ImageOptions"]


class ImageOptions:
    """What the user set for pictures. Reading one marks it as known; `finish` names the others.

    Args:
        given: values by name without `image.`, read as JSON where they are JSON.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = dict(given)
        self._known: list[str] = []

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        """Return a number within [low, high].

        Raises:
            UsageError: it is no number, or outside.
        """
        value = self._read(name, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise UsageError(
                f"the option 'image.{name}' is {value!r}; give a number from {low:g} to {high:g}."
            )
        return float(value)

    def count(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return a whole number within [low, high].

        Raises:
            UsageError: it is no whole number, or outside.
        """
        value = self._read(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise UsageError(
                f"the option 'image.{name}' is {value!r}; give a whole number from {low} to {high}."
            )
        return value

    def text(self, name: str, default: str) -> str:
        """Return a text, which may look like JSON."""
        value = self._read(name, default)
        return value if isinstance(value, str) else str(value)

    def finish(self) -> None:
        """Refuse what no one has read.

        Raises:
            UnknownNameError: an option is none of the model's.
        """
        for name in self._given:
            if name not in self._known:
                raise UnknownNameError(
                    "option for pictures",
                    f"image.{name}",
                    [f"image.{known}" for known in self._known],
                )

    def _read(self, name: str, default: Any) -> Any:
        self._known.append(name)
        return self._given.get(name, default)
