"""Taking typed fields out of a user's record, with errors that name the field."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unisafebench.core.errors import DataError
from unisafebench.core.taxonomy import place

__all__ = ["Record"]


class Record:
    """One JSON object of a file; remembers which fields were taken, so that the rest is kept."""

    def __init__(self, path: Path, line: int, data: dict[str, Any]) -> None:
        self.path = path
        self.line = line
        self._data = data
        self._taken: set[str] = set()

    @property
    def where(self) -> str:
        """`file:line`, for messages."""
        return f"{self.path}:{self.line}"

    def rest(self) -> dict[str, Any]:
        """Return the fields that nobody took."""
        return {name: value for name, value in self._data.items() if name not in self._taken}

    def text(self, *names: str) -> str | None:
        """Return the first of these fields that is there and not null, as text."""
        for name in names:
            value = self._take(name)
            if isinstance(value, str):
                return value
            if value is not None:
                raise self.fail(name, f"must be text, not {_kind(value)}")
        return None

    def required_text(self, *names: str) -> str:
        """Like `text`, but the field must be there and not empty."""
        value = self.text(*names)
        if value is None or not value.strip():
            raise self.missing(names[0])
        return value

    def identifier(self, *names: str) -> str:
        """Return an id; published files have numbers as well as text. 0 is an id."""
        for name in names:
            value = self._take(name)
            if isinstance(value, bool):
                raise self.fail(name, "must be text or a number, not true or false")
            if isinstance(value, int):
                return str(value)
            if isinstance(value, str) and value:
                return value
            if value not in (None, ""):
                raise self.fail(name, f"must be text or a number, not {_kind(value)}")
        raise self.missing(names[0])

    def place(self) -> tuple[str, str]:
        """Return (category, subcategory), written canonically, from the fields of these names."""
        category, subcategory = self.text("category"), self.text("subcategory")
        if not (category or "").strip() and not (subcategory or "").strip():
            raise self.missing("category")
        return place(category, subcategory, where=self.where)

    def texts(self, *names: str) -> tuple[str, ...]:
        """Return a list of texts; one text stands for a list of one, null for an empty list."""
        for name in names:
            value = self._take(name)
            if value is None or value == "":
                continue
            values = [value] if isinstance(value, str) else value
            if not isinstance(values, list) or not all(v and isinstance(v, str) for v in values):
                raise self.fail(name, "must be a text or a list of texts, none of them empty")
            return tuple(values)
        return ()

    def flag(self, name: str) -> bool | None:
        """Return a truth value; also written 0/1 or as the words true/false."""
        value = self._take(name)
        if value is None or isinstance(value, bool):
            return value
        words = {"true": True, "false": False, "1": True, "0": False, "": None, "none": None}
        word = str(value).strip().casefold()
        if word not in words:
            raise self.fail(name, "must be true or false")
        return words[word]

    def whole(self, name: str, default: int) -> int:
        """Return a whole number that is not negative."""
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.fail(name, "must be a whole number, 0 or more")
        return value

    def number(self, name: str, default: float) -> float:
        """Return a number that is not negative."""
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise self.fail(name, "must be a number, 0 or more")
        return float(value)

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object; null stands for an empty one."""
        value = self._take(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.fail(name, f"must be an object, not {_kind(value)}")
        return value

    def objects(self, name: str) -> list[dict[str, Any]]:
        """Return a list of objects; null stands for an empty one."""
        value = self._take(name)
        values = [] if value is None else value
        if not isinstance(values, list) or not all(isinstance(entry, dict) for entry in values):
            raise self.fail(name, "must be a list of objects")
        return values

    def choice(self, name: str, allowed: Iterable[str]) -> str | None:
        """Return a text that is one of `allowed`, or None when the field is not there."""
        value = self.text(name)
        known = tuple(allowed)
        if value is not None and value not in known:
            raise self.fail(name, f"must be one of {', '.join(known)}, not {value!r}")
        return value

    def has(self, name: str) -> bool:
        """Whether the record has this field at all."""
        return name in self._data

    def fail(self, name: str, problem: str) -> DataError:
        """Return the error of a field that is there and wrong."""
        return DataError(f"field {name!r} {problem}.", path=self.path, line=self.line)

    def missing(self, name: str) -> DataError:
        """Return the error of a field that must be there."""
        return DataError(
            f"field {name!r} is missing or empty.",
            path=self.path,
            line=self.line,
            remedy=f"Fields there are: {', '.join(map(repr, self._data)) or 'none'}.",
        )

    def _take(self, name: str) -> Any:
        self._taken.add(name)
        return self._data.get(name)


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", bool: "true or false", str: "text"}
    return kinds.get(type(value), "a number")
