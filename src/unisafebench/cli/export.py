"""`unisafebench export`: tables, figures and files for papers and CI."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import click

from unisafebench.cli import options
from unisafebench.cli.gating import check_gates, parse_gates
from unisafebench.cli.scores import read_scores
from unisafebench.cli.sources import Source, read_sources, response_rows, sample_rows
from unisafebench.core.errors import RunError, UsageError
from unisafebench.exports.authors import authors_files
from unisafebench.exports.drawn import drawn_rows
from unisafebench.exports.entries import Entry
from unisafebench.exports.figures import FIGURES, draw
from unisafebench.exports.github import job_summary
from unisafebench.exports.junit import junit
from unisafebench.exports.latex import latex_panels
from unisafebench.exports.markdown import markdown_rates
from unisafebench.exports.rows import RateRow, ResponseRow, SampleRow, rate_rows
from unisafebench.exports.tables import csv_lines, write_parquet
from unisafebench.metrics.gates import Gate, GateResult, exit_code
from unisafebench.metrics.groups import RATES
from unisafebench.report.visible import visible
from unisafebench.runs.manifest import write_whole

__all__ = ["command"]

_FORMATS = ("csv", "parquet", "markdown", "latex", "svg", "pdf", "authors", "junit", "github")
_TABLES = ("rates", "samples", "responses")
_WHAT = {"csv": _TABLES, "parquet": _TABLES, "svg": tuple(FIGURES), "pdf": tuple(FIGURES)}
_TO_FILE = ("parquet", "svg", "pdf", "authors")
_FOR_CI = ("junit", "github")
_SUMMARY = "GITHUB_STEP_SUMMARY"


@click.command("export")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    required=True,
    help="csv, parquet, markdown, latex (the paper's panels), svg, pdf (figures), authors (their "
    "statistics files), junit, github (job summary).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=None,
    help="File to write; for authors a directory.  [default: standard output; for github the file "
    f"that {_SUMMARY} names]",
)
@click.option(
    "--what",
    type=click.Choice([*_TABLES, *FIGURES]),
    default=None,
    help="csv, parquet: rates, samples or responses; svg, pdf: bars, heatmap, plane, refusal.  "
    "[default: the first]",
)
@click.option(
    "--rate",
    type=click.Choice(RATES),
    default="B-S",
    show_default=True,
    help="The rate of a heatmap.",
)
@click.option(
    "--with-text",
    is_flag=True,
    help="Responses with prompt, text and reasons, harmful as they are.",
)
@click.option("--intervals", is_flag=True, help="LaTeX with the 95 % interval below each rate.")
@options.utility_options
@options.gates_option
@click.option(
    "--max-unscored",
    type=click.FloatRange(0, 1),
    default=0.03,
    show_default=True,
    help="Share of a group that the judge may leave unscored before it is not reportable.",
)
@click.pass_context
def command(ctx: click.Context, /, runs: tuple[str, ...], **given: object) -> None:
    """Write tables, figures and files for papers and CI.

    RUN is the directory of a run, or "published:NAME" for a model of the paper. Beside a figure
    its data are written, under its name and .csv. Gates (--fail-if) are checked on each run; junit
    and github show what became of them.
    """
    values = options.Values(given)
    form, output = values.form, values.output
    what = _what(form, values.what)
    _check_flags(values, what)
    _check_output(form, output)
    gates = parse_gates(values.fail_if)
    utility = read_scores(values)
    sources = read_sources(runs, max_unscored=values.max_unscored, utility=utility)
    checked = _checked(sources, gates)
    entries = [entry for entry, _ in checked]
    if what == "responses":
        _write_table(form, response_rows(sources, with_text=values.with_text), ResponseRow, output)
    elif what == "samples":
        _write_table(form, sample_rows(sources), SampleRow, output)
    elif what == "rates":
        rates = (row for entry in entries for row in rate_rows(entry))
        _write_table(form, rates, RateRow, output)
    elif what:
        _write(draw(what, entries, form, rate=values.rate), output)
        data = drawn_rows(what, entries, rate=values.rate)
        _write_table("csv", data, RateRow, output.with_name(f"{output.name}.csv"))
    elif form == "authors":
        _write_authors(entries, output)
    else:
        _write_text(form, checked, output, intervals=values.intervals)
    ctx.exit(_conclude(form, checked))


def _what(form: str, asked: str | None) -> str:
    """Return what of the runs is written; "" where the format holds one thing only.

    Raises:
        UsageError: the format does not hold what was asked for.
    """
    held = _WHAT.get(form, ())
    if asked is None:
        return held[0] if held else ""
    if asked not in held:
        able = ", ".join(name for name, kinds in _WHAT.items() if asked in kinds)
        raise UsageError(f"--what {asked} can be written as {able}, not as {form}.")
    return asked


def _check_flags(values: options.Values, what: str) -> None:
    """Refuse what would have no effect on what is written.

    Raises:
        UsageError: a flag belongs to something else.
    """
    if values.with_text and what != "responses":
        raise UsageError("--with-text is of responses: add --what responses to csv or parquet.")
    if values.intervals and values.form != "latex":
        raise UsageError("--intervals is of latex; the other formats have intervals as they are.")


def _check_output(form: str, output: Path | None) -> None:
    """Refuse what could not be written before anything is read.

    Raises:
        UsageError: a file is missing that must be named, or cannot be where it is named.
    """
    if output is None:
        if form in _TO_FILE:
            kind = "directory" if form == "authors" else "file"
            raise UsageError(f"--format {form} writes no text to look at: name a {kind} with -o.")
        return
    if form == "authors":
        if output.exists() and not output.is_dir():
            raise UsageError(f"--output {output}: authors needs a directory, and this is a file.")
        return
    if output.is_dir():
        raise UsageError(f"--output {output}: {form} is one file, and this is a directory.")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"--output {output}: the directory {output.parent} does not exist.")


def _checked(
    sources: Sequence[Source], gates: Sequence[Gate]
) -> list[tuple[Entry, tuple[GateResult, ...]]]:
    """Return each entry with what became of the gates.

    Raises:
        UsageError: there are gates and no run to check them on.
    """
    if gates and all(source.run is None for source in sources):
        raise UsageError("--fail-if is checked on runs, and only published models are named.")
    checked = []
    for source in sources:
        results: tuple[GateResult, ...] = ()
        if source.run is not None and source.entry.summary is not None:
            results = check_gates(source.run.directory.path, source.entry.summary, gates)
        checked.append((source.entry, results))
    return checked


def _write_table(
    form: str,
    rows: Iterable[RateRow | ResponseRow | SampleRow],
    row_type: type[RateRow] | type[ResponseRow] | type[SampleRow],
    output: Path | None,
) -> None:
    """Write a table as it comes: it may hold a row for each of millions of responses."""
    if output is None:
        for line in csv_lines(rows, row_type):
            click.echo(line, nl=False)
        return

    def fill(target: BinaryIO) -> None:
        if form == "parquet":
            write_parquet(rows, row_type, target)
        else:
            target.writelines(line.encode() for line in csv_lines(rows, row_type))

    _stream(output, fill)


def _stream(path: Path, fill: Callable[[BinaryIO], None]) -> None:
    """Write a file aside and rename it, so that it is never half there."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as target:
            fill(target)
        part.replace(path)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        click.echo(content, nl=False)
    else:
        write_whole(output, content)


def _write_authors(entries: Sequence[Entry], output: Path | None) -> None:
    files = [file for entry in entries for file in authors_files(entry)]
    names = [name for name, _ in files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two of the models would be written to the same file, {twice}.")
    for name, content in files:
        path = (output or Path()) / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{path.parent} cannot be made: {error.strerror}.") from error
        write_whole(path, content)


def _write_text(
    form: str,
    checked: Sequence[tuple[Entry, tuple[GateResult, ...]]],
    output: Path | None,
    *,
    intervals: bool,
) -> None:
    entries = [entry for entry, _ in checked]
    match form:
        case "junit":
            text = junit(checked)
        case "github":
            text = job_summary(checked)
        case "latex":
            text = latex_panels(entries, intervals=intervals)
        case _:
            text = markdown_rates(entries)
    named = os.environ.get(_SUMMARY) if form == "github" and output is None else None
    if named:
        _append(Path(named), text)
    else:
        _write(text.encode(), output)


def _append(path: Path, text: str) -> None:
    """Add to the job's summary, which other steps write to as well."""
    try:
        with path.open("a", encoding="utf-8") as target:
            target.write(text)
    except OSError as error:
        raise RunError(
            f"{path}, which {_SUMMARY} names, cannot be written: {error.strerror}."
        ) from error


def _conclude(form: str, checked: Sequence[tuple[Entry, tuple[GateResult, ...]]]) -> int:
    """Say which gates did not pass, and return the exit code.

    For CI a task that is not reportable is no success either: the exit code is 0 when, and only
    when, every test case of the document has succeeded.
    """
    results = [result for _, found in checked for result in found]
    for entry, found in checked:
        named = f" ({entry.name})" if len(checked) > 1 else ""
        for result in found:
            if result.status != "passed":
                # The name is foreign text, which could send terminal commands.
                click.echo(visible(f"Gate{named}: {result.message}"), err=True)
    code = exit_code(results)
    if code == 0 and form in _FOR_CI and not all(_reportable(entry) for entry, _ in checked):
        click.echo("Not every task is reportable: exit code 3.", err=True)
        return 3
    return code


def _reportable(entry: Entry) -> bool:
    twins = entry.summary.twins.tasks if entry.summary and entry.summary.twins else {}
    tasks = all(figures.reportable for figures in entry.tasks.values())
    return tasks and all(group.reportable for group in twins.values())
