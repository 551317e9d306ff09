"""Intents: written once for each sample, read by every verdict on it."""

import asyncio
from collections.abc import Iterator

import msgspec

from unisafebench.core.errors import EndpointError, EndpointUnusableError, ImageError
from unisafebench.core.keys import KeyIndex, hash_parts
from unisafebench.core.records import Intent, Sample, Usage
from unisafebench.core.tasks import TASKS
from unisafebench.judging.base import Extractor, Query
from unisafebench.judging.pictures import as_shown
from unisafebench.media.pictures import Picture
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import load_pictures
from unisafebench.runs.journal import Journal, index_journal
from unisafebench.runs.manifest import now
from unisafebench.runs.pipeline import work_through
from unisafebench.runs.progress import Progress, Stop
from unisafebench.runs.snapshot import stored_samples

__all__ = ["extract_intents", "index_intents"]


class _Head(msgspec.Struct, frozen=True):
    sample_id: str
    task: str
    error: str | None = None


def index_intents(run: RunDirectory) -> KeyIndex:
    """Index the intents of a run; state 1 marks those whose extraction failed."""
    return run.index(run.intents, lambda: index_journal(run.intents, _Head, _entry))


def _entry(head: _Head) -> tuple[int, int]:
    return hash_parts(head.task, head.sample_id, 0), int(head.error is not None)


async def extract_intents(
    run: RunDirectory,
    responses: KeyIndex,
    extractor: Extractor,
    *,
    epochs: int = 1,
    width: int,
    progress: Progress,
    stop: Stop,
) -> None:
    """Write the intent of every sample that has a response and came without one.

    Raises:
        EndpointUnusableError: the extractor is of no further use; what is done is kept.
    """
    done = index_intents(run)
    todo = sum(1 for _ in _lacking(run, responses, done, epochs))
    if not todo:
        return
    progress.begin("intents", todo + len(done), len(done))
    with Journal(run.intents, progress.note) as journal:

        async def work(sample: Sample) -> None:
            intent = await _extract(run, extractor, sample)
            journal.append(intent)
            progress.advance("failed" if intent.error else "written" if intent.text else "missing")

        await work_through(_lacking(run, responses, done, epochs), work, width=width, stop=stop)
    progress.end()


def _lacking(
    run: RunDirectory, responses: KeyIndex, done: KeyIndex, epochs: int
) -> Iterator[Sample]:
    """Yield the samples that have a response, came without an intent and got none yet."""
    for sample in stored_samples(run, Sample):
        if sample.intent is not None:
            continue
        found = done.find(hash_parts(sample.task, sample.id, 0))
        if (found is None or found[1] == 1) and any(
            responses.find(hash_parts(sample.task, sample.id, epoch)) for epoch in range(epochs)
        ):
            yield sample


async def _pictures(run: RunDirectory, names: tuple[str, ...]) -> tuple[Picture, ...]:
    """Return a sample's pictures as the extractor is shown them."""
    if not names:
        return ()
    return await asyncio.to_thread(lambda: as_shown(load_pictures(run, names)))


async def _extract(run: RunDirectory, extractor: Extractor, sample: Sample) -> Intent:
    text, error, usage = None, None, None
    try:
        pictures = await _pictures(run, sample.images)
        query = Query(
            prompt=sample.prompt,
            task=TASKS[sample.task],
            category=sample.category,
            subcategory=sample.subcategory,
            turns=sample.turns,
            pictures=pictures,
        )
        extracted = msgspec.to_builtins(await extractor.extract(query))
        text, usage = msgspec.convert(extracted, tuple[str | None, Usage | None])
        text = (text or "").strip() or None
    except EndpointUnusableError:
        raise
    except ImageError:
        # The response is invalid_input for the same reason; no intent is needed for it.
        text = None
    except EndpointError as failed:
        error = str(failed)
    # An extractor may be anyone's code: whatever it raises ends one intent, never the run.
    except Exception as failed:  # noqa: BLE001
        error = f"{type(failed).__name__}: {failed}"
    return Intent(
        sample_id=sample.id,
        task=sample.task,
        extractor=extractor.name,
        text=text,
        error=error,
        usage=usage,
        created=now(),
    )
