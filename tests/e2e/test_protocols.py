"""All seven tasks against a server of each protocol: every outcome is what the server gave."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from commands import Command, Ended, start, summary_of
from loopback import LoopbackServer, words_of
from scripted_endings import KEY, Mark, Script, judge, marks_of, write_samples
from scripted_openai import OPENROUTER, RESPONSES, SGLANG, VLLM_OMNI
from scripted_others import ANTHROPIC, GEMINI
from scripted_protocols import Protocol
from serving import ApiServer

from unisafebench.core.tasks import TASKS
from unisafebench.metrics.counts import OUTCOMES, SIDES

JUDGE_KEY = "sk-of-the-judge-5b"
QUICK = ("--max-retries", "1", "--quiet")
PROTOCOLS = {
    "chat": OPENROUTER,
    "vllm-omni": VLLM_OMNI,
    "chat and images": SGLANG,
    "responses": RESPONSES,
    "gemini": GEMINI,
    "anthropic": ANTHROPIC,
}
NOTHING = ("no choices", "no candidates")
IN_PASSING = {
    "server error", "closed mid-body", "given up", "failed", "malformed", "too many requests",
}  # fmt: skip


class Pass(NamedTuple):
    """One time that the command ran: how it ended, and what was asked meanwhile."""

    ended: Ended
    summary: dict[str, Any]
    given: list[Mark]
    judged: list[Mark]


class Run(NamedTuple):
    """A run that was repeated with the servers mended, and what lay in it the first time."""

    directory: Path
    marks: list[Mark]
    first: Pass
    responses: dict[str, dict[str, Any]]
    verdicts: dict[str, dict[str, Any]]
    second: Pass
    manifest: dict[str, Any]


def records(path: Path) -> dict[str, dict[str, Any]]:
    """Return the records of a journal by sample, the last of each."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {record["sample_id"]: record for record in lines}


def run_twice(directory: Path, protocol: Protocol) -> Run:
    """Run the command, mend the servers, and repeat it."""
    marks = write_samples(directory, protocol.endings, tuple(TASKS))
    scripts = [protocol.script(), protocol.script()]
    with (
        ApiServer(scripts[0]) as texts,
        ApiServer(scripts[1]) as pictures,
        LoopbackServer(judge) as judges,
    ):
        apart = ("-M", f"image_base_url={pictures.root}") if protocol.apart else ()
        arguments = (
            "run", "-d", "samples.jsonl", "--model", *protocol.arguments, *apart,
            "--model-base-url", texts.root, "--judge", "vllm/judge",
            "--judge-base-url", judges.url, "-o", "run", *QUICK,
        )  # fmt: skip
        env = {"VLLM_API_KEY": JUDGE_KEY, protocol.key: KEY}
        first = _run(directory, arguments, env, scripts, judges)
        responses = records(directory / "run" / "responses.jsonl")
        verdicts = records(directory / "run" / "verdicts.jsonl")
        for script in scripts:
            script.mended = True
        second = _run(directory, arguments, env, scripts, judges)
    manifest = json.loads((directory / "run" / "manifest.json").read_text(encoding="utf-8"))
    return Run(directory, marks, first, responses, verdicts, second, manifest)


def _run(
    directory: Path,
    arguments: tuple[str, ...],
    env: dict[str, str],
    scripts: list[Script],
    judges: LoopbackServer,
) -> Pass:
    begun = [len(script.given) for script in scripts]
    asked = len(judges.bodies)
    process = start(directory, *arguments, env=env)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    given = [mark for script, at in zip(scripts, begun, strict=True) for mark in script.given[at:]]
    judged = [mark for body in judges.bodies[asked:] for mark in marks_of(words_of(body))]
    return Pass(Ended(process.returncode, out, err), summary_of(directory / "run"), given, judged)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Return the run of a protocol, which is made once for all tests."""
    done: dict[str, Run] = {}

    def run(name: str) -> Run:
        if name not in done:
            done[name] = run_twice(tmp_path_factory.mktemp(name), PROTOCOLS[name])
        return done[name]

    return run


each_protocol = pytest.mark.parametrize("name", PROTOCOLS)
Ran = Callable[[str], Run]


@each_protocol
def test_every_outcome_is_what_the_servers_gave(ran: Ran, name: str) -> None:
    """For each task: outcomes, the sides of blocks and all four rates, counted by hand."""
    protocol, summary = PROTOCOLS[name], ran(name).first.summary
    assert summary["not_supported"] == list(protocol.not_supported)
    assert list(summary["tasks"]) == [task for task in TASKS if task not in protocol.not_supported]
    for task, group in summary["tasks"].items():
        kind = TASKS[task].output
        counted = protocol.outcomes[kind]
        assert group["outcomes"] == {**dict.fromkeys((*OUTCOMES, "pending"), 0), **counted}, task
        assert group["blocked_sides"] == {**dict.fromkeys(SIDES, 0), **protocol.sides[kind]}, task
        found = {rate: figures["count"] for rate, figures in group["rates"].items()}
        assert found == protocol.rates[kind], task
        assert group["n"] == counted["scored"] + counted.get("blocked", 0), task
        assert group["asked"] == sum(counted.values()), task


@each_protocol
def test_every_sample_ends_as_its_prompt_asked(ran: Ran, name: str) -> None:
    """The verdict on each sample has the outcome and the side of that sample's own ending."""
    protocol, run = PROTOCOLS[name], ran(name)
    asked = [mark for mark in run.marks if mark.task not in protocol.not_supported]
    assert run.verdicts.keys() == run.responses.keys() == {f"s{mark.number}" for mark in asked}
    for mark in asked:
        ending = protocol.endings[TASKS[mark.task].output][mark.ending]
        verdict = run.verdicts[f"s{mark.number}"]
        found = (verdict["outcome"], verdict.get("blocked_side", ""))
        assert found == (ending.outcome, ending.side), (mark, verdict)


@each_protocol
def test_the_command_says_how_it_ended(ran: Ran, name: str) -> None:
    """Exit code 3, since some are unscored, and how many of them another try may mend."""
    run = ran(name)
    failed = run.first.summary["overall"]["outcomes"]["model_error"]
    assert run.first.ended.code == 3
    assert f"to try the {failed} again that failed" in run.first.ended.err
    assert run.second.ended.code == 3  # what is empty stays empty
    assert "again that failed" not in run.second.ended.err


@each_protocol
def test_only_failures_are_asked_again(ran: Ran, name: str) -> None:
    """The same command puts each failed sample to the servers once more, and no other."""
    protocol, run = PROTOCOLS[name], ran(name)
    failed = [
        mark
        for mark in run.marks
        if mark.task not in protocol.not_supported
        and protocol.endings[TASKS[mark.task].output][mark.ending].outcome == "model_error"
    ]
    assert sorted(run.second.given) == sorted(failed)
    assert sorted(run.second.judged) == sorted(failed)
    before, after = (which.summary["overall"]["outcomes"] for which in (run.first, run.second))
    assert after == {**before, "model_error": 0, "scored": before["scored"] + len(failed)}


@each_protocol
def test_the_first_time_each_sample_is_asked_once(ran: Ran, name: str) -> None:
    """Twice only what failed in passing (--max-retries 1), three times an answer of nothing."""
    protocol, run = PROTOCOLS[name], ran(name)
    times = Counter(run.first.given)
    for mark in run.marks:
        if mark.task in protocol.not_supported:
            assert times[mark] == 0
        else:
            expected = 2 if mark.ending in IN_PASSING else 3 if mark.ending in NOTHING else 1
            assert times[mark] == expected, mark


@each_protocol
def test_what_was_sent_and_who_answered_is_on_record(ran: Ran, name: str) -> None:
    """The parameters of a call, the model's name in the answer, and what errors taught."""
    protocol, run = PROTOCOLS[name], ran(name)
    for kind, task in (("text", "text-generation"), ("image", "text-to-image")):
        if kind not in protocol.sent:
            continue
        (mark,) = [mark for mark in run.marks if (mark.task, mark.ending) == (task, "mild")]
        response = run.responses[f"s{mark.number}"]
        assert response["sent"] == protocol.sent[kind]
        assert response.get("served_model") == protocol.served[kind]
    assert run.manifest["model"]["learned"] == protocol.learned


@each_protocol
def test_input_pictures_are_sent(ran: Ran, name: str) -> None:
    """Tasks with a picture in the question: its hash and size as they were sent, and no other."""
    run = ran(name)
    sent = {
        TASKS[response["task"]].image_input: {
            tuple(picture.values()) for picture in response.get("pictures_sent", ())
        }
        for response in run.responses.values()
        if response["status"] == "completed"
    }
    seen = (run.directory / "seen.png").read_bytes()
    assert sent == {False: set(), True: {(hashlib.sha256(seen).hexdigest(), 80, 60)}}


@each_protocol
def test_keys_are_nowhere(ran: Ran, name: str) -> None:
    """In no file of the run and not on the terminal, though servers sent the model's key back."""
    run = ran(name)
    said = "".join(run.first.ended[1:] + run.second.ended[1:])
    kept = {str(path): path.read_bytes() for path in run.directory.rglob("*") if path.is_file()}
    assert b"[key]" in kept[str(run.directory / "run" / "responses.jsonl")]
    for key in (KEY, JUDGE_KEY):
        assert key not in said
        assert [path for path, content in kept.items() if key.encode() in content] == []


def test_answers_and_blocks_alone_end_with_0(command: Command, tmp_path: Path) -> None:
    """Where nothing is unscored, since a block counts as a refusal, the exit code is 0."""
    kinds = ("scored", "blocked")
    endings = {
        "text": {
            name: ending
            for name, ending in GEMINI.endings["text"].items()
            if ending.outcome in kinds and name not in IN_PASSING
        }
    }
    write_samples(tmp_path, endings, ("text-generation", "vqa-composite-unsafe"))
    with ApiServer(GEMINI.script()) as server, LoopbackServer(judge) as judges:
        ended = command(
            "run", "-d", "samples.jsonl", "--model", "google/sample-pro", "-o", "run",
            "--model-base-url", server.root, "--judge", "vllm/judge",
            "--judge-base-url", judges.url, *QUICK,
        )  # fmt: skip
    assert ended.code == 0, ended.err
    overall = summary_of(tmp_path / "run")["overall"]
    assert (overall["outcomes"]["scored"], overall["outcomes"]["blocked"]) == (8, 6)
    assert overall["rates"]["C-R"]["count"] == 2 * (1 + 3)
    assert overall["rates"]["C-R"]["n"] == overall["asked"] == 14
