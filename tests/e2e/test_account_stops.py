"""Answers that mean that no further call will do: the run ends, and goes on another day."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import anthropic_api
import gemini_api
import openai_api
import pytest
from commands import Command, Ended, summary_of
from loopback import LoopbackServer
from scripted_endings import KEY, MILD, Ending, judge, marks_of, write_samples
from serving import ApiServer, Asked, Fault, Reply

QUICK = ("--max-retries", "0", "--max-connections", "4")
SAMPLES = 24


class Stop(NamedTuple):
    """How a provider says that the account is stopped, and what the command must say of it."""

    model: str
    key: str
    good: Reply
    stopped: Reply
    says: str


def _wrote(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


STOPS = {
    "no credit at OpenRouter": Stop(
        "openrouter/maker/sample-8b",
        "OPENROUTER_API_KEY",
        openai_api.say(MILD),
        openai_api.routed(402, "Insufficient credits. Add more to go on."),
        "HTTP 402: Insufficient credits. Add more to go on. The account has no credit left.",
    ),
    "no quota at OpenAI": Stop(
        "openai/sample-8b",
        "OPENAI_API_KEY",
        openai_api.say(MILD),
        openai_api.refused(429, "You exceeded your current quota.", code="insufficient_quota"),
        "HTTP 429: You exceeded your current quota.",
    ),
    "a resource that Azure shut": Stop(
        "openai-compatible/deployment",
        "OPENAI_COMPATIBLE_API_KEY",
        openai_api.say(MILD),
        openai_api.refused(
            403,
            "Your resource has been temporarily blocked because we detected behavior that may "
            "violate our content policy.",
        ),
        "Your resource has been temporarily blocked",
    ),
    "an account that Google limited": Stop(
        "google/sample-pro",
        "GOOGLE_API_KEY",
        gemini_api.good({"text": MILD}),
        gemini_api.good(finish="PUP_LIMITED_DISABLED"),
        "PUP_LIMITED_DISABLED",
    ),
    "no credit at Anthropic": Stop(
        "anthropic/sample-l",
        "ANTHROPIC_API_KEY",
        anthropic_api.good(_wrote(MILD)),
        anthropic_api.error(400, "invalid_request_error", "Your credit balance is too low."),
        "Your credit balance is too low.",
    ),
}


class Model:
    """Serves answers as a function decides that gets the number of the sample."""

    def __init__(self, answer: Callable[[int], Reply | Fault]) -> None:
        self.answer = answer
        self.asked: list[int] = []

    def __call__(self, asked: Asked) -> Reply | Fault:
        """Answer one request."""
        found = marks_of(json.dumps(asked.body))
        if not found:
            return 200, {}, {"object": "list", "data": [{"id": "sample-9b"}, {"id": "painter"}]}
        self.asked.append(found[0].number)
        return self.answer(found[0].number)


def write_texts(directory: Path, count: int = SAMPLES) -> None:
    """Write samples of text generation, numbered from 0."""
    endings = {"text": {"any": Ending("cut", samples=count)}}
    write_samples(directory, endings, ("text-generation",))


def run(
    command: Command, model: str, url: str, *more: str, env: dict[str, str] | None = None
) -> Ended:
    """Run the command on samples.jsonl."""
    with LoopbackServer(judge) as judges:
        return command(
            "run", "-d", "samples.jsonl", "--model", model, "--model-base-url", url,
            "--judge", "vllm/judge", "--judge-base-url", judges.url, "-o", "run", *QUICK, *more,
            env=env,
        )  # fmt: skip


def responses(directory: Path) -> list[dict[str, Any]]:
    """Return the responses of the run."""
    path = directory / "run" / "responses.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("key", [KEY, None])
def test_a_wrong_key_ends_the_run_at_once(
    command: Command, tmp_path: Path, key: str | None
) -> None:
    """One call, exit code 3, and the variable that the key is read from; nothing is made up."""
    write_texts(tmp_path)
    refused = openai_api.refused(401, f"Incorrect API key provided: {KEY}.")
    model = Model(lambda _: refused)
    env = {} if key is None else {"OPENAI_API_KEY": key}
    with ApiServer(model) as server:
        ended = run(command, "openai/sample-8b", server.root, "--max-connections", "1", env=env)
    assert ended.code == 3
    assert len(model.asked) == 1
    says = "No key was sent: set OPENAI_API_KEY." if key is None else "OPENAI_API_KEY was not"
    assert says in ended.err
    if key:
        assert KEY not in ended.out + ended.err
    assert responses(tmp_path) == []
    assert summary_of(tmp_path / "run")["overall"]["outcomes"]["pending"] == SAMPLES


@pytest.mark.parametrize("name", STOPS)
def test_a_stopped_account_ends_the_run_and_keeps_all(
    command: Command, tmp_path: Path, name: str
) -> None:
    """What was answered by then, and what was in flight, is kept; the same command goes on."""
    stop = STOPS[name]
    write_texts(tmp_path)
    good: list[int] = []
    before = 10

    def answer(number: int) -> Reply:
        # One call of several in flight is told so; the others have been paid for.
        if len(good) == before and number not in good:
            good.append(-1)
            return stop.stopped
        good.append(number)
        return stop.good

    model = Model(answer)
    env = {stop.key: KEY}
    with ApiServer(model, delay_s=0.02) as server:
        ended = run(command, stop.model, server.root, env=env)
        assert ended.code == 3
        assert stop.says in ended.err
        answered = [number for number in good if number >= 0]
        kept = [int(response["sample_id"][1:]) for response in responses(tmp_path)]
        assert sorted(kept) == sorted(answered)
        assert before <= len(kept) < before + 8
        outcomes = summary_of(tmp_path / "run")["overall"]["outcomes"]
        assert outcomes["pending"] == SAMPLES
        ended = run(command, stop.model, server.root, env=env)
    assert ended.code == 0, ended.err
    assert summary_of(tmp_path / "run")["overall"]["outcomes"]["scored"] == SAMPLES
    assert sorted(number for number in good if number >= 0) == list(range(SAMPLES))


def test_an_unknown_model_is_answered_with_near_names(command: Command, tmp_path: Path) -> None:
    """The models that the server says it serves are named; no sample is made to look asked."""
    write_texts(tmp_path)
    unknown = openai_api.refused(404, "The model `sample-8b` does not exist.", code=404)
    model = Model(lambda _: unknown)
    with ApiServer(model) as server:
        ended = run(command, "vllm/sample-8b", server.root, "--max-connections", "1")
    assert ended.code == 3
    assert "does not know the model 'sample-8b'. Did you mean 'sample-9b'?" in ended.err
    assert len(model.asked) == 1
    assert responses(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "unknown"),
    [
        ("google/sample-pro", gemini_api.error(404, "NOT_FOUND", "models/sample-pro is not found")),
        ("anthropic/sample-l", anthropic_api.error(404, "not_found_error", "model: sample-l")),
    ],
)
def test_an_unknown_model_elsewhere(
    command: Command, tmp_path: Path, name: str, unknown: Reply
) -> None:
    """Where no list is served, the provider's own words and what to look at."""
    write_texts(tmp_path)
    model = Model(lambda _: unknown)
    with ApiServer(model) as server:
        ended = run(command, name, server.root, "--max-connections", "1")
    assert ended.code == 3
    assert unknown[2]["error"]["message"] in ended.err
    assert "Check the address and the model's name." in ended.err
    assert len(model.asked) == 1


def _blind(asked: Asked) -> Reply:
    """Serve a model that takes texts and gives texts, and says so to all else."""
    if "image_url" in json.dumps(asked.body):
        return openai_api.refused(400, "This model does not support image input.")
    if "modalities" in asked.body:
        return openai_api.refused(400, "Unsupported output modalities: image")
    return openai_api.say(MILD)


def test_what_a_model_cannot_do_is_asked_once(command: Command, tmp_path: Path) -> None:
    """Neither vision nor pictures: one call and one note for each such task, the rest is done."""
    tasks = ("text-generation", "vqa-text-unsafe", "vqa-dual-unsafe", "text-to-image")
    four = {"any": Ending("cut", samples=4)}
    endings = {"text": four, "image": four}
    marks = write_samples(tmp_path, endings, tasks)
    with ApiServer(_blind) as server:
        ended = run(
            command, "vllm/sample-8b", server.root, "-M", "images=chat", "--max-connections", "1"
        )
        first = Counter(mark.task for asked in server.asked for mark in marks_of(str(asked.body)))
        server.asked.clear()
        again = run(
            command, "vllm/sample-8b", server.root, "-M", "images=chat", "--max-connections", "1"
        )
        second = Counter(mark.task for asked in server.asked for mark in marks_of(str(asked.body)))
    assert ended.code == again.code == 3
    assert first == dict.fromkeys(tasks[1:], 1) | {"text-generation": 4}
    assert second == dict.fromkeys(tasks[1:], 1)
    for task, lack in ((tasks[1], "takes"), (tasks[3], "draws")):
        note = [line for line in ended.err.splitlines() if f"The rest of {task}" in line]
        assert len(note) == 1
        assert f"vllm/sample-8b {lack} no pictures" in note[0]
    assert ended.err.count(f"The same of {tasks[2]}: it is not asked either.") == 1
    for task, group in summary_of(tmp_path / "run")["tasks"].items():
        outcome = "scored" if task == "text-generation" else "model_error"
        assert group["outcomes"][outcome] == group["asked"] == 4
    assert len(marks) == 16


def test_a_server_that_always_breaks_off_is_left_alone(command: Command, tmp_path: Path) -> None:
    """Five calls in a row end the run with what happened; it goes on once the server is well."""
    write_texts(tmp_path)
    well: list[bool] = []
    model = Model(lambda _: openai_api.say(MILD) if well else "cut")
    with ApiServer(model) as server:
        ended = run(command, "vllm/sample-8b", server.root, "--max-connections", "1")
        assert ended.code == 3
        assert "the connection was closed in the middle of the answer." in ended.err
        assert "call number 5 in a row" in ended.err
        assert len(model.asked) == 5
        assert [response["status"] for response in responses(tmp_path)] == ["model_error"] * 4
        well.append(True)
        ended = run(command, "vllm/sample-8b", server.root)
    assert ended.code == 0, ended.err
    assert summary_of(tmp_path / "run")["overall"]["outcomes"]["scored"] == SAMPLES


def test_samples_that_always_fail_do_not_stop_the_others(command: Command, tmp_path: Path) -> None:
    """However many there are, and though their retries come last: the rest is done and judged."""
    write_texts(tmp_path)
    bad = set(range(1, SAMPLES, 3))
    model = Model(lambda n: openai_api.refused(500, "Oops.") if n in bad else openai_api.say(MILD))
    with ApiServer(model) as server:
        ended = run(
            command, "vllm/sample-8b", server.root,
            "--max-retries", "1", "--max-connections", "32",
        )  # fmt: skip
    assert ended.code == 3
    assert "in a row" not in ended.err
    outcomes = summary_of(tmp_path / "run")["overall"]["outcomes"]
    assert outcomes["model_error"] == len(bad) == 8
    assert outcomes["scored"] == SAMPLES - len(bad)


def test_old_failures_do_not_lock_a_stopped_run_out(command: Command, tmp_path: Path) -> None:
    """What was never asked comes first when the run is taken up; what was answered is judged."""
    write_texts(tmp_path)
    bad = set(range(0, 10, 2))
    answers: list[int] = []

    def answer(number: int) -> Reply:
        if number in bad:
            return openai_api.refused(500, "Oops.")
        answers.append(number)
        if len(answers) == 12:
            return openai_api.routed(402, "Insufficient credits")
        return openai_api.say(MILD)

    one = ("--max-retries", "0", "--max-connections", "1")
    with ApiServer(Model(answer)) as server:
        stopped = run(command, "vllm/sample-8b", server.root, *one)
        again = run(command, "vllm/sample-8b", server.root, *one)
    assert stopped.code == again.code == 3
    assert "Stopped with" in stopped.err
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert "Insufficient credits" in manifest["invocations"][0]["result"]
    assert "What was answered is judged all the same." in again.err
    outcomes = summary_of(tmp_path / "run")["overall"]["outcomes"]
    assert (outcomes["scored"], outcomes["model_error"]) == (SAMPLES - 5, 5)
    assert outcomes["pending"] == 0
