"""Deliveries that may be tried again although they are decided: dead letters, and delivered ones on demand."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
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
BUDGET: Final = 20_000
"""A search looks at so many letters before it says where to go on."""


class Letter(msgspec.Struct, frozen=True):
    """A decided delivery. `at` is when it was decided or, if delivered, accepted; `ambiguous_at` when it may have
    arrived all the same. Unix times in seconds. `detail` and `code` are what was answered, values masked."""

    consumer: str
    key: Key
    message_id: str | None
    mapping: str | None
    status: Status
    reason: str | None
    at: float
    ambiguous_at: float | None
    event: bytes
    detail: str | None = None
    code: int | None = None


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters to find; None lets all pass. Times are Unix seconds; `until` is not included."""

    status: Status | None = None
    reason: str | None = None
    mapping: str | None = None
    code: int | None = None
    message_id: str | None = None
    since: float = 0.0
    until: float = math.inf


Mark = tuple[float, int]
"""A place among dead letters: when one died, and its row."""


class Sheet(msgspec.Struct, frozen=True):
    """Some dead letters. `following` is where to go on, None at the end."""

    letters: list[Letter]
    following: Mark | None


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
            yield [_letter(consumer, row) for row in rows]

    async def at(self, consumer: str, keys: Iterable[Key]) -> list[Letter]:
        """A consumer's dead letters at these places; what is none (any more) is left out."""

        def work(connection: sqlite3.Connection) -> list[Letter]:
            number = _number(connection, consumer)
            names = [{"consumer": number, "chunk_id": chunk, "place": place} for chunk, place in keys]
            found = [connection.execute(LETTERS.at, each).fetchone() for each in names]
            return [_letter(consumer, row) for row in found if row is not None]

        return await self._database.read(work)

    async def search(self, consumer: str, sought: Sought, before: Mark | None, limit: int) -> Sheet:
        """A consumer's newest dead letters of some kind, those older than `before`.

        It looks at `BUDGET` letters at most, so that a sheet may have few, or none, and another one follow it.
        """
        names = msgspec.structs.asdict(sought)
        names["before_at"], names["before_row"] = min(before or (math.inf, 0), (sought.until, 0))

        def work(connection: sqlite3.Connection) -> Sheet:
            limits = {"consumer": _number(connection, consumer), "budget": BUDGET, "limit": limit}
            beyond = connection.execute(LETTERS.looked_at, names | limits).fetchone()
            after_at, after_row = beyond or (-math.inf, 0)
            within = {"since": max(sought.since, after_at), "after_at": after_at, "after_row": after_row}
            rows = connection.execute(LETTERS.newest, names | limits | within).fetchall()
            letters = [_letter(consumer, row) for row in rows]
            if len(rows) == limit:
                return Sheet(letters, (rows[-1][7], rows[-1][0]))
            return Sheet(letters, beyond and (after_at, after_row + 1))

        return await self._database.read(work)

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


def _letter(consumer: str, row: Sequence[Any]) -> Letter:
    _, chunk, place, message_id, mapping, status, *others = row
    return Letter(consumer, (chunk, place), message_id, mapping, Status(status), *others)


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
