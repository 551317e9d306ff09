"""Every parser that reads what strangers wrote: what it is fed, and what may come out of it.

A target is a function that is called with damaged input and a directory of its own. Whatever it
raises beside the errors that it documents is a crash.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from faulty_runs import authors_rows
from fuzz_documents import (
    ADDRESSES,
    ANSWER,
    ANTHROPIC,
    CHATS,
    GATES,
    GEMINI,
    HEADERS,
    HELLO,
    IMAGES,
    INTENT,
    MAPS,
    OWN_SAMPLE,
    RESPONSE,
    RESPONSES_API,
    RUN_FILES,
    SAMPLE,
    SETTINGS,
    VERDICT,
    VERDICTS,
    dumped,
)
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


TARGETS: dict[str, Target] = {
    "judge's answer": Target(texts(VERDICTS), _judge),
    "samples": Target(damaged_lines([SAMPLE]), _samples, (DataError,)),
    "responses": Target(damaged_lines([RESPONSE, *authors_rows(1)]), _responses, (DataError,)),
    "imported responses": Target(damaged_lines(authors_rows(3)), _imports, (DataError, RunError)),
    "journals": Target(
        damaged_lines([OWN_SAMPLE, RESPONSE, INTENT, VERDICT]),
        _journals,
        seeds=(b'{"a": ' + b"[" * 5000 + b"\n",),
    ),
    "a run's files": Target(
        RUN_FILES,
        _run,
        seeds=(
            ("summary.json", b'{"tasks": true}'),
            ("summary.json", b"[" * 5000),
            ("manifest.json", b'{"format": "unisafebench-run-1", "a": ' + b"[" * 5000),
        ),
    ),
    "replies": Target(
        st.one_of(damaged_json(CHATS).map(dumped), damaged_bytes([dumped(c) for c in CHATS])),
        _reply,
    ),
    "headers": Target(HEADERS, _headers),
    "chat completions": Target(damaged_json(CHATS), _wire(ChatWire(SETTINGS, draws=True))),
    "images API": Target(damaged_json(IMAGES), _wire(ImagesWire(SETTINGS))),
    "responses API": Target(
        damaged_json(RESPONSES_API), _wire(ResponsesWire(SETTINGS, draws=True))
    ),
    "Gemini": Target(damaged_json(GEMINI), _wire(GeminiWire(SETTINGS))),
    "Anthropic": Target(damaged_json(ANTHROPIC), _wire(AnthropicWire(SETTINGS, path="/m"))),
    "a worker's lines": Target(
        damaged_lines([HELLO, ANSWER]),
        _worker,
        seeds=(b'{"\x8bype": "hello"}', b'{"type": "hello", "a": ' + b"[" * 5000),
    ),
    "recorded answers": Target(
        damaged_lines([RESPONSE, *authors_rows(1)]), _recorded, (DataError, UsageError)
    ),
    "gates": Target(texts(GATES), lambda text, _: parse_gate(text), (UsageError,)),
    "maps and prices": Target(texts(MAPS), _mappings, (UsageError,)),
    "addresses": Target(texts(ADDRESSES), _addresses, (EndpointError,)),
    "utility files": Target(
        utility_files(), _utility, (DataError, UsageError), seeds=(("own.csv", b","),)
    ),
    "pictures": Target(damaged_bytes(pictures()), _picture, (ImageError,)),
}
"""Each parser by what it reads."""
