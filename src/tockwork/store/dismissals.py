"""Findings that somebody dismissed: they stay out of sight for a week, or until there is half as much again of them."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from tockwork.model.clock import Clock, SystemClock
from tockwork.store.database import Database
from tockwork.store.statements import Statements

DISMISSALS: Final = Statements("dismissals")
KEPT_S: Final = 7 * 86_400.0
GROWTH: Final = 1.5
"""A finding comes back once its number is so many times what it was."""


class Dismissal(msgspec.Struct, frozen=True):
    """Who dismissed a finding and when (Unix time), and of how many events it was then."""

    code: str
    by: str
    at: float
    number: int

    def hides(self, number: int) -> bool:
        """Whether a finding of `number` events stays out of sight."""
        return number < max(self.number * GROWTH, self.number + 1)


class Dismissals:
    """What was dismissed in a database, by destination and by the finding's code."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    async def of(self, destination: str) -> dict[str, Dismissal]:
        """The dismissals of one destination by code, without those that are a week old."""
        names = {"destination": destination, "since": self._clock.now() - KEPT_S}
        rows = await self._database.read(lambda connection: connection.execute(DISMISSALS.of, names).fetchall())
        return {row[0]: Dismissal(*row) for row in rows}

    async def keep(self, destination: str, code: str, by: str, number: int) -> Dismissal:
        """Dismisses a finding that is of `number` events now."""
        now = self._clock.now()
        row = {"destination": destination, "code": code, "by": by, "at": now, "number": number}

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(DISMISSALS.sweep, {"since": now - KEPT_S})
            connection.execute(DISMISSALS.keep, row)

        await self._database.write(work)
        return Dismissal(code, by, now, number)

    async def drop(self, destination: str, code: str) -> None:
        """Takes a dismissal back; harmless where there is none."""
        names = {"destination": destination, "code": code}
        await self._database.write(lambda connection: connection.execute(DISMISSALS.drop, names))
