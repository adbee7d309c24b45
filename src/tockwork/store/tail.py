"""Follows the journal for those who watch: what arrives, and what becomes of it soon after.

One reader for all of them, which looks only while somebody watches, and beside whichever process appends.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

import msgspec
import structlog

from tockwork.model.clock import Clock, SystemClock
from tockwork.model.errors import TockworkError
from tockwork.store.database import Database
from tockwork.store.fates import Fate, Fates
from tockwork.store.index import SEARCH, digest, narrow, runs, text
from tockwork.store.ledger import unpack
from tockwork.store.protocol import ERASED, Key

LOOK_S: Final = 0.5
MOST_ROWS: Final = 100
"""So many events are shown of what arrived between two looks."""
MOST_READ: Final = 500
"""So many are looked at where a stream shows only some."""
MOST_STREAMS: Final = 50
WATCHED_CHUNKS: Final = 1000
"""Of so many of the last chunks, fates are told."""
SHOWN: Final = 2000
BATCHES: Final = 20
"""So many wait for a stream that is read too slowly."""
SLACK_S: Final = 2.0
"""A page says when it was begun to be written, not when others could see it."""

_log = structlog.get_logger(__name__)


class Full(TockworkError):  # noqa: N818 (says what is so)
    """As many watch as may."""


class Row(msgspec.Struct, frozen=True):
    """An event in a few words: nothing of them is personal. `person` is "user" where it has a userId, "anonymous" where
    it has only an anonymousId, else nothing; `people` are the digests of both; `size` is in bytes; `at` is when it was
    accepted (Unix time)."""

    key: Key
    at: float
    source: str
    type: str
    name: str
    message_id: str
    person: str
    people: tuple[bytes, bytes]
    size: int


class Batch(msgspec.Struct):
    """What is new: rows, fates by event, and how many events are not shown."""

    rows: list[Row] = []
    fates: dict[Key, list[Fate]] = {}
    left_out: int = 0

    def __bool__(self) -> bool:
        return bool(self.rows or self.fates or self.left_out)


class Filter(msgspec.Struct, frozen=True):
    """Which events a stream shows; empty for all. With a `status`, an event is shown once it has that. `user` is the
    digest of a userId or an anonymousId."""

    source: str = ""
    type: str = ""
    name: str = ""
    destination: str = ""
    status: str = ""
    user: bytes = b""

    def __bool__(self) -> bool:
        return self != Filter()

    def takes(self, row: Row) -> bool:
        return (
            self.source in ("", row.source)
            and self.type in ("", row.type)
            and self.name in ("", row.name)
            and self.user in (b"", *row.people)
        )

    def takes_fates(self, fates: Collection[Fate]) -> bool:
        if not self.destination and not self.status:
            return True
        return any(self.destination in ("", fate.destination) and self.status in ("", fate.status) for fate in fates)


class Stream:
    """What one watcher is shown."""

    def __init__(self, only: Filter) -> None:
        self.only = only
        self._batches: deque[Batch] = deque()
        self._shown: OrderedDict[Key, None] = OrderedDict()
        self._left_out = 0
        self._new = asyncio.Event()
        self.closed = False

    async def next(self, timeout_s: float) -> Batch | None:
        """What came since the last time, None when nothing did for so long or the stream was closed."""
        if not self._batches and not self.closed:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._new.wait(), timeout_s)
        self._new.clear()
        return self._batches.popleft() if self._batches else None

    def offer(self, rows: Sequence[Row], fates: dict[Key, list[Fate]], watched: dict[Key, Row], left_out: int) -> None:
        """Takes what it shows of what is new."""
        wanted = [row for row in rows if self.only.takes(row) and self.only.takes_fates(fates.get(row.key, ()))]
        late = [
            watched[key]
            for key, found in fates.items()
            if self.only and key not in self._shown and self.only.takes(watched[key]) and self.only.takes_fates(found)
        ]
        known = {row.key for row in wanted}
        wanted += [row for row in late if row.key not in known]
        batch = Batch(wanted[:MOST_ROWS], left_out=left_out + max(0, len(wanted) - MOST_ROWS))
        for row in batch.rows:
            self.show(row.key)
        batch.fates = {key: found for key, found in fates.items() if key in self._shown}
        if batch:
            if len(self._batches) >= BATCHES:
                dropped = self._batches.popleft()
                batch.left_out += len(dropped.rows) + dropped.left_out
            self._batches.append(batch)
            self._new.set()

    def show(self, key: Key) -> None:
        self._shown[key] = None
        while len(self._shown) > SHOWN:
            self._shown.popitem(last=False)

    def close(self) -> None:
        self.closed = True
        self._new.set()


class Tail:
    """The end of a store's journal."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._streams: set[Stream] = set()
        self._following: asyncio.Task[None] | None = None
        self._stopped = False
        self._after: int | None = None
        self._looked_at = 0.0
        self._watched: OrderedDict[int, list[Row]] = OrderedDict()
        self._told: dict[Key, list[Fate]] = {}
        self._adopted: deque[Row] = deque()

    def adopt(self, stream: Stream, rows: Sequence[Row]) -> None:
        """From now on the stream is also told of these events, which it showed by other means."""
        for row in rows:
            stream.show(row.key)
        self._adopted.extend(rows)

    @property
    def is_full(self) -> bool:
        """Whether nobody more may watch."""
        return self._stopped or len(self._streams) >= MOST_STREAMS

    @contextmanager
    def watch(self, only: Filter) -> Iterator[Stream]:
        """A stream of what arrives from now on. Raises `Full`."""
        if self.is_full:
            raise Full(f"{len(self._streams)} live streams are open: close one of them")
        stream = Stream(only)
        self._streams.add(stream)
        if self._following is None or self._following.done():
            self._after, self._looked_at = None, self._clock.now()
            self._following = asyncio.create_task(self._follow(), name="tail")
        try:
            yield stream
        finally:
            self._streams.discard(stream)

    async def stop(self) -> None:
        """Ends all streams."""
        self._stopped = True
        for stream in self._streams:
            stream.close()
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following

    async def _follow(self) -> None:
        while self._streams:
            try:
                most = MOST_READ if any(stream.only for stream in self._streams) else MOST_ROWS
                rows, fates, left_out = await self._database.read(partial(self._look, most=most))
                watched = {row.key: row for own in self._watched.values() for row in own if row.key in fates}
                for stream in self._streams:
                    stream.offer(rows, fates, watched, left_out)
            except sqlite3.Error as error:
                _log.error("tail_failed", error=type(error).__name__)
            await asyncio.sleep(LOOK_S)
        self._watched.clear()
        self._told.clear()

    def _look(self, connection: sqlite3.Connection, most: int) -> tuple[list[Row], dict[Key, list[Fate]], int]:
        """New rows, new fates, and how many events were not looked at."""
        if self._after is None:
            (self._after,) = connection.execute(SEARCH.last_id).fetchone()
        self._take_adopted()
        rows, left_out = self._arrived(connection, self._after, most)
        since, self._looked_at = self._looked_at - SLACK_S, self._clock.now()
        if not self._watched:
            return rows, {}, left_out
        names = {"since": since, "oldest": min(self._watched)}
        chunks = {chunk_id for (chunk_id,) in connection.execute(SEARCH.settled, names)}
        fates = self._fates(connection, [*(chunks & self._watched.keys()), *{row.key[0] for row in rows}])
        return rows, fates, left_out

    def _take_adopted(self) -> None:
        while self._adopted:
            row = self._adopted.popleft()
            own = self._watched.setdefault(row.key[0], [])
            if row not in own:
                own.append(row)

    def _arrived(self, connection: sqlite3.Connection, after: int, most: int) -> tuple[list[Row], int]:
        chunks = connection.execute(SEARCH.arrived, {"after": after}).fetchall()
        if not chunks:
            return [], 0
        self._after = chunks[-1][0]
        total = sum(events for _, _, events, _ in chunks)
        step = -(-total // most)
        rows: list[Row] = []
        start = 0
        for chunk_id, at, events, sources in chunks:
            wanted = range(-start % step, events, step)
            start += events
            if wanted:
                self._watched[chunk_id] = list(_rows(connection, chunk_id, at, sources, events, wanted))
                rows += self._watched[chunk_id]
        while len(self._watched) > WATCHED_CHUNKS:
            for row in self._watched.popitem(last=False)[1]:
                self._told.pop(row.key, None)
        return rows, total - len(rows)

    def _fates(self, connection: sqlite3.Connection, chunks: Collection[int]) -> dict[Key, list[Fate]]:
        """What is new of the watched events of these chunks."""
        ledger = Fates(connection)
        found: dict[Key, list[Fate]] = {}
        for chunk_id in chunks:
            for row in self._watched.get(chunk_id, ()):
                fates = ledger.of(chunk_id, row.key[1])
                if fates != self._told.get(row.key):
                    found[row.key] = self._told[row.key] = fates
        return found


def _rows(
    connection: sqlite3.Connection, chunk_id: int, at: float, sources: bytes, events: int, wanted: range
) -> Iterator[Row]:
    found = connection.execute(SEARCH.content, {"chunk_id": chunk_id}).fetchone()
    entries, names = unpack(found[0]), list(runs(sources, events))
    for event in wanted:
        if entries[event] != ERASED:
            yield row_of((chunk_id, event), at, names[event], entries[event])


def row_of(key: Key, at: float, source: str, entry: bytes) -> Row:
    event = narrow(entry)
    person = "user" if text(event.userId) else "anonymous" if text(event.anonymousId) else ""
    people = digest(event.userId), digest(event.anonymousId)
    return Row(key, at, source, event.call, event.title, text(event.messageId), person, people, len(entry))
