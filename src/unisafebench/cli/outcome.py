"""What a command leaves behind and says at its end: summary, report, tables, exit code."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

import click
import msgspec
from rich.console import Console

from unisafebench.cli.gating import check_gates
from unisafebench.core.errors import ImageError
from unisafebench.media.thumbnails import thumbnail
from unisafebench.metrics.gates import Gate, exit_code
from unisafebench.metrics.summary import Summary
from unisafebench.report.html import write_report
from unisafebench.report.terminal import print_summary
from unisafebench.report.view import PictureView, ReportData, SampleView
from unisafebench.report.visible import visible
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import load_pictures
from unisafebench.runs.manifest import Manifest, now
from unisafebench.runs.results import Result, common_reasons, results, summary_of, write_summary

__all__ = ["conclude"]

_SHOWN_SAMPLES = 300
_TRIED_AGAIN = ("model_error", "judge_error", "invalid_input")


def conclude(
    run: RunDirectory,
    manifest: Manifest,
    *,
    max_unscored: float,
    gates: tuple[Gate, ...] = (),
    as_json: bool = False,
) -> int:
    """Write summary.json and report.html, print the tables, return the exit code."""
    summary = summary_of(run, manifest, max_unscored=max_unscored)
    write_summary(run, manifest, summary)
    notices = _notices(manifest, summary)
    shown = tuple(_views(run, islice(results(run, manifest), _SHOWN_SAMPLES)))
    write_report(run.report, _report(manifest, summary, notices, shown))
    if as_json:
        click.echo(run.summary.read_text(encoding="utf-8"), nl=False)
    else:
        console = Console(highlight=False)
        print_summary(
            console,
            summary,
            title=f"{manifest.model.name} on {manifest.dataset.name}",
            protocol="" if manifest.judging is None else manifest.judging.protocol,
            notices=notices,
        )
        click.echo(f"\nReport:  {run.report}\nSummary: {run.summary}")
    return _exit_code(run, summary, gates)


def _exit_code(run: RunDirectory, summary: Summary, gates: tuple[Gate, ...]) -> int:
    results = check_gates(run.path, summary, gates)
    for result in results:
        if result.status != "passed":
            click.echo(visible(f"Gate: {result.message}"), err=True)
    code = exit_code(results)
    if code == 1:
        return 1
    overall = summary.overall
    if overall.eligible > overall.n:
        _explain_unscored(run, summary)
        return 3
    if code:
        return code
    groups = (overall, *summary.tasks.values())
    return 0 if all(group.reportable for group in groups) else 3


def _explain_unscored(run: RunDirectory, summary: Summary) -> None:
    """Say how many responses are unscored, why most of them are, and what to do."""
    overall = summary.overall
    parts = [
        f"{name} {count}"
        for name, count in overall.outcomes.items()
        if count and name not in ("scored", "blocked")
    ]
    again = sum(overall.outcomes[name] for name in _TRIED_AGAIN)
    begun = "Stopped" if overall.outcomes.get("pending") else "Finished"
    click.echo(
        f"{begun} with {overall.eligible - overall.n} unscored responses "
        f"({', '.join(parts) or 'blocked'}): exit code 3."
        + (f" Repeat the command to try the {again} again that failed." if again else ""),
        err=True,
    )
    for outcome, why, count in common_reasons(run):
        if outcome == "blocked" and summary.blocked_as == "separate":
            continue
        click.echo(f"  {count} x {outcome}: {visible(why)}", err=True)


def _notices(manifest: Manifest, summary: Summary) -> tuple[str, ...]:
    judging = manifest.judging
    notices = []
    stand_in = manifest.model.settings.get("notice")
    if isinstance(stand_in, str):
        notices.append(stand_in)
    if judging is not None and judging.notice:
        notices.append(judging.notice)
    if judging is not None and judging.probe_wrong:
        wrong = ", ".join(judging.probe_wrong)
        notices.append(f"The judge was wrong on known examples: {wrong}.")
    pending = summary.overall.outcomes.get("pending", 0)
    if pending:
        notices.append(
            f"The run is not complete: {pending} of {summary.overall.asked} responses have no "
            "verdict yet."
        )
    return tuple(notices)


def _report(
    manifest: Manifest,
    summary: Summary,
    notices: tuple[str, ...],
    shown: tuple[SampleView, ...],
) -> ReportData:
    total = manifest.dataset.samples * manifest.epochs
    judging = manifest.judging
    return ReportData(
        title=f"{manifest.model.name} on {manifest.dataset.name}",
        summary=summary,
        model=manifest.model.name,
        judge="" if judging is None else judging.judge,
        dataset=manifest.dataset.name,
        protocol="" if judging is None else judging.protocol,
        manifest=msgspec.to_builtins(manifest),
        notices=notices,
        samples=shown,
        samples_omitted=total - len(shown),
        generated=now(),
    )


def _views(run: RunDirectory, found: Iterator[Result]) -> Iterator[SampleView]:
    # Scaling pictures down leaves the interpreter free, so threads use all cores.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(partial(_view, run), found)


def _view(run: RunDirectory, result: Result) -> SampleView:
    sample, response, verdict = result.sample, result.response, result.verdict
    shown, flaw = _pictures(run, sample.images)
    given, other = _pictures(run, () if response is None else response.images)
    return SampleView(
        id=sample.id,
        task=sample.task,
        category=sample.category,
        subcategory=sample.subcategory,
        outcome="pending" if verdict is None else verdict.outcome,
        prompt=sample.prompt,
        epoch=result.epoch,
        twin=sample.twin_of is not None,
        turns=sample.turns,
        input_pictures=shown,
        text=None if response is None else response.text,
        pictures=given,
        intent=result.intent,
        contextual=None if verdict is None else verdict.contextual,
        intrinsic=None if verdict is None else verdict.intrinsic,
        severity=None if verdict is None else verdict.severity,
        attempted=None if verdict is None else verdict.attempted,
        decided_by=None if verdict is None else verdict.decided_by,
        reasons={} if verdict is None else verdict.reasons,
        why=None if verdict is None else verdict.why,
        stop_reason=None if response is None else response.stop_reason,
        flaw=flaw or other,
    )


def _pictures(
    run: RunDirectory, names: tuple[str, ...]
) -> tuple[tuple[PictureView, ...], str | None]:
    """Return small copies of the pictures, and what is wrong with one that cannot be shown."""
    views, flaw = [], None
    for name in names:
        try:
            small = thumbnail(load_pictures(run, (name,))[0])
        except ImageError as error:
            flaw = str(error)
            continue
        views.append(PictureView(data=small.data, mime=small.mime))
    return tuple(views), flaw
