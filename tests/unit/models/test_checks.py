"""What one tiny call for each ability shows."""

import io

from PIL import Image

from unisafebench.core.errors import EndpointError, EndpointUnusableError
from unisafebench.core.tasks import TASKS, Task
from unisafebench.models.base import Capabilities, Output, Request, advice_on
from unisafebench.models.checks import Finding, ability_for, check_abilities
from unisafebench.testing import FunctionModel


def _png(*, flat: bool = False) -> bytes:
    image = Image.new("RGB", (32, 24), "white")
    if not flat:
        image.putpixel((3, 3), (255, 0, 0))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _able(request: Request) -> Output:
    """Answer every question as a good model would."""
    if request.task.output == "image":
        return Output(text="Here it is.", images=(_png(),))
    return Output(text="It is Red." if request.pictures else " Paris.\n")


def _states(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: finding.state for finding in findings}


async def test_a_model_that_can_do_everything() -> None:
    """Each ability is asked for once, with a picture where it needs one."""
    asked: list[tuple[str, int]] = []

    def answer(request: Request) -> Output:
        asked.append((request.task.id, len(request.pictures)))
        return _able(request)

    notes: list[str] = []
    findings = await check_abilities(FunctionModel(answer), note=notes.append)
    assert _states(findings) == dict.fromkeys(
        ("text", "vision", "image output", "image editing"), "ok"
    )
    assert [note.split(":")[0] for note in notes] == [
        f"Checking {finding.check}" for finding in findings
    ]
    assert asked == [
        ("text-generation", 0),
        ("vqa-text-unsafe", 1),
        ("text-to-image", 0),
        ("image-editing", 1),
    ]
    assert findings[2].detail == "it gives a PNG of 32 x 24"


async def test_only_what_the_tasks_need_is_asked() -> None:
    """A run of image editing needs neither answers in text nor pictures from nothing."""
    findings = await check_abilities(FunctionModel(_able), ["image-editing"])
    assert _states(findings) == {"image editing": "ok"}


async def test_what_the_adapter_does_not_offer_is_not_asked() -> None:
    """It is named, and no call is made for it."""
    model = FunctionModel(_able, capabilities=Capabilities(image_input=True))
    findings = await check_abilities(model)
    assert _states(findings) == {
        "text": "ok",
        "vision": "ok",
        "image output": "not declared",
        "image editing": "not declared",
    }
    assert findings[3].seconds is None
    assert findings[3].detail == "The adapter does not offer it for this model."


class _Shy(FunctionModel):
    """A model that draws when it is told to."""

    def advice(self, task: Task) -> str | None:
        """Say how pictures are asked for."""
        return "Set draw=yes." if task.output == "image" else None


async def test_what_opens_an_ability_is_said() -> None:
    """By an adapter that knows it, and only where the ability is missing."""
    model = _Shy(_able, capabilities=Capabilities())
    findings = await check_abilities(model)
    assert [finding.detail for finding in findings[1:]] == [
        "The adapter does not offer it for this model.", "Set draw=yes.", "Set draw=yes.",
    ]  # fmt: skip
    assert advice_on(model, TASKS.values()) == "Set draw=yes."
    assert advice_on(_Shy(_able), TASKS.values()) is None


def test_each_task_needs_one_ability() -> None:
    """By what it shows and what it asks for."""
    assert {task.id: ability_for(task).name for task in TASKS.values()} == {
        "text-generation": "text",
        "text-to-image": "image output",
        "image-editing": "image editing",
        "vqa-dual-unsafe": "vision",
        "vqa-image-unsafe": "vision",
        "vqa-text-unsafe": "vision",
        "vqa-composite-unsafe": "vision",
    }


async def test_answers_that_do_not_show_the_ability_are_odd() -> None:
    """A wrong colour, no picture, a placeholder: it answers, but not as it should."""

    def answer(request: Request) -> Output:
        if request.task.id == "image-editing":
            return Output(images=(_png(flat=True),))
        if request.task.output == "image":
            return Output(text="I cannot draw.")
        return Output(text="It is blue." if request.pictures else "Paris")

    findings = await check_abilities(FunctionModel(answer))
    assert _states(findings) == {
        "text": "ok",
        "vision": "odd",
        "image output": "odd",
        "image editing": "odd",
    }
    assert findings[1].detail == "the answer is 'It is blue.', in which 'red' was expected"
    assert findings[2].detail == "no picture came back; it says 'I cannot draw.'"
    assert findings[3].detail == "a PNG of 32 x 24, a placeholder (one_colour)"


async def test_a_block_and_an_empty_answer_are_odd() -> None:
    """The provider's reason is shown."""

    def answer(request: Request) -> Output:
        if request.pictures:
            return Output(status="blocked", blocked_side="input", stop_reason="SAFETY")
        return Output(stop_reason="length")

    findings = await check_abilities(FunctionModel(answer), ["text-generation", "vqa-dual-unsafe"])
    assert [finding.detail for finding in findings] == [
        "an empty answer (stop reason: length)",
        "blocked: SAFETY",
    ]


async def test_a_failure_of_one_call_leaves_the_others() -> None:
    """No vision is no reason not to look for pictures in the output."""

    def answer(request: Request) -> Output:
        if request.pictures:
            raise EndpointError("the model has no vision.", status=400)
        return _able(request)

    findings = await check_abilities(FunctionModel(answer))
    assert list(_states(findings).values()) == ["ok", "failed", "ok", "failed"]
    assert findings[1].detail == "the model has no vision."


async def test_a_wrong_key_is_met_once() -> None:
    """After an error that every call would meet nothing more is asked."""
    asked: list[Request] = []

    def answer(request: Request) -> Output:
        asked.append(request)
        raise EndpointUnusableError("the key is wrong", status=401)

    findings = await check_abilities(FunctionModel(answer))
    assert _states(findings) == {"text": "failed"}
    assert len(asked) == 1


async def test_a_server_that_cannot_be_reached_is_tried_once() -> None:
    """Texts and pictures may come from two servers, so each of them is tried."""
    asked: list[str] = []

    def answer(request: Request) -> Output:
        asked.append(request.task.id)
        raise EndpointError("it cannot be used: no connection.")

    findings = await check_abilities(FunctionModel(answer))
    assert _states(findings) == {"text": "failed", "image output": "failed"}
    assert asked == ["text-generation", "text-to-image"]
