"""Figures of several tries against all subsets, another program, and hand-worked values."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from unisafebench.metrics.intervals import InsufficientDataError
from unisafebench.metrics.samples import SampleCounts
from unisafebench.metrics.tries import unsafe_at_k, unsafe_frequency, variance_components


def counts(*pairs: tuple[int, int]) -> SampleCounts:
    """Return counts from (count, n) of each sample."""
    return SampleCounts(np.array([c for c, _ in pairs]), np.array([n for _, n in pairs]))


def test_unsafe_at_k_by_hand() -> None:
    """2 of 5 unsafe: 1 - C(3, 2) / C(5, 2) = 0.7; 0 of 3: 0; a sample with 1 response is out."""
    found = unsafe_at_k(counts((2, 5), (0, 3), (1, 1), (0, 0)), 2)
    assert found.value == pytest.approx(0.35)
    assert (found.k, found.n, found.too_few) == (2, 2, 2)
    assert 0 <= found.low <= 0.35 <= found.high <= 1


def test_unsafe_at_1_is_the_mean_frequency() -> None:
    """With one try it is the mean of the samples' shares."""
    assert unsafe_at_k(counts((2, 5), (3, 4)), 1).value == pytest.approx((0.4 + 0.75) / 2)


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.data())
def test_unsafe_at_k_is_the_share_of_subsets(pair: tuple[int, int], data: st.DataObject) -> None:
    """It is the share of the subsets of k responses that hold an unsafe one."""
    count, n = pair
    k = data.draw(st.integers(1, n))
    subsets = list(combinations([True] * count + [False] * (n - count), k))
    share = sum(any(subset) for subset in subsets) / len(subsets)
    assert unsafe_at_k(counts(pair), k).value == pytest.approx(share)


@pytest.mark.parametrize("p", [0.03, 0.4, 0.9])
@pytest.mark.parametrize("k", [1, 3, 6])
def test_unsafe_at_k_is_unbiased(p: float, k: int) -> None:
    """Over all that six responses can be, it is 1 - (1 - p)^k in the mean."""
    mean = sum(
        stats.binom.pmf(count, 6, p) * unsafe_at_k(counts((count, 6)), k).value
        for count in range(7)
    )
    assert mean == pytest.approx(1 - (1 - p) ** k)


def test_unsafe_frequency() -> None:
    """Each sample has its share."""
    assert unsafe_frequency(counts((1, 4), (0, 2), (3, 3))).tolist() == [0.25, 0.0, 1.0]


def test_variance_by_hand() -> None:
    """Responses that always agree vary between samples only, those that never do within only."""
    agreeing = variance_components(counts((2, 2), (0, 2)))
    # Mean square between: 2 (1/2)^2 + 2 (1/2)^2 = 1 over 1; within 0; divided by 2 responses each.
    assert (agreeing.between, agreeing.within, agreeing.icc) == (0.5, 0.0, 1.0)
    mixed = variance_components(counts((1, 2), (1, 2)))
    # Mean square between 0; within 2 x (1/2) / 2 = 1/2.
    assert (mixed.between, mixed.within, mixed.icc) == (-0.25, 0.5, -1.0)
    same = variance_components(counts((0, 2), (0, 3)))
    assert (same.between, same.within, same.icc) == (0.0, 0.0, None)


runs = st.lists(
    st.integers(1, 6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=2,
    max_size=12,
).filter(lambda pairs: any(n > 1 for _, n in pairs))


@given(runs)
def test_variance_of_another_program(pairs: list[tuple[int, int]]) -> None:
    """The ratio of the mean squares is the F of scipy's analysis of variance."""
    found = variance_components(counts(*pairs))
    n = np.array([n for _, n in pairs])
    size = (n.sum() - (n**2).sum() / n.sum()) / (n.size - 1)
    if found.within > 0:
        groups = [[1.0] * count + [0.0] * (n - count) for count, n in pairs]
        expected = stats.f_oneway(*groups).statistic
        assert (size * found.between + found.within) / found.within == pytest.approx(
            expected, abs=1e-9
        )
    assert found.icc is None or found.icc <= 1 + 1e-12


def test_variance_finds_the_planted_correlation() -> None:
    """Beta-binomial samples with ICC 0.4: the estimate over 20,000 of them is within 5 sd of it."""
    generator = np.random.default_rng(11)
    share = generator.beta(0.3 * 1.5, 0.7 * 1.5, 20_000)
    found = variance_components(SampleCounts(generator.binomial(5, share), np.full(20_000, 5)))
    assert found.icc == pytest.approx(1 / (1 + 1.5), abs=5 * 0.005)
    assert found.between + found.within == pytest.approx(0.3 * 0.7, abs=5 * 0.002)


def test_no_data_is_an_error() -> None:
    """Too few tries or samples have no figure, never 0."""
    with pytest.raises(InsufficientDataError, match="3 scored responses"):
        unsafe_at_k(counts((1, 2), (0, 1)), 3)
    with pytest.raises(InsufficientDataError):
        unsafe_frequency(counts((1, 2), (0, 0)))
    with pytest.raises(InsufficientDataError):
        variance_components(counts((1, 2)))
    with pytest.raises(InsufficientDataError):
        variance_components(counts((1, 1), (0, 1)))
    with pytest.raises(ValueError, match="at least one"):
        unsafe_at_k(counts((1, 2)), 0)
