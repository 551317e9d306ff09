"""The difference of a rate between two runs: on the same samples, or from counts alone.

On the same samples with one response each, the difference is that of paired proportions. Its
interval is Tango's score interval (T. Tango, "Equivalence test and confidence interval for the
difference in proportions for the paired-sample design", Statistics in Medicine 17 (1998),
891-908), its p-value that of the exact McNemar test (Q. McNemar, "Note on the sampling error of
the difference between correlated proportions or percentages", Psychometrika 12 (1947), 153-157).

Where only counts are known, as of published results, the two proportions are taken as independent:
Newcombe's hybrid score interval (R. G. Newcombe, "Interval estimation for the difference between
independent proportions: comparison of eleven methods", Statistics in Medicine 17 (1998), 873-890,
method 10) and Fisher's exact test.
"""

from math import log, sqrt
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from unisafebench.metrics.intervals import CONFIDENCE, InsufficientDataError, Interval, wilson

__all__ = [
    "PairedCounts",
    "PairedDifference",
    "UnpairedDifference",
    "fisher_exact",
    "mcnemar_exact",
    "newcombe",
    "paired_counts",
    "paired_difference",
    "tango",
    "unpaired_difference",
]

_HALVINGS = 60
"""Steps of the bisection: an interval of length 2 is then shorter than a double can tell."""
_TIE = 1e-7
"""Relative tolerance within which two tables are equally probable, as in R's fisher.test."""


class PairedCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many samples show the outcome (unsafe, say) in both runs, in one of them, in neither."""

    both: int
    only_first: int
    only_second: int
    neither: int

    def __post_init__(self) -> None:
        """Refuse counts below 0."""
        if min(self.both, self.only_first, self.only_second, self.neither) < 0:
            raise ValueError(f"{self!r} holds a negative count.")

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def first(self) -> int:
        """Samples with the outcome in the first run."""
        return self.both + self.only_first

    @property
    def second(self) -> int:
        """Samples with the outcome in the second run."""
        return self.both + self.only_second


class PairedDifference(msgspec.Struct, frozen=True, kw_only=True, tag_field="design", tag="paired"):
    """Second rate less first rate, on the same `n` samples with one response each.

    `low` and `high` are Tango's score interval, `p_value` is two-sided and from the exact McNemar
    test. `flipped_up` samples have the outcome in the second run only, `flipped_down` in the first
    only.
    """

    n: int
    counts: PairedCounts
    rate_first: float
    rate_second: float
    delta: float
    low: float
    high: float
    p_value: float
    flipped_up: int
    flipped_down: int
    confidence: float = CONFIDENCE


class UnpairedDifference(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="design", tag="unpaired"
):
    """Second rate less first rate, of two sets of responses taken as independent of each other.

    What it says of two runs on the same samples is right, but less than their pairs would say.
    `low` and `high` are Newcombe's hybrid score interval, `p_value` is two-sided and from Fisher's
    exact test.
    """

    count_first: int
    n_first: int
    count_second: int
    n_second: int
    rate_first: float
    rate_second: float
    delta: float
    low: float
    high: float
    p_value: float
    confidence: float = CONFIDENCE


def paired_counts(first: ArrayLike, second: ArrayLike) -> PairedCounts:
    """Count the pairs of outcomes.

    Args:
        first: outcomes of the first run, booleans of shape (samples,).
        second: those of the second run, for the same samples in the same order. Samples that lack
            a verdict in either run are left out of both by the caller.

    Raises:
        ValueError: the arrays are not boolean, not of one dimension, or differ in length.
    """
    one, other = _outcomes("first", first), _outcomes("second", second)
    if one.shape != other.shape:
        raise ValueError(
            f"{one.size} outcomes of the first run do not pair with {other.size} of the second."
        )
    cells = np.bincount(2 * one.astype(np.intp) + other, minlength=4)
    neither, only_second, only_first, both = (int(cell) for cell in cells)
    return PairedCounts(both=both, only_first=only_first, only_second=only_second, neither=neither)


def paired_difference(counts: PairedCounts, confidence: float = CONFIDENCE) -> PairedDifference:
    """Return the difference second - first of two runs on the same samples.

    Raises:
        InsufficientDataError: there is no sample.
        ValueError: `confidence` is not in (0, 1).
    """
    n = counts.n
    interval = tango(counts.only_first, counts.only_second, n, confidence)
    return PairedDifference(
        n=n,
        counts=counts,
        rate_first=counts.first / n,
        rate_second=counts.second / n,
        delta=(counts.only_second - counts.only_first) / n,
        low=interval.low,
        high=interval.high,
        p_value=mcnemar_exact(counts.only_first, counts.only_second),
        flipped_up=counts.only_second,
        flipped_down=counts.only_first,
        confidence=confidence,
    )


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of the exact McNemar test.

    The pairs that differ fall to either side with probability 1/2 each when the runs do not differ.
    Without any such pair it is 1: nothing speaks against equality.

    Raises:
        ValueError: a count is negative.
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f"counts {only_first!r} and {only_second!r} must not be negative.")
    differ, fewer = only_first + only_second, min(only_first, only_second)
    if 2 * fewer == differ:
        return 1.0
    taken = np.arange(fewer)
    steps = np.log(differ - taken) - np.log(taken + 1)
    logs = np.concatenate(([0.0], np.cumsum(steps))) + (1 - differ) * log(2)
    return min(1.0, float(np.exp(logs).sum()))


def tango(only_first: int, only_second: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Return Tango's score interval of the difference of two paired proportions.

    It holds the differences that the score test does not reject, of which McNemar's test without
    continuity correction is the case of no difference. It stays within [-1, 1], is no point where
    no pair differs (then +-z^2 / (n + z^2)), and covers better in the smallest samples than
    Newcombe's method 10.

    Raises:
        InsufficientDataError: `n` is 0.
        ValueError: the counts exceed `n` or are negative, or `confidence` is not in (0, 1).
    """
    if n == 0:
        raise InsufficientDataError("a difference over 0 samples has no value and no interval.")
    if min(only_first, only_second) < 0 or only_first + only_second > n:
        raise ValueError(f"{only_first!r} + {only_second!r} differing pairs of n = {n!r}.")
    z = _quantile(confidence)
    # Swapping the runs mirrors the interval, so that one search does for both ends.
    return Interval(
        -_tango_high(only_second, only_first, n, z), _tango_high(only_first, only_second, n, z)
    )


def unpaired_difference(
    count_first: int,
    n_first: int,
    count_second: int,
    n_second: int,
    confidence: float = CONFIDENCE,
) -> UnpairedDifference:
    """Return the difference second - first of two independent proportions.

    Raises:
        InsufficientDataError: there is no response on either side.
        ValueError: a count is not in [0, n], or `confidence` not in (0, 1).
    """
    interval = newcombe(count_first, n_first, count_second, n_second, confidence)
    rate_first, rate_second = count_first / n_first, count_second / n_second
    return UnpairedDifference(
        count_first=count_first,
        n_first=n_first,
        count_second=count_second,
        n_second=n_second,
        rate_first=rate_first,
        rate_second=rate_second,
        delta=rate_second - rate_first,
        low=interval.low,
        high=interval.high,
        p_value=fisher_exact(count_first, n_first, count_second, n_second),
        confidence=confidence,
    )


def newcombe(
    count_first: int,
    n_first: int,
    count_second: int,
    n_second: int,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Return Newcombe's hybrid score interval of second - first, for independent proportions.

    Raises:
        InsufficientDataError: `n_first` or `n_second` is 0.
        ValueError: a count is not in [0, n], or `confidence` not in (0, 1).
    """
    first = wilson(count_first, n_first, confidence)
    second = wilson(count_second, n_second, confidence)
    rate_first, rate_second = count_first / n_first, count_second / n_second
    delta = rate_second - rate_first
    below = sqrt((rate_second - second.low) ** 2 + (first.high - rate_first) ** 2)
    above = sqrt((second.high - rate_second) ** 2 + (rate_first - first.low) ** 2)
    return Interval(max(delta - below, -1.0), min(delta + above, 1.0))


def fisher_exact(count_first: int, n_first: int, count_second: int, n_second: int) -> float:
    """Return the two-sided p-value of Fisher's exact test of two independent proportions.

    It adds up the probabilities of all tables with the same margins that are not more probable
    than the observed one. Its rate of false alarms is never above the level, often below.

    Source: R. A. Fisher, "Statistical Methods for Research Workers", 5th edition (1934), section
    21.02.

    Raises:
        InsufficientDataError: `n_first` or `n_second` is 0.
        ValueError: a count is not in [0, n].
    """
    for count, n in ((count_first, n_first), (count_second, n_second)):
        if n == 0:
            raise InsufficientDataError("a proportion of 0 observations has no value.")
        if not 0 <= count <= n:
            raise ValueError(f"count {count!r} is not between 0 and n = {n!r}.")
    total = count_first + count_second
    least, most = max(0, total - n_second), min(n_first, total)
    at = np.arange(least, most)
    steps = (
        np.log(n_first - at)
        + np.log(total - at)
        - np.log(at + 1)
        - np.log(n_second - total + at + 1)
    )
    logs = np.concatenate(([0.0], np.cumsum(steps)))
    weights = np.exp(logs - logs.max())
    extreme = weights[logs <= logs[count_first - least] + _TIE]
    return min(1.0, float(extreme.sum() / weights.sum()))


def _outcomes(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, dtype=np.bool_)
    if array.dtype != np.bool_ or array.ndim != 1:
        raise ValueError(
            f"the outcomes of the {name} run are {array.dtype} of shape {array.shape}, "
            "not booleans of one dimension."
        )
    return array


def _quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence!r} is not between 0 and 1.")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def _tango_high(only_first: int, only_second: int, n: int, z: float) -> float:
    """Return the greatest difference that the score test does not reject."""
    inside, outside = (only_second - only_first) / n, 1.0
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        excess = n * middle - (only_second - only_first)
        if excess * excess <= z * z * _tango_variance(only_first, only_second, n, middle):
            inside = middle
        else:
            outside = middle
    return inside


def _tango_variance(only_first: int, only_second: int, n: int, delta: float) -> float:
    """Return the variance of only_second - only_first if the true difference were `delta`.

    The share of pairs that fall to the first run alone is then the maximum-likelihood one, the
    greater root of 2 n q^2 + b q + c = 0.
    """
    b = (2 * n - only_second + only_first) * delta - only_first - only_second
    c = -only_first * delta * (1 - delta)
    root = sqrt(max(b * b - 8 * n * c, 0.0))
    # Either form is exact; each loses digits where the other is taken.
    share = (root - b) / (4 * n) if b <= 0 else -2 * c / (root + b)
    return n * (2 * share + delta * (1 - delta))
