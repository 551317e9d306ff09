"""Wilson intervals against published values and the laws they obey."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisafebench.metrics.intervals import InsufficientDataError, wilson

# The first four: R. G. Newcombe, "Two-sided confidence intervals for the single proportion",
# Statistics in Medicine 17 (1998), table I, method 3. The others by hand: at 0 of n the upper end
# is z^2 / (n + z^2), and z^2 = 3.8415; at 5 of 10 both ends are 1/2 -+ z / (2 sqrt(10 + z^2)).
PUBLISHED = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
    (0, 10, 0.0, 0.2775),
    (5, 10, 0.2366, 0.7634),
    (10, 10, 0.7225, 1.0),
    (1, 1, 0.2065, 1.0),
]


@pytest.mark.parametrize(("count", "n", "low", "high"), PUBLISHED)
def test_published_values(count: int, n: int, low: float, high: float) -> None:
    """Both ends agree with the published ones to four decimals."""
    interval = wilson(count, n)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def test_other_confidence() -> None:
    """At 0 of 10 the 99 % interval ends at z^2 / (n + z^2), with z = 2.5758."""
    assert wilson(0, 10, 0.99).high == pytest.approx(6.6349 / 16.6349, abs=1e-5)


def test_no_data_is_an_error() -> None:
    """A proportion of nothing is refused, never 0."""
    with pytest.raises(InsufficientDataError, match="no value"):
        wilson(0, 0)


@pytest.mark.parametrize(("count", "n", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0)])
def test_impossible_arguments(count: int, n: int, confidence: float) -> None:
    """A count outside [0, n] or a confidence outside (0, 1) is refused."""
    with pytest.raises(ValueError, match="between"):
        wilson(count, n, confidence)


def test_several_responses_per_sample() -> None:
    """Thirty responses to ten samples weigh as ten observations."""
    assert wilson(15, 30, responses_per_sample=3) == wilson(5, 10)


counted = st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counted, st.integers(1, 5))
def test_contains_the_rate(pair: tuple[int, int], epochs: int) -> None:
    """0 <= low <= rate <= high <= 1, and the interval is never a point."""
    count, n = pair
    interval = wilson(count, n, responses_per_sample=epochs)
    assert 0 <= interval.low <= count / n <= interval.high <= 1
    assert interval.low < interval.high


@given(counted)
def test_symmetric(pair: tuple[int, int]) -> None:
    """Swapping successes and failures mirrors the interval."""
    count, n = pair
    one, other = wilson(count, n), wilson(n - count, n)
    assert one.low == pytest.approx(1 - other.high, abs=1e-12)
    assert one.high == pytest.approx(1 - other.low, abs=1e-12)


@given(counted, st.integers(2, 5))
def test_more_responses_per_sample_is_wider(pair: tuple[int, int], epochs: int) -> None:
    """The same counts from fewer samples say less."""
    count, n = pair
    one, several = wilson(count, n), wilson(count, n, responses_per_sample=epochs)
    assert several.high - several.low > one.high - one.low
