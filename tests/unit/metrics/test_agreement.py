"""Agreement of the two verdicts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisafebench.metrics.agreement import agreement


def test_kappa_by_hand() -> None:
    """Of 50: 20 both unsafe, 5 contextual only, 10 intrinsic only, 15 neither: kappa is 0.4.

    Raw 35/50 = 0.7; chance (25 x 30 + 25 x 20) / 2500 = 0.5; (0.7 - 0.5) / (1 - 0.5) = 0.4.
    """
    found = agreement([20, 5, 6, 9, 4, 6])
    assert found.raw == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)


def test_safe_and_refusal_are_one() -> None:
    """Moving counts between safe and refusal changes nothing."""
    assert agreement([3, 2, 5, 7, 0, 0]) == agreement([3, 2, 0, 0, 5, 7])


@pytest.mark.parametrize("joint", [[0, 0, 0, 8, 0, 4], [9, 0, 0, 0, 0, 0]])
def test_undefined_when_constant(joint: list[int]) -> None:
    """All verdicts the same: raw agreement 1, kappa undefined."""
    found = agreement(joint)
    assert found.raw == 1
    assert found.kappa is None


def test_one_constant_verdict_is_chance() -> None:
    """One verdict constant, the other not: agreement is what chance gives, kappa 0."""
    assert agreement([0, 4, 0, 6, 0, 0]).kappa == 0


def test_no_data() -> None:
    """Without responses there is no agreement."""
    found = agreement([0] * 6)
    assert found.raw is None
    assert found.kappa is None


@given(st.lists(st.integers(0, 1000), min_size=6, max_size=6))
def test_kappa_is_at_most_one(joint: list[int]) -> None:
    """-1 <= kappa <= 1, and kappa never exceeds raw agreement."""
    found = agreement(joint)
    if found.kappa is not None and found.raw is not None:
        assert -1 <= found.kappa <= found.raw + 1e-12
