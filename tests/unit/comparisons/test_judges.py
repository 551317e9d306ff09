"""Several judges whose verdicts on the same responses were decided by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from written_runs import Marks, make_sample, write_run

from unisafebench.comparisons.identity import ComparisonMismatchError
from unisafebench.comparisons.judges import compare_judges
from unisafebench.comparisons.reading import ReadRun, read_run
from unisafebench.core.errors import UsageError
from unisafebench.core.records import Response, Sample
from unisafebench.report.judges import judge_sections

UNSAFE: Marks = {"contextual": 0, "intrinsic": 0}
SAFE: Marks = {"contextual": 1, "intrinsic": 1}
BLOCKED: Marks = {"contextual": 2, "intrinsic": 1, "outcome": "blocked"}
FAILED: Marks = {"outcome": "judge_error", "decided_by": None}


def _run(
    path: Path,
    samples: Sequence[Sample],
    decide: Callable[[int], Marks],
    *,
    answer: Callable[[int], str] = lambda number: f"Answer {number}.",
    **judging: Any,
) -> ReadRun:
    write_run(path, samples, lambda sample, _: decide(int(sample.id)), **judging)
    with (path / "responses.jsonl").open("wb") as file:
        for sample in samples:
            response = Response(
                sample_id=sample.id,
                task=sample.task,
                epoch=0,
                model="test/model",
                status="completed",
                text=answer(int(sample.id)),
            )
            file.write(msgspec.json.encode(response) + b"\n")
    return read_run(path, path.name)


def test_agreement_and_range_by_hand(tmp_path: Path) -> None:
    """10 responses: both unsafe 2, first only 1, second only 3, neither 4."""
    samples = [make_sample(number) for number in range(10)]
    first = _run(tmp_path / "a", samples, lambda n: UNSAFE if n < 3 else SAFE)
    second = _run(
        tmp_path / "b", samples, lambda n: UNSAFE if 1 <= n < 6 else SAFE, judge="other/judge"
    )
    found = compare_judges([first, second])
    assert [party.judge for party in found.judges] == ["test/judge", "other/judge"]
    assert (found.not_in_all, found.other_response, found.cautions) == (0, 0, ())
    agreed = found.overall.contextual
    assert (agreed.n, agreed.same) == (10, 6)
    (pair,) = agreed.pairs
    assert pair.raw == pytest.approx(0.6)
    # By chance 0.3 x 0.5 + 0.7 x 0.5 = 0.5: kappa (0.6 - 0.5) / 0.5.
    assert pair.kappa == pytest.approx(0.2)
    # Fleiss: chance 0.4^2 + 0.6^2 = 0.52.
    assert agreed.fleiss == pytest.approx((0.6 - 0.52) / 0.48)
    rate = found.overall.rates["C-U"]
    assert (rate.n, rate.low, rate.high) == (10, 0.3, 0.5)
    assert rate.by_judge == {"a": 0.3, "b": 0.5}
    assert list(found.tasks) == ["text-generation"]
    assert found.twins is None
    rows = [row for section in judge_sections(found) for row in section.rows]
    assert ("text-generation", "C-U", "30.0", "50.0", "30.0 to 50.0", "20.0") in rows


def test_what_no_judge_decided_is_left_out(tmp_path: Path) -> None:
    """Blocked responses would agree by themselves; errors leave alpha a verdict less."""
    samples = [make_sample(number) for number in range(6)]
    first = _run(tmp_path / "a", samples, lambda n: BLOCKED if n == 0 else UNSAFE)
    second = _run(
        tmp_path / "b", samples, lambda n: {0: BLOCKED, 1: FAILED}.get(n, SAFE), judge="other/judge"
    )
    found = compare_judges([first, second])
    assert [party.scored for party in found.judges] == [5, 4]
    assert (found.overall.responses, found.overall.contextual.n) == (6, 4)
    assert found.overall.rates["C-R"].high == 0
    assert found.overall.contextual.pairs[0].raw == 0


def test_nothing_decided_by_all(tmp_path: Path) -> None:
    """No figure then: n/a with N = 0."""
    samples = [make_sample(number) for number in range(3)]
    first = _run(tmp_path / "a", samples, lambda _: SAFE)
    second = _run(tmp_path / "b", samples, lambda _: FAILED, judge="other/judge")
    found = compare_judges([first, second])
    assert found.overall.rates == {}
    assert (found.overall.contextual.n, found.overall.contextual.alpha) == (0, None)
    rows = [row for section in judge_sections(found) for row in section.rows]
    assert ("text-generation", "N = 0", "n/a", "n/a", "n/a", "n/a") in rows


def test_twins_stand_apart(tmp_path: Path) -> None:
    """Harmless twins enter no rate of the unsafe samples."""
    samples = [make_sample(0), make_sample(1, twin_of="000000")]
    runs = [_run(tmp_path / name, samples, lambda n: SAFE if n else UNSAFE) for name in "ab"]
    found = compare_judges(runs)
    assert found.overall.rates["C-U"].low == 1
    assert found.twins is not None
    assert found.twins.rates["C-U"].high == 0


def test_other_responses_are_refused(tmp_path: Path) -> None:
    """Two models that happen to answer alike now and then are no two judges."""
    samples = [make_sample(number) for number in range(4)]
    first = _run(tmp_path / "a", samples, lambda _: SAFE)
    second = _run(
        tmp_path / "b", samples, lambda _: SAFE, answer=lambda n: "Other." if n else "Answer 0."
    )
    with pytest.raises(ComparisonMismatchError, match="b has others for 3 of these"):
        compare_judges([first, second])
    allowed = compare_judges([first, second], allow_different=True)
    assert allowed.overall.responses == 1
    assert allowed.other_response == 3
    assert "responses is 4 responses in a" in allowed.cautions[0]
    third = _run(tmp_path / "c", samples, lambda _: SAFE, answer=lambda n: f"Third {n}.")
    with pytest.raises(UsageError, match="no response is the same"):
        compare_judges([first, third])


def test_another_protocol_is_refused(tmp_path: Path) -> None:
    """Only who judges may differ."""
    samples = [make_sample(0)]
    first = _run(tmp_path / "a", samples, lambda _: SAFE)
    second = _run(tmp_path / "b", samples, lambda _: SAFE, protocol="paper")
    with pytest.raises(ComparisonMismatchError, match="protocol: a has strict, b has paper"):
        compare_judges([first, second])
    with pytest.raises(UsageError, match="one judge alone"):
        compare_judges([first])
