"""`recorded:FILE`: a model whose answers are on disk already."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from unisafebench.core.errors import DataError, ImageError, UsageError
from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS, find_task
from unisafebench.media.pictures import read_picture_bytes
from unisafebench.models.base import Capabilities, ModelError, Output, Request, UnsupportedError
from unisafebench.models.options import Options
from unisafebench.models.recorded.files import RecordFile
from unisafebench.models.recorded.formats import FIELDS, Answer, Choice, read_answer
from unisafebench.models.recorded.index import AnswerIndex, Contents, Found, index_answers

__all__ = ["RecordedModel", "create"]

_LISTED = 10


def create(name: str, options: Mapping[str, str]) -> "RecordedModel":
    """Make the model `recorded:FILE`; the whole file is checked.

    Args:
        name: `recorded:` and the path of the file.
        options: `task`, `model`, `field.NAME`, `check_prompts`, `allow_outside`; see
            `docs/local-models.md`.

    Raises:
        UsageError: the name or an option is unusable.
        DataError: the file is; lists what is wrong with it.
    """
    options = Options.of(options)
    written = name.removeprefix("recorded")[1:]
    task = options.text("task")
    model = options.text("model")
    mapping = _mapping(options)
    check_prompts = options.flag("check_prompts", default=True)
    allow_outside = options.flag("allow_outside", default=False)
    options.finish(name)
    _check_mapping(mapping)
    if not written:
        raise UsageError("the model 'recorded' needs a file: recorded:answers.jsonl")
    file = RecordFile(Path(written))
    choice = Choice(mapping=mapping, task=find_task(task).id if task else "", lax=file.is_table)
    index, contents = index_answers(file, choice, model)
    return RecordedModel(
        file,
        index,
        contents,
        choice,
        settings={
            "sha256": file.sha256(),
            "formats": list(contents.formats),
            **({"model": model} if model else {}),
            **({"task": choice.task} if choice.task else {}),
            "mapping": {ours: list(names) for ours, names in mapping.items()},
            "check_prompts": check_prompts,
        },
        allow_outside=allow_outside,
    )


class RecordedModel:
    """The answers of a file. A sample without one ends as a failure of the model: unscored.

    Args:
        file: The file.
        index: Where its answers lie.
        contents: What it holds as a whole.
        choice: What the user says of its fields.
        settings: What shapes the answers, for the manifest.
        allow_outside: Whether pictures may lie outside the directory of the file.
    """

    def __init__(
        self,
        file: RecordFile,
        index: AnswerIndex,
        contents: Contents,
        choice: Choice,
        *,
        settings: Mapping[str, object],
        allow_outside: bool,
    ) -> None:
        self._file = file
        self._index = index
        self._contents = contents
        self._choice = choice
        self._allow_outside = allow_outside
        # A report is made to be shared: it does not show where its maker keeps files.
        self.name = f"recorded:{file.path.name if file.path.is_absolute() else file.path}"
        self.settings = settings
        self.capabilities = _capabilities(contents.tasks)

    def survey(self, samples: Iterable[Sample], epochs: int) -> tuple[str, ...]:
        """Match the file with the samples of a run; return what the user should know.

        Args:
            samples: All that the run asks.
            epochs: How many answers to each of them it asks.

        Raises:
            DataError: an answer fits several samples, or a sample several answers.
        """
        missing: list[str] = []
        lacking = asked = 0
        unclear: list[str] = []
        for sample in samples:
            for epoch in range(epochs):
                asked += 1
                found = self._index.find(sample, epoch)
                if not found:
                    lacking += 1
                    missing += [_named(sample, epoch)] if len(missing) < _LISTED else []
                elif len(found) > 1 or not self._index.claim(found[0], sample):
                    unclear += [self._unclear(sample, found)] if len(unclear) < _LISTED else []
        if unclear:
            raise DataError("\n".join(unclear))
        notes = []
        if lacking:
            notes.append(
                f"{self._file.path} holds no answer to {lacking} of {asked} samples; they count "
                f"as model_error, unscored: {_list(missing, lacking)}"
            )
        extra = self._index.unclaimed()
        if extra:
            ids = [self._answer(found).id for found in extra[:_LISTED]]
            notes.append(
                f"{len(extra)} of {len(self._index)} answers in {self._file.path} are to no sample "
                f"that this run asks and are left out: {_list(ids, len(extra))}"
            )
        return tuple(notes)

    async def generate(self, request: Request) -> Output:
        """Return the recorded answer to one sample.

        Raises:
            ModelError: there is none, more than one fits, or the record tells of a failure.
            UnsupportedError: the file holds no answer of this task at all.
        """
        sample = request.sample
        rows = self._index.find(sample, request.epoch)
        if not rows:
            self._refuse_task(request)
            raise ModelError(
                f"{self._file.path} holds no answer to {_named(sample, request.epoch)}."
            )
        if len(rows) > 1 or not self._index.claim(rows[0], sample):
            raise ModelError(self._unclear(sample, rows))
        try:
            answer = self._answer(rows[0])
        except DataError as error:
            raise ModelError(str(error)) from error
        where = f"{self._file.path}:{rows[0].line}"
        self._check(answer, sample, where)
        return await self._output(answer, where, rows[0].line)

    async def aclose(self) -> None:
        """Release nothing: the file is open only while it is read."""

    def _answer(self, found: Found) -> Answer:
        record = self._file.read(self._index.place(found.row))
        return read_answer(record, self._choice, self._file.path, found.line)

    def _refuse_task(self, request: Request) -> None:
        contents = self._contents
        if contents.names_tasks and request.task.id not in contents.tasks:
            raise UnsupportedError(f"{self._file.path} holds no answer of {request.task.id}.")

    def _check(self, answer: Answer, sample: Sample, where: str) -> None:
        """Refuse what the file tells is no answer, or the answer to something else."""
        if answer.id != sample.id:
            raise ModelError(f"{where}: the answer is to {answer.id!r}, not to {sample.id!r}.")
        if (
            self.settings["check_prompts"]
            and answer.prompt is not None
            and answer.prompt.split() != sample.prompt.split()
        ):
            raise ModelError(
                f"{where}: the record has another prompt than the sample {sample.id!r} of "
                f"{sample.task}, so that it answers something else. If only its wording was "
                "changed, say -M check_prompts=no."
            )
        if answer.status == "model_error":
            raise ModelError(f"{where}: {answer.error or 'recorded as failed, without a reason'}")

    async def _output(self, answer: Answer, where: str, line: int) -> Output:
        status, error = answer.status, answer.error
        images: tuple[bytes, ...] = ()
        if answer.images:
            try:
                images = await asyncio.to_thread(self._pictures, answer.images)
            except ImageError as wrong:
                status, error = "invalid_input", f"{where}: {wrong}"
        if status == "invalid_input":
            error = error or f"{where}: recorded as invalid input, without a reason"
        blocked = status == "blocked"
        return Output(
            text=answer.text,
            images=images,
            # Whether an answer is empty is found by the run.
            status="completed" if status == "empty" else status,
            stop_reason=answer.stop_reason or ("blocked" if blocked and not error else None),
            blocked_side=(answer.blocked_side or "unknown") if blocked else answer.blocked_side,
            error=error,
            usage=answer.usage,
            served_model=answer.served_model or answer.model,
            sent=answer.sent,
            pictures_sent=answer.pictures_sent,
            details={**answer.details, "recorded_line": line},
            reject_image=answer.reject_image,
        )

    def _pictures(self, names: tuple[str, ...]) -> tuple[bytes, ...]:
        root = self._file.path.parent
        return tuple(
            read_picture_bytes(_inside(root, name, allowed=self._allow_outside)) for name in names
        )

    def _unclear(self, sample: Sample, found: tuple[Found, ...]) -> str:
        lines = " and ".join(str(row.line) for row in found)
        if len(found) > 1:
            return (
                f"{self._file.path}: the records on lines {lines} fit {_named(sample, 0)}. Keep "
                "the field 'scenario_type' in the data set, or name the task in the file."
            )
        return (
            f"{self._file.path}:{lines}: the record fits samples of several tasks, one of them "
            f"{_named(sample, 0)}. Say which task it is of: with a field 'task' in the file "
            "(-M field.task=NAME), with -M task=TASK for all of it, or ask one task with --tasks."
        )


def _mapping(options: Options) -> dict[str, tuple[str, ...]]:
    """Return the fields that the user names; only pictures can be in several."""
    found: dict[str, tuple[str, ...]] = {}
    for ours in FIELDS:
        theirs = options.text(f"field.{ours}")
        if theirs is not None:
            names = theirs.split(",") if ours == "images" else [theirs]
            found[ours] = tuple(name.strip() for name in names if name.strip())
    return found


def _check_mapping(mapping: Mapping[str, tuple[str, ...]]) -> None:
    """Check that a mapping says where ids and answers are.

    Raises:
        UsageError: it does not, or a name is empty.
    """
    for ours, theirs in mapping.items():
        if not theirs:
            raise UsageError(f"the option 'field.{ours}' names no field.")
    if mapping and "id" not in mapping:
        raise UsageError("say which field holds the sample's id: -M field.id=NAME")
    if mapping and not {"text", "images"} & set(mapping):
        raise UsageError(
            "say which field holds the answer: -M field.text=NAME or -M field.images=NAME"
        )


def _capabilities(tasks: frozenset[str]) -> Capabilities:
    texts = [TASKS[task] for task in tasks if TASKS[task].output == "text"]
    return Capabilities(
        text_output=bool(texts),
        image_input=any(task.image_input for task in texts),
        image_output="text-to-image" in tasks,
        image_editing="image-editing" in tasks,
    )


def _inside(root: Path, name: str, *, allowed: bool) -> Path:
    """Return the path of a picture, relative to the file.

    Raises:
        ImageError: it leads out of the file's directory, and that is not allowed.
    """
    path = root / name
    try:
        within = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise ImageError(f"picture {name!r} is not a usable path: {error}.") from error
    if within or allowed:
        return path
    raise ImageError(
        f"picture {name!r} lies outside the directory of the file that names it. "
        "If you trust the file, say -M allow_outside=yes."
    )


def _named(sample: Sample, epoch: int) -> str:
    return f"{sample.task}/{sample.id}" + (f" (epoch {epoch})" if epoch else "")


def _list(names: list[str], total: int) -> str:
    return f"{', '.join(names)}{' ...' if total > len(names) else ''}"
