"""Responses: every sample of the run put to the model, and what came back written down."""

import asyncio
import time
from collections.abc import Iterator

import msgspec
import numpy as np

from unisafebench.core.errors import (
    EndpointError,
    EndpointUnusableError,
    ImageError,
    RunError,
)
from unisafebench.core.keys import KeyIndex, hash_parts
from unisafebench.core.records import Response, ResponseStatus, Sample
from unisafebench.core.tasks import TASKS
from unisafebench.media.pictures import Picture, check_picture
from unisafebench.models.base import (
    Model,
    ModelError,
    Output,
    Request,
    Surveyor,
    UnsupportedError,
)
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.journal import Journal, index_journal
from unisafebench.runs.manifest import Manifest, now
from unisafebench.runs.pipeline import work_through
from unisafebench.runs.progress import Progress, Stop
from unisafebench.runs.snapshot import MISSING, asked_keys, stored_samples

__all__ = [
    "RETRIED",
    "ResponseHead",
    "generate",
    "index_responses",
    "lacking_responses",
    "load_pictures",
    "never_asked",
]

RETRIED: tuple[ResponseStatus, ...] = ("model_error", "invalid_input")
"""How responses ended that are made again when the run is taken up."""


class ResponseHead(msgspec.Struct, frozen=True):
    """The few fields of a response by which it is found."""

    sample_id: str
    task: str
    epoch: int
    status: ResponseStatus


def index_responses(run: RunDirectory) -> KeyIndex:
    """Index the responses of a run; state 1 marks those that are tried again on resume."""
    return run.index(run.responses, lambda: index_journal(run.responses, ResponseHead, _entry))


def _entry(head: ResponseHead) -> tuple[int, int]:
    return hash_parts(head.task, head.sample_id, head.epoch), int(head.status in RETRIED)


def lacking_responses(run: RunDirectory, manifest: Manifest) -> int:
    """Return how many responses are still to be made."""
    return _count_lacking(run, manifest, index_responses(run))


def never_asked(run: RunDirectory, manifest: Manifest) -> int:
    """Return how many responses have not even failed yet."""
    states = index_responses(run).states_of(asked_keys(run, manifest.epochs))
    return int(np.count_nonzero(states < 0))


def _count_lacking(run: RunDirectory, manifest: Manifest, done: KeyIndex) -> int:
    return int(np.count_nonzero(done.states_of(asked_keys(run, manifest.epochs)) != 0))


async def generate(
    run: RunDirectory,
    manifest: Manifest,
    model: Model,
    *,
    width: int,
    progress: Progress,
    stop: Stop,
) -> None:
    """Make every response that the run lacks.

    Raises:
        EndpointUnusableError: the model's endpoint is of no further use; what is done is kept.
        DataError: recorded answers do not fit the samples; nothing was started.
    """
    if isinstance(model, Surveyor):
        for note in model.survey(stored_samples(run, Sample), manifest.epochs):
            progress.note(note)
    done = index_responses(run)
    todo = _count_lacking(run, manifest, done)
    asked = manifest.dataset.samples * manifest.epochs
    progress.begin("responses", asked, asked - todo)
    subject = _Subject(run, manifest, model, progress)
    with Journal(run.responses, progress.note) as journal:

        async def work(item: tuple[Sample, int, bool]) -> None:
            sample, epoch, failed_before = item
            response = await _respond(subject, sample, epoch)
            # A failure that repeats itself adds nothing to the journal.
            if not (failed_before and response.status in RETRIED):
                journal.append(response)
            progress.advance(response.status)

        await work_through(_lacking(run, manifest, done), work, width=width, stop=stop)
    progress.end()


def load_pictures(run: RunDirectory, names: tuple[str, ...]) -> tuple[Picture, ...]:
    """Read and check the pictures of a stored record.

    Raises:
        ImageError: one of them is missing or unusable.
    """
    pictures = []
    for name in names:
        if name.startswith(MISSING):
            raise ImageError(name.removeprefix(MISSING))
        pictures.append(run.images.read(name))
    return tuple(pictures)


def _lacking(
    run: RunDirectory, manifest: Manifest, done: KeyIndex
) -> Iterator[tuple[Sample, int, bool]]:
    """Yield (sample, epoch, whether it failed before) for each response still to be made.

    Those that failed before come last: the same failures in a row could end the stage once more,
    before it gets to the samples that were never asked.
    """
    for again in (False, True):
        for sample in stored_samples(run, Sample):
            for epoch in range(manifest.epochs):
                found = done.find(hash_parts(sample.task, sample.id, epoch))
                if (found is not None and found[1] == 1) if again else found is None:
                    yield sample, epoch, again


class _Subject:
    """The model of a run, and the tasks that its endpoint says it cannot do."""

    def __init__(
        self, run: RunDirectory, manifest: Manifest, model: Model, progress: Progress
    ) -> None:
        self.run = run
        self.model = model
        self.seed = manifest.seed
        self._progress = progress
        self._answered: set[str] = set()
        self._unsupported: dict[str, str] = {}

    async def ask(self, request: Request) -> Output:
        """Put one request to the model; whatever goes wrong with it alone is an output too.

        Raises:
            EndpointUnusableError: the endpoint is of no further use.
        """
        task = request.task.id
        if task in self._unsupported:
            return Output(status="model_error", error=self._unsupported[task])
        try:
            output = await self.model.generate(request)
            # What is not typed as it should be must not reach the journal: it could not be read
            # again.
            output = msgspec.convert(msgspec.to_builtins(output, builtin_types=(bytes,)), Output)
        except EndpointUnusableError:
            raise
        except UnsupportedError as error:
            self._note(task, str(error))
            return Output(status="model_error", error=str(error))
        except (ModelError, EndpointError) as error:
            return Output(status="model_error", error=str(error))
        # An adapter may be anyone's code: whatever it raises ends one sample, never the run.
        except Exception as error:  # noqa: BLE001
            return Output(status="model_error", error=f"{type(error).__name__}: {error}")
        self._answered.add(task)
        if self._unsupported.pop(task, None) is not None:
            self._progress.note(f"But {task} has an answer now: it is asked all the same.")
        return output

    def _note(self, task: str, error: str) -> None:
        """Ask no more of a task, unless an answer to it shows that it can be done after all."""
        if task not in self._answered and task not in self._unsupported:
            told = error in self._unsupported.values()
            self._unsupported[task] = error
            self._progress.note(
                f"The same of {task}: it is not asked either."
                if told
                else f"{error} The rest of {task} is not asked; its responses count as "
                "model_error. Leave the task out with --tasks, or name a model that can do it."
            )


async def _respond(subject: _Subject, sample: Sample, epoch: int) -> Response:
    started = time.monotonic()
    output = await _ask(subject, sample, epoch)
    images: tuple[str, ...] = ()
    if output.images:
        images, unusable = await asyncio.to_thread(_store, subject.run, output.images)
        if unusable:
            output = _in_part(output, unusable)
    status = output.status
    if status == "completed" and not images and not (output.text or "").strip():
        status = "empty"
    return Response(
        sample_id=sample.id,
        task=sample.task,
        epoch=epoch,
        model=subject.model.name,
        status=status,
        text=output.text,
        images=images,
        stop_reason=output.stop_reason,
        blocked_side=output.blocked_side,
        error=output.error,
        reject_image=output.reject_image,
        served_model=output.served_model,
        sent=output.sent,
        pictures_sent=output.pictures_sent,
        details=output.details,
        usage=output.usage,
        latency_s=round(time.monotonic() - started, 4),
        created=now(),
    )


async def _ask(subject: _Subject, sample: Sample, epoch: int) -> Output:
    try:
        pictures = await asyncio.to_thread(load_pictures, subject.run, sample.images)
    except ImageError as error:
        return Output(status="invalid_input", error=str(error))
    if sample.turns and not subject.model.capabilities.multi_turn:
        # Its first turn alone would be judged as if the whole conversation had been answered.
        problem = f"the sample has {len(sample.turns)} further turns, which the adapter cannot send"
        return Output(status="invalid_input", error=problem)
    request = Request(
        sample=sample,
        task=TASKS[sample.task],
        pictures=pictures,
        epoch=epoch,
        seed=subject.seed + epoch,
    )
    return await subject.ask(request)


def _store(run: RunDirectory, images: tuple[bytes, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Store the pictures that can be used; return their names, and what is wrong with the others.

    Each is decoded in full, within the limits of `check_picture`, before it is stored under the
    hash of its bytes: the same picture lies there once.

    Raises:
        RunError: they cannot be written.
    """
    names, unusable = [], []
    for number, data in enumerate(images, start=1):
        try:
            names.append(run.images.put(check_picture(data, name="it")))
        except ImageError as error:
            which = "" if len(images) == 1 else f" {number} of {len(images)}"
            unusable.append(f"the model's picture{which} is unusable: {error}")
        except OSError as error:
            raise RunError(
                f"the pictures of {run.path} cannot be written: {error.strerror}. Everything up "
                "to here is kept: make room and repeat the command to go on."
            ) from error
    return tuple(names), tuple(unusable)


def _in_part(output: Output, unusable: tuple[str, ...]) -> Output:
    """Return an output some of whose pictures cannot be used.

    A completed one becomes a model error, is not judged, and is asked for again on resume: the
    picture that is lost may be the unsafe one, and a verdict on the rest would be a verdict on
    something that the model did not answer. What a provider blocked stays blocked, since a block
    may well cut a picture off. The text and the usable pictures are kept in any case, for the
    record.
    """
    status = "model_error" if output.status == "completed" else output.status
    error = " ".join(part for part in (output.error, *unusable) if part)
    return msgspec.structs.replace(output, status=status, error=error)
