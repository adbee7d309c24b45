"""The embedded store: one SQLite file, shared by several processes of one machine.

Why it is built so: docs/decisions/0007-sqlite-store.md.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from tockwork.model import reasons
from tockwork.model.clock import Clock, SystemClock, wait_for
from tockwork.model.crash import crash_point
from tockwork.model.errors import StoreFull
from tockwork.model.event import Envelope
from tockwork.model.outcome import Status
from tockwork.store.database import LOG_BYTES, Database
from tockwork.store.duplicates import read
from tockwork.store.imports import add_part
from tockwork.store.ledger import JOURNAL, LEDGER, RETRY, Books, States, encode, read_history, unpack
from tockwork.store.protocol import Chunk, Key, Line, Part, Retry, Settled, Tally, UnknownConsumer, place_of
from tockwork.store.recent import digests
from tockwork.store.space import RESERVE_BYTES, Space

T = TypeVar("T")

LEASE_S: Final = 60.0
POLL_S: Final = 0.05
"""How soon a process that does not append sees what another one appended."""
LEAVE_CHUNKS: Final = 200

_pack: Final = msgspec.msgpack.Encoder().encode
_read_envelope: Final = msgspec.json.Decoder(Envelope).decode


class _Cursor(msgspec.Struct):
    """What this process handed out to one consumer: all chunks up to `after`, some of them on lease (until a time of
    the monotonic clock)."""

    id: int
    after: int
    leases: dict[int, float] = {}


class SqliteStore:
    """A `Store` in a folder. `open` it; what it returns is on stable storage.

    A chunk that is not settled within `lease_s` seconds, or by a process that ended, is handed out again. Of several
    processes one may append and one may read for each consumer (`lock.Role`); with `polling`, this one does not append
    and looks for what the other appended. Parts of imports may be appended by any; `notice` them from time to time.
    """

    def __init__(self, database: Database, space: Space, clock: Clock, lease_s: float, polling: bool) -> None:
        self.database = database
        self.space = space
        self.states = States()
        database.rolled_back.append(self.states.forget)
        self._clock = clock
        self._lease_s = lease_s
        self._polling = polling
        self._cursors: dict[str, _Cursor] = {}
        self._appended = asyncio.Event()
        self._noticed = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        *,
        clock: Clock | None = None,
        lease_s: float = LEASE_S,
        reserve_bytes: int = RESERVE_BYTES,
        polling: bool = False,
    ) -> AsyncIterator[SqliteStore]:
        """The store in `folder`. Raises `ConfigurationError` when it cannot be used."""
        database = Database(folder, min(LOG_BYTES, reserve_bytes // 8))  # it grows into the reserve
        space = Space(database.path, reserve_bytes)
        try:
            store = cls(database, space, clock or SystemClock(), lease_s, polling)
            await database.read(space.look_inside)
            if not polling:
                await database.write(lambda connection: database.duplicates.open(connection, store._clock.now()))
            yield store
        finally:
            await asyncio.to_thread(database.close)

    # The journal

    async def append(
        self,
        entries: Sequence[bytes],
        message_ids: Sequence[str] = (),
        sources: Sequence[tuple[str, int]] = (),
        *,
        part: Part | None = None,
    ) -> int:
        content, fingerprints = _pack(entries), digests(message_ids)
        await self._check_room(len(content))
        now = self._clock.now()
        row = {
            "at": now,
            "events": len(entries),
            "sources": encode(sources),
            "fingerprints": fingerprints,
            "content": content,
        }
        common = {"common": 0 if part else len(entries)}

        def work(connection: sqlite3.Connection) -> int:
            chunk_id: int = connection.execute(JOURNAL.advance, common).fetchone()[0]
            duplicates = self.database.duplicates.claim(connection, chunk_id, fingerprints, now)
            connection.execute(JOURNAL.append, row | {"id": chunk_id, "duplicates": duplicates})
            if part is not None:
                add_part(connection, chunk_id, part, len(entries))
            for source, events in sources:
                arrival = {"minute": int(now // 60), "source": source, "events": events}
                connection.execute(JOURNAL.arrived, arrival)
                connection.execute(JOURNAL.arrived_in_hour, arrival)
            self.space.look_inside(connection)
            crash_point("append_written")
            return chunk_id

        chunk_id = await self.database.write(work)
        crash_point("append_committed")
        self._wake()
        return chunk_id

    async def _check_room(self, size: int) -> None:
        try:
            self.space.check(size)
        except StoreFull:  # another process may have made room inside the database
            await self.database.read(self.space.look_inside)
            self.space.check(size)

    async def join(self, consumer: str) -> None:
        if consumer in self._cursors:
            return

        def work(connection: sqlite3.Connection) -> _Cursor:
            connection.execute(JOURNAL.join, {"name": consumer})
            number, after = connection.execute(JOURNAL.consumer, {"name": consumer}).fetchone()
            oldest = connection.execute(JOURNAL.oldest, {"consumer": number, "after": after}).fetchone()[0]
            return _Cursor(number, after if oldest is None else oldest - 1)

        self._cursors[consumer] = await self.database.write(work)

    async def leave(self, consumer: str) -> None:
        def work(connection: sqlite3.Connection) -> None:
            known = connection.execute(JOURNAL.consumer, {"name": consumer}).fetchone()
            if known is None:
                return
            number, after = known
            books = Books(connection, self.states, number, self._clock.now())
            removed = reasons.DESTINATION_REMOVED
            for chunk_id, events in connection.execute(
                JOURNAL.undecided, {"consumer": number, "after": after}
            ).fetchall():
                lines = [
                    Line((chunk_id, place_of(event, 0)), None, None, Status.FILTERED, removed)
                    for event in range(events)
                ]
                books.settle(Settled(Chunk(chunk_id, (b"",) * events), lines))
            waiting = connection.execute(RETRY.all, {"consumer": number}).fetchall()
            books.update(
                [
                    Line((chunk_id, place), message_id, mapping, Status.EXPIRED, removed)
                    for chunk_id, place, message_id, mapping, _ in waiting
                ],
                (),
            )
            books.close()
            connection.execute(JOURNAL.leave, {"consumer": number})

        await self.database.write(work)
        self._cursors.pop(consumer, None)
        self._wake()  # whoever reads for it must not wait

    async def read(self, consumer: str, wait_s: float) -> Chunk | None:
        end = self._clock.monotonic() + wait_s
        while True:
            appended = self._appended
            chunk = await self._next(self._cursor(consumer))
            now = self._clock.monotonic()
            if chunk is not None or now >= end:
                return chunk
            wake = min([end, *self._cursor(consumer).leases.values()])
            if self._polling:
                wake = min(wake, now + POLL_S)
            await wait_for(self._clock, appended, wake - now)

    async def notice(self) -> None:
        """Wakes those that read, if anything was appended since the last time: another process may import a file."""
        last_id = await self.database.read(lambda connection: connection.execute(JOURNAL.last_id).fetchone()[0])
        if last_id != self._noticed:
            self._noticed = last_id
            self._wake()

    async def begin(self, consumer: str, chunk_ids: Sequence[int], version: int, at: float) -> None:
        number = self._cursor(consumer).id

        def work(connection: sqlite3.Connection) -> None:
            rows = [{"consumer": number, "chunk_id": each, "at": at, "version": version} for each in chunk_ids]
            connection.executemany(JOURNAL.begin, rows)

        await self.database.write(work)
        crash_point("attempt_begun")

    async def settle(self, consumer: str, settled: Sequence[Settled]) -> None:
        cursor = self._cursors.get(consumer)
        if cursor is None:
            return

        def work(connection: sqlite3.Connection) -> None:
            books = Books(connection, self.states, cursor.id, self._clock.now())
            for each in settled:
                books.settle(each)
            books.close()
            crash_point("settle_written")

        await self.database.write(work)
        crash_point("settled")
        for each in settled:
            cursor.leases.pop(each.chunk.id, None)

    # Rows to be sent again

    async def due(self, consumer: str, now: float, limit: int) -> list[Retry]:
        cursor = self._cursors.get(consumer)
        if cursor is None:
            return []
        names = {"consumer": cursor.id, "now": now, "limit": limit}
        rows = await self.database.read(lambda connection: connection.execute(RETRY.due, names).fetchall())
        return [
            Retry((chunk, place), at, body, _read_envelope(envelope), read_history(history), message_id, mapping, until)
            for chunk, place, at, body, envelope, history, message_id, mapping, until in rows
        ]

    async def begin_again(self, consumer: str, keys: Sequence[Key], at: float) -> None:
        number = self._cursor(consumer).id

        def work(connection: sqlite3.Connection) -> None:
            for chunk_id, place in keys:
                names = {"consumer": number, "chunk_id": chunk_id, "place": place}
                found = connection.execute(RETRY.history, names).fetchone()
                history = None if found is None else read_history(found[0])
                if history is not None and history.ambiguous_at is None:
                    marked = msgspec.structs.replace(history, ambiguous_at=at)
                    connection.execute(RETRY.change_history, names | {"history": encode(marked)})

        await self.database.write(work)
        crash_point("retry_begun")

    async def update(self, consumer: str, lines: Sequence[Line], retries: Sequence[Retry] = ()) -> None:
        number = self._cursor(consumer).id

        def work(connection: sqlite3.Connection) -> None:
            books = Books(connection, self.states, number, self._clock.now())
            books.update(lines, retries)
            books.close()

        await self.database.write(work)
        crash_point("retry_updated")

    async def next_at(self, consumer: str) -> float | None:
        cursor = self._cursors.get(consumer)
        if cursor is None:
            return None
        names = {"consumer": cursor.id}
        found = await self.database.read(lambda connection: connection.execute(RETRY.next_at, names).fetchone()[0])
        return None if found is None else float(found)

    # Counts and fates

    async def tally(self, consumer: str) -> Tally:
        return await self.database.read(lambda connection: tally(connection, consumer))

    async def exceptions(self, consumer: str, limit: int) -> list[Line]:
        def work(connection: sqlite3.Connection) -> list[Line]:
            known = connection.execute(LEDGER.counts, {"name": consumer}).fetchone()
            if known is None:
                return []
            rows = connection.execute(LEDGER.exceptions, {"consumer": known[3], "limit": limit})
            return [
                Line((chunk_id, place), message_id, mapping, Status(status), reason, detail, code)
                for chunk_id, place, message_id, mapping, status, reason, detail, code, _ in rows
            ]

        return await self.database.read(work)

    # Standing

    async def keep_standing(self, consumer: str, standing: bytes) -> None:
        names = {"consumer": self._cursor(consumer).id, "standing": standing}
        await self._execute(LEDGER.keep_standing, names)

    async def standing(self, consumer: str) -> bytes | None:
        names = {"name": consumer}
        found = await self.database.read(lambda connection: connection.execute(LEDGER.standing, names).fetchone())
        return None if found is None else found[0]

    async def _execute(self, statement: str, names: dict[str, object]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(statement, names)

        await self.database.write(work)

    def _wake(self) -> None:
        """Wakes all that wait now; who waits later waits for the next time."""
        self._appended.set()
        self._appended = asyncio.Event()

    def _cursor(self, consumer: str) -> _Cursor:
        try:
            return self._cursors[consumer]
        except KeyError:
            raise UnknownConsumer(consumer) from None

    async def _next(self, cursor: _Cursor) -> Chunk | None:
        now = self._clock.monotonic()
        expired = [chunk_id for chunk_id, until in cursor.leases.items() if until <= now]
        if expired:
            chunk = await self.database.read(_one(JOURNAL.one, {"consumer": cursor.id, "chunk_id": min(expired)}))
        else:
            chunk = await self.database.read(_one(JOURNAL.next, {"consumer": cursor.id, "after": cursor.after}))
        if chunk is None:
            return None
        crash_point("chunk_read")
        cursor.after = max(cursor.after, chunk.id)
        cursor.leases[chunk.id] = now + self._lease_s
        return chunk


def tally(connection: sqlite3.Connection, consumer: str) -> Tally:
    """One consumer's counts, as of the connection's moment."""
    known = connection.execute(LEDGER.counts, {"name": consumer}).fetchone()
    if known is None:
        return Tally()
    accepted, decided, matched, number = known
    lines = {
        (Status(status), reason or None): count
        for status, reason, count in connection.execute(LEDGER.tally, {"consumer": number})
    }
    return Tally(accepted, accepted - decided, matched, lines)


_RUNS: Final = msgspec.json.Decoder(tuple[tuple[str, int], ...])


def _one(statement: str, names: Mapping[str, object]) -> Callable[[sqlite3.Connection], Chunk | None]:
    def work(connection: sqlite3.Connection) -> Chunk | None:
        found = connection.execute(statement, names).fetchone()
        if found is None:
            return None
        chunk_id, content, begun_at, version, duplicates, sources = found
        return Chunk(chunk_id, unpack(content), begun_at, version, read(duplicates), _RUNS.decode(sources))

    return work
