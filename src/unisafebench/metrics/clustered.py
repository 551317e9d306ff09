"""The difference of a rate between two runs on the same samples, with several epochs.

The responses to one sample are not independent, so that the unit is the sample: what is compared
is its share of responses with the outcome, in one run and in the other.

The test flips the signs of the differences (R. A. Fisher, "The Design of Experiments" (1935),
section 21). With one response each it is the exact McNemar test; for large data its normal form is
that of N. A. Obuchowski, "On the comparison of correlated proportions for clustered data",
Statistics in Medicine 17 (1998), 1495-1507. The interval extends D. G. Bonett and R. M. Price,
"Adjusted Wald confidence interval for a difference of binomial proportions based on paired data",
Journal of Educational and Behavioral Statistics 37 (2012), 479-488, which it is with one response
each.
"""

from math import erfc, log, sqrt
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from unisafebench.metrics.intervals import CONFIDENCE, InsufficientDataError, Interval
from unisafebench.metrics.samples import SampleCounts, sample_counts

__all__ = [
    "ClusteredDifference",
    "SignFlip",
    "clustered_difference",
    "difference_of_counts",
    "sign_flip",
]

_WORK = 5 * 10**8
"""Most additions of the exact sign-flip distribution, about a second of them."""


class SignFlip(msgspec.Struct, frozen=True, kw_only=True):
    """Two-sided p-value of a sign-flip test, and how it was computed."""

    p_value: float
    method: Literal["exact", "normal"]


class ClusteredDifference(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="design", tag="clustered"
):
    """Second rate less first rate, over the `n` samples that are scored in both runs.

    Each sample weighs the same: `rate_first` and `rate_second` are means of its shares. They are
    the rates over all responses where all samples have the same number of them. `left_out` samples
    are not scored in one run or the other. In `flipped_up` samples the share is higher in the
    second run, in `flipped_down` lower.
    """

    n: int
    left_out: int
    responses_first: int
    responses_second: int
    rate_first: float
    rate_second: float
    delta: float
    low: float
    high: float
    p_value: float
    method: Literal["exact", "normal"]
    flipped_up: int
    flipped_down: int
    confidence: float = CONFIDENCE


def clustered_difference(
    first: ArrayLike, second: ArrayLike, samples: ArrayLike, confidence: float = CONFIDENCE
) -> ClusteredDifference:
    """Return the difference second - first of responses that are scored in both runs.

    As `difference_of_counts`, from the outcomes themselves.

    Args:
        first: outcomes of the first run, booleans of shape (responses,).
        second: those of the second run, to the same samples in the same epochs.
        samples: which sample each is a response to, integers >= 0 of shape (responses,).
        confidence: share of such intervals that hold the true difference.

    Raises:
        InsufficientDataError: there is no response.
        ValueError: the arrays differ in shape or have the wrong type, or `confidence` is not in
            (0, 1).
    """
    found, index = np.unique(np.asarray(samples), return_inverse=True)
    if found.size and (found.dtype.kind not in "iu" or np.ndim(samples) != 1):
        raise ValueError("the samples are not integers of one dimension.")
    one, other = (sample_counts(index, outcomes, found.size) for outcomes in (first, second))
    return difference_of_counts(one, other, confidence)


def difference_of_counts(
    first: SampleCounts, second: SampleCounts, confidence: float = CONFIDENCE
) -> ClusteredDifference:
    """Return the difference second - first of two runs, from the counts of each sample.

    The interval is mean +- z s / sqrt(n + 2), where mean and s are of the n differences and two
    more, +1 and -1: a change that no sample has shown yet may still exist. It is never a point, and
    wider than it need be where the samples differ by little.

    Args:
        first: counts of the first run, by sample.
        second: those of the second run, for the same samples in the same order.
        confidence: share of such intervals that hold the true difference.

    Raises:
        InsufficientDataError: no sample is scored in both runs.
        ValueError: the runs differ in the number of samples, counts are impossible, or
            `confidence` is not in (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence!r} is not between 0 and 1.")
    shared = _shared(first, second)
    if not shared.any():
        raise InsufficientDataError("no sample is scored in both runs: there is no difference.")
    one = SampleCounts(np.asarray(first.count)[shared], np.asarray(first.n)[shared]).scored()
    other = SampleCounts(np.asarray(second.count)[shared], np.asarray(second.n)[shared]).scored()
    steps, unit = _steps(one, other)
    differences = steps / unit
    delta = float(differences.mean())
    interval = _interval(differences, delta, confidence)
    tested = sign_flip(steps)
    return ClusteredDifference(
        n=int(steps.size),
        left_out=int(shared.size - steps.size),
        responses_first=int(one.n.sum()),
        responses_second=int(other.n.sum()),
        rate_first=float((one.count / one.n).mean()),
        rate_second=float((other.count / other.n).mean()),
        delta=delta,
        low=interval.low,
        high=interval.high,
        p_value=tested.p_value,
        method=tested.method,
        flipped_up=int((steps > 0).sum()),
        flipped_down=int((steps < 0).sum()),
        confidence=confidence,
    )


def sign_flip(differences: ArrayLike) -> SignFlip:
    """Return the two-sided p-value of the mean of paired differences, by flipping their signs.

    Where the runs do not differ, each difference has either sign with the same probability. The
    p-value is the share of all 2^n ways to set the signs whose sum is as far from 0 as the observed
    one. It is exact, by convolution, unless that takes too long; then it is that of the normal
    distribution with the same variance. Without any difference it is 1.

    Args:
        differences: one integer per sample, in any unit that is the same for all.

    Raises:
        ValueError: the differences are not integers of one dimension.
    """
    array = np.asarray(differences)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise ValueError(
            f"the differences are {array.dtype} of shape {array.shape}, not integers of one "
            "dimension."
        )
    array = array.astype(np.int64)
    observed = abs(int(array.sum()))
    if observed == 0:
        return SignFlip(p_value=1.0, method="exact")
    moved = np.abs(array[array != 0])
    # In units of the common divisor the distribution has the fewest points.
    divisor = int(np.gcd.reduce(moved))
    sizes, members = np.unique(moved // divisor, return_counts=True)
    lengths = np.cumsum(sizes * members) + 1
    if int(np.minimum(members, np.concatenate(([1], lengths[:-1]))) @ lengths) > _WORK:
        spread = sqrt(float(moved.astype(float) @ moved.astype(float)))
        return SignFlip(p_value=erfc(observed / spread / sqrt(2)), method="normal")
    chances = np.ones(1)
    for size, times in zip(sizes, members, strict=True):
        chances = _convolve(chances, _fair_coins(int(times)), int(size))
    # The sum is 2 i - reach at index i; both tails are equally probable.
    reach = chances.size - 1
    tail = chances[: (reach - observed // divisor) // 2 + 1]
    return SignFlip(p_value=min(1.0, 2 * float(tail.sum())), method="exact")


def _shared(first: SampleCounts, second: SampleCounts) -> NDArray[np.bool_]:
    """Return which samples are scored in both runs."""
    one, other = np.asarray(first.n), np.asarray(second.n)
    shapes = [one.shape, np.shape(first.count), other.shape, np.shape(second.count)]
    if len(set(shapes)) != 1:
        raise ValueError(f"the counts of two runs on the same samples have the shapes {shapes}.")
    shared: NDArray[np.bool_] = (one > 0) & (other > 0)
    return shared


def _steps(first: SampleCounts, second: SampleCounts) -> tuple[NDArray[np.int64], int]:
    """Return each sample's difference of shares as a whole number of 1 / unit, and the unit."""
    sizes = np.unique(np.concatenate((first.n, second.n)))
    unit = int(np.lcm.reduce(sizes))
    steps = second.count * (unit // second.n) - first.count * (unit // first.n)
    return steps, unit


def _interval(differences: NDArray[np.float64], delta: float, confidence: float) -> Interval:
    seen = np.concatenate((differences, (1.0, -1.0)))
    centre = float(seen.mean())
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    half = z * float(seen.std()) / sqrt(seen.size)
    low, high = max(centre - half, -1.0), min(centre + half, 1.0)
    return Interval(min(low, delta), max(high, delta))


def _fair_coins(times: int) -> NDArray[np.float64]:
    """Return the probabilities of 0 to `times` heads."""
    taken = np.arange(times)
    steps = np.log(times - taken) - np.log(taken + 1)
    logs = np.concatenate(([0.0], np.cumsum(steps))) - times * log(2)
    chances: NDArray[np.float64] = np.exp(logs)
    return chances


def _convolve(
    chances: NDArray[np.float64], coins: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Return the distribution of a sum to which `size` is added for each head.

    Sums of products of probabilities: even the smallest keeps its digits, unlike with a Fourier
    transform.
    """
    reach = size * (coins.size - 1)
    found = np.zeros(chances.size + reach)
    if coins.size <= chances.size:
        for heads, chance in enumerate(coins):
            found[heads * size : heads * size + chances.size] += chance * chances
    else:
        for at, chance in enumerate(chances):
            found[at : at + reach + 1 : size] += chance * coins
    return found
