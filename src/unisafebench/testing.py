"""For authors of adapters: a check that any adapter must pass, and a model that is a function.

```python
async def test_my_adapter() -> None:
    await check_model(create("mine/small", {}), secrets=["the key it was given"])
```
"""

import asyncio
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from PIL import Image, ImageDraw

from unisafebench.core.errors import EndpointError, ImageError
from unisafebench.core.records import ResponseStatus, Sample
from unisafebench.core.tasks import TASKS, Task
from unisafebench.core.taxonomy import category_of
from unisafebench.media.pictures import Picture, check_picture
from unisafebench.models.base import Capabilities, Model, ModelError, Output, Request

__all__ = ["ConformanceError", "FunctionModel", "check_model", "example_requests"]

_STATUSES = ("completed", "blocked", "invalid_input")
_CONCURRENT = 4
_KEY_NAME = re.compile(
    r"[._-](api|access|auth|bearer|private)[_-]?(key|token)$"
    r"|[._-](secret|password|authorization)$"
    r"|\.(key|token)$",
    re.IGNORECASE,
)
_KEY_VALUE = re.compile(
    r"\b(sk|pk|hf|ghp|xoxb|AKIA|AIza)[-_]?[A-Za-z0-9_-]{16,}|\bBearer\s+\S", re.IGNORECASE
)
_PROMPTS = (
    "A red apple on a table.",
    "A bridge over a river in the morning.",
    "Two children who fly a kite.",
    "A cat that sleeps on a chair.",
)


class ConformanceError(AssertionError):
    """A model does not do what every adapter must; `problems` says all that was found."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{name} is not a conforming adapter:\n{lines}")


class FunctionModel:
    """A model whose answers come from a function: a double for tests that need a model.

    Args:
        answer: Called with each request; may raise what an adapter may raise.
        name: The model's name.
        capabilities: What it can take and give; everything by default.
        settings: What shapes its answers.
    """

    def __init__(
        self,
        answer: Callable[[Request], Output],
        *,
        name: str = "function/test",
        capabilities: Capabilities | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self._answer = answer
        self.name = name
        self.capabilities = capabilities or Capabilities(
            image_input=True, image_output=True, image_editing=True, multi_turn=True
        )
        self.settings: Mapping[str, object] = settings or {}
        self.closed = False

    async def generate(self, request: Request) -> Output:
        """Return what the function says."""
        return self._answer(request)

    async def aclose(self) -> None:
        """Note that the model was closed."""
        self.closed = True


def example_requests(task: Task) -> tuple[Request, ...]:
    """Return four harmless requests for a task, made by code; pictures are 96 x 64 pixels."""
    return tuple(
        Request(sample=_sample(task, index, prompt), task=task, pictures=_pictures(task, index))
        for index, prompt in enumerate(_PROMPTS)
    )


async def check_model(
    model: Model, *, requests: Iterable[Request] | None = None, secrets: Sequence[str] = ()
) -> Mapping[str, Mapping[ResponseStatus, int]]:
    """Check an adapter over every task that its capabilities allow, then close it twice.

    Up to four requests are in flight at once. A `ModelError` or `EndpointError` is an answer like
    others, but a task without any other answer is a problem: nothing of it was checked.

    Args:
        model: What to check.
        requests: What to ask instead of `example_requests` of each task.
        secrets: Keys that the adapter was given; they must not turn up anywhere.

    Returns:
        For each task asked, how many answers there were of each status.

    Raises:
        ConformanceError: something is wrong; all of it is listed.
    """
    if not isinstance(model, Model):
        raise ConformanceError(type(model).__name__, ["it lacks a part of models.base.Model"])
    if requests is None:
        requests = [request for task in TASKS.values() for request in example_requests(task)]
    asked = [request for request in requests if model.capabilities.supports(request.task)]
    secrets = [secret for secret in secrets if secret]
    before = (model.name, model.capabilities, _encoded(model.settings))
    problems = [*_check_identity(model, secrets)]
    gate = asyncio.Semaphore(_CONCURRENT)
    answers = await asyncio.gather(*(_ask(model, request, gate) for request in asked))
    for request, answer in zip(asked, answers, strict=True):
        where = f"{request.task.id}, sample {request.sample.id!r}"
        found = _check_answer(answer, model.capabilities, secrets)
        problems += [f"{where}: {problem}" for problem in found]
    problems += _check_coverage(asked, answers)
    if (model.name, model.capabilities, _encoded(model.settings)) != before:
        problems.append("its name, capabilities or settings changed while it answered")
    problems += await _close_twice(model)
    if problems:
        raise ConformanceError(model.name, problems)
    return _count(asked, answers)


async def _ask(model: Model, request: Request, gate: asyncio.Semaphore) -> object:
    async with gate:
        try:
            return await model.generate(request)
        except Exception as error:  # noqa: BLE001  # which kinds are allowed is what is checked
            return error


def _check_identity(model: Model, secrets: Sequence[str]) -> Iterator[str]:
    if not model.name or model.name != model.name.strip() or not model.name.isprintable():
        yield f"its name {model.name!r} is empty or holds unprintable characters"
    settings = _encoded(model.settings)
    if settings is None:
        yield "its settings cannot be written as JSON"
    for place, value in _leaves("settings", model.settings):
        if isinstance(value, str) and (_KEY_NAME.search(place) or _KEY_VALUE.search(value)):
            yield f"{place} looks like a key; settings are written to the manifest"
    if any(secret in f"{model.name} {settings}" for secret in secrets):
        yield "its name or settings hold a secret"


def _check_answer(answer: object, can: Capabilities, secrets: Sequence[str]) -> Iterator[str]:
    if any(secret in repr(answer) for secret in secrets):
        yield "the answer or error holds a secret"
    elif isinstance(answer, ModelError | EndpointError):
        if not str(answer):
            yield f"{type(answer).__name__} has no message"
    elif isinstance(answer, Output):
        yield from _check_status(answer)
        yield from _check_content(answer, can)
    else:
        yield f"generate gave {answer!r}: neither an Output, a ModelError nor an EndpointError"


def _check_status(output: Output) -> Iterator[str]:
    if output.status not in _STATUSES:
        yield f"status {output.status!r} is not the adapter's to give: one of {_STATUSES} is"
    if output.status == "blocked" and output.blocked_side not in {"input", "output", "unknown"}:
        yield "blocked, but blocked_side does not say whether input or output was"
    if output.status == "blocked" and not (output.error or output.stop_reason):
        yield "blocked without the provider's reason"
    if output.status == "invalid_input" and not output.error:
        yield "invalid_input, but error does not say what is wrong with the input"


def _check_content(output: Output, can: Capabilities) -> Iterator[str]:
    if output.text is not None and not isinstance(output.text, str):
        yield f"text is a {type(output.text).__name__}"
    elif output.text is not None and not _is_utf8(output.text):
        yield "text holds a lone surrogate and cannot be written as UTF-8"
    if output.images and not (can.image_output or can.image_editing):
        yield "it gave a picture, which its capabilities say it cannot"
    for index, image in enumerate(output.images):
        try:
            check_picture(image, name=f"images[{index}]")
        except (ImageError, TypeError) as error:
            yield str(error)


def _check_coverage(asked: Sequence[Request], answers: Sequence[object]) -> Iterator[str]:
    tasks = {request.task.id: request.task for request in asked}
    if not tasks:
        yield "its capabilities allow none of the tasks"
    for task in tasks.values():
        outputs = [
            answer
            for request, answer in zip(asked, answers, strict=True)
            if request.task == task and isinstance(answer, Output)
        ]
        given = [output for output in outputs if output.status == "completed"]
        if not outputs:
            yield f"{task.id}: it answered nothing but errors"
        elif given and not any(output.images or output.text for output in given):
            yield f"{task.id}: its answers are all empty"
        elif given and not any(_is_as_asked(output, task) for output in given):
            yield f"{task.id}: its capabilities promise {task.output}, but no answer has any"


async def _close_twice(model: Model) -> list[str]:
    try:
        await model.aclose()
        await model.aclose()
    except Exception as error:  # noqa: BLE001  # any error at all is the finding
        return [f"closing it (twice) failed: {error!r}"]
    return []


def _count(
    asked: Sequence[Request], answers: Sequence[object]
) -> Mapping[str, Mapping[ResponseStatus, int]]:
    counts: dict[str, Counter[ResponseStatus]] = {}
    for request, answer in zip(asked, answers, strict=True):
        status: ResponseStatus = answer.status if isinstance(answer, Output) else "model_error"
        counts.setdefault(request.task.id, Counter())[status] += 1
    return counts


def _is_as_asked(output: Output, task: Task) -> bool:
    return bool(output.images if task.output == "image" else output.text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encoded(settings: Mapping[str, object]) -> str | None:
    try:
        return msgspec.json.encode(dict(settings), order="deterministic").decode()
    except (TypeError, ValueError):
        return None


def _leaves(place: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{place}.{name}", inner)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _leaves(f"{place}[{index}]", inner)
    else:
        yield place, value


def _sample(task: Task, index: int, prompt: str) -> Sample:
    subcategory = "Politics"
    return Sample(
        id=f"example-{index + 1}",
        task=task.id,
        category=category_of(subcategory),
        subcategory=subcategory,
        prompt=prompt,
        images=("example.png",) if task.image_input else (),
    )


def _pictures(task: Task, index: int) -> tuple[Picture, ...]:
    if not task.image_input:
        return ()
    image = Image.new("RGB", (96, 64), "white")
    ImageDraw.Draw(image).ellipse((8, 8, 40 + 8 * index, 56), fill="red")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return (check_picture(buffer.getvalue()),)
