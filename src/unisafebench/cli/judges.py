"""`unisafebench compare --judges`: several judges of the same responses."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console

from unisafebench.comparisons.judges import compare_judges
from unisafebench.comparisons.reading import ReadRun
from unisafebench.report.comparison import print_sections, sections_markdown
from unisafebench.report.judges import judge_sections
from unisafebench.runs.manifest import write_whole

__all__ = ["show_judges"]


def show_judges(
    runs: Sequence[ReadRun], output: Sequence[Path], *, allow_different: bool, as_json: bool
) -> None:
    """Compare the judges of some runs, write the files asked for, and print the result.

    Raises:
        UsageError: the runs do not hold the same responses.
        ComparisonMismatchError: they differ in data or protocol, and that was not allowed.
        RunError: a file cannot be written.
    """
    compared = compare_judges(runs, allow_different=allow_different)
    shown = tuple(judge_sections(compared))
    document = msgspec.json.format(msgspec.json.encode(compared), indent=2) + b"\n"
    for path in output:
        as_markdown = path.suffix.lower() == ".md"
        write_whole(path, sections_markdown(shown).encode() if as_markdown else document)
    if as_json:
        click.echo(document, nl=False)
    else:
        print_sections(Console(highlight=False), shown)
