r"""The small phrase language of the lexicon, turned into regular expressions with an index.

```
word          that word                 word*     any ending
(a|b c)       one of these              words?    with or without the last letter
(word)?       may be absent             [sz]      one of these letters
_             up to three words         {name}    one of the words of a class
a ?b          a and b, joined or apart
```

Every phrase is listed under the first letters that it can begin with, so that a text is matched
in time proportional to its words and not to the size of the lexicon.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Match", "PhraseIndex", "compile_phrase"]

_KEY = 3
_JOINED = "~"
_ATOM = re.compile(r"\\d(?:\{[\d,]+\})?|\[[^\]]+\]|\{[a-z]+\}|[a-z0-9~]|_")

T = TypeVar("T")


class _Part(NamedTuple):
    """A piece of a phrase: its regular expression and the ways in which it can begin.

    A beginning that is `closed` is followed by anything; an open one by the next piece.
    """

    regex: str
    starts: frozenset[tuple[str, bool]]


class Match(NamedTuple, Generic[T]):
    """A phrase found in a sentence, and the value it was listed with."""

    value: T
    start: int
    end: int
    text: str


class PhraseIndex(Generic[T]):
    """Phrases with a value each, matched at the words of a sentence."""

    def __init__(
        self, phrases: Sequence[tuple[str, T]], classes: Mapping[str, Sequence[str]]
    ) -> None:
        self._by_start: dict[str, list[tuple[re.Pattern[str], T]]] = {}
        for phrase, value in phrases:
            pattern, starts = compile_phrase(phrase, classes)
            for start in starts:
                self._by_start.setdefault(start, []).append((pattern, value))

    def find(self, sentence: str) -> Iterator[Match[T]]:
        """Yield every phrase that begins at some word of `sentence` (lower case)."""
        for word in _WORD.finditer(sentence):
            head = word.group()[:_KEY]
            for length in range(1, len(head) + 1):
                for pattern, value in self._by_start.get(head[:length], ()):
                    found = pattern.match(sentence, word.start())
                    if found is not None:
                        yield Match(value, found.start(), found.end(), found.group())


_WORD = re.compile(r"\w+")
# A gap never spans a negation: "they are anything but not ..." is another statement.
_GAP = (
    r"(?:\W+(?!(?:not|never|no|nor|without|opposite|isnt|arent|dont|doesnt|cant|cannot|wont)\b)"
    r"\w+){0,3}?"
)


def compile_phrase(
    phrase: str, classes: Mapping[str, Sequence[str]]
) -> tuple[re.Pattern[str], frozenset[str]]:
    """Return the pattern of a phrase and the letters (up to three) that it can begin with.

    Raises:
        ValueError: the phrase does not follow the language, names an unknown class, or could
            begin with anything.
    """
    source = phrase.replace(" ?", _JOINED)
    part, position = _alternatives(source, 0, classes)
    if position != len(source):
        raise ValueError(f"phrase {phrase!r}: unexpected {source[position]!r} at {position}")
    starts = frozenset(start for start, _ in part.starts)
    if "" in starts:
        raise ValueError(f"phrase {phrase!r} could begin with anything")
    return re.compile(rf"(?:{part.regex})(?!\w)"), starts


def _alternatives(
    source: str, position: int, classes: Mapping[str, Sequence[str]]
) -> tuple[_Part, int]:
    parts: list[_Part] = []
    while True:
        part, position = _sequence(source, position, classes)
        parts.append(part)
        if source[position : position + 1] != "|":
            break
        position += 1
    regex = "|".join(part.regex for part in parts)
    return _Part(f"(?:{regex})", frozenset().union(*(part.starts for part in parts))), position


def _sequence(
    source: str, position: int, classes: Mapping[str, Sequence[str]]
) -> tuple[_Part, int]:
    """Read words up to the end, a "|" or a ")"."""
    regex = ""
    starts: frozenset[tuple[str, bool]] = frozenset()
    joint = ""
    begin = position
    while True:
        part, position = _word(source, begin, classes)
        text = source[begin:position]
        optional = text.startswith("(") and text.endswith(")?") and _closes(text)
        if not joint:
            starts |= frozenset((start, True) for start, _ in part.starts if start or not optional)
        if text in {"_", "(_)", "(_)?"}:
            regex += _GAP
        elif optional and not joint:
            regex += rf"(?:{part.regex.removesuffix('?')}\W+)?"
        else:
            regex += rf"(?:\W+{part.regex.removesuffix('?')})?" if optional else joint + part.regex
        joint = joint if optional and not joint else r"\W+"
        if source[position : position + 1] != " ":
            break
        begin = position + 1
    if not joint:
        raise ValueError(f"phrase {source!r}: every word of an alternative may be absent")
    if source[position : position + 1] not in {"", "|", ")"}:
        raise ValueError(f"phrase {source!r}: unexpected {source[position]!r} at {position}")
    return _Part(regex, starts), position


def _closes(text: str) -> bool:
    """Say whether the group that opens `text` is closed by its last parenthesis."""
    depth = 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return index == len(text) - 2
    return False


def _word(source: str, position: int, classes: Mapping[str, Sequence[str]]) -> tuple[_Part, int]:
    regex = ""
    starts: frozenset[tuple[str, bool]] = frozenset({("", False)})
    while position < len(source) and source[position] not in " |)":
        part, position = _atom(source, position, classes)
        suffix = source[position : position + 1]
        if suffix == "?":
            part = _Part(part.regex + "?", part.starts | {("", False)})
            position += 1
        elif suffix == "*":
            part = _Part(part.regex + r"\w*", frozenset((start, True) for start, _ in part.starts))
            position += 1
        regex += part.regex
        starts = frozenset(_extended(starts, part.starts))
    return _Part(regex, starts), position


def _extended(
    starts: frozenset[tuple[str, bool]], more: frozenset[tuple[str, bool]]
) -> Iterator[tuple[str, bool]]:
    for start, closed in starts:
        if closed or len(start) >= _KEY:
            yield start[:_KEY], True
        else:
            yield from (((start + text)[:_KEY], end) for text, end in more)


def _atom(source: str, position: int, classes: Mapping[str, Sequence[str]]) -> tuple[_Part, int]:
    if source[position] == "(":
        part, position = _alternatives(source, position + 1, classes)
        if source[position : position + 1] != ")":
            raise ValueError(f"phrase {source!r}: a parenthesis is not closed")
        # A group may be followed by letters ("tax(es)?"), so its beginnings stay open.
        return _Part(part.regex, frozenset((start, False) for start, _ in part.starts)), (
            position + 1
        )
    found = _ATOM.match(source, position)
    if found is None:
        raise ValueError(f"phrase {source!r}: unexpected {source[position]!r} at {position}")
    text = found.group()
    return _simple_atom(text, source, classes), found.end()


def _simple_atom(text: str, source: str, classes: Mapping[str, Sequence[str]]) -> _Part:
    if text == _JOINED:
        return _Part(r"\W?", frozenset({("", True)}))
    if text == "_":
        return _Part(r"\w+", frozenset({("", True)}))
    if text.startswith("\\"):
        return _Part(text, frozenset({("", True)}))
    if text.startswith("["):
        return _Part(text, frozenset((char, False) for char in text[1:-1]))
    if text.startswith("{"):
        if text[1:-1] not in classes:
            raise ValueError(f"phrase {source!r}: no class is called {text[1:-1]!r}")
        joined = "|".join(classes[text[1:-1]]).replace(" ?", _JOINED)
        return _alternatives(joined, 0, classes)[0]
    return _Part(text, frozenset({(text, False)}))
