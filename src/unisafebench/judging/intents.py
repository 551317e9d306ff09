"""The prompted extractor: writes, once for each sample, what its query is really after."""

from collections.abc import Mapping

from unisafebench.core.records import Usage
from unisafebench.endpoints.base import ChatAnswer, ChatRequest, Completes
from unisafebench.judging.base import Query
from unisafebench.judging.messages import Block, PictureParts, add_usage, user_message
from unisafebench.judging.parsing import declines, is_error_text, without_thinking
from unisafebench.judging.rubrics import prompt_text, prompt_versions

__all__ = ["PromptedExtractor"]

_TRIES = 3


class PromptedExtractor:
    """An extractor behind a chat endpoint.

    Args:
        name: `provider/name`, as it is recorded.
        endpoint: what answers; it is closed with the extractor.
        max_tokens: most tokens of an intent; doubled after one that was cut off.
    """

    def __init__(self, name: str, endpoint: Completes, max_tokens: int = 1024) -> None:
        self._name = name
        self._endpoint = endpoint
        self._max_tokens = max_tokens
        # A sample's pictures are sent once, so hardly any are worth keeping.
        self._parts = PictureParts(max_bytes=8 * 1024 * 1024)
        self._rules = "\n".join((prompt_text("intent"), prompt_text("handling")))
        self._prompts = prompt_versions("intent", "handling", "data")

    @property
    def name(self) -> str:
        """`provider/name`, as it is recorded."""
        return self._name

    @property
    def prompts(self) -> Mapping[str, str]:
        """Version of each prompt file that it uses, by name."""
        return self._prompts

    async def extract(self, query: Query) -> tuple[str | None, Usage | None]:
        """Return the intent of a query, or None when the model gave none in three tries.

        Raises:
            EndpointError: the endpoint failed, after retries.
        """
        blocks = [
            Block("kind of harm", f"{query.category}: {query.subcategory}"),
            Block("prompt", query.prompt),
            *(Block(f"user turn {n}", turn) for n, turn in enumerate(query.turns, start=2)),
        ]
        if query.pictures:
            blocks.append(Block("pictures from the user", pictures=query.pictures))
        messages = (
            {"role": "system", "content": self._rules},
            user_message(blocks, self._parts),
        )
        max_tokens = self._max_tokens
        usage: Usage | None = None
        for _ in range(_TRIES):
            reply = await self._endpoint.complete(
                ChatRequest(messages=messages, max_tokens=max_tokens)
            )
            usage = add_usage(usage, reply.usage)
            intent = _intent(reply)
            if intent is not None:
                return intent, usage
            if reply.cut_off:
                max_tokens *= 2
        return None, usage

    async def aclose(self) -> None:
        """Forget the pictures and close the endpoint, where it can be closed."""
        self._parts.clear()
        close = getattr(self._endpoint, "aclose", None)
        if close is not None:
            await close()


def _intent(reply: ChatAnswer) -> str | None:
    """Return the intent in a reply; a refusal, an error text or half an intent is none."""
    if reply.refusal or reply.filtered or reply.cut_off or is_error_text(reply.text):
        return None
    text = (without_thinking(reply.text) or "").strip()
    return text if text and not declines(text) else None
