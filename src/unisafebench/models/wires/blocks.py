"""What an error of a chat API says of a provider's filter.

Each provider writes its reason into another field; all of them are looked at, so that the HTTP
status decides nothing: 400 and 403 mean a dozen other things as well.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from unisafebench.core.errors import EndpointError
from unisafebench.models.api import Found
from unisafebench.models.endings import Place
from unisafebench.models.wires.fields import mapping_of, word_of
from unisafebench.models.wires.moderation import block_of

__all__ = ["block_of_call", "block_of_object", "small_facts"]

_PLACE: Place = "error code"
_LONGEST_FACT = 8000
_AZURE = "ResponsibleAIPolicyViolation"
# OpenRouter's facts on an input that it, or the provider behind it, moderated.
_FLAGGED = ("flagged_input", "reasons")
_METADATA = (*_FLAGGED, "provider_name", "model_slug", "provider_code")


def block_of_call(error: EndpointError) -> Found | None:
    """Return the block that a failed call means; None when it was no filter."""
    found = block_of_object(error.details, code=error.code)
    if found is None:
        return None
    return msgspec.structs.replace(found, details={"http_status": error.status, **found.details})


def block_of_object(error: Mapping[str, Any], *, code: str | None = None) -> Found | None:
    """Return the block that an error object means; None when it was no filter.

    Args:
        error: the object with `code`, `message`, OpenRouter's `metadata`, Azure's `innererror`.
        code: its code where that is known already.
    """
    metadata = mapping_of(error.get("metadata"))
    flagged = any(metadata.get(name) for name in _FLAGGED)
    blocks = (block_of(error, _PLACE, code=word) for word in _codes(error, metadata, code))
    found = next((block for block in blocks if block is not None), None)
    if found is None and flagged:
        found = Found(status="blocked", stop_reason="moderation", error=_message(error))
    if found is None:
        return None
    return msgspec.structs.replace(
        found,
        blocked_side="input" if flagged else found.blocked_side,
        details=small_facts({**found.details, **{name: metadata.get(name) for name in _METADATA}}),
    )


def small_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that are there and small enough to be kept with every response."""
    return {
        name: value
        for name, value in facts.items()
        if value not in (None, "", [], {}) and len(msgspec.json.encode(value)) <= _LONGEST_FACT
    }


def _codes(
    error: Mapping[str, Any], metadata: Mapping[str, Any], code: str | None
) -> Iterator[str]:
    for value in (code, error.get("code"), error.get("type"), metadata.get("error_type")):
        word = word_of(value)
        if word is not None:
            yield word
    if mapping_of(error.get("innererror")).get("code") == _AZURE:
        yield "content_filter"


def _message(error: Mapping[str, Any]) -> str:
    return word_of(error.get("message")) or "the provider flagged the input"
