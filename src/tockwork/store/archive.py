"""Finds events by their messageId, and what became of them."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from tockwork.model.outcome import Status
from tockwork.store.database import Database
from tockwork.store.ledger import unpack
from tockwork.store.pages import Page
from tockwork.store.protocol import ERASED, PLACES, Line
from tockwork.store.recent import digests
from tockwork.store.statements import Statements

ARCHIVE: Final = Statements("archive")
_OLD: Final = struct.Struct("=I")
"""The CRC-32 of a messageId, by which events were found before schema 3."""


class Found(msgspec.Struct):
    """One event: where it is kept, when it was accepted (Unix time), from which source, and its lines by consumer. A
    consumer that has not decided it has none."""

    chunk_id: int
    event: int
    accepted_at: float
    source: str
    entry: bytes
    lines: dict[str, list[Line]]


class Archive:
    """The journal and the ledger, by event. A lookup reads twelve bytes of every event that is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, message_id: str) -> list[Found]:
        """The events with this messageId, in the order of their acceptance."""
        return await self._database.read(lambda connection: list(_find(connection, message_id)))

    async def newest(self, limit: int) -> list[tuple[str, bytes]]:
        """The newest events that are kept, the newest chunk first: each with the name of its source."""
        return await self._database.read(lambda connection: list(islice(_newest(connection), limit)))


def _newest(connection: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    for sources, content in connection.execute(ARCHIVE.newest):
        runs = msgspec.json.decode(sources)
        for event, entry in enumerate(unpack(content)):
            if entry != ERASED:
                yield _source(runs, event), entry


def _find(connection: sqlite3.Connection, message_id: str) -> Iterator[Found]:
    new, old = digests([message_id]), _OLD.pack(zlib.crc32(message_id.encode()))
    rows = connection.execute(ARCHIVE.candidates, {"digest": new, "bytes": len(new), "crc": old}).fetchall()
    for chunk_id, at, sources, events, fingerprints, content in rows:
        size = len(fingerprints) // events
        wanted = new if size == len(new) else old
        for event in range(events):
            if fingerprints.startswith(wanted, event * size):
                entry = unpack(content)[event]
                if entry != ERASED and msgspec.json.decode(entry).get("messageId") == message_id:
                    lines = _lines(connection, chunk_id, event, message_id)
                    yield Found(chunk_id, event, at, _source(msgspec.json.decode(sources), event), entry, lines)


def _source(runs: list[tuple[str, int]], event: int) -> str:
    for source, events in runs:
        event -= events
        if event < 0:
            return source
    return ""


def _lines(connection: sqlite3.Connection, chunk_id: int, event: int, message_id: str) -> dict[str, list[Line]]:
    lines: dict[str, list[Line]] = {}
    for name, states in connection.execute(ARCHIVE.pages, {"chunk_id": chunk_id}).fetchall():
        lines[name] = [
            _line(connection, {"name": name, "chunk_id": chunk_id, "place": place}, state, message_id)
            for place, state in Page(states).lines()
            if place // PLACES == event
        ]
    return lines


def _line(connection: sqlite3.Connection, where: dict[str, Any], state: int, message_id: str) -> Line:
    status, reason, mapping = connection.execute(ARCHIVE.state, {"id": state}).fetchone()
    detail = code = None
    if status == Status.PENDING:
        reason, detail, code = connection.execute(ARCHIVE.retry, where).fetchone()
    else:
        detail, code = connection.execute(ARCHIVE.dead, where).fetchone() or (None, None)
    key = (where["chunk_id"], where["place"])
    return Line(key, message_id, mapping or None, Status(status), reason or None, detail, code)
