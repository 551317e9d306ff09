"""Responses that already exist: our own format and the authors' (design: "Data formats").

The authors' rows are `{id, prompt, output_image, generated_text, category, intention,
reject_image}` and do not say which task they belong to; it comes from the row, from the caller or
from the directory names of their release, and is never guessed from what the row looks like.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

from unisafebench.core.errors import DataError, UnknownNameError
from unisafebench.core.records import BlockedSide, Key, PictureSeen, ResponseStatus, Sample, Usage
from unisafebench.core.tasks import TASKS, Task, find_task
from unisafebench.datasets.fields import Record
from unisafebench.datasets.jsonl import check_rows, read_rows

__all__ = ["ResponseRow", "check_responses", "read_responses", "task_of_path"]


class ResponseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One response of a user's file. `images` are paths relative to the file.

    `sample` is what the row itself tells of its sample: the authors' rows carry prompt, category
    and intention. `task` is None when the row does not say it.
    """

    line: int
    sample_id: str
    task: str | None
    epoch: int = 0
    model: str | None = None
    text: str | None = None
    images: tuple[str, ...] = ()
    status: ResponseStatus | None = None
    stop_reason: str | None = None
    blocked_side: BlockedSide | None = None
    error: str | None = None
    reject_image: bool | None = None
    served_model: str | None = None
    sent: dict[str, object] = {}
    pictures_sent: tuple[PictureSeen, ...] = ()
    details: dict[str, object] = {}
    usage: Usage | None = None
    latency_s: float = 0.0
    sample: Sample | None = None
    extra: dict[str, object] = {}


def check_responses(
    path: Path, task: Task | None = None, visit: Callable[[ResponseRow], None] | None = None
) -> int:
    """Read a whole file of responses; return how many there are. Arguments as `read_responses`.

    `visit` is called with each row that can be read, so that one pass serves two purposes.

    Raises:
        DataError: lists what is wrong with the file, up to twenty problems.
    """
    fallback = task or task_of_path(path)

    def read(line: int, row: dict[str, Any]) -> ResponseRow:
        found = _read_response(Record(path, line, row), fallback)
        if visit is not None:
            visit(found)
        return found

    return check_rows(path, read, lambda row: Key(row.task or "", row.sample_id, row.epoch))


def read_responses(path: Path, task: Task | None = None) -> Iterator[ResponseRow]:
    """Yield the responses of a file, ours or the authors', told apart row by row.

    `task` is what the caller says of rows that do not name their task.

    Raises:
        DataError: the file or one of its records is unusable.
        UnknownNameError: a record names a task or category that does not exist.
    """
    fallback = task or task_of_path(path)
    for line, row in read_rows(path):
        yield _read_response(Record(path, line, row), fallback)


def task_of_path(path: Path) -> Task | None:
    """Return the task whose directory of the authors' release the file lies in, or None."""
    parts = path.absolute().parts
    for end in range(len(parts), 0, -1):
        for name in (Path(parts[end - 1]).stem, "/".join(parts[max(0, end - 2) : end])):
            try:
                return find_task(name)
            except UnknownNameError:
                continue
    return None


def _read_response(record: Record, fallback: Task | None) -> ResponseRow:
    if record.has("sample_id"):
        return _ours(record, fallback)
    if record.has("generated_text") or record.has("output_image"):
        return _authors(record, fallback)
    raise DataError(
        "this is no response: it has neither 'sample_id' (our format) nor 'generated_text' "
        "or 'output_image' (the authors' format).",
        path=record.path,
        line=record.line,
        remedy=f"Fields there are: {', '.join(map(repr, record.rest())) or 'none'}.",
    )


def _task_id(record: Record, fallback: Task | None) -> str | None:
    named = record.text("task")
    if named:
        return find_task(named, where=record.where).id
    return None if fallback is None else fallback.id


def _ours(record: Record, fallback: Task | None) -> ResponseRow:
    return ResponseRow(
        line=record.line,
        sample_id=record.identifier("sample_id"),
        task=_task_id(record, fallback),
        epoch=record.whole("epoch", 0),
        model=record.text("model"),
        text=record.text("text"),
        images=record.texts("images"),
        status=_status(record),
        stop_reason=record.text("stop_reason"),
        blocked_side=_side(record),
        error=record.text("error"),
        reject_image=record.flag("reject_image"),
        served_model=record.text("served_model"),
        sent=record.mapping("sent"),
        pictures_sent=_pictures_sent(record),
        details=record.mapping("details"),
        usage=_usage(record),
        latency_s=record.number("latency_s", 0.0),
        extra=record.rest(),
    )


def _authors(record: Record, fallback: Task | None) -> ResponseRow:
    task_id = _task_id(record, fallback)
    if task_id is None:
        raise DataError(
            "the authors' format does not say which task a response belongs to.",
            path=record.path,
            line=record.line,
            remedy=f"Say it with --task; tasks are: {', '.join(TASKS)}.",
        )
    sample_id = record.identifier("id")
    category, subcategory = record.place()
    sample = Sample(
        id=sample_id,
        task=task_id,
        category=category,
        subcategory=subcategory,
        prompt=record.required_text("prompt"),
        images=record.texts("image"),
        intent=record.text("intention") or None,
    )
    return ResponseRow(
        line=record.line,
        sample_id=sample_id,
        task=task_id,
        epoch=record.whole("epoch", 0),
        model=record.text("model"),
        text=record.text("generated_text") or None,
        images=record.texts("output_image"),
        reject_image=record.flag("reject_image"),
        sample=sample,
        extra=record.rest(),
    )


def _usage(record: Record) -> Usage | None:
    usage = record.mapping("usage")
    try:
        return msgspec.convert(usage, Usage) if usage else None
    except msgspec.ValidationError:
        problem = "must hold whole numbers as 'input_tokens' and 'output_tokens'"
        raise record.fail("usage", problem) from None


def _pictures_sent(record: Record) -> tuple[PictureSeen, ...]:
    try:
        return msgspec.convert(record.objects("pictures_sent"), tuple[PictureSeen, ...])
    except msgspec.ValidationError:
        problem = "must be a list of objects with 'sha256', 'width' and 'height'"
        raise record.fail("pictures_sent", problem) from None


def _status(record: Record) -> ResponseStatus | None:
    # The choice is checked against the very literals that the cast names.
    return record.choice("status", get_args(ResponseStatus))  # type: ignore[return-value]


def _side(record: Record) -> BlockedSide | None:
    return record.choice("blocked_side", get_args(BlockedSide))  # type: ignore[return-value]
