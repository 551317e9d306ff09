"""The Python examples of the page on utility print what the page says."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pages import DOCS, Block, blocks, shows

from unisafebench.utility import SUGGESTIONS

PAGE = DOCS / "utility.md"


def test_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks run one after the other, in a directory with the files of the page."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    code: Block | None = None
    for block in blocks(PAGE):
        kind, _, name = block.info.partition(" ")
        text = "\n".join(block.lines) + "\n"
        if kind == "toml":
            (tmp_path / name).write_text(text, encoding="utf-8")
        elif kind == "python":
            code = block
            out = StringIO()
            with redirect_stdout(out):
                exec(compile(text, f"{PAGE.name}:{block.number}", "exec"), names)  # noqa: S102 -- our own page
        elif kind == "text":
            assert code is not None
            assert shows(block.lines, out.getvalue()), (
                f"{PAGE.name}:{code.number}\n{out.getvalue()}"
            )


def test_suggestions_of_the_page_are_those_of_the_code() -> None:
    """Every benchmark in the table of suggestions is suggested for its task."""
    rows = {
        line.split("`")[1]: line.split("|")[2]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and line.split("`")[1] in SUGGESTIONS
    }
    assert set(rows) == set(SUGGESTIONS)
    for task, listed in rows.items():
        folded = ["".join(c for c in name.casefold() if c.isalnum()) for name in listed.split(",")]
        for name in folded:
            assert any(name.startswith(known) for known in SUGGESTIONS[task]), name
