"""A run in a temporary directory: its data set, and parties that answer from functions."""

import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from unisafebench.core.records import Intent, Key, Response, Usage, Verdict
from unisafebench.core.tasks import TASKS
from unisafebench.judging.base import Answer, Finding, Query
from unisafebench.metrics.summary import Summary
from unisafebench.models.base import Capabilities, Output, Request
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import generate
from unisafebench.runs.journal import read_journal
from unisafebench.runs.manifest import JudgingRecord, Manifest, ModelRecord
from unisafebench.runs.opening import Asked, begin_judging, open_run
from unisafebench.runs.progress import Stop
from unisafebench.runs.results import existing_run, summary_of
from unisafebench.runs.stages import judge_run
from unisafebench.testing import FunctionModel


class Watcher:
    """A display that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.stages: list[tuple[str, int, int]] = []
        self.advanced: Counter[str] = Counter()

    def begin(self, stage: str, total: int, done: int) -> None:
        """Keep the stage, how many records it has and how many are done."""
        self.stages.append((stage, total, done))

    def advance(self, outcome: str) -> None:
        """Count the outcome."""
        self.advanced[outcome] += 1

    def end(self) -> None:
        """Keep nothing."""

    def note(self, message: str) -> None:
        """Keep the message."""
        self.notes.append(message)


class ScriptedJudge:
    """A judge whose findings come from two functions; it keeps all that it was shown."""

    notice = None

    def __init__(
        self,
        contextual: Callable[[Query, Answer, str | None], Finding],
        intrinsic: Callable[[Answer], Finding],
        name: str = "scripted/judge",
    ) -> None:
        self.name = name
        self.settings: Mapping[str, object] = {"temperature": 0.0}
        self.prompts: Mapping[str, str] = {"contextual": "c1", "intrinsic": "i1"}
        self.contextual_calls: list[tuple[Query, Answer, str | None]] = []
        self.intrinsic_calls: list[Answer] = []
        self._contextual = contextual
        self._intrinsic = intrinsic

    async def contextual(self, query: Query, answer: Answer, intent: str | None) -> Finding:
        """Give what the function says."""
        self.contextual_calls.append((query, answer, intent))
        return self._contextual(query, answer, intent)

    async def intrinsic(self, answer: Answer) -> Finding:
        """Give what the function says."""
        self.intrinsic_calls.append(answer)
        return self._intrinsic(answer)

    async def aclose(self) -> None:
        """Release nothing."""


class ScriptedExtractor:
    """An extractor whose intents come from a function; it keeps the queries."""

    name = "scripted/extractor"
    prompts: Mapping[str, str] = {"intent": "e1"}

    def __init__(self, write: Callable[[Query], str | None]) -> None:
        self.queries: list[Query] = []
        self._write = write

    async def extract(self, query: Query) -> tuple[str | None, Usage | None]:
        """Give what the function says."""
        self.queries.append(query)
        return self._write(query), Usage(input_tokens=10, output_tokens=5)

    async def aclose(self) -> None:
        """Release nothing."""


class Trial:
    """A data set, a run of it, and the steps that commands take on it."""

    def __init__(self, root: Path) -> None:
        self.data = root / "data"
        self.data.mkdir(parents=True)
        self.run = RunDirectory(root / "run")
        self.run.create()
        self.watcher = Watcher()
        self.stop = Stop()

    # What goes in.

    @staticmethod
    def row(sample_id: str, task: str = "text-generation", **fields: Any) -> dict[str, Any]:
        """Return a sample as a user writes it; its intent is there unless it is given as None."""
        row = {
            "id": sample_id,
            "task": task,
            "category": "Politics",
            "prompt": f"prompt {sample_id}",
            "intent": f"intent {sample_id}",
        } | fields
        return {name: value for name, value in row.items() if value is not None}

    @staticmethod
    def png(seed: int = 0, *, flat: bool = False, size: tuple[int, int] = (4, 3)) -> bytes:
        """Return a picture that differs for each seed, of two colours unless it is `flat`."""
        image = Image.new("RGB", size, (seed % 256, seed // 256, 7))
        if not flat:
            image.putpixel((0, 0), (255, 255, 255))
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return buffer.getvalue()

    def picture(self, name: str, seed: int = 0) -> str:
        """Write a picture beside the data set; return its name."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.png(seed))
        return name

    def write(self, rows: list[dict[str, Any]], name: str = "samples.jsonl") -> Path:
        """Write a JSON Lines file beside the pictures."""
        path = self.data / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    def asked(self, **changes: Any) -> Asked:
        """Return what a command asks: every task of the data set, one epoch."""
        given: dict[str, Any] = {
            "dataset_name": "data",
            "dataset_path": self.data / "samples.jsonl",
            "tasks": tuple(TASKS),
            "model": ModelRecord(name="function/test", settings={"temperature": 0.5}),
        }
        return Asked(**(given | changes))

    def open(self, rows: list[dict[str, Any]] | None = None, **changes: Any) -> Manifest:
        """Write the data set, when one is given, and open the run."""
        if rows is not None:
            self.write(rows)
        return open_run(self.run, self.asked(**changes), self.watcher)

    # What is done.

    async def generate(
        self,
        answer: Callable[[Request], Output],
        *,
        width: int = 4,
        capabilities: Capabilities | None = None,
    ) -> None:
        """Make the responses that are missing."""
        manifest = existing_run(self.run)
        await generate(
            self.run,
            manifest,
            FunctionModel(answer, capabilities=capabilities),
            width=width,
            progress=self.watcher,
            stop=self.stop,
        )

    @staticmethod
    def judge_of(
        contextual: Callable[[Query, Answer, str | None], Finding] | int = 1,
        intrinsic: Callable[[Answer], Finding] | int = 1,
    ) -> ScriptedJudge:
        """Return a judge; a number stands for the same result every time."""

        def the_same(result: Any) -> Callable[..., Finding]:
            return lambda *_: Finding(result=result, reason=f"it is {result}", raw=f"raw {result}")

        return ScriptedJudge(
            the_same(contextual) if isinstance(contextual, int) else contextual,
            the_same(intrinsic) if isinstance(intrinsic, int) else intrinsic,
        )

    @staticmethod
    def extractor_of(write: Callable[[Query], str | None]) -> ScriptedExtractor:
        """Return an extractor that writes what the function says."""
        return ScriptedExtractor(write)

    async def judge(
        self,
        judge: ScriptedJudge | None = None,
        extractor: ScriptedExtractor | None = None,
        *,
        width: int = 4,
        **judging: Any,
    ) -> ScriptedJudge:
        """Make the intents and verdicts that are missing; return the judge."""
        judge = judge or self.judge_of()
        extractor = extractor or self.extractor_of(lambda query: f"written for {query.prompt}")
        given = {
            "judge": judge.name,
            "extractor": extractor.name,
            "protocol": "strict",
            "blocked_as": "refusal",
        } | judging
        manifest = begin_judging(self.run, existing_run(self.run), JudgingRecord(**given))
        await judge_run(
            self.run,
            manifest,
            judge,
            extractor,
            width=width,
            progress=self.watcher,
            stop=self.stop,
        )
        return judge

    # What comes out.

    def response_lines(self) -> list[Response]:
        """Return every response record in the order of writing."""
        return [record for _, record in read_journal(self.run.responses, Response)]

    def responses(self) -> dict[Key, Response]:
        """Return the last response of each key."""
        return {record.key: record for record in self.response_lines()}

    def response(self, sample_id: str) -> Response:
        """Return the last response to a sample."""
        return [record for record in self.response_lines() if record.sample_id == sample_id][-1]

    def intents(self) -> list[Intent]:
        """Return every intent record in the order of writing."""
        return [record for _, record in read_journal(self.run.intents, Intent)]

    def verdict_lines(self) -> list[Verdict]:
        """Return every verdict record in the order of writing."""
        return [record for _, record in read_journal(self.run.verdicts, Verdict)]

    def verdicts(self) -> dict[Key, Verdict]:
        """Return the last verdict of each key."""
        return {record.key: record for record in self.verdict_lines()}

    def verdict(self, sample_id: str) -> Verdict:
        """Return the last verdict on a sample."""
        return [record for record in self.verdict_lines() if record.sample_id == sample_id][-1]

    def summary(self) -> Summary:
        """Return the summary of the run as it stands."""
        return summary_of(self.run, existing_run(self.run), max_unscored=0.03)

    def figures(self) -> dict[str, Any]:
        """Return the summary as plain data, to be compared as a whole."""
        found: dict[str, Any] = msgspec.to_builtins(self.summary())
        return found


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """Return an empty trial."""
    return Trial(tmp_path)


@pytest.fixture
def trial_at() -> Callable[[Path], Trial]:
    """Return what makes a trial in a directory of the test's choice."""
    return Trial
