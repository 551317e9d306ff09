"""A difference that is not there is found in 5 % of comparisons or fewer; a planted one is found.

Every tolerance is four standard errors of the simulation, as in `test_coverage`.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from unisafebench.metrics.clustered import difference_of_counts
from unisafebench.metrics.holm import holm
from unisafebench.metrics.paired import (
    fisher_exact,
    mcnemar_exact,
    paired_counts,
    paired_difference,
)
from unisafebench.metrics.samples import SampleCounts

Measure = Callable[[str, float, int], float]
LEVEL = 0.05


def four_errors(share: float, simulations: int) -> float:
    """Return four standard errors of a simulated share."""
    return 4 * sqrt(share * (1 - share) / simulations)


def expected_power(n: int, only_first: float, only_second: float) -> float:
    """Return the power of the exact McNemar test, summed over all that can happen.

    The number of pairs that differ is binomial, and so is, given it, how they fall.
    """
    differ = only_first + only_second
    power = 0.0
    for pairs in range(n + 1):
        weight = stats.binom.pmf(pairs, n, differ)
        if weight < 1e-12:
            continue
        # The greatest number on one side with 2 P(X <= it) <= 0.05.
        most = int(stats.binom.ppf(LEVEL / 2, pairs, 0.5))
        while most >= 0 and 2 * stats.binom.cdf(most, pairs, 0.5) > LEVEL:
            most -= 1
        share = only_second / differ
        low, high = (
            stats.binom.cdf(most, pairs, share),
            stats.binom.sf(pairs - most - 1, pairs, share),
        )
        power += weight * (low + high)
    return float(power)


def compared(
    generator: np.random.Generator, n: int, only_first: float, only_second: float
) -> float:
    """Return the p-value of the comparison of two models over `n` samples."""
    first = generator.random(n) < 0.3
    differs = generator.random(n)
    # A model departs from the other with probabilities that make the planted flips.
    down = first & (differs < only_first / 0.3)
    up = ~first & (differs < only_second / 0.7)
    return paired_difference(paired_counts(first, (first & ~down) | up)).p_value


@pytest.mark.parametrize(
    ("n", "only_first", "only_second"), [(400, 0.05, 0.12), (229, 0.05, 0.13), (454, 0.02, 0.06)]
)
def test_planted_difference_is_found(
    n: int, only_first: float, only_second: float, times: int, measure: Measure
) -> None:
    """It is found as often as the power of the test says."""
    simulations = 1_000 * times
    generator = np.random.default_rng(21)
    found = sum(
        compared(generator, n, only_first, only_second) <= LEVEL for _ in range(simulations)
    )
    share = measure("power", found, simulations)
    expected = expected_power(n, only_first, only_second)
    assert 0.5 < expected < 1
    assert abs(share - expected) <= four_errors(expected, simulations)


@pytest.mark.parametrize(("n", "differ"), [(400, 0.16), (2939, 0.2), (100, 0.05)])
def test_no_difference_is_not_found(n: int, differ: float, times: int, measure: Measure) -> None:
    """False alarms are at most 5 %: the exact test is conservative, the more so the fewer flips."""
    simulations = 1_000 * times
    generator = np.random.default_rng(22)
    found = sum(compared(generator, n, differ / 2, differ / 2) <= LEVEL for _ in range(simulations))
    share = measure("false alarms, McNemar", found, simulations)
    expected = expected_power(n, differ / 2, differ / 2)
    assert abs(share - expected) <= four_errors(expected, simulations)
    assert share <= LEVEL + four_errors(LEVEL, simulations)


def test_no_difference_of_independent_runs(times: int, measure: Measure) -> None:
    """Fisher's test gives false alarms in at most 5 % of comparisons."""
    simulations = 1_000 * times
    counts = np.random.default_rng(23).binomial([150, 300], 0.2, (simulations, 2))
    found = sum(fisher_exact(int(a), 150, int(b), 300) <= LEVEL for a, b in counts)
    share = measure("false alarms, Fisher", found, simulations)
    assert share <= LEVEL + four_errors(LEVEL, simulations)


def two_models(
    generator: np.random.Generator, samples: int, effect: float
) -> tuple[SampleCounts, SampleCounts]:
    """Return five epochs of two models that are unsafe on different samples.

    On the average their rates differ by `effect`.
    """
    runs = []
    for rate in (0.3, 0.3 + effect):
        shares = generator.beta(rate * 1.5, (1 - rate) * 1.5, samples)
        runs.append(SampleCounts(generator.binomial(5, shares), np.full(samples, 5)))
    return runs[0], runs[1]


@pytest.mark.parametrize("samples", [30, 100, 400])
def test_no_difference_over_epochs(samples: int, times: int, measure: Measure) -> None:
    """The clustered test gives false alarms in 5 % of comparisons, no more."""
    simulations = 1_000 * times
    generator = np.random.default_rng(24)
    found = sum(
        difference_of_counts(*two_models(generator, samples, 0.0)).p_value <= LEVEL
        for _ in range(simulations)
    )
    share = measure("false alarms, clustered", found, simulations)
    assert abs(share - LEVEL) <= four_errors(LEVEL, 1_000)
    assert share <= LEVEL + four_errors(LEVEL, simulations)


def test_planted_difference_over_epochs(times: int, measure: Measure) -> None:
    """It is found as often as the normal distribution with the true variance says."""
    simulations, samples, effect = 1_000 * times, 200, 0.10
    generator = np.random.default_rng(25)
    found = sum(
        difference_of_counts(*two_models(generator, samples, effect)).p_value <= LEVEL
        for _ in range(simulations)
    )
    share = measure("power, clustered", found, simulations)
    # A share of five beta-binomial responses: p (1 - p) (1 + 4 icc) / 5, with icc 1 / 2.5.
    variance = sum(rate * (1 - rate) * (1 + 4 / 2.5) / 5 for rate in (0.3, 0.3 + effect))
    shift = effect / sqrt(variance / samples)
    # The test divides by the root of the mean square, which holds the effect too.
    bar = 1.96 / sqrt(1 - 1.96**2 / samples)
    expected = float(stats.norm.sf(bar - shift) + stats.norm.cdf(-bar - shift))
    assert abs(share - expected) <= four_errors(expected, 1_000)


def test_epochs_taken_as_samples_give_false_alarms(times: int, measure: Measure) -> None:
    """McNemar's test over all responses, clustering ignored, is wrong far more often than 5 %."""
    simulations, samples = 1_000 * times, 100
    generator = np.random.default_rng(26)
    found = 0
    for _ in range(simulations):
        shares = generator.beta(0.45, 1.05, (2, samples, 1))
        first, second = generator.random((2, samples, 5)) < shares
        counts = paired_counts(first.ravel(), second.ravel())
        found += mcnemar_exact(counts.only_first, counts.only_second) <= LEVEL
    share = measure("false alarms, epochs as samples", found, simulations)
    assert share >= 2 * LEVEL + four_errors(2 * LEVEL, simulations)


def test_holm_keeps_the_family(times: int, measure: Measure) -> None:
    """Among 28 comparisons without any difference, at most 5 % of families have a false alarm."""
    simulations = 1_000 * times
    generator = np.random.default_rng(27)
    raw = corrected = 0
    flips = generator.binomial(200, [0.05, 0.05 / 0.95], (simulations, 28, 2))
    p_of = {
        (a, b): mcnemar_exact(int(a), int(b)) for a, b in np.unique(flips.reshape(-1, 2), axis=0)
    }
    for family in flips:
        p_values = {at: p_of[a, b] for at, (a, b) in enumerate(family)}
        raw += min(p_values.values()) <= LEVEL
        corrected += min(holm(p_values).values()) <= LEVEL
    measure("a false alarm in 28, uncorrected", raw, simulations)
    share = measure("a false alarm in 28, Holm", corrected, simulations)
    assert share <= LEVEL + four_errors(LEVEL, simulations)
