"""Understanding against generation on shared risks."""

from pathlib import Path

import pytest
from written_runs import Marks, make_sample, write_run

from unisafebench.comparisons.reading import read_run
from unisafebench.comparisons.risks import shared_risks
from unisafebench.core.records import Sample

UNSAFE: Marks = {"contextual": 0, "intrinsic": 1}
SAFE: Marks = {"contextual": 1, "intrinsic": 1}


def test_each_risk_has_its_place(tmp_path: Path) -> None:
    """Risks are unsafe when written, when drawn, in both or in neither; the p-value is exact."""
    # writes, draws: what both responses to a risk are.
    plan = {
        "both": (UNSAFE, UNSAFE),
        "write-1": (UNSAFE, SAFE),
        "write-2": (UNSAFE, SAFE),
        "write-3": (UNSAFE, SAFE),
        "draw": (SAFE, UNSAFE),
        "neither": (SAFE, SAFE),
        "undrawn": (UNSAFE, None),
    }
    samples: list[Sample] = []
    marks: dict[str, Marks | None] = {}
    for number, (risk, (written, drawn)) in enumerate(plan.items()):
        samples += [
            make_sample(number, risk=risk, id=f"w{number}"),
            make_sample(number, "text-to-image", risk=risk, id=f"d{number}"),
        ]
        marks |= {f"w{number}": written, f"d{number}": drawn}
    samples.append(make_sample(99, id="no-risk"))
    samples.append(make_sample(98, "text-to-image", id="twin", risk="draw", twin_of="d4"))
    marks |= {"no-risk": UNSAFE, "twin": UNSAFE}
    path = write_run(tmp_path / "run", samples, lambda sample, _: marks[sample.id])
    tables = shared_risks(read_run(path, "").verdicts)
    assert [(table.writes, table.draws, table.rate) for table in tables] == [
        ("text-generation", "text-to-image", "C-U"),
        ("text-generation", "text-to-image", "I-U"),
    ]
    found = tables[0]
    assert found.risks == 6
    assert (found.responses_writing, found.responses_drawing) == (6, 6)
    assert found.both == ("both",)
    assert found.writing_only == ("write-1", "write-2", "write-3")
    assert found.drawing_only == ("draw",)
    assert found.neither == ("neither",)
    # Three of four risks that differ: 2 (C(4, 0) + C(4, 1)) / 2^4.
    assert found.p_value == pytest.approx(10 / 16)
    assert tables[1].neither == ("both", "draw", "neither", "write-1", "write-2", "write-3")


def test_one_unsafe_response_makes_a_risk_unsafe(tmp_path: Path) -> None:
    """With several responses to a risk one is enough; how many there were is said."""
    samples = [
        make_sample(0, risk="r"),
        make_sample(1, risk="r"),
        make_sample(2, "image-editing", risk="r"),
    ]

    def decide(sample: Sample, _: int) -> Marks:
        return UNSAFE if sample.id == "000001" else SAFE

    found = shared_risks(read_run(write_run(tmp_path / "run", samples, decide), "").verdicts)[0]
    assert found.writing_only == ("r",)
    assert (found.responses_writing, found.responses_drawing) == (2, 1)


def test_without_shared_risks_there_is_nothing(tmp_path: Path) -> None:
    """A model that only writes has no such table."""
    path = write_run(tmp_path / "run", [make_sample(0, risk="r")], lambda *_: SAFE)
    assert shared_risks(read_run(path, "").verdicts) == ()
