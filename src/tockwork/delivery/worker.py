"""Carries one destination instance's events from the journal to the platform, at its own pace."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final, Protocol

import msgspec
import structlog

from tockwork.delivery.batch import Row
from tockwork.delivery.link import Link
from tockwork.delivery.load import Load, interrupted, line_after, retry_after
from tockwork.delivery.standing import Condition
from tockwork.model import reasons
from tockwork.model.clock import Clock, SystemClock, wait_for
from tockwork.model.fate import Fate
from tockwork.model.outcome import Outcome, Status
from tockwork.store.protocol import Chunk, Journal, Ledger, Retry, RetrySet, Tally

LINGER_S: Final = 0.2
PATIENCE_S: Final = 20.0
"""Rows whose request could not begin by then go to the retry set. Well under a chunk's lease."""
READ_S: Final = 10.0
FAILED_S: Final = 1.0

Transform = Callable[[Sequence[bytes]], list[Outcome]]
"""From a chunk's events (JSON bytes) to their outcomes, in order: one per triggered mapping, or one for an event that
makes no delivery. Rows are JSON bytes. Pure: the same events give the same outcomes."""

_log = structlog.get_logger(__name__)


class Carrier(Protocol):
    """What a worker needs of a `Sender`."""

    async def attempt(self, rows: Sequence[Row], link: Link, deadline: float | None = None) -> list[Fate]: ...

    def wait_s(self, link: Link) -> float: ...

    def width(self, link: Link) -> int: ...


class Count(msgspec.Struct, frozen=True):
    """A destination instance's events: those undecided, and the tally of the others."""

    undecided: int
    tally: Tally

    @property
    def accepted(self) -> int:
        return self.undecided + self.tally.events


class Worker:
    """One per destination instance, which is the consumer `link.name` of the journal. `start` before the first event.

    A chunk is acknowledged once each of its rows is settled or in the retry set. While the destination does not take
    anything, events stay in the journal, and one request at a time finds out when it does again.
    """

    def __init__(
        self,
        link: Link,
        transform: Transform,
        *,
        sender: Carrier,
        journal: Journal,
        retries: RetrySet,
        ledger: Ledger,
        clock: Clock | None = None,
        linger_s: float = LINGER_S,
    ) -> None:
        self.link = link
        self.consumer = link.name
        self._transform = transform
        self._sender = sender
        self._journal = journal
        self._retries = retries
        self._ledger = ledger
        self._clock = clock or SystemClock()
        self._linger_s = linger_s
        self._open: set[int] = set()  # ids of the chunks being worked on
        self._flights: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._wakes = (asyncio.Event(), asyncio.Event(), asyncio.Event())
        self._stopping = False

    async def start(self) -> None:
        """Joins the journal, then works until `stop`."""
        await self._journal.join(self.consumer)
        self._loops = [
            asyncio.create_task(self._loop(step, wake), name=f"{self.consumer}: {step.__name__}")
            for step, wake in ((self._read, self._wakes[0]), (self._retry, self._wakes[1]))
        ]

    async def stop(self, grace_s: float = 10.0) -> None:
        """Reads no more, and lets what is under way end within `grace_s` seconds. What does not is handed out again."""
        self._stopping = True
        self._wake()
        if self._loops:
            self._loops[0].cancel()
            await asyncio.wait({*self._loops, *self._flights}, timeout=grace_s)
        for task in (*self._loops, *self._flights):
            task.cancel()
        await asyncio.gather(*self._loops, *self._flights, return_exceptions=True)

    async def drain(self, timeout_s: float) -> bool:
        """Waits until everything accepted is settled, `timeout_s` seconds at most; returns whether it is."""
        end, moved = self._clock.monotonic() + timeout_s, self._wakes[2]
        while True:
            moved.clear()
            if not await self._journal.backlog(self.consumer) and not await self._retries.size(self.consumer):
                return True
            if not await wait_for(self._clock, moved, end - self._clock.monotonic()):
                return False

    async def count(self) -> Count:
        return Count(await self._journal.backlog(self.consumer), await self._ledger.tally(self.consumer))

    def relink(self, link: Link, transform: Transform) -> None:
        """Goes on with new settings: what was blocked is tried at once. Rows in the retry set keep their bytes."""
        link.standing.take_over(self.link.standing, self._clock.now())
        self.link, self._transform = link, transform
        self._wake()

    def pause(self) -> None:
        self.link.pause(reasons.PAUSED_BY_HAND, "", self._clock.now())

    def resume(self) -> None:
        self.link.resume(self._clock.now())
        self._wake()

    def _wake(self) -> None:
        for event in self._wakes:
            event.set()

    async def _loop(self, step: Callable[[], Awaitable[float]], wake: asyncio.Event) -> None:
        """Takes one step after the other; each returns the seconds to wait before the next, unless woken."""
        while not self._stopping:
            wake.clear()
            try:
                wait = await step()
            except Exception as error:  # a store that fails must not end the worker, nor keep it spinning
                self._failed(error)
                wait = FAILED_S
            if wait > 0:
                await wait_for(self._clock, wake, wait)

    def _failed(self, error: Exception) -> None:
        _log.error("delivery_failed", destination=self.consumer, error=type(error).__name__)

    # Events from the journal

    async def _read(self) -> float:
        """Starts one flight with what gathers within the linger, if the destination takes anything now."""
        if len(self._flights) > self._sender.width(self.link):
            return math.inf
        wait = self._sender.wait_s(self.link)
        if wait > 0:
            return wait
        if self.link.standing.condition is not Condition.OPEN and await self._retries.size(self.consumer):
            return math.inf  # the probe is for a row that was tried before
        chunks = await self._gather()
        if chunks:
            self._open.update(chunk.id for chunk in chunks)
            flight = asyncio.create_task(self._carry(chunks))
            self._flights.add(flight)
            flight.add_done_callback(self._landed)
        return 0.0

    async def _gather(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        events, wait, end = 0, READ_S, math.inf
        while events < self.link.limits.rows and wait > 0:
            chunk = await self._journal.read(self.consumer, wait)
            if chunk is None:
                break
            end = min(end, self._clock.monotonic() + self._linger_s)
            wait = end - self._clock.monotonic()
            if chunk.id not in self._open:  # else its lease ran out while it is still being worked on
                chunks.append(chunk)
                events += len(chunk.entries)
        return chunks

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._wake()

    async def _carry(self, chunks: Sequence[Chunk]) -> None:
        """One flight: from events to rows, to fates, to the ledger; then the chunks are acknowledged."""
        try:
            loads = [Load(chunk, self._outcomes(chunk.entries)) for chunk in chunks]
            fates = iter(await self._attempt([row for load in loads for row in load.rows]))
            for load in loads:
                waiting = load.settle(list(islice(fates, len(load.rows))))
                if waiting:
                    await self._retries.put(self.consumer, waiting)
                await self._ledger.record(self.consumer, load.chunk.id, len(load.chunk.entries), load.lines)
                await self._journal.acknowledge(self.consumer, load.chunk.id)
        except Exception as error:
            self._failed(error)  # what is not acknowledged is handed out again after its lease
        finally:
            self._open.difference_update(chunk.id for chunk in chunks)

    def _outcomes(self, entries: Sequence[bytes]) -> list[Outcome]:
        """The entries' outcomes. An event on which the transform fails becomes invalid, alone."""
        try:
            return self._transform(entries)
        except Exception as error:
            if len(entries) > 1:
                return [outcome for entry in entries for outcome in self._outcomes([entry])]
            detail = f"the transform raised {type(error).__name__}"
            return [Outcome(None, None, Status.INVALID, reasons.TRANSFORM_FAILED, detail=detail)]

    async def _attempt(self, rows: Sequence[Row]) -> list[Fate]:
        if not rows:
            return []
        return await self._sender.attempt(rows, self.link, self._clock.monotonic() + PATIENCE_S)

    # Rows from the retry set

    async def _retry(self) -> float:
        """Tries again what is due; while the destination takes nothing, one batch of the oldest rows as a probe."""
        wait = self._sender.wait_s(self.link)
        if wait > 0:
            return wait
        now, rows = self._clock.now(), self.link.limits.rows
        probing = self.link.standing.condition is not Condition.OPEN
        if probing:
            due = await self._retries.due(self.consumer, math.inf, rows)
        else:
            due = await self._retries.due(self.consumer, now, rows * self._sender.width(self.link))
        if due:
            await self._again(due)
            self._wake()
            return 0.0
        next_at = None if probing else await self._retries.next_at(self.consumer)
        return math.inf if next_at is None else next_at - now

    async def _again(self, due: Sequence[Retry]) -> None:
        try:
            fates = await self._attempt([Row(r.row, r.envelope, r.history, r.expires_at) for r in due])
        except asyncio.CancelledError:  # stopped while rows were under way: they may have arrived
            await self._retries.put(self.consumer, [interrupted(retry, self._clock.now()) for retry in due])
            raise
        pairs = list(zip(due, fates, strict=True))
        await self._ledger.update(self.consumer, [line_after(retry, fate) for retry, fate in pairs])
        waiting = [retry_after(retry, fate) for retry, fate in pairs if fate.status is Status.PENDING]
        if waiting:
            await self._retries.put(self.consumer, waiting)
        await self._retries.remove(self.consumer, [r.key for r, fate in pairs if fate.status is not Status.PENDING])
