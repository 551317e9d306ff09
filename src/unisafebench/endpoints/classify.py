"""What a failed HTTP call means: try again, give this call up, or stop altogether.

A value, not an action: the caller acts on it. Unknown kinds of failure are never retried.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import msgspec

__all__ = ["Failure", "error_of", "failure_of_status", "retry_after_seconds"]

_TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_ACCOUNT = frozenset({401, 402, 403})
_POLICY_WORDS = ("content_filter", "content_policy", "moderation", "flagged", "refusal")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One failed attempt. `wait_s` is the provider's own Retry-After, None when it gave none."""

    kind: Literal["transient", "call", "endpoint"]
    message: str
    status: int | None = None
    code: str | None = None
    param: str | None = None
    body: str = ""
    wait_s: float | None = None


def failure_of_status(status: int, headers: Mapping[str, str], body: str, error: Any) -> Failure:
    """Classify an HTTP answer that is an error (or a 200 whose body is one)."""
    code, param, message = error_of(error)
    words = f"{code or ''} {message}".casefold()
    kind: Literal["transient", "call", "endpoint"] = "call"
    if status in _ACCOUNT:
        kind = "call" if any(word in words for word in _POLICY_WORDS) else "endpoint"
    elif (
        300 <= status < 400
        or status == 404
        or (status < 500 and _unknown_model(words))
        or "insufficient_quota" in words
    ):
        kind = "endpoint"
    elif status in _TRANSIENT:
        kind = "transient"
    return Failure(
        kind=kind,
        message=message or body[:200] or f"HTTP {status} without a body",
        status=status,
        code=code,
        param=param,
        body=body[:2000],
        wait_s=retry_after_seconds(headers, now=datetime.now(UTC)),
    )


def error_of(error: Any) -> tuple[str | None, str | None, str]:
    """Return (code, param, message) of an error object in any of the usual shapes."""
    while isinstance(error, Mapping) and isinstance(error.get("error"), (Mapping, str)):
        error = error["error"]
    if isinstance(error, str):
        return None, None, error
    if not isinstance(error, Mapping):
        return None, None, ""
    code = error.get("code") or error.get("type")
    message = error.get("message") or error.get("detail") or ""
    param = error.get("param")
    return (
        None if code is None else str(code),
        None if param is None else str(param),
        _message_of(message),
    )


def retry_after_seconds(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return the wait in seconds that the headers ask for (RFC 9110, section 10.2.3).

    Takes `retry-after-ms`, and `Retry-After` as seconds or as an HTTP date. None when there is
    none or it makes no sense.
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
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())


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
    return "model_not_found" in words or (
        "model" in words and ("does not exist" in words or "not found" in words)
    )
