"""`unisafebench run`: the whole benchmark on one model."""

from pathlib import Path

import click

from unisafebench.cli import options
from unisafebench.cli.display import open_display
from unisafebench.cli.gating import parse_gates
from unisafebench.cli.outcome import conclude
from unisafebench.cli.parties import JudgeChoice, open_parties
from unisafebench.cli.plan import print_plan
from unisafebench.cli.working import carry_out, default_directory
from unisafebench.datasets.builtin import resolve_dataset
from unisafebench.models.base import Model
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.opening import Asked, open_run
from unisafebench.runs.progress import Stop
from unisafebench.runs.results import existing_run

__all__ = ["asked_of", "command"]


@click.command("run")
@options.model_options
@options.dataset_options
@options.judge_options
@options.endpoint_options
@options.output_options
@click.option("--dry-run", is_flag=True, help="Say what it would take and cost, and do nothing.")
@options.price_options
@click.pass_context
def command(ctx: click.Context, /, dry_run: bool, **given: object) -> None:
    """Run the benchmark: responses, intents, verdicts, summary and report.

    Repeating the command resumes a run that was interrupted and redoes nothing.
    """
    values = options.Values(given)
    gates = parse_gates(values.fail_if)
    model = values.open_model()
    asked = asked_of(values, model)
    choice = values.judge_choice()
    if dry_run:
        print_plan(asked, choice, model, values.prices())
        return
    parties = open_parties(choice)
    display = open_display(quiet=values.quiet)
    run = RunDirectory(values.output or _default(asked, choice))
    stop = Stop()
    with run.locked():
        manifest = open_run(run, asked, display)
        failed = carry_out(
            run,
            manifest,
            parties,
            model,
            width=values.max_connections,
            display=display,
            stop=stop,
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


def asked_of(values: options.Values, model: Model) -> Asked:
    """Return what the options ask of a run with this model."""
    name, path = resolve_dataset(values.dataset)
    tasks, unsupported = values.supported_tasks(model)
    return Asked(
        dataset_name=name,
        dataset_path=path,
        tasks=tasks,
        not_supported=unsupported,
        model=options.model_record(model),
        subcategories=options.subcategories(values.categories),
        limit=values.limit,
        shuffle=values.shuffle,
        epochs=values.epochs,
        seed=values.seed,
        allow_outside=values.allow_outside,
    )


def _default(asked: Asked, choice: JudgeChoice) -> Path:
    protocol = () if choice.protocol == "strict" else (choice.protocol,)
    return default_directory(asked.model.name, asked.dataset_name, choice.judge, *protocol)
