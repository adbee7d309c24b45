"""The audit log: who did what in the console and through the management API, and when."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from tockwork.model.clock import Clock, SystemClock
from tockwork.store.accounts import ACCOUNTS
from tockwork.store.database import Database

KEPT_S: Final = 400 * 24 * 3600.0
"""More than a year, since people look back from the same day of the last one."""

REFUSED: Final = "session.refused"
MOST_REFUSED: Final = 5000
"""So many of these are kept: strangers cause them, and could fill the disk."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did. `about` is what they did it to. Ids grow; Unix time."""

    id: int
    at: float
    who: str
    action: str
    about: str
    detail: dict[str, Any]


class Audit:
    """The log in a database: it is added to, and forgets what is older than `KEPT_S`."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    async def add(self, who: str, action: str, about: str, detail: dict[str, Any]) -> None:
        now = self._clock.now()
        names = {"at": now, "who": who, "action": action, "about": about, "before": now - KEPT_S}
        names["detail"] = msgspec.json.encode(detail).decode()

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(ACCOUNTS.note, names)
            connection.execute(ACCOUNTS.forget_notes, names)
            if action == REFUSED:
                connection.execute(ACCOUNTS.forget_refusals, {"action": action, "most": MOST_REFUSED})

        await self._database.write(work)

    async def page(
        self, limit: int, before: int | None = None, who: str | None = None, action: str | None = None
    ) -> list[Note]:
        """The newest notes, at most `limit`: those with an id below `before`, of one person and of one action."""
        names = {"limit": limit, "before": before or 2**62, "who": who, "action": action}
        rows = await self._database.read(lambda connection: connection.execute(ACCOUNTS.notes, names).fetchall())
        return [
            Note(id=number, at=at, who=by, action=done, about=about, detail=msgspec.json.decode(detail))
            for number, at, by, done, about, detail in rows
        ]

    async def known(self) -> tuple[list[str], list[str]]:
        """Everybody who did something, and all that was done."""

        def work(connection: sqlite3.Connection) -> tuple[list[str], list[str]]:
            found = [connection.execute(sql).fetchall() for sql in (ACCOUNTS.note_people, ACCOUNTS.note_actions)]
            return [row[0] for row in found[0]], [row[0] for row in found[1]]

        return await self._database.read(work)
