"""Taking typed values out of foreign JSON: what is of another type counts as not there."""

from typing import Any

__all__ = ["number", "objects", "text", "whole"]


def number(value: object) -> float | None:
    """Return a number, which may be NaN or infinite; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def whole(value: object) -> int | None:
    """Return a whole number that is not negative."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < 2**53 and found.is_integer() else None


def text(value: object) -> str | None:
    """Return a text that is not blank, without blanks at its ends."""
    return value.strip() or None if isinstance(value, str) else None


def objects(value: object) -> dict[str, dict[str, Any]]:
    """Return those members of an object that are objects themselves."""
    if not isinstance(value, dict):
        return {}
    return {str(name): member for name, member in value.items() if isinstance(member, dict)}
