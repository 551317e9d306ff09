"""Holm's correction against a hand-worked family and another program."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

from unisafebench.metrics.holm import holm


def test_worked_by_hand() -> None:
    """0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 x 1, which may not be below the one before."""
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(found) == ["a", "b", "c", "d"]


def test_small_families() -> None:
    """One test stays as it is, no test is no test, and nothing exceeds 1."""
    assert holm({"only": 0.04}) == {"only": 0.04}
    assert holm({}) == {}
    assert holm({1: 0.7, 2: 0.9}) == {1: 1.0, 2: 1.0}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=15))
def test_another_program(p_values: list[float]) -> None:
    """The adjusted p-values are those of statsmodels, and none is below the raw one."""
    found = holm(dict(enumerate(p_values)))
    expected = multipletests(p_values, method="holm")[1]
    assert list(found.values()) == pytest.approx(list(expected), abs=1e-12)
    assert all(found[index] >= p_value for index, p_value in enumerate(p_values))


@pytest.mark.parametrize("p_value", [-0.1, 1.1, float("nan")])
def test_no_probability(p_value: float) -> None:
    """What is not in [0, 1] is refused by name."""
    with pytest.raises(ValueError, match="'C-U'"):
        holm({"C-U": p_value})
