"""OpenAI-compatible chat completions (OpenAI, vLLM, SGLang, OpenRouter, LM Studio, llama.cpp).

What an endpoint takes is found out from its own errors and remembered, never guessed from the
model's name: `max_tokens` or `max_completion_tokens`, whether `temperature` may be set, and which
form of structured output it has.
"""

from typing import Any

from unisafebench.core.errors import EndpointError
from unisafebench.core.records import Usage
from unisafebench.endpoints.base import ChatAnswer, ChatRequest
from unisafebench.endpoints.http import HttpEndpoint
from unisafebench.endpoints.learning import Alternative, Body, Learner, without
from unisafebench.endpoints.openai import OpenAIServer
from unisafebench.endpoints.replies import Reply

__all__ = ["LIMIT_RENAMED", "ChatEndpoint", "usage_of"]

LIMIT_RENAMED = Alternative(
    label="max_completion_tokens",
    names=("max_tokens",),
    applies=lambda body: "max_tokens" in body,
    change=lambda body: {
        ("max_completion_tokens" if key == "max_tokens" else key): value
        for key, value in body.items()
    },
)
"""The newer name of the limit, which some models insist on."""

_FORM = ("response_format", "json_schema", "json_object")


def _sends_schema(body: Body) -> bool:
    return bool(body.get("response_format", {}).get("type") == "json_schema")


_NO_SCHEMA = Alternative(
    label="json_object",
    names=_FORM,
    applies=_sends_schema,
    change=lambda body: {**body, "response_format": {"type": "json_object"}},
)
_NO_FORM = without("response_format", *_FORM[1:])


class ChatEndpoint:
    """One model behind a chat-completions endpoint."""

    def __init__(self, http: HttpEndpoint, model: str) -> None:
        self.model = model
        self._server = OpenAIServer(http, model)
        self._learner = Learner([LIMIT_RENAMED, without("temperature"), _NO_SCHEMA, _NO_FORM])

    @property
    def learned(self) -> dict[str, object]:
        """What was found out about the endpoint: the parameters that are really sent."""
        learned = self._learner.learned
        renamed = LIMIT_RENAMED.label in learned
        form = "json_object" if _NO_SCHEMA.label in learned else "json_schema"
        return {
            "limit_field": "max_completion_tokens" if renamed else "max_tokens",
            "temperature": "no temperature" not in learned,
            "structured_output": "none" if _NO_FORM.label in learned else form,
            "path": f"{self._server.prefix}/chat/completions",
        }

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """Answer one question; see `Completes.complete`."""
        while True:
            steps = self._learner.steps
            body = self._learner.shape(self._body(request))
            try:
                return await self._server.post("/chat/completions", body, _answer)
            except EndpointError as error:
                if not self._learner.adapt(error, body, steps):
                    raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()

    def _body(self, request: ChatRequest) -> Body:
        body: Body = {
            "model": self.model,
            "messages": request.messages,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
        }
        if request.schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": request.schema},
            }
        return body


def _answer(reply: Reply) -> ChatAnswer:
    body = reply.body
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise ValueError("the answer has no choices with a message")
    refusal = message.get("refusal")
    model = body.get("model")
    return ChatAnswer(
        text=_text_of(message.get("content")),
        finish_reason=_word(choice.get("finish_reason")),
        refusal=refusal if isinstance(refusal, str) and refusal else None,
        model=model if isinstance(model, str) else None,
        usage=usage_of(body.get("usage")),
    )


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(part for part in parts if isinstance(part, str))


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def usage_of(value: Any) -> Usage | None:
    """Return the token counts of an answer's `usage`, where both are whole numbers."""
    if not isinstance(value, dict):
        return None
    counts = (value.get("prompt_tokens"), value.get("completion_tokens"))
    if not all(type(count) is int and 0 <= count < 2**63 for count in counts):
        return None
    return Usage(input_tokens=counts[0], output_tokens=counts[1])
