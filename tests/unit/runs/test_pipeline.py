"""The pipeline: never too many at once, each item once, and no more of them than is needed."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from unisafebench.core.errors import EndpointUnusableError, RunError
from unisafebench.runs.pipeline import work_through
from unisafebench.runs.progress import Stop


class Work:
    """Work that takes several turns of the loop; counts what is done and how much at once."""

    def __init__(self) -> None:
        self.done: Counter[int] = Counter()
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(self, item: int) -> None:
        """Do one item; how long it takes differs from item to item."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(1 + item * 7 % 5):
            await asyncio.sleep(0)
        self.at_once -= 1
        self.done[item] += 1


@pytest.mark.parametrize(("width", "items"), [(1, 10), (3, 50), (8, 8), (16, 5), (4, 0)])
async def test_each_item_is_done_once_and_never_too_many_at_once(width: int, items: int) -> None:
    """As many items as there are workers are in flight, and each is worked on exactly once."""
    work = Work()
    await work_through(range(items), work, width=width, stop=Stop())
    assert work.done == Counter(range(items))
    assert work.most_at_once == min(width, items)


async def test_items_are_taken_when_their_turn_comes() -> None:
    """From a long stream no item is taken before there is a worker for it."""
    taken = 0
    stop = Stop()

    def stream() -> Iterator[int]:
        nonlocal taken
        for number in range(10_000):
            taken += 1
            yield number

    finished = 0

    async def work(_: int) -> None:
        nonlocal finished
        await asyncio.sleep(0)
        finished += 1
        assert taken <= finished + 4
        if finished == 100:
            stop.request()

    await work_through(stream(), work, width=4, stop=stop)
    assert finished <= 104


async def test_stop_finishes_what_is_in_flight_and_takes_up_nothing() -> None:
    """What had begun when the stop came is finished; all the rest is left untouched."""
    stop = Stop()
    begun: list[int] = []
    finished: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(0)
        if item == 5:
            stop.request()
        await asyncio.sleep(0)
        finished.append(item)

    await work_through(range(100), work, width=3, stop=stop)
    assert sorted(finished) == sorted(begun)
    assert 6 <= len(finished) <= 8


async def test_nothing_starts_after_an_early_stop() -> None:
    """A stop that came before the work leaves all of it."""
    work, stop = Work(), Stop()
    stop.request()
    await work_through(range(10), work, width=3, stop=stop)
    assert not work.done


async def test_the_first_error_surfaces_by_itself() -> None:
    """An error of ours ends the work and is raised as it is, not inside a group."""
    error = EndpointUnusableError("the key is wrong")
    begun: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(0)
        if item >= 4:
            raise error

    with pytest.raises(EndpointUnusableError) as caught:
        await work_through(range(1000), work, width=4, stop=Stop())
    assert caught.value is error
    assert len(begun) <= 12


async def test_an_endpoint_of_no_further_use_lets_what_is_in_flight_finish() -> None:
    """Its error comes at the end; whatever else was on the wire is done, and nothing is begun."""
    dead = asyncio.Event()
    begun: list[int] = []
    finished: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        if item == 2:
            dead.set()
            raise EndpointUnusableError("the account has no credit")
        await dead.wait()
        await asyncio.sleep(0)
        finished.append(item)

    with pytest.raises(EndpointUnusableError, match="no credit"):
        await work_through(range(100), work, width=3, stop=Stop())
    assert (begun, sorted(finished)) == ([0, 1, 2], [0, 1])


async def test_an_error_of_the_stream_surfaces() -> None:
    """A source that cannot be read any further ends the work like a failing worker."""

    def stream() -> Iterator[int]:
        yield 1
        raise RunError("line 2 is damaged")

    with pytest.raises(RunError, match="line 2 is damaged"):
        await work_through(stream(), Work(), width=2, stop=Stop())
