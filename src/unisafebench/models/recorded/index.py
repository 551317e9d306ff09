"""Where the answers of a file lie, and which sample each of them belongs to.

Of each answer some fifty bytes are kept: its place in the file and the hash of its key.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from unisafebench.core.errors import DataError, UniSafeBenchError
from unisafebench.core.keys import KeyIndex, hash_parts
from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS
from unisafebench.models.recorded.files import RecordFile
from unisafebench.models.recorded.formats import (
    SCENARIO_TASKS,
    Answer,
    Choice,
    pick,
    read_answer,
)
from unisafebench.models.recorded.places import Place

__all__ = ["RETRIED", "AnswerIndex", "Contents", "Found", "index_answers"]

RETRIED = ("model_error", "invalid_input")
"""How answers ended that a run makes again when it is resumed."""
_SHOWN = 20
_SUPERSEDED = 1
"""Owner of a row that a later one replaces."""


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds as a whole."""

    formats: tuple[str, ...]
    models: tuple[str, ...]
    tasks: frozenset[str]
    """The tasks that its answers can be of."""
    names_tasks: bool
    """Whether each answer says which task it is of."""


class Found(NamedTuple):
    """An answer by its row, the number by which the index knows it, and its line in the file."""

    row: int
    line: int


class AnswerIndex:
    """The rows of a file by their key."""

    def __init__(self) -> None:
        self._keys = KeyIndex()
        self._hashes = array("Q")
        self._lines = array("Q")
        self._starts = array("Q")
        self._lengths = array("I")
        self._owners = array("Q")
        self._failed = array("B")

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, answer: Answer, place: Place) -> None:
        """Note where an answer lies."""
        key_hash = hash_parts(answer.scope, answer.id, answer.epoch)
        self._keys.add(key_hash, len(self))
        self._hashes.append(key_hash)
        self._lines.append(place.line)
        self._starts.append(place.start)
        self._lengths.append(place.length)
        self._owners.append(0)
        self._failed.append(answer.status in RETRIED)

    def place(self, row: int) -> Place:
        """Return where a row lies."""
        return Place(self._lines[row], self._starts[row], self._lengths[row])

    def repeated(self) -> Iterator[tuple[Found, Found]]:
        """Yield (earlier, later) rows of the same key.

        A run that was resumed has written a second record behind one that failed: the later one
        counts, and the two are not repeated.
        """
        hashes = self._keys.repeated_hashes()
        last: dict[int, int] = {}
        for row, key_hash in enumerate(self._hashes) if hashes else ():
            if key_hash in hashes:
                before = last.get(key_hash)
                if before is not None and self._failed[before]:
                    self._owners[before] = _SUPERSEDED
                elif before is not None:
                    yield Found(before, self._lines[before]), Found(row, self._lines[row])
                last[key_hash] = row

    def find(self, sample: Sample, epoch: int) -> tuple[Found, ...]:
        """Return the rows that can be the answer to a sample: none, one, or several.

        What names the task goes before what names none.
        """
        for scopes in (_scopes(sample), ("",)):
            hits = [self._keys.find(hash_parts(scope, sample.id, epoch)) for scope in scopes]
            rows = tuple(Found(hit[0], self._lines[hit[0]]) for hit in hits if hit is not None)
            if rows:
                return rows
        return ()

    def claim(self, found: Found, sample: Sample) -> bool:
        """Note that a row is the answer to a sample; False when it is another sample's too."""
        owner = max(hash_parts(sample.task, sample.id, 0), _SUPERSEDED + 1)
        if self._owners[found.row] in (0, owner):
            self._owners[found.row] = owner
            return True
        return False

    def unclaimed(self) -> list[Found]:
        """Return the rows that no sample has claimed."""
        return [Found(row, self._lines[row]) for row, owner in enumerate(self._owners) if not owner]


def index_answers(
    file: RecordFile, choice: Choice, model: str | None
) -> tuple[AnswerIndex, Contents]:
    """Check every record of a file and find out where its answers lie.

    Args:
        file: The file.
        choice: What the user says of its fields.
        model: The model whose answers are wanted; None when the file is of one model.

    Raises:
        DataError: lists what is wrong with the file, up to twenty problems.
    """
    survey = _Survey(choice, model)
    index = AnswerIndex()
    problems: list[str] = []
    try:
        for place, raw in file.scan():
            try:
                record = file.decode(place, raw)
                survey.see(record)
                answer = read_answer(record, choice, file.path, place.line)
            except UniSafeBenchError as error:
                problems.append(str(error))
                continue
            if survey.take(answer):
                index.add(answer, place)
    except DataError as error:
        # The file cannot be read past this place.
        problems.append(str(error))
    problems += survey.problems(file) if not problems else []
    if not problems:
        problems += [
            f"{file.path}:{later.line}: the record on line {earlier.line} has the same id, task "
            "and epoch. Give each its own, or leave one of them out."
            for earlier, later in index.repeated()
        ]
    if problems:
        more = len(problems) - _SHOWN
        raise DataError(
            "\n".join(problems[:_SHOWN] + ([f"... and {more} more."] if more > 0 else []))
        )
    return index, survey.contents()


class _Survey:
    """What the records of a file say together."""

    def __init__(self, choice: Choice, model: str | None) -> None:
        self._wanted = model
        self._unmet = {name for names in choice.mapping.values() for name in names}
        self._fields: dict[str, None] = {}
        self._formats: set[str] = set()
        self._models: set[str] = set()
        self._tasks: set[str] = set()
        self._names_tasks = True
        self._taken = 0

    def see(self, record: Mapping[str, object]) -> None:
        """Note which of the user's fields a record has."""
        if self._unmet:
            self._unmet -= {name for name in self._unmet if pick(record, name) is not None}
            self._fields.update(dict.fromkeys(record))

    def take(self, answer: Answer) -> bool:
        """Note what an answer is; return whether it is of the model that is wanted."""
        if answer.model is not None:
            self._models.add(answer.model)
        if self._wanted is not None and answer.model != self._wanted:
            return False
        self._taken += 1
        self._formats.add(answer.format)
        self._tasks.update(_tasks_of(answer))
        self._names_tasks = self._names_tasks and bool(answer.scope)
        return True

    def problems(self, file: RecordFile) -> list[str]:
        """Return what is wrong with the file as a whole."""
        models = ", ".join(sorted(self._models)[:_SHOWN])
        if self._wanted is None and len(self._models) > 1:
            hint = "Say whose are wanted: -M model=NAME."
            return [f"{file.path}: it holds answers of several models: {models}. {hint}"]
        if self._wanted is not None and not self._taken:
            known = models or "none that is named"
            return [f"{file.path}: it holds no answer of the model {self._wanted!r}. Has: {known}."]
        if not self._taken:
            return [f"{file.path}: it holds no record at all."]
        return [
            f"{file.path}: no record has a field {name!r}. "
            f"Fields there are: {', '.join(map(repr, self._fields))}."
            for name in sorted(self._unmet)
        ]

    def contents(self) -> Contents:
        """Return what the file holds."""
        return Contents(
            formats=tuple(sorted(self._formats)),
            models=tuple(sorted(self._models)),
            tasks=frozenset(self._tasks),
            names_tasks=self._names_tasks,
        )


def _tasks_of(answer: Answer) -> Iterable[str]:
    """Return the tasks that an answer can be of; without a scope its content decides."""
    if answer.scope in TASKS:
        return (answer.scope,)
    if answer.scope:
        return SCENARIO_TASKS[answer.scope]
    kinds = {"image"} if answer.images else set()
    kinds |= {"text"} if answer.text else set()
    return (task.id for task in TASKS.values() if task.output in kinds)


def _scopes(sample: Sample) -> tuple[str, ...]:
    """Return the scopes of the answers that a sample can have.

    A sample that keeps UniSAFE's own field is known exactly.
    """
    scenario = sample.extra.get("scenario_type") or sample.metadata.get("scenario_type")
    if isinstance(scenario, str):
        return (sample.task, scenario.strip().upper())
    fitting = (name for name, tasks in SCENARIO_TASKS.items() if sample.task in tasks)
    return (sample.task, *fitting)
