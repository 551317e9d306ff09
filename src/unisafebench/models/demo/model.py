"""The stand-in behind the protocol that every adapter follows."""

import asyncio
from collections.abc import Mapping

from unisafebench.core.errors import UnknownNameError, UsageError
from unisafebench.models.base import Capabilities, Output, Request
from unisafebench.models.demo.answers import compose
from unisafebench.models.demo.behaviours import choose

__all__ = ["DemoModel", "create"]

_NAME = "demo"


class DemoModel:
    """No model: it answers every task from a table, in all the ways in which a run can go."""

    name = _NAME
    capabilities = Capabilities(
        text_output=True, image_input=True, image_output=True, image_editing=True
    )
    # `answers` counts up whenever the same sample would get another answer than before.
    settings: Mapping[str, object] = {
        "stand_in": True,
        "notice": "a stand-in, no model: figures from it say nothing about any model",
        "answers": 1,
    }

    async def generate(self, request: Request) -> Output:
        """Answer one sample; the same sample and epoch always get the same answer.

        Raises:
            ModelError: this sample is one of those on which the stand-in fails.
        """
        sample = request.sample
        if request.task.image_input and not request.pictures:
            problem = f"the request for the sample {sample.id!r} holds no picture"
            return Output(status="invalid_input", error=problem)
        behaviour = choose(request.task.id, sample.id, sample.prompt, request.epoch)
        return await asyncio.to_thread(compose, request, behaviour)

    async def aclose(self) -> None:
        """Release nothing: the stand-in holds nothing."""


def create(name: str, options: Mapping[str, str]) -> DemoModel:
    """Make the stand-in. It has one name and takes no options.

    Raises:
        UnknownNameError: the name is more than "demo".
        UsageError: options were given.
    """
    if name != _NAME:
        raise UnknownNameError("demo model", name, [_NAME])
    if options:
        raise UsageError(
            f"the model {_NAME!r} takes no options, but was given {', '.join(sorted(options))}."
        )
    return DemoModel()
