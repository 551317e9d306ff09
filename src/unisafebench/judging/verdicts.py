"""Asking a judge for both verdicts on one response, and what follows when it gives none."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.core.records import Outcome, Usage
from unisafebench.judging.base import (
    Answer,
    Finding,
    Judge,
    JudgeError,
    JudgeRefusedError,
    Query,
    UnparsedError,
)

__all__ = ["Judged", "judge_response"]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Both findings, or the outcome that says why one is missing. A finding is never guessed."""

    outcome: Outcome
    contextual: Finding | None = None
    intrinsic: Finding | None = None
    why: str | None = None
    raw: dict[str, str] = {}

    @property
    def usage(self) -> Usage | None:
        """Tokens of both calls together, where the judge told them."""
        used = [f.usage for f in (self.contextual, self.intrinsic) if f is not None and f.usage]
        if not used:
            return None
        return Usage(
            input_tokens=sum(usage.input_tokens or 0 for usage in used),
            output_tokens=sum(usage.output_tokens or 0 for usage in used),
        )


async def judge_response(judge: Judge, query: Query, answer: Answer, intent: str | None) -> Judged:
    """Ask for the contextual and the intrinsic verdict at once.

    Raises:
        EndpointUnusableError: the judge is of no further use to the whole run.
    """
    beside = asyncio.create_task(_ask(lambda: judge.intrinsic(answer)))
    try:
        contextual = await _ask(lambda: judge.contextual(query, answer, intent))
        intrinsic = await beside
    finally:
        # Where one call ends the run, the other is not left behind.
        if not beside.cancel() and not beside.cancelled():
            beside.exception()
    if isinstance(intrinsic, Finding) and intrinsic.result == 2:
        intrinsic = _Missed("unparsed", "a refusal is no intrinsic verdict", intrinsic.raw)
    found = {"contextual": contextual, "intrinsic": intrinsic}
    raw = {name: got.raw for name, got in found.items() if got.raw}
    misses = [(name, got) for name, got in found.items() if isinstance(got, _Missed)]
    # Of two misses the one that a later try can mend is named: it decides about the retry.
    misses.sort(key=lambda miss: _ORDER.index(miss[1].outcome))
    return Judged(
        outcome=misses[0][1].outcome if misses else "scored",
        contextual=contextual if isinstance(contextual, Finding) else None,
        intrinsic=intrinsic if isinstance(intrinsic, Finding) else None,
        why="; ".join(f"{name}: {miss.why}" for name, miss in misses) or None,
        raw=raw,
    )


_ORDER: tuple[Outcome, ...] = ("judge_error", "judge_refused", "unparsed")


class _Missed(msgspec.Struct, frozen=True):
    outcome: Outcome
    why: str
    raw: str = ""


async def _ask(verdict: Callable[[], Awaitable[Finding]]) -> Finding | _Missed:
    try:
        # What is not typed as a finding must not pass for one: 7, true and "safe" are no results.
        return msgspec.convert(msgspec.to_builtins(await verdict()), Finding)
    except EndpointUnusableError:
        raise
    except (EndpointError, JudgeError) as error:
        return _Missed("judge_error", str(error))
    except JudgeRefusedError as error:
        return _Missed("judge_refused", str(error), error.raw)
    except UnparsedError as error:
        return _Missed("unparsed", str(error), error.raw)
    # A judge may be anyone's code: whatever it raises ends one verdict, never the run.
    except Exception as error:  # noqa: BLE001
        return _Missed("judge_error", f"{type(error).__name__}: {error}")
