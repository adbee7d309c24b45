"""How long what is settled is kept. What is pending is never deleted."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from tockwork.model.crash import crash_point
from tockwork.store.database import Database
from tockwork.store.index import forget
from tockwork.store.space import Space
from tockwork.store.statements import Statements

RETENTION: Final = Statements("retention")
DAY_S: Final = 86_400.0
CHUNKS: Final = 100
ROWS: Final = 2000
"""So much is deleted in one transaction: others have their turn in between."""


class Ages(msgspec.Struct, frozen=True):
    """Days: raw events after they are settled, the ledger's pages, dead letters."""

    events: float = 7.0
    ledger: float = 90.0
    dead_letters: float = 30.0


class Purged(msgspec.Struct):
    """What was deleted; `ids` are TikTok's ids of people that had expired."""

    events: int = 0
    chunks: int = 0
    pages: int = 0
    dead_letters: int = 0
    ids: int = 0

    def add(self, other: Purged) -> None:
        self.events += other.events
        self.chunks += other.chunks
        self.pages += other.pages
        self.dead_letters += other.dead_letters
        self.ids += other.ids

    def __bool__(self) -> bool:
        return bool(self.chunks or self.pages or self.dead_letters or self.ids)


class Retention:
    """Deletes what is old from a database, and what is settled when its disk gets full."""

    def __init__(self, database: Database, space: Space, ages: Ages) -> None:
        self._database = database
        self._space = space
        self.ages = ages

    async def purge(self, now: float) -> Purged:
        """Deletes all that is older than it should be, at Unix time `now`."""
        total = Purged()
        while purged := await self._step(now, self.ages):
            total.add(purged)
        return total

    async def make_room(self, now: float) -> Purged:
        """Deletes settled events early, the oldest first, while the disk is short of room."""
        total = Purged()
        if self._space.tight and self._space.log_bytes:
            await self._database.trim()
        await self._database.read(self._space.look_inside)  # other processes use up what is unused
        while self._space.short:
            purged = await self._step(now, Ages(0.0, self.ages.ledger, self.ages.dead_letters))
            if not purged:
                break
            total.add(purged)
        return total

    async def _step(self, now: float, ages: Ages) -> Purged:
        def work(connection: sqlite3.Connection) -> Purged:
            purged = _delete(connection, now, ages)
            self._space.look_inside(connection)
            crash_point("purge_written")
            return purged

        return await self._database.write(work)


def _delete(connection: sqlite3.Connection, now: float, ages: Ages) -> Purged:
    purged = Purged()
    connection.execute(RETENTION.raise_low)
    old = {"before": now - ages.events * DAY_S, "limit": CHUNKS}
    settled = connection.execute(RETENTION.settled_chunks, old).fetchall()
    forget(connection, {number: None for number, _ in settled})
    for number, events in settled:
        connection.execute(RETENTION.delete_chunk, {"id": number})
        purged.chunks += 1
        purged.events += events
    old = {"before": now - ages.ledger * DAY_S, "limit": ROWS}
    purged.pages = connection.execute(RETENTION.delete_pages, old).rowcount
    connection.execute(RETENTION.delete_parts, {"limit": ROWS})
    for statement in (
        RETENTION.delete_minutes,
        RETENTION.delete_hours,
        RETENTION.add_up_arrivals,
        RETENTION.delete_arrivals,
        RETENTION.delete_arrival_hours,
    ):
        connection.execute(statement, {"before": now - ages.ledger * DAY_S})
    old = {"before": now - ages.dead_letters * DAY_S, "limit": ROWS}
    purged.dead_letters = connection.execute(RETENTION.delete_letters, old).rowcount
    purged.ids = connection.execute(RETENTION.delete_ids, {"now": now, "limit": ROWS}).rowcount
    return purged
