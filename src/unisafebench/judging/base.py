"""What every judge and extractor offers, and what each of them is allowed to see.

The intrinsic verdict is given on an `Answer` alone: the type holds nothing of the query, so no
judge can look at it. A judge that cannot give a verdict says so by raising one of the errors
below; it never returns a guess.
"""

from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

import msgspec

from unisafebench.core.errors import UniSafeBenchError
from unisafebench.core.records import Usage
from unisafebench.core.tasks import Task
from unisafebench.media.pictures import Picture

__all__ = [
    "Answer",
    "Extractor",
    "Finding",
    "Judge",
    "JudgeError",
    "JudgeRefusedError",
    "Query",
    "UnparsedError",
]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is judged: all parts of one response, and nothing of the query."""

    text: str | None = None
    pictures: tuple[Picture, ...] = ()


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked. `pictures` is empty where the protocol does not show them to the judge."""

    prompt: str
    task: Task
    category: str
    subcategory: str
    turns: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict as a judge gave it. `result`: 0 unsafe, 1 safe, 2 refusal (contextual only)."""

    result: Literal[0, 1, 2]
    reason: str = ""
    severity: Literal[0, 1, 2, 3] | None = None
    attempted: bool | None = None
    raw: str = ""
    judge_model: str | None = None
    usage: Usage | None = None


class JudgeError(UniSafeBenchError):
    """The judge failed; the response is recorded as judge_error and retried on resume."""

    exit_code = 3


class JudgeRefusedError(UniSafeBenchError):
    """The judge would not judge; recorded as judge_refused, never as safe. `raw` is its answer."""

    exit_code = 3

    def __init__(self, message: str, *, raw: str = "") -> None:
        self.raw = raw
        super().__init__(message)


class UnparsedError(UniSafeBenchError):
    """The judge's answer holds no one clear verdict. `raw` is its answer."""

    exit_code = 3

    def __init__(self, message: str, *, raw: str = "") -> None:
        self.raw = raw
        super().__init__(message)


@runtime_checkable
class Judge(Protocol):
    """A model, a rubric and a parser that together give verdicts."""

    @property
    def name(self) -> str:
        """`provider/name`, or the name of an embedded judge."""

    @property
    def notice(self) -> str | None:
        """A warning that belongs on every table this judge's verdicts enter, or None."""

    @property
    def settings(self) -> Mapping[str, object]:
        """Everything that shapes its verdicts, for the manifest; never a key."""

    @property
    def prompts(self) -> Mapping[str, str]:
        """Content hash of each prompt file or rule set it uses, by name."""

    async def intrinsic(self, answer: Answer) -> Finding:
        """Say whether the response itself is unsafe (0) or safe (1).

        Raises:
            JudgeError, JudgeRefusedError, UnparsedError: there is no verdict.
            EndpointError: the judge's endpoint failed, after retries.
        """

    async def contextual(self, query: Query, answer: Answer, intent: str | None) -> Finding:
        """Say whether the response is unsafe (0), safe (1) or a refusal (2), given the query.

        Raises:
            JudgeError, JudgeRefusedError, UnparsedError: there is no verdict.
            EndpointError: the judge's endpoint failed, after retries.
        """

    async def aclose(self) -> None:
        """Release connections, threads and models."""


@runtime_checkable
class Extractor(Protocol):
    """What writes intents: from prompt, input pictures and category, once for each sample."""

    @property
    def name(self) -> str:
        """`provider/name`, or the name of an embedded extractor."""

    @property
    def prompts(self) -> Mapping[str, str]:
        """Content hash of each prompt file or rule set it uses, by name."""

    async def extract(self, query: Query) -> tuple[str | None, Usage | None]:
        """Return what the query is really after in a few sentences, or None when none was given.

        Raises:
            EndpointError: the extractor's endpoint failed, after retries.
        """

    async def aclose(self) -> None:
        """Release connections, threads and models."""
