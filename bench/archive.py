"""A data folder with millions of events in its journal and ledger, written straight into the tables."""

from __future__ import annotations

import random
import sqlite3
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from tockwork.model.outcome import Status
from tockwork.store.database import FILE
from tockwork.store.protocol import PLACES
from tockwork.store.recent import digests
from tockwork.store.sqlite import SqliteStore

DESTINATIONS: Final = ("Web", "App", "Stores")
SOURCES: Final = ("shop", "till")
NAMES: Final = (
    "Product Viewed,Product Clicked,Products Searched,Product Added,Product Removed,Product Added to Wishlist,"
    "Cart Viewed,Checkout Started,Checkout Step Viewed,Payment Info Entered,Order Completed,Order Placed,"
    "Order Refunded,Signed Up,Signed In,Form Submitted,Subscription Created,Coupon Applied,Review Written"
).split(",")
RARE: Final = "Gift Card Bought"
RARE_EVERY: Final = 50_000
"""One event in so many has a name that hardly ever occurs."""
PEOPLE: Final = 400_000
DAYS: Final = 7.0
ROWS: Final = 200
STATES: Final = (
    (Status.DELIVERED, "", 0.55),
    (Status.FILTERED, "no_trigger", 0.42),
    (Status.DUPLICATE, "duplicate", 0.015),
    (Status.SUPPRESSED, "suppressed_user", 0.005),
    (Status.REJECTED, "bad_parameter", 0.006),
    (Status.INVALID, "field_type", 0.004),
)
"""With their shares: one event in a hundred is a dead letter."""

_FIRST: Final = 0x8000
_pack: Final = msgspec.msgpack.Encoder().encode


class Archive(msgspec.Struct):
    """What is in there: how many events, ids of messages and people to look for, and from when to when (Unix time)."""

    events: int
    message_ids: list[str]
    people: list[str]
    since: float
    until: float


async def made(folder: Path, events: int, seed: int = 1) -> Archive:
    """Fills `folder`, a new one, with so many events of the last seven days."""
    async with SqliteStore.open(folder, reserve_bytes=0) as store:
        for name in DESTINATIONS:
            await store.join(name)
    connection = sqlite3.connect(folder / FILE, isolation_level=None)
    for pragma in ("synchronous = OFF", "wal_autocheckpoint = 20000", "cache_size = -200000"):
        connection.execute(f"PRAGMA {pragma}")
    try:
        return _Filling(connection, events, random.Random(seed)).run()
    finally:
        connection.close()


class _Filling:
    def __init__(self, connection: sqlite3.Connection, events: int, pick: random.Random) -> None:
        self._connection = connection
        self._events = events
        self._pick = pick
        self._tally: Counter[tuple[int, int]] = Counter()
        self._minutes: Counter[tuple[int, int, int]] = Counter()
        self._arrivals: Counter[tuple[int, str]] = Counter()
        self._until = time.time()
        self._since = self._until - DAYS * 86400

    def run(self) -> Archive:
        connection, pick = self._connection, self._pick
        connection.execute("BEGIN")
        rows = [
            (status.value, reason, "All" if status not in ("filtered", "duplicate") else "")
            for status, reason, _ in STATES
        ]
        connection.executemany("INSERT INTO state (status, reason, mapping) VALUES (?, ?, ?)", rows)
        archive = Archive(self._events, [], [], self._since, self._until)
        made = chunk_id = 0
        while made < self._events:
            chunk_id += 1
            number = min(pick.choice((1, 2, 5, 20, 60, 100, 200, 350, 500)), self._events - made)
            self._chunk(chunk_id, made, number, archive)
            made += number
        connection.execute("UPDATE journal SET last_id = ?, events = ?", (chunk_id, made))
        self._totals(made, chunk_id)
        connection.execute("COMMIT")
        return archive

    def _chunk(self, chunk_id: int, before: int, number: int, archive: Archive) -> None:
        at = self._since + (before + number) / self._events * (self._until - self._since)
        source = SOURCES[self._pick.random() < 0.1]
        ids = [f"ajs-next-{before + each}-{self._pick.getrandbits(64):016x}" for each in range(number)]
        entries = [self._event(before + each, message_id, at, archive) for each, message_id in enumerate(ids)]
        if self._pick.random() < 0.02:
            archive.message_ids.append(ids[-1])
        runs = msgspec.json.encode([(source, number)])
        row = (chunk_id, at, number, runs, digests(ids), _pack(entries), None)
        self._connection.execute(
            "INSERT INTO chunk (id, appended_at, events, sources, fingerprints, content, duplicates) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        self._arrivals[int(at // 60), source] += number
        for consumer in range(1, len(DESTINATIONS) + 1):
            self._page(consumer, chunk_id, at, ids, entries)

    def _event(self, number: int, message_id: str, at: float, archive: Archive) -> bytes:
        pick = self._pick
        person = int(pick.random() ** 2 * PEOPLE)
        name = NAMES[int(pick.random() ** 2 * len(NAMES))] if number % RARE_EVERY else RARE
        if number % 9973 == 0:
            archive.people.append(f"user_{person}")
        call = b'"type":"page","name":"Home"' if number % 4 == 1 else b'"type":"track","event":"%s"' % name.encode()
        return (
            b'{"anonymousId":"anon-%d","context":{"ip":"203.0.113.%d","page":{"url":"https://shop.example/p/%d"},'
            b'"traits":{"email":"p%d@shop.example"},"userAgent":"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1)"},'
            b'"messageId":"%s","properties":{"price":%d.5,"currency":"USD","product_id":"sku-%d"},'
            b'"receivedAt":"2026-11-20T10:00:00.000Z","timestamp":"2026-11-20T09:59:59.000Z",%s,"userId":"user_%d"}'
        ) % (person, number % 250, number % 999, person, message_id.encode(), number % 300, number % 5000, call, person)

    def _page(self, consumer: int, chunk_id: int, at: float, ids: list[str], entries: list[bytes]) -> None:
        weights = [share for *_, share in STATES]
        states = self._pick.choices(range(1, len(STATES) + 1), weights, k=len(ids))
        for state, number in Counter(states).items():
            self._tally[consumer, state] += number
            self._minutes[int(at // 60), consumer, state] += number
        words = array("H", [state | _FIRST for state in states]).tobytes()
        self._connection.execute(
            "INSERT INTO page (consumer, chunk_id, settled_at, events, states) VALUES (?, ?, ?, ?, ?)",
            (consumer, chunk_id, at + 1, len(ids), words),
        )
        dead = [
            (consumer, chunk_id, event * PLACES, at + 1, ids[event], "All", *_named(state), entries[event])
            for event, state in enumerate(states)
            if state > 4
        ]
        self._connection.executemany(
            "INSERT INTO dead (consumer, chunk_id, place, died_at, message_id, mapping, status, reason, detail, code,"
            " event) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'said so', 40002, ?)",
            dead,
        )

    def _totals(self, made: int, last_id: int) -> None:
        connection = self._connection
        connection.executemany(
            "INSERT INTO tally (consumer, state, number) VALUES (?, ?, ?)",
            [(*key, number) for key, number in self._tally.items()],
        )
        minutes = [(*key, number) for key, number in self._minutes.items()]
        connection.executemany("INSERT INTO minute (minute, consumer, state, number) VALUES (?, ?, ?, ?)", minutes)
        arrivals = [(*key, number) for key, number in self._arrivals.items()]
        connection.executemany("INSERT INTO arrival (minute, source, events) VALUES (?, ?, ?)", arrivals)
        connection.execute(
            "INSERT INTO hour (hour, consumer, state, number)"
            " SELECT minute / 60, consumer, state, sum(number) FROM minute GROUP BY minute / 60, consumer, state"
        )
        connection.execute(
            "INSERT INTO arrival_hour (hour, source, events)"
            " SELECT minute / 60, source, sum(events) FROM arrival GROUP BY minute / 60, source"
        )
        matched = dict.fromkeys(range(1, len(DESTINATIONS) + 1), 0)
        for (consumer, state), number in self._tally.items():
            matched[consumer] += 0 if state in (2, 3, 4) else number
        connection.executemany(
            "UPDATE consumer SET decided = ?, matched = ?, low = ? WHERE id = ?",
            [(made, number, last_id, consumer) for consumer, number in matched.items()],
        )


def _named(state: int) -> tuple[str, str]:
    status, reason, _ = STATES[state - 1]
    return status.value, reason


def queries(archive: Archive) -> Iterator[tuple[str, dict[str, Any]]]:
    """Searches by what they look for, as the management API takes them, a few of each sort."""
    span = archive.until - archive.since
    for part in range(5):
        since = archive.since + span * part / 5
        yield "time", {"since": since, "until": since + 3600}
        yield "name", {"name": NAMES[part]}
        yield "name", {"name": RARE}
        yield "type", {"type": ("page", "track", "identify")[part % 3]}
        yield "source", {"source": SOURCES[part % 2]}
        yield "destination", {"destination": DESTINATIONS[part % 3]}
        for status, reason, _ in STATES:
            yield "status", {"destination": DESTINATIONS[part % 3], "status": status.value}
            yield "status", {"destination": DESTINATIONS[part % 3], "status": status.value, "reason": reason}
            yield "name and status", {"name": NAMES[part], "status": status.value}
            yield "time, name and status", {"since": since, "name": NAMES[part + 5], "status": status.value}
        yield "status", {"status": "pending"}
        yield "status", {"status": "undecided"}
    for message_id in archive.message_ids[:20]:
        yield "exact id", {"message_id": message_id}
    yield "exact id", {"message_id": "never-seen"}
    for person in archive.people[:20]:
        yield "user", {"user": person}
        yield "user and name", {"user": person, "name": NAMES[3]}
    yield "user", {"user": "nobody"}
