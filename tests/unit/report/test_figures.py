"""How figures are written."""

import pytest

from unisafebench.metrics.groups import proportion
from unisafebench.metrics.summary import Summary
from unisafebench.report.figures import cautions, decimal, interval, percent, with_interval


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),  # noqa: RUF001 - the sign for "no value"
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.5, "50.0 %"),
        (0.3855, "38.6 %"),
        (175 / 454, "38.5 %"),
        (0.0005, "0.1 %"),
        (0.0004, "<0.1 %"),
        (1e-9, "<0.1 %"),
        (0.9994, "99.9 %"),
        (0.9996, ">99.9 %"),
        (1 / 3, "33.3 %"),
        (2 / 3, "66.7 %"),
    ],
)
def test_percent(value: float | None, written: str) -> None:
    """One decimal, half up; never a full 0 or 100 that is not one."""
    assert percent(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),  # noqa: RUF001 - the sign for "no value"
        (0.125, "0.13"),
        (-0.125, "-0.13"),
        (-0.001, "0.00"),
        (2.0, "2.00"),
    ],
)
def test_decimal(value: float | None, written: str) -> None:
    """Two decimals, half away from zero, and no minus before zero."""
    assert decimal(value) == written


def test_interval() -> None:
    """Both ends in percent; a dash where there are none."""
    assert interval(0.341, 0.431) == "[34.1, 43.1]"
    assert interval(None, None) == "–"  # noqa: RUF001 - the sign for "no value"


def test_with_interval() -> None:
    """A proportion of nothing is one dash, not a zero."""
    assert with_interval(proportion(5, 10)) == "50.0 % [23.7, 76.3]"
    assert with_interval(proportion(0, 0)) == "–"  # noqa: RUF001 - the sign for "no value"


def test_cautions(summary: Summary) -> None:
    """Whatever weakens the figures is said: pending, judge failures, tasks left out."""
    found = "\n".join(cautions(summary))
    assert "Incomplete run: 2 responses" in found
    assert "text-to-image (the judge left 4 of 16 responses unscored" in found
    assert "Not supported by the model, and in no figure: image-editing" in found
