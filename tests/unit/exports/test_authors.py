"""The authors' statistics: their keys, their sums."""

import json

import pytest

from unisafebench.core.errors import UsageError
from unisafebench.exports.authors import authors_files
from unisafebench.exports.entries import Entry

# What the authors' scripts write for a task, in their order.
KEYS = [
    "context_2_init_1", "context_12_init_0", "context_1_init_1", "both_0", "context_0_init_1",
    "total_valid_records", "total_input_records", "count_context_0", "count_context_1",
    "count_context_2", "count_init_0", "count_init_1", "count_init_2",
]  # fmt: skip


def test_counts(run: Entry) -> None:
    """Worked out by hand from the rows of the fixture."""
    files = dict(authors_files(run))
    assert [path.rsplit("/", 1)[0] for path in files] == [
        "Text Generation",
        "T2I",
        "VQA/safety_I_unsafety_T",
    ]
    found = json.loads(files["Text Generation/cmd-c-x-b-me-a-http-b.json"])
    assert list(found) == KEYS
    assert list(found.values()) == [9, 2, 4, 3, 2, 20, 20, 5, 5, 10, 5, 15, 0]
    missing = json.loads(files["T2I/cmd-c-x-b-me-a-http-b.json"])
    assert (missing["total_valid_records"], missing["total_input_records"]) == (6, 10)
    nothing = json.loads(files["VQA/safety_I_unsafety_T/cmd-c-x-b-me-a-http-b.json"])
    assert sum(nothing.values()) == nothing["total_input_records"] == 2


def test_rates_from_them_are_ours(run: Entry) -> None:
    """The authors' script gets the same four rates from the file as the summary has."""
    for path, content in authors_files(run):
        found = json.loads(content)
        task = {"Text Generation": "text-generation", "T2I": "text-to-image"}.get(
            path.rsplit("/", 1)[0], "vqa-text-unsafe"
        )
        both_safe = found["context_2_init_1"] + found["context_1_init_1"]
        rates = run.tasks[task].rates
        assert found["count_context_0"] == rates["C-U"].count
        assert found["count_context_2"] == rates["C-R"].count
        assert found["count_init_0"] == rates["I-U"].count
        assert both_safe == rates["B-S"].count


def test_published_figures_do_not_hold_them(published: Entry) -> None:
    """The five joint counts are never guessed."""
    with pytest.raises(UsageError, match="Chameleon"):
        list(authors_files(published))
