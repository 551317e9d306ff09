"""The width follows what an endpoint bears, in turn, and no slot is ever lost."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from serving import ApiServer, Asked, Reply

from unisafebench.endpoints.concurrency import AdaptiveSlots
from unisafebench.endpoints.http import HttpEndpoint, Limits

Quick = Callable[..., Limits]


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def _full(slots: AdaptiveSlots) -> None:
    for _ in range(slots.width):
        await slots.__aenter__()


def test_the_width_begins_at_its_limit() -> None:
    """As many as were asked for, until the endpoint says otherwise."""
    slots = AdaptiveSlots(16)
    assert (slots.width, slots.most, slots.cuts, slots.begun) == (16, 16, 0, 0)


async def test_a_burst_halves_the_width_once() -> None:
    """Sixteen calls that all come back with "too many" say one thing together."""
    slots = AdaptiveSlots(16)
    await _full(slots)
    for begun in range(1, 17):
        slots.pushed_back(begun)
    assert (slots.width, slots.cuts) == (8, 1)


async def test_a_call_from_after_the_cut_halves_it_again() -> None:
    """It went out at the new width: that was too much as well. One is the least."""
    slots = AdaptiveSlots(8)
    widths = []
    for _ in range(5):
        async with slots:
            slots.pushed_back(slots.begun)
        widths.append(slots.width)
    assert widths == [4, 2, 1, 1, 1]


async def test_a_full_round_of_answers_raises_the_width_by_one() -> None:
    """From 4: a fourth for each of the next answers, so that about one round makes one more."""
    slots = AdaptiveSlots(8)
    async with slots:
        slots.pushed_back(slots.begun)
    answers = 0
    grown = {}
    while slots.width < 8:
        slots.answered()
        answers += 1
        grown.setdefault(slots.width, answers)
    # Width w takes between w and w + 1 answers to grow by one.
    assert all(
        sum(range(4, width)) <= grown[width] <= sum(range(5, width + 1)) for width in range(5, 9)
    )
    for _ in range(99):
        slots.answered()
    assert slots.width == 8


async def test_waiting_calls_go_in_turn() -> None:
    """First come, first served, also for those that come when a slot has just become free."""
    slots = AdaptiveSlots(1)
    order: list[int] = []

    async def call(number: int) -> None:
        async with slots:
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(call(number) for number in range(20)))
    assert order == list(range(20))


async def test_a_raised_width_lets_waiting_calls_go() -> None:
    """Without any other call having to end."""
    slots = AdaptiveSlots(2)
    await slots.__aenter__()
    slots.pushed_back(1)
    waiting = asyncio.ensure_future(slots.__aenter__())
    await _settled()
    assert not waiting.done()
    slots.answered()
    await _settled()
    assert waiting.done()


async def test_a_cancelled_call_that_was_just_given_a_slot_gives_it_back() -> None:
    """The slot came in the same turn of the loop as the end."""
    slots = AdaptiveSlots(1)
    await slots.__aenter__()
    first = asyncio.ensure_future(slots.__aenter__())
    second = asyncio.ensure_future(slots.__aenter__())
    await _settled()
    await slots.__aexit__(None, None, None)
    first.cancel()
    await _settled()
    assert first.cancelled()
    assert second.done()
    assert not second.cancelled()


async def test_a_slot_that_comes_to_a_call_just_cancelled_goes_to_the_next() -> None:
    """The other way round; and the call ends as cancelled, not with an error of its own."""
    slots = AdaptiveSlots(1)
    await slots.__aenter__()
    first = asyncio.ensure_future(slots.__aenter__())
    second = asyncio.ensure_future(slots.__aenter__())
    await _settled()
    first.cancel()
    await slots.__aexit__(None, None, None)
    await _settled()
    assert first.cancelled()
    assert second.done()
    assert not second.cancelled()


class _Slots(RuleBasedStateMachine):
    """Calls that come, end, are cancelled, answered and pushed back in any order."""

    @initialize(most=st.integers(1, 6))
    def begin(self, most: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.slots = AdaptiveSlots(most)
        self.inside: list[asyncio.Event] = []
        self.waiting: list[asyncio.Task[None]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.entered: list[int] = []
        self.came = 0

    def _run(self) -> None:
        self.loop.run_until_complete(_settled())
        self.waiting = [task for task in self.waiting if not task.done() and task.get_name()]

    async def _call(self, number: int) -> None:
        async with self.slots:
            assert len(self.inside) < self.slots.width, "one call too many"
            self.entered.append(number)
            end = asyncio.Event()
            self.inside.append(end)
            asyncio.current_task().set_name("")  # type: ignore[union-attr]  # it is inside
            await end.wait()

    @rule()
    def come(self) -> None:
        task = self.loop.create_task(self._call(self.came), name="waits")
        self.came += 1
        self.tasks.append(task)
        self.waiting.append(task)
        self._run()

    def _end(self, at: int) -> None:
        self.inside.pop(at % len(self.inside)).set()

    @precondition(lambda self: self.inside)
    @rule(at=st.integers(0, 99))
    def end(self, at: int) -> None:
        self._end(at)
        self._run()

    @precondition(lambda self: self.waiting)
    @rule(at=st.integers(0, 99))
    def cancel(self, at: int) -> None:
        self.waiting[at % len(self.waiting)].cancel()
        self._run()

    @precondition(lambda self: self.waiting and self.inside)
    @rule(one=st.integers(0, 99), other=st.integers(0, 99), first=st.booleans(), late=st.booleans())
    def end_and_cancel(self, one: int, other: int, first: bool, late: bool) -> None:
        task = self.waiting[other % len(self.waiting)]
        if first:
            task.cancel()
        self._end(one)
        if late:
            self.loop.run_until_complete(asyncio.sleep(0))
        if not first and task.get_name():
            task.cancel()
        self._run()

    @rule()
    def answered(self) -> None:
        self.slots.answered()
        self._run()

    @precondition(lambda self: self.slots.begun)
    @rule(ago=st.integers(0, 3))
    def pushed_back(self, ago: int) -> None:
        before = (self.slots.width, self.slots.cuts)
        self.slots.pushed_back(max(1, self.slots.begun - ago))
        if self.slots.cuts != before[1]:
            assert self.slots.width == max(1, before[0] // 2) or before[0] % 2
        self._run()

    @invariant()
    def bounds_hold(self) -> None:
        if not hasattr(self, "slots"):
            return
        assert 1 <= self.slots.width <= self.slots.most
        assert self.entered == sorted(self.entered), "out of turn"
        assert not self.waiting or len(self.inside) >= self.slots.width, "a slot lies idle"
        assert self.slots._open == len(self.inside)

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        while self.inside:
            self._end(0)
            self._run()
        for task in self.tasks:
            with suppress(asyncio.CancelledError):
                self.loop.run_until_complete(task)
        assert (self.slots._open, len(self.slots._waiting)) == (0, 0)
        self.loop.close()


TestSlots = _Slots.TestCase
TestSlots.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("bears", [1, 3, 6])
async def test_the_width_settles_at_what_the_endpoint_bears(quick: Quick, bears: int) -> None:
    """A server that answers "too many" above so many at once; each call succeeds in the end."""
    open_now: list[int] = []

    def answer(_: Asked) -> Reply:
        open_now.append(server._in_flight)
        if server._in_flight > bears:
            return 429, {}, {"error": {"message": "too many requests"}}
        return 200, {}, {"ok": True}

    with ApiServer(answer, delay_s=0.003) as server:
        limits = quick(max_connections=32, max_retries=30)
        http = HttpEndpoint(server.root, api_key=None, limits=limits)

        async def ask(_: int) -> Any:
            return await http.post("/a", {}, lambda reply: reply.body["ok"])

        try:
            assert await asyncio.gather(*map(ask, range(64))) == [True] * 64
            settled = len(open_now)
            assert await asyncio.gather(*map(ask, range(128))) == [True] * 128
            assert http.width <= 2 * bears + 1
        finally:
            await http.aclose()
    # How far above depends on how quickly the first answers come.
    assert max(open_now[:32]) > bears
    assert max(open_now[settled:]) <= 2 * bears + 1
    assert http.failures == 0


async def test_an_endpoint_that_bears_all_is_given_all(quick: Quick) -> None:
    """Nothing is held back without a reason."""
    with ApiServer(lambda _: (200, {}, {"ok": True}), delay_s=0.05) as server:
        http = HttpEndpoint(server.root, api_key=None, limits=quick(max_connections=20))
        try:
            calls = (http.post("/a", {}, lambda reply: reply.body) for _ in range(40))
            await asyncio.gather(*calls)
        finally:
            await http.aclose()
    assert (server.most_in_flight, http.width) == (20, 20)
