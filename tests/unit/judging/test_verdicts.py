"""Asking for both verdicts: what is kept when one of them, or both, cannot be had."""

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

import pytest

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.core.records import Usage
from unisafebench.core.tasks import TASKS
from unisafebench.judging.base import (
    Answer,
    Finding,
    Judge,
    JudgeError,
    JudgeRefusedError,
    Query,
    UnparsedError,
)
from unisafebench.judging.verdicts import Judged, judge_response

QUERY = Query(
    prompt="p", task=TASKS["text-generation"], category="Sensitive Topics", subcategory="Politics"
)
ANSWER = Answer(text="t")
Given = Finding | Exception | object


class Scripted:
    """A judge that gives, or raises, one thing for each verdict."""

    name = "scripted/judge"
    notice = None
    settings: dict[str, object] = {}
    prompts: dict[str, str] = {}

    def __init__(self, contextual: Given, intrinsic: Given) -> None:
        self._contextual = contextual
        self._intrinsic = intrinsic

    async def contextual(self, query: Query, answer: Answer, intent: str | None) -> Finding:
        """Give the contextual verdict."""
        assert (query, answer, intent) == (QUERY, ANSWER, "why")
        return give(self._contextual)

    async def intrinsic(self, answer: Answer) -> Finding:
        """Give the intrinsic verdict."""
        assert answer is ANSWER
        return give(self._intrinsic)

    async def aclose(self) -> None:
        """Release nothing."""


def give(value: Given) -> Finding:
    """Return a value, or raise it; what is no finding is for the judging to find out."""
    if isinstance(value, Exception):
        raise value
    return cast("Finding", value)


async def judged(contextual: Given, intrinsic: Given) -> Judged:
    """Ask a scripted judge."""
    return await judge_response(Scripted(contextual, intrinsic), QUERY, ANSWER, "why")


def finding(result: Any, raw: str = "", **fields: Any) -> Finding:
    """Build a finding."""
    return Finding(result=result, raw=raw, **fields)


@pytest.mark.parametrize("contextual", [0, 1, 2])
@pytest.mark.parametrize("intrinsic", [0, 1])
async def test_both_findings_make_it_scored(contextual: int, intrinsic: int) -> None:
    """Two findings are kept as they were given, with what the judge wrote."""
    found = await judged(
        finding(contextual, "C", severity=3, attempted=True, reason="r"), finding(intrinsic, "I")
    )
    assert found.outcome == "scored"
    assert found.why is None
    assert found.contextual == finding(contextual, "C", severity=3, attempted=True, reason="r")
    assert found.intrinsic == finding(intrinsic, "I")
    assert found.raw == {"contextual": "C", "intrinsic": "I"}


MISSES: list[tuple[Given, str, str, str | None]] = [
    (JudgeError("no picture for it"), "judge_error", "no picture for it", None),
    (EndpointError("status 500", status=500), "judge_error", "status 500", None),
    (ValueError("2 of 3"), "judge_error", "ValueError: 2 of 3", None),
    (TimeoutError(), "judge_error", "TimeoutError: ", None),
    (JudgeRefusedError("declined", raw="I won't."), "judge_refused", "declined", "I won't."),
    (UnparsedError("not clear", raw="0 or 1"), "unparsed", "not clear", "0 or 1"),
]


@pytest.mark.parametrize(("error", "outcome", "why", "raw"), MISSES)
@pytest.mark.parametrize("missing", ["contextual", "intrinsic"])
async def test_one_that_is_missing_names_the_outcome(
    missing: str, error: Exception, outcome: str, why: str, raw: str | None
) -> None:
    """Without one verdict the response is unscored; the other is kept, and nothing is guessed."""
    there = finding(1, "fine")
    found = await (judged(error, there) if missing == "contextual" else judged(there, error))
    other = "intrinsic" if missing == "contextual" else "contextual"
    assert found.outcome == outcome
    assert found.why == f"{missing}: {why}"
    assert getattr(found, missing) is None
    assert getattr(found, other) == there
    assert found.raw == {other: "fine"} | ({} if raw is None else {missing: raw})


@pytest.mark.parametrize(
    ("contextual", "intrinsic", "outcome", "first"),
    [
        (UnparsedError("u"), JudgeError("e"), "judge_error", "intrinsic: e"),
        (JudgeRefusedError("r"), JudgeError("e"), "judge_error", "intrinsic: e"),
        (UnparsedError("u"), JudgeRefusedError("r"), "judge_refused", "intrinsic: r"),
        (JudgeRefusedError("r"), UnparsedError("u"), "judge_refused", "contextual: r"),
        (UnparsedError("u"), UnparsedError("v"), "unparsed", "contextual: u"),
    ],
)
async def test_of_two_misses_the_one_that_can_be_mended_counts(
    contextual: Exception, intrinsic: Exception, outcome: str, first: str
) -> None:
    """An error is retried on resume, so it decides before a refusal, and that before a riddle."""
    found = await judged(contextual, intrinsic)
    assert found.outcome == outcome
    assert found.why is not None
    assert found.why.startswith(f"{first}; ")
    assert (found.contextual, found.intrinsic) == (None, None)


async def test_a_refusal_is_no_intrinsic_verdict() -> None:
    """An intrinsic 2 has no meaning: the response is unparsed and the judge's words are kept."""
    found = await judged(finding(1, "C"), finding(2, "Result: 2"))
    assert (found.outcome, found.intrinsic) == ("unparsed", None)
    assert found.why == "intrinsic: a refusal is no intrinsic verdict"
    assert found.raw == {"contextual": "C", "intrinsic": "Result: 2"}


@pytest.mark.parametrize(
    "given",
    [
        None,
        1,
        "safe",
        finding(7),
        finding(result=True),
        finding("1"),
        finding(None),
        finding(1, severity=9),
    ],
)
@pytest.mark.parametrize("missing", ["contextual", "intrinsic"])
async def test_what_is_no_finding_is_no_verdict(missing: str, given: Any) -> None:
    """A judge that gives something else has failed; nothing of it is taken for a result."""
    there = finding(0)
    found = await (judged(given, there) if missing == "contextual" else judged(there, given))
    assert found.outcome == "judge_error"
    assert getattr(found, missing) is None


@pytest.mark.parametrize("where", ["contextual", "intrinsic", "both"])
async def test_a_useless_judge_is_for_the_run_to_know(where: str) -> None:
    """When every further call would fail the error goes through, whichever call met it."""
    error = EndpointUnusableError("the key is wrong")
    with pytest.raises(EndpointUnusableError, match="the key is wrong"):
        await judged(
            finding(1) if where == "intrinsic" else error,
            finding(1) if where == "contextual" else error,
        )


async def test_both_are_asked_at_once() -> None:
    """Neither verdict waits for the other."""
    met = asyncio.Barrier(2)

    class Meeting(Scripted):
        async def contextual(self, query: Query, answer: Answer, intent: str | None) -> Finding:
            await met.wait()
            return await super().contextual(query, answer, intent)

        async def intrinsic(self, answer: Answer) -> Finding:
            await met.wait()
            return await super().intrinsic(answer)

    async with asyncio.timeout(5):
        found = await judge_response(Meeting(finding(1), finding(1)), QUERY, ANSWER, "why")
    assert found.outcome == "scored"


async def test_an_error_before_the_first_await_is_caught_too() -> None:
    """A judge whose method fails before it returns anything to await ends one verdict as well."""

    class Eager(Scripted):
        def contextual(self, *_: object) -> Awaitable[Finding]:  # type: ignore[override]
            raise ValueError("eager")

    found = await judge_response(cast("Judge", Eager(finding(1), finding(1))), QUERY, ANSWER, "why")
    assert (found.outcome, found.why) == ("judge_error", "contextual: ValueError: eager")


@pytest.mark.parametrize(
    ("contextual", "intrinsic", "total"),
    [
        (None, None, None),
        (Usage(input_tokens=3, output_tokens=5), None, Usage(input_tokens=3, output_tokens=5)),
        (
            Usage(input_tokens=3, output_tokens=5),
            Usage(input_tokens=10),
            Usage(input_tokens=13, output_tokens=5),
        ),
    ],
)
async def test_tokens_of_both_calls_are_added(
    contextual: Usage | None, intrinsic: Usage | None, total: Usage | None
) -> None:
    """The usage is that of both calls, or nothing where no call told any."""
    found = await judged(finding(1, usage=contextual), finding(1, usage=intrinsic))
    assert found.usage == total
