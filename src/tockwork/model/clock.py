"""Time as a value that is passed in, so that the core never asks for it and a test can set it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Wall time and waiting, both in seconds."""

    def now(self) -> float:
        """Unix time in seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SimulatedClock:
    """A clock that stands still until `advance` moves it: for simulations and tests without waiting.

    `busy` holds functions that say whether work goes on outside the event loop; time does not pass meanwhile.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.busy: list[Callable[[], bool]] = []
        self._start = now
        self._passed = 0.0  # by itself, since a Unix time is too large a number for very short waits
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._start + self._passed

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Lets `seconds` pass: wakes each sleeper at its time, and gives every task its turn in between."""
        end = self._passed + seconds
        await self._turns()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, woken = heapq.heappop(self._sleepers)
            self._passed = max(self._passed, at)
            if not woken.done():
                woken.set_result(None)
                await self._turns()
        self._passed = end
        await self._turns()

    async def _turns(self) -> None:
        """Gives every task its turn, until nothing goes on any more."""
        # Nothing public says whether the loop has anything left to run.
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        while True:
            await asyncio.sleep(0)
            if any(busy() for busy in self.busy):
                await asyncio.sleep(0.0002)
            elif not ready:
                return


async def wait_for(clock: Clock, event: asyncio.Event, seconds: float) -> bool:
    """Waits until `event` is set, `seconds` at most (they may be infinite); returns whether it is set."""
    if event.is_set() or seconds <= 0:
        return event.is_set()
    tasks: list[asyncio.Task[object]] = [asyncio.ensure_future(event.wait())]
    if seconds < math.inf:
        tasks.append(asyncio.ensure_future(clock.sleep(seconds)))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return event.is_set()
