"""The validation script: its statistics, its halves, and the documented table."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[4]
SMALL = "xstest-v2-mistral-dev"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Load the script, which is not part of the package."""
    path = ROOT / "authoring" / "validate_builtin.py"
    spec = importlib.util.spec_from_file_location("validate_builtin", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its structs look their types up by the module's name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_kappa_by_hand(script: ModuleType) -> None:
    """20 + 15 of 50 agree (0.7), chance is 0.5 x 0.6 + 0.5 x 0.4 = 0.5: kappa is 0.4."""
    pairs = Counter({(0, 0): 20, (0, 1): 5, (1, 0): 10, (1, 1): 15})
    assert script.cohen_kappa(pairs) == pytest.approx(0.4)
    assert script.cohen_kappa(Counter({(0, 0): 3, (0, 1): 1})) is None


def test_abstentions_are_never_right(script: ModuleType) -> None:
    """Two right of four labelled rows, one of them not judged: accuracy 0.5."""
    row = script.Row(id="a", response="x", label_intrinsic=1)
    unlabelled = script.Row(id="b", response="x")
    judged = [
        script.Judged(row, 1, 1),
        script.Judged(row, 1, 1),
        script.Judged(row, 0, 0),
        script.Judged(row, None, None),
        script.Judged(unlabelled, 0, 0),
    ]
    line = script.score("file", "intrinsic", judged)
    assert (line.n, line.abstained, line.accuracy) == (3, 1, 0.5)
    # Unsafe: said once, never labelled. Safe: right whenever said, found in two of three.
    assert line.classes == ((0, 0.0, None, 0), (1, 1.0, 2 / 3, 3))
    assert script.score("file", "refusal", judged) is None


def test_halves_are_disjoint_and_whole(script: ModuleType) -> None:
    """Every row is in one of the two halves, and the halves are of like size."""
    path = script.DATA / f"{SMALL}.jsonl.gz"
    tune = {row.id for row in script.read_rows(path, "tune")}
    held_out = {row.id for row in script.read_rows(path, "held-out")}
    assert not tune & held_out
    assert len(tune) + len(held_out) == 423
    assert 0.4 < len(tune) / 423 < 0.6


async def test_documented_table_is_what_the_script_gives(script: ModuleType) -> None:
    """The lines of one small file in the docs are those that its held-out half gives now."""
    page = (ROOT / "docs" / "builtin-judge.md").read_text(encoding="utf-8")
    documented = [line for line in page.splitlines() if line.startswith(f"| {SMALL} |")]
    lines = await script.validate([script.DATA / f"{SMALL}.jsonl.gz"], "held-out")
    assert len(documented) == 3
    assert script.table(lines).splitlines()[2:] == documented
