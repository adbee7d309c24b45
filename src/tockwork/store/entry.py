"""One event of the journal, by its chunk and its index there."""

from __future__ import annotations

import sqlite3

from tockwork.store.database import Database
from tockwork.store.ledger import JOURNAL, unpack
from tockwork.store.protocol import ERASED


async def entry(database: Database, chunk_id: int, index: int) -> bytes | None:
    """The event's JSON; None where it is gone, was erased or never was."""

    def work(connection: sqlite3.Connection) -> bytes | None:
        found = connection.execute(JOURNAL.content, {"chunk_id": chunk_id}).fetchone()
        entries = unpack(found[0]) if found else ()
        return entries[index] if index < len(entries) and entries[index] != ERASED else None

    return await database.read(work)
