"""What a record says: our format, the authors', UniSAFE's, or fields that the user names.

UniSAFE's predictions (segyulee/UniSAFE, `docs/data-format.md`) name a scenario instead of a task;
ids are shared by scenarios, so that the key is the two together.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from unisafebench.core.errors import DataError
from unisafebench.core.records import BlockedSide, PictureSeen, ResponseStatus, Usage
from unisafebench.core.tasks import TASKS, find_task

__all__ = ["FIELDS", "SCENARIO_TASKS", "Answer", "Choice", "pick", "read_answer"]

FIELDS = ("id", "task", "epoch", "text", "images", "prompt", "model", "stop_reason", "error")
"""The fields of an answer that a mapping can name."""

_VQA = tuple(task.id for task in TASKS.values() if task.image_input and task.output == "text")
SCENARIO_TASKS: Mapping[str, tuple[str, ...]] = {
    "TI": ("text-to-image",),
    "IE": ("image-editing",),
    "IC": ("image-editing",),
    "MT": ("image-editing",),
    "TT": ("text-generation",),
    "IT": _VQA,
    "MU": _VQA,
}
"""UniSAFE's scenarios, and the tasks whose samples they can be."""

# How the authors' files write a flag; any other word says nothing.
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_Id = str | int
_Epoch = Annotated[int, msgspec.Meta(ge=0)]
_Names = str | list[str] | None
T = TypeVar("T")


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the user says of a file: where its fields are, which task its records are of."""

    mapping: Mapping[str, tuple[str, ...]] = {}
    task: str = ""
    lax: bool = False
    """Numbers and truth values may be written as texts, as in a table."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a file. `images` are paths relative to the file.

    `scope` is the task, UniSAFE's scenario, or "" where the record says neither.
    """

    format: str
    id: str
    scope: str = ""
    epoch: int = 0
    model: str | None = None
    prompt: str | None = None
    text: str | None = None
    images: tuple[str, ...] = ()
    status: ResponseStatus = "completed"
    stop_reason: str | None = None
    blocked_side: BlockedSide | None = None
    error: str | None = None
    reject_image: bool | None = None
    usage: Usage | None = None
    served_model: str | None = None
    sent: dict[str, Any] = {}
    pictures_sent: tuple[PictureSeen, ...] = ()
    details: dict[str, Any] = {}


class _Ours(msgspec.Struct):
    sample_id: _Id
    task: str | None = None
    epoch: _Epoch | None = None
    model: str | None = None
    text: str | None = None
    images: _Names = None
    status: ResponseStatus | None = None
    stop_reason: str | None = None
    blocked_side: BlockedSide | None = None
    error: str | None = None
    reject_image: bool | None = None
    served_model: str | None = None
    sent: dict[str, Any] | None = None
    pictures_sent: tuple[PictureSeen, ...] = ()
    details: dict[str, Any] | None = None
    usage: Usage | None = None
    latency_s: float | None = None


class _Authors(msgspec.Struct):
    id: _Id
    task: str | None = None
    epoch: _Epoch | None = None
    model: str | None = None
    prompt: str | None = None
    generated_text: str | None = None
    output_image: _Names = None
    reject_image: bool | int | str | None = None


class _UniSafe(msgspec.Struct):
    id: _Id
    scenario_type: str
    model: str | None = None
    output_text: str | None = None
    output_image: str | None = None
    output_images: list[str] | None = None
    refusal: bool | None = None
    error: str | None = None
    metadata: dict[str, Any] | None = None


class _Mapped(msgspec.Struct):
    id: _Id
    task: str | None = None
    epoch: _Epoch | None = None
    model: str | None = None
    prompt: str | None = None
    text: str | None = None
    images: tuple[_Names, ...] = ()
    stop_reason: str | None = None
    error: str | None = None


def read_answer(record: Mapping[str, Any], choice: Choice, path: Path, line: int) -> Answer:
    """Return what a record says, by the format that its fields show or the user's mapping.

    Raises:
        DataError: it is of no known format, or a field of it is unusable.
        UnknownNameError: it names a task that does not exist.
    """
    reader = _reader(record, choice)
    if reader is None:
        raise DataError(
            "this is no answer in a known format: it has neither 'sample_id' (our format), "
            "'generated_text' or 'output_image' (the authors'), nor 'scenario_type' (UniSAFE's).",
            path=path,
            line=line,
            remedy="Say which fields hold what: -M field.id=NAME -M field.text=NAME. "
            f"Fields there are: {', '.join(map(repr, record)) or 'none'}.",
        )
    try:
        answer = reader(record, choice, f"{path}:{line}")
    except msgspec.ValidationError as error:
        raise DataError(f"the record is unusable: {error}.", path=path, line=line) from None
    if not answer.id:
        raise DataError("the id is empty.", path=path, line=line)
    return answer


def pick(record: Mapping[str, Any], name: str) -> Any:
    """Return a field by its name or a path such as `choices.0.text`; None where it is not there."""
    if name in record:
        return record[name]
    value: Any = record
    for part in name.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


_Reader = Callable[[Mapping[str, Any], Choice, str], Answer]


def _reader(record: Mapping[str, Any], choice: Choice) -> _Reader | None:
    if choice.mapping:
        return _mapped
    if "sample_id" in record:
        return _ours
    if "scenario_type" in record:
        return _unisafe
    if "generated_text" in record or "output_image" in record:
        return _authors
    return None


def _ours(record: Mapping[str, Any], choice: Choice, where: str) -> Answer:
    row = _converted(record, _Ours, choice)
    details = dict(row.details or {})
    if row.latency_s is not None:
        details["recorded_latency_s"] = row.latency_s
    return Answer(
        format="unisafebench",
        id=str(row.sample_id),
        scope=_task_id(row.task, choice, where),
        epoch=row.epoch or 0,
        model=row.model,
        text=row.text,
        images=_names(row.images),
        status=row.status or "completed",
        stop_reason=row.stop_reason,
        blocked_side=row.blocked_side,
        error=row.error,
        reject_image=row.reject_image,
        usage=row.usage,
        served_model=row.served_model,
        sent=row.sent or {},
        pictures_sent=row.pictures_sent,
        details=details,
    )


def _authors(record: Mapping[str, Any], choice: Choice, where: str) -> Answer:
    row = _converted(record, _Authors, choice)
    return Answer(
        format="authors",
        id=str(row.id),
        scope=_task_id(row.task, choice, where),
        epoch=row.epoch or 0,
        model=row.model,
        prompt=row.prompt,
        text=row.generated_text or None,
        images=_names(row.output_image),
        reject_image=_FLAGS.get(str(row.reject_image).strip().casefold()),
    )


def _unisafe(record: Mapping[str, Any], choice: Choice, where: str) -> Answer:
    row = _converted(record, _UniSafe, choice)
    scenario = row.scenario_type.strip().upper()
    if scenario not in SCENARIO_TASKS:
        raise DataError(
            f"{where}: unknown scenario_type {row.scenario_type!r}. "
            f"Known: {', '.join(SCENARIO_TASKS)}."
        )
    images = _names([*_names(row.output_image), *(row.output_images or [])])
    given = bool(images or (row.output_text or "").strip())
    # What the model says itself is read by the judge; only where nothing came back does the flag
    # decide. It does not tell the model's refusal from a filter's.
    blocked = bool(row.refusal) and not given and not row.error
    return Answer(
        format="unisafe",
        id=str(row.id).strip(),
        scope=scenario,
        model=row.model,
        text=row.output_text,
        images=images,
        status="model_error" if row.error else "blocked" if blocked else "completed",
        stop_reason="refusal" if row.refusal else None,
        blocked_side="unknown" if blocked else None,
        error=row.error or None,
        details={} if row.metadata is None else {"metadata": row.metadata},
    )


def _mapped(record: Mapping[str, Any], choice: Choice, where: str) -> Answer:
    found: dict[str, Any] = {
        ours: pick(record, theirs[0]) for ours, theirs in choice.mapping.items() if ours != "images"
    }
    found["images"] = [pick(record, theirs) for theirs in choice.mapping.get("images", ())]
    # Ids and epochs may be texts of digits, whatever the file.
    row = msgspec.convert(found, _Mapped, strict=False)
    return Answer(
        format="mapping",
        id=str(row.id).strip(),
        scope=_task_id(row.task, choice, where),
        epoch=row.epoch or 0,
        model=row.model,
        prompt=row.prompt,
        text=row.text,
        images=tuple(name for names in row.images for name in _names(names)),
        status="model_error" if row.error else "completed",
        stop_reason=row.stop_reason,
        error=row.error or None,
    )


def _converted(record: Mapping[str, Any], kind: type[T], choice: Choice) -> T:
    return msgspec.convert(record, kind, strict=not choice.lax)


def _task_id(name: str | None, choice: Choice, where: str) -> str:
    return find_task(name, where=where).id if name else choice.task


def _names(names: _Names) -> tuple[str, ...]:
    return tuple(name for name in ([names] if isinstance(names, str) else names or []) if name)
