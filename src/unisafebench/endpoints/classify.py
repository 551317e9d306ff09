"""What a failed HTTP call means: try again, give this call up, or stop altogether.

A value, not an action: the caller acts on it. Unknown kinds of failure are never retried.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import msgspec

from unisafebench.core.records import Lack

__all__ = ["Failure", "error_of", "failure_of_status", "retry_after_seconds"]

_TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_ACCOUNT = frozenset({401, 402, 403})
_POLICY_WORDS = (
    "content_filter",
    "contentfilter",
    "content_policy",
    "moderation",
    "flagged",
    "refusal",
    "invalid_prompt",
    "bio_policy",
    "cyber_policy",
    "misalignment_policy",
)
# The request's own fault, which a good status with an error inside can report too.
_NOT_AGAIN = ("invalid_image", "image_too_", "image_parse_error")
# The account is stopped, whatever the status: no key, no credit, or shut out for what was asked.
_BAD_KEY = ("api_key_invalid", "api key not valid", "api key expired")
_STOPPED_WORDS = (
    *_BAD_KEY,
    "insufficient_quota",
    "billing_hard_limit",
    "billing hard limit",
    "credit balance",
    "api usage limits",
    "user location is not supported",
    "temporarily blocked because",
)
# How servers say that a model cannot see, or cannot draw (vLLM, vLLM-Omni, llama.cpp, LM Studio,
# Ollama, OpenRouter, OpenAI, Gemini), in a case-folded message. What follows matters: a model that
# takes no pictures "larger than 20 MB" does take pictures.
_ENDS = r"(?=\s*(?:[.,;:!\-]|$))"
_NOT = r"(?:(?:does|do) not|doesn't|don't) (?:support|accept)"
_HERE = r"(?: (?:by|for|on|with) (?:this|the) (?:model|server|endpoint))?"
_NO_INPUT = (
    rf"\bimage inputs? (?:is|are) not (?:supported|enabled){_HERE}{_ENDS}",
    r"\bimage input modality is not enabled for models/",
    rf"{_NOT} (?:images?|image inputs?|vision|multimodal inputs?){_ENDS}",
    r"no endpoints found that support image input",
    r"image_url is only supported by certain models",
    r"unsupported content part type: \W*image_url",
    r"unknown variant `image_url`",
    r"missing data required for image input",
    r"not a multimodal model",
    r"at most 0 image\(?s",
)
_NO_OUTPUT = (
    r"no endpoints found that support the requested output modalit[^.]*\bimage\b",
    r"unsupported output modalit[^.]*\bimage\b",
    rf"{_NOT} (?:the requested )?(?:response|output) modalit[^.]*\bimage\b",
    rf"{_NOT} image (?:output|generation)s?{_ENDS}",
    rf"image (?:output|generation) (?:is|are) not (?:supported|enabled){_HERE}{_ENDS}",
    r"tool \W?image_generation\W? is not supported",
    # Gemini goes on to list what the model does give.
    r"response modalities \([^)]*image[^)]*\) is not supported(?![\s\S]*\bimage\b)",
    r"multi-?modal output is not supported",
)
# Servers that are overloaded or down say the like of everything they offer.
_NEVER_A_LACK = frozenset({408, 425, 429, 502, 503, 504, 529})


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One failed attempt. `wait_s` is the provider's own Retry-After, None when it gave none."""

    kind: Literal["transient", "call", "endpoint"]
    message: str
    status: int | None = None
    code: str | None = None
    param: str | None = None
    body: str = ""
    wait_s: float | None = None
    details: Mapping[str, Any] = {}
    lacks: Lack | None = None
    stopped: bool = False
    """The account is stopped: nothing else can be asked of the endpoint either."""
    bad_key: bool = False
    """The key is not accepted, whatever the status."""


def failure_of_status(status: int, headers: Mapping[str, str], body: str, error: Any) -> Failure:
    """Classify an HTTP answer that is an error, or a good one whose body is an error.

    Some providers send an error with HTTP 200 once the model has begun; a status that they name
    inside counts, and without one the call is tried again unless it was a matter of policy.
    """
    code, param, message = error_of(error)
    if status < 300:
        status = _status_within(error) or status
    words = f"{' '.join(_words_beside(error))} {code or ''} {message}".casefold()
    lacks = _lack(status, f"{message}".casefold(), words)
    wait_s = retry_after_seconds(headers, now=datetime.now(UTC))
    kind = "call" if lacks is not None else _kind(status, words)
    bad_key = status == 401 or any(word in words for word in _BAD_KEY)
    gone = any(word in words for word in _STOPPED_WORDS)
    return Failure(
        kind=kind,
        message=message or body[:200] or f"HTTP {status} without a body",
        status=status,
        code=code,
        param=param,
        body=body[:2000],
        wait_s=_retry_delay(error) if wait_s is None else wait_s,
        details=_innermost(error),
        lacks=lacks,
        stopped=kind == "endpoint" and (status in _ACCOUNT or gone),
        bad_key=kind == "endpoint" and bad_key,
    )


def _kind(status: int, words: str) -> Literal["transient", "call", "endpoint"]:
    if any(word in words for word in _STOPPED_WORDS):
        return "endpoint"
    if status in _ACCOUNT:
        return "call" if any(word in words for word in _POLICY_WORDS) else "endpoint"
    if status < 300:
        final = any(word in words for word in (*_POLICY_WORDS, *_NOT_AGAIN))
        return "call" if final else "transient"
    if 300 <= status < 400 or status == 404 or (status < 500 and _unknown_model(words)):
        return "endpoint"
    return "transient" if status in _TRANSIENT else "call"


def _lack(status: int, message: str, words: str) -> Lack | None:
    policy = "policy" in words or "safety" in words or any(word in words for word in _POLICY_WORDS)
    if status in _NEVER_A_LACK or policy:
        return None
    if any(re.search(pattern, message) for pattern in _NO_OUTPUT):
        return "image_output"
    return "image_input" if any(re.search(pattern, message) for pattern in _NO_INPUT) else None


def _words_beside(error: Any) -> list[str]:
    """Return the short words that an error object holds beside its code and message.

    OpenRouter names the kind of error, and what was flagged, in `metadata`; Google the reason in
    `details`.
    """
    found = _innermost(error)
    words = [found.get("type"), found.get("status")]
    metadata = found.get("metadata")
    if isinstance(metadata, Mapping):
        words += [metadata.get("error_type"), *metadata]
    details = found.get("details")
    for detail in details if isinstance(details, list) else []:
        words.append(detail.get("reason") if isinstance(detail, Mapping) else None)
    return [word for word in words if isinstance(word, str)]


def error_of(error: Any) -> tuple[str | None, str | None, str]:
    """Return (code, param, message) of an error object in any of the usual shapes."""
    error = _alone(error)
    while isinstance(error, Mapping) and isinstance(error.get("error"), (Mapping, str)):
        error = error["error"]
    if isinstance(error, str):
        return None, None, error
    if not isinstance(error, Mapping):
        return None, None, ""
    # Gemini's code is the HTTP status once more, and its status a word.
    words = [error.get(field) for field in ("code", "status", "type")]
    named = [word for word in words if isinstance(word, str) and word]
    code = named[0] if named else next((word for word in words if word), None)
    message = error.get("message") or error.get("detail") or ""
    param = error.get("param")
    return (
        None if code is None else str(code),
        None if param is None else str(param),
        _message_of(message),
    )


def _status_within(error: Any) -> int | None:
    details = _innermost(error)
    for field in ("code", "status"):
        value = str(details.get(field))
        if re.fullmatch(r"[1-5][0-9]{2}", value):
            return int(value)
    return None


def _alone(error: Any) -> Any:
    """Return the one element of a list: so Gemini's endpoint for OpenAI's API sends its errors."""
    return error[0] if isinstance(error, list) and len(error) == 1 else error


def _innermost(error: Any) -> Mapping[str, Any]:
    error = _alone(error)
    while isinstance(error, Mapping) and isinstance(error.get("error"), Mapping):
        error = error["error"]
    return error if isinstance(error, Mapping) else {}


def retry_after_seconds(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return the wait in seconds that the headers ask for (RFC 9110, section 10.2.3).

    Takes `retry-after-ms`, and `Retry-After` as seconds or as an HTTP date. A date is one of the
    server's clock: it counts from the server's own `Date` where that is sent, since one of the two
    clocks may be wrong by hours. None when there is none or it makes no sense.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("Retry-After")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    when = _date(value)
    if when is None:
        return None
    return max(0.0, (when - (_date(headers.get("Date")) or now)).total_seconds())


def _date(value: str | None) -> datetime | None:
    try:
        when = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when


def _retry_delay(error: Any) -> float | None:
    """Return the wait that Google asks for in an error's details: `{"retryDelay": "13.4s"}`."""
    details = _innermost(error).get("details")
    for detail in details if isinstance(details, list) else []:
        delay = detail.get("retryDelay") if isinstance(detail, Mapping) else None
        if isinstance(delay, str) and delay.endswith("s"):
            return _number(delay[:-1])
    return None


def _message_of(value: Any) -> str:
    """Return an error's message; of a list of faults (FastAPI) where each is and what it is."""
    if isinstance(value, str):
        return value
    faults = value if isinstance(value, list) else [value]
    told = []
    for fault in faults:
        if isinstance(fault, Mapping) and "msg" in fault:
            # Its "input" is left out: that is the whole request once more.
            place = fault.get("loc")
            parts = place if isinstance(place, list) else []
            told.append(f"{'.'.join(map(str, parts))}: {fault['msg']}")
        else:
            told.append(str(fault))
    return "; ".join(told)


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    # NaN fails both comparisons, infinity the second.
    return number if 0 <= number < 1e9 else None


def _unknown_model(words: str) -> bool:
    # Not "multimodal": what is missing then is a picture.
    missing = r"\bmodels?\b.{0,120}(?:does not exist|not found)"
    return "model_not_found" in words or re.search(missing, words, re.DOTALL) is not None
