"""Putting requests to the model `openai/painter` behind a loopback server, as a run would."""

from collections.abc import Callable, Mapping

from serving import ApiServer, Asked, Fault, Reply

from unisafebench.endpoints.http import Limits
from unisafebench.models.api import ApiModel
from unisafebench.models.base import Output, Request
from unisafebench.models.openai import create
from unisafebench.models.options import Options

__all__ = ["KEY", "always", "ask_once", "painter_behind"]

KEY = "sk-key-of-these-tests"
"""A key that must turn up nowhere; tests set it in the environment."""
_QUICK = Limits(max_retries=1, first_wait_s=0.0, longest_wait_s=0.0)


def painter_behind(server: ApiServer, options: Mapping[str, str]) -> ApiModel:
    """Return the model at this server; it tries a call twice."""
    return create(
        "openai/painter", Options({"base_url": f"{server.root}/v1", **options}, limits=_QUICK)
    )


async def ask_once(server: ApiServer, request: Request, options: Mapping[str, str]) -> Output:
    """Return the answer to one request."""
    model = painter_behind(server, options)
    try:
        return await model.generate(request)
    finally:
        await model.aclose()


def always(reply: Reply | Fault) -> Callable[[Asked], Reply | Fault]:
    """Answer everything alike."""
    return lambda _: reply
