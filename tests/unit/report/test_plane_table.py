"""The safety-utility plane as rows and as a table."""

from io import StringIO

from rich.console import Console

from unisafebench.report.plane import plane_notes, plane_rows, plane_table
from unisafebench.utility import Safety, Score, UtilityTable, plane

TEXT = "text-generation"


def score(model: str, value: float, low: float | None, high: float | None) -> Score:
    """Return a score of MMLU."""
    return Score(
        model=model,
        model_in_file=model,
        benchmark="mmlu",
        tasks=(TEXT,),
        value=value,
        stderr=None,
        low=low,
        high=high,
        interval_from=None,
        metric="acc",
        n=None,
        tool="by hand",
        tool_version=None,
        fewshot=None,
        file="f",
        sha256="",
    )


def counts(model: str, count: int) -> Safety:
    """Return both-safe counts of 100."""
    return Safety(model=model, task=TEXT, count=count, n=100)


TWO = plane(
    [counts("[red]A\u202e", 99), counts("B", 50), counts("C", 10)],
    UtilityTable(
        scores=(score("[red]A\u202e", 0.9, 0.89, 0.91), score("B", 0.3, 0.29, 0.31)),
        unmapped=(),
        skipped=(),
    ),
    [TEXT],
)


def test_rows() -> None:
    """Values and intervals in percent; who is behind whom; a model without utility has a row."""
    first, second, third = plane_rows(TWO)
    assert first.model == "[red]A⟦U+202E⟧"
    assert (first.utility, first.front, first.membership) == ("90.0 [89.0, 91.0]", "yes", ">99.9 %")
    assert first.measured_as == "mmlu (acc)"
    assert second.safety.startswith("50.0 [40.4, 59.6]")
    assert (second.front, second.membership) == ("no", "<0.1 %")
    assert second.dominated_by == first.model
    assert (third.model, third.front, third.utility) == ("C", "–", "–")  # noqa: RUF001 -- the sign for no value
    assert third.measured_as == f"no utility score for {TEXT}"


def test_unknown_error() -> None:
    """It is said in words, the share stands in brackets, and a note names the model."""
    found = plane(
        [counts("A", 50)],
        UtilityTable(scores=(score("A", 0.5, None, None),), unmapped=(), skipped=()),
        [TEXT],
    )
    (row,) = plane_rows(found)
    assert row.utility == "50.0 [error not known]"
    assert row.membership == "(100.0 %)"
    assert "error of these utility scores is not known" in plane_notes(found)[-1]
    assert len(plane_notes(TWO)) == len(plane_notes(found)) - 1


def test_table() -> None:
    """Names are printed as they are, not as markup of the terminal."""
    out = StringIO()
    Console(file=out, width=200).print(plane_table(TWO))
    text = out.getvalue()
    assert "[red]A⟦U+202E⟧" in text
    assert "no utility score for text-generation" in text


def test_many_rivals() -> None:
    """Three of those that are better are named, the others counted."""
    names = [f"m{i}" for i in range(6)]
    found = plane(
        [counts(name, 50 - place) for place, name in enumerate(names)],
        UtilityTable(
            scores=tuple(score(name, 0.5, 0.4, 0.6) for name in names), unmapped=(), skipped=()
        ),
        [TEXT],
    )
    assert plane_rows(found)[-1].dominated_by == "m0, m1, m2 and 2 more"
    assert found.points[-1].dominated_by == ("m0", "m1", "m2", "m3", "m4")
