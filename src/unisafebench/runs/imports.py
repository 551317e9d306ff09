"""Responses that were made elsewhere, taken into a run of their own to be judged."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from unisafebench.core.errors import DataError, RunError
from unisafebench.core.keys import KeyIndex, hash_parts
from unisafebench.core.records import Response, Sample
from unisafebench.core.tasks import TASKS, Task
from unisafebench.datasets.builtin import shown_path
from unisafebench.datasets.responses import ResponseRow, check_responses, read_responses
from unisafebench.datasets.samples import check_samples, read_samples
from unisafebench.judging.parsing import declines, is_error_text
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import RETRIED, index_responses
from unisafebench.runs.journal import Journal, read_journal
from unisafebench.runs.manifest import (
    DatasetRecord,
    Manifest,
    ModelRecord,
    now,
    read_manifest,
    software,
    write_manifest,
)
from unisafebench.runs.opening import take_up
from unisafebench.runs.progress import Progress
from unisafebench.runs.snapshot import (
    MISSING,
    SampleHead,
    commit_samples,
    drop_samples,
    file_sha256,
    stored_samples,
    take_pictures,
    write_samples,
)

__all__ = ["ForeignResponses", "import_responses"]

_LISTED = 10
_AMBIGUOUS = 255
"""State of an id that several tasks use; no task has this number."""


class ForeignResponses(msgspec.Struct, frozen=True, kw_only=True):
    """A file of responses and where their samples come from.

    `dataset` is (name, path of the samples file), or None when the rows carry their own samples,
    as the authors' do. `model` is the name to show; None takes it from the rows, else the file.
    """

    path: Path
    task: Task | None = None
    dataset: tuple[str, Path] | None = None
    model: str | None = None
    allow_outside: bool = False


def import_responses(run: RunDirectory, given: ForeignResponses, progress: Progress) -> Manifest:
    """Take the responses of a file into the run; those already taken are left alone.

    Raises:
        DataError: the file or its data set cannot be used.
        RunMismatchError: the run was made of something else.
    """
    recorded = read_manifest(run)
    settings = _settings(given)
    if (
        recorded is not None
        and recorded.model.settings == settings
        and _same(recorded, given, settings)
    ):
        manifest = recorded
    else:
        try:
            surveyed = _survey(run, given, settings)
            manifest = (
                _begin(run, given, surveyed)
                if recorded is None
                else take_up(run, recorded, surveyed, progress)
            )
        finally:
            drop_samples(run)
    if not _is_taken(run, manifest):
        complete = _take_rows(run, given, manifest, progress)
        size = run.responses.stat().st_size if complete else None
        manifest = msgspec.structs.replace(manifest, imported_bytes=size)
        write_manifest(run, manifest)
    return manifest


def _is_taken(run: RunDirectory, manifest: Manifest) -> bool:
    """Whether every row is in the journal, and the journal has lost nothing since."""
    size = manifest.imported_bytes
    return size is not None and run.responses.exists() and run.responses.stat().st_size >= size


def _settings(given: ForeignResponses) -> dict[str, Any]:
    """Return what is known of how the responses were made: their file, and their run's settings."""
    home = _origin(given)
    known = {} if home is None else dict(home.model.settings)
    return {**known, "responses_sha256": file_sha256(given.path)}


def _origin(given: ForeignResponses) -> Manifest | None:
    """Return the manifest of the run that the responses come from, or None."""
    home = _run_of(given.path)
    return None if home is None else read_manifest(home)


def _same(recorded: Manifest, given: ForeignResponses, settings: dict[str, Any]) -> bool:
    file_hash = (
        settings["responses_sha256"] if given.dataset is None else file_sha256(given.dataset[1])
    )
    return (
        recorded.dataset.file_sha256 == file_hash
        and not recorded.dataset.missing
        and given.model in (None, recorded.model.name)
        and (given.task is None or recorded.tasks == (given.task.id,))
    )


def _begin(run: RunDirectory, given: ForeignResponses, manifest: Manifest) -> Manifest:
    """Make the directory a run, once every row is known to be of one sample or of none."""
    commit_samples(run)
    if given.dataset is not None:
        tasks = _tasks_by_id(run)
        for row in _rows(given):
            _task_of(row, tasks, given)
    write_manifest(run, manifest)
    return manifest


def _survey(run: RunDirectory, given: ForeignResponses, settings: dict[str, Any]) -> Manifest:
    """Check the whole file, write its samples aside, and say what the run will hold."""
    seen = _read_through(given)
    name, path = (given.path.stem, given.path) if given.dataset is None else given.dataset
    origin = _origin(given)
    wanted = set(TASKS) if None in seen.tasks else seen.tasks
    met: set[str] = set()

    def keep(sample: Sample) -> bool:
        if sample.task in wanted:
            met.add(sample.task)
        return sample.task in wanted

    samples = filter(keep, _samples(given, seen.epochs))
    taken = write_samples(run, samples, path, allow_outside=given.allow_outside)
    return Manifest(
        created=now(),
        software=software(),
        dataset=DatasetRecord(
            name=name if origin is None else origin.dataset.name,
            path=shown_path(path),
            fingerprint=taken.fingerprint,
            file_sha256=file_sha256(path),
            samples=taken.samples,
            missing=taken.missing,
        ),
        tasks=tuple(task for task in TASKS if task in met),
        epochs=seen.epochs,
        not_supported=() if origin is None else origin.not_supported,
        model=ModelRecord(
            name=given.model or next(iter(seen.models), given.path.stem), settings=settings
        ),
    )


class _Seen(msgspec.Struct, frozen=True):
    """What the rows of a file say together."""

    models: frozenset[str]
    tasks: frozenset[str | None]
    epochs: int


def _read_through(given: ForeignResponses) -> _Seen:
    """Check every row of the file, and that they are of one model and have samples."""
    models: set[str] = set()
    tasks: set[str | None] = set()
    epochs = 1

    def look(row: ResponseRow) -> None:
        nonlocal epochs
        tasks.add(row.task)
        epochs = max(epochs, row.epoch + 1)
        if row.model is not None:
            models.add(row.model)
        if row.sample is None and given.dataset is None:
            raise DataError(
                "the response does not carry its prompt and category.",
                path=given.path,
                line=row.line,
                remedy="Name the data set that its sample_id belongs to with --dataset.",
            )

    if _run_of(given.path) is None:
        check_responses(given.path, given.task, look)
    else:
        for row in _rows(given):
            look(row)
    if len(models) > 1 and given.model is None:
        raise DataError(
            f"the file holds responses of several models: {', '.join(sorted(models)[:_LISTED])}.",
            path=given.path,
            remedy="Split it into one file for each model, or name it with --model-name.",
        )
    return _Seen(frozenset(models), frozenset(tasks), epochs)


def _run_of(path: Path) -> RunDirectory | None:
    """Return the run that a file of samples or responses is a journal of, or None."""
    run = RunDirectory(path.parent)
    try:
        ours = path in (run.samples, run.responses) and read_manifest(run) is not None
    except RunError:
        return None
    return run if ours else None


def _rows(given: ForeignResponses) -> Iterator[ResponseRow]:
    """Yield the responses of the file; of a run's journal, the last one of each key."""
    home = _run_of(given.path)
    if home is None:
        yield from read_responses(given.path, given.task)
        return
    last = index_responses(home).last_positions()
    at = 0
    for line, (position, response) in enumerate(read_journal(given.path, Response), start=1):
        if at < len(last) and position == last[at]:
            at += 1
            known = msgspec.structs.asdict(response)
            del known["created"]
            yield ResponseRow(line=line, **known)


def _samples(given: ForeignResponses, epochs: int) -> Iterable[Sample]:
    """Return the samples that the responses belong to, checked as a whole."""
    if given.dataset is None:
        return _samples_of_rows(_rows(given), epochs)
    path = given.dataset[1]
    home = _run_of(path)
    if home is not None:
        return stored_samples(home, Sample)
    check_samples(path)
    return read_samples(path)


def _samples_of_rows(rows: Iterator[ResponseRow], epochs: int) -> Iterator[Sample]:
    """Yield each sample once. With a single epoch no row repeats one, so none is remembered."""
    seen: set[int] = set()
    for row in rows:
        if row.sample is None:
            continue
        if epochs > 1:
            key_hash = hash_parts(row.sample.task, row.sample.id, 0)
            if key_hash in seen:
                continue
            seen.add(key_hash)
        yield _with_usable_intent(row.sample)


def _with_usable_intent(sample: Sample) -> Sample:
    """Leave out an intent that is none: an error's text, or the extractor's own refusal."""
    intent = sample.intent
    if intent is not None and (is_error_text(intent) or declines(intent)):
        return msgspec.structs.replace(sample, intent=None)
    return sample


def _take_rows(
    run: RunDirectory, given: ForeignResponses, manifest: Manifest, progress: Progress
) -> bool:
    """Take in the rows that the run lacks; return whether none is left for another time."""
    complete = True
    tasks = _tasks_by_id(run)
    done = index_responses(run)
    extra: list[str] = []
    extras = 0
    with Journal(run.responses, progress.note) as journal:
        for row in _rows(given):
            task = _task_of(row, tasks, given)
            if task is None:
                extras += 1
                if len(extra) < _LISTED:
                    extra.append(row.sample_id)
                continue
            found = done.find(hash_parts(task, row.sample_id, row.epoch))
            if found is not None and found[1] == 0:
                continue
            response = _response(run, given, manifest, row, task)
            complete = complete and response.status not in RETRIED
            # A failure that repeats itself adds nothing to the journal.
            if found is None or response.status not in RETRIED:
                journal.append(response)
    if extras:
        progress.note(
            f"{extras} responses belong to no sample of the data set and are left out: "
            f"{', '.join(extra)}{' ...' if extras > len(extra) else ''}"
        )
    return complete


def _tasks_by_id(run: RunDirectory) -> KeyIndex:
    """Index the samples twice: under their task, and under no task for rows that name none."""
    index = KeyIndex()
    seen_alone = KeyIndex()
    order = list(TASKS)
    for sample in stored_samples(run, SampleHead):
        index.add(hash_parts(sample.task, sample.id, 0), 0, order.index(sample.task))
        seen_alone.add(hash_parts("", sample.id, 0), 0, order.index(sample.task))
    repeated = seen_alone.repeated_hashes()
    for key_hash, state in seen_alone.items():
        index.add(key_hash, 0, _AMBIGUOUS if key_hash in repeated else state)
    return index


def _task_of(row: ResponseRow, tasks: KeyIndex, given: ForeignResponses) -> str | None:
    found = tasks.find(hash_parts(row.task or "", row.sample_id, 0))
    if found is None:
        return None
    if found[1] == _AMBIGUOUS:
        raise DataError(
            f"the id {row.sample_id!r} occurs in several tasks of the data set.",
            path=given.path,
            line=row.line,
            remedy="Add the field 'task' to the responses, or say --task.",
        )
    return tuple(TASKS)[found[1]]


def _response(
    run: RunDirectory, given: ForeignResponses, manifest: Manifest, row: ResponseRow, task: str
) -> Response:
    images = take_pictures(
        run.images, given.path.parent, row.images, allow_outside=given.allow_outside
    )
    missing = [name.removeprefix(MISSING) for name in images if name.startswith(MISSING)]
    status = row.status
    if missing:
        status = "invalid_input"
    elif status in (None, "completed"):
        status = "completed" if images or (row.text or "").strip() else "empty"
    return Response(
        sample_id=row.sample_id,
        task=task,
        epoch=row.epoch,
        model=manifest.model.name,
        status=status or "completed",
        text=row.text,
        images=() if missing else images,
        stop_reason=row.stop_reason,
        blocked_side=row.blocked_side,
        error=f"{given.path.name}:{row.line}: {missing[0]}" if missing else row.error,
        reject_image=row.reject_image,
        served_model=row.served_model,
        sent=dict(row.sent),
        pictures_sent=row.pictures_sent,
        details=dict(row.details),
        usage=row.usage,
        latency_s=row.latency_s,
        created=now(),
        extra=dict(row.extra),
    )
