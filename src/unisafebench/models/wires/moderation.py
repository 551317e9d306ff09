"""Error objects of OpenAI's shape: whether one is a filter's block, on which side, and for what."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from unisafebench.core.errors import EndpointError
from unisafebench.core.records import BlockedSide
from unisafebench.models.api import Found
from unisafebench.models.endings import Place, ending
from unisafebench.models.wires.fields import mapping_of, word_of

__all__ = ["block_of", "block_of_error", "filtered_categories", "in_place_of"]

_VIOLATIONS = re.compile(r"safety_violations=\[([^\]\n]{0,300})\]")
# Azure has one code for both sides; the message alone says that it was the picture.
_OUTPUT_WORDS = "generated image was filtered"
_INNER = ("innererror", "inner_error")
_RESULTS = ("content_filter_result", "content_filter_results")


def block_of(error: Mapping[str, Any], place: Place, *, code: str | None = None) -> Found | None:
    """Return the block that an error object means; None when it is any other failure.

    Args:
        error: the object with `code`, `message` and, from some, `moderation_details` or Azure's
            `innererror`.
        place: where it stands in an answer.
        code: its code where that is known already.
    """
    moderation = mapping_of(error.get("moderation_details"))
    code = code or word_of(error.get("code")) or word_of(error.get("type"))
    if moderation and ending(place, code).means != "blocked":
        code = "moderation_blocked"  # left out, but the details are there
    meaning = ending(place, code)
    if meaning.means != "blocked":
        return None
    stage = word_of(moderation.get("moderation_stage"))
    message = word_of(error.get("message")) or ""
    facts = {
        "code": code,
        "categories": list(dict.fromkeys(_categories(error, message))),
        "moderation_stage": stage,
    }
    return Found(
        status="blocked",
        stop_reason=code,
        blocked_side=_side(stage, message) or meaning.side,
        error=message or code,
        details={name: value for name, value in facts.items() if value},
    )


def block_of_error(error: EndpointError, place: Place) -> Found | None:
    """Return the block that a failed call means; None when it was no filter."""
    block = block_of(error.details, place, code=error.code)
    if block is None:
        return None
    return msgspec.structs.replace(block, details={"http_status": error.status, **block.details})


def in_place_of(found: Found, block: Found) -> Found:
    """Return a block together with all else that came in the same answer."""
    return msgspec.structs.replace(
        found,
        status=block.status,
        stop_reason=block.stop_reason,
        blocked_side=block.blocked_side,
        error=block.error,
        details={**found.details, **block.details},
    )


def filtered_categories(results: Any) -> list[str]:
    """Return what Azure's `content_filter_results` name as filtered: ["violence"]."""
    return [
        str(name)
        for name, result in mapping_of(results).items()
        if mapping_of(result).get("filtered") is True
    ]


def _side(stage: str | None, message: str) -> BlockedSide | None:
    if stage == "input":
        return "input"
    return "output" if stage == "output" or _OUTPUT_WORDS in message.casefold() else None


def _categories(error: Mapping[str, Any], message: str) -> Iterator[str]:
    named = mapping_of(error.get("moderation_details")).get("categories")
    yield from (name for name in (named if isinstance(named, list) else []) if word_of(name))
    violations = _VIOLATIONS.search(message)
    if violations is not None:
        yield from (name.strip() for name in violations[1].split(",") if name.strip())
    for field in _INNER:
        for results in _RESULTS:
            yield from filtered_categories(mapping_of(error.get(field)).get(results))
