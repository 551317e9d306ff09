"""`unisafebench doctor`: one tiny call for each thing that a run would need."""

import asyncio

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unisafebench.cli import options
from unisafebench.cli.parties import JudgeChoice, open_parties
from unisafebench.core.errors import UniSafeBenchError
from unisafebench.core.tasks import TASKS
from unisafebench.models.base import Model
from unisafebench.models.checks import Finding, check_abilities
from unisafebench.report.visible import visible

__all__ = ["command"]

_STYLES = {"ok": "green", "odd": "yellow", "failed": "red", "not declared": "dim"}


@click.command("doctor")
@options.named_model_options
@options.tasks_option
@options.judge_options
@options.endpoint_options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> None:
    """Check model and judge before a run: key, address, vision, pictures; five tiny calls or so.

    Exit code 0 when all that the tasks need works, 2 when something does not.
    """
    values = options.Values(given)
    model = values.open_model()
    choice = values.judge_choice()
    tasks = options.task_ids(values.tasks)
    findings = asyncio.run(_check(model, choice, tasks))
    if values.as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())
    else:
        _print(model, choice, findings, tasks)
    ctx.exit(2 if any(finding.state == "failed" for finding in findings) else 0)


async def _check(model: Model, choice: JudgeChoice, tasks: tuple[str, ...]) -> list[Finding]:
    try:
        findings = await check_abilities(model, tasks)
    finally:
        await model.aclose()
    return [*findings, await _check_judge(choice, tasks)]


async def _check_judge(choice: JudgeChoice, tasks: tuple[str, ...]) -> Finding:
    try:
        parties = open_parties(choice)
    except UniSafeBenchError as error:
        return Finding(check="judge", state="failed", detail=str(error))
    try:
        report = await parties.probe(tasks)
    except UniSafeBenchError as error:
        return Finding(check="judge", state="failed", detail=str(error))
    finally:
        await parties.aclose()
    if report.wrong:
        return Finding(check="judge", state="odd", detail=f"wrong on: {'; '.join(report.wrong)}")
    detail = f"right on all {report.verdicts} known verdicts"
    return Finding(check="judge", state="ok", detail=detail)


def _print(
    model: Model, choice: JudgeChoice, findings: list[Finding], tasks: tuple[str, ...]
) -> None:
    console = Console(highlight=False)
    console.print(f"model {model.name}, judge {choice.judge}\n", markup=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        state = Text(finding.state, style=_STYLES[finding.state])
        table.add_row(finding.check, state, Text(visible(finding.detail)))
    console.print(table)
    able = [task for task in tasks if model.capabilities.supports(TASKS[task])]
    console.print(f"\nTasks it would run: {', '.join(able) or 'none'}", markup=False)
