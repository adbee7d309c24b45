"""How everything in a store stands, as of one commit."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from tockwork.store.database import Database
from tockwork.store.protocol import Tally
from tockwork.store.retention import DAY_S
from tockwork.store.sqlite import tally
from tockwork.store.statements import Statements

OVERVIEW: Final = Statements("overview")


class Consumed(msgspec.Struct, frozen=True):
    """One consumer: its counts, when the oldest undecided event was accepted (Unix time), and its standing as kept."""

    tally: Tally
    oldest_at: float | None
    standing: bytes | None


class Arrived(msgspec.Struct, frozen=True):
    """What came of a source: events ever, those of the last 24 hours, and when the last one came (Unix time, to the
    minute; None where that is too long ago to be known)."""

    events: int = 0
    last_day: int = 0
    last_at: float | None = None


class Overview:
    """Reads a store. `consumers` are the active ones by name; `sources` the events that each source ever sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def names(self) -> set[str]:
        """The consumers."""
        rows = await self._database.read(lambda connection: connection.execute(OVERVIEW.consumers).fetchall())
        return {name for _, name, _ in rows}

    async def arrived(self, now: float) -> dict[str, Arrived]:
        """What came of each source, by name. `now` is Unix time."""
        names = {"since": int((now - DAY_S) // 60)}
        rows = await self._database.read(lambda connection: connection.execute(OVERVIEW.arrived, names).fetchall())
        return {source: Arrived(events, day, minute * 60 if minute else None) for source, events, day, minute in rows}

    async def oldest_event(self) -> float | None:
        """When the oldest event was accepted that is kept, Unix time; None without one."""
        row = await self._database.read(lambda connection: connection.execute(OVERVIEW.oldest_event).fetchone())
        return None if row is None else float(row[0])

    async def read(self) -> tuple[dict[str, Consumed], dict[str, int]]:
        """Consumers and sources."""

        def work(connection: sqlite3.Connection) -> tuple[dict[str, Consumed], dict[str, int]]:
            found = {}
            for number, name, after in connection.execute(OVERVIEW.consumers).fetchall():
                names = {"consumer": number, "after": after}
                oldest = connection.execute(OVERVIEW.oldest_at, names).fetchone()
                (standing,) = connection.execute(OVERVIEW.standing, names).fetchone()
                found[name] = Consumed(tally(connection, name), oldest[0] if oldest else None, standing)
            return found, dict(connection.execute(OVERVIEW.arrivals).fetchall())

        return await self._database.read(work)
