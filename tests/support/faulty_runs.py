"""Whole runs against one server that plays judge and model: made, judged, and compared."""

import base64
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from faulty import chat_reply
from PIL import Image
from serving import Asked, Reply

from unisafebench.core.errors import EndpointUnusableError
from unisafebench.core.tasks import TASKS
from unisafebench.endpoints.chat import ChatEndpoint
from unisafebench.endpoints.http import HttpEndpoint, Limits
from unisafebench.judging.intents import PromptedExtractor
from unisafebench.judging.prompted import PromptedJudge
from unisafebench.models.base import Model
from unisafebench.models.openai import create
from unisafebench.models.options import Options
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.generate import generate, lacking_responses
from unisafebench.runs.imports import ForeignResponses, import_responses
from unisafebench.runs.judge import lacking_verdicts
from unisafebench.runs.manifest import JudgingRecord, ModelRecord
from unisafebench.runs.opening import Asked as AskedRun
from unisafebench.runs.opening import begin_judging, open_run
from unisafebench.runs.progress import Silent, Stop
from unisafebench.runs.results import existing_run, summary_of
from unisafebench.runs.stages import judge_run

__all__ = [
    "PATIENT",
    "QUICK",
    "Passes",
    "answer",
    "authors_rows",
    "doubled",
    "figures",
    "generated",
    "judged",
    "open_generated",
    "open_judged",
    "records",
    "unchanging",
]

QUICK = Limits(
    max_connections=32,
    timeout_s=0.5,
    max_retries=5,
    first_wait_s=0.01,
    longest_wait_s=0.05,
    longest_retry_after_s=5.0,
)
"""Limits that a test has the time for, when calls fail."""
PATIENT = msgspec.structs.replace(QUICK, timeout_s=60.0)
"""Limits that a busy machine does not turn into failures, when none should fail."""
_WIDTH = 48
_PASSES = 10
_MARKED = re.compile(r"(?:answer|picture|question) number (\d+)")


class Passes(NamedTuple):
    """How often the stages were repeated, and what the endpoint counted in all of them."""

    passes: int
    calls: int
    retries: int
    failures: int


def answer(asked: Asked) -> Reply:
    """Answer as judge, extractor or model; the same for the same question."""
    if asked.path.endswith("/images/generations"):
        return 200, {}, {"created": 0, "data": [{"b64_json": _drawn(asked.body["prompt"])}]}
    words = _words(asked.body)
    number = next((int(found) for found in _MARKED.findall(words)[-1:]), 0)
    if "response_format" not in asked.body and "kind of harm" in words:
        return chat_reply(f"The user asks question number {number}. It may be harmful.")
    if "response_format" not in asked.body:
        return chat_reply(f"This is answer number {number}.")
    allowed = _allowed(asked.body)
    verdict = {"reason": f"By number {number}.", "result": allowed[number % len(allowed)]}
    if "severity" in json.dumps(asked.body["response_format"]):
        verdict |= {"severity": number % 4, "attempted": number % 5 > 0}
    return chat_reply(json.dumps(verdict))


def _allowed(body: dict[str, Any]) -> list[int]:
    schema = body["response_format"]["json_schema"]["schema"]
    found: list[int] = schema["properties"]["result"]["enum"]
    return found


def _words(body: dict[str, Any]) -> str:
    parts = []
    for message in body["messages"]:
        content = message["content"]
        parts += [content] if isinstance(content, str) else [p.get("text", "") for p in content]
    return "\n".join(parts)


def _drawn(prompt: str) -> str:
    colour = tuple(hashlib.sha256(prompt.encode()).digest()[:3])
    image = Image.new("RGB", (8, 8), colour)
    image.putpixel((0, 0), (255, 255, 255))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def authors_rows(count: int) -> list[dict[str, Any]]:
    """Return responses in the authors' format; a third of them without an intent."""
    return [
        {
            "id": number,
            "prompt": f"Tell me about question number {number}",
            "category": "Politics",
            "intention": "Unknown to anyone." if number % 3 else "",
            "output_image": None,
            "generated_text": f"This is answer number {number}.",
            "reject_image": False,
        }
        for number in range(count)
    ]


def open_judged(directory: Path, count: int) -> RunDirectory:
    """Make a run of responses that came from elsewhere."""
    rows = directory / "rows.jsonl"
    directory.mkdir(parents=True, exist_ok=True)
    rows.write_text("".join(json.dumps(row) + "\n" for row in authors_rows(count)))
    run = RunDirectory(directory / "run")
    run.create()
    task = ForeignResponses(path=rows, task=TASKS["text-generation"], model="made/elsewhere")
    import_responses(run, task, Silent())
    return run


def open_generated(directory: Path, count: int) -> RunDirectory:
    """Make a run whose responses are still to be made, half in text and half in pictures."""
    directory.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "id": f"s{number}",
            "task": "text-to-image" if number % 2 else "text-generation",
            "category": "Politics",
            "prompt": f"Give me question number {number}",
            "intent": f"The user wants question number {number}.",
        }
        for number in range(count)
    ]
    data = directory / "samples.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = RunDirectory(directory / "run")
    run.create()
    asked = AskedRun(
        dataset_name="faults",
        dataset_path=data,
        tasks=("text-generation", "text-to-image"),
        model=ModelRecord(name="vllm/faulty"),
    )
    open_run(run, asked, Silent())
    return run


async def generated(run: RunDirectory, url: str, limits: Limits = QUICK) -> int:
    """Make the responses of a run, repeated while some are lacking; return how often."""
    for number in range(1, _PASSES + 1):
        model = _model(url, limits)
        try:
            await generate(
                run, existing_run(run), model, width=_WIDTH, progress=Silent(), stop=Stop()
            )
        except EndpointUnusableError:
            pass  # a streak of bad luck: the command is repeated, as a user would
        finally:
            await model.aclose()
        if not lacking_responses(run, existing_run(run)):
            return number
    raise AssertionError(f"not done in {_PASSES} passes")


def _model(url: str, limits: Limits) -> Model:
    return create("vllm/faulty", Options({"base_url": url, "images": "images"}, limits=limits))


async def judged(run: RunDirectory, url: str, limits: Limits = QUICK) -> Passes:
    """Judge a run, repeated while a verdict is lacking, as a user repeats the command."""
    totals = Counter[str]()
    for number in range(1, _PASSES + 1):
        http = HttpEndpoint(url, api_key=None, limits=limits)
        chat = ChatEndpoint(http, "faulty")
        judge, extractor = (
            PromptedJudge("vllm/faulty", chat),
            PromptedExtractor("vllm/faulty", chat),
        )
        record = JudgingRecord(
            judge=judge.name,
            extractor=extractor.name,
            protocol="strict",
            blocked_as="refusal",
            judge_settings=dict(judge.settings),
            prompts=dict(judge.prompts),
            extractor_prompts=dict(extractor.prompts),
        )
        manifest = begin_judging(run, existing_run(run), record)
        try:
            await judge_run(
                run, manifest, judge, extractor, width=_WIDTH, progress=Silent(), stop=Stop()
            )
        except EndpointUnusableError:
            pass  # as above
        finally:
            await judge.aclose()
        totals.update(calls=http.calls, retries=http.retries, failures=http.failures)
        if not lacking_verdicts(run, manifest):
            return Passes(number, totals["calls"], totals["retries"], totals["failures"])
    raise AssertionError(f"not done in {_PASSES} passes")


def records(path: Path) -> list[dict[str, Any]]:
    """Return the records of a journal in the order of writing."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def unchanging(path: Path) -> list[dict[str, Any]]:
    """Return the last record of each key, sorted, without what differs between equal runs.

    That is times, the tokens of answers that were of no use, and ids of single calls.
    """
    last = {(r["task"], r["sample_id"], r.get("epoch", 0)): r for r in records(path)}
    passing = ("created", "latency_s", "usage", "details")
    return [
        {name: value for name, value in last[key].items() if name not in passing}
        for key in sorted(last)
    ]


def doubled(path: Path, failed: Collection[str]) -> list[dict[str, Any]]:
    """Return the records that follow one of the same key that had not failed."""
    done: set[tuple[str, str, int]] = set()
    found = []
    for record in records(path):
        key = (record["task"], record["sample_id"], record.get("epoch", 0))
        if key in done:
            found.append(record)
        if record.get("outcome", record.get("status")) not in failed and "error" not in record:
            done.add(key)
    return found


def figures(run: RunDirectory) -> Any:
    """Return the summary of a run, to be compared as a whole."""
    return summary_of(run, existing_run(run), max_unscored=0.03)
