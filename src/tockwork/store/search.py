"""Finds events, the newest first, by what is known of them and of their fates.

A search works for a moment at a time and then says how far back it got, so that nobody waits for it: neither whoever
asked, nor those whose reads wait behind it.
"""

from __future__ import annotations

import heapq
import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property, partial
from itertools import groupby
from typing import Any, Final

import msgspec

from tockwork.model.outcome import Status
from tockwork.store.database import Database
from tockwork.store.fates import UNDECIDED, Fate, Fates
from tockwork.store.index import (
    DIGEST_BYTES,
    MOST_KINDS,
    OTHER,
    SEARCH,
    chunks_of,
    digest,
    dumped,
    loaded,
    name_digest,
    narrow,
    runs,
    text,
    words,
)
from tockwork.store.ledger import unpack
from tockwork.store.protocol import DEAD, ERASED, PLACES, Key

SLICE_S: Final = 0.02
"""So long one read lasts, about."""
BLOCKS: Final = 128
CHUNKS: Final = 64
LETTERS: Final = 200
END: Final = (2**62, 0)
MOST_EVENTS: Final = 2**20
"""More than a chunk has."""

Events = Sequence[int]
Candidates = Iterator[tuple[int, Events, dict[int, bytes]]]
"""Chunks with the indexes of the events that may be wanted, both from the newest on, and what is known of their entries
already. A chunk without any event says only that all from there on were looked at."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for: everything that is said must hold. Times are Unix seconds, of the acceptance.

    `name` is a track call's event or a page's or screen's name; `user` is a userId or an anonymousId; `status` is one
    of the ledger's, or ``undecided``, at `destination` if one is named, else at any; `reason` goes with it.
    """

    since: float = 0.0
    until: float = math.inf
    source: str | None = None
    type: str | None = None
    name: str | None = None
    destination: str | None = None
    status: str | None = None
    reason: str | None = None
    message_id: str | None = None
    user: str | None = None


class Hit(msgspec.Struct, frozen=True):
    """An event that was found: its chunk and index, when it was accepted (Unix time), its source and its fates."""

    key: Key
    at: float
    source: str
    entry: bytes
    fates: list[Fate]


class Found(msgspec.Struct):
    """What a search found. `before` is where to go on (None at the end), `searched_to` the Unix time up to which all
    was looked at; `complete` is false where there was no time to fill the page."""

    hits: list[Hit]
    before: Key | None = None
    searched_to: float | None = None
    complete: bool = True


class Search:
    """Searches a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, query: Query, limit: int, budget_s: float, before: Key | None = None) -> Found:
        """Up to `limit` events before a key, from what `budget_s` seconds of work can look at."""
        found = Found([], before)
        ends = time.monotonic() + budget_s
        while True:
            work = partial(_slice, query=query, found=found, limit=limit, ends=ends)
            if await self._database.read(work):
                return found


def _slice(connection: sqlite3.Connection, query: Query, found: Found, limit: int, ends: float) -> bool:
    """Looks for more, for a moment; returns whether that was all that there is time or room for."""
    pause = min(ends, time.monotonic() + SLICE_S)
    look = _Look(connection, query)
    before = min(found.before or END, look.end)
    if before[1] == 0:
        before = (before[0] - 1, MOST_EVENTS)
    for chunk_id, events, entries in look.candidates(before):
        for event in events:
            if (chunk_id, event) >= before:
                continue
            hit = look.hit(chunk_id, event, entries)
            before = (chunk_id, event)
            if hit is not None:
                found.hits.append(hit)
                if len(found.hits) == limit:
                    return _left(found, look, before, complete=True)
        before = min(before, (chunk_id, 0))
        if time.monotonic() >= pause:
            return _left(found, look, before, complete=False) and time.monotonic() >= ends
    found.before, found.complete, found.searched_to = None, True, query.since or None
    return True


def _left(found: Found, look: _Look, before: Key, *, complete: bool) -> bool:
    found.before, found.complete = before, complete
    found.searched_to = look.accepted_at(before[0])
    return True


class _Look:
    """One moment of a search, on one connection."""

    def __init__(self, connection: sqlite3.Connection, query: Query) -> None:
        self._connection = connection
        self._query = query
        self._fates = Fates(connection)
        wanted = [one for one in self._fates.consumers if query.destination in (None, one.name)]
        self._consumers = wanted
        self._chunk: tuple[int, tuple[float, list[str]] | None, tuple[bytes, ...]] = (0, None, ())
        self.low = accepted_from(connection, query.since) if query.since > 0 else 0
        self.end: Key = END if query.until == math.inf else (accepted_from(connection, query.until), 0)
        states = self._fates.states.items()
        self._states = {number for number, state in states if self._is_wanted(state)}

    def accepted_at(self, chunk_id: int) -> float | None:
        row = self._connection.execute(SEARCH.from_chunk, {"chunk_id": chunk_id}).fetchone()
        return None if row is None else float(row[1])

    def _is_wanted(self, state: tuple[str, str, str]) -> bool:
        query, (status, reason, _) = self._query, state
        if query.status == status == Status.PENDING:  # why it waits changes without the page
            return True
        return query.status in (None, status) and query.reason in (None, reason)

    # Where to look

    def candidates(self, before: Key) -> Candidates:
        query = self._query
        if self._is_vain():
            return iter(())
        if query.message_id is not None or query.user is not None:
            return self._indexed(before, self._blocks_of_id)
        if query.status in DEAD or query.status == Status.PENDING:
            return self._letters(before, SEARCH.waiting if query.status == Status.PENDING else SEARCH.dead)
        if query.source is not None or query.type is not None or query.name is not None:
            return self._indexed(before, self._blocks_of_kind)
        if query.status == UNDECIDED:
            return self._all(before, max(self.low, 1 + min(one.low for one in self._consumers)))
        return self._all(before, self.low)

    def _is_vain(self) -> bool:
        """Whether the ledger knows that there is nothing."""
        query = self._query
        if not self._consumers and (query.destination, query.status, query.reason) != (None, None, None):
            return True
        if query.status in (None, UNDECIDED) and query.reason is None:
            return False
        if query.status == UNDECIDED:
            return query.reason is not None
        return not any(self._connection.execute(SEARCH.tallied, {"state": one}).fetchone()[0] for one in self._states)

    def _all(self, before: Key, low: int) -> Candidates:
        top = before[0]
        while True:
            names = {"low": low, "before": top, "limit": CHUNKS}
            rows = self._connection.execute(SEARCH.chunks, names).fetchall()
            for chunk_id, events in rows:
                yield chunk_id, range(events - 1, -1, -1), {}
            if len(rows) < CHUNKS:
                return
            top = rows[-1][0] - 1

    def _indexed(self, before: Key, blocks: Callable[[int, int], Iterator[tuple[int, Any, Events]]]) -> Candidates:
        (end,) = self._connection.execute(SEARCH.indexed).fetchone()
        if before[0] > end:
            yield from self._all(before, max(self.low, end + 1))
        top = min(before[0], end)
        while True:
            low = self._connection.execute(SEARCH.slice, {"before": top, "limit": BLOCKS}).fetchone()[0]
            if low is None:
                return
            for first_id, chunks, places in blocks(low, top):
                yield from _by_chunk(chunks_of(first_id, chunks), places, before[0], self.low)
            if low <= self.low:
                return
            yield low, (), {}
            top = low - 1

    def _blocks_of_id(self, low: int, top: int) -> Iterator[tuple[int, Any, Events]]:
        """Blocks in which a digest occurs, with its places; of a messageId rather than of a person."""
        query = self._query
        by_message = query.message_id is not None
        wanted = digest(query.message_id if by_message else query.user)
        size = DIGEST_BYTES if by_message else 2 * DIGEST_BYTES
        statement = SEARCH.messages if by_message else SEARCH.people
        names = {"low": low, "before": top}
        found = [
            (first_id, digests)
            for first_id, digests in self._connection.execute(statement, names)
            if wanted in digests  # takes half the time of SQLite's instr
        ]
        for first_id, digests in found:
            if places := _places(digests, wanted, size):
                yield first_id, self._chunks_of(first_id), places

    def _chunks_of(self, first_id: int) -> bytes:
        found: bytes = self._connection.execute(SEARCH.chunks_of_block, {"first_id": first_id}).fetchone()[0]
        return found

    def _blocks_of_kind(self, low: int, top: int) -> Iterator[tuple[int, Any, Events]]:
        wanted = self._kinds
        names: dict[str, Any] = {"low": low, "before": top}
        statement = SEARCH.blocks
        if len(wanted) == 1:
            statement = SEARCH.blocks_of_kind
            names["kind"] = dumped(words(wanted))
        for first_id, chunks, kinds, present in self._connection.execute(statement, names).fetchall():
            if not wanted.isdisjoint(loaded(present)):
                numbers = loaded(kinds)
                yield first_id, chunks, [at for at in range(len(numbers) - 1, -1, -1) if numbers[at] in wanted]

    @cached_property
    def _kinds(self) -> set[int]:
        """The numbers of the kinds that are wanted, and of those that have none of their own."""
        query = self._query
        name = None if query.name is None else name_digest(query.name)
        known = self._connection.execute(SEARCH.kinds).fetchall()
        wanted = {
            number
            for number, source, call, named in known
            if query.source in (None, source) and query.type in (None, call) and name in (None, named)
        }
        return wanted | {OTHER} if len(known) >= MOST_KINDS else wanted

    def _letters(self, before: Key, statement: str) -> Candidates:
        """Dead letters, or what waits: each with its event, where the journal may not have that any more."""
        ways = [self._letters_of(one.id, before, statement) for one in self._consumers]
        rows = heapq.merge(*ways, key=lambda row: (row[0], row[1]), reverse=True)
        for chunk_id, own in groupby(rows, lambda row: row[0]):
            entries = {place // PLACES: event for _, place, event in own}
            yield chunk_id, list(entries), {event: entry for event, entry in entries.items() if entry is not None}

    def _letters_of(self, consumer: int, before: Key, statement: str) -> Iterator[tuple[int, int, bytes | None]]:
        query = self._query
        chunk_id, place = before[0], before[1] * PLACES
        only = {"status": query.status or "", "reason": query.reason or ""}
        while True:
            names = {"consumer": consumer, "chunk_id": chunk_id, "place": place, "low": self.low, "limit": LETTERS}

            rows = self._connection.execute(statement, names | only).fetchall()
            yield from ((row[0], row[1], row[2]) for row in rows)
            if len(rows) < LETTERS:
                return
            chunk_id, place = rows[-1][0], rows[-1][1]

    # Whether it is wanted

    def hit(self, chunk_id: int, event: int, entries: dict[int, bytes]) -> Hit | None:
        """The event, if everything holds."""
        known = entries.get(event)
        if known is not None and not self._holds(known):
            return None
        if not self._has_fate(chunk_id, event):
            return None
        at, source, entry = self._read(chunk_id, event, known)
        if entry == ERASED or self._query.source not in (None, source) or not self._holds(entry):
            return None
        if not self._query.since <= at < self._query.until:
            return None
        fates = self._fates.of(chunk_id, event)
        query = self._query
        if query.status == Status.PENDING and query.reason is not None:
            consumers = {one.name for one in self._consumers}
            if not any(
                f.reason == query.reason for f in fates if f.status == query.status and f.destination in consumers
            ):
                return None
        return Hit((chunk_id, event), at, source, entry, fates)

    def _has_fate(self, chunk_id: int, event: int) -> bool:
        query = self._query
        if query.status is None and query.reason is None:
            return query.destination is None or any(self._fates.owns(one, chunk_id) for one in self._consumers)
        if query.status == UNDECIDED:
            return any(
                one.active and self._fates.owns(one, chunk_id) and self._fates.page(one, chunk_id) is None
                for one in self._consumers
            )
        return any(self._fates.has(one, chunk_id, event, self._states) for one in self._consumers)

    def _read(self, chunk_id: int, event: int, known: bytes | None) -> tuple[float, str, bytes]:
        """When an event was accepted, from which source, and the event; of a letter's also where its chunk is gone."""
        if chunk_id != self._chunk[0]:
            row = self._connection.execute(SEARCH.head, {"chunk_id": chunk_id}).fetchone()
            self._chunk = (chunk_id, row and (row[0], list(runs(row[2], row[1]))), ())
        _, head, entries = self._chunk
        if head is None:
            return _instant(narrow(known or b"{}").receivedAt), "", known or ERASED
        if known is None:
            if not entries:
                row = self._connection.execute(SEARCH.content, {"chunk_id": chunk_id}).fetchone()
                entries = unpack(row[0])
                self._chunk = (chunk_id, head, entries)
            known = entries[event]
        return head[0], head[1][event], known

    def _holds(self, entry: bytes) -> bool:
        query = self._query
        if (query.type, query.name, query.message_id, query.user) == (None, None, None, None):
            return True
        event = narrow(entry)
        return (
            query.type in (None, event.call)
            and query.name in (None, event.title)
            and query.message_id in (None, text(event.messageId))
            and query.user in (None, text(event.userId), text(event.anonymousId))
        )


def accepted_from(connection: sqlite3.Connection, at: float) -> int:
    """The first chunk that was accepted at a time or later; 0 where all that is kept was, and the id after the last
    where none was."""
    first, last = connection.execute(SEARCH.span).fetchone()
    if first is None:
        return 0
    low, high = first, last + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(SEARCH.from_chunk, {"chunk_id": middle}).fetchone()
        if row[1] < at:
            low = row[0] + 1
        else:
            high = middle
    return 0 if low == first else low


def _places(digests: bytes, wanted: bytes, size: int) -> list[int]:
    """The places of the events that have a digest, the last first."""
    found: set[int] = set()
    at = digests.find(wanted)
    while at >= 0:
        if at % DIGEST_BYTES == 0:
            found.add(at // size)
        at = digests.find(wanted, at + 1)
    return sorted(found, reverse=True)


def _by_chunk(chunks: list[tuple[int, int, int]], places: Events, top: int, low: int) -> Candidates:
    """A block's chunks, the last first, with those of their events that stand at the places, the last first."""
    waiting = list(reversed(places))
    for chunk_id, start, _ in reversed(chunks):
        own: list[int] = []
        while waiting and waiting[-1] >= start:
            own.append(waiting.pop() - start)
        if own and low <= chunk_id <= top:
            yield chunk_id, own, {}


def _instant(value: Any) -> float:
    """Unix seconds of a time that the intake wrote, 0 of anything else."""
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0.0
