"""Carries one destination instance's events from the journal to the platform, at its own pace."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final, Protocol

import msgspec
import structlog

from tockwork.delivery.batch import Row
from tockwork.delivery.link import Link
from tockwork.delivery.load import Load, line_after, retry_after
from tockwork.delivery.screen import Screen, without_erased
from tockwork.delivery.standing import Condition, Kept, read_kept
from tockwork.model import reasons
from tockwork.model.clock import Clock, SystemClock, wait_for
from tockwork.model.crash import crash_point
from tockwork.model.fate import Fate
from tockwork.model.outcome import Outcome, Status
from tockwork.store.protocol import Chunk, Line, Retry, Store, Tally, UnknownConsumer

LINGER_S: Final = 0.2
PATIENCE_S: Final = 20.0
"""Rows whose request could not begin by then go to the retry set. Well under a chunk's lease."""
READ_S: Final = 10.0
FAILED_S: Final = 1.0
KEEP_S: Final = 60.0
SLICE: Final = 100
"""Events that are transformed before others of the process have their turn."""


class Transform(Protocol):
    """How one configuration version makes rows: of events of `sources`, by name; None for all. One that is `silent`
    makes none at all."""

    version: int

    @property
    def sources(self) -> Collection[str] | None: ...

    @property
    def silent(self) -> bool: ...

    def outcomes(self, entries: Sequence[bytes]) -> list[list[Outcome]]:
        """The outcomes of each event (JSON bytes), in order: one per triggered mapping, or one for an event that makes
        no delivery. Rows are JSON bytes. Pure: the same events give the same outcomes."""
        ...


Former = Callable[[int], Awaitable[Transform]]
"""From a configuration version to its transform."""

_log = structlog.get_logger(__name__)


class Carrier(Protocol):
    """What a worker needs of a `Sender`."""

    async def attempt(self, rows: Sequence[Row], link: Link, deadline: float | None = None) -> list[Fate]: ...

    def wait_s(self, link: Link) -> float: ...

    def width(self, link: Link) -> int: ...

    def batch(self, link: Link) -> int: ...


class Worker:
    """One per destination instance, which is the consumer `link.name` of the journal. `start` before the first event.

    A chunk is settled once each of its rows is decided or waits to be sent again. While the destination does not take
    anything, events stay in the journal, and one request at a time finds out when it does again. Rows of a chunk that
    an earlier process began are made as then, with what `former` gives for that version. What `screen` holds back is
    not sent. With `chunkwise` one chunk is under way at a time: no more than that is repeated after a kill.
    """

    def __init__(
        self,
        link: Link,
        transform: Transform,
        *,
        sender: Carrier,
        store: Store,
        former: Former | None = None,
        clock: Clock | None = None,
        linger_s: float = LINGER_S,
        screen: Screen | None = None,
        chunkwise: bool = False,
    ) -> None:
        self.link = link
        self.consumer = link.name
        self._transform = transform
        self._sender = sender
        self._store = store
        self._former = former
        self._clock = clock or SystemClock()
        self._linger_s = 0.0 if chunkwise else linger_s
        self._chunkwise = chunkwise
        self.screen = screen
        self._open: set[int] = set()  # ids of the chunks being worked on
        self._flights: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._wakes = tuple(asyncio.Event() for _ in range(4))
        self._kept: Kept | None = None
        self._kept_at = -math.inf
        self._stopping = False

    async def start(self) -> None:
        """Joins the journal, goes on where the last process stopped, and works until `stop`."""
        await self._store.join(self.consumer)
        now = self._clock.now()
        self.link.standing.restore(read_kept(await self._store.standing(self.consumer), now), now)
        steps = (self._read, self._retry, self._watch)
        self._loops = [
            asyncio.create_task(self._loop(step, wake), name=f"{self.consumer}: {step.__name__}")
            for step, wake in zip(steps, self._wakes, strict=False)
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
        with suppress(Exception):  # the next process will do without
            await self.keep_standing()

    async def drain(self, timeout_s: float) -> bool:
        """Waits until everything accepted is settled, `timeout_s` seconds at most; returns whether it is."""
        end, moved = self._clock.monotonic() + timeout_s, self._wakes[3]
        while True:
            moved.clear()
            tally = await self._store.tally(self.consumer)
            if not tally.undecided and not tally.count(Status.PENDING):
                return True
            if not await wait_for(self._clock, moved, end - self._clock.monotonic()):
                return False

    async def tally(self) -> Tally:
        return await self._store.tally(self.consumer)

    def relink(self, link: Link, transform: Transform) -> None:
        """Goes on with new settings: what was blocked is tried at once. Rows in the retry set keep their bytes."""
        link.standing.take_over(self.link.standing, self._clock.now())
        self.link, self._transform = link, transform
        self._wake()

    async def keep_standing(self) -> None:
        """Writes down how the destination stands, for the next process."""
        kept = self.link.standing.keep(self._clock.now())
        await self._store.keep_standing(self.consumer, msgspec.json.encode(kept))
        self._kept = kept

    def wake(self) -> None:
        """Looks again for what is due: someone else may have put it there."""
        self._wake()

    def pause(self) -> None:
        self.link.pause(reasons.PAUSED_BY_HAND, "", self._clock.now())
        self._wake()

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

    async def _watch(self) -> float:
        """Keeps the standing when it has changed and, for the clock of rows that wait, from time to time."""
        kept, now = self._kept, self._clock.now()
        changed = kept is None or kept.condition is not self.link.standing.condition
        if changed or (now - self._kept_at >= KEEP_S and await self._store.next_at(self.consumer) is not None):
            await self.keep_standing()
            self._kept_at = now
        return KEEP_S

    # Events from the journal

    async def _read(self) -> float:
        """Starts one flight with what gathers within the linger, if the destination takes anything now, or gets
        nothing."""
        if len(self._flights) > (0 if self._chunkwise else self._sender.width(self.link)):
            return math.inf
        if not self._transform.silent:
            wait = self._sender.wait_s(self.link)
            if wait > 0:
                return wait
            if self.link.standing.condition is not Condition.OPEN and (
                await self._store.next_at(self.consumer) is not None
            ):
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
        while events < self._sender.batch(self.link) and wait > 0:
            chunk = await self._store.read(self.consumer, wait)
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
        """One flight: from events to rows, to fates, to the ledger; then the chunks are settled."""
        try:
            transform = self._transform
            made = [await self._outcomes(chunk, transform) for chunk in chunks]
            loads = [Load(chunk, await self._screened(chunk, of)) for chunk, of in zip(chunks, made, strict=True)]
            first = [load.chunk.id for load in loads if load.rows and load.chunk.begun_at is None]
            if first:
                at = self._clock.now()
                await self._kept_on(lambda: self._store.begin(self.consumer, first, transform.version, at))
            fates = iter(await self._attempt([row for load in loads for row in load.rows]))
            crash_point("rows_answered")
            settled = [load.settled(list(islice(fates, len(load.rows)))) for load in loads]
            await self._kept_on(lambda: self._store.settle(self.consumer, settled))
        except Exception as error:
            self._failed(error)  # what is not settled is handed out again after its lease
        finally:
            self._open.difference_update(chunk.id for chunk in chunks)

    async def _outcomes(self, chunk: Chunk, transform: Transform) -> list[list[Outcome]]:
        """Each event's outcomes, by the version that the chunk was begun with. Others have their turn in between."""
        if chunk.version not in (None, transform.version) and self._former is not None:
            transform = await self._former(chunk.version)
        entries = chunk.entries
        foreign = _foreign(chunk, transform.sources)
        if left_out := chunk.duplicates | foreign:
            entries = tuple(entry for index, entry in enumerate(entries) if index not in left_out)
        outcomes: list[list[Outcome]] = []
        for start in range(0, len(entries), SLICE):
            outcomes += _outcomes(transform, entries[start : start + SLICE])
            await asyncio.sleep(0)
        for index in sorted(left_out):
            outcomes.insert(index, [_OTHER_SOURCE if index in foreign else _DUPLICATE])
        return outcomes

    async def _screened(self, chunk: Chunk, outcomes: list[list[Outcome]]) -> list[list[Outcome]]:
        """The outcomes without those of people of whom nothing may be sent: asked last, so that it counts at once."""
        outcomes = without_erased(chunk, outcomes)
        return outcomes if self.screen is None else await self.screen.outcomes(self.consumer, chunk, outcomes)

    async def _kept_on(self, write: Callable[[], Awaitable[None]]) -> None:
        """Writes until it is written: rows were sent, and to forget that would be to send them again."""
        while True:
            try:
                return await write()
            except Exception as error:
                if self._stopping or isinstance(error, UnknownConsumer):
                    raise
                self._failed(error)
                await self._clock.sleep(FAILED_S)

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
        now, rows = self._clock.now(), self._sender.batch(self.link)
        probing = self.link.standing.condition is not Condition.OPEN
        if probing:
            due = await self._store.due(self.consumer, math.inf, rows)
        else:
            due = await self._store.due(self.consumer, now, rows * self._sender.width(self.link))
        if due:
            await self._again(due)
            self._wake()
            return 0.0
        next_at = None if probing else await self._store.next_at(self.consumer)
        return math.inf if next_at is None else next_at - now

    async def _again(self, due: Sequence[Retry]) -> None:
        due = due if self.screen is None else await self._without_suppressed(due, self.screen)
        if not due:
            return
        await self._store.begin_again(self.consumer, [retry.key for retry in due], self._clock.now())
        fates = await self._attempt([Row(r.row, r.envelope, r.history, r.expires_at) for r in due])
        crash_point("retry_answered")
        pairs = list(zip(due, fates, strict=True))
        lines = [line_after(retry, fate) for retry, fate in pairs]
        waiting = [retry_after(retry, fate) for retry, fate in pairs if fate.status is Status.PENDING]
        await self._kept_on(lambda: self._store.update(self.consumer, lines, waiting))

    async def _without_suppressed(self, due: Sequence[Retry], screen: Screen) -> list[Retry]:
        """The rows that may be sent; the others expire."""
        pairs = list(zip(due, await screen.retries(self.consumer, due), strict=True))
        gone = [
            Line(retry.key, retry.message_id, retry.mapping, Status.EXPIRED, reason)
            for retry, reason in pairs
            if reason is not None
        ]
        if gone:
            await self._store.update(self.consumer, gone)
        return [retry for retry, reason in pairs if reason is None]


_DUPLICATE: Final = Outcome(None, None, Status.DUPLICATE, reasons.DUPLICATE_MESSAGE)
_OTHER_SOURCE: Final = Outcome(None, None, Status.FILTERED, reasons.OTHER_SOURCE)


def _foreign(chunk: Chunk, sources: Collection[str] | None) -> frozenset[int]:
    """The indexes of the chunk's entries that came from none of `sources`."""
    if sources is None:
        return frozenset()
    found: set[int] = set()
    start = 0
    for source, number in chunk.sources:
        if source not in sources:
            found.update(range(start, start + number))
        start += number
    return frozenset(found)


def _outcomes(transform: Transform, entries: Sequence[bytes]) -> list[list[Outcome]]:
    """The entries' outcomes. An event on which the transform fails becomes invalid, alone."""
    try:
        return transform.outcomes(entries)
    except Exception as error:
        if len(entries) > 1:
            return [outcomes for entry in entries for outcomes in _outcomes(transform, [entry])]
        detail = f"the transform raised {type(error).__name__}"
        return [[Outcome(None, None, Status.INVALID, reasons.TRANSFORM_FAILED, detail=detail)]]
