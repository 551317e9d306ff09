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
from unisafebench.runs.generate import generate, lacking_responses
from unisafebench.runs.judge import lacking_verdicts
from unisafebench.runs.manifest import Invocation, Manifest, now, write_manifest
from unisafebench.runs.opening import begin_judging
from unisafebench.runs.progress import Stop
from unisafebench.runs.results import existing_run
from unisafebench.runs.stages import finish_run, judge_run

__all__ = [
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


@contextmanager
def noted(run: RunDirectory) -> Iterator[None]:
    """Write into the manifest that a command works on the run, and how it ended."""
    invocation = Invocation(command=shlex.join(["unisafebench", *sys.argv[1:]]), started=now())
    earlier = existing_run(run).invocations
    _note(run, (*earlier, invocation))
    result = "interrupted"
    try:
        yield
        result = "done"
    except UniSafeBenchError as error:
        result = str(error)
        raise
    finally:
        ended = msgspec.structs.replace(invocation, ended=now(), result=result)
        # What ended the work is said, not that the full disk has no room for a note of it either.
        with suppress(*(() if result == "done" else (RunError,))):
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

    async def stages() -> None:
        try:
            complete = _is_complete(run, manifest, with_model=model is not None)
            probe = None if complete else await _probe(manifest, parties, display)
            judged = begin_judging(run, manifest, parties.record(probe))
            if complete:
                finish_run(run, judged)
                display.note("The run is complete: nothing is left to do.")
                return
            try:
                if model is not None:
                    await make_responses(
                        run, judged, model, width=width, display=display, stop=stop
                    )
                if not stop.requested:
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
        finally:
            # However it ends, the terminal gets its cursor back.
            display.end()
            if model is not None:
                await model.aclose()
            await parties.aclose()

    with noted(run):
        drive(stages(), stop)
    return failures[0] if failures else None


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
