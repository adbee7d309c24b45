"""The way to the platform that all destinations with one access token share: in turn, at a pace, so many at once."""

from __future__ import annotations

import asyncio
import math
from random import Random

from tockwork.delivery.limiter import Concurrency, Pace
from tockwork.model.clock import Clock, wait_for
from tockwork.model.outcome import Answer, Verdict

_TROUBLE = (Verdict.THROTTLED, Verdict.RETRY)


class Lane:
    """Requests enter in the order they asked; who entered must leave."""

    def __init__(self, per_second: float, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._pace = Pace(per_second, random)
        self._concurrency = Concurrency()
        self._under_way = 0
        self._turn = asyncio.Lock()
        self._left = asyncio.Event()

    @property
    def width(self) -> int:
        """How many requests may be under way at once, for now."""
        return int(self._concurrency.limit)

    @property
    def share(self) -> float:
        """The share of a full request that may be risked now."""
        return self._pace.share

    def wait_s(self) -> float:
        """Seconds for which the pace, or the platform's throttling, forbids any request."""
        return self._pace.wait_s(self._clock.monotonic())

    async def enter(self, deadline: float = math.inf) -> bool:
        """Waits for a place; false when there is none before `deadline` (seconds of the clock's `monotonic`)."""
        async with self._turn:
            while True:
                now = self._clock.monotonic()
                full = self._under_way >= self.width
                wait = math.inf if full else self._pace.wait_s(now)
                left = deadline - now
                if left <= 0 or (not full and wait >= left):
                    return False
                if wait <= 0:
                    self._pace.take(now)
                    self._under_way += 1
                    self._concurrency.started(self._under_way)
                    return True
                self._left.clear()
                await wait_for(self._clock, self._left, min(wait, left))

    def leave(self, started: float | None, answer: Answer | None) -> None:
        """Gives the place back. `started` is when the request began (monotonic seconds); None, and no answer, when
        nothing was sent after all."""
        self._under_way -= 1
        self._left.set()
        if started is None or answer is None:
            return
        now = self._clock.monotonic()
        if answer.verdict is Verdict.THROTTLED:
            self._pace.throttled(started, now, answer.retry_after_s)
        elif answer.verdict is not Verdict.RETRY:
            self._pace.accepted(now)
        self._concurrency.finished(now - started, answer.verdict in _TROUBLE, now)
