"""A sample of the events of some time, evenly taken: it reads some hundred chunks, however many there are."""

from __future__ import annotations

import math
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from math import gcd
from typing import Final

import msgspec

from tockwork.store.database import Database
from tockwork.store.duplicates import read as read_duplicates
from tockwork.store.ledger import unpack
from tockwork.store.protocol import ERASED
from tockwork.store.statements import Statements

SAMPLE: Final = Statements("sample")
CHUNKS: Final = 128
"""So many chunks are read at most."""
AT_A_TIME: Final = 8
"""Others may read in between."""
_GOLDEN: Final = (math.sqrt(5) - 1) / 2


class Sampled(msgspec.Struct, frozen=True):
    """One event: its chunk and its index there, when it was accepted (Unix time), its source, the consumer that it is
    for alone (of an import; empty for all), and its JSON."""

    chunk_id: int
    index: int
    at: float
    source: str
    consumer: str
    entry: bytes

    @property
    def ref(self) -> str:
        """What the event goes by, everywhere."""
        return f"{self.chunk_id}-{self.index}"


class Sampling(msgspec.Struct, frozen=True):
    """What was taken of a time. `events` are in the order of their acceptance, without copies and without those that
    were erased. `total` is how many there are in all, an estimate unless `whole`, where every chunk was looked at."""

    events: list[Sampled]
    total: int
    whole: bool


class _Head(msgspec.Struct, frozen=True, array_like=True):
    id: int
    at: float
    events: int
    consumer: str | None


async def sample(database: Database, since: float, until: float, limit: int) -> Sampling:
    """Up to `limit` events that were accepted from `since` up to `until` (Unix times), evenly spread."""
    heads, whole, chunks = await database.read(lambda connection: _heads(connection, since, until))
    if not heads:
        return Sampling([], 0, True)
    total = round(sum(head.events for head in heads) * (1.0 if whole else chunks / len(heads)))
    events: list[Sampled] = []
    wanted = [(head, indexes) for head, indexes in _spread(heads, limit) if indexes]
    for start in range(0, len(wanted), AT_A_TIME):
        some = wanted[start : start + AT_A_TIME]
        events += await database.read(partial(_taken, some))
    return Sampling(events, total, whole)


def _heads(connection: sqlite3.Connection, since: float, until: float) -> tuple[list[_Head], bool, int]:
    """Chunks of the time, evenly spaced; whether they are all; and how many there are."""
    low, high = connection.execute(SAMPLE.bounds).fetchone()
    first, end = _from(connection, low, high, since), _from(connection, low, high, until)
    chunks = end - first
    places = [first + place for place in scattered(chunks, CHUNKS)]
    found: dict[int, _Head] = {}
    for place in places:
        row = connection.execute(SAMPLE.head, {"id": place}).fetchone()
        if row is not None and row[0] < end:
            found[row[0]] = _Head(*row)
    return list(found.values()), chunks <= CHUNKS, chunks


def _from(connection: sqlite3.Connection, low: int, high: int, since: float) -> int:
    """The first chunk that was appended at `since` or later, by halving; the one after the last if there is none."""
    end = high + 1
    while low < end:
        middle = (low + end) // 2
        row = connection.execute(SAMPLE.chunk_from, {"id": middle}).fetchone()
        if row is None or row[1] >= since:
            end = middle
        else:
            low = row[0] + 1
    return low


def _spread(heads: Sequence[_Head], limit: int) -> Iterator[tuple[_Head, list[int]]]:
    """Which events to take of each chunk."""
    total = sum(head.events for head in heads)
    places = deque(scattered(total, min(limit, total)))
    before = 0
    for head in heads:
        indexes = []
        while places and places[0] < before + head.events:
            indexes.append(places.popleft() - before)
        before += head.events
        yield head, indexes


def scattered(total: int, number: int) -> list[int]:
    """`number` places of `total`, in order: steps of the golden section lie as evenly as can be, and in no rhythm, so
    that traffic which repeats itself is not met at one beat of it all the time. The same every time."""
    if number >= total:
        return list(range(total))
    step = round(total * _GOLDEN)
    while gcd(step, total) != 1:
        step += 1
    return sorted(part * step % total for part in range(number))


def _taken(wanted: Sequence[tuple[_Head, list[int]]], connection: sqlite3.Connection) -> list[Sampled]:
    found = []
    for head, indexes in wanted:
        row = connection.execute(SAMPLE.content, {"id": head.id}).fetchone()
        if row is None:
            continue  # purged meanwhile
        runs, entries, copies = msgspec.json.decode(row[0]), unpack(row[1]), read_duplicates(row[2])
        for index in indexes:
            if index < len(entries) and index not in copies and entries[index] != ERASED:
                source = _source(runs, index)
                found.append(Sampled(head.id, index, head.at, source, head.consumer or "", entries[index]))
    return found


def _source(runs: list[tuple[str, int]], event: int) -> str:
    for source, events in runs:
        event -= events
        if event < 0:
            return source
    return ""
