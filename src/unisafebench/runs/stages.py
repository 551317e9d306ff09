"""The stages of a run in their order, each resumable by itself."""

from collections.abc import Awaitable, Callable

from unisafebench.core.tasks import TASKS
from unisafebench.judging.base import Extractor, Judge
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import index_responses
from unisafebench.runs.intents import extract_intents
from unisafebench.runs.judge import judge_responses
from unisafebench.runs.manifest import Manifest
from unisafebench.runs.progress import Progress, Stop
from unisafebench.runs.repeats import mark_repeated_pictures

__all__ = ["finish_run", "judge_run"]


async def judge_run(
    run: RunDirectory,
    manifest: Manifest,
    judge: Judge,
    extractor: Extractor,
    *,
    width: int,
    progress: Progress,
    stop: Stop,
) -> None:
    """Write every intent and verdict that the run lacks.

    Raises:
        EndpointUnusableError: judge or extractor is of no further use; what is done is kept.
    """
    assert manifest.judging is not None  # noqa: S101 -- callers write it before they judge
    stages: tuple[Callable[[], Awaitable[None]], ...] = (
        lambda: extract_intents(
            run,
            index_responses(run),
            extractor,
            epochs=manifest.epochs,
            width=width,
            progress=progress,
            stop=stop,
        ),
        lambda: judge_responses(run, manifest, judge, width=width, progress=progress, stop=stop),
    )
    for stage in stages:
        if not stop.requested:
            await stage()
    if not stop.requested:
        finish_run(run, manifest)


def finish_run(run: RunDirectory, manifest: Manifest) -> None:
    """Do what only a complete run allows; done again, it changes nothing.

    A run that was killed right after its last verdict has not come to this yet.
    """
    drawn = any(TASKS[task].output == "image" for task in manifest.tasks)
    if manifest.judging is not None and drawn:
        mark_repeated_pictures(run, manifest.judging)
