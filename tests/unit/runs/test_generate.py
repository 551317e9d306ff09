"""Responses: every status, what ends a run, and what is done again when it is taken up."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from unisafebench.core.errors import EndpointError, EndpointUnusableError, RunError
from unisafebench.core.records import Usage
from unisafebench.models.base import Capabilities, ModelError, Output, Request
from unisafebench.runs.generate import generate, lacking_responses
from unisafebench.runs.results import existing_run

if TYPE_CHECKING:
    from conftest import Trial


def text(request: Request) -> Output:
    """Answer with the sample's id."""
    return Output(text=f"answer {request.sample.id}")


def raising(error: Exception) -> Callable[[Request], Output]:
    """Return a model's function that fails."""

    def answer(_: Request) -> Output:
        raise error

    return answer


@pytest.mark.parametrize(
    ("output", "status"),
    [
        (Output(text="yes"), "completed"),
        (Output(text=""), "empty"),
        (Output(text=" \n\t"), "empty"),
        (Output(), "empty"),
        (Output(stop_reason="length"), "empty"),
        (Output(text="partly", stop_reason="length"), "completed"),
        (Output(status="blocked", blocked_side="input", stop_reason="safety"), "blocked"),
        (Output(text="half of it", status="blocked", blocked_side="output"), "blocked"),
        (Output(status="invalid_input", error="the prompt is too long"), "invalid_input"),
        (Output(status="model_error", error="out of memory"), "model_error"),
    ],
)
async def test_what_the_model_gave_is_its_status(
    trial: "Trial", output: Output, status: str
) -> None:
    """The status says how it ended; text, side and the provider's words are kept as they came."""
    trial.open([trial.row("1")])
    await trial.generate(lambda _: output)
    response = trial.response("1")
    assert response.status == status
    assert (response.text, response.stop_reason) == (output.text, output.stop_reason)
    assert (response.blocked_side, response.error) == (output.blocked_side, output.error)
    assert (response.model, response.task, response.epoch) == (
        "function/test",
        "text-generation",
        0,
    )
    assert trial.watcher.advanced == {status: 1}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModelError("no such voice"), "no such voice"),
        (EndpointError("status 500 after 5 tries", status=500), "status 500 after 5 tries"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (KeyError("choices"), "KeyError: 'choices'"),
        (AssertionError(), "AssertionError: "),
        (TimeoutError("slow"), "TimeoutError: slow"),
    ],
)
async def test_whatever_a_model_raises_ends_one_sample(
    trial: "Trial", error: Exception, message: str
) -> None:
    """An error of the model or its adapter is recorded on its sample; the others go on."""
    trial.open([trial.row("1"), trial.row("2"), trial.row("3")])
    await trial.generate(
        lambda request: raising(error)(request) if request.sample.id == "2" else text(request)
    )
    assert {key.sample_id: r.status for key, r in trial.responses().items()} == {
        "1": "completed",
        "2": "model_error",
        "3": "completed",
    }
    assert trial.response("2").error == message


@pytest.mark.parametrize(
    "output",
    [
        None,
        "just text",
        Output(text=5),  # type: ignore[arg-type]  # what careless adapters do
        Output(text=b"bytes"),  # type: ignore[arg-type]
        Output(status="done"),  # type: ignore[arg-type]
        Output(usage=Usage(input_tokens="12")),  # type: ignore[arg-type]
        Output(usage={"input_tokens": "many"}),  # type: ignore[arg-type]
    ],
)
async def test_what_is_no_output_is_the_models_error(trial: "Trial", output: Any) -> None:
    """An adapter that gives something else spoils its sample, not the run nor its journal."""
    trial.open([trial.row("1"), trial.row("2")])
    await trial.generate(lambda r: output if r.sample.id == "1" else text(r))
    assert trial.response("1").status == "model_error"
    assert trial.response("1").error
    assert trial.response("2").status == "completed"


async def test_half_a_character_is_written(trial: "Trial") -> None:
    """Text cut inside a character, as token limits do, is kept with U+FFFD in its place."""
    trial.open([trial.row("1")])
    await trial.generate(lambda _: Output(text="smile \ud83d"))
    assert trial.response("1").text == "smile \ufffd"


@pytest.mark.parametrize("content", [None, b"", b"GIF89a", b"text"])
async def test_a_bad_input_picture_is_invalid_input(trial: "Trial", content: bytes | None) -> None:
    """A sample whose picture is missing or broken is never put to the model, and is named."""
    if content is not None:
        (trial.data / "a.png").write_bytes(content)
    trial.open([trial.row("1", "image-editing", images=["a.png"]), trial.row("2")])
    asked: list[str] = []

    def answer(request: Request) -> Output:
        asked.append(request.sample.id)
        return text(request)

    await trial.generate(answer)
    assert asked == ["2"]
    response = trial.response("1")
    assert response.status == "invalid_input"
    assert response.error
    assert "a.png" in response.error or content is not None


async def test_the_model_sees_the_samples_pictures(trial: "Trial") -> None:
    """All pictures of a sample reach the model, checked and in their order, with its own task."""
    names = [trial.picture("a.png", 1), trial.picture("b.png", 2)]
    trial.open([trial.row("1", "vqa-dual-unsafe", images=names)])
    seen: list[Request] = []

    def answer(request: Request) -> Output:
        seen.append(request)
        return text(request)

    await trial.generate(answer)
    assert [picture.data for picture in seen[0].pictures] == [trial.png(1), trial.png(2)]
    assert seen[0].task.id == "vqa-dual-unsafe"
    assert seen[0].sample.prompt == "prompt 1"


async def test_each_epoch_has_its_own_seed(trial: "Trial") -> None:
    """Every sample is asked once an epoch, with the run's seed plus the epoch's number."""
    trial.open([trial.row("1"), trial.row("2")], epochs=3, seed=40)
    seen: list[tuple[str, int, int]] = []

    def answer(request: Request) -> Output:
        seen.append((request.sample.id, request.epoch, request.seed))
        return Output(text=f"{request.seed}")

    await trial.generate(answer)
    wanted = [(name, epoch, 40 + epoch) for name in "12" for epoch in range(3)]
    assert sorted(seen) == wanted
    assert {(k.sample_id, k.epoch): r.text for k, r in trial.responses().items()} == {
        (name, epoch): str(seed) for name, epoch, seed in wanted
    }


async def test_a_useless_endpoint_stops_the_run_and_keeps_what_is_done(trial: "Trial") -> None:
    """When every further call would fail, the work ends there; what was answered stays."""
    manifest = trial.open([trial.row(str(n)) for n in range(20)])

    def answer(request: Request) -> Output:
        if int(request.sample.id) >= 7:
            raise EndpointUnusableError("the key is wrong", status=401)
        return text(request)

    with pytest.raises(EndpointUnusableError, match="the key is wrong"):
        await trial.generate(answer, width=1)
    assert [r.sample_id for r in trial.response_lines()] == [str(n) for n in range(7)]
    assert {r.status for r in trial.response_lines()} == {"completed"}
    assert lacking_responses(trial.run, manifest) == 13
    await trial.generate(text)
    assert lacking_responses(trial.run, manifest) == 0
    assert len(trial.response_lines()) == 20


async def test_resuming_repeats_only_what_failed(trial: "Trial") -> None:
    """Model errors and unusable inputs are tried again; answers, blocks and empties are not."""
    first = {
        "1": Output(text="done"),
        "2": Output(status="blocked", blocked_side="input"),
        "3": Output(),
        "4": Output(status="model_error", error="overloaded"),
        "5": Output(status="invalid_input", error="too large"),
    }
    manifest = trial.open([trial.row(name) for name in "123456"])

    def flaky(request: Request) -> Output:
        if request.sample.id == "6":
            raise ModelError("down")
        return first[request.sample.id]

    await trial.generate(flaky)
    assert lacking_responses(trial.run, manifest) == 3
    again: list[str] = []

    def better(request: Request) -> Output:
        again.append(request.sample.id)
        return text(request)

    await trial.generate(better)
    assert sorted(again) == ["4", "5", "6"]
    assert {key.sample_id: r.status for key, r in trial.responses().items()} == {
        "1": "completed",
        "2": "blocked",
        "3": "empty",
        "4": "completed",
        "5": "completed",
        "6": "completed",
    }
    assert lacking_responses(trial.run, manifest) == 0
    assert trial.watcher.stages == [("responses", 6, 0), ("responses", 6, 3)]


async def test_a_failure_that_repeats_itself_adds_nothing(trial: "Trial") -> None:
    """Resuming against a model that is still down leaves the journal as it was."""
    trial.open([trial.row("1")])
    for _ in range(3):
        await trial.generate(raising(ModelError("down")))
    assert len(trial.response_lines()) == 1


async def test_a_stop_leaves_the_rest(trial: "Trial") -> None:
    """After a stop nothing new is asked, and resuming asks exactly the rest."""
    manifest = trial.open([trial.row(str(n)) for n in range(10)])

    def answer(request: Request) -> Output:
        if request.sample.id == "3":
            trial.stop.request()
        return text(request)

    await trial.generate(answer, width=1)
    assert [r.sample_id for r in trial.response_lines()] == ["0", "1", "2", "3"]
    assert lacking_responses(trial.run, manifest) == 6


async def test_a_picture_found_later_is_asked_for(trial: "Trial") -> None:
    """A sample that had no picture is put to the model once the run has found it."""
    trial.open([trial.row("1", "image-editing", images=["late.png"])])
    await trial.generate(text)
    assert trial.response("1").status == "invalid_input"
    trial.picture("late.png")
    trial.open()
    await trial.generate(text)
    assert trial.response("1").status == "completed"


async def test_pictures_that_cannot_be_stored_stop_the_run(trial: "Trial") -> None:
    """No room for pictures is an error of the run, with what to do, not of the model."""
    trial.open([trial.row("1", "text-to-image")])
    (trial.run.path / "images").write_text("in the way")
    with pytest.raises(RunError, match=r"cannot be written: .*repeat the command"):
        await trial.generate(lambda _: Output(images=(trial.png(1),)))
    assert trial.response_lines() == []


async def test_a_torn_line_is_said_and_redone(trial: "Trial") -> None:
    """A response that was cut off by a crash is made again, and the user is told."""
    trial.open([trial.row("1"), trial.row("2")])
    await trial.generate(text, width=1)
    whole = trial.run.responses.read_bytes()
    trial.run.responses.write_bytes(whole[:-5])
    await trial.generate(text)
    assert [r.sample_id for r in trial.response_lines()] == ["1", "2"]
    assert len(trial.watcher.notes) == 1
    assert "responses.jsonl was torn" in trial.watcher.notes[0]


async def test_no_more_requests_at_once_than_the_width(trial: "Trial") -> None:
    """The width bounds how many requests a model has in flight."""
    manifest = trial.open([trial.row(str(n)) for n in range(12)])
    at_once = most = 0

    class Slow:
        name = "slow/model"
        settings: dict[str, object] = {}
        capabilities = None

        async def generate(self, request: Request) -> Output:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            for _ in range(5):
                await asyncio.sleep(0)
            at_once -= 1
            return text(request)

        async def aclose(self) -> None: ...

    await generate(
        trial.run,
        existing_run(trial.run),
        Slow(),  # type: ignore[arg-type]  # capabilities are not asked for here
        width=3,
        progress=trial.watcher,
        stop=trial.stop,
    )
    assert lacking_responses(trial.run, manifest) == 0
    assert most == 3


async def test_a_sample_of_several_turns_is_not_cut_to_its_first(trial: "Trial") -> None:
    """An adapter that cannot send them leaves it, and the reason is kept."""
    trial.open([trial.row("1", turns=["And then?", "Go on."]), trial.row("2")])
    await trial.generate(text, capabilities=Capabilities())
    assert trial.response("1").status == "invalid_input"
    assert "2 further turns" in (trial.response("1").error or "")
    assert trial.response("2").status == "completed"


async def test_what_was_never_asked_comes_before_what_failed(trial: "Trial") -> None:
    """Old failures would otherwise end the stage once more before it gets to the others."""

    def first(request: Request) -> Output:
        if request.sample.id == "3":
            raise EndpointUnusableError("the account has no credit", status=402)
        raise EndpointError("the server failed", status=500)

    trial.open([trial.row(f"{number}") for number in range(6)])
    with pytest.raises(EndpointUnusableError):
        await trial.generate(first, width=1)
    asked: list[str] = []

    def second(request: Request) -> Output:
        asked.append(request.sample.id)
        return text(request)

    await trial.generate(second, width=1)
    assert asked == ["3", "4", "5", "0", "1", "2"]
