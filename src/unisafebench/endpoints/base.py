"""What a chat endpoint is asked and what it answers, whatever its wire format."""

from typing import Any, Protocol

import msgspec

from unisafebench.core.records import Usage

__all__ = ["ChatAnswer", "ChatRequest", "Completes"]


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a chat model.

    `messages` are in the chat-completions shape (role, content as text or as a list of parts).
    `schema` asks for an answer that is a JSON object of this JSON Schema, where the endpoint has
    structured output; where it has not, the question goes out without it.
    """

    messages: tuple[dict[str, Any], ...]
    max_tokens: int
    temperature: float = 0.0
    schema: dict[str, Any] | None = None


class ChatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. `text` may be empty; `refusal` is the provider's own refusal field."""

    text: str
    finish_reason: str | None = None
    refusal: str | None = None
    model: str | None = None
    usage: Usage | None = None

    @property
    def cut_off(self) -> bool:
        """Whether the answer hit its length limit."""
        return self.finish_reason == "length"

    @property
    def filtered(self) -> bool:
        """Whether the provider's content filter ended the answer."""
        return self.finish_reason == "content_filter"


class Completes(Protocol):
    """Anything that answers chat requests: the seam between judges and the network."""

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """Answer one question.

        Raises:
            EndpointError: no answer could be had, after retries.
            EndpointUnusableError: every further call would fail too.
        """
