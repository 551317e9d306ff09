"""Tables hold every figure, and read back as they were."""

import csv
import io
import sys
from pathlib import Path

import pytest
from entries import NASTY
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from unisafebench.core.errors import MissingExtraError
from unisafebench.core.records import Response, Sample, Verdict
from unisafebench.exports.drawn import drawn_rows
from unisafebench.exports.entries import Entry
from unisafebench.exports.rows import (
    RateRow,
    ResponseRow,
    SampleRow,
    columns,
    rate_rows,
    response_row,
    sample_row,
)
from unisafebench.exports.tables import csv_lines, write_parquet

SAMPLE = Sample(
    id="-7", task="text-generation", category="Sensitive Topics", subcategory="Politics",
    prompt='=A1\r\n\u2028"q"', risk="r1",
)  # fmt: skip


def _find(rows: list[RateRow], **wanted: str | None) -> RateRow:
    (found,) = [
        row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())
    ]
    return found


def test_rates_of_a_run(run: Entry) -> None:
    """Each group has its rates with counts worked out by hand."""
    rows = list(rate_rows(run))
    place = {"scope": "task", "task": "text-generation"}
    # 20 responses: C-U 3 + 2, C-R 6 + 1 + 3 blocked, I-U 3 + 1 + 1, B-S 4 + 6 + 3.
    for measure, count in (("C-U", 5), ("C-R", 10), ("I-U", 5), ("B-S", 13)):
        row = _find(rows, measure=measure, **place)
        assert (row.count, row.n, row.asked, row.rate) == (count, 20, 20, count / 20)
        assert row.low is not None
        assert row.bound_low == row.bound_high == row.rate
    # All that was attempted is the five that are contextually unsafe; 3 of them in themselves.
    attempted = _find(rows, measure="I-U attempted", **place)
    assert (attempted.count, attempted.n) == (3, 5)
    blocked = _find(rows, measure="blocked", **place)
    assert (blocked.count, blocked.n) == (3, 20)
    cell = _find(rows, scope="task+subcategory", task="text-generation", subcategory="Self-Harm",
                 measure="C-U")  # fmt: skip
    assert (cell.category, cell.count, cell.n) == ("Physical and Mental Harm", 2, 13)
    pooled = _find(rows, scope="category", category="Sensitive Topics", measure="B-S")
    assert (pooled.count, pooled.n, pooled.asked) == (10, 13, 19)
    twins = _find(rows, scope="twins", task="text-generation", measure="C-R")
    assert (twins.count, twins.n) == (1, 5)
    nothing = _find(rows, scope="task", task="vqa-text-unsafe", measure="B-S")
    assert (nothing.n, nothing.asked, nothing.rate, nothing.low) == (0, 2, None, None)
    assert nothing.reportable is False


def test_rates_of_published_figures(published: Entry) -> None:
    """They exist by task and overall; utility has no counts."""
    rows = list(rate_rows(published))
    assert {row.scope for row in rows} == {"overall", "task"}
    assert {row.source for row in rows} == {"arXiv 2604.00547"}
    use = _find(rows, task="vqa", measure="Use")
    assert (use.rate, use.count, use.n) == (0.49, None, None)


def _plain(text: str, kind: str) -> object:
    """Read a cell as the documentation says."""
    if text == "":
        return None
    if kind == "flag":
        return {"true": True, "false": False}[text]
    if kind == "text":
        return text.removeprefix("'")
    return int(text) if kind == "count" else float(text)


def _read_csv(text: str, row_type: type) -> list[RateRow | ResponseRow]:
    kinds = columns(row_type)
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    assert header == list(kinds)
    return [
        row_type(**{n: _plain(cell, kinds[n]) for n, cell in zip(header, line, strict=True)})
        for line in lines
    ]


def test_csv_reads_back(run: Entry, published: Entry) -> None:
    """Every number and text is the same after a round trip; no cell is a formula."""
    rows = [*rate_rows(run), *rate_rows(published)]
    text = "".join(csv_lines(rows, RateRow))
    assert _read_csv(text, RateRow) == rows
    assert f"\n{NASTY[:4]}" not in text


@given(st.lists(st.text(min_size=1), min_size=1))
@example(["\r", "\n", '"', ",", "'", "=", "\x00", "\ufeff", " ", "a\r\n=b"])
def test_any_text_reads_back(texts: list[str]) -> None:
    """Line ends, quotes and formulas in a text neither split its row nor get lost."""
    rows = [
        RateRow(model=text, source="run", dataset=None, judge=text, protocol=None, scope="overall",
                measure="B-S")
        for text in texts
    ]  # fmt: skip
    assert _read_csv("".join(csv_lines(rows, RateRow)), RateRow) == rows


def test_parquet_reads_back(run: Entry, published: Entry, tmp_path: Path) -> None:
    """Types are kept, and what is missing is null."""
    rows = [*rate_rows(run), *rate_rows(published)]
    with (tmp_path / "rates.parquet").open("wb") as target:
        write_parquet(rows, RateRow, target)
    table = parquet.read_table(tmp_path / "rates.parquet")
    assert [RateRow(**row) for row in table.to_pylist()] == rows
    assert [str(field.type) for field in table.schema][9:13] == [
        "string", "int64", "int64", "double",
    ]  # fmt: skip


def test_empty_tables_have_their_columns(tmp_path: Path) -> None:
    """A table without rows is a header, and a Parquet file with a schema."""
    assert "".join(csv_lines([], ResponseRow)) == ",".join(columns(ResponseRow)) + "\n"
    with (tmp_path / "none.parquet").open("wb") as target:
        write_parquet([], RateRow, target)
    assert parquet.read_table(tmp_path / "none.parquet").column_names == list(columns(RateRow))


@pytest.mark.parametrize("with_text", [True, False])
def test_responses(with_text: bool, tmp_path: Path) -> None:
    """A response with its verdicts, and one that never came; text only where it is asked for."""
    response = Response(
        sample_id="-7", task="text-generation", epoch=1, model="demo", status="completed",
        text="an\ud800swer", images=("a.png", "b.png"), latency_s=0.25,
    )  # fmt: skip
    verdict = Verdict(
        sample_id="-7", task="text-generation", category="Sensitive Topics",
        subcategory="Politics", epoch=1, model="demo", judge="builtin", outcome="scored",
        decided_by="judge", contextual=0, intrinsic=1, severity=2, attempted=True,
        reasons={"contextual": "It does."},
    )  # fmt: skip
    rows = [
        response_row("demo", SAMPLE, 1, response, verdict, with_text=with_text),
        response_row("demo", SAMPLE, 2, None, None, with_text=with_text),
    ]
    text = "".join(csv_lines(rows, ResponseRow))
    first, second = _read_csv(text, ResponseRow)
    assert isinstance(first, ResponseRow)
    assert isinstance(second, ResponseRow)
    assert (first.sample_id, first.contextual, first.intrinsic, first.attempted) == (
        "-7", 0, 1, True,
    )  # fmt: skip
    assert first.images == "a.png b.png"
    assert (second.outcome, second.contextual, second.status) == ("pending", None, None)
    said = ("an\ufffdswer", SAMPLE.prompt, "It does.") if with_text else (None, None, None)
    assert (first.text, first.prompt, first.contextual_reason) == said
    with (tmp_path / "responses.parquet").open("wb") as target:
        write_parquet(rows, ResponseRow, target)
    table = parquet.read_table(tmp_path / "responses.parquet")
    assert [ResponseRow(**row) for row in table.to_pylist()] == [first, second]


def test_parquet_without_its_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The extra to install is named."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with (
        (tmp_path / "x").open("wb") as target,
        pytest.raises(MissingExtraError, match=r"unisafebench\[export\]"),
    ):
        write_parquet([], RateRow, target)


def _decided(contextual: int | None, intrinsic: int | None, outcome: str = "scored") -> Verdict:
    return Verdict(
        sample_id="-7", task="text-generation", category="Sensitive Topics",
        subcategory="Politics", epoch=0, model="m", judge="j",
        outcome=outcome,  # type: ignore[arg-type]  # given by the test
        contextual=contextual,  # type: ignore[arg-type]
        intrinsic=intrinsic,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_row_for_each_sample() -> None:
    """Unsafe, refused by a filter, one error and one pending: 1 of 2 or 1 of 1."""
    verdicts = [_decided(0, 1), _decided(2, 1, "blocked"), _decided(None, None, "unparsed"), None]
    row = sample_row("m", SAMPLE, verdicts, blocked_counts=True)
    assert (row.asked, row.scored, row.contextual_unsafe, row.refused, row.both_safe) == (
        4, 2, 1, 1, 1,
    )  # fmt: skip
    assert (row.contextual_unsafe_frequency, row.intrinsic_unsafe_frequency) == (0.5, 0.0)
    assert sample_row("m", SAMPLE, verdicts, blocked_counts=False).contextual_unsafe_frequency == 1
    nothing = sample_row("m", SAMPLE, [None], blocked_counts=True)
    assert nothing.contextual_unsafe_frequency is None
    assert list(csv_lines([nothing], SampleRow))[1].endswith(",1,0,0,0,0,0,,\n")


def test_several_epochs(repeated: Entry) -> None:
    """0, 1 and 3 of 3 unsafe: samples by how often, unsafe@k, and the variance."""
    rows = list(rate_rows(repeated))
    place = {"scope": "task", "task": "text-generation"}
    always = _find(rows, measure="C-U always", **place)
    assert (always.count, always.n) == (1, 3)
    at_three = _find(rows, measure="C-U unsafe@3", **place)
    assert at_three.n == 3
    assert at_three.rate == pytest.approx(2 / 3)
    # Within: (0 + 3 x 1/3 x 2/3 + 0) / (9 - 3).
    within = _find(rows, measure="C-U variance within", **place)
    assert within.rate == pytest.approx(1 / 9)


def test_a_figures_data(run: Entry, published: Entry) -> None:
    """Only what the figure shows."""
    shown = {
        kind: {(row.scope, row.measure) for row in drawn_rows(kind, [run, published], rate="C-U")}
        for kind in ("bars", "heatmap", "plane", "refusal")
    }
    assert shown["bars"] == {("task", rate) for rate in ("C-U", "C-R", "I-U", "B-S")}
    assert shown["heatmap"] == {("task+category", "C-U")}
    assert shown["plane"] == {("task", "B-S"), ("task", "Use")} - (
        set() if run.utility or published.utility else {("task", "Use")}
    )
    assert shown["refusal"] == {("twins", "C-R"), ("task", "C-U")}
