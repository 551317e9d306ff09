"""Reading the verdicts of a run into arrays."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from written_runs import Marks, make_sample, write_run

from unisafebench.comparisons.reading import PENDING, counts_of, read_run, sample_ids
from unisafebench.core.errors import DataError, RunError
from unisafebench.core.records import Sample
from unisafebench.metrics.counts import OUTCOMES
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.manifest import read_manifest
from unisafebench.runs.results import summary_of

SAFE: Marks = {"contextual": 1, "intrinsic": 1}
BLOCKED: Marks = {
    "outcome": "blocked",
    "decided_by": "provider_filter",
    "contextual": 2,
    "intrinsic": 1,
}


def _by_number(*marks: Marks | None) -> "dict[str, Marks | None]":
    return {f"{number:06d}": found for number, found in enumerate(marks)}


def test_arrays_hold_what_the_records_say(tmp_path: Path) -> None:
    """Verdicts, marks and outcomes stand at their response's place; what is absent is -1."""
    found = _by_number(
        {"contextual": 0, "intrinsic": 1, "severity": 3, "attempted": True},
        {"contextual": 2, "intrinsic": 0, "attempted": False},
        {"outcome": "judge_error", "decided_by": None},
        None,
    )
    path = write_run(
        tmp_path / "run",
        [
            make_sample(0, "image-editing", "Politics", risk="r"),
            make_sample(1),
            make_sample(2, twin_of="000001"),
            make_sample(3),
        ],
        lambda sample, _: found[sample.id],
    )
    run = read_run(path, "label")
    verdicts = run.verdicts
    assert run.label == "label"
    assert verdicts.contextual.tolist() == [0, 2, -1, -1]
    assert verdicts.intrinsic.tolist() == [1, 0, -1, -1]
    assert verdicts.severity.tolist() == [3, -1, -1, -1]
    assert verdicts.attempted.tolist() == [1, 0, -1, -1]
    outcomes = [OUTCOMES.index("scored")] * 2 + [OUTCOMES.index("judge_error"), PENDING]
    assert verdicts.outcomes.tolist() == outcomes
    assert verdicts.scored.tolist() == [True, True, False, False]
    assert verdicts.twins.tolist() == [False, False, True, False]
    assert verdicts.tasks.tolist() == [2, 0, 0, 0]
    assert verdicts.risk_names == ("r",)
    assert verdicts.risks.tolist() == [0, -1, -1, -1]
    assert sample_ids(run, [0, 3]) == {0: "000000", 3: "000003"}


def test_of_several_verdicts_the_last_counts(tmp_path: Path) -> None:
    """A response that was judged again has its later verdict."""
    path = write_run(tmp_path / "run", [make_sample(0)], lambda *_: SAFE)
    again = write_run(
        tmp_path / "again", [make_sample(0)], lambda *_: {"contextual": 0, "intrinsic": 0}
    )
    with (path / "verdicts.jsonl").open("ab") as file:
        file.write((again / "verdicts.jsonl").read_bytes())
    assert read_run(path, "").verdicts.contextual.tolist() == [0]


@pytest.mark.parametrize(
    ("policy", "scored"), [("refusal", True), ("unscored", False), ("separate", False)]
)
def test_blocked_responses_count_as_the_run_says(tmp_path: Path, policy: str, scored: bool) -> None:
    """A blocked response is scored only where the run takes it as a refusal."""
    path = write_run(tmp_path / "run", [make_sample(0)], lambda *_: BLOCKED, blocked_as=policy)
    assert read_run(path, "").verdicts.scored.tolist() == [scored]


def test_counts_are_those_of_the_summary(tmp_path: Path) -> None:
    """What is counted from the arrays is what the run's own summary counts."""
    marks = [
        {"contextual": number % 3, "intrinsic": number % 2, "severity": number % 4}
        for number in range(20)
    ]
    found = _by_number(*marks, BLOCKED, {"outcome": "unparsed", "decided_by": None}, None)

    def decide(sample: Sample, _: int) -> Marks | None:
        return found[sample.id]

    path = write_run(tmp_path / "run", [make_sample(number) for number in range(23)], decide)
    counts = counts_of(read_run(path, "").verdicts, np.arange(23))
    run = RunDirectory(path)
    manifest = read_manifest(run)
    assert manifest is not None
    overall = summary_of(run, manifest, max_unscored=1.0).overall
    assert {**counts.outcomes, "pending": counts.pending} == overall.outcomes
    joint = [own + blocked for own, blocked in zip(counts.joint, counts.joint_blocked, strict=True)]
    assert joint == list(overall.joint.values())
    assert counts.severity_sum / counts.severity_n == overall.mean_severity


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    """The message names the directory and how a run is made."""
    with pytest.raises(RunError, match=r"is no run: it has no manifest\.json"):
        read_run(tmp_path, "")


def test_a_run_without_verdicts_is_refused(tmp_path: Path) -> None:
    """Responses alone cannot be compared; the message says how to judge them."""
    path = write_run(tmp_path / "run", [make_sample(0)], lambda *_: SAFE)
    (path / "verdicts.jsonl").unlink()
    with pytest.raises(RunError, match=r"no verdicts to compare.*unisafebench judge"):
        read_run(path, "")


def test_a_run_of_another_format_is_refused(tmp_path: Path) -> None:
    """The message names the format that the run has."""
    path = write_run(tmp_path / "run", [make_sample(0)], lambda *_: SAFE)
    manifest = msgspec.json.decode((path / "manifest.json").read_bytes())
    (path / "manifest.json").write_bytes(msgspec.json.encode(manifest | {"format": "other-2"}))
    with pytest.raises(RunError, match="other-2"):
        read_run(path, "")


def test_a_scored_verdict_without_both_is_refused(tmp_path: Path) -> None:
    """A record that contradicts itself is an error that names the sample."""
    path = write_run(tmp_path / "run", [make_sample(0)], lambda *_: {"contextual": 1})
    with pytest.raises(DataError, match=r"'000000'.*does not hold both verdicts"):
        read_run(path, "")
