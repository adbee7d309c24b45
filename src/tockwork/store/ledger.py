"""What the SQLite store writes about fates: functions over a connection, inside a transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from tockwork.model import reasons
from tockwork.model.fate import History
from tockwork.model.outcome import Status
from tockwork.store.pages import Page
from tockwork.store.protocol import DEAD, ERASED, NO_DELIVERY, PLACES, Key, Line, Retry, Settled
from tockwork.store.statements import Statements

JOURNAL: Final = Statements("journal")
LEDGER: Final = Statements("ledger")
RETRY: Final = Statements("retry")

encode: Final = msgspec.json.Encoder().encode
unpack: Final = msgspec.msgpack.Decoder(tuple[bytes, ...]).decode
read_history: Final = msgspec.json.Decoder(History).decode

_StateKey = tuple[Status, str | None, str | None]


class States:
    """The numbers of states (status, reason and mapping), remembered. `forget` when a transaction was undone."""

    def __init__(self) -> None:
        self._ids: dict[_StateKey, int] = {}

    def id(self, connection: sqlite3.Connection, line: Line) -> int:
        key = (line.status, line.reason, line.mapping)
        known = self._ids.get(key)
        if known is None:
            known = self._ids[key] = _state(connection, line)
        return known

    def forget(self) -> None:
        self._ids.clear()


def _state(connection: sqlite3.Connection, line: Line) -> int:
    names = {"status": line.status.value, "reason": line.reason or "", "mapping": line.mapping or ""}
    found = connection.execute(LEDGER.state, names).fetchone() or connection.execute(LEDGER.new_state, names).fetchone()
    return int(found[0])


class Books:
    """Writes one consumer's fates. `now` is Unix time."""

    def __init__(self, connection: sqlite3.Connection, states: States, consumer: int, now: float) -> None:
        self._connection = connection
        self._states = states
        self._consumer = consumer
        self._now = now
        self._came: Counter[int] = Counter()
        self._left: Counter[int] = Counter()

    def settle(self, settled: Settled) -> None:
        """Files a chunk's lines, and its rows to be sent again; nothing if it was settled before."""
        connection = self._connection
        settled = self._without_erased(settled)
        chunk = settled.chunk
        places = [(line.key[1], self._states.id(connection, line)) for line in settled.lines]
        numbers = {
            "consumer": self._consumer,
            "chunk_id": chunk.id,
            "at": self._now,
            "events": len(chunk.entries),
            "states": Page.of(places).dumps(),
        }
        if not connection.execute(LEDGER.settle, numbers).rowcount:
            return
        connection.execute(LEDGER.settled, numbers)
        matched = len({line.key[1] // PLACES for line in settled.lines if line.status not in NO_DELIVERY})
        connection.execute(LEDGER.decided, numbers | {"matched": matched})
        self._came.update(state for _, state in places)
        by_key = {line.key: line for line in settled.lines} if settled.retries else {}
        for retry in settled.retries:
            self.put(retry, by_key[retry.key])
        for line in settled.lines:
            if line.status in DEAD:
                self.bury(line, chunk.entries[line.key[1] // PLACES], chunk.begun_at)

    def _without_erased(self, settled: Settled) -> Settled:
        """Without what would keep something of events that were erased while they were being sent."""
        if not settled.retries and not any(line.status in DEAD for line in settled.lines):
            return settled
        found = self._connection.execute(JOURNAL.erased_content, {"chunk_id": settled.chunk.id}).fetchone()
        if found is None:
            return settled
        entries = unpack(found[0])
        return Settled(
            msgspec.structs.replace(settled.chunk, entries=entries),
            [_deleted(line) if entries[line.key[1] // PLACES] == ERASED else line for line in settled.lines],
            [retry for retry in settled.retries if entries[retry.key[1] // PLACES] != ERASED],
        )

    def update(self, lines: Sequence[Line], retries: Iterable[Retry]) -> None:
        """Gives pending deliveries their new states; skips those that are not pending."""
        waiting = {retry.key: retry for retry in retries}
        for chunk_id, pending in _by_chunk(lines).items():
            before = {place: self._waiting((chunk_id, place)) for place in pending}
            known = {place: line for place, line in pending.items() if before[place] is not None}
            if not known:
                continue
            self.change(chunk_id, known)
            for line in known.values():
                if line.status is Status.PENDING:
                    self._put_off(waiting[line.key], line)
                else:
                    self._connection.execute(RETRY.done, self._named(line.key))
            self._bury_all(chunk_id, [(line, before[place]) for place, line in known.items() if line.status in DEAD])

    def change(self, chunk_id: int, lines: dict[int, Line]) -> None:
        """Writes the states of the lines at these places into the chunk's page."""
        where = {"consumer": self._consumer, "chunk_id": chunk_id}
        page = Page(self._connection.execute(LEDGER.states, where).fetchone()[0])
        states = {place: self._states.id(self._connection, line) for place, line in lines.items()}
        former = page.change(states)
        self._came.update(states.values())
        self._left.update(former.values())
        self._connection.execute(LEDGER.change_states, where | {"states": page.dumps(), "at": self._now})

    def add(self, chunk_id: int, event: int, lines: Sequence[Line]) -> list[int]:
        """Further lines of an event; returns their places."""
        where = {"consumer": self._consumer, "chunk_id": chunk_id}
        page = Page(self._connection.execute(LEDGER.states, where).fetchone()[0])
        states = [self._states.id(self._connection, line) for line in lines]
        places = page.add(event, states)
        self._came.update(states)
        self._connection.execute(LEDGER.change_states, where | {"states": page.dumps(), "at": self._now})
        return places

    def put(self, retry: Retry, line: Line, event: bytes | None = None) -> None:
        """A row to be sent again. `event` is its event where the journal may not have it any more."""
        row = self._named(retry.key) | {
            "at": retry.at,
            "expires_at": retry.expires_at,
            "message_id": retry.message_id,
            "mapping": retry.mapping,
            "reason": line.reason,
            "detail": line.detail,
            "code": line.code,
            "envelope": encode(retry.envelope),
            "history": encode(retry.history),
            "body": retry.row,
            "event": event,
        }
        self._connection.execute(RETRY.put, row)

    def bury(self, line: Line, event: bytes, ambiguous_at: float | None) -> None:
        """A dead letter. There is none of an event that was erased, or is about to be."""
        if event == ERASED or line.reason == reasons.DELETED_USER:
            return
        letter = self._named(line.key) | {
            "at": self._now,
            "message_id": line.message_id,
            "mapping": line.mapping,
            "status": line.status.value,
            "reason": line.reason,
            "detail": line.detail,
            "code": line.code,
            "ambiguous_at": ambiguous_at,
            "event": event,
        }
        self._connection.execute(LEDGER.bury, letter)

    def close(self) -> None:
        """Adds up what was filed."""
        minute = int(self._now // 60)
        changes = self._came.copy()
        changes.subtract(self._left)
        for state, number in changes.items():
            if number:
                names = {"consumer": self._consumer, "state": state, "number": number}
                self._connection.execute(LEDGER.count, names)
        for state, number in self._came.items():
            names = {"consumer": self._consumer, "state": state, "number": number, "minute": minute}
            self._connection.execute(LEDGER.count_minute, names)
            self._connection.execute(LEDGER.count_hour, names)

    def _bury_all(self, chunk_id: int, dead: Sequence[tuple[Line, tuple[History, bytes | None] | None]]) -> None:
        entries: tuple[bytes, ...] = ()
        for line, before in dead:
            history, event = before or (History(), None)
            if event is None:
                entries = entries or self._entries(chunk_id)
                event = entries[line.key[1] // PLACES]
            self.bury(line, event, history.ambiguous_at)

    def _entries(self, chunk_id: int) -> tuple[bytes, ...]:
        return unpack(self._connection.execute(JOURNAL.content, {"chunk_id": chunk_id}).fetchone()[0])

    def _put_off(self, retry: Retry, line: Line) -> None:
        changes = {"at": retry.at, "history": encode(retry.history)}
        changes |= {"reason": line.reason, "detail": line.detail, "code": line.code}
        self._connection.execute(RETRY.put_off, self._named(retry.key) | changes)

    def _waiting(self, key: Key) -> tuple[History, bytes | None] | None:
        """A pending delivery's history, and its event where it was kept apart."""
        found = self._connection.execute(RETRY.history, self._named(key)).fetchone()
        return None if found is None else (read_history(found[0]), found[1])

    def _named(self, key: Key) -> dict[str, object]:
        return {"consumer": self._consumer, "chunk_id": key[0], "place": key[1]}


def _deleted(line: Line) -> Line:
    """The line of a delivery whose event was erased: it waits no more, and what was decided stays so."""
    if line.status is Status.PENDING:
        return Line(line.key, None, line.mapping, Status.EXPIRED, reasons.DELETED_USER)
    return line


def _by_chunk(lines: Iterable[Line]) -> dict[int, dict[int, Line]]:
    found: dict[int, dict[int, Line]] = {}
    for line in lines:
        found.setdefault(line.key[0], {})[line.key[1]] = line
    return found
