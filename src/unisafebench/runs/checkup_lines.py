"""Reading a file of records line by line, damaged lines and all, and gathering what is wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar

import msgspec

__all__ = ["Faults", "Finding", "Line", "Lines", "counted"]

T = TypeVar("T")
_NAMED = 5
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def counted(count: int, noun: str) -> str:
    """Return a number of things in words, as in "1 record", "2,000 records"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was looked at. A `note` is no damage: it is what a stopped run looks like."""

    check: str
    state: Literal["ok", "note", "problem"]
    detail: str
    remedy: str = ""


class Line(NamedTuple, Generic[T]):
    """A record, and the number of its line counted from 1."""

    number: int
    record: T


class Faults:
    """What is wrong with the lines of a file, with the first of the lines that are concerned."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._lines: dict[str, list[int]] = {}

    def note(self, fault: str, number: int) -> None:
        """Note a fault of a line."""
        self._counts[fault] = self._counts.get(fault, 0) + 1
        named = self._lines.setdefault(fault, [])
        if len(named) < _NAMED:
            named.append(number)

    def findings(self, check: str, lines: "Lines[T]", remedy: str) -> Iterator[Finding]:
        """Yield a finding for each kind of fault, or one that says how much is in order."""
        for fault, count in self._counts.items():
            yield Finding(
                check, "problem", f"{fault}: {count:,}{self._where(fault, count)}", remedy
            )
        if lines.torn:
            yield Finding(
                check,
                "note",
                f"the last line is torn (it has {counted(lines.torn, 'byte')}), as a killed "
                "command leaves it",
                "Repeat the command: the line is dropped and done again.",
            )
        if not self._counts and lines.exist:
            yield Finding(check, "ok", counted(lines.records, "record"))

    def _where(self, fault: str, count: int) -> str:
        named = self._lines[fault]
        more = f" and {count - len(named):,} more" if count > len(named) else ""
        word = "line" if count == 1 else "lines"
        return f" ({word} {', '.join(map(str, named))}{more})"


class Lines(Generic[T]):
    """The lines of a file of records.

    `records` counts those that could be read, `torn` the bytes behind the last end of a line.
    """

    def __init__(self, path: Path, kind: type[T]) -> None:
        self.path = path
        self.records = 0
        self.torn = 0
        self._decoder = msgspec.json.Decoder(kind)

    @property
    def exist(self) -> bool:
        """Whether there is such a file."""
        return self.path.exists()

    def read(self, faults: Faults) -> Iterator[Line[T]]:
        """Yield the records; lines that hold none are noted as faults."""
        if not self.exist:
            return
        with self.path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                if not text.endswith(b"\n"):
                    self.torn = len(text)
                    return
                try:
                    record = self._decoder.decode(text)
                except _UNREADABLE as error:
                    faults.note(f"lines that are damaged: {error}", number)
                else:
                    self.records += 1
                    yield Line(number, record)

    def whole(self) -> Iterator[T]:
        """Yield the records that can be read, without counting or noting anything."""
        with self.path.open("rb") as file:
            for text in file:
                try:
                    yield self._decoder.decode(text)
                except _UNREADABLE:
                    continue
