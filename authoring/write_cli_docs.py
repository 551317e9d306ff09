"""Write docs/cli.md from the commands themselves; with --check compare and change nothing.

python authoring/write_cli_docs.py
python authoring/write_cli_docs.py --check     exit code 1 when the page is out of date
"""

import argparse
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from unisafebench.cli.main import cli

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"

_INTRODUCTION = """\
# Command line

<!-- Written by authoring/write_cli_docs.py: change the commands, then run it again. -->

Every command and option. What they do in a run is described in [running.md](running.md)."""


def main() -> int:
    """Write the page, or compare it; return the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/cli.md from the commands.")
    parser.add_argument(
        "--check", action="store_true", help="compare only; exit code 1 if it differs"
    )
    check = parser.parse_args().check
    page = cli_page()
    if not check:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page:
        return 0
    print(f"{PAGE} is out of date: run {Path(__file__).name} again.", file=sys.stderr)
    return 1


def cli_page() -> str:
    """Return the whole page."""
    top = click.Context(cli, info_name="unisafebench", **cli.context_settings)
    parts = [_INTRODUCTION, *_section(cli, top)]
    return "\n\n".join(parts) + "\n"


def _section(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """Yield the parts of a command's section; of a group also those of its commands."""
    yield f"## `{ctx.command_path}`"
    usage = " ".join(command.collect_usage_pieces(ctx))
    yield f"    {ctx.command_path} {usage}"
    yield from _paragraphs(command.help or "")
    rows = [
        record
        for parameter in command.get_params(ctx)
        if isinstance(parameter, click.Option)
        and (record := parameter.get_help_record(ctx)) is not None
    ]
    table = [f"| {_names(names)} | {_cell(text)} |" for names, text in rows]
    yield "\n".join(["| option | what it does |", "|---|---|", *table])
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            if inner is not None:
                yield from _section(inner, click.Context(inner, info_name=name, parent=ctx))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        yield " ".join(paragraph.split())


def _names(names: str) -> str:
    """Return an option's names and its value as code; a bar would end the table's cell."""
    return f"`{names}`".replace("|", "\\|")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(main())
