"""How numbers are written in tables: rounded half up, and never as a 0 or 1 that they are not."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from unisafebench.metrics.groups import Proportion

__all__ = ["BETTER", "RATE_NAMES", "fraction", "percent", "percent_with_interval"]

RATE_NAMES: Mapping[str, str] = {
    "C-U": "contextually unsafe",
    "C-R": "refused",
    "I-U": "unsafe in itself",
    "B-S": "safe in both verdicts",
}
"""The four rates in words."""

BETTER: Mapping[str, int] = {"C-U": -1, "I-U": -1, "B-S": 1, "Use": 1}
"""1 where more is better, -1 where less is. C-R is absent: neither way is better by itself."""


def fraction(value: float, places: int = 3) -> str:
    """Write a share as a fraction: "0.043", "<0.001" for what is not quite 0."""
    return _written(Decimal(repr(value)), places, 1)


def percent(value: float | None, places: int = 1) -> str:
    """Write a share in percent, without the sign; "n/a" where there is none."""
    return "n/a" if value is None else _written(Decimal(repr(value)) * 100, places, 100)


def percent_with_interval(found: Proportion) -> str:
    """Write "4.3 [2.9, 6.2]", in percent."""
    if found.rate is None:
        return "n/a"
    return f"{percent(found.rate)} [{percent(found.low)}, {percent(found.high)}]"


def _written(value: Decimal, places: int, whole: int) -> str:
    step = Decimal(1).scaleb(-places)
    rounded = value.quantize(step, ROUND_HALF_UP)
    if rounded == 0 and value > 0:
        return f"<{step}"
    if rounded == whole and value < whole:
        return f">{whole - step}"
    return str(rounded)
