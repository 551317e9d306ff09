"""Pairing by (task, id, epoch), and the count of what has no pair."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_runs import Marks, make_sample, write_run

from unisafebench.comparisons.pairing import common_keys, left_out, pair
from unisafebench.comparisons.reading import Verdicts, read_run
from unisafebench.core.records import Sample

STATES: dict[str, Marks | None] = {
    "scored": {"contextual": 1, "intrinsic": 1},
    "judge_error": {"outcome": "judge_error", "decided_by": None},
    "pending": None,
}
# Of each sample: absent, asking something else, or a state.
KINDS = ("absent", "other", *STATES)


def _verdicts(directory: Path, kinds: list[str]) -> Verdicts:
    samples = [
        make_sample(number, prompt="Other." if kind == "other" else "Same.")
        for number, kind in enumerate(kinds)
        if kind != "absent"
    ]

    def decide(sample: Sample, _: int) -> Marks | None:
        kind = kinds[int(sample.id)]
        return STATES["scored" if kind == "other" else kind]

    return read_run(write_run(directory, samples, decide), "").verdicts


def test_what_is_left_out_is_counted_by_why(tmp_path: Path) -> None:
    """Each response that is not compared has one reason."""
    one = ["scored", "scored", "absent", "scored", "judge_error", "scored", "pending"]
    other = ["scored", "absent", "scored", "other", "scored", "pending", "judge_error"]
    first, second = _verdicts(tmp_path / "a", one), _verdicts(tmp_path / "b", other)
    pairs = pair(first, second)
    assert pairs.scored.sum() == 1
    found = left_out(first, second, pairs, [0])
    assert found.not_asked_first == 1
    assert found.not_asked_second == 1
    assert found.other_content == 1
    assert found.unscored_first == {"judge_error": 1}
    assert found.unscored_second == {"pending": 1}
    assert found.unscored_both == 1
    assert found.total == 6


@given(kinds=st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)), max_size=12))
def test_nothing_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[tuple[str, str]]
) -> None:
    """Compared and left out together are what either run asked for; swapping mirrors them."""
    whole = [("scored", "scored"), *kinds]
    directory = tmp_path_factory.mktemp("runs")
    first = _verdicts(directory / "a", [one for one, _ in whole])
    second = _verdicts(directory / "b", [other for _, other in whole])
    pairs, mirrored = pair(first, second), pair(second, first)
    found = left_out(first, second, pairs, [0])
    asked = sum(one != "absent" or other != "absent" for one, other in whole)
    assert found.total + pairs.scored.sum() == asked
    back = left_out(second, first, mirrored, [0])
    assert pairs.scored.sum() == mirrored.scored.sum()
    assert found.unscored_first == back.unscored_second
    assert found.not_asked_first == back.not_asked_second
    assert np.array_equal(first.keys[pairs.first], second.keys[pairs.second])
    both = first.keys[pairs.first][pairs.scored]
    assert np.array_equal(np.sort(both), common_keys([first, second]))


def test_epochs_are_paired_with_each_other(tmp_path: Path) -> None:
    """The second response to a sample is paired with the second of the other run."""

    def decide(_: Sample, epoch: int) -> Marks:
        return {"contextual": epoch, "intrinsic": 1}

    path = write_run(tmp_path / "a", [make_sample(0)], decide, epochs=3)
    other = write_run(tmp_path / "b", [make_sample(0)], decide, epochs=2)
    first, second = read_run(path, "").verdicts, read_run(other, "").verdicts
    pairs = pair(first, second)
    assert first.contextual[pairs.first].tolist() == [0, 1]
    assert second.contextual[pairs.second].tolist() == [0, 1]
    assert left_out(first, second, pairs, [0]).not_asked_second == 1
