"""Of whom nothing is sent: the suppression list, and the tombstones of people who were deleted.

Why it is built so: docs/decisions/0012-privacy.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec

from tockwork.destinations.person import Mark
from tockwork.model import reasons
from tockwork.model.clock import Clock, SystemClock
from tockwork.store.database import Database
from tockwork.store.ledger import JOURNAL, unpack
from tockwork.store.protocol import ERASED, PLACES, Key
from tockwork.store.statements import Statements

SUPPRESSION: Final = Statements("suppression")


class Suppressed(msgspec.Struct, frozen=True):
    """An entry of the list. `consumer` is the destination that it is limited to, "" for all; Unix time."""

    mark: Mark
    consumer: str
    added_at: float


class Tombstone(msgspec.Struct, frozen=True):
    """A person who was deleted. `erased_at` is None while traces may be left. Unix times."""

    mark: Mark
    made_at: float
    erased_at: float | None


class Suppression:
    """The list and the tombstones in a database. Several processes may change them."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    async def add(self, marks: Iterable[Mark], consumer: str = "") -> int:
        """Sends nothing more of these people to `consumer`, "" for everyone; returns how many are new on the list."""
        rows = [{"mark": mark, "consumer": consumer, "at": self._clock.now()} for mark in marks]
        return await self._change(SUPPRESSION.suppress, rows)

    async def remove(self, marks: Iterable[Mark], consumer: str = "") -> int:
        """Takes people off the list; returns how many were on it. For everyone (`consumer` ""), those who were deleted
        may come back too, once nothing of them is left to erase."""
        rows = [{"mark": mark, "consumer": consumer} for mark in marks]

        def work(connection: sqlite3.Connection) -> int:
            done = connection.executemany(SUPPRESSION.unsuppress, rows).rowcount if rows else 0
            if not consumer and rows:
                done += connection.executemany(SUPPRESSION.unbury, rows).rowcount
            if done:
                connection.execute(SUPPRESSION.withdraw)
            return done

        return await self._database.write(work)

    async def delete(self, marks: Iterable[Mark]) -> int:
        """Makes tombstones: from now on nothing of these people is sent, and `Erasure` removes what is kept."""
        return await self._change(SUPPRESSION.bury, [{"mark": mark, "at": self._clock.now()} for mark in marks])

    async def suppressed(self) -> list[Suppressed]:
        rows = await self._database.read(lambda connection: connection.execute(SUPPRESSION.suppressions).fetchall())
        return [Suppressed(*row) for row in rows]

    async def tombstones(self) -> list[Tombstone]:
        rows = await self._database.read(lambda connection: connection.execute(SUPPRESSION.tombstones).fetchall())
        return [Tombstone(*row) for row in rows]

    async def soiled(self, marks: Iterable[Mark], chunk_id: int) -> None:
        """An event of people who were deleted has come in since: it is to be erased too."""
        await self._change(SUPPRESSION.soil, [{"mark": mark, "chunk_id": chunk_id} for mark in marks])

    async def events(self, consumer: str, keys: Sequence[Key]) -> list[bytes]:
        """The events of pending deliveries, in order; empty for one that is gone."""

        def work(connection: sqlite3.Connection) -> list[bytes]:
            number = connection.execute(JOURNAL.consumer, {"name": consumer}).fetchone()
            contents: dict[int, tuple[bytes, ...]] = {}
            return [_event(connection, number[0] if number else 0, key, contents) for key in keys]

        return await self._database.read(work)

    async def _change(self, statement: str, rows: list[dict[str, Any]]) -> int:
        def work(connection: sqlite3.Connection) -> int:
            return connection.executemany(statement, rows).rowcount if rows else 0

        return await self._database.write(work)


def _event(connection: sqlite3.Connection, consumer: int, key: Key, contents: dict[int, tuple[bytes, ...]]) -> bytes:
    chunk_id, place = key
    where = {"consumer": consumer, "chunk_id": chunk_id, "place": place}
    waiting = connection.execute(SUPPRESSION.event, where).fetchone()
    if waiting is None:
        return ERASED
    if waiting[0] is not None:
        return bytes(waiting[0])
    if chunk_id not in contents:
        contents[chunk_id] = unpack(connection.execute(JOURNAL.content, where).fetchone()[0])
    return contents[chunk_id][place // PLACES]


class Blocklist:
    """The list and the tombstones in memory, for all destinations of a process. `refresh` before it is asked: that
    costs one look at the database, and reads what is new."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._versions: tuple[int, int, int] = (0, 0, 0)
        self._suppressed: dict[str, set[Mark]] = {}
        self._deleted: set[Mark] = set()

    async def refresh(self) -> None:
        await self._database.read(self._read)

    def is_empty(self, consumer: str) -> bool:
        return not (self._deleted or self._suppressed.get("") or self._suppressed.get(consumer))

    def deleted(self, marks: Collection[Mark]) -> set[Mark]:
        """Those of the marks that belong to people who were deleted."""
        return self._deleted.intersection(marks)

    def reason(self, marks: Collection[Mark], consumer: str) -> str | None:
        """Why nothing with these marks may be sent to `consumer`; None where it may."""
        if not self._deleted.isdisjoint(marks):
            return reasons.DELETED_USER
        listed = (self._suppressed.get(name) for name in ("", consumer))
        return reasons.SUPPRESSED_USER if any(some and not some.isdisjoint(marks) for some in listed) else None

    def _read(self, connection: sqlite3.Connection) -> None:
        suppressed, deleted, withdrawn = connection.execute(SUPPRESSION.versions).fetchone()
        found = (suppressed or 0, deleted or 0, withdrawn)
        if found == self._versions:
            return
        if withdrawn != self._versions[2]:
            self._versions = (0, 0, withdrawn)
            self._suppressed, self._deleted = {}, set()
        after_suppressed, after_deleted, _ = self._versions
        for _, mark, consumer in connection.execute(SUPPRESSION.suppressed_after, {"after": after_suppressed}):
            self._suppressed.setdefault(consumer, set()).add(mark)
        self._deleted.update(
            mark for _, mark in connection.execute(SUPPRESSION.deleted_after, {"after": after_deleted})
        )
        self._versions = found
