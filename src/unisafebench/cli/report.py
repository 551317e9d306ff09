"""`unisafebench report`: summary and report of a run, written again from its journals."""

from pathlib import Path

import click

from unisafebench.cli import options
from unisafebench.cli.gating import parse_gates
from unisafebench.cli.outcome import conclude
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.results import existing_run

__all__ = ["command"]


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@options.figures_options
@click.pass_context
def command(ctx: click.Context, /, run: Path, **given: object) -> None:
    """Write summary.json and report.html of a run again and print its tables."""
    values = options.Values(given)
    directory = RunDirectory(run)
    manifest = existing_run(directory)
    code = conclude(
        directory,
        manifest,
        max_unscored=values.max_unscored,
        gates=parse_gates(values.fail_if),
        as_json=values.as_json,
    )
    ctx.exit(code)
