"""Reading a gate from its text; the grammar stands in `gates`."""

import re
import unicodedata
from contextlib import suppress
from fractions import Fraction
from typing import Literal, NoReturn

import msgspec

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.core.tasks import TASKS, find_task
from unisafebench.core.taxonomy import CATEGORIES, SUBCATEGORIES, find_category, find_subcategory
from unisafebench.metrics.groups import RATES

__all__ = ["ChangeTest", "Gate", "GateError", "LevelTest", "Selection", "parse_gate"]

_MEASURES = (*RATES, "unscored", "blocked")
_OF_TWINS = ("C-R", "unscored")
_WORD = re.compile(r"[A-Za-z]+(?:[-_][A-Za-z]+)*")
_SIGN = re.compile("[<>=!\u2264\u2265]=?")
_SIGNS: dict[str, Literal[">", ">=", "<", "<="]] = {
    ">": ">",
    ">=": ">=",
    "\u2265": ">=",
    "<": "<",
    "<=": "<=",
    "\u2264": "<=",
}
_NUMBER = re.compile(r"[-+]?[0-9.]+(?:e[-+]?[0-9]+)?", re.IGNORECASE)
_DECIMAL = re.compile(r"\+?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})")
_EXAMPLES = "Gates look like: C-U > 0.1, C-R[twins] > 10%, B-S drops by 0.02 vs BASE at p<0.05"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which responses a gate is about; `name` is canonical, and empty for all of them."""

    kind: Literal["overall", "task", "category", "subcategory", "twins"] = "overall"
    name: str = ""


class LevelTest(msgspec.Struct, frozen=True, kw_only=True):
    """A limit for a share; `end` names the end of its 95 % interval that must keep to it."""

    sign: Literal[">", ">=", "<", "<="]
    limit: Fraction
    end: Literal["upper", "lower"] | None = None


class ChangeTest(msgspec.Struct, frozen=True, kw_only=True):
    """A limit for the change of a rate since another run; `alpha` asks for significance too."""

    direction: Literal["drops", "rises"]
    by: Fraction
    base: str
    alpha: Fraction | None = None


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, and the text that it was read from."""

    text: str
    measure: str
    where: Selection
    test: LevelTest | ChangeTest


class GateError(UsageError):
    """A gate is not of the form that it should have. `at` counts characters from 0."""

    def __init__(self, text: str, at: int, problem: str) -> None:
        self.text = text
        self.at = at
        # One cell for each character, so that the mark below stands under its place.
        shown = "".join(char if char.isprintable() else " " for char in text)
        indent = " " * sum(_cells(char) for char in shown[:at])
        super().__init__(f"gate, column {at + 1}: {problem}\n  {shown}\n  {indent}^\n{_EXAMPLES}")


def parse_gate(text: str) -> Gate:
    """Read a gate.

    Raises:
        GateError: it is not of the form described above; the message points to the place.
    """
    reader = _Reader(text)
    measure = _measure(reader)
    where = _group(reader, measure)
    start = reader.next()
    word = reader.take(_WORD)
    test: LevelTest | ChangeTest
    if word is not None and word.lower() in ("drops", "rises"):
        if measure not in RATES:
            reader.fail(start, f"only {', '.join(RATES)} can be compared with another run.")
        test = _change(reader, word.lower() == "drops")
    else:
        test = _level(reader, measure, word, start)
    end = reader.next()
    if end < len(text):
        reader.fail(end, "nothing more is expected here.")
    return Gate(text=" ".join(text.split()), measure=measure, where=where, test=test)


class _Reader:
    """A text and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def next(self) -> int:
        """Pass over blanks; return the position of what follows."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """Return what follows, if it is of the pattern, and pass over it."""
        found = pattern.match(self.text, self.next())
        if found is None:
            return None
        self.at = found.end()
        return found.group()

    def until(self, closing: str, start: int, what: str) -> str:
        """Return the text up to a closing character, and pass over both."""
        end = self.text.find(closing, self.at)
        if end < 0:
            self.fail(start, f"{what} is opened here and never closed with {closing}")
        inside = self.text[self.at : end]
        self.at = end + 1
        return inside

    def fail(self, at: int, problem: str) -> NoReturn:
        """Refuse the text for what stands at a position."""
        raise GateError(self.text, at, problem)


def _measure(reader: _Reader) -> str:
    start = reader.next()
    word = reader.take(_WORD)
    if word is None:
        reader.fail(start, f"a gate begins with one of {', '.join(_MEASURES)}.")
    known = {measure.casefold(): measure for measure in _MEASURES}
    folded = word.casefold().replace("_", "-")
    if folded not in known:
        reader.fail(start, str(UnknownNameError("measure", word, _MEASURES)))
    return known[folded]


def _group(reader: _Reader, measure: str) -> Selection:
    start = reader.next()
    if not reader.text.startswith("[", start):
        return Selection()
    reader.at = start + 1
    inside = reader.until("]", start, "a group")
    at = start + 1 + len(inside) - len(inside.lstrip())
    name = inside.strip()
    if name.casefold() in ("twins", "twin"):
        if measure not in _OF_TWINS:
            reader.fail(at, f"of harmless twins only {' and '.join(_OF_TWINS)} can be gated.")
        return Selection(kind="twins", name="twins")
    found = _named(name)
    if found is None:
        known = (*TASKS, *CATEGORIES, *SUBCATEGORIES, "twins")
        reader.fail(at, str(UnknownNameError("task, category or subcategory", name, known)))
    return found


def _named(name: str) -> Selection | None:
    with suppress(UnknownNameError):
        return Selection(kind="task", name=find_task(name).id)
    with suppress(UnknownNameError):
        return Selection(kind="category", name=find_category(name))
    with suppress(UnknownNameError):
        return Selection(kind="subcategory", name=find_subcategory(name))
    return None


def _level(reader: _Reader, measure: str, word: str | None, start: int) -> LevelTest:
    end: Literal["upper", "lower"] | None = None
    if word is not None:
        if word.lower() not in ("upper", "lower"):
            reader.fail(
                start, "a sign (< or >), 'upper', 'lower', 'drops' or 'rises' is expected here."
            )
        if measure == "unscored":
            reader.fail(start, "unscored has no interval: it is what happened, not an estimate.")
        end = "upper" if word.lower() == "upper" else "lower"
    at = reader.next()
    sign = _SIGNS.get(reader.take(_SIGN) or "")
    if sign is None:
        reader.fail(at, "a sign (<, <=, > or >=) is expected here.")
    return LevelTest(sign=sign, limit=_share(reader), end=end)


def _change(reader: _Reader, drops: bool) -> ChangeTest:
    _expect(reader, "by")
    at = reader.next()
    by = _share(reader)
    _expect(reader, "vs")
    base = _base(reader)
    alpha = None
    if reader.next() < len(reader.text):
        _expect(reader, "at")
        _expect(reader, "p")
        sign = reader.next()
        if reader.take(_SIGN) != "<":
            reader.fail(sign, "the sign < is expected here.")
        place = reader.next()
        alpha = _share(reader)
        if not 0 < alpha < 1:
            reader.fail(place, "a level of significance lies between 0 and 1.")
    if by == 0 and alpha is None:
        reader.fail(at, "a change of 0 is no change: give a share, or end with 'at p<0.05'.")
    return ChangeTest(direction="drops" if drops else "rises", by=by, base=base, alpha=alpha)


def _base(reader: _Reader) -> str:
    start = reader.next()
    opening = reader.text[start : start + 1]
    if opening and opening in "\"'":
        reader.at = start + 1
        base = reader.until(opening, start, "a name").strip()
    else:
        base = reader.take(re.compile(r"\S+")) or ""
    if not base:
        reader.fail(start, "the run to compare with is expected here, or published:NAME.")
    return base


def _expect(reader: _Reader, wanted: str) -> None:
    at = reader.next()
    word = reader.take(_WORD)
    if word is None or word.casefold() != wanted:
        reader.fail(at, f"the word {wanted!r} is expected here.")


def _share(reader: _Reader) -> Fraction:
    at = reader.next()
    number = reader.take(_NUMBER)
    if number is None:
        reader.fail(at, "a number is expected here, such as 0.1 or 10%.")
    if _DECIMAL.fullmatch(number) is None:
        reader.fail(at, f"{number[:40]!r} is not a number between 0 and 1, such as 0.1 or 10%.")
    value = Fraction(number)
    percent = reader.take(re.compile("%")) is not None
    if percent:
        value /= 100
    if value > 1:
        hint = "" if percent or value > 100 else f" A percentage is written {number}%."
        reader.fail(at, f"{number} is more than the whole.{hint}")
    return value


def _cells(char: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
