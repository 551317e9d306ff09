"""Every relative link of the documentation points to something that is there."""

import re
from pathlib import Path

import pytest
from pages import DOCS, ROOT, blocks, pages

_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
PAGES = [*pages(), *(page for page in [ROOT / "CONTRIBUTING.md"] if page.is_file())]


def prose(page: Path) -> str:
    """Return the page without its fenced blocks and code spans: what stands there is no link."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in blocks(page):
        first = block.number - 1
        lines[first : first + len(block.lines)] = [""] * len(block.lines)
    return re.sub(r"`[^`\n]*`", "", "\n".join(lines))


def anchors(page: Path) -> set[str]:
    """Return the anchors that headings get: lower case, no punctuation, dashes for blanks."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_relative_links(page: Path) -> None:
    """A link names an existing file, and a heading in it where it names one."""
    for link in _LINK.finditer(prose(page)):
        target = link["target"]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name} links to {target}, which is not there"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{page.name} links to {target}: no such heading"


def test_index_names_every_page() -> None:
    """The index has a line for each page."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert page.name == "index.md" or f"({page.name})" in index
