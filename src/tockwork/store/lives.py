"""One event with everything that is kept of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

from tockwork.model.event import Envelope
from tockwork.model.fate import History
from tockwork.model.outcome import Status
from tockwork.store.database import Database
from tockwork.store.duplicates import read as read_duplicates
from tockwork.store.fates import Consumer, Fates
from tockwork.store.index import SEARCH, narrow, runs
from tockwork.store.ledger import read_history, unpack
from tockwork.store.protocol import ERASED, PLACES, Key
from tockwork.store.tail import Row, row_of

NEWEST_CHUNKS: Final = 2000
"""So many are looked through for the newest events of some name."""
_read_envelope: Final = msgspec.json.Decoder(Envelope).decode


class Waiting(msgspec.Struct, frozen=True):
    """A row that is to be sent again: when (Unix time), until when, what it is, and what was tried."""

    at: float
    expires_at: float | None
    envelope: Envelope
    row: bytes
    history: History


class Delivery(msgspec.Struct, frozen=True):
    """One line of the ledger, with what is known beside it. `died_at` is a Unix time."""

    mapping: str
    status: str
    reason: str = ""
    detail: str = ""
    code: int | None = None
    died_at: float | None = None
    waiting: Waiting | None = None


class Course(msgspec.Struct, frozen=True):
    """An event at one destination. `settled_at` is when its chunk's state last changed there, None before it was
    decided; `begun_at` when the first attempt began that is still open, with configuration `version`."""

    destination: str
    deliveries: list[Delivery]
    settled_at: float | None = None
    begun_at: float | None = None
    version: int | None = None


class Life(msgspec.Struct, frozen=True):
    """One event. `at` is when it was accepted (Unix time), None where only a dead letter has it still."""

    key: Key
    entry: bytes
    at: float | None
    source: str
    duplicate: bool
    courses: list[Course]


class Lives:
    """The events in a store, one by one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: Key) -> Life | None:
        """None where nothing is kept of it."""
        return await self._database.read(lambda connection: _find(connection, key))

    async def newest(self, limit: int, name: str | None = None) -> list[tuple[Row, bytes]]:
        """The newest events that are kept, the newest first; of one name, if it is given."""
        return await self._database.read(lambda connection: _newest(connection, limit, name))

    async def version_at(self, at: float) -> int | None:
        """The configuration version that was the newest at a time."""
        names = {"at": at}
        found = await self._database.read(lambda connection: connection.execute(SEARCH.version_at, names).fetchone())
        return None if found is None or found[0] is None else int(found[0])


def _find(connection: sqlite3.Connection, key: Key) -> Life | None:
    chunk_id, event = key
    row = connection.execute(SEARCH.event, {"chunk_id": chunk_id}).fetchone()
    at, source, duplicate = None, "", False
    if row is None:
        names = {"chunk_id": chunk_id, "first": event * PLACES, "last": event * PLACES + PLACES - 1}
        kept = connection.execute(SEARCH.kept_event, names).fetchone()
        entry = ERASED if kept is None else kept[0]
    else:
        at, events, sources, content, duplicates = row
        if event >= events:
            return None
        entry, source = unpack(content)[event], list(runs(sources, events))[event]
        duplicate = event in read_duplicates(duplicates)
    if entry == ERASED:
        return None
    fates = Fates(connection)
    courses = [course for one in fates.consumers for course in _course(connection, fates, one, key)]
    return Life(key, entry, at, source, duplicate, courses)


def _course(connection: sqlite3.Connection, fates: Fates, consumer: Consumer, key: Key) -> Iterator[Course]:
    where = {"consumer": consumer.id, "chunk_id": key[0]}
    settled = connection.execute(SEARCH.settled_at, where).fetchone()
    begun = connection.execute(SEARCH.attempt, where).fetchone() or (None, None)
    if settled is None:
        if consumer.active and fates.owns(consumer, key[0]):
            yield Course(consumer.name, [], None, *begun)
        return
    deliveries = [
        _delivery(connection, {**where, "place": place}, *fates.states[state])
        for place, state in fates.lines(consumer, *key)
    ]
    yield Course(consumer.name, deliveries, settled[0], *begun)


def _delivery(
    connection: sqlite3.Connection, where: dict[str, int], status: str, reason: str, mapping: str
) -> Delivery:
    if status == Status.PENDING and (row := connection.execute(SEARCH.retry, where).fetchone()):
        why, detail, code, at, expires_at, envelope, history, body = row
        waiting = Waiting(at, expires_at, _read_envelope(envelope), body, read_history(history))
        return Delivery(mapping, status, why or "", detail or "", code, waiting=waiting)
    detail, code, died_at = connection.execute(SEARCH.letter, where).fetchone() or ("", None, None)
    return Delivery(mapping, status, reason, detail or "", code, died_at)


def _newest(connection: sqlite3.Connection, limit: int, name: str | None) -> list[tuple[Row, bytes]]:
    found: list[tuple[Row, bytes]] = []
    before = 2**62
    for _ in range(NEWEST_CHUNKS):
        row = connection.execute(SEARCH.newest, {"before": before}).fetchone()
        if row is None:
            break
        chunk_id, at, events, sources, content = row
        before = chunk_id - 1
        entries, names = unpack(content), list(runs(sources, events))
        for event in range(events - 1, -1, -1):
            entry = entries[event]
            if entry != ERASED and name in (None, narrow(entry).title):
                found.append((row_of((chunk_id, event), at, names[event], entry), entry))
                if len(found) == limit:
                    return found
    return found
