"""Every parser that reads what strangers wrote: what it is fed, and what may come out of it.

A target is a function that is called with damaged input and a directory of its own. Whatever it
raises beside the errors that it documents is a crash.
"""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple

import anthropic_api
import gemini_api
import openai_api
import openai_images_api
import responses_api
from faulty import chat_reply
from faulty_runs import authors_rows
from fuzz_files import pictures, utility_files
from hypothesis import strategies as st
from mutating import damaged_bytes, damaged_json, damaged_lines, texts
from written_runs import make_sample, write_run

from unisafebench.cli.plan import parse_price
from unisafebench.comparisons.reading import read_run
from unisafebench.core.errors import (
    DataError,
    EndpointError,
    EndpointUnusableError,
    ImageError,
    RunError,
    UniSafeBenchError,
    UsageError,
)
from unisafebench.core.records import Intent, Response, Sample, Verdict
from unisafebench.core.tasks import TASKS
from unisafebench.datasets.responses import check_responses, read_responses
from unisafebench.datasets.samples import check_samples, read_samples
from unisafebench.endpoints.chat import _answer
from unisafebench.endpoints.classify import failure_of_status
from unisafebench.endpoints.fetching import Fetcher
from unisafebench.endpoints.replies import Reply, parse_json, without_secret
from unisafebench.judging.parsing import declines, is_error_text, parse_verdict, without_thinking
from unisafebench.media.fitting import fit_picture
from unisafebench.media.pictures import check_picture
from unisafebench.media.thumbnails import thumbnail
from unisafebench.metrics.gates import parse_gate
from unisafebench.models.api import Wire
from unisafebench.models.base import UnsupportedError
from unisafebench.models.exec.protocol import Lines, id_in, message_in, read_hello
from unisafebench.models.recorded import create
from unisafebench.models.wires.anthropic import AnthropicWire
from unisafebench.models.wires.chat import ChatWire
from unisafebench.models.wires.gemini import GeminiWire
from unisafebench.models.wires.images import ImagesWire
from unisafebench.models.wires.responses import ResponsesWire
from unisafebench.models.wires.settings import WireSettings
from unisafebench.report.visible import visible
from unisafebench.runs.checkup import check_run
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.imports import ForeignResponses, import_responses
from unisafebench.runs.journal import Journal, read_journal
from unisafebench.runs.manifest import read_manifest
from unisafebench.runs.progress import Silent
from unisafebench.runs.results import existing_run, results, summary_of
from unisafebench.utility import read_utility
from unisafebench.utility.mapping import parse_mapping, parse_metrics

__all__ = ["TARGETS", "Target"]

Feed = Callable[[Any, Path], object]


class Target(NamedTuple):
    """A parser. `documented` are the errors that it says it raises; `seeds` are tried first."""

    strategy: st.SearchStrategy[Any]
    feed: Feed
    documented: tuple[type[Exception], ...] = ()
    seeds: tuple[Any, ...] = ()


def _judge(text: str, _: Path) -> None:
    for allowed in (frozenset({0, 1}), frozenset({0, 1, 2})):
        found = parse_verdict(text, allowed)
        assert getattr(found, "result", 0) in allowed
    declines(text)
    is_error_text(text)
    without_thinking(text)
    visible(text)


def _file(directory: Path, content: bytes, name: str = "given.jsonl") -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


def _samples(content: bytes, directory: Path) -> None:
    path = _file(directory, content)
    count = check_samples(path)
    assert count == sum(1 for _ in read_samples(path))


def _responses(content: bytes, directory: Path) -> None:
    path = _file(directory, content)
    task = TASKS["text-generation"]
    check_responses(path, task)
    list(read_responses(path, task))


def _imports(content: bytes, directory: Path) -> None:
    run = RunDirectory(directory / "run")
    run.create()
    task = TASKS["text-generation"]
    given = ForeignResponses(path=_file(directory, content), task=task)
    manifest = import_responses(run, given, Silent())
    summary_of(run, manifest, max_unscored=0.03)
    assert not [f for f in check_run(run) if f.state == "problem"]


def _journals(content: bytes, directory: Path) -> None:
    path = _file(directory, content)
    for kind in (Sample, Response, Intent, Verdict):
        with contextlib.suppress(RunError):
            list(read_journal(path, kind))
    record = Response(
        sample_id="1", task="text-generation", epoch=0, model="m", status="completed", text="x"
    )
    with Journal(path) as journal:
        position = journal.append(record)
    assert path.read_bytes()[position:].count(b"\n") == 1


def _run(files: tuple[str, bytes], directory: Path) -> None:
    name, content = files
    write_run(
        directory / "run",
        [make_sample(number) for number in range(3)],
        lambda _, epoch: {"contextual": epoch, "intrinsic": 1},
        intents={"000001": "An intent."},
    )
    (directory / "run" / name).write_bytes(content)
    run = RunDirectory(directory / "run")
    check_run(run)
    for read in (
        lambda: read_manifest(run),
        lambda: summary_of(run, existing_run(run), max_unscored=0.03),
        lambda: list(results(run, existing_run(run))),
        lambda: read_run(run.path, "it"),
    ):
        with contextlib.suppress(UniSafeBenchError):
            read()


def _reply(content: bytes, _: Path) -> None:
    body = parse_json(content)
    without_secret(body, "sk-123")
    json.dumps(body).encode()
    for status in (200, 400, 401, 429, 500):
        failure_of_status(status, {}, content.decode("utf-8", "replace"), body)
    if isinstance(body, dict):
        with contextlib.suppress(ValueError):
            _answer(Reply(body=body, status=200))


def _headers(headers: dict[str, str], _: Path) -> None:
    failure = failure_of_status(429, headers, "", None)
    assert failure.wait_s is None or failure.wait_s >= 0


def _wire(wire: Wire) -> Feed:
    """Read an answer as the wire does, and errors that hold the same object."""

    def feed(body: Any, _: Path) -> None:
        body = parse_json(json.dumps(body).encode())
        if isinstance(body, dict):
            with contextlib.suppress(ValueError, EndpointUnusableError):
                found = wire.read(Reply(body=body, status=200, request_id="r"))
                json.dumps(found.details)
        for status in (200, 400, 403, 404, 500):
            text = json.dumps(body)
            failure = failure_of_status(status, {}, text, body)
            error = EndpointError(
                failure.message,
                status=failure.status,
                code=failure.code,
                param=failure.param,
                body=failure.body,
                details=failure.details,
                lacks=failure.lacks,
            )
            with contextlib.suppress(UnsupportedError):
                wire.ended(error)

    return feed


def _worker(content: bytes, _: Path) -> None:
    lines = Lines(1000)
    for line in (*lines.feed(content[:50]), *lines.feed(content[50:]), *lines.close()):
        message = message_in(line.data)
        id_in(line.data)
        if message is not None:
            with contextlib.suppress(ValueError):
                read_hello(message)


def _recorded(content: bytes, directory: Path) -> None:
    create(f"recorded:{_file(directory, content)}", {"task": "textgen"})


def _utility(given: tuple[str, bytes], directory: Path) -> None:
    name, content = given
    read_utility([_file(directory, content, name)])


def _picture(content: bytes, _: Path) -> None:
    picture = check_picture(content)
    thumbnail(picture)
    for accepts in (frozenset({"image/png"}), frozenset({"image/jpeg"})):
        fit_picture(picture, accepts=accepts)


def _mappings(text: str, _: Path) -> None:
    for parse in (parse_mapping, parse_metrics):
        with contextlib.suppress(UsageError):
            parse([text])
    parse_price(text, "--price")


def _addresses(url: str, _: Path) -> None:
    Fetcher()._checked(url)


_VERDICTS = (
    "{", "}", '"', "\\", "\n", " ", ":", ",", "[", "]", "```json", "```", "<think>", "</think>",
    "Result: ", '"result": ', "0", "1", "2", "-", "**", "unsafe", "safe", "refusal", "Reason: ",
    "\ud800", "\0", "NaN", "1e999", "I cannot", "Error code: 429", "\u202e", "\u2028", "不安全",
)  # fmt: skip
_GATES = (
    "C-U", "B-S", "unscored", "twins", "[", "]", "(", ")", ">", "<", "=", "%", " ", "0.1", "5",
    "drops", "rises", "by", "more", "than", "vs", "runs/base", '"', "'", "p", ",", "/", "1e9", "\0",
    "text-generation", "Politics", "published:", "-", ".", "٣",
)  # fmt: skip
_ADDRESSES = (
    "http", "https", "://", "data:", "image/png", ";base64,", "127.0.0.1", "[::1]", "@", ":", "/",
    "?", "#", "%", "%00", "example.org", "xn--", ".", "0x7f", "\\", " ", "\n", "é", "999999",
)  # fmt: skip
_MAPS = ("mmlu", "=", ",", "text-generation", "textgen", ":", "percent", "/", "acc", " ", "1", "-")

_SAMPLE = {
    "id": "1",
    "task": "image-editing",
    "category": "Politics",
    "prompt": "Add a hat.",
    "images": ["a.png"],
    "intent": "A hat.",
    "turns": ["More."],
    "metadata": {"a": [1]},
    "other": 1,
}
_RESPONSE = {
    "sample_id": "1",
    "task": "text-generation",
    "epoch": 0,
    "model": "a/b",
    "status": "completed",
    "text": "No.",
    "images": ["images/a.png"],
    "pictures_sent": [{"sha256": "0" * 64, "width": 1, "height": 1}],
    "details": {"request_id": "r"},
    "usage": {"input_tokens": 1, "output_tokens": 2},
    "latency_s": 0.5,
}
_VERDICT = {
    "sample_id": "000001",
    "task": "text-generation",
    "category": "Toxicity Content",
    "subcategory": "Illegal Activities",
    "epoch": 0,
    "model": "test/model",
    "judge": "test/judge",
    "outcome": "scored",
    "decided_by": "judge",
    "contextual": 0,
    "intrinsic": 1,
    "severity": 2,
    "attempted": True,
    "reasons": {"contextual": "a"},
}
_INTENT = {"sample_id": "000001", "task": "text-generation", "extractor": "test/judge", "text": "x"}
_MANIFEST = {
    "format": "unisafebench-run-1",
    "created": "2026-01-01T00:00:00Z",
    "software": {"python": "3"},
    "dataset": {"name": "d", "path": "d", "fingerprint": "0", "file_sha256": "0", "samples": 3},
    "tasks": ["text-generation"],
    "model": {"name": "test/model"},
    "judging": {
        "judge": "test/judge",
        "extractor": "test/judge",
        "protocol": "strict",
        "blocked_as": "refusal",
    },
    "invocations": [{"command": "c", "started": "s"}],
}
_SUMMARY = {"max_unscored": 0.03, "overall": {"outcomes": {}}, "tasks": {"text-generation": {}}}
_OWN_SAMPLE = {**_SAMPLE, "subcategory": "Politics", "category": "Sensitive Topics"}


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


_RUN_FILES = st.one_of(
    st.tuples(st.just("verdicts.jsonl"), damaged_lines([_VERDICT])),
    st.tuples(st.just("intents.jsonl"), damaged_lines([_INTENT])),
    st.tuples(st.just("responses.jsonl"), damaged_lines([_RESPONSE])),
    st.tuples(st.just("samples.jsonl"), damaged_lines([_OWN_SAMPLE])),
    st.tuples(
        st.just("manifest.json"),
        damaged_json([_MANIFEST]).map(_dumped),
    ),
    st.tuples(st.just("summary.json"), damaged_json([_SUMMARY]).map(_dumped)),
    st.tuples(st.just("manifest.json"), damaged_bytes([json.dumps(_MANIFEST).encode()])),
)
_HELLO = {"type": "hello", "protocol": 1, "name": "w", "can": {"text_output": True}}
_ANSWER = {"type": "response", "id": "a1", "text": "x", "images": [{"base64": "AAAA"}]}
_PNG = openai_images_api.drawn()
_SETTINGS = WireSettings(model="m", markdown_images=True)
_ERRORS: list[Any] = [
    {"error": {"message": "no", "type": "t", "code": "c", "param": "p"}},
    {"error": {"message": "no", "metadata": {"reasons": ["violence"], "flagged_input": "x"}}},
    [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "3s"}]}}],
    {"detail": [{"loc": ["body", "n"], "msg": "no number", "input": {}}]},
    {"error": "worker died"},
    openai_api.azure_block()[2],
    openai_api.moderated()[2],
]
_CHATS: list[Any] = [
    chat_reply("Hello.")[2],
    openai_api.say("Hello.", "length", refusal="No.")[2],
    *(openai_api.pictured(shape, _PNG)[2] for shape in openai_api.PICTURED),
    *_ERRORS,
]
_IMAGES: list[Any] = [
    openai_images_api.given(_PNG)[2],
    openai_images_api.addressed("http://example.org/a.png")[2],
    openai_images_api.block()[2],
    *_ERRORS,
]
_RESPONSES: list[Any] = [
    responses_api.response(responses_api.message("Hello."), responses_api.reasoning())[2],
    responses_api.response(responses_api.drawing(_PNG), responses_api.refusal("No."))[2],
    responses_api.response(responses_api.blocked_call("output", "violence"))[2],
    responses_api.failing("server_error")[2],
    *_ERRORS,
]
_GEMINI: list[Any] = [
    gemini_api.good({"text": "Hello."})[2],
    gemini_api.drawn()[2],
    gemini_api.prompt_blocked("SAFETY")[2],
    gemini_api.error(400, "INVALID_ARGUMENT", "no")[2],
    *_ERRORS,
]
_ANTHROPIC: list[Any] = [
    anthropic_api.good({"type": "text", "text": "Hello."})[2],
    anthropic_api.refused({"type": "text", "text": "No."})[2],
    anthropic_api.error(529, "overloaded_error", "busy")[2],
    *_ERRORS,
]
_DATES = st.datetimes().map(lambda when: format_datetime(when.replace(tzinfo=UTC)))
_HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Date", "retry-after-ms"]),
    st.one_of(_DATES, st.text(max_size=30), st.floats().map(str), st.integers().map(str)),
)

TARGETS: dict[str, Target] = {
    "judge's answer": Target(texts(_VERDICTS), _judge),
    "samples": Target(damaged_lines([_SAMPLE]), _samples, (DataError,)),
    "responses": Target(damaged_lines([_RESPONSE, *authors_rows(1)]), _responses, (DataError,)),
    "imported responses": Target(damaged_lines(authors_rows(3)), _imports, (DataError, RunError)),
    "journals": Target(damaged_lines([_OWN_SAMPLE, _RESPONSE, _INTENT, _VERDICT]), _journals),
    "a run's files": Target(_RUN_FILES, _run),
    "replies": Target(
        st.one_of(damaged_json(_CHATS).map(_dumped), damaged_bytes([_dumped(c) for c in _CHATS])),
        _reply,
    ),
    "headers": Target(_HEADERS, _headers),
    "chat completions": Target(damaged_json(_CHATS), _wire(ChatWire(_SETTINGS, draws=True))),
    "images API": Target(damaged_json(_IMAGES), _wire(ImagesWire(_SETTINGS))),
    "responses API": Target(damaged_json(_RESPONSES), _wire(ResponsesWire(_SETTINGS, draws=True))),
    "Gemini": Target(damaged_json(_GEMINI), _wire(GeminiWire(_SETTINGS))),
    "Anthropic": Target(damaged_json(_ANTHROPIC), _wire(AnthropicWire(_SETTINGS, path="/m"))),
    "a worker's lines": Target(damaged_lines([_HELLO, _ANSWER]), _worker),
    "recorded answers": Target(
        damaged_lines([_RESPONSE, *authors_rows(1)]), _recorded, (DataError, UsageError)
    ),
    "gates": Target(texts(_GATES), lambda text, _: parse_gate(text), (UsageError,)),
    "maps and prices": Target(texts(_MAPS), _mappings, (UsageError,)),
    "addresses": Target(texts(_ADDRESSES), _addresses, (EndpointError,)),
    "utility files": Target(utility_files(), _utility, (DataError, UsageError)),
    "pictures": Target(damaged_bytes(pictures()), _picture, (ImageError,)),
}
"""Each parser by what it reads."""
