"""How `compare` reads its arguments."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from written_runs import Marks, make_sample, write_run

from unisafebench.cli.compare import command
from unisafebench.core.errors import UniSafeBenchError, UnknownNameError, UsageError

SAFE: Marks = {"contextual": 1, "intrinsic": 1}


def _invoke(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments])


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Return two runs that can be compared."""
    samples = [make_sample(number) for number in range(4)]
    first = write_run(tmp_path / "one", samples, lambda *_: SAFE)
    second = write_run(tmp_path / "two", samples, lambda *_: {"contextual": 0, "intrinsic": 0})
    return first, second


def test_published_alone_lists_the_names() -> None:
    """All sixteen, as they are to be written."""
    lines = _invoke("published:").output.splitlines()
    assert len(lines) == 16
    assert "published:Bagel" in lines


def test_json_holds_everything(runs: tuple[Path, Path]) -> None:
    """Rates, differences and the ids of the samples that flipped."""
    found = json.loads(_invoke(*runs, "--json").stdout)
    assert found["format"] == "unisafebench-comparison-1"
    assert found["baseline"] == "one"
    delta = found["pairs"][0]["overall"]["rates"]["C-U"]
    assert delta["difference"]["design"] == "paired"
    assert delta["difference"]["delta"] == 1
    flips = found["pairs"][0]["flips"]["C-U"]["only_second"]
    assert flips[0] == {"task": "text-generation", "sample_id": "000000"}


@pytest.mark.parametrize("name", ["two", "path"])
def test_the_baseline_is_one_of_the_runs(runs: tuple[Path, Path], name: str) -> None:
    """It is named as the run is, or by its directory."""
    wanted = str(runs[1]) if name == "path" else name
    found = json.loads(_invoke(*runs, "--baseline", wanted, "--json").stdout)
    assert found["baseline"] == "two"


def test_files_are_written_by_their_ending(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """JSON and Markdown, next to the tables."""
    ended = _invoke(*runs, "-o", tmp_path / "x.json", "-o", tmp_path / "x.md")
    assert ended.exit_code == 0
    assert json.loads((tmp_path / "x.json").read_text())["baseline"] == "one"
    assert (tmp_path / "x.md").read_text().startswith("# Comparison with one")


def test_runs_of_the_same_name_keep_their_paths(tmp_path: Path) -> None:
    """Two directories called "run" are told apart."""
    samples = [make_sample(0)]
    first = write_run(tmp_path / "a" / "run", samples, lambda *_: SAFE)
    second = write_run(tmp_path / "b" / "run", samples, lambda *_: SAFE)
    parties = json.loads(_invoke(first, second, "--json").stdout)["parties"]
    assert [party["label"] for party in parties] == [str(first), str(second)]


def test_levels_are_chosen(runs: tuple[Path, Path]) -> None:
    """The tables show the levels that were asked for."""
    shown = _invoke(*runs, "--by", "subcategory").output
    assert "Illegal Activities" in shown
    assert "Illegal Activities" not in _invoke(*runs).output


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("published:Bagel",), UsageError, "alone cannot be compared"),
        (("published:Bagel", "published:bagel"), UsageError, "named twice"),
        (("published:Bagel", "published:Bagle"), UnknownNameError, "Did you mean 'Bagel'"),
        (("published:Bagel", "nothing-here"), UniSafeBenchError, "nothing-here is no run"),
        (
            ("published:Bagel", "published:Emu3", "--baseline", "published:Harmon"),
            UsageError,
            "none of the runs",
        ),
        (("published:Bagel", "published:Emu3", "-o", "x.txt"), UsageError, r"\.json or \.md"),
        (("published:Bagel", "published:Emu3", "-o", "no/x.md"), UsageError, "does not exist"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    arguments: tuple[str, ...], error: type[Exception], message: str
) -> None:
    """One message says what is wrong."""
    ended = _invoke(*arguments)
    assert isinstance(ended.exception, error)
    assert ended.exception is not None
    assert re.search(message, str(ended.exception))
