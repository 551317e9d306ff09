"""Counting outcomes by sample."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisafebench.metrics.intervals import InsufficientDataError
from unisafebench.metrics.samples import SampleCounts, sample_counts


def test_counts_by_sample() -> None:
    """Responses are counted at their sample; one that nobody answered has n = 0."""
    found = sample_counts([0, 2, 0, 2, 2], [True, False, False, True, True], samples=4)
    assert found.count.tolist() == [1, 0, 2, 0]
    assert found.n.tolist() == [2, 0, 3, 0]
    assert found.scored().count.tolist() == [1, 2]
    assert found.scored().n.tolist() == [2, 3]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans())), st.randoms(use_true_random=False))
def test_order_and_groups_do_not_matter(responses: list[tuple[int, bool]], random: Random) -> None:
    """Counts of two halves add up to those of the whole, in any order."""

    def of(part: list[tuple[int, bool]]) -> SampleCounts:
        return sample_counts([at for at, _ in part], [shows for _, shows in part], samples=10)

    whole, half = of(responses), len(responses) // 2
    random.shuffle(responses)
    one, other = of(responses[:half]), of(responses[half:])
    assert (one.count + other.count).tolist() == whole.count.tolist()
    assert (one.n + other.n).tolist() == whole.n.tolist()
    assert whole.n.sum() == len(responses)


def test_impossible_arguments() -> None:
    """Wrong types, shapes, indices and counts are refused."""
    with pytest.raises(ValueError, match="one boolean"):
        sample_counts([0, 1], [True])
    with pytest.raises(ValueError, match="one boolean"):
        sample_counts([0, 1], [0, 1])
    with pytest.raises(ValueError, match="not integers"):
        sample_counts([0.5], [True])
    with pytest.raises(ValueError, match="index"):
        sample_counts([3], [True], samples=2)
    with pytest.raises(ValueError, match="index"):
        sample_counts([-1], [True], samples=2)
    with pytest.raises(ValueError, match="sample 1: count 3"):
        SampleCounts(np.array([0, 3]), np.array([2, 2])).scored()
    with pytest.raises(ValueError, match="shape"):
        SampleCounts(np.array([0, 1]), np.array([2])).scored()


def test_no_data_is_an_error() -> None:
    """Samples without a scored response have no figure."""
    with pytest.raises(InsufficientDataError):
        SampleCounts(np.array([0, 0]), np.array([0, 0])).scored()
    with pytest.raises(InsufficientDataError):
        sample_counts([], []).scored()
