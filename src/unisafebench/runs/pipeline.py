"""A bounded number of workers over a stream: memory does not grow with the run."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from unisafebench.core.errors import EndpointUnusableError, UniSafeBenchError
from unisafebench.runs.progress import Stop

__all__ = ["work_through"]

T = TypeVar("T")


async def work_through(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], *, width: int, stop: Stop
) -> None:
    """Run `work` over `items`, at most `width` at a time; an item is taken when its turn comes.

    A worker that raises ends everything: failures of single records are theirs to catch. After
    an `EndpointUnusableError` nothing new is taken, but what is in flight is finished: it has
    been paid for, and may still be answered.

    Raises:
        UniSafeBenchError: the first error that a worker raised.
    """
    waiting = iter(items)
    unusable: list[EndpointUnusableError] = []

    async def worker() -> None:
        # All workers share one iterator; `next` never awaits, so none is skipped or doubled.
        for item in waiting:
            if stop.requested or unusable:
                return
            try:
                await work(item)
            except EndpointUnusableError as error:
                unusable.append(error)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(worker())
    except* UniSafeBenchError as errors:
        raise _first(errors) from None
    if unusable:
        raise unusable[0]


def _first(group: BaseExceptionGroup[UniSafeBenchError]) -> UniSafeBenchError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, UniSafeBenchError)  # noqa: S101 -- what `except*` matched
    return error
