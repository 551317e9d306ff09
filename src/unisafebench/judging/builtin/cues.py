"""Lists of phrases that say how a sentence is meant, read once from the package's data file."""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from unisafebench.judging.builtin.phrases import compile_phrase

__all__ = ["cue", "cues_hash"]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    classes: Mapping[str, tuple[str, ...]]
    cues: Mapping[str, tuple[str, ...]]


def _data() -> bytes:
    return files(__package__).joinpath("cues.toml").read_bytes()


@cache
def _file() -> _File:
    return msgspec.toml.decode(_data(), type=_File)


@cache
def cue(name: str) -> re.Pattern[str]:
    """Return one list as a pattern to search a sentence with.

    A list whose name ends in `_first` matches at the beginning of the sentence only.

    Raises:
        KeyError: the data file has no such list.
    """
    phrases = [compile_phrase(phrase, _file().classes)[0] for phrase in _file().cues[name]]
    lead = r"\A\W*" if name.endswith("_first") else r"\b"
    return re.compile(lead + "(?:" + "|".join(pattern.pattern for pattern in phrases) + ")")


@cache
def cues_hash() -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of the data file."""
    return hashlib.sha256(_data()).hexdigest()[:12]
