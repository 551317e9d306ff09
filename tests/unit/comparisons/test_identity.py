"""What is refused as not made in the same way, and what is not."""

from pathlib import Path
from typing import Any

import pytest
from written_runs import Marks, make_sample, write_run

from unisafebench.comparisons.identity import ComparisonMismatchError, differences, other_intents
from unisafebench.comparisons.reading import ReadRun, read_run
from unisafebench.core.records import Sample

SAMPLES = [make_sample(number) for number in range(4)]


def _safe(_: Sample, __: int) -> Marks:
    return {"contextual": 1, "intrinsic": 1}


def _run(path: Path, samples: list[Sample] | None = None, **fields: Any) -> ReadRun:
    return read_run(write_run(path, samples or SAMPLES, _safe, **fields), path.name)


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("protocol", "paper", "protocol"),
        ("blocked_as", "unscored", "blocked as"),
        ("judge", "test/other", "judge"),
        ("extractor", "test/other", "extractor"),
        ("judge_settings", {"temperature": 1.0}, "judge setting temperature"),
        ("prompts", {"contextual": "f" * 64, "intrinsic": "b" * 64}, "judge prompt contextual"),
        ("extractor_prompts", {"intent": "f" * 64}, "extractor prompt intent"),
    ],
)
def test_each_difference_in_judging_is_found(
    tmp_path: Path, field: str, value: Any, what: str
) -> None:
    """Judge, prompts, protocol and the policy for blocked responses must be the same."""
    found = differences(_run(tmp_path / "a"), _run(tmp_path / "b", **{field: value}))
    assert [each.what for each in found] == [what]
    assert (found[0].first, found[0].second) == ("a", "b")


def test_another_judge_is_said_in_one_line(tmp_path: Path) -> None:
    """The other judge's own settings and prompts are not listed as well."""
    other = _run(
        tmp_path / "b", judge="test/other", judge_settings={"top_p": 1}, prompts={"x": "y"}
    )
    assert [each.what for each in differences(_run(tmp_path / "a"), other)] == ["judge"]


def test_the_model_may_differ(tmp_path: Path) -> None:
    """That is what is compared."""
    assert not differences(_run(tmp_path / "a"), _run(tmp_path / "b", model="test/other"))


def test_tasks_of_one_run_alone_are_no_difference(tmp_path: Path) -> None:
    """A language model cannot draw; on the tasks that it has it is still compared."""
    more = [*SAMPLES, make_sample(9, "text-to-image")]
    assert not differences(_run(tmp_path / "a"), _run(tmp_path / "b", more))


def test_other_samples_of_a_task_are_found(tmp_path: Path) -> None:
    """Samples that lack, are new or ask something else under the same id are counted."""
    changed = [*SAMPLES[:2], make_sample(2, prompt="Something else."), make_sample(7)]
    found = differences(_run(tmp_path / "a"), _run(tmp_path / "b", changed))
    assert [each.what for each in found] == ["samples of text-generation"]
    assert (found[0].value_first, found[0].value_second) == ("4 samples", "4, 2 the same")


def test_the_order_of_samples_is_no_difference(tmp_path: Path) -> None:
    """Only what is asked matters."""
    assert not differences(_run(tmp_path / "a"), _run(tmp_path / "b", SAMPLES[::-1]))


def test_the_error_names_both_values_and_the_way_out() -> None:
    """A user can see what differs without looking into files."""
    from unisafebench.comparisons.identity import Difference

    error = ComparisonMismatchError([Difference("protocol", "a", "b", "strict", "paper")])
    assert "protocol: a has strict, b has paper" in str(error)
    assert "--allow-different" in str(error)
    assert error.exit_code == 2


def test_intents_that_differ_are_counted(tmp_path: Path) -> None:
    """The judge may have been told something else, by an extractor that was asked twice."""
    one = _run(tmp_path / "a", intents={"000000": "To harm.", "000001": "To hurt."})
    other = _run(tmp_path / "b", intents={"000000": "To harm.", "000001": "To wound."})
    assert other_intents(one, other) == (1, 4)
    assert other_intents(one, one) == (0, 4)
