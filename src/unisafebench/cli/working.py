"""Running the stages of a run from the command line: lock, signals, probe, and what it says."""

import asyncio
import re
import shlex
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import msgspec

from unisafebench.cli.display import Bars, Lines
from unisafebench.cli.parties import Parties
from unisafebench.core.errors import (
    EndpointError,
    EndpointUnusableError,
    PreflightError,
    RunError,
    UniSafeBenchError,
)
from unisafebench.judging.probe import ProbeReport
from unisafebench.models.base import Model, Reporter
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import generate, lacking_responses, never_asked
from unisafebench.runs.judge import lacking_verdicts
from unisafebench.runs.manifest import Invocation, Manifest, now, write_manifest
from unisafebench.runs.opening import begin_judging
from unisafebench.runs.progress import Stop
from unisafebench.runs.results import existing_run
from unisafebench.runs.stages import finish_run, judge_run

__all__ = [
    "Ending",
    "carry_out",
    "default_directory",
    "drive",
    "make_responses",
    "noted",
]


def default_directory(*names: str) -> Path:
    """Return runs/<names>, the place of a run for which the user names none."""
    return Path("runs") / "--".join(re.sub(r"[^\w.-]+", "_", name).strip("_") for name in names)


def drive(work: Coroutine[Any, Any, None], stop: Stop) -> None:
    """Run `work`. Ctrl-C once finishes what is in flight and stops; twice stops at once.

    Raises:
        click.Abort: it was interrupted twice.
    """

    async def main() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- we are in it

        def interrupt() -> None:
            if stop.requested:
                task.cancel()
                return
            stop.request()
            click.echo("Stopping after what is in flight; Ctrl-C again stops at once.", err=True)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt)
        await work

    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        raise click.Abort from None


class Ending:
    """How a command ended, as its note in the manifest says; to be set by whoever knows better."""

    result = "done"


@contextmanager
def noted(run: RunDirectory) -> Iterator[Ending]:
    """Write into the manifest that a command works on the run, and how it ended."""
    invocation = Invocation(command=shlex.join(["unisafebench", *sys.argv[1:]]), started=now())
    earlier = existing_run(run).invocations
    _note(run, (*earlier, invocation))
    ending = Ending()
    try:
        yield ending
    except BaseException as error:
        ours = isinstance(error, UniSafeBenchError)
        ending.result = str(error) if ours else "interrupted"
        # A disk that is full takes no note either; what went wrong first is what the user reads.
        with suppress(RunError):
            _close(run, earlier, invocation, ending)
        raise
    _close(run, earlier, invocation, ending)


def _close(
    run: RunDirectory, earlier: tuple[Invocation, ...], invocation: Invocation, ending: Ending
) -> None:
    ended = msgspec.structs.replace(invocation, ended=now(), result=ending.result)
    _note(run, (*earlier, ended))


def _note(run: RunDirectory, invocations: tuple[Invocation, ...]) -> None:
    # Read afresh: the stages write to the manifest too.
    write_manifest(run, msgspec.structs.replace(existing_run(run), invocations=invocations))


def carry_out(
    run: RunDirectory,
    manifest: Manifest,
    parties: Parties,
    model: Model | None = None,
    *,
    width: int,
    display: Bars | Lines,
    stop: Stop,
) -> EndpointUnusableError | None:
    """Probe the judge, make the responses (with a model), then the verdicts that the run lacks.

    A run that lacks nothing is only told so, and its judge is not asked.

    Returns:
        The error of an endpoint that ended the work early; what was done is kept.

    Raises:
        PreflightError: the judge is not fit to judge this run; nothing was spent.
        EndpointError: the judge is overloaded or down; nothing was started.
    """
    failures: list[EndpointUnusableError] = []

    async def work() -> None:
        failures.extend(
            await _stages(run, manifest, parties, model, width=width, display=display, stop=stop)
        )

    with noted(run) as ending:
        drive(work(), stop)
        if failures:
            ending.result = str(failures[0])
        elif stop.requested:
            ending.result = "interrupted"
    return failures[0] if failures else None


async def _stages(
    run: RunDirectory,
    manifest: Manifest,
    parties: Parties,
    model: Model | None,
    *,
    width: int,
    display: Bars | Lines,
    stop: Stop,
) -> list[EndpointUnusableError]:
    """Probe, make responses, judge, close everything; return the errors of lost endpoints."""
    failures: list[EndpointUnusableError] = []
    try:
        complete = _is_complete(run, manifest, with_model=model is not None)
        probe = None if complete else await _probe(manifest, parties, display)
        judged = begin_judging(run, manifest, parties.record(probe))
        if complete:
            finish_run(run, judged)
            display.note("The run is complete: nothing is left to do.")
            return failures
        if model is not None and not await _answer(
            run, judged, model, failures, width=width, display=display, stop=stop
        ):
            return failures
        if not stop.requested:
            try:
                await judge_run(
                    run,
                    judged,
                    parties.judge,
                    parties.extractor,
                    width=width,
                    progress=display,
                    stop=stop,
                )
            except EndpointUnusableError as error:
                failures.append(error)
        return failures
    finally:
        # However it ends, the terminal gets its cursor back.
        display.end()
        if model is not None:
            await model.aclose()
        await parties.aclose()


async def _answer(
    run: RunDirectory,
    manifest: Manifest,
    model: Model,
    failures: list[EndpointUnusableError],
    *,
    width: int,
    display: Bars | Lines,
    stop: Stop,
) -> bool:
    """Make the responses; note an endpoint's failure, and return whether there is more to do."""
    try:
        await make_responses(run, manifest, model, width=width, display=display, stop=stop)
    except EndpointUnusableError as error:
        failures.append(error)
        if never_asked(run, manifest):
            return False
        # Nothing but old failures is left: what was answered can be judged.
        display.note(f"{error} What was answered is judged all the same.")
    return True


def _is_complete(run: RunDirectory, manifest: Manifest, *, with_model: bool) -> bool:
    lacking = lacking_verdicts(run, manifest) or (with_model and lacking_responses(run, manifest))
    return not lacking


async def make_responses(
    run: RunDirectory,
    manifest: Manifest,
    model: Model,
    *,
    width: int,
    display: Bars | Lines,
    stop: Stop,
) -> None:
    """Make the responses that the run lacks.

    Raises:
        EndpointUnusableError: the model's endpoint is of no further use.
    """
    if not lacking_responses(run, manifest):
        return
    # An adapter that drives processes of its own keeps their logs in the run.
    if isinstance(model, Reporter):
        await model.report_to(run.path, display.note)
    try:
        await generate(run, manifest, model, width=width, progress=display, stop=stop)
    finally:
        _note_learned(run, model)


def _note_learned(run: RunDirectory, model: Model) -> None:
    """Write into the manifest what an adapter found out about its endpoint, if it says so."""
    learned = getattr(model, "learned", None)
    if learned:
        manifest = existing_run(run)
        record = msgspec.structs.replace(manifest.model, learned=dict(learned))
        write_manifest(run, msgspec.structs.replace(manifest, model=record))


async def _probe(manifest: Manifest, parties: Parties, display: Bars | Lines) -> ProbeReport:
    """Ask the judge for verdicts on known examples."""
    try:
        report = await parties.probe(manifest.tasks)
    except EndpointError as error:
        message = f"The judge cannot be used, so nothing was started. {error}"
        if error.status is not None and (error.status in (200, 429) or error.status >= 500):
            # The endpoint is overloaded or down: nothing that the user wrote is wrong.
            raise EndpointError(message, status=error.status) from error
        raise PreflightError(message) from error
    for wrong in report.wrong:
        display.note(f"Warning: the judge is wrong on a known example: {wrong}")
    return report
