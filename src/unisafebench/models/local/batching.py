"""Batches out of requests that are in flight together, worked in one thread.

Nothing of torch here: how a batch is run, and which errors mean that memory ran out, is told. The
event loop never waits for a batch; while one runs, the requests that come in gather for the next.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Generic, TypeVar

from unisafebench.core.errors import EndpointUnusableError
from unisafebench.models.base import ModelError

__all__ = ["Batched", "Batcher"]

Item = TypeVar("Item")
Result = TypeVar("Result")
Kind = TypeVar("Kind", bound=Hashable)

_GATHER_S = 0.01


class Batched(Generic[Result]):
    """A result, with how large its batch was and how many seconds that took."""

    def __init__(self, result: Result, *, size: int, seconds: float) -> None:
        self.result = result
        self.size = size
        self.seconds = seconds


class _Waiting(Generic[Kind, Item, Result]):
    def __init__(self, kind: Kind, item: Item, future: asyncio.Future[Batched[Result]]) -> None:
        self.kind = kind
        self.item = item
        self.future = future
        self.alone = False


class Batcher(Generic[Kind, Item, Result]):
    """Gathers items of one kind, up to `size` of them, and runs each batch in a worker thread.

    - Memory runs out: the batch is halved and goes on, and no later batch of its kind is larger.
      An item that does not fit alone fails with a `ModelError`.
    - Any other error of a batch: its items are run one by one, so that it ends only the item that
      it belongs to.
    - `EndpointUnusableError` ends all items of the batch: nothing would be better for a later one.

    Args:
        run: runs a batch of one kind; returns a result or a `ModelError` for each item, in order.
        size: the largest batch.
        is_memory_error: whether an error means that memory ran out.
        release_memory: called in the worker after memory ran out.
        gather_s: how long to wait for more items before a batch that is not full is run.
    """

    def __init__(
        self,
        run: Callable[[Kind, Sequence[Item]], Sequence[Result | ModelError]],
        *,
        size: int,
        is_memory_error: Callable[[BaseException], bool] = lambda _: False,
        release_memory: Callable[[], None] = lambda: None,
        gather_s: float = _GATHER_S,
    ) -> None:
        self._run = run
        self._size = size
        self._sizes: dict[Kind, int] = {}
        self._is_memory_error = is_memory_error
        self._release_memory = release_memory
        self._gather_s = gather_s
        self._waiting: deque[_Waiting[Kind, Item, Result]] = deque()
        self._came = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def sizes(self) -> dict[Kind, int]:
        """The kinds whose batches had to be made smaller, with the size that fits."""
        return dict(self._sizes)

    async def submit(self, kind: Kind, item: Item) -> Batched[Result]:
        """Return the item's result once a batch with it has been run.

        Raises:
            ModelError: it failed, or the batcher is closed.
            EndpointUnusableError: no further item can be run either.
        """
        if self._closed:
            raise ModelError("the model is closed.")
        future: asyncio.Future[Batched[Result]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(kind, item, future))
        self._came.set()
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await future

    async def aclose(self) -> None:
        """Fail what still waits, let the batch that runs come to its end, and end the thread."""
        self._closed = True
        self._came.set()
        _fail_all(self._waiting)
        self._waiting.clear()
        if self._worker is not None:
            await asyncio.wait([self._worker])
        self._thread.shutdown(wait=False)

    async def _work(self) -> None:
        while not self._closed:
            await self._came.wait()
            self._came.clear()
            while batch := await self._next_batch():
                await self._run_batch(batch)

    async def _next_batch(self) -> list[_Waiting[Kind, Item, Result]]:
        """Take the oldest request and those of its kind, after a moment for more to come."""
        if self._waiting and len(self._waiting) < self._size:
            await asyncio.sleep(self._gather_s)
        self._waiting = deque(each for each in self._waiting if not each.future.done())
        if not self._waiting:
            return []
        first = self._waiting[0]
        if first.alone:
            return [self._waiting.popleft()]
        size = self._sizes.get(first.kind, self._size)
        fitting = (each for each in self._waiting if each.kind == first.kind and not each.alone)
        batch = list(islice(fitting, size))
        taken = {id(each) for each in batch}
        self._waiting = deque(each for each in self._waiting if id(each) not in taken)
        return batch

    async def _run_batch(self, batch: list[_Waiting[Kind, Item, Result]]) -> None:
        started = time.monotonic()
        try:
            results = await self._in_thread(batch)
        except EndpointUnusableError as error:
            for waiting in batch:
                _fail(waiting, error)
        # Whatever the model's code raises ends a request, never the worker.
        except Exception as error:  # noqa: BLE001
            await self._after(error, batch)
        else:
            seconds = time.monotonic() - started
            for waiting, result in zip(batch, results, strict=True):
                _settle(waiting, result, size=len(batch), seconds=seconds)

    async def _in_thread(
        self, batch: Sequence[_Waiting[Kind, Item, Result]]
    ) -> Sequence[Result | ModelError]:
        kind, items = batch[0].kind, [each.item for each in batch]
        loop = asyncio.get_running_loop()
        results = await loop.run_in_executor(self._thread, self._run, kind, items)
        if len(results) != len(items):
            raise ModelError(f"{len(items)} prompts were asked, {len(results)} answered.")
        return results

    async def _after(self, error: Exception, batch: list[_Waiting[Kind, Item, Result]]) -> None:
        """Put back a batch that failed: in halves for want of memory, else one by one."""
        short = self._is_memory_error(error)
        words = f"{type(error).__name__}: {error}"
        # The traceback holds the batch's tensors.
        error.__traceback__ = None
        if short:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._release_memory)
        if len(batch) == 1:
            _fail(batch[0], _alone(error, words, short=short))
            return
        if short:
            self._sizes[batch[0].kind] = len(batch) // 2
        else:
            for waiting in batch:
                waiting.alone = True
        if self._closed:
            _fail_all(batch)
        else:
            self._waiting.extendleft(reversed(batch))


def _alone(error: Exception, words: str, *, short: bool) -> ModelError:
    if isinstance(error, ModelError):
        return error
    if short:
        return ModelError(f"this request does not fit in memory, even alone. ({words})")
    return ModelError(f"the model failed on this request: {words}")


def _settle(waiting: _Waiting[Any, Any, Any], result: Any, *, size: int, seconds: float) -> None:
    if isinstance(result, ModelError):
        _fail(waiting, result)
    elif not waiting.future.done():
        waiting.future.set_result(Batched(result, size=size, seconds=seconds))


def _fail(waiting: _Waiting[Any, Any, Any], error: Exception) -> None:
    if not waiting.future.done():
        waiting.future.set_exception(error)


def _fail_all(waiting: Iterable[_Waiting[Any, Any, Any]]) -> None:
    for each in waiting:
        _fail(each, ModelError("the model was closed before this request was answered."))
