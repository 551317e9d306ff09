"""The paper's panels in LaTeX: layout, the best values, and that LaTeX can read them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from entries import published_entry

from unisafebench.exports.entries import Entry, Figures, Utility
from unisafebench.exports.latex import latex_panels
from unisafebench.published.load import PublishedCounts, published_models


def _rows(text: str, panel: str) -> dict[str, list[str]]:
    """Return the cells of a panel's rows by the name in front."""
    part = text.partition(rf"\label{{tab:unisafebench-{panel}}}")[2].partition(r"\end{tabular}")[0]
    rows = [line.removesuffix(r" \\").split(" & ") for line in part.split("\n") if " & " in line]
    return {row[0]: row[1:] for row in rows}


def test_structure(run: Entry, published: Entry) -> None:
    """Each row has as many cells as there are columns, and environments are closed in order."""
    text = latex_panels([run, published], intervals=True)
    for panel, columns in (("a", 15), ("b", 17)):
        part = text.split(rf"\label{{tab:unisafebench-{panel}}}")[1].split(r"\end{table*}")[0]
        assert rf"\begin{{tabular}}{{l{'r' * columns}}}" in part
        for line in part.split("\n"):
            if line.endswith(r"\\") and not line.startswith((" &", r"\multicolumn")):
                assert len(re.findall(r"(?<!\\)&", line)) == columns
        rules = [part.count(rf"\{rule}") for rule in ("toprule", "bottomrule", "midrule")]
        assert rules == [1, 1, 2]
    opened = re.findall(r"\\(begin|end)\{([a-z*]+)\}", text)
    assert [name for what, name in opened if what == "begin"] == ["table*", "tabular"] * 2
    assert [name for what, name in opened if what == "end"] == ["tabular", "table*"] * 2


def test_best_values_within_a_group() -> None:
    """Bold is the best of a group of two or more as it is shown; C-R has no best."""
    entries = [
        published_entry("A", text_generation=(100, 500, 90, 880)),
        published_entry("B", text_generation=(100, 200, 80, 870)),
        published_entry("Alone", "Other", text_generation=(0, 0, 0, 1000)),
    ]
    rows = _rows(latex_panels(entries), "a")
    assert rows[r"A\textsuperscript{p}"][:5] == [
        r"\textbf{0.100}", "0.500", "0.090", r"\textbf{0.880}", r"\textbf{0.515}",
    ]  # fmt: skip
    assert rows[r"B\textsuperscript{p}"][:5] == [
        r"\textbf{0.100}", "0.200", r"\textbf{0.080}", "0.870", r"\textbf{0.515}",
    ]  # fmt: skip
    assert not any("textbf" in cell for cell in rows[r"Alone\textsuperscript{p}"])


def test_nothing_is_a_dash_and_unreportable_is_never_best(run: Entry) -> None:
    """n/a is written as --; a figure of too few verdicts has a mark and takes part in nothing."""
    other = published_entry("B", "", text_to_image=(200, 0, 100, 700), vqa_text_unsafe=(1, 1, 1, 9))
    rows = _rows(latex_panels([run, other]), "a")
    (mine,) = [cells for name, cells in rows.items() if "cmd" in name]
    assert mine[5] == r"0.000\textsuperscript{*}"
    assert mine[10:] == ["--"] * 5
    # With one figure that takes part there is no contest.
    assert rows[r"B\textsuperscript{p}"][5] == "0.200"
    (vqa,) = [
        cells for name, cells in _rows(latex_panels([run, other]), "b").items() if "cmd" in name
    ]
    assert vqa == ["--"] * 17


def test_utility_of_vqa_is_one_figure() -> None:
    """Panel B ends with one utility; several different ones are not averaged."""
    entry = published_entry("A", vqa_text_unsafe=(4, 991, 4, 996))
    assert _rows(latex_panels([entry]), "b")[r"A\textsuperscript{p}"][-1] == "0.490"
    several = {"vqa-text-unsafe": Utility(value=0.5), "vqa-dual-unsafe": Utility(value=0.6)}
    for utility, shown in ((several, "--"), ({"vqa-text-unsafe": Utility(value=0.5)}, "0.500")):
        changed = Entry(
            name="A", tasks=entry.tasks, overall=entry.overall, overall_tasks=entry.overall_tasks,
            utility=utility,
        )  # fmt: skip
        assert _rows(latex_panels([changed]), "b")["A"][-1] == shown


def _figures(counts: PublishedCounts) -> Figures:
    return Figures(
        asked=counts.n, n=counts.n, coverage=1.0, reportable=True, reason=None, rates=counts.rates
    )


def test_the_paper_s_table_comes_out() -> None:
    """Every rate of the paper's main table is written as it is printed there."""
    models = published_models().values()
    entries = [
        Entry(
            name=model.name,
            tasks={task: _figures(counts) for task, counts in model.tasks.items()},
            overall=_figures(next(iter(model.tasks.values()))),
            overall_tasks=tuple(model.tasks),
        )
        for model in models
    ]
    text = latex_panels(entries)
    panels = {
        "a": ("text-generation", "text-to-image", "image-editing"),
        "b": ("vqa-dual-unsafe", "vqa-image-unsafe", "vqa-text-unsafe", "vqa-composite-unsafe"),
    }
    checked = 0
    for panel, tasks in panels.items():
        width = 5 if panel == "a" else 4
        rows = _rows(text, panel)
        for model in models:
            for at, task in enumerate(tasks):
                cells = rows.get(model.name, ["--"] * 17)[at * width : at * width + 4]
                shown = [re.sub(r"\\textbf\{(.*)\}", r"\1", cell) for cell in cells]
                printed = model.printed.get(task, {})
                assert shown == [f"{rate:.3f}" for rate in printed.values()] or ["--"] * 4
                checked += len(printed)
    assert checked == 4 * sum(len(model.tasks) for model in models)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex to ask")
@pytest.mark.slow
def test_latex_reads_it(run: Entry, published: Entry, tmp_path: Path) -> None:
    """A document with both panels compiles without an error."""
    body = latex_panels([run, published], intervals=True)
    head = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
    (tmp_path / "t.tex").write_text(f"{head}{body}\\end{{document}}\n", encoding="utf-8")
    ended = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],  # noqa: S607
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-2000:]
