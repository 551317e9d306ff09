"""Agreement of several judges against published tables, another program, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats import inter_rater  # type: ignore[import-untyped]

from unisafebench.metrics.intervals import InsufficientDataError
from unisafebench.metrics.judges import (
    MISSING,
    fleiss_kappa,
    judge_pairs,
    krippendorff_alpha,
    rates_over_judges,
)

_ = MISSING

# K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), example C: 4 observers,
# 12 units, 5 values, missing data; its nominal alpha is 0.743.
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]

# How many of 14 raters gave each of five values to ten subjects: the example of "Fleiss' kappa" in
# Wikipedia, where it is 0.210.
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def names(number: int) -> list[str]:
    """Return names of judges."""
    return [f"judge-{at}" for at in range(number)]


def test_published_alpha() -> None:
    """Alpha is the published one."""
    assert krippendorff_alpha(names(4), KRIPPENDORFF) == pytest.approx(0.743, abs=5e-4)


def test_published_fleiss_kappa() -> None:
    """Kappa is the published one."""
    verdicts = np.array([np.repeat(np.arange(5), row) for row in FLEISS]).T
    assert fleiss_kappa(names(14), verdicts) == pytest.approx(0.210, abs=5e-4)


tables = st.tuples(st.integers(2, 4), st.integers(2, 25), st.integers(0, 10**6)).map(
    lambda shape: np.random.default_rng(shape[2]).integers(0, 3, shape[:2])
)


@settings(max_examples=50)
@given(tables)
def test_kappas_of_another_program(verdicts: np.ndarray) -> None:
    """Fleiss' and Cohen's kappa are those of statsmodels; nothing exceeds 1."""
    table, _values = inter_rater.aggregate_raters(verdicts.T)
    found = fleiss_kappa(names(len(verdicts)), verdicts)
    if found is not None:
        assert found == pytest.approx(inter_rater.fleiss_kappa(table), abs=1e-12)
        assert found <= 1
    for pair in judge_pairs(names(len(verdicts)), verdicts):
        one, other = (verdicts[names(len(verdicts)).index(at)] for at in (pair.first, pair.second))
        square = np.zeros((3, 3))
        np.add.at(square, (one, other), 1)
        assert pair.raw == pytest.approx(np.trace(square) / one.size)
        if pair.kappa is not None:
            expected = inter_rater.cohens_kappa(square, return_results=False)
            assert pair.kappa == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50)
@given(tables)
def test_alpha_of_complete_data(verdicts: np.ndarray) -> None:
    """Without missing verdicts alpha is 1 - (1 - kappa) (1 - 1/N), N verdicts in all."""
    judges = names(len(verdicts))
    kappa, alpha = fleiss_kappa(judges, verdicts), krippendorff_alpha(judges, verdicts)
    if kappa is None:
        assert alpha is None
    else:
        assert alpha == pytest.approx(1 - (1 - kappa) * (1 - 1 / verdicts.size), abs=1e-12)


def test_pairs_by_hand() -> None:
    """20 + 15 of 50 agree, 0.5 by chance: kappa 0.4; missing verdicts are in no pair."""
    one = [0] * 20 + [0] * 5 + [1] * 10 + [1] * 15 + [MISSING, 0]
    other = [0] * 20 + [1] * 5 + [0] * 10 + [1] * 15 + [0, MISSING]
    nothing = [MISSING] * 52
    first, second, third = judge_pairs(["a", "b", "c"], [one, other, nothing])
    assert (first.first, first.second, first.n) == ("a", "b", 50)
    assert first.raw == pytest.approx(0.7)
    assert first.kappa == pytest.approx(0.4)
    assert (second.n, second.raw, second.kappa) == (0, None, None)
    assert (third.first, third.second) == ("b", "c")


def test_one_verdict_throughout() -> None:
    """Where all say the same, chance explains everything: there is no kappa and no alpha."""
    same = np.zeros((3, 5), dtype=int)
    assert fleiss_kappa(names(3), same) is None
    assert krippendorff_alpha(names(3), same) is None
    assert [pair.kappa for pair in judge_pairs(names(3), same)] == [None] * 3
    assert [pair.raw for pair in judge_pairs(names(3), same)] == [1.0] * 3


def test_rates_by_hand() -> None:
    """Only the four responses that both judges scored whole are counted."""
    contextual = [[0, 0, 1, 2, 0], [0, 1, 1, 2, MISSING]]
    intrinsic = [[0, 1, 1, 1, 0], [0, 0, 1, 1, 0]]
    found = rates_over_judges(["strict", "mild"], contextual, intrinsic)
    assert {name: (rate.low, rate.high) for name, rate in found.items()} == {
        "C-U": (0.25, 0.5),
        "C-R": (0.25, 0.25),
        "I-U": (0.25, 0.5),
        "B-S": (0.5, 0.5),
    }
    assert found["C-U"].by_judge == {"strict": 0.5, "mild": 0.25}
    assert found["C-U"].spread == pytest.approx(0.25)
    assert {rate.n for rate in found.values()} == {4}


@settings(max_examples=50)
@given(tables, st.integers(0, 10**6))
def test_order_of_responses_does_not_matter(verdicts: np.ndarray, seed: int) -> None:
    """The same responses in another order give the same figures, rates in [0, 1]."""
    order = np.random.default_rng(seed).permutation(verdicts.shape[1])
    judges, alone = names(len(verdicts)), verdicts % 2
    assert fleiss_kappa(judges, verdicts[:, order]) == fleiss_kappa(judges, verdicts)
    one = rates_over_judges(judges, verdicts, alone)
    assert one == rates_over_judges(judges, verdicts[:, order], alone[:, order])
    assert all(0 <= rate.low <= rate.high <= 1 for rate in one.values())


def test_no_data_is_an_error() -> None:
    """Judges who never met have no agreement."""
    apart = [[0, MISSING], [MISSING, 1]]
    for figure in (fleiss_kappa, krippendorff_alpha):
        with pytest.raises(InsufficientDataError):
            figure(["a", "b"], apart)
    with pytest.raises(InsufficientDataError):
        rates_over_judges(["a", "b"], apart, [[0, 0], [0, 0]])
    with pytest.raises(InsufficientDataError):
        krippendorff_alpha(["a", "b"], np.zeros((2, 0), dtype=int))


def test_impossible_arguments() -> None:
    """Wrong names, shapes and values are refused."""
    with pytest.raises(ValueError, match="two judges"):
        judge_pairs(["a"], [[0, 1]])
    with pytest.raises(ValueError, match="two judges"):
        judge_pairs(["a", "a"], [[0, 1], [0, 1]])
    with pytest.raises(ValueError, match="not integers"):
        judge_pairs(["a", "b"], [0, 1])
    with pytest.raises(ValueError, match="not integers"):
        judge_pairs(["a", "b"], [[0.5], [1.0]])
    with pytest.raises(ValueError, match="-2"):
        judge_pairs(["a", "b"], [[0], [-2]])
    with pytest.raises(ValueError, match="of shape"):
        rates_over_judges(["a", "b"], [[0], [1]], [[0, 1], [1, 1]])
    with pytest.raises(ValueError, match="not 0, 1 or 2"):
        rates_over_judges(["a", "b"], [[0], [3]], [[0], [1]])
