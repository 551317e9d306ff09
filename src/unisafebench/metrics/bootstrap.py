"""Rates over several epochs: the responses to one sample are not independent, samples are.

The interval of a rate is a bootstrap that draws whole samples (A. C. Davison and D. V. Hinkley,
"Bootstrap Methods and their Application" (1997), sections 2.4 and 3.8), bias-corrected and
accelerated (B. Efron, "Better bootstrap confidence intervals", Journal of the American Statistical
Association 82 (1987), 171-185).
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unisafebench.metrics.intervals import CONFIDENCE, InsufficientDataError, Interval, wilson
from unisafebench.metrics.samples import SampleCounts

__all__ = ["DRAWS", "FEWEST", "bootstrap_mean", "clustered_interval"]

DRAWS = 2000
"""Bootstrap draws, unless asked otherwise."""
FEWEST = 20
"""With fewer samples than this, drawing from them says too little: the interval is Wilson's."""
_CELLS = 2**21
"""Most entries of one block of draws: 16 MiB."""
_EQUAL = 1e-12
"""Relative difference below which two values of a draw are the same number."""


def clustered_interval(
    samples: SampleCounts,
    confidence: float = CONFIDENCE,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Return the interval of a rate over all scored responses, clustered by sample.

    The rate is sum(count) / sum(n); samples may have different numbers of scored responses, and
    those without any are left out. Where the bootstrap is a point or next to one (fewer than
    `FEWEST` samples, or the same rate in every sample, as at 0 and at 1), the interval is that of
    Wilson with the number of samples as n. With one response to each sample it is Wilson's.

    Raises:
        InsufficientDataError: no sample has a scored response.
        ValueError: the counts are impossible, `confidence` is not in (0, 1), or `draws` < 100.
    """
    scored = samples.scored()
    return _interval(scored.count.astype(float), scored.n, confidence, draws, seed)


def bootstrap_mean(
    values: ArrayLike,
    confidence: float = CONFIDENCE,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Return the interval of the mean of one figure per sample, each in [0, 1].

    As `clustered_interval`, of which this is the case of samples that weigh the same.

    Args:
        values: one figure for each sample, of shape (samples,).
        confidence: share of such intervals that hold the true mean.
        draws: bootstrap draws.
        seed: seed of the draws.

    Raises:
        InsufficientDataError: there is no value.
        ValueError: a value is not in [0, 1], `confidence` not in (0, 1), or `draws` < 100.
    """
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        raise InsufficientDataError("the mean over 0 samples has no value and no interval.")
    if array.ndim != 1 or not ((array >= 0) & (array <= 1)).all():
        raise ValueError("the values are not one figure in [0, 1] for each sample.")
    return _interval(array, np.ones(array.size, dtype=np.int64), confidence, draws, seed)


def _interval(
    sums: NDArray[np.float64],
    weights: NDArray[np.int64],
    confidence: float,
    draws: int,
    seed: int,
) -> Interval:
    """Return the interval of sum(sums) / sum(weights), over independent samples."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence!r} is not between 0 and 1.")
    if draws < 100:
        raise ValueError(f"draws {draws!r} is too few for the ends of an interval: 100 or more.")
    tops, bottoms, members = _kinds(sums, weights)
    shares = tops / bottoms
    simple = bool((weights == 1).all() and np.isin(sums, (0.0, 1.0)).all())
    if simple or sums.size < FEWEST or np.ptp(shares) <= _EQUAL:
        return _wilson(float(sums.sum() / weights.sum()), sums.size, confidence)
    rate = float(sums.sum() / weights.sum())
    drawn = _draw(tops, bottoms, members, draws, seed)
    low, high = _accelerated(drawn, rate, _jackknife(tops, bottoms, members), members, confidence)
    return Interval(min(low, rate), max(high, rate))


def _kinds(
    sums: NDArray[np.float64], weights: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the different pairs (sum, weight) in order, and how many samples have each."""
    if (weights == weights[0]).all():
        tops, members = np.unique(sums, return_counts=True)
        return tops, np.full(tops.size, float(weights[0])), members
    # Sums of unequal weights are counts: a pair of whole numbers is one whole number.
    base = int(weights.max()) + 1
    keys, members = np.unique(sums.astype(np.int64) * base + weights, return_counts=True)
    return (keys // base).astype(np.float64), (keys % base).astype(np.float64), members


def _draw(
    tops: NDArray[np.float64],
    bottoms: NDArray[np.float64],
    members: NDArray[np.int64],
    draws: int,
    seed: int,
) -> NDArray[np.float64]:
    """Return the rate in each draw.

    Samples with the same counts cannot be told apart, so that a draw of samples is a multinomial
    draw of their kinds: time and memory grow with the kinds, of which five epochs have 20.
    """
    generator = np.random.default_rng(seed)
    total = int(members.sum())
    block = max(1, _CELLS // members.size)
    found = np.empty(draws)
    for start in range(0, draws, block):
        size = min(block, draws - start)
        times = generator.multinomial(total, members / total, size=size)
        found[start : start + size] = (times @ tops) / (times @ bottoms)
    return found


def _jackknife(
    tops: NDArray[np.float64], bottoms: NDArray[np.float64], members: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return, for each kind of sample, the rate without one of it."""
    top, bottom = float(tops @ members), float(bottoms @ members)
    left: NDArray[np.float64] = (top - tops) / (bottom - bottoms)
    return left


def _accelerated(
    drawn: NDArray[np.float64],
    rate: float,
    left: NDArray[np.float64],
    members: NDArray[np.int64],
    confidence: float,
) -> tuple[float, float]:
    """Return both ends of the BCa interval."""
    normal = NormalDist()
    tie = _EQUAL * max(rate, 1 - rate)
    # A draw equal to the rate counts as half below: on a lattice they are many.
    below = float((drawn < rate - tie).mean() + (drawn <= rate + tie).mean()) / 2
    bias = normal.inv_cdf(min(max(below, 0.5 / drawn.size), 1 - 0.5 / drawn.size))
    away = float(left @ members) / float(members.sum()) - left
    spread = float(members @ away**2)
    acceleration = float(members @ away**3) / (6 * spread**1.5) if spread > 0 else 0.0
    ends = []
    for level in ((1 - confidence) / 2, (1 + confidence) / 2):
        shifted = bias + normal.inv_cdf(level)
        ends.append(normal.cdf(bias + shifted / (1 - acceleration * shifted)))
    low, high = np.quantile(drawn, ends)
    return float(low), float(high)


def _wilson(rate: float, samples: int, confidence: float) -> Interval:
    """Return Wilson's interval of a rate that need not be a whole number of the samples."""
    whole = abs(rate * samples - round(rate * samples)) < 1e-9
    # Scaling both counts and the responses per sample leaves `samples` independent observations.
    parts = 1 if whole else 10**9
    return wilson(
        round(rate * samples * parts), samples * parts, confidence, responses_per_sample=parts
    )
