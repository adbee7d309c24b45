"""How everything in a store stands, as of one commit."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from tockwork.store.database import Database
from tockwork.store.protocol import Tally
from tockwork.store.sqlite import tally
from tockwork.store.statements import Statements

OVERVIEW: Final = Statements("overview")


class Consumed(msgspec.Struct, frozen=True):
    """One consumer: its counts, when the oldest undecided event was accepted (Unix time), and its standing as kept."""

    tally: Tally
    oldest_at: float | None
    standing: bytes | None


class Overview:
    """Reads a store. `consumers` are the active ones by name; `sources` the events that each source ever sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def names(self) -> set[str]:
        """The consumers."""
        rows = await self._database.read(lambda connection: connection.execute(OVERVIEW.consumers).fetchall())
        return {name for _, name, _ in rows}

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
