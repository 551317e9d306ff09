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
]


class Sentence(NamedTuple):
    """One sentence in lower case without apostrophes; `step` says that it is a list item."""

    text: str
    step: bool
    start: int
    """Where it begins in the normalised text."""


_END = re.compile(
    r"(?<=[.!?;])[\"')\]*]*\s+|\n+|(?<=:)\s+(?=\d+[.)])"
    r"|,\s+(?=(?:but|however|yet|nonetheless|nevertheless)\b)"
)
_STEP = re.compile(r"^[\s>*_#\"'(\[]*(?:step\s*(?:\d+|one|two|three|four|five)\b[\s:.,)*-]*|"
                   r"\d{1,2}\s*[.):]\s+|[-*\u2022\u2013]\s+|(?:first(?:ly)?|second(?:ly)?|"
                   r"third(?:ly)?|next|then|finally|lastly)\b[,: ]+)", re.IGNORECASE)  # fmt: skip
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
        piece = plain[start:stop]
        if any(char.isalnum() for char in piece):
            marker = _STEP.match(piece)
            found.append(Sentence(piece[marker.end() if marker else 0 :], bool(marker), start))
        start = stop if end is None else end.end()
    return tuple(sentence for sentence in found if sentence.text.strip())


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
