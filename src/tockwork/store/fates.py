"""What became of single events at the destinations, as the ledger has it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from tockwork.model.outcome import Status
from tockwork.store.index import SEARCH, loaded
from tockwork.store.pages import Page
from tockwork.store.protocol import PLACES

UNDECIDED: Final = "undecided"
"""What a destination has not settled yet; not a state of the ledger."""
_STATE: Final = 0x7FFF
"""The bits of a page's word that are the state."""


class Fate(msgspec.Struct, frozen=True):
    """One line of an event's at a destination; ``undecided`` before there is any."""

    destination: str
    status: str
    reason: str = ""
    mapping: str = ""


class Consumer(msgspec.Struct, frozen=True):
    """A destination that reads the journal after `joined_after`, and has settled all up to `low`; or that did so."""

    id: int
    name: str
    active: int
    joined_after: int
    low: int = 0


class Settled:
    """A settled chunk's page. `states` are those that occur in it."""

    def __init__(self, states: bytes, events: int) -> None:
        self._content = states
        self._words = loaded(states)
        self._plain = len(self._words) == events  # one line for each event, as nearly always
        self._lines: dict[int, list[tuple[int, int]]] | None = None
        self.states = frozenset(word & _STATE for word in set(self._words))

    def lines(self, event: int) -> list[tuple[int, int]]:
        """The places and states of an event's lines."""
        if self._plain:
            return [(event * PLACES, self._words[event] & _STATE)]
        if self._lines is None:
            self._lines = {}
            for place, state in Page(self._content).lines():
                self._lines.setdefault(place // PLACES, []).append((place, state))
        return self._lines.get(event, [])


class Fates:
    """What became of events, as of one moment."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.consumers = [Consumer(*row) for row in connection.execute(SEARCH.consumers)]
        self.states: dict[int, tuple[str, str, str]] = {
            number: (status, reason, mapping) for number, status, reason, mapping in connection.execute(SEARCH.states)
        }
        self._pages: dict[tuple[int, int], Settled | None] = {}
        self._parts: dict[int, int | None] = {}

    def owns(self, consumer: Consumer, chunk_id: int) -> bool:
        """Whether the chunk is one of the consumer's."""
        if consumer.joined_after >= chunk_id:
            return self.page(consumer, chunk_id) is not None  # in former times
        if chunk_id not in self._parts:
            row = self._connection.execute(SEARCH.part, {"chunk_id": chunk_id}).fetchone()
            self._parts[chunk_id] = None if row is None else row[0]
        return self._parts[chunk_id] in (None, consumer.id)

    def page(self, consumer: Consumer, chunk_id: int) -> Settled | None:
        where = (consumer.id, chunk_id)
        if where not in self._pages:
            names = {"consumer": consumer.id, "chunk_id": chunk_id}
            row = self._connection.execute(SEARCH.page, names).fetchone()
            self._pages[where] = None if row is None else Settled(*row)
        return self._pages[where]

    def has(self, consumer: Consumer, chunk_id: int, event: int, states: Collection[int]) -> bool:
        """Whether the event has a line in one of these states there."""
        found = self.page(consumer, chunk_id)
        if found is None or found.states.isdisjoint(states):
            return False
        return any(state in states for _, state in found.lines(event))

    def lines(self, consumer: Consumer, chunk_id: int, event: int) -> list[tuple[int, int]]:
        """The places and states of an event's lines; none before there is any."""
        found = self.page(consumer, chunk_id)
        return [] if found is None else found.lines(event)

    def of(self, chunk_id: int, event: int) -> list[Fate]:
        """An event's lines at each destination."""
        return [fate for one in self.consumers for fate in self._at(one, chunk_id, event)]

    def _at(self, consumer: Consumer, chunk_id: int, event: int) -> Iterator[Fate]:
        if self.page(consumer, chunk_id) is None:
            if consumer.active and self.owns(consumer, chunk_id):
                yield Fate(consumer.name, UNDECIDED)
            return
        for place, number in self.lines(consumer, chunk_id, event):
            status, reason, mapping = self.states[number]
            if status == Status.PENDING:
                names = {"consumer": consumer.id, "chunk_id": chunk_id, "place": place}
                row = self._connection.execute(SEARCH.retry, names).fetchone()
                reason = reason if row is None else row[0] or ""
            yield Fate(consumer.name, status, reason, mapping)
