"""Counts a store's books a second time: from its tables of chunks, pages, waiting rows and dead letters alone."""

from __future__ import annotations

import sqlite3
from collections import Counter
from struct import unpack

import msgspec

from tockwork.model.outcome import Status
from tockwork.store.protocol import DEAD, NO_DELIVERY, Key, Tally
from tockwork.store.sqlite import tally

FIRST = 0x8000
EVENTS = """
SELECT
  (SELECT coalesce(sum(events), 0) FROM page WHERE consumer = :consumer),
  (SELECT coalesce(sum(chunk.events), 0) FROM chunk, consumer
   WHERE consumer.id = :consumer AND active AND chunk.id > joined_after
     AND chunk.id NOT IN (SELECT chunk_id FROM part WHERE consumer != :consumer)
     AND chunk.id NOT IN (SELECT chunk_id FROM page WHERE consumer = :consumer))
"""


def recount(connection: sqlite3.Connection, consumer: str) -> Tally:
    """What `tally` should say, as long as no page was deleted. Checks on the way that exactly what waits has a row, and
    that exactly what is dead has a letter with the same reason."""
    found = connection.execute("SELECT id FROM consumer WHERE name = ?", (consumer,)).fetchone()
    if found is None:
        return Tally()
    names = {"consumer": found[0]}
    decided, undecided = connection.execute(EVENTS, names).fetchone()
    lines, matched, counted = _lines(connection, names)
    assert counted == decided, "a page has other events than its chunk"
    _check_rows(connection, names, lines)
    numbers = Counter((status, reason) for status, reason in lines.values())
    return Tally(decided + undecided, undecided, matched, dict(numbers))


def checked(connection: sqlite3.Connection, consumer: str) -> Tally:
    """The counters, which keep both laws and are what counting again gives."""
    kept, counted = tally(connection, consumer), recount(connection, consumer)
    assert kept == counted
    assert kept.lawful
    decided = (Status.DELIVERED, *DEAD)
    assert kept.deliveries == kept.count(Status.PENDING) + kept.count(*decided)
    return kept


Lines = dict[Key, tuple[Status, str | None]]


def _lines(connection: sqlite3.Connection, names: dict[str, int]) -> tuple[Lines, int, int]:
    """Every line, the number of matched events, and that of all events."""
    states = {row[0]: row[1:] for row in connection.execute("SELECT id, status, reason FROM state")}
    lines: Lines = {}
    matched = events = 0
    for chunk_id, content in connection.execute("SELECT chunk_id, states FROM page WHERE consumer = :consumer", names):
        event, nth = -1, 0
        for word in unpack(f"<{len(content) // 2}H", content):
            event, nth = (event + 1, 0) if word & FIRST else (event, nth + 1)
            status, reason = states[word & ~FIRST]
            lines[chunk_id, event * 64 + nth] = Status(status), reason or None
            matched += word & FIRST != 0 and status not in NO_DELIVERY
            assert not nth or status not in NO_DELIVERY, "an event that makes no delivery has one line"
        events += event + 1
    return lines, matched, events


def _check_rows(connection: sqlite3.Connection, names: dict[str, int], lines: Lines) -> None:
    waiting = connection.execute("SELECT chunk_id, place, reason FROM retry WHERE consumer = :consumer", names)
    pending = {key: reason for key, (status, reason) in lines.items() if status is Status.PENDING}
    assert {(chunk, place): reason for chunk, place, reason in waiting} == pending
    letters = connection.execute("SELECT chunk_id, place, status, reason FROM dead WHERE consumer = :consumer", names)
    dead = {key: line for key, line in lines.items() if line[0] in DEAD and line[1] != "deleted_user"}
    found = {(chunk, place): (status, reason) for chunk, place, status, reason in letters}
    erased = _erased(connection)
    assert found == {key: line for key, line in dead.items() if (key[0], key[1] // 64) not in erased}


def _erased(connection: sqlite3.Connection) -> set[tuple[int, int]]:
    """Events that were erased, by chunk and index: they keep their states, and have no letter."""
    return {
        (chunk, event)
        for chunk, content in connection.execute("SELECT id, content FROM chunk WHERE erased")
        for event, entry in enumerate(msgspec.msgpack.decode(content))
        if entry == b""
    }
