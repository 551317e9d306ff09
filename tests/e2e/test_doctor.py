"""`unisafebench doctor` before real servers: what it says on the screen, and its exit code."""

import json
from collections.abc import Callable

import gemini_api
import openai_api
import pytest
from commands import Command, Ended
from loopback import LoopbackServer, pictures_of
from openai_images_api import drawn, given
from scripted_endings import KEY, judge
from scripted_protocols import BLACK
from serving import ApiServer, Asked, Reply

CHAT = ("--model", "vllm/maker/omni", "-M", "images=chat")
GEMINI = ("--model", "google/sample-pro", "-M", "images=yes")
ABILITIES = ("text", "vision", "image output", "image editing")
ALL_WELL = dict.fromkeys((*ABILITIES, "judge"), "ok")
NO_VISION = openai_api.refused(400, "This model does not support image input.")
NO_DRAWING = openai_api.refused(400, "Unsupported output modalities: image.")


def chat(asked: Asked) -> Reply:
    """Answer as a good model behind vLLM-Omni."""
    if "modalities" in asked.body:
        return openai_api.pictured("two choices", drawn(9))
    return openai_api.say("Red." if pictures_of(asked.body) else "Paris.")


def gemini(asked: Asked) -> Reply:
    """Answer as a good model behind the Gemini API."""
    if "responseModalities" in asked.body["generationConfig"]:
        return gemini_api.drawn()
    red = "inlineData" in json.dumps(asked.body)
    return gemini_api.good({"text": "It is red." if red else "Paris"})


@pytest.fixture
def doctor(command: Command) -> Callable[..., Ended]:
    """Run doctor against a server with these answers and a good judge."""

    def run(answer: Callable[[Asked], Reply], *arguments: str, key: str = KEY) -> Ended:
        with ApiServer(answer) as server, LoopbackServer(judge) as judges:
            return command(
                "doctor", "--model-base-url", server.root, *arguments, "--max-retries", "0",
                "--judge", "openai-compatible/judge", "--judge-base-url", judges.url,
                env={"VLLM_API_KEY": key, "GOOGLE_API_KEY": key},
            )  # fmt: skip

    return run


Doctor = Callable[..., Ended]


def told(ended: Ended) -> dict[str, str]:
    """Return the details of the findings that were printed as JSON, by check."""
    return {finding["check"]: finding["detail"] for finding in json.loads(ended.out)}


def states(ended: Ended) -> dict[str, str]:
    """Return the states of the findings that were printed as JSON, by check."""
    return {finding["check"]: finding["state"] for finding in json.loads(ended.out)}


@pytest.mark.parametrize(("answer", "arguments"), [(chat, CHAT), (gemini, GEMINI)])
def test_all_is_well(
    doctor: Doctor, answer: Callable[[Asked], Reply], arguments: tuple[str, ...]
) -> None:
    """Exit code 0, each ability with what showed it, as JSON and as a table."""
    ended = doctor(answer, *arguments, "--json")
    assert ended.code == 0, ended.err
    assert states(ended) == ALL_WELL
    assert told(ended)["judge"] == "right on all 6 known verdicts"
    ended = doctor(answer, *arguments, "--tasks", "text-generation")
    assert ended.code == 0
    shown = [line.split() for line in ended.out.splitlines()]
    assert ["text", "ok", "it", "answers"] in [words[:4] for words in shown]
    assert not any(words[:1] == ["vision"] for words in shown)
    assert ended.out.rstrip().endswith("Tasks that would run: text-generation")
    assert [line.partition(":")[0] for line in ended.err.splitlines()] == [
        "Checking text", "Checking the judge",
    ]  # fmt: skip


def test_a_wrong_key(doctor: Doctor) -> None:
    """Exit code 2 and the variable; the judge is checked all the same, the key is not shown."""
    ended = doctor(lambda _: openai_api.refused(401, f"Incorrect API key: {KEY}"), *CHAT, "--json")
    assert ended.code == 2
    assert states(ended) == {"text": "failed", "judge": "ok"}
    assert told(ended)["text"].endswith(
        "answered HTTP 401: Incorrect API key: [key]. The key in VLLM_API_KEY was not accepted."
    )
    assert KEY not in ended.out + ended.err


def test_an_unknown_model(doctor: Doctor) -> None:
    """The server's own names are offered, and no further call is made."""

    def answer(asked: Asked) -> Reply:
        if asked.path == "/v1/models":
            return 200, {}, {"object": "list", "data": [{"id": "maker/omni-7b"}]}
        return openai_api.refused(404, "The model `maker/omni` does not exist.")

    ended = doctor(answer, *CHAT, "--json")
    assert ended.code == 2
    assert states(ended) == {"text": "failed", "judge": "ok"}
    assert "Did you mean 'maker/omni-7b'?" in told(ended)["text"]


def test_neither_vision_nor_pictures(doctor: Doctor) -> None:
    """Exit code 2; what the server says of each lack."""

    def answer(asked: Asked) -> Reply:
        if pictures_of(asked.body):
            return NO_VISION
        return NO_DRAWING if "modalities" in asked.body else chat(asked)

    ended = doctor(answer, *CHAT, "--json")
    assert ended.code == 2
    assert states(ended) == {
        "text": "ok",
        "vision": "failed",
        "image output": "failed",
        "image editing": "failed",
        "judge": "ok",
    }
    assert told(ended)["vision"].startswith("vllm/maker/omni takes no pictures: ")
    assert told(ended)["image output"].startswith("vllm/maker/omni draws no pictures: ")
    ended = doctor(answer, *CHAT, "--tasks", "text-generation,text-to-image,vqa-dual-unsafe")
    assert "Tasks that would run: text-generation\n" in ended.out
    assert "Tasks that would fail: text-to-image, vqa-dual-unsafe\n" in ended.out


def test_a_server_that_draws_and_does_not_edit(doctor: Doctor) -> None:
    """The path is missing: the option that says so is named."""

    def answer(asked: Asked) -> Reply:
        if asked.path == "/v1/images/generations":
            return given(drawn(9))
        return (404, {}, b"Not Found") if asked.path == "/v1/images/edits" else chat(asked)

    options = ("--model", "vllm/maker/omni", "-M", "images=images", "--json")
    ended = doctor(answer, *options)
    assert ended.code == 2
    assert states(ended)["image output"] == "ok"
    assert states(ended)["image editing"] == "failed"
    assert "-M editing=no" in told(ended)["image editing"]
    ended = doctor(answer, *options, "-M", "editing=no")
    assert ended.code == 0
    assert states(ended)["image editing"] == "not declared"


def test_answers_that_are_odd(doctor: Doctor) -> None:
    """A black picture and an answer that is not looked at are said, and no failure."""

    def answer(asked: Asked) -> Reply:
        if "modalities" in asked.body:
            return openai_api.pictured("picture alone", BLACK)
        return openai_api.say("Green.")

    ended = doctor(answer, *CHAT, "--json")
    assert ended.code == 0
    assert states(ended) == {**dict.fromkeys(ABILITIES, "odd"), "judge": "ok"}
    assert told(ended)["vision"] == "the answer is 'Green.', in which 'red' was expected"
    assert told(ended)["image output"] == "a PNG of 64 x 48, a placeholder (one_colour)"


def test_pictures_that_were_not_declared(doctor: Doctor) -> None:
    """Without the option that says how it draws nothing is asked, and that is no failure."""
    ended = doctor(chat, "--model", "vllm/maker/omni", "--json")
    assert ended.code == 0
    assert states(ended) == {
        **ALL_WELL, "image output": "not declared", "image editing": "not declared",
    }  # fmt: skip
    assert "-M images=chat" in told(ended)["image output"]
    ended = doctor(chat, "--model", "vllm/maker/omni", "--tasks", "text-to-image,text-generation")
    assert "Tasks that are not supported: text-to-image" in ended.out


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("vllm/maker/omni", "-M images=chat, -M images=responses or -M images=images."),
        ("google/sample-pro", "Say that the model draws with -M images=yes."),
        ("anthropic/sample-l", ""),
    ],
)
def test_no_task_is_left(doctor: Doctor, command: Command, model: str, says: str) -> None:
    """Exit code 2, as a run's: it would not start; both name the option that opens the tasks."""
    arguments = ("--model", model, "--tasks", "t2i")
    ended = doctor(chat, *arguments)
    assert ended.code == 2
    assert "Tasks that would run: none" in ended.out
    assert says in " ".join(ended.out.split())
    ended = command("run", *arguments, "--model-base-url", "http://127.0.0.1:9", "--dry-run")
    assert ended.code == 2
    assert says in ended.err
    assert ended.err.count("\n") == 1


def _blind(body: dict[str, object]) -> Reply:
    return NO_VISION if pictures_of(body) else judge(body)


@pytest.mark.parametrize(
    ("judges", "state", "says"),
    [
        (lambda _: openai_api.say("Hm."), "failed", "gave no verdict on a known example"),
        (lambda _: openai_api.refused(401, "No."), "failed", "set OPENAI_COMPATIBLE_API_KEY"),
        (_blind, "failed", "Choose a judge with vision, or only tasks whose responses are text."),
        (
            lambda _: openai_api.say('{"reason": "All is well.", "result": 1}'),
            "odd",
            "wrong on: contextual verdict on a threat: safe instead of unsafe",
        ),
    ],
)
def test_a_bad_judge(
    command: Command, judges: Callable[[dict[str, object]], Reply], state: str, says: str
) -> None:
    """A judge that cannot be used is a failure; one that errs is named with its errors."""
    with ApiServer(chat) as server, LoopbackServer(judges) as judging:
        ended = command(
            "doctor", *CHAT, "--model-base-url", server.root, "--judge",
            "openai-compatible/judge", "--judge-base-url", judging.url, "--json",
            "--max-retries", "0",
        )  # fmt: skip
    assert ended.code == (2 if state == "failed" else 0)
    assert states(ended) == {**ALL_WELL, "judge": state}
    assert says in told(ended)["judge"]


def test_no_run_would_start_without_a_judge(command: Command) -> None:
    """The tasks are those that the model can do, and it is said that no run comes of it."""
    with ApiServer(chat) as server:
        ended = command(
            "doctor", *CHAT, "--model-base-url", server.root, "--tasks", "text-generation",
            "--judge", "vllm/judge", "--judge-base-url", "http://127.0.0.1:9", "--max-retries", "0",
        )  # fmt: skip
    assert ended.code == 2
    assert ended.out.endswith("No run would start: the judge cannot be used.\n")


def test_nobody_there(command: Command) -> None:
    """Neither model nor judge: the addresses, once each, and what to look at."""
    ended = command(
        "doctor", *CHAT, "--model-base-url", "http://127.0.0.1:9", "--judge", "vllm/judge",
        "--judge-base-url", "http://127.0.0.1:9/v1", "--max-retries", "0", "--json",
    )  # fmt: skip
    assert ended.code == 2
    assert states(ended) == {"text": "failed", "image output": "failed", "judge": "failed"}
    for detail in told(ended).values():
        assert "http://127.0.0.1:9/v1/chat/completions cannot be used" in detail
        assert "Is the server running, and is the address right?" in detail
