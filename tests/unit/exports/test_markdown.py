"""Markdown tables of rates."""

import re

from unisafebench.exports.entries import Entry
from unisafebench.exports.markdown import markdown_rates


def test_rows(run: Entry, published: Entry) -> None:
    """A table for each task, a row for each entry that has it."""
    text = markdown_rates([run, published])
    part = text.split("### ")[1]
    assert part.startswith("Malicious Text Generation\n")
    lines = part.strip().split("\n")
    assert lines[2] == "| model | scored | coverage | C-U ↓ | C-R | I-U ↓ | B-S ↑ | Use ↑ |"
    cells = [re.split(r"(?<!\\) \| ", line)[1:] for line in lines[4:6]]
    assert cells[0][:3] == ["20 of 20", "100.0", "25.0 [11.2, 46.9]"]
    assert cells[0][-1] == "n/a |"
    assert lines[5].startswith("| Chameleon (published) | 1,000 of 1,000 | 100.0 | 0.2 [")
    assert lines[5].endswith("| 51.5 |")


def test_nothing_scored_is_not_zero(run: Entry) -> None:
    """The task of which nothing was scored has n/a for every rate, and a mark."""
    part = markdown_rates([run]).split("### Text-Unsafe VQA")[1].split("###")[0]
    assert "† | 0 of 2 | 0.0 | n/a | n/a | n/a | n/a |" in part


def test_notes(run: Entry, published: Entry) -> None:
    """Judge, protocol, notices, marks, and what is only published are said below."""
    text = markdown_rates([run, published])
    for part in (
        "judge vllm/a\\_b, protocol strict",
        "a stand-in, no model",
        "† text-to-image is not reportable: the judge left 4 of 10",
        "not supported, and in no figure: image-editing",
        "Chameleon: as published, arXiv 2604.00547",
        "Compare only rows of the same tasks",
    ):
        assert part in text, part
