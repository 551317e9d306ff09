"""Tasks that an endpoint says its model cannot do: when they are asked no more, and when again."""

import asyncio
from typing import TYPE_CHECKING

from unisafebench.models.base import Output, Request, UnsupportedError
from unisafebench.runs.generate import generate
from unisafebench.runs.results import existing_run
from unisafebench.testing import FunctionModel

if TYPE_CHECKING:
    from conftest import Trial


def text(request: Request) -> Output:
    """Answer with the sample's id."""
    return Output(text=f"answer {request.sample.id}")


async def test_a_task_that_the_endpoint_cannot_do_is_not_asked_to_its_end(trial: "Trial") -> None:
    """Its first answer says so; all its responses are model errors, the other tasks go on."""
    asked: list[str] = []

    def answer(request: Request) -> Output:
        asked.append(request.sample.id)
        if request.task.image_input:
            raise UnsupportedError("the model has no vision.")
        return text(request)

    rows = [trial.row(f"t{n}") for n in range(3)]
    rows += [trial.row(f"v{n}", "vqa-dual-unsafe", images=["a.png"]) for n in range(4)]
    (trial.data / "a.png").write_bytes(trial.png(1))
    trial.open(rows)
    await trial.generate(answer, width=1)
    assert asked == ["t0", "t1", "t2", "v0"]
    assert trial.watcher.advanced == {"completed": 3, "model_error": 4}
    assert trial.response("v3").error == "the model has no vision."
    assert trial.watcher.notes == [
        (
            "the model has no vision. The rest of vqa-dual-unsafe is not asked; its responses "
            "count as model_error. Leave the task out with --tasks, or name a model that can do it."
        )
    ]


async def test_one_odd_answer_does_not_end_a_task_that_is_done_otherwise(trial: "Trial") -> None:
    """After an answer the task can be done: what the endpoint says later is about one sample."""

    def answer(request: Request) -> Output:
        if request.sample.id == "2":
            raise UnsupportedError("the model has no vision.")
        return text(request)

    trial.open([trial.row(f"{n}") for n in range(5)])
    await trial.generate(answer, width=1)
    assert trial.watcher.advanced == {"completed": 4, "model_error": 1}


class _Slow(FunctionModel):
    """A model that answers its first sample only after it has failed on the second."""

    def __init__(self) -> None:
        super().__init__(text)
        self.failed = asyncio.Event()

    async def generate(self, request: Request) -> Output:
        """Wait or fail for these two, else answer."""
        if request.sample.id == "1":
            self.failed.set()
            raise UnsupportedError("the model has no vision.")
        await self.failed.wait()
        return text(request)


async def test_an_answer_opens_a_task_again(trial: "Trial") -> None:
    """A call in flight that is answered shows that what another one said was about itself."""
    trial.open([trial.row(f"{n}") for n in range(40)])
    await generate(
        trial.run,
        existing_run(trial.run),
        _Slow(),
        width=2,
        progress=trial.watcher,
        stop=trial.stop,
    )
    assert trial.response("0").status == trial.response("39").status == "completed"
    assert trial.response("1").status == "model_error"
    assert trial.watcher.notes[1] == (
        "But text-generation has an answer now: it is asked all the same."
    )
    assert trial.watcher.advanced["completed"] >= 30
