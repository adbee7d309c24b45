"""What became of each mapping's deliveries lately."""

from __future__ import annotations

from typing import Final

import msgspec

from tockwork.model.outcome import Status
from tockwork.store.database import Database
from tockwork.store.protocol import DEAD
from tockwork.store.statements import Statements

COUNTS: Final = Statements("mapping_counts")
_DEAD: Final = frozenset(status.value for status in DEAD)


class MappingCounts(msgspec.Struct, frozen=True):
    """Deliveries of one mapping in the time that was asked for. `failed` are the invalid, rejected and expired ones."""

    delivered: int = 0
    failed: int = 0


async def mapping_counts(database: Database, consumer: str, since: float) -> dict[str, MappingCounts]:
    """The counts of a destination's mappings since a Unix time (whole minutes), by name; those without any are left
    out. Of a mapping that was renamed, the counts stay with the former name."""
    names = {"name": consumer, "since": int(since // 60)}
    rows = await database.read(lambda connection: connection.execute(COUNTS.of_mappings, names).fetchall())
    found: dict[str, MappingCounts] = {}
    for mapping, status, number in rows:
        before = found.get(mapping, MappingCounts())
        if status == Status.DELIVERED.value:
            found[mapping] = MappingCounts(before.delivered + number, before.failed)
        elif status in _DEAD:
            found[mapping] = MappingCounts(before.delivered, before.failed + number)
    return found
