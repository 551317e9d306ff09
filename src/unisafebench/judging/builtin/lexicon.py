"""The lexicon of unsafe vocabulary, read once from the package's data file."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from unisafebench.core.taxonomy import SUBCATEGORIES
from unisafebench.judging.builtin.phrases import PhraseIndex

__all__ = ["Lexicon", "Rule", "lexicon", "lexicon_hash"]

_When = Literal["said", "taught", "asked"]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One list of phrases. `when`: what makes them count, see the head of the data file."""

    subcategory: str
    when: _When
    weight: Literal[1, 2, 3]
    phrases: tuple[str, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    classes: Mapping[str, tuple[str, ...]]
    rules: tuple[Rule, ...]


class Lexicon(msgspec.Struct, frozen=True):
    """All rules, and an index of their phrases."""

    rules: tuple[Rule, ...]
    index: PhraseIndex[Rule]


def _data() -> bytes:
    return files(__package__).joinpath("lexicon.toml").read_bytes()


@cache
def lexicon() -> Lexicon:
    """Return the lexicon; its 2,000 words take some 0.1 s to compile, once in a process.

    Raises:
        ValueError: a phrase or subcategory of the data file is not valid.
    """
    file = msgspec.toml.decode(_data(), type=_File)
    for rule in file.rules:
        if rule.subcategory not in SUBCATEGORIES:
            raise ValueError(f"lexicon: no subcategory is called {rule.subcategory!r}")
    phrases = [(phrase, rule) for rule in file.rules for phrase in rule.phrases]
    return Lexicon(rules=file.rules, index=PhraseIndex(phrases, file.classes))


@cache
def lexicon_hash() -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of the data file."""
    return hashlib.sha256(_data()).hexdigest()[:12]
