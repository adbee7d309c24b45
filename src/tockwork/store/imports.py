"""Files that are imported: how far each one is, and what became of its events."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tockwork.model.clock import Clock, SystemClock
from tockwork.model.errors import TockworkError
from tockwork.model.outcome import Status
from tockwork.store.database import Database
from tockwork.store.ledger import JOURNAL
from tockwork.store.pages import Page
from tockwork.store.protocol import NO_DELIVERY, Key, Line, Part, Tally, UnknownConsumer
from tockwork.store.statements import Statements

IMPORTS: Final = Statements("imports")


class UnknownImport(TockworkError):  # noqa: N818 (says what is so)
    """An import that was never begun, or by another consumer."""


class Import(msgspec.Struct, frozen=True):
    """`position` is how much of the file is in the journal, as the parts said, and `events` how many that made. Unix
    times in seconds; `finished_at` is None until the file is read to its end."""

    id: int
    key: bytes
    consumer: str
    name: str
    position: int
    events: int
    begun_at: float
    finished_at: float | None


class Dead(msgspec.Struct, frozen=True):
    """A dead letter of an import, with its event."""

    line: Line
    event: bytes


class Imports:
    """The imports in a database."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    async def begin(self, key: bytes, consumer: str, name: str) -> Import:
        """The import of the file with this key for `consumer`, a new one if there is none. Raises `UnknownConsumer`
        when it has not joined."""
        at = self._clock.now()

        def work(connection: sqlite3.Connection) -> Import:
            number = _consumer(connection, consumer)
            connection.execute(IMPORTS.begin, {"key": key, "consumer": number, "name": name, "at": at})
            return Import(*connection.execute(IMPORTS.with_key, {"key": key, "name": consumer}).fetchone())

        return await self._database.write(work)

    async def finish(self, import_id: int) -> None:
        """Its file is read to the end."""
        names = {"id": import_id, "at": self._clock.now()}
        await self._database.write(lambda connection: connection.execute(IMPORTS.finish, names))

    async def find(self, import_id: int) -> Import:
        """Raises `UnknownImport`."""
        return await self._database.read(lambda connection: _found(connection, import_id))

    async def all(self) -> list[Import]:
        """In the order in which they were begun."""
        rows = await self._database.read(lambda connection: connection.execute(IMPORTS.all).fetchall())
        return [Import(*row) for row in rows]

    async def tally(self, import_id: int) -> Tally:
        """The counts of its own events, as of one commit, as long as their pages are kept. Raises `UnknownImport`."""
        return await self._database.read(lambda connection: _tally(connection, import_id))

    async def dead(self, import_id: int, after: Key = (0, 0), limit: int = 500) -> list[Dead]:
        """Its dead letters in the order of the file, those behind the key `after`: that of the last one so far."""
        names = {"id": import_id, "chunk_id": after[0], "place": after[1], "limit": limit}
        rows = await self._database.read(lambda connection: connection.execute(IMPORTS.dead, names).fetchall())
        return [
            Dead(Line((chunk_id, place), message_id, mapping, Status(status), reason, detail, code), event)
            for chunk_id, place, message_id, mapping, status, reason, detail, code, event in rows
        ]


def add_part(connection: sqlite3.Connection, chunk_id: int, part: Part, events: int) -> None:
    """Makes a chunk that is being appended part of its import. Raises `UnknownConsumer`, `UnknownImport`."""
    number = _consumer(connection, part.consumer)
    names = {"id": part.import_id, "consumer": number, "chunk_id": chunk_id, "events": events}
    if not connection.execute(IMPORTS.proceed, names | {"position": part.position}).rowcount:
        raise UnknownImport(f"import {part.import_id} for {part.consumer}")
    connection.execute(IMPORTS.accepted, names)
    connection.execute(IMPORTS.take, names)


def _consumer(connection: sqlite3.Connection, name: str) -> int:
    found = connection.execute(JOURNAL.consumer, {"name": name}).fetchone()
    if found is None:
        raise UnknownConsumer(name)
    return int(found[0])


def _found(connection: sqlite3.Connection, import_id: int) -> Import:
    found = connection.execute(IMPORTS.find, {"id": import_id}).fetchone()
    if found is None:
        raise UnknownImport(f"import {import_id}")
    return Import(*found)


def _tally(connection: sqlite3.Connection, import_id: int) -> Tally:
    names: Mapping[str, Any] = {"id": import_id}
    events = _found(connection, import_id).events
    states: Counter[int] = Counter()
    firsts: Counter[int] = Counter()
    for (content,) in connection.execute(IMPORTS.pages, names):
        page = Page(content)
        states.update(page.states())
        firsts.update(page.firsts())
    known = {number: (Status(status), reason or None) for number, status, reason in connection.execute(IMPORTS.state)}
    lines: Counter[tuple[Status, str | None]] = Counter()
    for state, number in states.items():
        lines[known[state]] += number
    matched = sum(number for state, number in firsts.items() if known[state][0] not in NO_DELIVERY)
    (decided,) = connection.execute(IMPORTS.decided, names).fetchone()
    return Tally(events, events - decided, matched, dict(lines))
