"""Differences over several epochs against published examples, another program, and their laws."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from unisafebench.metrics.clustered import (
    clustered_difference,
    difference_of_counts,
    sign_flip,
)
from unisafebench.metrics.intervals import InsufficientDataError
from unisafebench.metrics.paired import mcnemar_exact
from unisafebench.metrics.samples import SampleCounts


def counts(*pairs: tuple[int, int]) -> SampleCounts:
    """Return counts from (count, n) of each sample."""
    return SampleCounts(np.array([c for c, _ in pairs]), np.array([n for _, n in pairs]))


def single(
    both: int, only_first: int, only_second: int, neither: int
) -> tuple[SampleCounts, SampleCounts]:
    """Return two runs with one response to each sample."""
    first = [1] * both + [1] * only_first + [0] * only_second + [0] * neither
    second = [1] * both + [0] * only_first + [1] * only_second + [0] * neither
    return counts(*((count, 1) for count in first)), counts(*((count, 1) for count in second))


def test_darwin() -> None:
    """Darwin's maize, as Fisher tested it: 863 of the 2^15 sums are as great, so p = 1726 / 2^15.

    R. A. Fisher, "The Design of Experiments" (1935), section 21; heights in eighths of an inch.
    """
    heights = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    found = sign_flip(heights)
    assert found.method == "exact"
    assert found.p_value == pytest.approx(1726 / 2**15)


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=10))
def test_sign_flip_of_another_program(differences: list[int]) -> None:
    """The p-value is that of scipy, which goes through all ways to set the signs."""
    expected = stats.permutation_test(
        (np.array(differences), np.zeros(len(differences))),
        lambda one, other, axis: np.mean(one - other, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert sign_flip(differences).p_value == pytest.approx(expected.pvalue, abs=1e-12)


@given(st.integers(0, 80), st.integers(0, 80))
def test_sign_flip_of_single_responses_is_mcnemar(only_first: int, only_second: int) -> None:
    """With one response each it is the exact McNemar test."""
    differences = [-1] * only_first + [1] * only_second
    assert sign_flip(np.array(differences, dtype=int)).p_value == pytest.approx(
        mcnemar_exact(only_first, only_second), rel=1e-9
    )


@given(st.lists(st.integers(-60, 60), max_size=40), st.integers(1, 1000))
def test_unit_of_the_differences_does_not_matter(differences: list[int], unit: int) -> None:
    """A p-value has no unit."""
    array = np.array(differences, dtype=int)
    assert sign_flip(array * unit) == sign_flip(array)


def test_large_data_are_tested_by_the_normal_distribution() -> None:
    """Where the exact p-value takes too long, the normal one is near it and is said to be so."""
    generator = np.random.default_rng(7)
    many = generator.integers(-2520, 2521, 20_000)
    found = sign_flip(many)
    assert found.method == "normal"
    z = many.sum() / np.sqrt((many.astype(float) ** 2).sum())
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)
    few = generator.integers(-5, 7, 5_000)
    exact = sign_flip(few)
    assert exact.method == "exact"
    z = (abs(few.sum()) - 1) / np.sqrt((few.astype(float) ** 2).sum())
    assert exact.p_value == pytest.approx(2 * stats.norm.sf(z), rel=0.05)


# Bonett and Price's interval of the two tables in M. W. Fagerland, S. Lydersen and P. Laake,
# "Statistical Analysis of Contingency Tables" (2017), chapter 8 (there first - second), and by
# hand: without any change the interval is +- z sqrt(2) / (n + 2).
@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((59, 6, 16, 80), 0.0032, 0.1195),
        ((1, 1, 7, 12), 0.0134, 0.5084),
        ((10, 0, 0, 10), -1.959964 * 2**0.5 / 22, 1.959964 * 2**0.5 / 22),
        ((0, 0, 1, 0), 1 / 3 - 1.959964 * (8 / 27) ** 0.5, 1.0),
    ],
)
def test_single_responses_have_the_published_interval(
    table: tuple[int, int, int, int], low: float, high: float
) -> None:
    """With one response to each sample the interval is Bonett and Price's."""
    found = difference_of_counts(*single(*table))
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_worked_by_hand() -> None:
    """Shares of 3 samples go from 1/2, 0, 1 to 1, 1/2, 3/4: by 1/2, 1/2, -1/4."""
    first, second = counts((1, 2), (0, 4), (2, 2)), counts((2, 2), (2, 4), (3, 4))
    found = difference_of_counts(first, second)
    assert (found.n, found.left_out) == (3, 0)
    assert (found.responses_first, found.responses_second) == (8, 10)
    assert (found.rate_first, found.rate_second) == (0.5, 0.75)
    assert found.delta == pytest.approx(0.25)
    assert (found.flipped_up, found.flipped_down) == (2, 1)
    # Sums of +-2 +-2 +-1 as far from 0 as 3: +-5 once each, +-3 once each, of 8.
    assert found.p_value == pytest.approx(4 / 8)
    # 1/2, 1/2, -1/4, 1, -1: mean 3/20, mean of squares 41/80.
    half = 1.959964 * np.sqrt((41 / 80 - (3 / 20) ** 2) / 5)
    assert found.low == pytest.approx(0.15 - half, abs=1e-6)
    assert found.high == pytest.approx(0.15 + half, abs=1e-6)


def test_samples_missing_in_a_run_are_left_out() -> None:
    """A sample that one run did not score is in neither rate, and is counted."""
    found = difference_of_counts(counts((2, 2), (0, 0), (1, 2)), counts((1, 2), (2, 2), (0, 0)))
    assert (found.n, found.left_out) == (1, 2)
    assert (found.rate_first, found.rate_second) == (1.0, 0.5)
    assert found.p_value == 1.0


def test_from_outcomes() -> None:
    """Outcomes with any sample numbers, in any order, give what their counts give."""
    first = np.array([True, False, False, True, True])
    second = np.array([True, True, False, False, False])
    samples = np.array([70, 3, 3, 70, 9])
    assert clustered_difference(first, second, samples) == difference_of_counts(
        counts((0, 2), (1, 1), (2, 2)), counts((1, 2), (0, 1), (1, 2))
    )


@st.composite
def two_runs(draw: st.DrawFn) -> tuple[SampleCounts, SampleCounts]:
    """Return two runs of up to 20 samples with up to 5 responses each."""
    size = draw(st.integers(1, 20))
    count = st.integers(1, 5).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
    one, other = (draw(st.lists(count, min_size=size, max_size=size)) for _ in range(2))
    return counts(*one), counts(*other)


@given(two_runs())
def test_interval_holds_the_difference(runs: tuple[SampleCounts, SampleCounts]) -> None:
    """-1 <= low <= delta <= high <= 1, it is no point, and the rates are in [0, 1]."""
    found = difference_of_counts(*runs)
    assert -1 <= found.low <= found.delta <= found.high <= 1
    assert found.low < found.high
    assert 0 <= found.rate_first <= 1
    assert 0 <= found.rate_second <= 1
    assert found.delta == pytest.approx(found.rate_second - found.rate_first, abs=1e-12)
    assert 0 < found.p_value <= 1


@given(two_runs())
def test_swapping_the_runs_mirrors_the_difference(
    runs: tuple[SampleCounts, SampleCounts],
) -> None:
    """Delta and interval change their sign, the flips their names, the p-value nothing."""
    one, other = difference_of_counts(*runs), difference_of_counts(runs[1], runs[0])
    assert other.delta == pytest.approx(-one.delta, abs=1e-12)
    assert other.low == pytest.approx(-one.high, abs=1e-12)
    assert other.high == pytest.approx(-one.low, abs=1e-12)
    assert (other.flipped_up, other.flipped_down) == (one.flipped_down, one.flipped_up)
    assert other.p_value == one.p_value


@given(two_runs(), st.randoms(use_true_random=False))
def test_order_does_not_matter(runs: tuple[SampleCounts, SampleCounts], random: Random) -> None:
    """The same samples in another order give the same figures."""
    order = list(range(runs[0].n.size))
    random.shuffle(order)
    one = difference_of_counts(*runs)
    first, second = (SampleCounts(run.count[order], run.n[order]) for run in runs)
    other = difference_of_counts(first, second)
    for name in ("delta", "low", "high"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-12)
    assert (other.p_value, other.flipped_up) == (one.p_value, one.flipped_up)


def test_no_data_is_an_error() -> None:
    """Without a sample that both runs scored there is no difference."""
    with pytest.raises(InsufficientDataError):
        difference_of_counts(counts((1, 2), (0, 0)), counts((0, 0), (1, 2)))
    with pytest.raises(InsufficientDataError):
        clustered_difference([], [], [])


def test_impossible_arguments() -> None:
    """Runs that do not pair, wrong types and confidences are refused."""
    with pytest.raises(ValueError, match="shapes"):
        difference_of_counts(counts((1, 2)), counts((1, 2), (1, 2)))
    with pytest.raises(ValueError, match="confidence"):
        difference_of_counts(counts((1, 2)), counts((1, 2)), 0.0)
    with pytest.raises(ValueError, match="sample 0: count 3"):
        difference_of_counts(counts((3, 2)), counts((1, 2)))
    with pytest.raises(ValueError, match="not integers"):
        clustered_difference([True], [True], [0.5])
    with pytest.raises(ValueError, match="one boolean"):
        clustered_difference([True, False], [True], [0])
    with pytest.raises(ValueError, match="not integers"):
        sign_flip([0.5, 1.0])
