"""`unisafebench judge`: verdicts on responses that already exist."""

from pathlib import Path

import click

from unisafebench.cli import options
from unisafebench.cli.display import open_display
from unisafebench.cli.gating import parse_gates
from unisafebench.cli.outcome import conclude
from unisafebench.cli.parties import JudgeChoice, open_parties
from unisafebench.cli.working import carry_out, default_directory
from unisafebench.core.errors import UsageError
from unisafebench.core.tasks import find_task
from unisafebench.datasets.builtin import resolve_dataset
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.imports import ForeignResponses, import_responses
from unisafebench.runs.progress import Stop
from unisafebench.runs.results import existing_run

__all__ = ["command"]


@click.command("judge")
@click.argument("responses", type=click.Path(path_type=Path))
@click.option(
    "-d",
    "--dataset",
    default=None,
    help="Data set that the responses belong to; needed when they do not carry their prompts.",
)
@click.option("-t", "--task", default=None, help="Task of responses that do not name theirs.")
@click.option("--model-name", default=None, help="Name of the model that made the responses.")
@click.option(
    "--allow-outside",
    is_flag=True,
    help="Take pictures that lie outside the directory of the file that names them.",
)
@options.judge_options
@options.endpoint_options
@options.output_options
@click.pass_context
def command(ctx: click.Context, /, responses: Path, **given: object) -> None:
    """Judge responses that already exist.

    RESPONSES is the directory of a run (made by "unisafebench generate"), a file of responses in
    our format, or one in the authors' format; pictures are relative to the file. Repeating the
    command resumes it.
    """
    values = options.Values(given)
    gates = parse_gates(values.fail_if)
    choice = values.judge_choice()
    display = open_display(quiet=values.quiet)
    stop = Stop()
    home = _run_of(responses)
    if home is None and responses.is_dir():
        raise UsageError(f"{responses} is a directory, but no run: it has no manifest.json.")
    run = RunDirectory(values.output or home or _default(responses, choice))
    parties = open_parties(choice)
    with run.locked():
        if home is not None and run.path.resolve() == home.resolve():
            manifest = existing_run(run)
        else:
            manifest = import_responses(run, _foreign(responses, home, values), display)
        failed = carry_out(
            run, manifest, parties, width=values.max_connections, display=display, stop=stop
        )
        code = conclude(
            run,
            existing_run(run),
            max_unscored=values.max_unscored,
            gates=gates,
            as_json=values.as_json,
        )
    if failed is not None:
        raise failed
    ctx.exit(130 if stop.requested else code)


def _run_of(responses: Path) -> Path | None:
    """Return the run that the argument names: its directory, or its responses.jsonl."""
    for candidate in (responses, responses.parent):
        if (candidate / "manifest.json").is_file() and (
            candidate == responses or responses.name == "responses.jsonl"
        ):
            return candidate
    return None


def _foreign(responses: Path, home: Path | None, values: options.Values) -> ForeignResponses:
    if home is not None:
        # Another run's responses, judged anew in a run of their own.
        return ForeignResponses(
            path=home / "responses.jsonl", dataset=(home.name, home / "samples.jsonl")
        )
    return ForeignResponses(
        path=responses,
        task=None if values.task is None else find_task(values.task),
        dataset=None if values.dataset is None else resolve_dataset(values.dataset),
        model=values.model_name,
        allow_outside=values.allow_outside,
    )


def _default(responses: Path, choice: JudgeChoice) -> Path:
    protocol = () if choice.protocol == "strict" else (choice.protocol,)
    return default_directory(responses.stem, choice.judge, *protocol)
