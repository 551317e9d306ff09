"""Numbers are rounded as on paper and never look better than they are."""

import pytest

from unisafebench.exports.numbers import fraction, percent, percent_with_interval
from unisafebench.metrics.groups import proportion


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0.000"),
        (1.0, "1.000"),
        (50 / 630, "0.079"),
        (0.0005, "0.001"),
        (0.00049, "<0.001"),
        (0.9996, ">0.999"),
        (0.0125, "0.013"),
    ],
)
def test_fractions(value: float, written: str) -> None:
    """Half is rounded up; what is not quite 0 or 1 does not read as 0 or 1."""
    assert fraction(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "n/a"),
        (0.0, "0.0"),
        (0.0004, "<0.1"),
        (0.9999, ">99.9"),
        (1.0, "100.0"),
        (0.5, "50.0"),
    ],
)
def test_percentages(value: float | None, written: str) -> None:
    """The same in percent; nothing is n/a, not 0."""
    assert percent(value) == written


def test_interval() -> None:
    """50 of 630 with its Wilson interval; nothing of nothing is n/a."""
    assert percent_with_interval(proportion(50, 630)) == "7.9 [6.1, 10.3]"
    assert percent_with_interval(proportion(0, 0)) == "n/a"
