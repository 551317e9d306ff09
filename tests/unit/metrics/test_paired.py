"""Differences of two runs against published examples, two other programs, and their laws."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats  # type: ignore[import-untyped]
from statsmodels.stats.contingency_tables import mcnemar  # type: ignore[import-untyped]
from statsmodels.stats.proportion import (  # type: ignore[import-untyped]
    confint_proportions_2indep,
)

from unisafebench.metrics.intervals import InsufficientDataError
from unisafebench.metrics.paired import (
    PairedCounts,
    fisher_exact,
    mcnemar_exact,
    newcombe,
    paired_counts,
    paired_difference,
    tango,
    unpaired_difference,
)

Z2 = stats.norm.ppf(0.975) ** 2


def counts(both: int, only_first: int, only_second: int, neither: int) -> PairedCounts:
    """Return the counts in the order of the published tables."""
    return PairedCounts(both=both, only_first=only_first, only_second=only_second, neither=neither)


# The published differences are first - second, ours second - first. The first two: M. W. Fagerland,
# S. Lydersen and P. Laake, "Recommended tests and confidence intervals for paired binomial
# proportions", Statistics in Medicine 33 (2014), 2850-2875, table V, and the same authors'
# "Statistical Analysis of Contingency Tables" (2017), chapter 8. The others by hand: where all
# pairs that differ fall to one side, Tango's equation is a quadratic one.
TANGO = [
    (counts(1, 1, 7, 12), 0.026, 0.517),
    (counts(59, 6, 16, 80), 0.0054, 0.1240),
    (counts(10, 0, 0, 10), -Z2 / (20 + Z2), Z2 / (20 + Z2)),
    (counts(0, 0, 20, 0), (20 - Z2) / (20 + Z2), 1.0),
    (counts(1, 0, 0, 0), -Z2 / (1 + Z2), Z2 / (1 + Z2)),
]


@pytest.mark.parametrize(("table", "low", "high"), TANGO)
def test_published_paired_intervals(table: PairedCounts, low: float, high: float) -> None:
    """Both ends agree with the published ones, to the digits printed there."""
    found = paired_difference(table)
    digits = 5e-4 if table.n == 21 else 5e-5
    assert found.low == pytest.approx(low, abs=digits)
    assert found.high == pytest.approx(high, abs=digits)


# A. Agresti, "Categorical Data Analysis", 2nd edition (2002), section 10.1: approval of the prime
# minister in two surveys of the same 1,600 people fell from 0.59 to 0.55; McNemar's z^2 is 17.36.
def test_approval_ratings() -> None:
    """Rates, difference and flips are those of the book; the p-value is that of statsmodels."""
    found = paired_difference(counts(794, 150, 86, 570))
    assert (found.n, found.flipped_up, found.flipped_down) == (1600, 86, 150)
    assert found.rate_first == pytest.approx(0.59)
    assert found.rate_second == pytest.approx(0.55)
    assert found.delta == pytest.approx(-0.04)
    assert (round(found.low, 2), round(found.high, 2)) == (-0.06, -0.02)
    assert round((86 - 150) ** 2 / (86 + 150), 2) == 17.36
    assert found.p_value == pytest.approx(
        mcnemar([[794, 150], [86, 570]], exact=True).pvalue, rel=1e-9
    )


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [
        (6, 16, 0.052479),  # Fagerland, Lydersen and Laake (2017), chapter 8
        (1, 7, 2 * (1 + 8) / 2**8),
        (0, 5, 2 / 2**5),
        (0, 0, 1.0),
        (1, 0, 1.0),
        (3, 3, 1.0),
    ],
)
def test_mcnemar_values(only_first: int, only_second: int, p_value: float) -> None:
    """The p-value agrees with the published and the hand-worked ones, in both directions."""
    assert mcnemar_exact(only_first, only_second) == pytest.approx(p_value, abs=5e-7)
    assert mcnemar_exact(only_second, only_first) == mcnemar_exact(only_first, only_second)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_binomial_test(only_first: int, only_second: int) -> None:
    """The p-value is that of the exact binomial test of the pairs that differ."""
    expected = (
        stats.binomtest(only_first, only_first + only_second).pvalue
        if only_first + only_second
        else 1.0
    )
    assert mcnemar_exact(only_first, only_second) == pytest.approx(expected, rel=1e-9)


def test_many_pairs_that_differ() -> None:
    """Half a million pairs are no trouble, and their p-value keeps its digits."""
    expected = stats.binomtest(249_000, 500_000).pvalue
    assert mcnemar_exact(249_000, 251_000) == pytest.approx(expected, rel=1e-6)


def score(only_first: int, only_second: int, n: int, delta: float) -> float:
    """Return the score statistic, with the likelihood maximised by a general optimiser."""

    def minus_log_likelihood(share: float) -> float:
        # share: probability of "only first"; that of "only second" is share + delta.
        rest = 1 - 2 * share - delta
        return -float(
            stats.multinomial.logpmf(
                [only_first, only_second, n - only_first - only_second],
                n,
                [share, share + delta, rest],
            )
        )

    least, most = max(0.0, -delta), (1 - delta) / 2
    share = optimize.minimize_scalar(
        minus_log_likelihood,
        bounds=(least + 1e-12, most - 1e-12),
        method="bounded",
        options={"xatol": 1e-12},
    ).x
    spread = np.sqrt(n * (2 * share + delta - delta**2))
    return float((only_second - only_first - n * delta) / spread)


@pytest.mark.parametrize(
    ("only_first", "only_second", "n"), [(3, 9, 40), (12, 2, 15), (20, 31, 90)]
)
def test_ends_of_tango_are_where_the_score_test_turns(
    only_first: int, only_second: int, n: int
) -> None:
    """At each end the score statistic, computed without the closed form, is 1.96."""
    interval = tango(only_first, only_second, n)
    assert score(only_first, only_second, n, interval.low) == pytest.approx(1.959964, abs=1e-4)
    assert score(only_first, only_second, n, interval.high) == pytest.approx(-1.959964, abs=1e-4)


tables = st.builds(
    counts, st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60)
).filter(lambda table: table.n > 0)


@given(tables)
def test_interval_holds_the_difference(table: PairedCounts) -> None:
    """-1 <= low <= delta <= high <= 1, it is no point, and the rates are in [0, 1]."""
    found = paired_difference(table)
    assert -1 <= found.low <= found.delta <= found.high <= 1
    assert found.low < found.high
    assert 0 <= found.rate_first <= 1
    assert 0 <= found.rate_second <= 1
    assert found.rate_second - found.rate_first == pytest.approx(found.delta, abs=1e-12)
    assert 0 < found.p_value <= 1


@given(tables)
def test_swapping_the_runs_mirrors_the_difference(table: PairedCounts) -> None:
    """Delta and interval change their sign, the flips their names, the p-value nothing."""
    one = paired_difference(table)
    other = paired_difference(
        counts(table.both, table.only_second, table.only_first, table.neither)
    )
    assert (other.delta, other.low, other.high) == (-one.delta, -one.high, -one.low)
    assert (other.flipped_up, other.flipped_down) == (one.flipped_down, one.flipped_up)
    assert other.p_value == one.p_value


@given(tables)
def test_interval_without_0_is_the_uncorrected_mcnemar_test(table: PairedCounts) -> None:
    """0 is outside the interval exactly where that test rejects."""
    found = paired_difference(table)
    differ = table.only_first + table.only_second
    statistic = (table.only_first - table.only_second) ** 2 / differ if differ else 0.0
    if abs(statistic - Z2) > 1e-6:
        assert (not found.low <= 0 <= found.high) == (statistic > Z2)


outcome_pairs = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60)


@given(outcome_pairs, outcome_pairs, st.randoms(use_true_random=False))
def test_order_and_groups_do_not_matter(
    one: list[tuple[bool, bool]], other: list[tuple[bool, bool]], random: Random
) -> None:
    """Counts of two groups add up to those of both together, in any order."""
    merged = one + other
    random.shuffle(merged)
    parts = [
        paired_counts([a for a, _ in group], [b for _, b in group])
        for group in (one, other, merged)
    ]
    for name in ("both", "only_first", "only_second", "neither", "n", "first", "second"):
        assert getattr(parts[0], name) + getattr(parts[1], name) == getattr(parts[2], name)
    assert parts[2].first == sum(a for a, _ in merged)
    assert parts[2].second == sum(b for _, b in merged)


def test_pairs_are_counted_by_kind() -> None:
    """Each of the four kinds of pairs is told from the others."""
    first = np.array([True, True, True, False, False, True])
    second = np.array([True, True, False, True, False, True])
    assert paired_counts(first, second) == counts(3, 1, 1, 1)


# Newcombe (1998), independent proportions, table II, method 10; again first - second.
UNPAIRED = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]


@pytest.mark.parametrize(("a", "m", "b", "n", "low", "high"), UNPAIRED)
def test_published_unpaired_intervals(
    a: int, m: int, b: int, n: int, low: float, high: float
) -> None:
    """Both ends agree with the published ones to four decimals."""
    found = unpaired_difference(b, n, a, m)
    assert found.delta == pytest.approx(a / m - b / n)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize(("a", "m", "b", "n"), [row[:4] for row in UNPAIRED])
def test_unpaired_interval_of_another_program(a: int, m: int, b: int, n: int) -> None:
    """The interval is that of statsmodels."""
    low, high = confint_proportions_2indep(a, m, b, n, method="newcomb", compare="diff")
    interval = newcombe(b, n, a, m)
    assert interval.low == pytest.approx(low, abs=1e-12)
    assert interval.high == pytest.approx(high, abs=1e-12)


def test_tea() -> None:
    """Fisher's lady: three of four cups right has the p-value 17/70 one-sided, 34/70 two-sided."""
    assert fisher_exact(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher_exact(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert fisher_exact(0, 5, 0, 9) == 1.0


proportions = st.integers(1, 150).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(proportions, proportions)
def test_fisher_of_another_program(first: tuple[int, int], second: tuple[int, int]) -> None:
    """The p-value is scipy's, whichever run comes first."""
    (a, m), (b, n) = first, second
    expected = stats.fisher_exact([[a, m - a], [b, n - b]]).pvalue
    assert fisher_exact(a, m, b, n) == pytest.approx(expected, rel=1e-8)
    assert fisher_exact(b, n, a, m) == pytest.approx(expected, rel=1e-8)


@given(proportions, proportions)
def test_unpaired_laws(first: tuple[int, int], second: tuple[int, int]) -> None:
    """The interval holds the difference, within [-1, 1], and is mirrored by a swap."""
    one, other = unpaired_difference(*first, *second), unpaired_difference(*second, *first)
    assert -1 <= one.low <= one.delta <= one.high <= 1
    assert other.delta == -one.delta
    assert other.low == pytest.approx(-one.high, abs=1e-12)
    assert other.high == pytest.approx(-one.low, abs=1e-12)


def test_kind_of_difference_is_written() -> None:
    """A difference says in every form whether it is paired."""
    assert paired_difference(counts(1, 1, 1, 1)).__struct_config__.tag == "paired"
    assert unpaired_difference(1, 2, 1, 2).__struct_config__.tag == "unpaired"


def test_no_data_is_an_error() -> None:
    """A difference over nothing is refused, never 0."""
    with pytest.raises(InsufficientDataError):
        paired_difference(paired_counts([], []))
    with pytest.raises(InsufficientDataError):
        unpaired_difference(0, 0, 1, 2)
    with pytest.raises(InsufficientDataError):
        fisher_exact(1, 2, 0, 0)


def test_impossible_arguments() -> None:
    """What cannot be counts, outcomes or a confidence is refused."""
    with pytest.raises(ValueError, match="negative"):
        counts(1, -1, 0, 0)
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 3)
    with pytest.raises(ValueError, match="differing pairs"):
        tango(5, 6, 10)
    with pytest.raises(ValueError, match="confidence"):
        tango(1, 2, 10, 1.0)
    with pytest.raises(ValueError, match="not between"):
        fisher_exact(3, 2, 0, 1)
    with pytest.raises(ValueError, match="do not pair"):
        paired_counts([True], [True, False])
    with pytest.raises(ValueError, match="not booleans"):
        paired_counts([0, 1], [True, False])
    with pytest.raises(ValueError, match="not booleans"):
        paired_counts(np.zeros((2, 2), dtype=bool), np.zeros((2, 2), dtype=bool))
