"""`unisafebench generate`: responses only."""

import click

from unisafebench.cli import options
from unisafebench.cli.display import open_display
from unisafebench.cli.run import asked_of
from unisafebench.cli.working import default_directory, drive, make_responses, noted
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import lacking_responses
from unisafebench.runs.opening import open_run
from unisafebench.runs.progress import Stop

__all__ = ["command"]


@click.command("generate")
@options.model_options
@options.dataset_options
@options.endpoint_options
@options.directory_option
@options.quiet_option
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> None:
    """Only make the responses; judge them another day or elsewhere.

    The directory of the run holds all that judging needs: copy it where the judge is and say
    "unisafebench judge DIRECTORY". Repeating the command resumes it.
    """
    values = options.Values(given)
    model = values.open_model()
    asked = asked_of(values, model)
    display = open_display(quiet=values.quiet)
    run = RunDirectory(values.output or default_directory(asked.model.name, asked.dataset_name))
    stop = Stop()

    with run.locked():
        manifest = open_run(run, asked, display)

        async def work() -> None:
            try:
                await make_responses(
                    run,
                    manifest,
                    model,
                    width=values.max_connections,
                    display=display,
                    stop=stop,
                )
            finally:
                display.end()
                await model.aclose()

        with noted(run) as ending:
            drive(work(), stop)
            if stop.requested:
                ending.result = "interrupted"
        lacking = lacking_responses(run, manifest)
    click.echo(f"Responses: {run.responses}\nJudge them with: unisafebench judge {run.path}")
    if lacking:
        click.echo(f"{lacking} responses are missing: repeat the command.", err=True)
    ctx.exit(130 if stop.requested else 3 if lacking else 0)
