"""OpenAI-compatible chat completions (OpenAI, vLLM, SGLang, OpenRouter, LM Studio, llama.cpp).

What an endpoint takes is found out from its own errors and remembered, never guessed from the
model's name: `max_tokens` or `max_completion_tokens`, whether `temperature` may be set, and which
form of structured output it has.
"""

from difflib import get_close_matches
from typing import Any, Literal
from urllib.parse import urlsplit

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.core.records import Usage
from unisafebench.endpoints.base import ChatAnswer, ChatRequest
from unisafebench.endpoints.http import HttpEndpoint

__all__ = ["ChatEndpoint"]

_SchemaForm = Literal["json_schema", "json_object", "none"]
_WEAKER: dict[_SchemaForm, _SchemaForm] = {"json_schema": "json_object", "json_object": "none"}

# An error with such words is about this one request, whichever parameters it names besides.
_OTHER_REASONS = ("content_filter", "content_policy", "too large", "too long", "context length")


class ChatEndpoint:
    """One model behind a chat-completions endpoint."""

    def __init__(self, http: HttpEndpoint, model: str) -> None:
        self.model = model
        self._http = http
        self._limit_field = "max_tokens"
        self._temperature = True
        self._schema_form: _SchemaForm = "json_schema"
        # An address without a path is a server's root; nearly all serve the API under /v1.
        rooted = urlsplit(http.base_url).path not in ("", "/")
        self._prefixes = [""] if rooted else ["/v1", ""]

    @property
    def learned(self) -> dict[str, object]:
        """What was found out about the endpoint: the parameters that are really sent."""
        return {
            "limit_field": self._limit_field,
            "temperature": self._temperature,
            "structured_output": self._schema_form,
            "path": f"{self._prefixes[0]}/chat/completions",
        }

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """Answer one question; see `Completes.complete`."""
        while True:
            state = self._state()
            try:
                return await self._http.post(
                    f"{self._prefixes[0]}/chat/completions", self._body(request), _answer
                )
            except EndpointUnusableError as error:
                if error.status == 404 and self._next_prefix(state, error):
                    continue
                if error.status in (400, 404):
                    raise await self._with_served_models(error) from error
                raise
            except EndpointError as error:
                if error.status in (400, 422) and self._adapt(request, error, state):
                    continue
                raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": request.messages,
            self._limit_field: request.max_tokens,
        }
        if self._temperature:
            body["temperature"] = request.temperature
        if request.schema is not None:
            if self._schema_form == "json_schema":
                body["response_format"] = {
                    "type": "json_schema",
                    "json_schema": {"name": "verdict", "strict": True, "schema": request.schema},
                }
            elif self._schema_form == "json_object":
                body["response_format"] = {"type": "json_object"}
        return body

    def _state(self) -> tuple[object, ...]:
        return (self._limit_field, self._temperature, self._schema_form, self._prefixes[0])

    def _adapt(self, request: ChatRequest, error: EndpointError, state: tuple[object, ...]) -> bool:
        """Drop what the endpoint says it does not take; True when the call is worth repeating."""
        if state != self._state():
            return True  # another call in flight has just found it out
        # Never the body: it may repeat the request, in which every parameter occurs.
        words = f"{error} {error.code} {error.param}".casefold()
        if any(reason in words for reason in _OTHER_REASONS):
            return False
        if "max_tokens" in words and self._limit_field == "max_tokens":
            self._limit_field = "max_completion_tokens"
            return True
        if "temperature" in words and self._temperature:
            self._temperature = False
            return True
        named = any(word in words for word in ("response_format", "json_schema", "json_object"))
        if request.schema is not None and named and self._schema_form in _WEAKER:
            self._schema_form = _WEAKER[self._schema_form]
            return True
        return False

    def _next_prefix(self, state: tuple[object, ...], error: EndpointError) -> bool:
        if state != self._state():
            return True
        if len(self._prefixes) == 1 or "model" in f"{error.body}".casefold():
            return False
        self._prefixes.pop(0)
        return True

    async def _with_served_models(self, error: EndpointUnusableError) -> EndpointUnusableError:
        """Name the models that the endpoint does serve, where it tells."""
        try:
            listing = await self._http.get(f"{self._prefixes[0]}/models")
        except EndpointError:
            return error
        entries = listing.get("data")
        names = [
            str(entry["id"])
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and "id" in entry
        ]
        if not names or self.model in names:
            return error
        near = get_close_matches(self.model, names, n=3, cutoff=0.4)
        hint = (
            f"Did you mean {' or '.join(repr(name) for name in near)}?"
            if near
            else f"It serves: {', '.join(names[:10])}."
        )
        return EndpointUnusableError(
            f"{self._http.base_url} does not know the model {self.model!r}. {hint}",
            status=error.status,
            code=error.code,
            body=error.body,
        )


def _answer(body: dict[str, Any]) -> ChatAnswer:
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
        usage=_usage(body.get("usage")),
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


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None
    counts = (value.get("prompt_tokens"), value.get("completion_tokens"))
    if not all(type(count) is int and 0 <= count < 2**63 for count in counts):
        return None
    return Usage(input_tokens=counts[0], output_tokens=counts[1])
