"""How many calls are on the wire at once: as many as the endpoint bears, up to a limit.

Additive increase, multiplicative decrease, as TCP finds the bandwidth of a path (D.-M. Chiu and
R. Jain, "Analysis of the increase and decrease algorithms for congestion avoidance in computer
networks", Computer Networks and ISDN Systems 17 (1989), 1-14): each answer raises the width a
little, a "too many requests" halves it.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Self

__all__ = ["AdaptiveSlots"]


class AdaptiveSlots:
    """A semaphore whose width follows what the endpoint bears; never above `most`, never below 1.

    `width` is how many calls may be open now, `cuts` how often it was halved.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.cuts = 0
        self._width = float(most)
        self._open = 0
        self._begun = 0
        self._cut_at = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def width(self) -> int:
        """How many calls may be open at once."""
        return int(self._width)

    async def __aenter__(self) -> Self:
        """Wait for a slot."""
        if self._open >= self.width or self._waiting:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._give_back()  # it had been given a slot in the same instant
                elif turn in self._waiting:  # else a slot was offered to it in the same instant
                    self._waiting.remove(turn)
                raise
        else:
            self._open += 1
        self._begun += 1
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the slot to the next call."""
        self._give_back()

    @property
    def begun(self) -> int:
        """How many calls have had a slot so far; what `pushed_back` wants to know."""
        return self._begun

    def answered(self) -> None:
        """Note a good answer: a full round of them raises the width by one."""
        if self._width < self.most:
            self._width = min(float(self.most), self._width + 1 / self._width)
            self._wake()

    def pushed_back(self, begun: int) -> None:
        """Note that the endpoint said "too many": halve the width, once for each burst.

        `begun` is what the property of this name was when the call went out. Calls that were
        already on the wire when the width was cut say nothing about the new width.
        """
        if begun > self._cut_at:
            self._width = max(1.0, self._width / 2)
            self._cut_at = self._begun
            self.cuts += 1

    def _give_back(self) -> None:
        self._open -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self._open < self.width:
            turn = self._waiting.popleft()
            if not turn.done():
                self._open += 1
                turn.set_result(None)
