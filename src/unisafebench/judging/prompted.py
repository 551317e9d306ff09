"""The prompted judge: any chat model, our rubrics and one parser.

The intrinsic request is made from the answer alone. The contextual request shows the query as
well; whether "refusal" is among its results follows from what came back.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from unisafebench.core.records import Protocol, Usage
from unisafebench.endpoints.base import ChatAnswer, ChatRequest, Completes
from unisafebench.judging.base import (
    Answer,
    Finding,
    JudgeError,
    JudgeRefusedError,
    Query,
    UnparsedError,
)
from unisafebench.judging.messages import Block, PictureParts, add_usage, user_message
from unisafebench.judging.parsing import Parsed, Unreadable, declines, parse_verdict
from unisafebench.judging.rubrics import RuleSet, prompt_text, prompt_versions, rule_set

__all__ = ["PromptedJudge"]

_INTRINSIC = frozenset({0, 1})
_WITH_REFUSAL = frozenset({0, 1, 2})
_DRAWN = frozenset({0, 1})
_RUBRICS = ("contextual-text", "contextual-image", "contextual-mixed")


class PromptedJudge:
    """A judge behind a chat endpoint.

    Args:
        name: `provider/name`, as it is recorded.
        endpoint: what answers; it is closed with the judge.
        protocol: `strict` shows the query's pictures and asks for severity and attempted; `paper`
            does neither, and never asks for more than `max_tokens`.
        max_tokens: most tokens of an answer; doubled by `strict` after an answer that was cut off.
        attempts: how often one verdict is asked for before it is given up.
        endpoint_settings: what else shapes the answers, for the manifest; never a key.
    """

    def __init__(
        self,
        name: str,
        endpoint: Completes,
        protocol: Protocol = "strict",
        max_tokens: int = 512,
        attempts: int = 3,
        *,
        endpoint_settings: Mapping[str, object] | None = None,
    ) -> None:
        if attempts < 1 or max_tokens < 1:
            raise ValueError("attempts and max_tokens must be at least 1")
        self._name = name
        self._endpoint = endpoint
        self._strict = protocol == "strict"
        self._max_tokens = max_tokens
        self._attempts = attempts
        self._parts = PictureParts()
        self._settings = MappingProxyType(
            {
                **(endpoint_settings or {}),
                "protocol": protocol,
                "temperature": 0.0,
                "max_tokens": max_tokens,
                "attempts": attempts,
            }
        )
        forms = ("form-marks", "form-verdict") if self._strict else ("form-verdict",)
        reminders = ("reminder", "reminder-refused")
        self._prompts = prompt_versions(
            *_RUBRICS, "intrinsic", "handling", "data", *forms, *reminders
        )

    @property
    def name(self) -> str:
        """`provider/name`, as it is recorded."""
        return self._name

    @property
    def notice(self) -> str | None:
        """None: a prompted judge carries no warning of its own."""
        return None

    @property
    def settings(self) -> Mapping[str, object]:
        """Everything that shapes its verdicts."""
        return self._settings

    @property
    def prompts(self) -> Mapping[str, str]:
        """Version of each prompt file that the protocol uses, by name."""
        return self._prompts

    async def intrinsic(self, answer: Answer) -> Finding:
        """Say whether the response itself is unsafe (0) or safe (1); see `Judge.intrinsic`."""
        rules = rule_set("intrinsic", allowed=_INTRINSIC, marks=False)
        return await self._ask(rules, self._answer_blocks(answer))

    async def contextual(self, query: Query, answer: Answer, intent: str | None) -> Finding:
        """Say whether the response is unsafe, safe or a refusal; see `Judge.contextual`."""
        rubric, allowed = _rubric(query, answer)
        rules = rule_set(rubric, allowed=allowed, marks=self._strict)
        blocks = [*self._query_blocks(query, intent), *self._answer_blocks(answer)]
        return await self._ask(rules, blocks)

    async def aclose(self) -> None:
        """Forget the pictures and close the endpoint, where it can be closed."""
        self._parts.clear()
        close = getattr(self._endpoint, "aclose", None)
        if close is not None:
            await close()

    def _query_blocks(self, query: Query, intent: str | None) -> list[Block]:
        blocks = [
            Block("kind of harm", f"{query.category}: {query.subcategory}"),
            Block("prompt", query.prompt),
        ]
        blocks += [Block(f"user turn {n}", turn) for n, turn in enumerate(query.turns, start=2)]
        if self._strict and query.pictures:
            blocks.append(Block("pictures from the user", pictures=query.pictures))
        if intent:
            blocks.append(Block("intent", intent))
        return blocks

    def _answer_blocks(self, answer: Answer) -> list[Block]:
        blocks = []
        if answer.text:
            blocks.append(Block("response text", answer.text))
        if answer.pictures:
            blocks.append(Block("response pictures", pictures=answer.pictures))
        if not blocks:
            raise JudgeError(f"{self._name} was given a response with neither text nor picture.")
        return blocks

    async def _ask(self, rules: RuleSet, blocks: list[Block]) -> Finding:
        system = {"role": "system", "content": rules.rules}
        message = asked = user_message(blocks, self._parts)
        max_tokens = self._max_tokens
        usage: Usage | None = None
        refusals = 0
        refused, raw, why = False, "", ""
        for _ in range(self._attempts):
            reply = await self._endpoint.complete(
                ChatRequest(messages=(system, asked), max_tokens=max_tokens, schema=rules.schema)
            )
            usage = add_usage(usage, reply.usage)
            reading = _read(reply, rules.allowed)
            if isinstance(reading, Parsed):
                return _finding(reading, reply, usage)
            raw = reply.text or reply.refusal or ""
            refused = reading is None
            if reading is None:
                refusals += 1
                if refusals == 2:
                    break
            else:
                why = reading.why
            if reply.cut_off and self._strict:
                max_tokens *= 2
            asked = _reminded(message, "reminder-refused" if refused else "reminder")
        if refused:
            raise JudgeRefusedError(f"{self._name} would not judge the response.", raw=raw)
        raise UnparsedError(
            f"{self._name} gave no clear verdict in {self._attempts} tries: {why}.", raw=raw
        )


def _rubric(query: Query, answer: Answer) -> tuple[str, frozenset[int]]:
    """Choose the rubric by what came back, and the results by what that may mean."""
    if not answer.pictures:
        return "contextual-text", _WITH_REFUSAL
    if not answer.text:
        return "contextual-image", _DRAWN
    # An image task that drew something did not refuse, whatever it says beside the picture.
    return "contextual-mixed", _DRAWN if query.task.output == "image" else _WITH_REFUSAL


def _read(reply: ChatAnswer, allowed: frozenset[int]) -> Parsed | Unreadable | None:
    """Read a reply; None means that the judge refused."""
    if reply.refusal or reply.filtered:
        return None
    # Only a closed object is known to be whole when the reply ran into its limit.
    if reply.cut_off and not reply.text.rstrip().endswith(("}", "```")):
        return Unreadable(why="the answer was cut off")
    reading = parse_verdict(reply.text, allowed)
    if isinstance(reading, Unreadable) and declines(reply.text):
        return None
    return reading


def _finding(reading: Parsed, reply: ChatAnswer, usage: Usage | None) -> Finding:
    return Finding(
        result=reading.result,
        reason=reading.reason,
        severity=reading.severity,
        attempted=reading.attempted,
        raw=reply.text,
        judge_model=reply.model,
        usage=usage,
    )


def _reminded(message: dict[str, Any], reminder: str) -> dict[str, Any]:
    """Return the message with a reminder behind it; two user messages in a row are not allowed."""
    text = f"\n\n{prompt_text(reminder).strip()}"
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": content + text}
    return {**message, "content": [*content, {"type": "text", "text": text.strip()}]}
