"""Making the judge and the extractor that the options name."""

from typing import Any

import msgspec

from unisafebench.core.errors import UsageError
from unisafebench.core.records import BlockedAs, Protocol
from unisafebench.core.tasks import TASKS
from unisafebench.endpoints.chat import ChatEndpoint
from unisafebench.endpoints.http import Limits
from unisafebench.endpoints.providers import open_chat
from unisafebench.judging.base import Extractor, Judge
from unisafebench.judging.intents import PromptedExtractor
from unisafebench.judging.probe import ProbeReport, probe_judge
from unisafebench.judging.prompted import PromptedJudge
from unisafebench.judging.registry import EMBEDDED, embedded
from unisafebench.runs.manifest import JudgingRecord

__all__ = ["JudgeChoice", "Parties", "open_parties"]


class JudgeChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge options say."""

    judge: str
    judge_base_url: str | None
    extractor: str | None
    extractor_base_url: str | None
    protocol: Protocol
    blocked_as: BlockedAs
    limits: Limits


class Parties:
    """Judge, extractor and the endpoints behind them."""

    def __init__(
        self, choice: JudgeChoice, judge: Judge, extractor: Extractor, chats: list[ChatEndpoint]
    ) -> None:
        self._choice = choice
        self.judge = judge
        self.extractor = extractor
        self._chats = chats

    def record(self, probe: ProbeReport | None = None) -> JudgingRecord:
        """Return what the manifest says of them."""
        return JudgingRecord(
            judge=self.judge.name,
            extractor=self.extractor.name,
            protocol=self._choice.protocol,
            blocked_as=self._choice.blocked_as,
            judge_settings=dict(self.judge.settings),
            prompts=dict(self.judge.prompts),
            extractor_prompts=dict(self.extractor.prompts),
            notice=self.judge.notice,
            probe_wrong=() if probe is None else probe.wrong,
            learned=self.learned(),
        )

    def learned(self) -> dict[str, Any]:
        """Return what was found out about the judge's endpoint so far."""
        return self._chats[0].learned if self._chats else {}

    async def probe(self, tasks: tuple[str, ...]) -> ProbeReport:
        """Ask the judge for verdicts on known examples, with a picture where the tasks need one.

        Raises:
            PreflightError, EndpointError: it is not fit to judge this run.
        """
        strict = self._choice.protocol == "strict"
        with_pictures = any(
            TASKS[task].output == "image" or (strict and TASKS[task].image_input) for task in tasks
        )
        return await probe_judge(self.judge, with_pictures=with_pictures)

    async def aclose(self) -> None:
        """Release everything."""
        await self.judge.aclose()
        await self.extractor.aclose()
        for chat in self._chats:
            await chat.aclose()


def open_parties(choice: JudgeChoice) -> Parties:
    """Make judge and extractor; nothing is sent yet.

    Raises:
        UsageError: a name or address is unusable.
        MissingExtraError: an embedded judge is not installed.
    """
    chats: list[ChatEndpoint] = []
    judge, own_extractor = _judge(choice, chats)
    if choice.extractor is None or choice.extractor == choice.judge:
        return Parties(choice, judge, own_extractor, chats)
    pair = embedded(choice.extractor)
    if pair is not None:
        return Parties(choice, judge, pair[1], chats)
    chat = open_chat(
        choice.extractor,
        role="extractor",
        base_url=choice.extractor_base_url,
        limits=choice.limits,
    )
    chats.append(chat)
    return Parties(choice, judge, PromptedExtractor(choice.extractor, chat), chats)


def _judge(choice: JudgeChoice, chats: list[ChatEndpoint]) -> tuple[Judge, Extractor]:
    pair = embedded(choice.judge)
    if pair is not None:
        if choice.judge_base_url is not None:
            raise UsageError(
                f"the judge {choice.judge!r} is embedded and has no address: leave out "
                "--judge-base-url, or name a judge as provider/model."
            )
        return pair
    if "/" not in choice.judge:
        raise UsageError(
            f"the judge {choice.judge!r} is neither embedded ({', '.join(EMBEDDED)}) nor of the "
            "form provider/model, for example vllm/Qwen3-VL-8B-Instruct."
        )
    chat = open_chat(
        choice.judge, role="judge", base_url=choice.judge_base_url, limits=choice.limits
    )
    chats.append(chat)
    return (
        PromptedJudge(choice.judge, chat, choice.protocol),
        PromptedExtractor(choice.judge, chat),
    )
