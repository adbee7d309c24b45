"""How many deliveries each mapping made, by the sums that the ledger keeps for every hour."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from tockwork.store.database import Database
from tockwork.store.statements import Statements

VOLUMES: Final = Statements("volumes")
HOUR_S: Final = 3600
DAY_HOURS: Final = 24
WEEK_HOURS: Final = 168


class Volume(msgspec.Struct):
    """One mapping's deliveries that were decided: in the last 24 full hours, in the 24 before them, and when there was
    one last, by the hour (Unix time; None for none in the last week)."""

    now: int = 0
    before: int = 0
    last_at: float | None = None


class Volumes(msgspec.Struct):
    """`mappings` are those that had any in the last week. `settled_in` says whether the consumer has taken events for
    longer than that, so that a young one is not called silent."""

    mappings: dict[str, Volume]
    settled_in: bool


async def volumes(database: Database, consumer: str, now: float) -> Volumes:
    """The volumes of one consumer; none for one that never joined."""
    return await database.read(lambda connection: _volumes(connection, consumer, int(now // HOUR_S)))


def _volumes(connection: sqlite3.Connection, consumer: str, hour: int) -> Volumes:
    known = connection.execute(VOLUMES.consumer, {"name": consumer}).fetchone()
    if known is None:
        return Volumes({}, False)
    number, joined_after = known
    found: dict[str, Volume] = {}
    names = {"consumer": number, "first": hour - WEEK_HOURS, "last": hour}
    for at, mapping, count in connection.execute(VOLUMES.hours, names):
        one = found.setdefault(mapping, Volume())
        one.last_at = max(one.last_at or 0, at * HOUR_S)
        if hour - DAY_HOURS <= at < hour:
            one.now += count
        elif hour - 2 * DAY_HOURS <= at < hour:
            one.before += count
    first = connection.execute(VOLUMES.first, {"joined_after": joined_after}).fetchone()
    return Volumes(found, first is not None and _is_old(first, joined_after, (hour - WEEK_HOURS) * HOUR_S))


def _is_old(first: tuple[int, float], joined_after: int, week_ago: float) -> bool:
    """Whether its first chunk that is kept is old, or was not its first: that one was purged, which takes a while."""
    chunk_id, at = first
    return chunk_id > joined_after + 1 or at <= week_ago
