"""A server that fails by a seeded script: every way in which calls fail, at a rate of choice."""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from serving import Asked, Fault, Reply

from unisafebench.judging.rubrics import prompt_text

__all__ = ["JUDGE_FAULTS", "MODEL_FAULTS", "Faults", "chat_reply"]

Answer = Callable[[Asked], Reply]
Spoil = Callable[[Reply, random.Random], Reply | Fault]

# Blocks are delimited by a word drawn anew for each message; the question is the same without it.
_DELIMITER = re.compile(r"[0-9a-f]{16}")
_REMINDER = prompt_text("reminder").strip()
_UNPARSABLE = (
    "I saw 2 things, 1 of them 0 times.",
    '{"reason": "Either.", "result": 0, "verdict": 1}',
    "Result: 0 or 1",
    '{"reason": "cut he',
    "",
)


def chat_reply(text: str, **fields: Any) -> Reply:
    """Return a well-formed chat completion with this text."""
    body = {
        "id": "cmpl-1",
        "object": "chat.completion",
        "model": "faulty-2026-01",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
    return 200, {}, body | fields


def _status(status: int, **headers: str) -> Spoil:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda *_: (status, dict(named), {"error": {"message": f"failed with {status}"}})


def _after_seconds(_: Reply, draw: random.Random) -> Reply:
    wait = draw.choice(("0", "0.02", "0.05", "1"))
    return 429, {"Retry-After": wait}, {"error": {"message": "slow down"}}


def _after_date(offset: timedelta) -> Spoil:
    """Ask for a wait until a date, by a clock that is wrong by `offset`."""

    def spoil(_: Reply, draw: random.Random) -> Reply:
        here = datetime.now(UTC) + offset
        when = here + timedelta(seconds=draw.choice((-1, 0, 1)))
        headers = {"Retry-After": format_datetime(when, usegmt=True)}
        headers["Date"] = format_datetime(here, usegmt=True)
        return 429, headers, {"error": {"message": "slow down"}}

    return spoil


def _truncated(good: Reply, draw: random.Random) -> Reply:
    """Send the beginning of the answer as if it were whole."""
    content = json.dumps(good[2]).encode()
    return 200, {}, content[: draw.randrange(1, len(content) - 1)]


def _as(*bodies: Any) -> Spoil:
    return lambda _, draw: (200, {}, draw.choice(bodies))


def _html(_: Reply, draw: random.Random) -> Reply:
    kind = draw.choice(("text/html", "text/plain", "application/octet-stream"))
    return 200, {"Content-Type": kind}, b"<html><body>Welcome to the gateway</body></html>"


def _mislabelled(good: Reply, _: random.Random) -> Reply:
    """Send the good answer as plain text: it is still the answer."""
    return 200, {"Content-Type": "text/plain"}, good[2]


def _same_id(good: Reply, _: random.Random) -> Reply:
    """Answer under an id that other answers have, in body and header."""
    return 200, {"x-request-id": "request-1"}, {**good[2], "id": "cmpl-1", "created": 0}


def _unparsable(_: Reply, draw: random.Random) -> Reply:
    return chat_reply(draw.choice(_UNPARSABLE))


def _way(fault: Fault) -> Spoil:
    return lambda *_: fault


MODEL_FAULTS: dict[str, Spoil] = {
    "429": _status(429),
    "429 after seconds": _after_seconds,
    "429 after a date": _after_date(timedelta()),
    "429, clock an hour ahead": _after_date(timedelta(hours=1)),
    "429, clock an hour behind": _after_date(timedelta(hours=-1)),
    "500": _status(500),
    "502": _status(502),
    "503": _status(503, Retry_After="0"),
    "529": _status(529),
    "error within a 200": _as({"error": {"message": "overloaded", "code": 503}}),
    "closed before the body": _way("reset"),
    "reset before the body": _way("abort"),
    "closed during the body": _way("cut"),
    "hang": _way("hang"),
    "slow body": _way("slow"),
    "truncated JSON": _truncated,
    "invalid JSON": _as(b"{'choices': []}", b"\xff\xfe", b"[" * 5000, b"NaN", b""),
    "no object": _as([], "text", 3, None),
    "HTML": _html,
    "wrong content type": _mislabelled,
    "choice without a message": _as({"choices": [None]}, {"choices": [{"message": None}]}),
    "same id": _same_id,
}
"""How a call to any endpoint may fail, by name."""
JUDGE_FAULTS: dict[str, Spoil] = {
    **MODEL_FAULTS,
    "empty choices": _as({"choices": []}),
    "unparsable verdict": _unparsable,
}
"""The same, and what only a judge's answer can lack: no choices of a model are an empty answer."""


class Faults:
    """An `answer` for `ApiServer`: `good` at most times, a fault at `rate` of all calls.

    Whether a call fails, and how, follows from the seed, the question and how often it came, so
    the order in which calls arrive changes nothing. An unparsable verdict is given at most twice
    to a question: after the third a judge gives a response up for good, as it should.

    `counts` has how often each fault was given, `calls` how many calls came.
    """

    def __init__(
        self, good: Answer, rate: float, seed: int, kinds: dict[str, Spoil] | None = None
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.calls = 0
        self._good = good
        self._rate = rate
        self._seed = seed
        self._kinds = JUDGE_FAULTS if kinds is None else kinds
        self._names = list(self._kinds)
        self._came: Counter[str] = Counter()

    def __call__(self, asked: Asked) -> Reply | Fault:
        """Answer one call."""
        self.calls += 1
        question = f"{asked.path} {_DELIMITER.sub('', json.dumps(asked.body))} {asked.form!r}"
        number = self._came[question]
        self._came[question] += 1
        good = self._good(asked)
        draw = random.Random(f"{self._seed} {number} {question}")
        if draw.random() >= self._rate:
            return good
        names = [name for name in self._names if self._fits(name, question, number)]
        name = draw.choice(names)
        self.counts[name] += 1
        return self._kinds[name](good, draw)

    @staticmethod
    def _fits(name: str, question: str, number: int) -> bool:
        if name == "unparsable verdict":
            reminded = json.dumps(_REMINDER)[1:-1] in question
            # An intent of nonsense is an intent: only a verdict has a form that it can lack.
            return "response_format" in question and not (reminded and number)
        if name in ("empty choices", "choice without a message"):
            return "/chat/completions" in question
        return True
