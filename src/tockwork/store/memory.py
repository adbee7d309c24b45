"""A store in memory, for demos, tests and one-off sends: nothing survives the process."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from tockwork.model.clock import Clock, SystemClock, wait_for
from tockwork.model.errors import StoreFull
from tockwork.model.outcome import Status
from tockwork.store.protocol import Chunk, Key, Line, Retry, Tally, UnknownConsumer

MAX_BYTES: Final = 256 * 1024 * 1024
LEASE_S: Final = 60.0
MAX_EXCEPTIONS: Final = 10_000


class _Lease(msgspec.Struct):
    since: float
    until: float = 0.0
    attempts: int = 0


class _Position(msgspec.Struct):
    """What one consumer has still to acknowledge: chunks never handed out, in order, and those on lease."""

    unread: dict[int, None] = {}
    leases: dict[int, _Lease] = {}

    def holds(self, chunk_id: int) -> bool:
        return chunk_id in self.unread or chunk_id in self.leases


class MemoryJournal:
    """A `Journal` of at most `max_bytes` of entries. A chunk goes when each consumer that had joined acknowledged it.

    A chunk that is not acknowledged within `lease_s` seconds is handed out again.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES, lease_s: float = LEASE_S, clock: Clock | None = None) -> None:
        self._max_bytes = max_bytes
        self._lease_s = lease_s
        self._clock = clock or SystemClock()
        self._chunks: dict[int, tuple[bytes, ...]] = {}
        self._positions: dict[str, _Position] = {}
        self._last_id = 0
        self._bytes = 0
        self._appended = asyncio.Event()

    async def append(self, entries: Sequence[bytes]) -> int:
        size = sum(map(len, entries))
        if self._bytes + size > self._max_bytes:
            raise StoreFull(
                f"the journal in memory is full ({self._max_bytes} bytes): deliver what waits, or allow more"
            )
        self._last_id += 1
        if self._positions:
            self._chunks[self._last_id] = tuple(entries)
            self._bytes += size
            for position in self._positions.values():
                position.unread[self._last_id] = None
        self._appended.set()
        return self._last_id

    async def join(self, consumer: str) -> None:
        self._positions.setdefault(consumer, _Position())

    async def leave(self, consumer: str) -> None:
        position = self._positions.pop(consumer, None)
        if position is not None:
            for chunk_id in (*position.unread, *position.leases):
                self._drop(chunk_id)
            self._appended.set()  # whoever reads for it must not wait

    async def read(self, consumer: str, wait_s: float) -> Chunk | None:
        end = self._clock.monotonic() + wait_s
        while True:
            position = self._position(consumer)
            now = self._clock.monotonic()
            chunk = self._next(position, now)
            if chunk is not None or now >= end:
                return chunk
            self._appended.clear()
            wake = min([end, *(lease.until for lease in position.leases.values())])
            await wait_for(self._clock, self._appended, wake - now)

    async def acknowledge(self, consumer: str, chunk_id: int) -> None:
        position = self._positions.get(consumer)
        if position is not None and position.holds(chunk_id):
            position.leases.pop(chunk_id, None)
            position.unread.pop(chunk_id, None)
            self._drop(chunk_id)

    async def backlog(self, consumer: str) -> int:
        position = self._position(consumer)
        return sum(len(self._chunks[chunk_id]) for chunk_id in (*position.unread, *position.leases))

    def _position(self, consumer: str) -> _Position:
        try:
            return self._positions[consumer]
        except KeyError:
            raise UnknownConsumer(consumer) from None

    def _next(self, position: _Position, now: float) -> Chunk | None:
        expired = [chunk_id for chunk_id, lease in position.leases.items() if lease.until <= now]
        if expired:
            chunk_id = min(expired)
            lease = position.leases[chunk_id]
        elif position.unread:
            chunk_id = next(iter(position.unread))
            del position.unread[chunk_id]
            lease = position.leases[chunk_id] = _Lease(self._clock.now())
        else:
            return None
        lease.until = now + self._lease_s
        lease.attempts += 1
        return Chunk(chunk_id, self._chunks[chunk_id], lease.attempts, lease.since)

    def _drop(self, chunk_id: int) -> None:
        if not any(position.holds(chunk_id) for position in self._positions.values()):
            self._bytes -= sum(map(len, self._chunks.pop(chunk_id)))


class MemoryRetrySet:
    """A `RetrySet`."""

    def __init__(self) -> None:
        self._retries: dict[str, dict[Key, Retry]] = {}

    async def put(self, consumer: str, retries: Sequence[Retry]) -> None:
        self._retries.setdefault(consumer, {}).update((retry.key, retry) for retry in retries)

    async def due(self, consumer: str, now: float, limit: int) -> list[Retry]:
        waiting = self._retries.get(consumer, {}).values()
        come = (retry for retry in waiting if retry.at <= now)
        return heapq.nsmallest(limit, come, key=lambda retry: (retry.at, retry.key))

    async def remove(self, consumer: str, keys: Sequence[Key]) -> None:
        waiting = self._retries.get(consumer, {})
        for key in keys:
            waiting.pop(key, None)

    async def next_at(self, consumer: str) -> float | None:
        return min((retry.at for retry in self._retries.get(consumer, {}).values()), default=None)

    async def size(self, consumer: str) -> int:
        return len(self._retries.get(consumer, {}))


class _Pages(msgspec.Struct):
    """One consumer's part of the ledger: each chunk's events and a state per line, and exceptions in full."""

    chunks: dict[int, tuple[int, list[tuple[Status, str | None]]]] = {}
    events: int = 0
    counts: Counter[tuple[Status, str | None]] = msgspec.field(default_factory=Counter)
    exceptions: dict[Key, Line] = {}


class MemoryLedger:
    """A `Ledger`: eight bytes a line, and the newest ten thousand exceptions in full."""

    def __init__(self) -> None:
        self._pages: dict[str, _Pages] = {}

    async def record(self, consumer: str, chunk_id: int, events: int, lines: Sequence[Line]) -> None:
        pages = self._pages.setdefault(consumer, _Pages())
        before_events, before = pages.chunks.get(chunk_id, (0, []))
        pages.events += events - before_events
        pages.counts.subtract(before)
        states = [(line.status, line.reason) for line in lines]
        pages.counts.update(states)
        pages.chunks[chunk_id] = (events, states)
        for line in lines:
            _file(pages, line)

    async def update(self, consumer: str, lines: Sequence[Line]) -> None:
        pages = self._pages[consumer]
        for line in lines:
            chunk_id, place = line.key
            _, states = pages.chunks[chunk_id]
            pages.counts[states[place]] -= 1
            states[place] = (line.status, line.reason)
            pages.counts[states[place]] += 1
            _file(pages, line)

    async def tally(self, consumer: str) -> Tally:
        pages = self._pages.get(consumer, _Pages())
        return Tally(pages.events, {state: number for state, number in pages.counts.items() if number})

    async def exceptions(self, consumer: str, limit: int) -> list[Line]:
        pages = self._pages.get(consumer, _Pages())
        return list(reversed(pages.exceptions.values()))[:limit]


_EXCEPTIONS: Final = {Status.PENDING, Status.INVALID, Status.REJECTED, Status.EXPIRED}


def _file(pages: _Pages, line: Line) -> None:
    pages.exceptions.pop(line.key, None)
    if line.status in _EXCEPTIONS:
        pages.exceptions[line.key] = line
        if len(pages.exceptions) > MAX_EXCEPTIONS:
            del pages.exceptions[next(iter(pages.exceptions))]
