"""Intervals hold the true value in 95 % of simulated runs.

Every tolerance is four standard errors of the simulation, sqrt(p (1 - p) / simulations): one true
statement in 16,000 fails by chance, and the seeds are fixed. Where the true coverage is near 0.95
without being it, the tolerance stays that of the short version.
"""

from collections.abc import Callable
from functools import cache
from math import sqrt

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from unisafebench.metrics.bootstrap import clustered_interval
from unisafebench.metrics.clustered import difference_of_counts
from unisafebench.metrics.intervals import Interval, wilson
from unisafebench.metrics.paired import PairedCounts, newcombe, paired_difference, tango
from unisafebench.metrics.samples import SampleCounts

Measure = Callable[[str, float, int], float]


def four_errors(share: float, simulations: int) -> float:
    """Return four standard errors of a simulated share."""
    return 4 * sqrt(share * (1 - share) / simulations)


def holds(interval: Interval, value: float) -> bool:
    """Whether the interval holds the value, rounding aside."""
    return interval.low - 1e-12 <= value <= interval.high + 1e-12


@pytest.mark.parametrize("n", [20, 100, 500])
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_wilson_at_one_rate(n: int, rate: float, times: int, measure: Measure) -> None:
    """At a fixed rate the coverage is the exact one, which swings about 0.95 with n."""
    simulations = 20_000 * times
    counts = np.random.default_rng(1).binomial(n, rate, simulations)
    inside = np.array([holds(wilson(count, n), rate) for count in range(n + 1)])
    found = measure("Wilson", int(inside[counts].sum()), simulations)
    exact = float(stats.binom.pmf(np.arange(n + 1), n, rate) @ inside)
    assert abs(found - exact) <= four_errors(exact, simulations)


@pytest.mark.parametrize("n", [100, 500])
def test_wilson_over_all_rates(n: int, times: int, measure: Measure) -> None:
    """Over rates drawn uniformly the coverage is 0.95."""
    simulations = 10_000 * times
    generator = np.random.default_rng(2)
    rates = generator.random(simulations)
    intervals = [wilson(count, n) for count in range(n + 1)]
    hits = sum(
        holds(intervals[count], rate)
        for count, rate in zip(generator.binomial(n, rates), rates, strict=True)
    )
    found = measure("Wilson over all rates", hits, simulations)
    assert abs(found - 0.95) <= four_errors(0.95, 10_000)


def hits_of(inside: Callable[[int, int], bool], tables: np.ndarray, weights: np.ndarray) -> float:
    """Return the weight of the tables (only first, only second) whose interval holds the truth."""
    return float(
        sum(
            weight
            for (one, other), weight in zip(tables.tolist(), weights.tolist(), strict=True)
            if inside(one, other)
        )
    )


# Probabilities of: both, only first, only second, neither. Runs that agree much and little, at the
# edge, and without any difference.
TRUTHS = [
    (0.30, 0.10, 0.20, 0.40),
    (0.05, 0.05, 0.05, 0.85),
    (0.00, 0.01, 0.04, 0.95),
    (0.00, 0.02, 0.90, 0.08),
]


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("n", [50, 300])
def test_paired_at_one_truth(
    n: int, truth: tuple[float, ...], times: int, measure: Measure
) -> None:
    """Tango's interval covers as often as all tables with their probabilities say."""
    simulations = 10_000 * times
    inside = cache(lambda one, other: holds(tango(one, other, n), truth[2] - truth[1]))
    drawn = np.random.default_rng(3).multinomial(n, truth, simulations)[:, 1:3]
    pairs, number = np.unique(drawn, axis=0, return_counts=True)
    found = measure("Tango", hits_of(inside, pairs, number), simulations)
    one, other = np.nonzero(np.add.outer(np.arange(n + 1), np.arange(n + 1)) <= n)
    chances = stats.multinomial.pmf(
        np.column_stack((one, other, n - one - other)), n, [*truth[1:3], truth[0] + truth[3]]
    )
    # The tables left out have a probability of 1e-3 in all, which the sum makes up for.
    likely = np.argsort(chances)[::-1]
    likely = likely[: np.searchsorted(np.cumsum(chances[likely]), 0.999) + 1]
    tables = np.column_stack((one[likely], other[likely]))
    exact = hits_of(inside, tables, chances[likely]) / float(chances[likely].sum())
    assert abs(found - exact) <= four_errors(exact, simulations)
    assert exact >= 0.94


def test_paired_over_many_truths(times: int, measure: Measure) -> None:
    """Over truths drawn uniformly the coverage of 200 samples is 0.95."""
    simulations = 4_000 * times
    generator = np.random.default_rng(4)
    hits = 0
    for truth in generator.dirichlet(np.ones(4), simulations):
        both, one, other, neither = (int(count) for count in generator.multinomial(200, truth))
        found = paired_difference(
            PairedCounts(both=both, only_first=one, only_second=other, neither=neither)
        )
        hits += holds(Interval(found.low, found.high), truth[2] - truth[1])
    share = measure("Tango over many truths", hits, simulations)
    assert abs(share - 0.95) <= four_errors(0.95, 4_000)


def test_unpaired_over_many_truths(times: int, measure: Measure) -> None:
    """Over pairs of rates drawn uniformly Newcombe's interval covers 0.95 at 120 and 200."""
    simulations = 4_000 * times
    generator = np.random.default_rng(5)
    hits = 0
    for first, second in generator.random((simulations, 2)):
        count, other = int(generator.binomial(120, first)), int(generator.binomial(200, second))
        hits += holds(newcombe(count, 120, other, 200), second - first)
    share = measure("Newcombe over many truths", hits, simulations)
    assert abs(share - 0.95) <= four_errors(0.95, 4_000)


def drawn_samples(
    generator: np.random.Generator, rate: float, icc: float, n: np.ndarray
) -> SampleCounts:
    """Return beta-binomial samples with this rate and intraclass correlation."""
    scale = 1 / icc - 1
    shares = generator.beta(rate * scale, (1 - rate) * scale, n.size)
    return SampleCounts(generator.binomial(n, shares), n)


@pytest.mark.parametrize(
    ("samples", "rate", "icc"), [(50, 0.5, 0.5), (100, 0.2, 0.3), (200, 0.2, 0.7), (400, 0.1, 0.5)]
)
def test_clustered_rate(
    samples: int, rate: float, icc: float, times: int, measure: Measure
) -> None:
    """The clustered bootstrap covers 0.95, with 1 to 5 scored epochs for each sample."""
    simulations = 300 * times
    generator = np.random.default_rng(6)
    hits = 0
    for _ in range(simulations):
        n = generator.integers(1, 6, samples)
        hits += holds(clustered_interval(drawn_samples(generator, rate, icc, n)), rate)
    share = measure("clustered bootstrap", hits, simulations)
    assert abs(share - 0.95) <= four_errors(0.95, 300)


@pytest.mark.parametrize(
    ("samples", "rate", "icc"), [(20, 0.1, 0.5), (20, 0.5, 0.5), (50, 0.1, 0.5), (50, 0.02, 0.5)]
)
def test_clustered_rate_of_few_samples(
    samples: int, rate: float, icc: float, times: int, measure: Measure
) -> None:
    """With few samples and low rates it covers less than 0.95, but 0.90."""
    simulations = 300 * times
    generator = np.random.default_rng(9)
    n = np.full(samples, 5)
    hits = sum(
        holds(clustered_interval(drawn_samples(generator, rate, icc, n)), rate)
        for _ in range(simulations)
    )
    share = measure("clustered bootstrap, few samples", hits, simulations)
    assert share >= 0.90 - four_errors(0.90, simulations)


@pytest.mark.parametrize(
    ("samples", "rate", "icc"), [(5, 0.1, 0.5), (12, 0.5, 0.9), (19, 0.1, 0.1)]
)
def test_clustered_rate_of_fewer_samples(
    samples: int, rate: float, icc: float, times: int, measure: Measure
) -> None:
    """Wilson's interval of the samples, which takes over below 20, covers 0.95 or more."""
    simulations = 1_000 * times
    generator = np.random.default_rng(10)
    n = np.full(samples, 5)
    hits = sum(
        holds(clustered_interval(drawn_samples(generator, rate, icc, n)), rate)
        for _ in range(simulations)
    )
    share = measure("Wilson of samples", hits, simulations)
    assert share >= 0.95 - four_errors(0.95, 1_000)


def test_responses_taken_as_independent_do_not_cover(times: int, measure: Measure) -> None:
    """Wilson's interval of all responses, clustering ignored, is far too narrow."""
    simulations = 1_000 * times
    generator = np.random.default_rng(7)
    n = np.full(200, 5)
    hits = 0
    for _ in range(simulations):
        drawn = drawn_samples(generator, 0.2, 0.7, n)
        hits += holds(wilson(int(drawn.count.sum()), 1000), 0.2)
    share = measure("independent responses", hits, simulations)
    # The variance is 1 + 4 x 0.7 times that of independent responses.
    expected = 1 - 2 * stats.norm.sf(1.96 / sqrt(1 + 4 * 0.7))
    assert abs(share - expected) <= four_errors(expected, 1_000)


@pytest.mark.parametrize("effect", ["none", "in all samples", "in few samples"])
@pytest.mark.parametrize("samples", [20, 200])
def test_clustered_difference(samples: int, effect: str, times: int, measure: Measure) -> None:
    """The clustered difference covers 0.95 or more, even where a few samples change wholly."""
    simulations = 1_000 * times
    generator = np.random.default_rng(8)
    hits = 0
    for _ in range(simulations):
        first = generator.beta(0.4, 1.6, samples)
        if effect == "none":
            second, truth = generator.beta(0.4, 1.6, samples), 0.0
        elif effect == "in all samples":
            second, truth = first / 2, -0.1
        else:
            first = np.zeros(samples)
            second, truth = (generator.random(samples) < 3 / samples).astype(float), 3 / samples
        one, other = (
            SampleCounts(generator.binomial(5, p), np.full(samples, 5)) for p in (first, second)
        )
        found = difference_of_counts(one, other)
        hits += holds(Interval(found.low, found.high), truth)
    share = measure("clustered difference", hits, simulations)
    assert share >= 0.95 - four_errors(0.95, simulations)
