"""What is known of people, by their marks (`destinations.person`): in memory, and kept in the database.

A person here is a user id or an anonymous id. Nothing of either is kept but its SHA-256, with the values learnt.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, Protocol

import msgspec

from tockwork.destinations.person import Mark
from tockwork.model.clock import Clock, SystemClock
from tockwork.store.database import Database
from tockwork.store.space import Space
from tockwork.store.statements import Statements

PEOPLE: Final = Statements("people")
MAX_PEOPLE: Final = 100_000
BATCH: Final = 250
"""So many people are written in one transaction, which events that come in wait for."""
SLICE: Final = 500
"""So many people are gone through at once, then events have their turn."""
ROWS: Final = 2000
ROW_BYTES: Final = 512
"""What a row takes, with its part of the indexes: rather more than it does."""


class Seen(msgspec.Struct, frozen=True):
    """An id, and when it was seen, Unix time in seconds."""

    value: str
    at: float


Known = Mapping[str, Seen]
"""The ids of a person, by name."""
_NOTHING: Final[Known] = {}


class People(Protocol):
    """Remembers what is known of people. It answers from memory, at once: it is asked for every event. What it has
    forgotten is learnt anew, or missing, and never wrong."""

    def __len__(self) -> int: ...

    def find(self, person: Mark) -> Known:
        """Empty for an unknown person."""
        ...

    def learn(self, person: Mark, known: Known, other: Mark | None = None) -> None:
        """Takes what is newer than what was known; the same moment counts as newer. `other` is the person's other id,
        which the event had too."""
        ...

    async def forget(self, marks: Iterable[Mark]) -> None:
        """Removes all that is known of these people, of those who were met with one of them in an event (their other
        ids), and of whoever has an id of one of them."""
        ...


class _Record(msgspec.Struct, array_like=True, gc=False):
    """What is kept of one person; a higher `number` was learnt later."""

    number: int
    known: dict[str, Seen]
    other: Mark | None = None


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(_Record).decode


class PeopleInMemory:
    """At most `most` people: those unheard of for longest are forgotten first. Gone when the process ends."""

    def __init__(self, most: int = MAX_PEOPLE) -> None:
        self._most = most
        self._number = 0
        # Packed, they take two thirds of the room, and a microsecond to read.
        self._people: OrderedDict[Mark, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._people)

    def find(self, person: Mark) -> Known:
        packed = self._people.get(person)
        if packed is None:
            return _NOTHING
        self._people.move_to_end(person)
        return _unpack(packed).known

    def learn(self, person: Mark, known: Known, other: Mark | None = None) -> None:
        former = self._take(person)
        self._number += 1
        merged = dict(newest(former.known if former else _NOTHING, known))
        self._put(person, _Record(self._number, merged, other or (former.other if former else None)))
        if len(self._people) > self._most:
            self._take(next(iter(self._people)))

    async def forget(self, marks: Iterable[Mark]) -> None:
        await self._forgotten(frozenset(marks))

    async def _forgotten(self, marks: Collection[Mark]) -> list[_Record]:
        """Removes those marked, and all that belong to them; returns what was known."""
        if not marks or not self._people:
            return []
        met = set(marks)
        async for person, record in self._all():
            if person in marks and record.other is not None:
                met.add(record.other)
            elif record.other in marks:
                met.add(person)
        taken = [found for person in met if (found := self._take(person)) is not None]
        values = {seen.value for record in taken for seen in record.known.values()}
        async for person, record in self._all():
            if not values.isdisjoint([seen.value for seen in record.known.values()]):
                self._take(person)
                taken.append(record)
        return taken

    async def _all(self) -> AsyncIterator[tuple[Mark, _Record]]:
        """Everyone, in slices: events come in meanwhile."""
        people = list(self._people)
        for start in range(0, len(people), SLICE):
            for person in people[start : start + SLICE]:
                packed = self._people.get(person)
                if packed is not None:
                    yield person, _unpack(packed)
            await asyncio.sleep(0)

    def _put(self, person: Mark, record: _Record) -> None:
        self._people[person] = _pack(record)

    def _take(self, person: Mark) -> _Record | None:
        packed = self._people.pop(person, None)
        return None if packed is None else _unpack(packed)


class StoredPeople(PeopleInMemory):
    """People whom a database keeps too. One process has them, that which appends.

    `load` first. What was learnt is written by `keep`, which whoever has this calls every second: so neither an event's
    answer nor its commit waits for it, and it shares the commit of whatever is written then. A process that is killed
    forgets what it learnt in its last second. An id of a name in `lives` expires so many seconds after it was seen.
    """

    def __init__(
        self,
        database: Database,
        space: Space,
        lives: Mapping[str, float],
        most: int = MAX_PEOPLE,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(most)
        self._database = database
        self._space = space
        self._lives = lives
        self._clock = clock or SystemClock()
        self._changed: dict[Mark, None] = {}
        self._old: set[int] = set()
        """Numbers of rows that are to go."""

    async def load(self) -> None:
        """Remembers the newest people of the database, and deletes the others there."""
        now = self._clock.now()
        loaded = await self._database.read(lambda connection: _newest(connection, now, self._most))
        self._number, found, self._old = loaded
        self._people.update(reversed(found.items()))
        if len(found) == self._most:
            await self._delete_older(_unpack(next(iter(self._people.values()))).number)

    async def keep(self) -> None:
        """Writes what was learnt and forgotten up to now. Raises `StoreFull`; what could not be written is tried again
        the next time."""
        changed, old = list(self._changed), list(self._old)
        for start in range(0, len(changed), BATCH):
            await self._keep(changed[start : start + BATCH])
        for start in range(0, len(old), ROWS):  # last: a crash before leaves too much, and not too little
            await self._clear(old[start : start + ROWS])

    async def forget(self, marks: Iterable[Mark]) -> None:
        """Returns once it is gone from the database too. If it was there, tombstones of these people are open again
        then, since traces may be left in its pages."""
        named = frozenset(marks)
        numbers = [record.number for record in await self._forgotten(named)]
        if not numbers:
            return

        def work(connection: sqlite3.Connection) -> None:
            if delete(connection, numbers):
                connection.executemany(PEOPLE.reopen, [{"mark": each} for each in named])

        await self._database.write(work)
        self._old.difference_update(numbers)

    async def expire(self) -> None:
        """Forgets in memory what has expired; in the database that is `Retention`'s."""
        now = self._clock.now()
        async for person, record in self._all():
            left = {name: seen for name, seen in record.known.items() if self._expires_at(name, seen) > now}
            if not left:
                del self._people[person]
            elif len(left) < len(record.known):
                self._people[person] = _pack(_Record(record.number, left, record.other))

    def _put(self, person: Mark, record: _Record) -> None:
        super()._put(person, record)
        self._changed[person] = None

    def _take(self, person: Mark) -> _Record | None:
        record = super()._take(person)
        self._changed.pop(person, None)
        if record is not None:
            self._old.add(record.number)
        return record

    def _expires_at(self, name: str, seen: Seen) -> float:
        return seen.at + self._lives[name]

    def _rows(self, people: Iterable[Mark]) -> Iterator[dict[str, Any]]:
        now = self._clock.now()
        for person in people:
            packed = self._people.get(person)
            if packed is None:
                continue
            record = _unpack(packed)
            whose = {"number": record.number, "person": person, "other": record.other}
            for name, seen in record.known.items():
                if (expires_at := self._expires_at(name, seen)) > now:
                    what = {"name": name, "value": seen.value, "seen_at": seen.at, "expires_at": expires_at}
                    yield whose | what

    async def _keep(self, people: Sequence[Mark]) -> None:
        rows = list(self._rows(people))
        numbers = {row["number"] for row in rows}

        def work(connection: sqlite3.Connection) -> None:
            delete(connection, numbers)  # a write that nobody waited for any more may have put them there
            connection.executemany(PEOPLE.keep, rows)

        for person in people:
            self._changed.pop(person, None)
        try:
            self._space.check(ROW_BYTES * len(rows))
            await self._database.write(work)
        except BaseException:
            self._changed.update(dict.fromkeys(people))
            raise

    async def _clear(self, numbers: Sequence[int]) -> None:
        await self._database.write(lambda connection: delete(connection, numbers))
        self._old.difference_update(numbers)

    async def _delete_older(self, number: int) -> None:
        """Rows of people for whom there is no room any more."""
        names = {"number": number, "limit": ROWS}
        while await self._database.write(lambda connection: connection.execute(PEOPLE.delete_older, names).rowcount):
            pass


def _newest(connection: sqlite3.Connection, now: float, most: int) -> tuple[int, dict[Mark, bytes], set[int]]:
    """The last number; the people learnt last, the newest first; numbers of what was known of them before."""
    found: dict[Mark, bytes] = {}
    old: set[int] = set()
    (last,) = connection.execute(PEOPLE.last).fetchone()
    with closing(connection.execute(PEOPLE.newest, {"now": now})) as rows:
        for number, group in groupby(rows, itemgetter(0)):
            if len(found) == most:
                break
            ids = list(group)
            _, person, other, *_ = ids[0]
            known = {name: Seen(value, at) for *_, name, value, at in ids}
            if person in found:
                old.add(number)
            else:
                found[person] = _pack(_Record(number, known, other))
    return last, found, old


def of_deleted(connection: sqlite3.Connection) -> list[int]:
    """The numbers of what is known of people who are to be erased, and of who belongs to them, as `People.forget` has
    it. It goes through all that is known."""
    return [number for (number,) in connection.execute(PEOPLE.of_deleted)]


def delete(connection: sqlite3.Connection, numbers: Iterable[int]) -> int:
    """Returns how many ids there were."""
    return connection.executemany(PEOPLE.delete, [{"number": number} for number in numbers]).rowcount


def newest(known: Known, other: Known) -> Known:
    """Of each id the one seen last; of two seen at once the other's."""
    if not other:
        return known
    merged = dict(known)
    for name, seen in other.items():
        former = merged.get(name)
        # A visitor's id lives on each time it is seen; a click's time runs from the click.
        if former is None or (seen.at >= former.at and (name == "ttp" or seen.value != former.value)):
            merged[name] = seen
    return merged
