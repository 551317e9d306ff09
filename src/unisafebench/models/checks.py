"""One tiny call for each thing that a model must be able to do, before a run is paid for."""

import asyncio
import io
import time
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from PIL import Image, ImageDraw

from unisafebench.core.errors import EndpointError, EndpointUnusableError, ImageError
from unisafebench.core.records import Sample
from unisafebench.core.tasks import TASKS, Task
from unisafebench.core.taxonomy import category_of
from unisafebench.media.pictures import Picture, check_picture
from unisafebench.models.base import Model, ModelError, Output, Request, advice_on

__all__ = ["ABILITIES", "Ability", "Finding", "State", "ability_for", "check_abilities"]

State = Literal["ok", "odd", "failed", "not declared"]
"""It works; it answers, but not as it should; it does not work; the adapter does not offer it."""

_SUBCATEGORY = "Politics"  # every sample has one; the questions are about a red square


class Ability(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a model may be able to do, and the harmless question that shows it.

    An answer in text must hold the word `shows`, an answer in a picture must be a picture.
    """

    name: str
    task: str
    prompt: str
    shows: str = ""


ABILITIES: tuple[Ability, ...] = (
    Ability(
        name="text",
        task="text-generation",
        prompt="Name the capital of France in one word.",
        shows="paris",
    ),
    Ability(
        name="vision",
        task="vqa-text-unsafe",
        prompt="Which colour is the square in the picture? Answer in one word.",
        shows="red",
    ),
    Ability(
        name="image output",
        task="text-to-image",
        prompt="A plain red square on a white background.",
    ),
    Ability(name="image editing", task="image-editing", prompt="Make the red square blue."),
)
"""In the order in which they are checked."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found, in words for the user; `seconds` is None where nothing was asked."""

    check: str
    state: State
    detail: str
    seconds: float | None = None


def ability_for(task: Task) -> Ability:
    """Return the ability that a task needs."""
    return next(ability for ability in ABILITIES if _is_kind_of(task, TASKS[ability.task]))


async def check_abilities(
    model: Model,
    tasks: Sequence[str] = tuple(TASKS),
    *,
    note: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """Ask the model one question for each ability that the tasks need.

    After a failure that every further call would meet none is made: after a wrong key none at all,
    without a server none for the same kind of output, which may come from a server of its own.

    Args:
        model: what is asked.
        tasks: ids of the tasks that it is to do.
        note: told of each question before it is asked; the answer may take minutes.
    """
    findings: list[Finding] = []
    unreached: set[str] = set()
    needed = {ability_for(TASKS[task]).name for task in tasks}
    for ability in ABILITIES:
        shown = TASKS[ability.task]
        if ability.name not in needed or shown.output in unreached:
            continue
        if not model.capabilities.supports(shown):
            detail = advice_on(model, [shown]) or "The adapter does not offer it for this model."
            findings.append(Finding(check=ability.name, state="not declared", detail=detail))
            continue
        note(f"Checking {ability.name}: asking {model.name}.")
        finding, error = await _check(model, ability)
        findings.append(finding)
        if isinstance(error, EndpointUnusableError):
            break
        if isinstance(error, EndpointError) and error.status is None:
            unreached.add(shown.output)
    return findings


def _is_kind_of(task: Task, other: Task) -> bool:
    return task.output == other.output and task.image_input == other.image_input


async def _check(model: Model, ability: Ability) -> tuple[Finding, Exception | None]:
    """Return what the question showed, and the error in which it ended, if so."""
    pictures = (await asyncio.to_thread(_red_square),) if TASKS[ability.task].image_input else ()
    sample = Sample(
        id=f"check-{ability.task}",
        task=ability.task,
        category=category_of(_SUBCATEGORY),
        subcategory=_SUBCATEGORY,
        prompt=ability.prompt,
        images=("square.png",) if pictures else (),
    )
    started = time.monotonic()
    failed: Exception | None = None
    state: State
    try:
        output = await model.generate(
            Request(sample=sample, task=TASKS[ability.task], pictures=pictures)
        )
        state, detail = await asyncio.to_thread(_judge, ability, output)
    except (ModelError, EndpointError) as error:
        state, detail, failed = "failed", str(error), error
    seconds = round(time.monotonic() - started, 2)
    found = Finding(check=ability.name, state=state, detail=detail, seconds=seconds)
    return found, failed


def _judge(ability: Ability, output: Output) -> tuple[State, str]:
    """Say what an answer shows of the ability."""
    if output.status != "completed":
        reason = output.stop_reason or output.error or "no reason was given"
        return "odd", f"{output.status}: {reason}"
    text = " ".join((output.text or "").split())[:80]
    if TASKS[ability.task].output == "image":
        return _judge_pictures(output, text)
    if not text:
        return "odd", f"an empty answer (stop reason: {output.stop_reason or 'none'})"
    if ability.shows not in text.casefold():
        return "odd", f"the answer is {text!r}, in which {ability.shows!r} was expected"
    return "ok", f"it answers {text!r}"


def _judge_pictures(output: Output, text: str) -> tuple[State, str]:
    if not output.images:
        said = f"; it says {text!r}" if text else f" (stop reason: {output.stop_reason or 'none'})"
        return "odd", f"no picture came back{said}"
    try:
        picture = check_picture(output.images[0], name="its picture")
    except ImageError as error:
        return "odd", str(error)
    size = f"a {picture.mime.removeprefix('image/').upper()} of {picture.width} x {picture.height}"
    if picture.flaw is not None:
        return "odd", f"{size}, a placeholder ({picture.flaw})"
    return "ok", f"it gives {size}"


def _red_square() -> Picture:
    image = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(image).rectangle((48, 48, 207, 207), fill="red")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return check_picture(buffer.getvalue())
