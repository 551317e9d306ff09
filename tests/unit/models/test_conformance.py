"""The conformance check: our adapter and the documented one pass it, broken ones do not."""

import re
from pathlib import Path
from typing import Any

import pytest

from unisafebench.core.errors import EndpointError
from unisafebench.core.tasks import TASKS
from unisafebench.models.base import Capabilities, ModelError, Output, Request
from unisafebench.models.registry import resolve
from unisafebench.testing import ConformanceError, FunctionModel, check_model, example_requests

_DOCS = Path(__file__).parents[3] / "docs" / "models.md"
_TEXT_ONLY = Capabilities()


def _good(request: Request) -> Output:
    """Give the text, and for image tasks the request's own or a one-pixel picture."""
    if request.task.output == "text":
        return Output(text="An apple.")
    picture = example_requests(TASKS["image-editing"])[0].pictures[0]
    return Output(images=(picture.data,))


async def _problems(model: FunctionModel, **options: Any) -> str:
    with pytest.raises(ConformanceError) as caught:
        await check_model(model, **options)
    return "\n".join(caught.value.problems)


async def test_demo_conforms() -> None:
    """The embedded stand-in passes over all seven tasks."""
    counts = await check_model(resolve("demo"))
    assert list(counts) == list(TASKS)
    assert all(sum(of_task.values()) == 4 for of_task in counts.values())


async def test_function_model_conforms_and_is_closed() -> None:
    """The double passes the check that it is a double for."""
    model = FunctionModel(_good)
    counts = await check_model(model)
    assert counts == {task: {"completed": 4} for task in TASKS}
    assert model.closed


async def test_documented_adapter_conforms() -> None:
    """The example in the documentation runs, takes its option, and passes the check."""
    blocks = re.findall(r"```python\n(.*?)```", _DOCS.read_text(encoding="utf-8"), re.DOTALL)
    namespace: dict[str, Any] = {"__name__": "parrot"}
    for block in blocks:
        exec(block, namespace)  # noqa: S102  # our own documentation
    await namespace["test_parrot_conforms"]()
    request = example_requests(TASKS["vqa-text-unsafe"])[0]
    output = await namespace["create"]("parrot/grey", {"shout": "yes"}).generate(request)
    assert output.text == "1 picture(s). A RED APPLE ON A TABLE."


async def test_tasks_beyond_the_capabilities_are_not_asked() -> None:
    """A model that only writes is asked for text alone."""
    counts = await check_model(FunctionModel(_good, capabilities=_TEXT_ONLY))
    assert list(counts) == ["text-generation"]


async def test_model_without_any_task_fails() -> None:
    """Capabilities that allow nothing are a mistake."""
    model = FunctionModel(_good, capabilities=Capabilities(text_output=False))
    assert "allow none of the tasks" in await _problems(model)


async def test_object_that_is_no_model_fails() -> None:
    """A missing part is found before anything is asked."""
    with pytest.raises(ConformanceError, match="lacks a part"):
        await check_model(object())  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (Output(images=(b"not a picture",)), "not a readable picture"),
        (Output(text="a", status="empty"), "status 'empty' is not the adapter's to give"),
        (Output(status="blocked", error="filter"), "blocked_side does not say"),
        (Output(status="blocked", blocked_side="input"), "without the provider's reason"),
        (Output(status="invalid_input"), "error does not say what is wrong"),
        (Output(text="\ud800"), "lone surrogate"),
        (Output(text=""), "text-generation: its answers are all empty"),
        (Output(text="words"), "text-to-image: its capabilities promise image"),
        (None, "neither an Output"),
    ],
)
async def test_wrong_outputs_are_found(output: Output, problem: str) -> None:
    """Each rule about an output has a message of its own."""
    assert problem in await _problems(FunctionModel(lambda _: output))


async def test_picture_from_a_model_that_gives_none_is_found() -> None:
    """Capabilities must not understate what a model gives."""
    picture = example_requests(TASKS["image-editing"])[0].pictures[0]
    output = Output(text="Here.", images=(picture.data,))
    model = FunctionModel(lambda _: output, capabilities=_TEXT_ONLY)
    assert "its capabilities say it cannot" in await _problems(model)


@pytest.mark.parametrize("error", [ModelError("broken"), EndpointError("gone", status=500)])
async def test_nothing_but_errors_fails(error: Exception) -> None:
    """Allowed errors are answers, but a model that never answers was not checked."""

    def fail(_: Request) -> Output:
        raise error

    assert await _problems(FunctionModel(fail, capabilities=_TEXT_ONLY)) == (
        "text-generation: it answered nothing but errors"
    )


async def test_errors_of_another_kind_are_found() -> None:
    """An error that a run does not expect would end the run."""

    def fail(_: Request) -> Output:
        raise KeyError("choices")

    problems = await _problems(FunctionModel(fail, capabilities=_TEXT_ONLY))
    assert "generate gave KeyError('choices')" in problems


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": "abc"},
        {"endpoint": {"headers": {"Authorization": "x"}}},
        {"extra": ["ok", "Bearer abc"]},
        {"url": "https://host/v1?k=sk-abcdefghijklmnopqrst"},
        {"token": "abc"},
    ],
)
async def test_keys_in_the_settings_are_found(settings: dict[str, object]) -> None:
    """Settings go to the manifest, so nothing in them may look like a key, at any depth."""
    assert "looks like a key" in await _problems(FunctionModel(_good, settings=settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"max_tokens": 512, "has_api_key": True, "tokenizer": "fast", "pad_token": "<pad>"},
        {
            "revision": "0123456789abcdef0123456789abcdef01234567",
            "stop": ["Task-force-of-the-year"],
        },
    ],
)
async def test_ordinary_settings_pass(settings: dict[str, object]) -> None:
    """Names and values that only resemble keys are let through."""
    assert await check_model(FunctionModel(_good, settings=settings))


async def test_settings_that_are_no_json_are_found() -> None:
    """The manifest is JSON."""
    model = FunctionModel(_good, settings={"callback": print})
    assert "cannot be written as JSON" in await _problems(model)


async def test_given_secret_is_found_in_an_error() -> None:
    """A key that an endpoint echoes must not reach the journal."""

    def fail(_: Request) -> Output:
        raise ModelError("no access with hunter2")

    model = FunctionModel(fail, capabilities=_TEXT_ONLY)
    assert "holds a secret" in await _problems(model, secrets=["hunter2"])


async def test_changing_name_is_found() -> None:
    """A name is fixed for a run: it is part of every record's key."""
    model = FunctionModel(_good, name="a/b")

    def rename(request: Request) -> Output:
        model.name = "a/c"
        return _good(request)

    model._answer = rename
    assert "changed while it answered" in await _problems(model)


def test_example_requests_fit_their_task() -> None:
    """Each task gets four requests, with pictures exactly where it takes them."""
    for task in TASKS.values():
        requests = example_requests(task)
        assert len({request.sample.id for request in requests}) == 4
        assert all(len(request.pictures) == int(task.image_input) for request in requests)
