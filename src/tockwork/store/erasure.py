"""Removes what is kept of people who were deleted: from the journal, the rows that wait, the dead letters, and what was
learnt of them.

It works beside a running server, in slices with a transaction each, and goes on where it was killed.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import msgspec

from tockwork.destinations.person import Mark, event_marks, row_marks
from tockwork.model import reasons
from tockwork.model.clock import Clock, SystemClock
from tockwork.model.crash import crash_point
from tockwork.model.outcome import Status
from tockwork.store.database import PAGE_BYTES
from tockwork.store.index import forget
from tockwork.store.ledger import JOURNAL, Books, unpack
from tockwork.store.people import delete, of_deleted
from tockwork.store.protocol import ERASED, PLACES, Line
from tockwork.store.sqlite import SqliteStore
from tockwork.store.statements import Statements

ERASURE: Final = Statements("erasure")
CHUNKS: Final = 16
ROWS: Final = 500
REWRITTEN: Final = 2000
"""A table of so many rows is written anew at once, a larger one in slices."""
SLICES: Final = 32
"""So many slices without a find, until the position is written down."""
FILL_PAGES: Final = 200
_IN_ROW: Final = (PAGE_BYTES - 12) * 32 // 255 - 23
_IN_PAGE: Final = PAGE_BYTES - 4
"""So much of a long value SQLite keeps in its row at least, and in each further page (SQLite, "Database File Format",
1.5): a value that ends with a page leaves nothing of what was there before."""
TRIES: Final = 20
TRY_S: Final = 0.25
LOCK_FILE: Final = "erasure.lock"
_pack: Final = msgspec.msgpack.Encoder().encode

Events = dict[int, set[int]]
"""Indexes of events by chunk."""


class Erased(msgspec.Struct):
    """What was removed: events from the journal, rows that waited, dead letters. `whole` is false where a trace may be
    left in the log, since somebody was reading it: the next run removes that."""

    events: int = 0
    waiting: int = 0
    letters: int = 0
    whole: bool = True


class _Open(msgspec.Struct, frozen=True):
    id: int
    mark: Mark
    swept_to: int


class Erasure:
    """Erases in a store. `regions` are where phone numbers without "+" may belong (ISO 3166-1)."""

    def __init__(self, store: SqliteStore, regions: Collection[str] = ("US",), clock: Clock | None = None) -> None:
        self._store = store
        self._database = store.database
        self._regions = frozenset({*regions, "US"})
        self._clock = clock or SystemClock()

    async def run(self, moved: Callable[[int, int], None] = lambda done, total: None) -> Erased:
        """Removes every trace of those whose tombstones are open. `moved` is told how many chunks were looked at, and
        of how many. When another process is at it, that is waited for."""
        erased = Erased()
        async with self._alone():
            while found := await self._open():
                await self._sweep(found, erased, moved)
                if not erased.whole:
                    break
        return erased

    async def is_due(self) -> bool:
        return bool(await self._open())

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        file = os.open(self._database.path.with_name(LOCK_FILE), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _locked(file):
                await self._clock.sleep(TRY_S)
            yield
        finally:
            os.close(file)

    async def _open(self) -> list[_Open]:
        return [_Open(*row) for row in await self._select(ERASURE.open)]

    async def _sweep(self, tombstones: Sequence[_Open], erased: Erased, moved: Callable[[int, int], None]) -> None:
        marks = frozenset(each.mark for each in tombstones)
        await self._waiting(marks, erased)
        end = await self._journal(tombstones, marks, erased, moved)
        while await self._letters(marks, erased) or await self._waiting(marks, erased):
            pass  # a replay may have turned one into the other meanwhile
        await self._known()
        for table in ("retry", "dead", "known_id"):
            await self._rewrite(table)
        erased.whole = await self._scrubbed() and await self._trimmed()
        if erased.whole:
            rows = [{"id": each.id, "chunk_id": end, "at": self._clock.now()} for each in tombstones]
            await self._database.write(lambda connection: connection.executemany(ERASURE.erased, rows))

    # What is to be found

    async def _journal(
        self,
        tombstones: Sequence[_Open],
        marks: frozenset[Mark],
        erased: Erased,
        moved: Callable[[int, int], None],
    ) -> int:
        """Returns up to which chunk the journal is without them."""
        end: int = (await self._select(JOURNAL.last_id))[0][0]
        start = after = min(each.swept_to for each in tombstones)
        slices = 0
        while rows := await self._select(ERASURE.chunks, after=after, limit=CHUNKS):
            after = rows[-1][0]
            found = await asyncio.to_thread(self._in_chunks, rows, marks)
            slices = 0 if found else slices + 1
            if found or slices >= SLICES:
                slices = 0
                await self._erase(found, erased, [(each.id, after) for each in tombstones])
            moved(after - start, max(end, after) - start)
        end = max(end, after)
        await self._erase({}, erased, [(each.id, end) for each in tombstones])
        return end

    async def _waiting(self, marks: frozenset[Mark], erased: Erased) -> bool:
        def marked(row: Sequence[Any]) -> set[Mark]:
            *_, body, event = row
            return row_marks(body) | (event_marks(event, self._regions) if event else set())

        return await self._rows(ERASURE.waiting, marked, marks, erased)

    async def _letters(self, marks: frozenset[Mark], erased: Erased) -> bool:
        return await self._rows(ERASURE.dead, lambda row: event_marks(row[-1], self._regions), marks, erased)

    async def _rows(
        self, statement: str, marked: Callable[[Sequence[Any]], set[Mark]], marks: frozenset[Mark], erased: Erased
    ) -> bool:
        """Erases the events of the rows that have one of the marks; returns whether there was any."""
        after, any_found = 0, False
        while rows := await self._select(statement, after=after, limit=ROWS):
            after = rows[-1][0]
            found = await asyncio.to_thread(_in_rows, rows, marked, marks)
            if found:
                any_found = True
                await self._erase(found, erased)
        return any_found

    def _in_chunks(self, rows: Iterable[tuple[int, bytes]], marks: frozenset[Mark]) -> Events:
        found: Events = {}
        for chunk_id, content in rows:
            for event, entry in enumerate(unpack(content)):
                if entry != ERASED and not marks.isdisjoint(event_marks(entry, self._regions)):
                    found.setdefault(chunk_id, set()).add(event)
        return found

    async def _select(self, statement: str, **names: int) -> list[Any]:
        return await self._database.read(lambda connection: connection.execute(statement, names).fetchall())

    # What is removed

    async def _erase(self, found: Events, erased: Erased, swept: Sequence[tuple[int, int]] = ()) -> None:
        """Removes events with all that was made of them; notes which tombstones are obeyed up to which chunk."""

        def work(connection: sqlite3.Connection) -> Erased:
            done = Erased()
            with _securely(connection):
                for chunk_id, events in found.items():
                    self._erase_chunk(connection, chunk_id, sorted(events), done)
            for number, chunk_id in swept:
                connection.execute(ERASURE.swept, {"id": number, "chunk_id": chunk_id})
            crash_point("erasure_written")
            return done

        done = await self._database.write(work)
        erased.events += done.events
        erased.waiting += done.waiting
        erased.letters += done.letters

    def _erase_chunk(self, connection: sqlite3.Connection, chunk_id: int, events: list[int], done: Erased) -> None:
        done.events += _emptied(connection, chunk_id, events)
        forget(connection, {chunk_id: events})
        for (consumer,) in connection.execute(ERASURE.consumers).fetchall():
            books = Books(connection, self._store.states, consumer, self._clock.now())
            for event in events:
                where = {"consumer": consumer, "chunk_id": chunk_id, "first": event * PLACES, "places": PLACES}
                lines = [
                    Line((chunk_id, place), None, mapping, Status.EXPIRED, reasons.DELETED_USER)
                    for place, mapping in connection.execute(ERASURE.waiting_of_event, where).fetchall()
                ]
                books.update(lines, ())
                done.waiting += len(lines)
                done.letters += connection.execute(ERASURE.delete_letters, where).rowcount
            books.close()

    async def _known(self) -> None:
        """Removes what was learnt of them. Meanwhile nothing is learnt of anybody with a tombstone."""

        def work(connection: sqlite3.Connection) -> None:
            with _securely(connection):
                delete(connection, numbers)

        numbers = await self._database.read(of_deleted)
        if numbers:
            await self._database.write(work)

    # What is left of it in the file

    async def _rewrite(self, table: str) -> None:
        """Writes a table's rows anew: where rows come and go, SQLite leaves copies of them between others."""
        last, rows = (await self._select(f"SELECT max(rowid), count(*) FROM {table}"))[0]  # noqa: S608 (ours)
        span = f"SELECT max(rowid) - min(rowid) + 1 FROM {table}"  # noqa: S608 (ours)
        if rows <= REWRITTEN:
            await self._database.write(lambda connection: _rewrite(connection, table))
            return
        move = f"UPDATE {table} SET rowid = rowid + :span WHERE rowid IN ({_FIRST.format(table)})"  # noqa: S608 (ours)

        def work(connection: sqlite3.Connection) -> int:
            # Others add rows meanwhile: each slice goes to where the table ends by then.
            names = {"last": last, "limit": ROWS, "span": connection.execute(span).fetchone()[0]}
            with _securely(connection):
                return connection.execute(move, names).rowcount

        while await self._database.write(work):
            pass

    async def _scrubbed(self) -> bool:
        """Fills the database's unused pages with zeros: others free pages without doing so."""
        pages: int = (await self._select("PRAGMA freelist_count"))[0][0]
        for _ in range(4 + 4 * pages // FILL_PAGES):
            if not await self._database.write(_fill):
                break
        whole: bool = (await self._select("PRAGMA freelist_count"))[0][0] == 0
        while await self._database.write(_unfill):
            pass
        return whole

    async def _trimmed(self) -> bool:
        for _ in range(TRIES):
            if await self._database.trim():
                return True
            await self._clock.sleep(TRY_S)
        return False


def _in_rows(rows: Sequence[Any], marked: Callable[[Sequence[Any]], set[Mark]], marks: frozenset[Mark]) -> Events:
    found: Events = {}
    for row in rows:
        if not marks.isdisjoint(marked(row)):
            found.setdefault(row[1], set()).add(row[2] // PLACES)
    return found


def _emptied(connection: sqlite3.Connection, chunk_id: int, events: list[int]) -> int:
    """Puts nothing in the place of a chunk's events, so that the others keep theirs; returns how many were there."""
    row = connection.execute(ERASURE.chunk, {"chunk_id": chunk_id}).fetchone()
    if row is None:
        return 0
    entries, fingerprints = list(unpack(row[0])), bytearray(row[1])
    size = len(fingerprints) // len(entries)
    there = [event for event in events if entries[event] != ERASED]
    for event in there:
        entries[event] = ERASED
        fingerprints[event * size : (event + 1) * size] = bytes(size)
    if there:
        names = {"chunk_id": chunk_id, "content": _pack(entries), "fingerprints": bytes(fingerprints)}
        connection.execute(ERASURE.empty, names)
    return len(there)


_FIRST: Final = "SELECT rowid FROM {} WHERE rowid <= :last ORDER BY rowid LIMIT :limit"


def _rewrite(connection: sqlite3.Connection, table: str) -> None:
    rows = connection.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid").fetchall()  # noqa: S608 (ours)
    columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
    with _securely(connection):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 (ours)
        marks = ", ".join("?" * (len(columns) + 1))
        connection.executemany(f"INSERT INTO {table} (rowid, {', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608 (ours)


def _fill(connection: sqlite3.Connection) -> int:
    """Takes some of the unused pages; returns how many are left."""
    (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    if pages:
        connection.execute(ERASURE.fill, {"size": _value_bytes(min(pages, FILL_PAGES))})
        (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(pages)


def _value_bytes(pages: int) -> int:
    """The size of a value that fills so many further pages, each to its end. Its record begins with its own length."""
    size = _IN_ROW + pages * _IN_PAGE
    return size - 1 - (2 if 2 * size < 2**14 else 3)


def _unfill(connection: sqlite3.Connection) -> int:
    rows = connection.execute(ERASURE.filled, {"limit": 4}).fetchall()
    connection.executemany(ERASURE.unfill, [{"id": number} for (number,) in rows])
    return len(rows)


@contextmanager
def _securely(connection: sqlite3.Connection) -> Iterator[None]:
    """Whatever is deleted is overwritten with zeros."""
    connection.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA secure_delete = FAST")


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
