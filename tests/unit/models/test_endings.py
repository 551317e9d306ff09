"""docs/endings.md: every row is true of a real run against a real server, and none is missing."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from endings_cases import CASES, Case
from serving import ApiServer
from whole_runs import Ended, run_through

from unisafebench.endpoints.http import Limits
from unisafebench.models.endings import ENDINGS, Means
from unisafebench.models.options import Options
from unisafebench.models.registry import resolve

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "endings.md"
_HEAD = (
    "where it stands",
    "provider's value",
    "what it means",
    "side",
    "outcome in the run",
    "notes",
)
_MEANS: dict[Means, str] = {
    "completed": "answer",
    "blocked": "block",
    "failed": "failure",
    "stopped": "account stopped",
}
_OUTCOMES = {
    "answer": {"scored", "empty"},
    "block": {"blocked"},
    "failure": {"model_error"},
    "account stopped": {"the run ends"},
}
_LIMITS = Limits(first_wait_s=0.01, longest_wait_s=0.02, timeout_s=10.0, max_retries=1)


class Row(NamedTuple):
    """A row of the page, its cells in order."""

    place: str
    value: str
    means: str
    side: str
    outcome: str
    notes: str

    @property
    def reason(self) -> str:
        """The reason that a run records: as the notes say, else the value itself."""
        noted = re.search(r"recorded as `([^`]+)`", self.notes) or re.search(
            "`([^`]+)`", self.value
        )
        assert noted is not None, self
        return noted[1]


def _rows() -> dict[tuple[str, str], Row]:
    lines = [line for line in _PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    head, _, *body = cells
    assert head == _HEAD
    rows = [Row(*row) for row in body]
    found = {(row.place, row.value): row for row in rows}
    assert len(found) == len(rows), "a row is there twice"
    return found


ROWS = _rows()


def test_the_page_and_the_cases_are_the_same_rows() -> None:
    """No row without a case, no case without a row."""
    assert sorted(ROWS.keys() - CASES.keys()) == []
    assert sorted(CASES.keys() - ROWS.keys()) == []


def test_the_page_has_the_whole_table_of_the_code() -> None:
    """Each value stands on the page with what it means and the side."""
    for place, values in ENDINGS.items():
        for value, ending in values.items():
            row = ROWS[place, f"`{value}`"]
            assert row.means == _MEANS[ending.means], row
            assert row.side == (ending.side or ""), row


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: f"{row.place}: {row.value}")
def test_what_a_row_means_agrees_with_its_outcome(row: Row) -> None:
    """A block is blocked, a failure an error; only a block has a side."""
    assert row.outcome in _OUTCOMES[row.means]
    assert bool(row.side) == (row.means == "block")


async def _run(case: Case, directory: Path) -> Ended:
    with ApiServer(case.answer) as server:
        options = Options({"base_url": server.root, **case.options}, limits=_LIMITS)
        model = resolve(case.name, options)
        return await run_through(directory, model, case.task, samples=case.samples)


@pytest.mark.parametrize("key", CASES, ids=": ".join)
async def test_a_run_ends_as_the_page_says(key: tuple[str, str], tmp_path: Path) -> None:
    """Outcome, side and reason of the run's own records are those of the row."""
    row, case = ROWS[key], CASES[key]
    ended = await _run(case, tmp_path)
    if row.outcome == "the run ends":
        assert ended.unusable is not None
        assert row.reason in str(ended.unusable)
        assert ended.responses == []
        return
    assert ended.unusable is None
    assert len(ended.responses) == len(ended.verdicts) == case.samples
    for response, verdict in zip(ended.responses, ended.verdicts, strict=True):
        assert verdict.outcome == row.outcome
        assert (verdict.blocked_side or "") == row.side
        told = {
            "scored": response.stop_reason,
            "empty": response.stop_reason,
            "blocked": verdict.why,
            "model_error": verdict.why,
        }[row.outcome]
        assert told is not None
        if row.outcome == "model_error":
            assert row.reason in told
        else:
            assert told == row.reason
