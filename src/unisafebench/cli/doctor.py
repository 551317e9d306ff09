"""`unisafebench doctor`: one tiny call for each thing that a run needs; or a run looked over."""

import asyncio
from pathlib import Path

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
from unisafebench.models.checks import Finding, ability_for, check_abilities
from unisafebench.report.visible import visible
from unisafebench.runs.checkup import check_run
from unisafebench.runs.directory import RunDirectory

__all__ = ["command"]

_STYLES = {
    "ok": "green",
    "odd": "yellow",
    "note": "yellow",
    "failed": "red",
    "problem": "red",
    "not declared": "dim",
}


@click.command("doctor")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@options.named_model_options
@options.tasks_option
@options.judge_options
@options.endpoint_options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def command(ctx: click.Context, /, run: Path | None, **given: object) -> None:
    """Check model and judge before a run: key, address, vision, pictures; five tiny calls or so.

    With RUN, the directory of a run, nobody is called: its journals are counted anew against its
    summary, and its files are looked over for damage.

    Exit code 0 when all that the tasks need works, or the run is in order; 2 when something is not,
    or when the model can do none of the tasks.
    """
    values = options.Values(given)
    if run is not None:
        ctx.exit(_look_over(RunDirectory(run), as_json=values.as_json))
    model = values.open_model()
    choice = values.judge_choice()
    tasks = options.task_ids(values.tasks)
    findings = asyncio.run(_check(model, choice, tasks))
    fate = _fate(findings, tasks)
    if values.as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())
    else:
        _print(model, choice, findings, fate)
    failed = any(finding.state == "failed" for finding in findings)
    ctx.exit(2 if failed or not fate["would run"] else 0)


def _look_over(run: RunDirectory, *, as_json: bool) -> int:
    findings = check_run(run)
    problems = sum(finding.state == "problem" for finding in findings)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())
        return 2 if problems else 0
    console = Console(highlight=False)
    console.print(f"run {run.path}\n", markup=False)
    table = _table()
    for finding in findings:
        text = f"{finding.detail}. {finding.remedy}" if finding.remedy else finding.detail
        state = Text(finding.state, style=_STYLES[finding.state])
        table.add_row(finding.check, state, Text(visible(text)))
    console.print(table)
    plural = "" if problems == 1 else "s"
    end = f"{problems} problem{plural}" if problems else "The run is in order"
    console.print(f"\n{end}.", markup=False)
    return 2 if problems else 0


def _table() -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


async def _check(model: Model, choice: JudgeChoice, tasks: tuple[str, ...]) -> list[Finding]:
    try:
        findings = await check_abilities(model, tasks, note=_note)
    finally:
        await model.aclose()
    _note(f"Checking the judge: asking {choice.judge}.")
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


def _note(line: str) -> None:
    """Say what is waited for: with retries it may take minutes."""
    click.echo(line, err=True)


def _fate(findings: list[Finding], tasks: tuple[str, ...]) -> dict[str, list[str]]:
    """Return what would become of the tasks in a run, by the finding on what each needs."""
    states = {finding.check: finding.state for finding in findings}
    fate: dict[str, list[str]] = {"would run": [], "would fail": [], "are not supported": []}
    for task in tasks:
        # What was not even asked, after an error that every call would meet, would fail too.
        state = states.get(ability_for(TASKS[task]).name, "failed")
        if state == "not declared":
            fate["are not supported"].append(task)
        else:
            fate["would fail" if state == "failed" else "would run"].append(task)
    return fate


def _print(
    model: Model, choice: JudgeChoice, findings: list[Finding], fate: dict[str, list[str]]
) -> None:
    console = Console(highlight=False)
    console.print(f"model {model.name}, judge {choice.judge}\n", markup=False)
    table = _table()
    for finding in findings:
        state = Text(finding.state, style=_STYLES[finding.state])
        table.add_row(finding.check, state, Text(visible(finding.detail)))
    console.print(table)
    console.print()
    for what, tasks in fate.items():
        if tasks or what == "would run":
            console.print(f"Tasks that {what}: {', '.join(tasks) or 'none'}", markup=False)
    if findings[-1].state == "failed":
        console.print("No run would start: the judge cannot be used.", markup=False)
