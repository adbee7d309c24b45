"""Deliveries that may be tried again although they are decided: dead letters, and delivered ones on demand."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from tockwork.model.clock import Clock, SystemClock
from tockwork.model.outcome import Status
from tockwork.store.ledger import JOURNAL, LEDGER, Books, States, unpack
from tockwork.store.pages import Page
from tockwork.store.protocol import DEAD, ERASED, NO_DELIVERY, PLACES, Key, Line, Retry
from tockwork.store.sqlite import SqliteStore
from tockwork.store.statements import Statements

LETTERS: Final = Statements("letters")
SLICE: Final = 500


class Letter(msgspec.Struct, frozen=True):
    """A decided delivery. `at` is when it was decided or, if delivered, accepted; `ambiguous_at` when it may have
    arrived all the same. Unix times in seconds."""

    consumer: str
    key: Key
    message_id: str | None
    mapping: str | None
    status: Status
    reason: str | None
    at: float
    ambiguous_at: float | None
    event: bytes


class Revived(msgspec.Struct, frozen=True):
    """What becomes of a letter: its new lines (the first one takes its place, others follow it), and for each of them
    the row to be sent, where it is pending."""

    letter: Letter
    lines: Sequence[Line]
    retries: Sequence[Retry | None]


class _Id(msgspec.Struct):
    messageId: Any = None  # noqa: N815 (Segment's name)


class Letters:
    """The letters in a store."""

    def __init__(self, store: SqliteStore, clock: Clock | None = None) -> None:
        self._database = store.database
        self._states: States = store.states
        self._clock = clock or SystemClock()

    async def dead(self, consumer: str, since: float = 0.0, until: float = math.inf) -> AsyncIterator[list[Letter]]:
        """A consumer's dead letters, some hundred at a time, which died in a time."""
        async for rows in self._slices(LETTERS.dead, consumer, since, until):
            yield [
                Letter(consumer, (chunk, place), message_id, mapping, Status(status), reason, at, ambiguous_at, event)
                for _, chunk, place, message_id, mapping, status, reason, at, ambiguous_at, event in rows
            ]

    async def delivered(
        self, consumer: str, since: float = 0.0, until: float = math.inf
    ) -> AsyncIterator[list[Letter]]:
        """A consumer's delivered deliveries, chunk by chunk, of events accepted in a time that are still kept."""
        rows = await self._database.read(lambda connection: connection.execute(LETTERS.delivered_states).fetchall())
        states: dict[int, str] = dict(rows)
        async for pages in self._slices(LETTERS.pages, consumer, since, until):
            for chunk_id, at, content in pages:
                yield await self._of_page(consumer, chunk_id, at, Page(content), states)

    async def revive(self, consumer: str, revived: Sequence[Revived]) -> int:
        """Gives letters their new lines; returns how many still were as they were when they were read."""

        def work(connection: sqlite3.Connection) -> int:
            number = _number(connection, consumer)
            books = Books(connection, self._states, number, self._clock.now())
            done = sum(_revive(connection, books, number, each) for each in revived)
            books.close()
            return done

        return await self._database.write(work)

    async def _slices(self, statement: str, consumer: str, since: float, until: float) -> AsyncIterator[list[Any]]:
        """The statement's rows, some hundred at a time; each begins with what the next slice goes on after."""
        after = 0
        while rows := await self._select(statement, consumer, after, since, until):
            after = rows[-1][0]
            yield rows

    async def _select(self, statement: str, consumer: str, after: int, since: float, until: float) -> list[Any]:
        def work(connection: sqlite3.Connection) -> list[Any]:
            names = {"consumer": _number(connection, consumer), "after": after, "since": since, "until": until}
            return connection.execute(statement, names | {"limit": SLICE}).fetchall()

        return await self._database.read(work)

    async def _of_page(
        self, consumer: str, chunk_id: int, at: float, page: Page, states: dict[int, str]
    ) -> list[Letter]:
        places = [(place, states[state]) for place, state in page.lines() if state in states]
        if not places:
            return []
        names = {"chunk_id": chunk_id}
        found = await self._database.read(lambda connection: connection.execute(JOURNAL.content, names).fetchone())
        entries = unpack(found[0]) if found else ()
        decode = msgspec.json.Decoder(_Id).decode
        return [
            Letter(
                consumer,
                (chunk_id, place),
                decode(entries[place // PLACES]).messageId,
                mapping or None,
                Status.DELIVERED,
                None,
                at,
                at,
                entries[place // PLACES],
            )
            for place, mapping in places
            if entries and entries[place // PLACES] != ERASED
        ]


def _number(connection: sqlite3.Connection, consumer: str) -> int:
    found = connection.execute(JOURNAL.consumer, {"name": consumer}).fetchone()
    return 0 if found is None else int(found[0])


def _revive(connection: sqlite3.Connection, books: Books, consumer: int, revived: Revived) -> bool:
    letter, (chunk_id, place) = revived.letter, revived.letter.key
    if not _unchanged(connection, consumer, letter):
        return False
    first, *others = revived.lines
    books.change(chunk_id, {place: first})
    places = [place, *(books.add(chunk_id, place // PLACES, others) if others else ())]
    for at, line, retry in zip(places, revived.lines, revived.retries, strict=True):
        keyed = msgspec.structs.replace(line, key=(chunk_id, at))
        if retry is not None:
            books.put(msgspec.structs.replace(retry, key=keyed.key), keyed, letter.event)
        elif line.status in DEAD:
            books.bury(keyed, letter.event, letter.ambiguous_at)
    if first.status in NO_DELIVERY:
        connection.execute(LEDGER.decided, {"consumer": consumer, "events": 0, "matched": -1})
    return True


def _unchanged(connection: sqlite3.Connection, consumer: int, letter: Letter) -> bool:
    """Whether it is as it was; a dead letter is dug up by the way."""
    where = {"consumer": consumer, "chunk_id": letter.key[0], "place": letter.key[1]}
    if letter.status in DEAD:
        return connection.execute(LETTERS.dig_up, where).rowcount > 0
    found = connection.execute(LEDGER.states, where).fetchone()
    states = {state for state, _ in connection.execute(LETTERS.delivered_states)}
    return found is not None and dict(Page(found[0]).lines()).get(letter.key[1]) in states
