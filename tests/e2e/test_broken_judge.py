"""A judge that fails is never read as a verdict."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands import Command, summary_of, write_rows
from loopback import LoopbackServer, Reply, error, say, words_of

FAST = ("--max-retries", "1", "--max-connections", "4")


def responses(directory: Path, count: int) -> Path:
    """Write responses in the authors' format."""
    return write_rows(
        directory / "responses.jsonl",
        [
            {
                "id": number,
                "prompt": f"Tell me about topic {number}",
                "category": "Politics",
                "intention": "Unknown.",
                "output_image": None,
                "generated_text": f"This is answer number {number}.",
                "reject_image": False,
            }
            for number in range(count)
        ],
    )


def judged(command: Command, url: str, *more: str) -> Any:
    """Judge the file with the loopback judge."""
    return command(
        "judge", "responses.jsonl", "-t", "text-generation", "--judge", "vllm/loopback",
        "--judge-base-url", url, "-o", "run", *FAST, *more,
    )  # fmt: skip


def verdicts(run: Path) -> list[dict[str, Any]]:
    """Return the verdict records of a run."""
    path = run / "verdicts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_wrong_key_stops_before_the_start(command: Command, tmp_path: Path) -> None:
    """HTTP 401 to everything: one message, exit code 2, not one verdict."""
    responses(tmp_path, 3)
    with LoopbackServer(lambda _: error(401, "Incorrect API key provided")) as server:
        ended = judged(command, server.url)
        assert len(server.bodies) == 1  # not retried, not asked again
    assert ended.code == 2
    assert "401" in ended.err
    assert "key" in ended.err
    assert verdicts(tmp_path / "run") == []


def test_unknown_model_stops_before_the_start(command: Command, tmp_path: Path) -> None:
    """A model name that the endpoint does not know is answered with the near ones it serves."""
    responses(tmp_path, 3)
    unknown = error(404, "The model `loopback` does not exist.", type="NotFoundError", code=404)
    with LoopbackServer(lambda _: unknown, models=("loopback-8b", "other")) as server:
        ended = judged(command, server.url)
    assert ended.code == 2
    assert "does not know the model 'loopback'" in ended.err
    assert "Did you mean 'loopback-8b'?" in ended.err


def test_unreachable_endpoint_stops_before_the_start(command: Command, tmp_path: Path) -> None:
    """Nobody listens: the address is named, and what to check."""
    responses(tmp_path, 3)
    ended = judged(command, "http://127.0.0.1:9/v1")
    assert ended.code == 2
    assert "http://127.0.0.1:9/v1" in ended.err
    assert "Is the server running" in ended.err


@pytest.mark.parametrize("status", [429, 502])
def test_endpoint_that_is_down_from_the_start(
    command: Command, tmp_path: Path, status: int
) -> None:
    """Overloaded or down is nobody's mistake: exit code 3, and not one verdict."""
    responses(tmp_path, 3)
    with LoopbackServer(lambda _: error(status, f"Error code: {status}")) as server:
        ended = judged(command, server.url)
    assert ended.code == 3
    assert "nothing was started" in ended.err
    assert str(status) in ended.err
    assert verdicts(tmp_path / "run") == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 400, 404])
def test_endpoint_that_begins_to_fail(command: Command, tmp_path: Path, status: int) -> None:
    """From some call on everything fails: no further verdict, exit code 3, never a refusal."""
    responses(tmp_path, 40)
    good: list[str] = []

    def answer(body: dict[str, Any]) -> Reply:
        if "answer number" not in words_of(body) or len(good) < 20:
            good.append(words_of(body))
            return say('{"reason": "Fine.", "result": 1}')
        return error(status, f"Error code: {status} - result 2 of 0", code=None)

    with LoopbackServer(answer) as server:
        ended = judged(command, server.url)
    assert ended.code == 3
    assert str(status) in ended.err
    found = verdicts(tmp_path / "run")
    scored = [verdict for verdict in found if verdict["outcome"] == "scored"]
    assert {(v["contextual"], v["intrinsic"]) for v in scored} <= {(1, 1)}
    assert len(scored) <= 20
    assert {verdict["outcome"] for verdict in found} <= {"scored", "judge_error"}
    group = summary_of(tmp_path / "run")["overall"]
    assert group["asked"] == 40 == sum(group["outcomes"].values())
    assert group["rates"]["C-R"]["count"] == 0
    assert group["rates"]["C-U"]["count"] == 0
    assert group["reportable"] is False


def test_resumes_when_the_endpoint_is_back(command: Command, tmp_path: Path) -> None:
    """What a dead endpoint left undone is done by the same command once it answers again."""
    responses(tmp_path, 12)
    alive = [False]

    def answer(body: dict[str, Any]) -> Reply:
        if alive[0] or "answer number" not in words_of(body):
            return say('{"reason": "Refused.", "result": 1}')
        return error(503, "overloaded")

    with LoopbackServer(answer) as server:
        assert judged(command, server.url).code == 3
        alive[0] = True
        ended = judged(command, server.url)
    assert ended.code == 0, ended.err
    assert summary_of(tmp_path / "run")["overall"]["outcomes"]["scored"] == 12


def test_judge_that_talks_nonsense(command: Command, tmp_path: Path) -> None:
    """Answers without a verdict are asked again, then counted as unparsed with their raw text."""
    responses(tmp_path, 4)

    def answer(body: dict[str, Any]) -> Reply:
        if "answer number" not in words_of(body):
            return say("Reason: fine.\nResult: 1")
        return say("I saw 2 things, 1 of them 0 times.")

    with LoopbackServer(answer) as server:
        ended = judged(command, server.url)
    assert ended.code == 3
    found = verdicts(tmp_path / "run")
    assert [verdict["outcome"] for verdict in found] == ["unparsed"] * 4
    assert found[0]["raw"]["contextual"] == "I saw 2 things, 1 of them 0 times."
    assert "contextual" not in found[0]


def test_blind_judge_is_refused_for_pictures(command: Command, tmp_path: Path) -> None:
    """A judge without vision cannot start a run with image tasks."""

    def answer(body: dict[str, Any]) -> Reply:
        if any(isinstance(message["content"], list) for message in body["messages"]):
            return error(400, "image input is not supported by this model")
        return say('{"reason": "Fine.", "result": 1}')

    with LoopbackServer(answer) as server:
        ended = command(
            "run", "--tasks", "text-to-image", "--judge", "vllm/blind",
            "--judge-base-url", server.url, "-o", "run", *FAST,
        )  # fmt: skip
    assert ended.code == 2
    assert "picture" in ended.err or "vision" in ended.err
    assert not (tmp_path / "run" / "responses.jsonl").exists()


def test_key_is_in_no_file(command: Command, tmp_path: Path) -> None:
    """The key is sent to the endpoint and written nowhere, even when the endpoint echoes it."""
    responses(tmp_path, 4)
    secret = "sk-loopback-51c4a7"  # noqa: S105 -- made up here, opens nothing

    def answer(body: dict[str, Any]) -> Reply:
        if "answer number 2" in words_of(body):
            return error(400, f"bad request with key {secret}")
        return say('{"reason": "Fine.", "result": 1}')

    with LoopbackServer(answer) as server:
        ended = command(
            "judge", "responses.jsonl", "-t", "text-generation", "--judge", "vllm/loopback",
            "--judge-base-url", server.url, "-o", "run", *FAST, env={"VLLM_API_KEY": secret},
        )  # fmt: skip
        assert server.headers[0]["Authorization"] == f"Bearer {secret}"
    assert ended.code == 3
    assert secret not in ended.out + ended.err
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
