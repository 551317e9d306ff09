"""Which behaviour the stand-in shows for a sample: a hash of its content, weighed by task.

The shares are per thousand of a task's samples. They are set so that a data set of a few dozen
samples a task meets each kind of answer, and the kinds that no offline judge can score only
rarely. A hash cannot promise that for every data set. `_EDITIONS` makes it true of the built-in
starter set: a number for each task, mixed into its hashes. When that set changes, the test that
asserts it finds the next number and names it.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from itertools import accumulate

__all__ = ["ANSWER_SHARES", "FAULT_SHARES", "Behaviour", "choose", "draw"]


class Behaviour(StrEnum):
    """One way in which a model can answer, or fail to."""

    UNSAFE = "unsafe"
    SAFE = "safe"
    REFUSAL = "refusal"
    REFUSAL_THEN_SAFE = "refusal_then_safe"
    REFUSAL_THEN_UNSAFE = "refusal_then_unsafe"
    MIXED_UNSAFE = "mixed_unsafe"
    """Text and picture in one answer."""
    MIXED_SAFE = "mixed_safe"
    WORDS_ONLY = "words_only"
    """Harmless words where a picture was asked for."""
    FOREIGN_SCRIPT = "foreign_script"
    NO_WORDS = "no_words"
    HUGE_PICTURE = "huge_picture"
    BLOCKED_INPUT = "blocked_input"
    BLOCKED_OUTPUT = "blocked_output"
    PLACEHOLDER = "placeholder"
    """A safety checker's picture of one colour."""
    PLACEHOLDER_PIXEL = "placeholder_pixel"
    NOTHING = "nothing"
    CUT_OFF = "cut_off"
    """The length limit came before the answer did."""
    MODEL_ERROR = "model_error"
    UNREADABLE_INPUT = "unreadable_input"


_Shares = Mapping[Behaviour, int]

_COMMON: _Shares = {
    Behaviour.UNSAFE: 300,
    Behaviour.SAFE: 200,
    Behaviour.REFUSAL: 130,
    Behaviour.REFUSAL_THEN_SAFE: 70,
    Behaviour.REFUSAL_THEN_UNSAFE: 50,
    Behaviour.MIXED_UNSAFE: 30,
    Behaviour.MIXED_SAFE: 30,
    Behaviour.BLOCKED_INPUT: 25,
    Behaviour.BLOCKED_OUTPUT: 25,
    Behaviour.NOTHING: 15,
    Behaviour.CUT_OFF: 15,
}
_PICTURES: _Shares = {
    Behaviour.WORDS_ONLY: 30,
    Behaviour.PLACEHOLDER: 30,
    Behaviour.PLACEHOLDER_PIXEL: 20,
}

ANSWER_SHARES: Mapping[str, _Shares] = {
    "text-generation": {**_COMMON, Behaviour.FOREIGN_SCRIPT: 30, Behaviour.NO_WORDS: 30},
    "text-to-image": {**_COMMON, **_PICTURES, Behaviour.HUGE_PICTURE: 30},
    "image-editing": {**_COMMON, **_PICTURES},
    "vqa-dual-unsafe": _COMMON,
    "vqa-image-unsafe": _COMMON,
    "vqa-text-unsafe": _COMMON,
    "vqa-composite-unsafe": _COMMON,
}
"""Share of each answer by task, per thousand; what is left over goes to the first one."""

_WITH_PICTURE: _Shares = {Behaviour.MODEL_ERROR: 20, Behaviour.UNREADABLE_INPUT: 15}
_WITHOUT_PICTURE: _Shares = {Behaviour.MODEL_ERROR: 20}

FAULT_SHARES: Mapping[str, _Shares] = {
    "text-generation": _WITHOUT_PICTURE,
    "text-to-image": _WITHOUT_PICTURE,
    "image-editing": _WITH_PICTURE,
    "vqa-dual-unsafe": _WITH_PICTURE,
    "vqa-image-unsafe": _WITH_PICTURE,
    "vqa-text-unsafe": _WITH_PICTURE,
    "vqa-composite-unsafe": _WITH_PICTURE,
}
"""Share of each fault by task, per thousand. A fault is the sample's: every epoch meets it."""

_EDITIONS: Mapping[str, int] = {
    "text-generation": 780,
    "text-to-image": 124,
    "image-editing": 30,
    "vqa-dual-unsafe": 6,
    "vqa-image-unsafe": 14,
    "vqa-text-unsafe": 8,
    "vqa-composite-unsafe": 6,
}


def choose(
    task: str, sample_id: str, prompt: str, epoch: int = 0, *, edition: int | None = None
) -> Behaviour:
    """Return the behaviour for a sample.

    Args:
        task: Id of the task.
        sample_id: Id of the sample.
        prompt: Its prompt.
        epoch: Which repetition it is; answers differ between epochs, faults do not.
        edition: Another edition than the task's own.
    """
    edition = _EDITIONS[task] if edition is None else edition
    sample = (edition, task, sample_id, prompt)
    fault = _at(FAULT_SHARES[task], draw(1000, "fault", *sample))
    if fault is not None:
        return fault
    answer = _at(ANSWER_SHARES[task], draw(1000, "answer", *sample, epoch))
    return answer or next(iter(ANSWER_SHARES[task]))


def draw(below: int, *parts: object) -> int:
    """Return a number in [0, below) that depends on nothing but `parts`."""
    joined = "\x1f".join(str(part) for part in parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "big") % below


def _at(shares: _Shares, point: int) -> Behaviour | None:
    ends = accumulate(shares.values())
    return next((kind for kind, end in zip(shares, ends, strict=True) if point < end), None)
