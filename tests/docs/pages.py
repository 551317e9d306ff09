"""The pages of the documentation, and what stands in them: fenced blocks, examples, links."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`]*)$")


class Block(NamedTuple):
    """A fenced block: the words behind its opening fence, its lines, the number of the first."""

    info: str
    lines: tuple[str, ...]
    number: int


class Example(NamedTuple):
    """A command and the output that the page shows; `...` in it stands for anything."""

    command: str
    expected: tuple[str, ...]
    number: int


def pages() -> list[Path]:
    """Return README.md and the pages in docs/ that are there."""
    return [page for page in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))) if page.is_file()]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page.

    Raises:
        ValueError: a block is never closed.
    """
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    for number, line in lines:
        opening = _FENCE.match(line)
        if opening is None:
            continue
        indent = len(opening["indent"])
        inside: list[str] = []
        for _, text in lines:
            if text.strip() == opening["ticks"]:
                break
            inside.append(text[indent:] if text[:indent].isspace() else text)
        else:
            raise ValueError(f"{page}:{number}: the block is never closed")
        yield Block(opening["info"].strip(), tuple(inside), number + 1)


def examples(block: Block) -> Iterator[Example]:
    r"""Yield the commands of a console block; a command goes on behind a `\` at a line's end.

    Raises:
        ValueError: output stands before the first command.
    """
    command, started = "", 0
    expected: list[str] = []
    for number, line in enumerate(block.lines, start=block.number):
        if line.startswith("$ "):
            if command:
                yield Example(command, tuple(expected), started)
            command, expected, started = line[2:], [], number
        elif command.endswith("\\"):
            command += f"\n{line.removeprefix('> ')}"
        elif command:
            expected.append(line)
        elif line.strip():
            raise ValueError(f"line {number}: output without a command")
    if command:
        yield Example(command, tuple(expected), started)


def shows(expected: tuple[str, ...], output: str) -> bool:
    """Whether the output is as the page shows it; a page that shows none accepts any."""
    if not any(line.strip() for line in expected):
        return True
    pattern = []
    for line in expected:
        if line.strip() == "...":
            pattern.append(r"(?:.*\n)*?")
            continue
        parts = (re.escape(part) for part in line.rstrip().split("..."))
        pattern.append(".*".join(parts) + " *\n")
    return re.fullmatch("".join(pattern) + r"\s*", f"{output.rstrip()}\n") is not None
