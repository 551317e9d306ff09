"""Putting single requests to a model behind a loopback server."""

from collections.abc import Callable

import pytest
from serving import ApiServer, Asked, Fault, Reply

from unisafebench.core.errors import EndpointError
from unisafebench.core.tasks import TASKS
from unisafebench.endpoints.http import Limits
from unisafebench.models.api import ApiModel
from unisafebench.models.base import Output, Request, UnsupportedError
from unisafebench.models.openai import create
from unisafebench.models.options import Options
from unisafebench.testing import example_requests

__all__ = ["LIMITS", "ask", "failure_of", "model_at", "request_for"]

LIMITS = Limits(first_wait_s=0.01, longest_wait_s=0.02, timeout_s=10.0, max_retries=1)
"""Quick limits, with one retry."""

Answers = Callable[[Asked], Reply | Fault]


def request_for(task: str, seed: int = 7) -> Request:
    """Return a harmless request for a task."""
    asked = example_requests(TASKS[task])[0]
    return Request(sample=asked.sample, task=asked.task, pictures=asked.pictures, seed=seed)


def model_at(server: ApiServer, name: str = "vllm/sample-8b", **options: str) -> ApiModel:
    """Return a model at a server; in the names of options "__" stands for a dot."""
    given = {name.replace("__", "."): value for name, value in options.items()}
    return create(name, Options({"base_url": server.root, **given}, limits=LIMITS))


async def ask(
    answer: Answers, task: str = "text-generation", name: str = "vllm/sample-8b", **options: str
) -> tuple[Output, list[Asked]]:
    """Put one request to a server that answers so; return what came and what was asked."""
    with ApiServer(answer) as server:
        model = model_at(server, name, **options)
        try:
            return await model.generate(request_for(task)), server.asked
        finally:
            await model.aclose()


async def failure_of(
    answer: Answers, task: str = "text-generation", **options: str
) -> EndpointError | UnsupportedError:
    """Return the error in which a request ends."""
    with pytest.raises((EndpointError, UnsupportedError)) as caught:
        await ask(answer, task, **options)
    return caught.value
