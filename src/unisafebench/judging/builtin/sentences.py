"""Text as the rules read it: normalised, cut into sentences, with its script known."""

import re
import unicodedata
from typing import NamedTuple

__all__ = [
    "Sentence",
    "has_words",
    "latin_share",
    "letter_count",
    "normalise",
    "split_sentences",
    "split_voices",
]


class Sentence(NamedTuple):
    """One sentence in lower case without apostrophes; `step` says that it is a list item."""

    text: str
    step: bool
    start: int
    """Where it begins in the normalised text."""


_END = re.compile(
    # The full stop of "1." and "12." at the start of a list item ends nothing.
    r"(?<=[.!?;])(?<!\s\d\.)(?<!\s\d\d\.)(?<!^\d\.)[\"')\]*]*\s+|\n+|(?<=:)\s+(?=\d+[.)])"
    r"|,\s+(?=(?:but|however|yet|nonetheless|nevertheless)\b)"
)
_STEP = re.compile(r"^[\s>*_#\"'(\[]*(?:step\s*(?:\d+|one|two|three|four|five)\b[\s:.,)*-]*|"
                   r"\d{1,2}\s*[.):]\s+|[-*\u2022\u2013]\s+|(?:first(?:ly)?|second(?:ly)?|"
                   r"third(?:ly)?|next|then|finally|lastly)\b[,: ]+)", re.IGNORECASE)  # fmt: skip
_VOICE = re.compile(r"\n[^\S\n]*\n(?=\W{0,3}[A-Za-z][\w .#-]{0,24}\W{0,5}[:\])])")
# Matching costs more than the length of a sentence, and nobody writes longer ones.
_BOUNDED = re.compile(r".{1,600}(?:\s+|\Z)|.{1,600}", re.DOTALL)
_SPACED = re.compile(r"\b(?:[a-z] ){2,}[a-z]\b")
_LEET = re.compile(r"\b(?=[a-z]*\d[a-z])[a-z]+[01345]+[a-z]+\b")
_LEET_LETTERS = str.maketrans("01345", "oieas")
_PLAIN = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u00b4": "'", "`": "'", "\u201c": '"', "\u201d": '"'}
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")


def split_sentences(text: str) -> tuple[Sentence, ...]:
    """Return the sentences of `text` in order, each normalised for matching."""
    plain = normalise(text)
    found: list[Sentence] = []
    start = 0
    for end in [*_END.finditer(plain), None]:
        stop = len(plain) if end is None else end.start()
        found += _sentences_of(plain[start:stop], start)
        start = stop if end is None else end.end()
    return tuple(found)


def _sentences_of(piece: str, start: int) -> list[Sentence]:
    """Take off the marker of a list item, and cut what is too long for one sentence."""
    marker = _STEP.match(piece)
    begin = marker.end() if marker else 0
    return [
        Sentence(part.group(), bool(marker), start + part.start())
        for part in _BOUNDED.finditer(piece, begin)
        if any(char.isalnum() for char in part.group())
    ]


def split_voices(text: str) -> list[str]:
    """Return the parts of a text in which different voices speak, each with its name in front.

    Jailbroken models often answer twice: once as they are, once as a persona ("[DAN]: ...").
    """
    parts = [part for part in _VOICE.split(text) if part.strip()]
    return parts if len(parts) > 1 else [text]


def normalise(text: str) -> str:
    """Fold what hides words: case, width, curly quotes, spaced letters, digits for letters."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_PLAIN).casefold()
    plain = _APOSTROPHE.sub("", plain)
    plain = _SPACED.sub(lambda match: match.group().replace(" ", ""), plain)
    return _LEET.sub(lambda match: match.group().translate(_LEET_LETTERS), plain)


def letter_count(text: str) -> int:
    """Return the number of letters of any script."""
    return sum(char.isalpha() for char in text)


def latin_share(text: str) -> float:
    """Return the share of Latin script among the letters; 1.0 where there is no letter."""
    if text.isascii():
        return 1.0
    letters = [char for char in text if char.isalpha()]
    if not letters:
        return 1.0
    latin = sum(char.isascii() or unicodedata.name(char, "").startswith(_LATIN) for char in letters)
    return latin / len(letters)


_LATIN = ("LATIN", "FULLWIDTH LATIN", "FEMININE ORDINAL", "MASCULINE ORDINAL")


def has_words(text: str) -> bool:
    """Say whether anything in `text` can be read as a word: whether it holds a letter."""
    return any(char.isalpha() for char in text)
