"""`unisafebench compare`: runs against each other and against published results."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console

from unisafebench.cli import options
from unisafebench.cli.gating import base_of, check_gates, parse_gates
from unisafebench.cli.judges import show_judges
from unisafebench.cli.scores import plane_of, read_scores, with_published
from unisafebench.comparisons.compare import Source, compare
from unisafebench.comparisons.families import read_families
from unisafebench.comparisons.reading import ReadRun, read_run
from unisafebench.comparisons.result import Comparison
from unisafebench.core.errors import UsageError
from unisafebench.metrics.gates import Gate, GateResult, exit_code
from unisafebench.published.load import PREFIX, PublishedModel, find_published, published_models
from unisafebench.report.comparison import comparison_markdown, print_comparison
from unisafebench.report.comparison_sections import LEVELS, Level
from unisafebench.report.plane import plane_section
from unisafebench.report.visible import visible
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.manifest import write_whole
from unisafebench.runs.results import existing_run, summary_of
from unisafebench.utility.plane import Plane
from unisafebench.utility.reading import UtilityTable

__all__ = ["command"]

_SUFFIXES = (".json", ".md")


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--baseline",
    default=None,
    metavar="RUN",
    help="The run that the others are compared with, as named among them.  [default: the first]",
)
@click.option(
    "--allow-different",
    is_flag=True,
    help="Compare runs made with other data, judge, prompts or protocol; what differs is shown.",
)
@click.option(
    "--judges",
    is_flag=True,
    help="Runs of the same responses by several judges: agreement, and the range of each rate.",
)
@click.option(
    "--families",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="TOML file of which models grew out of which.  [default: those of the paper]",
)
@click.option(
    "--by",
    type=click.Choice(LEVELS),
    multiple=True,
    default=("task",),
    show_default="task",
    help="Levels shown in the tables; repeatable. The files hold all of them.",
)
@click.option(
    "--max-unscored",
    type=click.FloatRange(0, 1),
    default=0.03,
    show_default=True,
    help="Share of a task that the judge may leave unscored before it is not reportable.",
)
@options.utility_options
@options.gates_option
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Also write it to a .json or .md file; repeatable.",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    runs: tuple[str, ...],
    baseline: str | None,
    output: tuple[Path, ...],
    by: tuple[Level, ...],
    *,
    as_json: bool,
    **given: object,
) -> None:
    """Compare runs on the same samples, or with published results.

    RUN is the directory of a run, or "published:NAME" for a model of the paper; "published:"
    alone lists their names. Each run is compared with the baseline, sample by sample.
    """
    _check_outputs(output)
    if any(name.strip().casefold() == PREFIX for name in runs):
        click.echo("\n".join(f"{PREFIX}{name}" for name in published_models()))
        return
    values = options.Values(given)
    if values.judges:
        _only_judges(values, runs, baseline)
        judged = [source for _, source in _sources(runs) if isinstance(source, ReadRun)]
        different = bool(values.allow_different)
        show_judges(judged, output, allow_different=different, as_json=as_json)
        return
    gates = parse_gates(values.fail_if)
    scores = read_scores(values)
    families = given["families"]
    sources = _sources(runs)
    result = compare(
        sources,
        baseline=_baseline(runs, baseline),
        families=read_families(families if isinstance(families, Path) else None),
        allow_different=bool(given["allow_different"]),
        max_unscored=values.max_unscored,
    )
    drawn = _plane(result, sources, scores)
    more = () if drawn is None else (plane_section(drawn),)
    for path in output:
        as_markdown = path.suffix.lower() == ".md"
        write_whole(
            path,
            comparison_markdown(result, more=more).encode("utf-8")
            if as_markdown
            else _document(result, drawn),
        )
    if as_json:
        click.echo(_document(result, drawn), nl=False)
    else:
        print_comparison(Console(highlight=False), result, by, more=more)
    ctx.exit(_exit_code(result, _gated(runs, gates, values.max_unscored)))


def _only_judges(values: options.Values, runs: Sequence[str], baseline: str | None) -> None:
    """Refuse, with --judges, what has no meaning there.

    Raises:
        UsageError: names it.
    """
    if any(_is_published(name) for name in runs):
        raise UsageError("--judges needs verdicts one by one; of published results none are known.")
    useless = {
        "--baseline": baseline,
        "--families": values.families,
        "--utility": values.utility,
        "--utility-map": values.utility_map,
        "--utility-metric": values.utility_metric,
        "--fail-if": values.fail_if,
    }
    named = [name for name, value in useless.items() if value]
    if named:
        raise UsageError(f"--judges compares judges, not models: leave out {', '.join(named)}.")


def _plane(
    result: Comparison, sources: Sequence[Source], scores: UtilityTable | None
) -> Plane | None:
    """Place the models by safety and utility, where files tell it or all of it was published."""
    published = [source for _, source in sources if isinstance(source, PublishedModel)]
    if scores is None and len(published) < len(sources):
        return None
    given = scores or UtilityTable(scores=(), unmapped=(), skipped=())
    return plane_of(result, with_published(given, published))


def _document(result: Comparison, drawn: Plane | None) -> bytes:
    whole = msgspec.json.encode(result)
    if drawn is not None:
        # Put in as text: as Python objects the ids of all flips would take several times as much.
        whole = whole[:-1] + b',"plane":' + msgspec.json.encode(drawn) + b"}"
    return msgspec.json.format(whole, indent=2) + b"\n"


def _gated(names: Sequence[str], gates: Sequence[Gate], max_unscored: float) -> int:
    """Check the gates on each run; say which do not pass, and return the exit code."""
    results: list[GateResult] = []
    for name in names if gates else ():
        if _is_published(name):
            continue
        run = RunDirectory(Path(name))
        summary = summary_of(run, existing_run(run), max_unscored=max_unscored)
        # A change from a run is a gate on the others, not on that run itself.
        own = [gate for gate in gates if (base := base_of(gate)) is None or not _same(name, base)]
        found = check_gates(run.path, summary, own)
        for result in found:
            if result.status != "passed":
                click.echo(visible(f"{name}: Gate: {result.message}"), err=True)
        results += found
    return exit_code(results)


def _check_outputs(paths: Sequence[Path]) -> None:
    """Refuse a file that could not be written before any work is done."""
    for path in paths:
        if path.suffix.lower() not in _SUFFIXES:
            raise UsageError(f"--output {path}: name a file that ends in {' or '.join(_SUFFIXES)}.")
        if not path.absolute().parent.is_dir():
            raise UsageError(f"--output {path}: the directory {path.parent} does not exist.")


def _sources(names: Sequence[str]) -> list[Source]:
    """Read what is to be compared; each gets a label that no other one has.

    Raises:
        UsageError: one is named twice.
    """
    if len(names) < 2:
        raise UsageError(
            f"{names[0]} alone cannot be compared: name a second run, "
            f"or a published result such as {PREFIX}Bagel."
        )
    same = {_identity(name) for name in names}
    if len(same) < len(names):
        raise UsageError("a run is named twice: name each run once.")
    labels = _labels(names)
    return [
        (label, find_published(name) if _is_published(name) else read_run(Path(name), label))
        for name, label in zip(names, labels, strict=True)
    ]


def _is_published(name: str) -> bool:
    return name.strip().casefold().startswith(PREFIX)


def _identity(name: str) -> str:
    return find_published(name).name if _is_published(name) else str(Path(name).resolve())


def _same(name: str, base: str) -> bool:
    return not _is_published(base) and Path(name).resolve() == Path(base).resolve()


def _labels(names: Sequence[str]) -> list[str]:
    """Return the shortest labels that tell all apart: names of directories, else their paths."""
    short = [
        f"{PREFIX}{find_published(name).name}" if _is_published(name) else Path(name).resolve().name
        for name in names
    ]
    return [
        label if short.count(label) == 1 else str(Path(name))
        for name, label in zip(names, short, strict=True)
    ]


def _baseline(names: Sequence[str], baseline: str | None) -> int:
    """Return the index of the baseline among the runs.

    Raises:
        UsageError: it is none of them.
    """
    if baseline is None:
        return 0
    wanted = _identity(baseline)
    for number, name in enumerate(names):
        if _identity(name) == wanted or (not _is_published(name) and Path(name).name == baseline):
            return number
    raise UsageError(f"--baseline {baseline} is none of the runs: {', '.join(names)}.")


def _exit_code(result: Comparison, gated: int) -> int:
    if gated == 1 or not result.incomplete:
        return gated
    click.echo(
        "Responses are unscored, or a task is not reportable: exit code 3. "
        "What is left out is counted above the figures; see 'unisafebench report RUN' for why.",
        err=True,
    )
    return 3
