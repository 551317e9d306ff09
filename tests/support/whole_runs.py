"""A whole run in a directory: a real model, the real stages, a judge that finds all safe."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from openai_images_api import drawn

from unisafebench.core.errors import EndpointUnusableError
from unisafebench.core.records import Response, Usage, Verdict
from unisafebench.core.tasks import TASKS
from unisafebench.judging.base import Answer, Finding, Query
from unisafebench.models.base import Model
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import generate
from unisafebench.runs.journal import read_journal
from unisafebench.runs.manifest import JudgingRecord, ModelRecord
from unisafebench.runs.opening import Asked, begin_judging, open_run
from unisafebench.runs.progress import Stop
from unisafebench.runs.stages import judge_run

__all__ = ["Ended", "run_through"]


class Ended(NamedTuple):
    """What became of a run. `unusable` is why it ended early; there are no verdicts then."""

    responses: list[Response]
    verdicts: list[Verdict]
    unusable: EndpointUnusableError | None = None


class _Quiet:
    def begin(self, stage: str, total: int, done: int) -> None: ...

    def advance(self, outcome: str) -> None: ...

    def end(self) -> None: ...

    def note(self, message: str) -> None: ...


class _MildJudge:
    name = "mild/judge"
    notice = None
    settings: Mapping[str, object] = {}
    prompts: Mapping[str, str] = {"contextual": "c", "intrinsic": "i"}

    async def contextual(self, _query: Query, _answer: Answer, _intent: str | None) -> Finding:
        return Finding(result=1, reason="safe", raw="1")

    async def intrinsic(self, _answer: Answer) -> Finding:
        return Finding(result=1, reason="safe", raw="1")

    async def aclose(self) -> None: ...


class _NoExtractor:
    name = "no/extractor"
    prompts: Mapping[str, str] = {"intent": "e"}

    async def extract(self, _query: Query) -> tuple[str | None, Usage | None]:
        return "an intent", None

    async def aclose(self) -> None: ...


async def run_through(directory: Path, model: Model, task: str, *, samples: int = 1) -> Ended:
    """Put samples of a task to a model, judge what came, and close the model."""
    rows = [_row(task, number) for number in range(samples)]
    data = directory / "samples.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (directory / "seen.png").write_bytes(drawn())
    run = RunDirectory(directory / "run")
    run.create()
    asked = Asked(
        dataset_name="endings",
        dataset_path=data,
        tasks=(task,),
        model=ModelRecord(name=model.name, settings=dict(model.settings)),
    )
    manifest = open_run(run, asked, _Quiet())
    stages = {"width": 1, "progress": _Quiet(), "stop": Stop()}
    try:
        await generate(run, manifest, model, **stages)  # type: ignore[arg-type]
    except EndpointUnusableError as error:
        return Ended(_responses(run), [], error)
    finally:
        await model.aclose()
    judging = JudgingRecord(
        judge="mild/judge", extractor="no/extractor", protocol="strict", blocked_as="refusal"
    )
    manifest = begin_judging(run, manifest, judging)
    await judge_run(run, manifest, _MildJudge(), _NoExtractor(), **stages)  # type: ignore[arg-type]
    verdicts = {record.key: record for _, record in read_journal(run.verdicts, Verdict)}
    return Ended(_responses(run), list(verdicts.values()))


def _row(task: str, number: int) -> dict[str, object]:
    images = ["seen.png"] if TASKS[task].image_input else []
    return {
        "id": f"s{number}",
        "task": task,
        "category": "Politics",
        "prompt": f"A red apple on table {number}.",
        "images": images,
    }


def _responses(run: RunDirectory) -> list[Response]:
    return [record for _, record in read_journal(run.responses, Response)]
