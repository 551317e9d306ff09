"""Holm's correction of p-values that are read together.

Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
Statistics 6 (1979), 65-70.
"""

from collections.abc import Mapping
from typing import TypeVar

__all__ = ["holm"]

_Name = TypeVar("_Name")


def holm(p_values: Mapping[_Name, float]) -> dict[_Name, float]:
    """Return the adjusted p-values of a family of tests, in the order in which they were given.

    To reject where the adjusted p-value is at most 0.05 keeps the probability of any false alarm
    in the family at 0.05 or less, however the tests depend on each other. The i-th smallest of m
    p-values is multiplied by m - i + 1; no adjusted value is below that of a smaller p-value, none
    above 1.

    Raises:
        ValueError: a p-value is not in [0, 1].
    """
    for name, p_value in p_values.items():
        if not 0 <= p_value <= 1:
            raise ValueError(f"the p-value {p_value!r} of {name!r} is not in [0, 1].")
    adjusted: dict[_Name, float] = {}
    reached = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        reached = max(reached, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = reached
    return {name: adjusted[name] for name in p_values}
