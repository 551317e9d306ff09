"""kill -9 at seeded instants of writing, torn writes included: every resume ends the same."""

import os
import random
import sys
from collections import Counter
from pathlib import Path

from commands import summary_of
from faulty_runs import answer, unchanging
from killed_child import Commands
from serving import ApiServer
from stopped_runs import JOURNALS, arguments, samples

from unisafebench.runs.checkup import check_run
from unisafebench.runs.checkup_lines import Finding
from unisafebench.runs.directory import RunDirectory

INSTANTS = 50 if os.environ.get("UNISAFEBENCH_LONG") == "1" else 6
SEED = 604_00547


def test_killed_at_every_kind_of_instant(tmp_path: Path) -> None:
    """Nothing is lost or doubled, and the summary is that of a run that was let alone."""
    draw = random.Random(SEED)
    met: Counter[str] = Counter()
    with ApiServer(answer) as server, Commands() as command:
        given = arguments(server.root)
        samples(whole := tmp_path / "whole")
        ended = command(whole, f"count:{tmp_path / 'calls'}", given)
        assert ended.code == 0, ended.output
        calls = int((tmp_path / "calls").read_text())
        for number in range(INSTANTS):
            at = draw.randint(1, calls)
            instant = f"{at}.{draw.choice((0, 2, 5, 9, 99))}"
            samples(directory := tmp_path / f"killed{number}")
            assert command(directory, instant, given).code == -9, instant
            met.update(_left(directory / "run"))
            assert problems(directory / "run") == [], instant
            ended = command(directory, "none", given)
            assert ended.code == 0, ended.output
            assert "Traceback" not in ended.output
            assert problems(directory / "run") == [], instant
            assert summary_of(directory / "run") == summary_of(whole / "run"), instant
            for name in JOURNALS:
                found = (directory / "run" / name).read_bytes()
                assert unchanging(directory / "run" / name) == unchanging(whole / "run" / name)
                assert found.count(b"\n") == (whole / "run" / name).read_bytes().count(b"\n")
    sys.stdout.write(f"\n{INSTANTS} kills at {calls} calls that write: {dict(met)}\n")
    assert met["killed"] == INSTANTS
    assert met["torn line"] > 0


def problems(run: Path) -> list[Finding]:
    """Look a run over: what a kill leaves is no damage, and what follows it neither."""
    if not (run / "manifest.json").exists():
        return []
    return [each for each in check_run(RunDirectory(run)) if each.state == "problem"]


def _left(run: Path) -> list[str]:
    """Return what a kill left behind, in words."""
    found = ["killed"]
    if not (run / "manifest.json").exists():
        found.append("no manifest yet")
    for name in JOURNALS:
        path = run / name
        if path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            found.append("torn line")
    if any(path.name.endswith(".part") or ".part-" in path.name for path in run.rglob(".*")):
        found.append("part of a file")
    return found
