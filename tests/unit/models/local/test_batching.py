"""Batches of requests: gathering, memory that runs out, errors that belong to one request."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from unisafebench.core.errors import EndpointUnusableError
from unisafebench.models.base import ModelError
from unisafebench.models.local.batching import Batched, Batcher

_WAIT_S = 0.02


class _Script:
    """A runner that notes its batches and answers each item with its double."""

    def __init__(self, act: Callable[[Sequence[int]], None] = lambda _: None) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.threads: set[int] = set()
        self.released = 0
        self._act = act
        self._begun = threading.Event()

    def run(self, kind: str, items: Sequence[int]) -> list[int | ModelError]:
        self.batches.append((kind, list(items)))
        self.threads.add(threading.get_ident())
        self._begun.set()
        self._act(items)
        return [2 * item for item in items]

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, 30)

    def release(self) -> None:
        self.released += 1


def _batcher(script: _Script, size: int) -> Batcher[str, int, int]:
    return Batcher(
        script.run,
        size=size,
        is_memory_error=lambda error: isinstance(error, MemoryError),
        release_memory=script.release,
        gather_s=_WAIT_S,
    )


async def _all(
    batcher: Batcher[str, int, int], items: Sequence[int], kind: str = "text"
) -> list[Batched[int] | BaseException]:
    return await asyncio.gather(
        *(batcher.submit(kind, item) for item in items), return_exceptions=True
    )


def _results(found: Sequence[Batched[int] | BaseException]) -> list[int | str]:
    return [each.result if isinstance(each, Batched) else str(each) for each in found]


async def test_requests_in_flight_share_batches_of_the_size_asked_for() -> None:
    """Seven requests at a time with batches of up to three: 3, 3 and 1, in one thread."""
    script = _Script()
    batcher = _batcher(script, 3)
    found = await _all(batcher, range(7))
    await batcher.aclose()
    assert _results(found) == [0, 2, 4, 6, 8, 10, 12]
    assert [items for _, items in script.batches] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [each.size for each in found if isinstance(each, Batched)] == [3] * 6 + [1]
    assert len(script.threads) == 1
    assert script.threads != {threading.get_ident()}


async def test_a_batch_holds_one_kind_only() -> None:
    """Requests of two kinds that come in turn are batched apart, the oldest kind first."""
    script = _Script()
    batcher = _batcher(script, 4)
    await asyncio.gather(
        *(batcher.submit("text" if item % 2 else "draw", item) for item in range(6))
    )
    await batcher.aclose()
    assert script.batches == [("draw", [0, 2, 4]), ("text", [1, 3, 5])]


async def test_the_event_loop_goes_on_while_a_batch_runs() -> None:
    """A batch that waits for the event loop gets what it waits for."""
    came = threading.Event()
    script = _Script(lambda _: came.wait(timeout=30) or pytest.fail("the loop was blocked"))
    batcher = _batcher(script, 1)
    asking = asyncio.create_task(batcher.submit("text", 1))
    await script.begun()
    came.set()
    assert (await asking).result == 2
    await batcher.aclose()


async def test_a_batch_that_does_not_fit_is_halved_until_it_does() -> None:
    """With room for three at a time, eight become four, then two, and stay so."""

    def act(items: Sequence[int]) -> None:
        if len(items) > 3:
            raise MemoryError("no room")

    script = _Script(act)
    batcher = _batcher(script, 8)
    assert _results(await _all(batcher, range(8))) == [2 * item for item in range(8)]
    assert [len(items) for _, items in script.batches] == [8, 4, 2, 2, 2, 2]
    assert batcher.sizes == {"text": 2}
    assert script.released == 2
    script.batches.clear()
    await _all(batcher, range(4))
    assert [len(items) for _, items in script.batches] == [2, 2]
    script.batches.clear()
    await _all(batcher, range(3), kind="draw")
    assert [len(items) for _, items in script.batches] == [3], "each kind has its own size"
    await batcher.aclose()


async def test_a_request_that_does_not_fit_alone_ends_alone() -> None:
    """The other requests of its batch are answered."""

    def act(items: Sequence[int]) -> None:
        if 2 in items:
            raise MemoryError("no room")

    script = _Script(act)
    batcher = _batcher(script, 4)
    found = await _all(batcher, range(4))
    await batcher.aclose()
    message = "this request does not fit in memory, even alone. (MemoryError: no room)"
    assert _results(found) == [0, 2, message, 6]
    assert isinstance(found[2], ModelError)


async def test_an_error_of_a_batch_ends_only_the_request_it_belongs_to() -> None:
    """After the batch failed each request is run alone: 4, then 1, 1, 1, 1."""

    def act(items: Sequence[int]) -> None:
        if 1 in items:
            raise ValueError("bad picture")

    script = _Script(act)
    batcher = _batcher(script, 4)
    found = await _all(batcher, range(4))
    assert _results(found) == [
        0,
        "the model failed on this request: ValueError: bad picture",
        4,
        6,
    ]
    assert [items for _, items in script.batches] == [[0, 1, 2, 3], [0], [1], [2], [3]]
    script.batches.clear()
    await _all(batcher, [5, 6])
    await batcher.aclose()
    assert [items for _, items in script.batches] == [[5, 6]], "later ones are batched again"
    assert batcher.sizes == {}


async def test_an_error_among_the_results_is_that_request_s_own() -> None:
    """A runner may return a ModelError in the place of a result; nothing is tried again."""
    runs = []

    def run(_kind: str, items: Sequence[int]) -> list[int | ModelError]:
        runs.append(len(items))
        return [ModelError("too long") if item == 1 else item for item in items]

    batcher: Batcher[str, int, int] = Batcher(run, size=8, gather_s=_WAIT_S)
    assert _results(await _all(batcher, range(3))) == [0, "too long", 2]
    await batcher.aclose()
    assert runs == [3]


async def test_too_few_results_are_an_error_and_never_given_to_the_wrong_request() -> None:
    """A runner that answers two of three is asked again one by one."""

    def run(_kind: str, items: Sequence[int]) -> list[int | ModelError]:
        return [2 * item for item in items][:2]

    batcher: Batcher[str, int, int] = Batcher(run, size=8, gather_s=_WAIT_S)
    assert _results(await _all(batcher, range(3))) == [0, 2, 4]
    await batcher.aclose()


async def test_an_unusable_model_ends_the_whole_batch_at_once() -> None:
    """Nothing is tried again, and the error reaches each request as it is."""

    def act(_items: Sequence[int]) -> None:
        raise EndpointUnusableError("the GPU has failed")

    script = _Script(act)
    batcher = _batcher(script, 4)
    found = await _all(batcher, range(3))
    await batcher.aclose()
    assert [type(each) for each in found] == [EndpointUnusableError] * 3
    assert len(script.batches) == 1


async def test_a_request_that_was_cancelled_is_not_run() -> None:
    """Its place in the batch goes to the next."""
    script = _Script()
    batcher = _batcher(script, 4)
    first, second = (asyncio.create_task(batcher.submit("text", item)) for item in (1, 2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).result == 4
    await batcher.aclose()
    assert [items for _, items in script.batches] == [[2]]


async def test_closing_answers_everyone_and_can_be_done_twice() -> None:
    """What runs comes to its end, what waits gets an error, and so does whoever comes later."""
    may_end = threading.Event()
    script = _Script(lambda _: may_end.wait(timeout=30) or None)
    batcher = _batcher(script, 1)
    tasks = [asyncio.create_task(batcher.submit("text", item)) for item in range(2)]
    await script.begun()
    closing = asyncio.create_task(batcher.aclose())
    await asyncio.sleep(0)
    may_end.set()
    await closing
    await batcher.aclose()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert _results(found)[0] == 0
    assert "was closed before" in str(found[1])
    with pytest.raises(ModelError, match="closed"):
        await batcher.submit("text", 9)
