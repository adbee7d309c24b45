"""A store in memory, for demos, tests and one-off sends: nothing survives the process."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec

from tockwork.model.clock import Clock, SystemClock, wait_for
from tockwork.model.errors import StoreFull
from tockwork.model.outcome import Status
from tockwork.model.reasons import DESTINATION_REMOVED
from tockwork.store.protocol import (
    DEAD,
    NO_DELIVERY,
    PLACES,
    Chunk,
    Key,
    Line,
    Part,
    Retry,
    Settled,
    Tally,
    UnknownConsumer,
)
from tockwork.store.recent import WINDOW_S, Id, digests, ids

MAX_BYTES: Final = 256 * 1024 * 1024
LEASE_S: Final = 60.0
MAX_DEAD: Final = 10_000


class _Position(msgspec.Struct):
    """What one consumer has still to settle: chunks never handed out, in order, and those handed out, with the time on
    the monotonic clock at which their lease runs out. Of chunks begun, the Unix time and version of the first."""

    unread: dict[int, None] = {}
    leases: dict[int, float] = {}
    begun: dict[int, tuple[float, int]] = {}
    standing: bytes | None = None

    def __contains__(self, chunk_id: int) -> bool:
        return chunk_id in self.unread or chunk_id in self.leases

    def __iter__(self) -> Iterator[int]:
        return iter((*self.unread, *self.leases))

    def next(self, now: float, until: float) -> int | None:
        """Hands out the next chunk."""
        expired = [chunk_id for chunk_id, end in self.leases.items() if end <= now]
        chunk_id = min(expired) if expired else next(iter(self.unread), None)
        if chunk_id is not None:
            self.unread.pop(chunk_id, None)
            self.leases[chunk_id] = until
        return chunk_id

    def pass_over(self, chunk_id: int) -> None:
        """Is done with a chunk."""
        self.unread.pop(chunk_id, None)
        self.leases.pop(chunk_id, None)
        self.begun.pop(chunk_id, None)


class _Pending(msgspec.Struct):
    """A row to be sent again, its line of the ledger, and when that was written."""

    order: int
    line: Line
    retry: Retry


class _Pages(msgspec.Struct):
    """One consumer's part of the ledger: counts, and in full what is pending and the newest dead letters."""

    accepted: int = 0
    decided: int = 0
    matched: int = 0
    counts: Counter[tuple[Status, str | None]] = msgspec.field(default_factory=Counter)
    pending: dict[Key, _Pending] = {}
    dead: deque[tuple[int, Line]] = msgspec.field(default_factory=lambda: deque(maxlen=MAX_DEAD))
    written: int = 0
    row_bytes: int = 0

    def settle(self, events: int, lines: Sequence[Line], retries: Sequence[Retry]) -> None:
        rows = {retry.key: retry for retry in retries}
        self.decided += events
        self.matched += len({line.key[1] // PLACES for line in lines if line.status not in NO_DELIVERY})
        for line in lines:
            self._write(line, rows)

    def update(self, lines: Sequence[Line], retries: Sequence[Retry]) -> None:
        rows = {retry.key: retry for retry in retries}
        for line in lines:
            before = self.pending.pop(line.key, None)
            if before is not None:
                self.counts[before.line.status, before.line.reason] -= 1
                self.row_bytes -= len(before.retry.row)
                self._write(line, rows)

    def close(self) -> None:
        """Decides what is left, for a destination that is no more."""
        self.counts[Status.FILTERED, DESTINATION_REMOVED] += self.accepted - self.decided
        self.decided = self.accepted
        changes = {"status": Status.EXPIRED, "reason": DESTINATION_REMOVED}
        self.update([msgspec.structs.replace(each.line, **changes) for each in self.pending.values()], ())

    def exceptions(self) -> Iterator[Line]:
        """The newest first."""
        pending = ((each.order, each.line) for each in reversed(self.pending.values()))
        for _, line in heapq.merge(pending, reversed(self.dead), key=lambda each: each[0], reverse=True):
            yield line

    def _write(self, line: Line, rows: dict[Key, Retry]) -> None:
        self.counts[line.status, line.reason] += 1
        self.written += 1
        if line.status is Status.PENDING:
            retry = rows[line.key]
            self.pending[line.key] = _Pending(self.written, line, retry)
            self.row_bytes += len(retry.row)
        elif line.status in DEAD:
            self.dead.append((self.written, line))


class MemoryStore:
    """A `Store` with room for `max_bytes` of entries and of rows to be sent again, and for the newest ten thousand dead
    letters of each consumer. A chunk goes when each consumer that had joined settled it.

    A chunk that is not settled within `lease_s` seconds is handed out again.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES, lease_s: float = LEASE_S, clock: Clock | None = None) -> None:
        self._max_bytes = max_bytes
        self._lease_s = lease_s
        self._clock = clock or SystemClock()
        self._chunks: dict[int, tuple[bytes, ...]] = {}
        self._duplicates: dict[int, frozenset[int]] = {}
        self._sources: dict[int, tuple[tuple[str, int], ...]] = {}
        self._recent: dict[Id, int] = {}  # with the second in which each came, in that order
        self._positions: dict[str, _Position] = {}
        self._pages: dict[str, _Pages] = {}
        self._last_id = 0
        self._entry_bytes = 0
        self._changed = asyncio.Event()

    # Position

    async def append(
        self,
        entries: Sequence[bytes],
        message_ids: Sequence[str] = (),
        sources: Sequence[tuple[str, int]] = (),
        *,
        part: Part | None = None,
    ) -> int:
        positions = self._positions if part is None else {part.consumer: self._position(part.consumer)}
        size = sum(map(len, entries))
        kept = self._entry_bytes + sum(pages.row_bytes for pages in self._pages.values())
        if kept + size > self._max_bytes:
            raise StoreFull(f"the store in memory is full ({self._max_bytes} bytes): deliver what waits, or allow more")
        self._last_id += 1
        duplicates = self._claim(message_ids)
        if positions:
            self._chunks[self._last_id] = tuple(entries)
            self._entry_bytes += size
            if duplicates:
                self._duplicates[self._last_id] = duplicates
            if part is None:
                self._sources[self._last_id] = tuple(sources)
        for consumer, position in positions.items():
            position.unread[self._last_id] = None
            self._pages[consumer].accepted += len(entries)
        self._wake()
        return self._last_id

    def _claim(self, message_ids: Sequence[str]) -> frozenset[int]:
        """The indexes of those that came within the window; the others are remembered."""
        now, duplicates = int(self._clock.now()), []
        while self._recent and (oldest := next(iter(self._recent.items())))[1] <= now - WINDOW_S:
            del self._recent[oldest[0]]
        for index, each in enumerate(ids(digests(message_ids))):
            if each in self._recent:
                duplicates.append(index)
            else:
                self._recent[each] = now
        return frozenset(duplicates)

    async def join(self, consumer: str) -> None:
        self._positions.setdefault(consumer, _Position())
        self._pages.setdefault(consumer, _Pages())

    async def leave(self, consumer: str) -> None:
        position = self._positions.pop(consumer, None)
        if position is None:
            return
        self._pages[consumer].close()
        for chunk_id in position:
            self._drop(chunk_id)
        self._wake()

    async def read(self, consumer: str, wait_s: float) -> Chunk | None:
        end = self._clock.monotonic() + wait_s
        while True:
            position = self._position(consumer)
            now = self._clock.monotonic()
            chunk_id = position.next(now, now + self._lease_s)
            if chunk_id is not None:
                begun_at, version = position.begun.get(chunk_id, (None, None))
                duplicates = self._duplicates.get(chunk_id, frozenset())
                sources = self._sources.get(chunk_id, ())
                return Chunk(chunk_id, self._chunks[chunk_id], begun_at, version, duplicates, sources)
            if now >= end:
                return None
            await wait_for(self._clock, self._changed, min([end, *position.leases.values()]) - now)

    async def begin(self, consumer: str, chunk_ids: Sequence[int], version: int, at: float) -> None:
        position = self._position(consumer)
        for chunk_id in chunk_ids:
            if chunk_id in position:
                position.begun.setdefault(chunk_id, (at, version))

    async def settle(self, consumer: str, settled: Sequence[Settled]) -> None:
        position = self._positions.get(consumer, _Position())
        for each in settled:
            chunk_id = each.chunk.id
            if chunk_id in position:
                self._pages[consumer].settle(len(self._chunks[chunk_id]), each.lines, each.retries)
                position.pass_over(chunk_id)
                self._drop(chunk_id)

    # Rows to be sent again

    async def due(self, consumer: str, now: float, limit: int) -> list[Retry]:
        waiting = (retry for retry in self._retries(consumer) if retry.at <= now)
        return heapq.nsmallest(limit, waiting, key=lambda retry: (retry.at, retry.key))

    async def begin_again(self, consumer: str, keys: Sequence[Key], at: float) -> None:
        self._position(consumer)
        pending = self._pages[consumer].pending
        for key in keys:
            if key in pending and pending[key].retry.history.ambiguous_at is None:
                retry = pending[key].retry
                history = msgspec.structs.replace(retry.history, ambiguous_at=at)
                pending[key].retry = msgspec.structs.replace(retry, history=history)

    async def update(self, consumer: str, lines: Sequence[Line], retries: Sequence[Retry] = ()) -> None:
        self._position(consumer)
        self._pages[consumer].update(lines, retries)

    async def next_at(self, consumer: str) -> float | None:
        return min((retry.at for retry in self._retries(consumer)), default=None)

    # Counts and fates

    async def tally(self, consumer: str) -> Tally:
        pages = self._pages.get(consumer, _Pages())
        lines = {state: number for state, number in pages.counts.items() if number}
        return Tally(pages.accepted, pages.accepted - pages.decided, pages.matched, lines)

    async def exceptions(self, consumer: str, limit: int) -> list[Line]:
        return list(islice(self._pages.get(consumer, _Pages()).exceptions(), limit))

    # Standing

    async def keep_standing(self, consumer: str, standing: bytes) -> None:
        self._position(consumer).standing = standing

    async def standing(self, consumer: str) -> bytes | None:
        return self._positions.get(consumer, _Position()).standing

    def _position(self, consumer: str) -> _Position:
        try:
            return self._positions[consumer]
        except KeyError:
            raise UnknownConsumer(consumer) from None

    def _retries(self, consumer: str) -> Iterator[Retry]:
        return (each.retry for each in self._pages.get(consumer, _Pages()).pending.values())

    def _wake(self) -> None:
        """Ends the waiting of those that read. A new event for those to come: none clears what another waits for."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _drop(self, chunk_id: int) -> None:
        if not any(chunk_id in position for position in self._positions.values()):
            self._entry_bytes -= sum(map(len, self._chunks.pop(chunk_id)))
            self._duplicates.pop(chunk_id, None)
            self._sources.pop(chunk_id, None)
