"""What people want of a server: configuration versions, and wishes such as pause. It looks every half second."""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from typing import Final

import msgspec

from tockwork.model.clock import Clock, SystemClock
from tockwork.model.crash import crash_point
from tockwork.store.database import Database
from tockwork.store.statements import Statements

CONTROL: Final = Statements("control")
MOST: Final = 2**62
"""Larger than any number of a version."""


class Wish(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    WAKE = "wake"  # look again for rows to be sent


class Wished(msgspec.Struct, frozen=True, array_like=True):
    """A wish for one destination, by name. Ids grow."""

    id: int
    consumer: str
    wish: Wish


class Made(msgspec.Struct, frozen=True):
    """A configuration version: its number, when it was made (Unix time), by whom and why; both empty for those that a
    command or a file made."""

    version: int
    at: float
    by: str
    note: str


class Control:
    """The configuration versions and the wishes in a database."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    async def latest(self) -> int:
        """The newest configuration's version, 0 when there is none."""
        found = await self._database.read(lambda connection: connection.execute(CONTROL.latest).fetchone()[0])
        return int(found or 0)

    async def version(self, version: int) -> bytes | None:
        """A configuration as it was kept; None for a version that never was."""
        names = {"version": version}
        found = await self._database.read(lambda connection: connection.execute(CONTROL.version, names).fetchone())
        return None if found is None else found[0]

    async def made(self, limit: int, before: int = MOST) -> list[Made]:
        """The versions, newest first, older than `before`."""
        names = {"limit": limit, "before": before}
        rows = await self._database.read(lambda connection: connection.execute(CONTROL.made, names).fetchall())
        return [Made(*row) for row in rows]

    async def keep(self, content: bytes, by: str = "", note: str = "") -> int:
        """A new version; returns its number, which is larger than all before. `by` is who made it, `note` why."""
        names = {"at": self._clock.now(), "content": content, "by": by, "note": note}

        def work(connection: sqlite3.Connection) -> int:
            version = int(connection.execute(CONTROL.keep_version, names).fetchone()[0])
            crash_point("version_written")
            return version

        return await self._database.write(work)

    async def wish(self, consumer: str, wish: Wish) -> None:
        """A running server sees to it within a second, else the next one."""
        names = {"consumer": consumer, "wish": wish.value}
        await self._database.write(lambda connection: connection.execute(CONTROL.wish, names))

    async def wishes(self) -> list[Wished]:
        """Those nobody has seen to yet, in order."""
        rows = await self._database.read(lambda connection: connection.execute(CONTROL.wishes).fetchall())
        return [Wished(number, consumer, Wish(wish)) for number, consumer, wish in rows]

    async def fulfilled(self, last: Wished) -> None:
        """Forgets wishes up to `last`."""
        names = {"id": last.id}
        await self._database.write(lambda connection: connection.execute(CONTROL.fulfilled, names))

    async def destined(self, consumer: str) -> str:
        """Where what waits for a consumer goes, as `destine` was told; empty when it was not, or nobody joined."""
        names = {"consumer": consumer}
        found = await self._database.read(lambda connection: connection.execute(CONTROL.destined, names).fetchone())
        return str(found[0]) if found else ""

    async def destine(self, consumer: str, to: str) -> None:
        """Remembers, for a consumer that has joined, where what waits for it goes."""
        names = {"consumer": consumer, "to": to}
        await self._database.write(lambda connection: connection.execute(CONTROL.destine, names))
