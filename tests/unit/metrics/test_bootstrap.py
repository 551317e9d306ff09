"""Clustered bootstrap intervals against another program, and where they fall back to Wilson's."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from unisafebench.metrics.bootstrap import FEWEST, bootstrap_mean, clustered_interval
from unisafebench.metrics.intervals import InsufficientDataError, wilson
from unisafebench.metrics.samples import SampleCounts


def beta_binomial(samples: int, epochs: tuple[int, int], seed: int) -> SampleCounts:
    """Return samples whose probability of an unsafe response varies."""
    generator = np.random.default_rng(seed)
    n = generator.integers(epochs[0], epochs[1] + 1, samples)
    return SampleCounts(generator.binomial(n, generator.beta(0.6, 1.4, samples)), n)


@pytest.mark.parametrize(("epochs", "seed"), [((5, 5), 1), ((1, 6), 2), ((2, 3), 3)])
def test_bca_of_another_program(epochs: tuple[int, int], seed: int) -> None:
    """Both ends are scipy's, but for chance (0.01 of the width; 0.05 is 5 sd)."""
    samples = beta_binomial(80, epochs, seed)
    expected = stats.bootstrap(
        (samples.count, samples.n),
        lambda count, n, axis=-1: count.sum(axis=axis) / n.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="BCa",
        rng=np.random.default_rng(5),
    ).confidence_interval
    interval = clustered_interval(samples, draws=20_000)
    width = expected.high - expected.low
    assert interval.low == pytest.approx(expected.low, abs=0.05 * width)
    assert interval.high == pytest.approx(expected.high, abs=0.05 * width)


def test_clusters_are_wider_than_independent_responses() -> None:
    """Responses that always agree say as much as one of them; that is known to the interval."""
    n = np.full(200, 5)
    agreeing = SampleCounts(np.where(np.arange(200) < 60, 5, 0), n)
    interval, simple = clustered_interval(agreeing), wilson(300, 1000)
    assert interval.high - interval.low == pytest.approx(
        (simple.high - simple.low) * np.sqrt(5), rel=0.1
    )


@pytest.mark.parametrize("count", [0, 5, 2])
def test_equal_samples_have_no_bootstrap(count: int) -> None:
    """At 0, at 1 and wherever all samples have one rate, it is Wilson's with n = samples."""
    interval = clustered_interval(SampleCounts(np.full(40, count), np.full(40, 5)))
    expected = wilson(8 * count, 40)
    assert interval.low == pytest.approx(expected.low, abs=1e-9)
    assert interval.high == pytest.approx(expected.high, abs=1e-9)
    assert interval.low < interval.high


def test_few_samples_have_no_bootstrap() -> None:
    """One sample with 3 of 5 unsafe is one observation, not five."""
    one = clustered_interval(SampleCounts(np.array([3]), np.array([5])))
    assert one.low < 0.1
    assert one.high > 0.95
    few = beta_binomial(FEWEST - 1, (5, 5), 1)
    rate = few.count.sum() / few.n.sum()
    z2 = stats.norm.ppf(0.975) ** 2
    centre = (rate + z2 / 2 / few.n.size) / (1 + z2 / few.n.size)
    interval = clustered_interval(few)
    assert (interval.low + interval.high) / 2 == pytest.approx(centre, abs=1e-7)


def test_single_responses_have_wilsons_interval() -> None:
    """With one response to each sample nothing is clustered."""
    single = SampleCounts((np.arange(50) < 7).astype(int), np.ones(50, dtype=int))
    assert clustered_interval(single) == wilson(7, 50)


def test_samples_without_response_are_left_out() -> None:
    """What was not scored changes nothing."""
    samples = beta_binomial(60, (1, 5), 4)
    padded = SampleCounts(np.append(samples.count, [0, 0]), np.append(samples.n, [0, 0]))
    assert clustered_interval(padded) == clustered_interval(samples)


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(0, 10**6), st.integers(0, 3))
def test_interval_holds_the_rate(samples: int, seed: int, draw: int) -> None:
    """0 <= low <= rate <= high <= 1, no point, the same again for the same seed, in any order."""
    drawn = beta_binomial(samples, (1, 4), seed)
    interval = clustered_interval(drawn, seed=draw, draws=200)
    rate = drawn.count.sum() / drawn.n.sum()
    assert 0 <= interval.low <= rate <= interval.high <= 1
    assert interval.low < interval.high
    order = np.random.default_rng(seed).permutation(samples)
    again = clustered_interval(
        SampleCounts(drawn.count[order], drawn.n[order]), seed=draw, draws=200
    )
    assert again == interval


def test_mean_of_figures_is_the_rate_of_equal_samples() -> None:
    """The mean over samples of equal size has the interval of the rate over their responses."""
    samples = beta_binomial(50, (4, 4), 6)
    mean, rate = bootstrap_mean(samples.count / samples.n), clustered_interval(samples)
    assert mean.low == pytest.approx(rate.low, abs=1e-12)
    assert mean.high == pytest.approx(rate.high, abs=1e-12)


@pytest.mark.parametrize("epochs", [(5, 5), (1, 300)])
def test_time_and_memory(epochs: tuple[int, int]) -> None:
    """10,000 samples take little memory, even when no two are alike; the time is bounded loosely.

    It is well under a second alone on one core; ten allow for a busy machine.
    """
    samples = beta_binomial(10_000, epochs, 8)
    tracemalloc.start()
    started = time.process_time()
    clustered_interval(samples)
    elapsed = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert elapsed < 10
    assert peak < 100 * 2**20


def test_no_data_is_an_error() -> None:
    """Nothing scored has no interval."""
    with pytest.raises(InsufficientDataError):
        clustered_interval(SampleCounts(np.array([0]), np.array([0])))
    with pytest.raises(InsufficientDataError):
        bootstrap_mean([])


def test_impossible_arguments() -> None:
    """Counts, values, confidences and numbers of draws that cannot be are refused."""
    samples = beta_binomial(20, (2, 2), 1)
    with pytest.raises(ValueError, match="confidence"):
        clustered_interval(samples, 1.0)
    with pytest.raises(ValueError, match="draws"):
        clustered_interval(samples, draws=99)
    with pytest.raises(ValueError, match="count 3"):
        clustered_interval(SampleCounts(np.array([3]), np.array([2])))
    for values in ([0.5, 1.5], [float("nan")], [[0.5]]):
        with pytest.raises(ValueError, match="one figure"):
            bootstrap_mean(values)
