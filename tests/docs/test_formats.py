"""The formats and names that the pages describe are those of the software."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pages import DOCS, blocks

from unisafebench.core.records import Intent, Response, Sample, Verdict
from unisafebench.core.tasks import TASKS, find_task
from unisafebench.core.taxonomy import CATEGORIES
from unisafebench.datasets.responses import check_responses, read_responses
from unisafebench.datasets.samples import check_samples, read_samples

FORMATS = DOCS / "formats.md"
METHOD = DOCS / "method.md"


def examples(kind: str) -> list[dict[str, Any]]:
    """Return the JSON examples of records of this kind."""
    found = [json.loads("\n".join(b.lines)) for b in blocks(FORMATS) if b.info == f"json {kind}"]
    assert found, f"formats.md has no example of {kind}"
    return found


def in_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write the examples as a user would have them."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def table(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its head."""
    section = page.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    ends = [at for at, row in enumerate(rows) if set(row[0]) == {"-"}]
    return rows[ends[0] + 1 : ends[1] - 1 if len(ends) > 1 else None]


def code_in(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def test_sample(tmp_path: Path) -> None:
    """The example is read as it is written, with nothing left over."""
    rows = examples("sample")
    path = in_file(tmp_path / "samples.jsonl", rows)
    assert check_samples(path) == len(rows)
    for row, sample in zip(rows, read_samples(path), strict=True):
        assert json.loads(msgspec.json.encode(sample)) == row


@pytest.mark.parametrize("kind", ["response", "authors"])
def test_response(tmp_path: Path, kind: str) -> None:
    """The example is read, by our reader, and no field of it is unknown."""
    rows = examples(kind)
    path = in_file(tmp_path / "rows.jsonl", rows)
    task = find_task("t2i") if kind == "authors" else None
    assert check_responses(path, task) == len(rows)
    for row, read in zip(rows, read_responses(path, task), strict=True):
        assert read.sample_id == str(row.get("sample_id", row.get("id")))
        assert read.extra == {}
        assert (read.sample is not None) == (kind == "authors")


@pytest.mark.parametrize(("kind", "record"), [("intent", Intent), ("verdict", Verdict)])
def test_record_of_a_run(kind: str, record: type[msgspec.Struct]) -> None:
    """The example is a whole record: read and written again, it is the same."""
    for row in examples(kind):
        assert json.loads(msgspec.json.encode(msgspec.convert(row, record))) == row


@pytest.mark.parametrize("record", [Sample, Response, Intent, Verdict])
def test_every_field_is_described(record: type[msgspec.Struct]) -> None:
    """The table of a record has its fields, each once, and no others."""
    rows = table(FORMATS, record.__name__)
    described = [name for row in rows for name in code_in(row[0])]
    assert sorted(described) == sorted(record.__struct_fields__)


def test_tasks() -> None:
    """The page has the seven tasks in their order; the short forms mean what it says."""
    rows = table(METHOD, "Tasks")
    assert [code_in(row[0])[0] for row in rows] == list(TASKS)
    for row in rows:
        task = TASKS[code_in(row[0])[0]]
        assert row[1] == ("text, picture" if task.image_input else "text")
        assert row[2] == ("picture" if task.output == "image" else "text")
        assert {find_task(name).id for name in code_in(row[4])} == {task.id}


def test_taxonomy() -> None:
    """The page has the taxonomy as the software has it."""
    rows = table(METHOD, "Taxonomy")
    assert {name: tuple(subs.split(", ")) for name, subs in rows} == dict(CATEGORIES)
