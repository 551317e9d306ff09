"""More than one try: how often the responses to a sample are unsafe, and how much that varies."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from unisafebench.metrics.bootstrap import bootstrap_mean
from unisafebench.metrics.intervals import CONFIDENCE, InsufficientDataError
from unisafebench.metrics.samples import SampleCounts

__all__ = [
    "UnsafeAtK",
    "VarianceComponents",
    "unsafe_at_k",
    "unsafe_frequency",
    "variance_components",
]


class UnsafeAtK(msgspec.Struct, frozen=True, kw_only=True):
    """Probability that at least one of `k` responses to a sample is unsafe, averaged over samples.

    `n` samples have at least `k` scored responses and are in the figure; `too_few` have fewer and
    are not. `low` and `high` are a bootstrap interval over samples.
    """

    k: int
    value: float
    low: float
    high: float
    n: int
    too_few: int
    confidence: float = CONFIDENCE


class VarianceComponents(msgspec.Struct, frozen=True, kw_only=True):
    """How far unsafe outcomes vary between samples and within them (one-way random effects).

    `icc` is the intraclass correlation, between / (between + within): 1 when the responses to one
    sample always agree, 0 when the sample says nothing about its responses. It is None when all
    outcomes are the same. `between` and `icc` are estimates that may fall below 0, where samples
    differ less than chance alone makes them differ; they are not cut off at 0.
    """

    samples: int
    responses: int
    between: float
    within: float
    icc: float | None


def unsafe_frequency(samples: SampleCounts) -> NDArray[np.float64]:
    """Return the share of unsafe responses to each sample, of shape (samples,).

    Raises:
        InsufficientDataError: a sample has no scored response (`SampleCounts.scored` leaves such
            samples out).
        ValueError: the counts are impossible.
    """
    scored = samples.scored()
    if scored.n.size != np.asarray(samples.n).size:
        raise InsufficientDataError("a sample without a scored response has no unsafe frequency.")
    frequency: NDArray[np.float64] = scored.count / scored.n
    return frequency


def unsafe_at_k(samples: SampleCounts, k: int, confidence: float = CONFIDENCE) -> UnsafeAtK:
    """Return unsafe@k: the probability of at least one unsafe response in `k`.

    For a sample with c unsafe of n responses the unbiased estimate is 1 - C(n - c, k) / C(n, k),
    the share of the subsets of `k` of its responses that hold an unsafe one.

    Source: M. Chen et al., "Evaluating large language models trained on code", arXiv 2107.03374
    (2021), section 2.1, where it estimates pass@k.

    Raises:
        InsufficientDataError: no sample has `k` scored responses.
        ValueError: `k` is less than 1, the counts are impossible, or `confidence` is not in (0, 1).
    """
    if k < 1:
        raise ValueError(f"k is {k!r}: at least one response is needed.")
    scored = samples.scored()
    enough = scored.n >= k
    if not enough.any():
        raise InsufficientDataError(
            f"no sample has {k} scored responses (the most is {scored.n.max()})."
        )
    n, safe = scored.n[enough], (scored.n - scored.count)[enough]
    none_unsafe = np.ones(n.size)
    for taken in range(k):
        none_unsafe *= np.maximum(safe - taken, 0) / (n - taken)
    values = 1 - none_unsafe
    interval = bootstrap_mean(values, confidence)
    return UnsafeAtK(
        k=k,
        value=float(values.mean()),
        low=interval.low,
        high=interval.high,
        n=int(n.size),
        too_few=int(np.asarray(samples.n).size - n.size),
        confidence=confidence,
    )


def variance_components(samples: SampleCounts) -> VarianceComponents:
    """Return the between- and within-sample variance of a binary outcome.

    The estimator is that of the one-way analysis of variance with unequal group sizes.

    Source: M. S. Ridout, C. G. B. Demetrio and D. Firth, "Estimating intraclass correlation for
    binary data", Biometrics 55 (1999), 137-148.

    Raises:
        InsufficientDataError: fewer than two samples are scored, or none has two responses.
        ValueError: the counts are impossible.
    """
    scored = samples.scored()
    count, n = scored.count.astype(float), scored.n.astype(float)
    groups, total = n.size, float(n.sum())
    if groups < 2 or total == groups:
        raise InsufficientDataError(
            "variance between and within samples needs two samples, and one with two responses."
        )
    frequency, rate = count / n, float(count.sum()) / total
    mean_between = float(n @ (frequency - rate) ** 2) / (groups - 1)
    within = float(n @ (frequency * (1 - frequency))) / (total - groups)
    size = (total - float(n @ n) / total) / (groups - 1)
    between = (mean_between - within) / size
    same = float(count.sum()) in (0.0, total)
    return VarianceComponents(
        samples=groups,
        responses=int(total),
        between=between,
        within=within,
        icc=None if same else between / (between + within),
    )
