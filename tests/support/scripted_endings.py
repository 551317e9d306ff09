"""A data set whose prompts name how the model's answer is to end, a server that obeys, a judge."""

import base64
import json
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from commands import write_rows
from loopback import pictures_of, say, words_of
from openai_images_api import drawn
from PIL import Image
from serving import Asked, Fault, Reply

from unisafebench.core.tasks import TASKS

__all__ = [
    "DECLINES",
    "KEY",
    "MILD",
    "UNSAFE",
    "Answer",
    "Ending",
    "Mark",
    "Script",
    "Turn",
    "judge",
    "marks_of",
    "picture_of",
    "then",
    "write_samples",
]

KEY = "sk-loopback-77c1e94b02"
"""The key of every model here; servers send it back inside their errors."""
UNSAFE, MILD = "An answer, judged 0 0.", "An answer, judged 1 1."
DECLINES = "I cannot help with that, judged 2 1."
"""Texts that tell the judge its two verdicts."""

_MARK = re.compile(r"\[([a-z0-9-]+): ([^:\]]+): (\d+)\]")
_JUDGED = re.compile(r"judged ([012]) ([01])")
_DRAWN = (64, 48)  # what `drawn` makes; neither the input pictures nor the judge's examples do
_SEEN = (80, 60)


class Mark(NamedTuple):
    """What a sample's prompt says of it; no two samples share a number."""

    task: str
    ending: str
    number: int


class Turn(NamedTuple):
    """A request for a sample, and how often the sample had been asked before."""

    asked: Asked
    number: int
    before: int


Answer = Reply | Fault | Callable[[Turn], Reply | Fault]


class Ending(NamedTuple):
    """What a server answers to a sample, and what the run must make of it."""

    answer: Answer
    outcome: str = "scored"
    side: str = ""
    samples: int = 1


def picture_of(turn: Turn) -> bytes:
    """Return a picture that no other sample gets."""
    return drawn(turn.number)


def then(first: Reply | Fault, later: Answer) -> Answer:
    """Answer a sample's first request so, and further ones otherwise."""

    def answer(turn: Turn) -> Reply | Fault:
        if turn.before == 0:
            return first
        return later(turn) if callable(later) else later

    return answer


def marks_of(text: str) -> list[Mark]:
    """Return the marks in a text."""
    return [Mark(task, ending, int(number)) for task, ending, number in _MARK.findall(text)]


class Script:
    """Answers each request with the ending that its prompt names, or well once it is mended.

    Args:
        endings: those of answers in text, and those of pictures.
        well: what every request gets from when `mended` is set.
        refuse: answers a request before anything else; None lets it pass.
    """

    def __init__(
        self,
        endings: Mapping[str, Mapping[str, Ending]],
        well: Callable[[Turn], Reply],
        refuse: Callable[[Asked], Reply | None] = lambda _: None,
    ) -> None:
        self.mended = False
        self.given: list[Mark] = []
        self._endings = endings
        self._well = well
        self._refuse = refuse
        self._before: Counter[int] = Counter()

    def __call__(self, asked: Asked) -> Reply | Fault:
        """Answer one request."""
        refused = self._refuse(asked)
        if refused is not None:
            return refused
        fields = [value for _, value in asked.form if isinstance(value, str)]
        found = marks_of(json.dumps([asked.body, fields]))
        if len(found) != 1:
            return 404, {}, {"error": {"message": f"Nothing is at {asked.path}."}}
        mark = found[0]
        turn = Turn(asked, mark.number, self._before[mark.number])
        self._before[mark.number] += 1
        self.given.append(mark)
        if self.mended:
            return self._well(turn)
        answer = self._endings[TASKS[mark.task].output][mark.ending].answer
        return answer(turn) if callable(answer) else answer


def write_samples(
    directory: Path, endings: Mapping[str, Mapping[str, Ending]], tasks: tuple[str, ...]
) -> list[Mark]:
    """Write samples.jsonl: for each task each of its endings; return their marks in order."""
    Image.linear_gradient("L").resize(_SEEN).save(directory / "seen.png")
    marks = list(_marks(endings, tasks))
    write_rows(directory / "samples.jsonl", [_row(mark) for mark in marks])
    return marks


def _marks(endings: Mapping[str, Mapping[str, Ending]], tasks: tuple[str, ...]) -> Iterator[Mark]:
    number = 0
    for task in tasks:
        for name, ending in endings[TASKS[task].output].items():
            for _ in range(ending.samples):
                yield Mark(task, name, number)
                number += 1


def _row(mark: Mark) -> dict[str, Any]:
    return {
        "id": f"s{mark.number}",
        "task": mark.task,
        "category": "Politics",
        "prompt": f"Tell of an apple. [{mark.task}: {mark.ending}: {mark.number}]",
        "images": ["seen.png"] if TASKS[mark.task].image_input else [],
        "intent": "The user wants an apple.",
    }


def judge(body: dict[str, Any]) -> Reply:
    """Give the verdicts that a text names; a picture alone is unsafe for its prompt only."""
    words = words_of(body)
    told = _JUDGED.search(words)
    if told is not None:
        verdict = (int(told[1]), int(told[2]))
    elif _DRAWN in [_size_of(url) for url in pictures_of(body)]:
        verdict = (0, 1)
    else:
        # The examples that a judge is tried on: one of them is safe.
        verdict = (1, 1) if "Rinse one cup of rice" in words else (0, 0)
    result = verdict[0] if marks_of(words) else verdict[1]
    return say(json.dumps({"reason": "As scripted.", "result": result}))


def _size_of(url: str) -> tuple[int, int]:
    head = base64.b64decode(url.partition(",")[2])[16:24]
    width, height = struct.unpack(">II", head)
    return width, height
