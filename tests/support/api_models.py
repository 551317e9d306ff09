"""Models behind an API, opened with an environment of their own, before a loopback server."""

import os
from collections.abc import Callable, Mapping
from unittest.mock import patch

from serving import ApiServer, Asked, Fault, Reply

from unisafebench.endpoints.http import Limits
from unisafebench.models.api import ApiModel
from unisafebench.models.base import Output, Request
from unisafebench.models.options import Options
from unisafebench.models.registry import resolve

__all__ = ["LIMITS", "Answer", "ask", "open_model"]

LIMITS = Limits(first_wait_s=0.001, longest_wait_s=0.001, max_retries=1, timeout_s=20)
"""One retry, at once."""

Answer = Reply | Fault | Callable[[Asked], Reply | Fault]
"""What a server answers: always the same, or what a function of the request says."""


def open_model(name: str, environment: Mapping[str, str], options: Mapping[str, str]) -> ApiModel:
    """Return a model; of the environment it sees only what is given here."""
    with patch.dict(os.environ, environment, clear=True):
        model = resolve(name, Options(options, limits=LIMITS))
    assert isinstance(model, ApiModel)
    return model


async def ask(
    answer: Answer, request: Request, opened: Callable[[str], ApiModel]
) -> tuple[Output, list[Asked]]:
    """Put one request to the model that is opened at a server's address.

    Returns:
        What the model gave, and all that the server was asked.
    """
    with ApiServer(answer if callable(answer) else lambda _: answer) as server:
        model = opened(server.root)
        try:
            return await model.generate(request), server.asked
        finally:
            await model.aclose()
