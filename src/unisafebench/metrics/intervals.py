"""The interval of a simple proportion.

Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
Journal of the American Statistical Association 22 (1927), 209-212. It keeps its coverage for small
counts and at 0 and n, where the usual normal interval shrinks to a point.
"""

from math import sqrt
from statistics import NormalDist

import msgspec

from unisafebench.core.errors import UniSafeBenchError

__all__ = ["CONFIDENCE", "InsufficientDataError", "Interval", "wilson"]

CONFIDENCE = 0.95
"""Confidence of every interval in a summary."""


class InsufficientDataError(UniSafeBenchError):
    """There are too few observations for the figure: it has no value, which is not a zero."""


class Interval(msgspec.Struct, frozen=True):
    """Both ends of a confidence interval, as fractions in [0, 1]."""

    low: float
    high: float


def wilson(
    count: int, n: int, confidence: float = CONFIDENCE, *, responses_per_sample: int = 1
) -> Interval:
    """Return the Wilson score interval of the proportion `count` / `n`.

    With several responses to each sample the observations are not independent. The interval is
    then that of n / `responses_per_sample` independent ones, as if the responses to one sample
    always agreed: it may be too wide, never too narrow.

    Raises:
        InsufficientDataError: `n` is 0.
        ValueError: `count` is not in [0, n], or `confidence` not in (0, 1).
    """
    if n == 0:
        raise InsufficientDataError("a proportion of 0 observations has no value and no interval.")
    if not 0 <= count <= n:
        raise ValueError(f"count {count!r} is not between 0 and n = {n!r}.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence!r} is not between 0 and 1.")
    independent = n / responses_per_sample
    rate = count / n
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    scale = 1 + z * z / independent
    centre = (rate + z * z / (2 * independent)) / scale
    half = z * sqrt(rate * (1 - rate) / independent + (z / (2 * independent)) ** 2) / scale
    # At 0 and n one end is the rate itself; rounding must not push an end past the rate.
    low = 0.0 if count == 0 else min(max(centre - half, 0.0), rate)
    high = 1.0 if count == n else max(min(centre + half, 1.0), rate)
    return Interval(low, high)
