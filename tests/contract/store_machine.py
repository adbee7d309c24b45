"""A store against a model of it: a plain dict of every line that was ever written."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.contract.store_opened import import_of
from tests.contract.store_values import LEASE_S, Opened, deliveries, events, line, retry, settled

from tockwork.model.clock import SimulatedClock
from tockwork.model.fate import History
from tockwork.model.outcome import Status
from tockwork.store.imports import Imports
from tockwork.store.protocol import (
    DEAD,
    NO_DELIVERY,
    PLACES,
    Chunk,
    Key,
    Line,
    Part,
    Retry,
    Settled,
    Tally,
    UnknownConsumer,
    place_of,
)
from tockwork.store.recent import WINDOW_S
from tockwork.store.sqlite import SqliteStore

MAX_EVENTS = 4
REMOVED = "destination_removed"

seconds = st.sampled_from([0.0, 1.0, LEASE_S - 1, LEASE_S])


class _Held(msgspec.Struct):
    """A chunk that one consumer has not settled."""

    entries: tuple[bytes, ...]
    until: float | None = None  # None before it is handed out
    begun: tuple[float, int] | None = None
    duplicates: frozenset[int] = frozenset()
    sources: tuple[tuple[str, int], ...] = ()


class _Consumer(msgspec.Struct):
    joined: bool = False
    accepted: int = 0
    held: dict[int, _Held] = {}
    handed: dict[int, tuple[bytes, ...]] = {}
    lines: dict[Key, Line] = {}
    waiting: dict[Key, Retry] = {}
    imported: set[int] = set()

    def free(self, now: float) -> list[int]:
        """Ids of the chunks that may be handed out, in order: leases that ran out, then what was never handed out."""
        expired = [chunk_id for chunk_id, held in self.held.items() if held.until is not None and held.until <= now]
        return sorted(expired) + sorted(chunk_id for chunk_id, held in self.held.items() if held.until is None)

    def write(self, lines: Sequence[Line], retries: Sequence[Retry]) -> None:
        rows = {each.key: each for each in retries}
        for each in lines:
            self.lines[each.key] = each
            self.waiting.pop(each.key, None)
            if each.status is Status.PENDING:
                self.waiting[each.key] = rows[each.key]

    def leave(self) -> None:
        for chunk_id, held in self.held.items():
            keys = [(chunk_id, place_of(event, 0)) for event in range(len(held.entries))]
            self.write([line(key, Status.FILTERED, REMOVED) for key in keys], [])
        self.write([line(key, Status.EXPIRED, REMOVED) for key in list(self.waiting)], [])
        self.held.clear()
        self.joined = False

    def tally(self) -> Tally:
        matched = {(chunk, place // PLACES) for (chunk, place), each in self.lines.items() if _delivers(each)}
        return Tally(
            self.accepted,
            sum(len(held.entries) for held in self.held.values()),
            len(matched),
            Counter((each.status, each.reason) for each in self.lines.values()),
        )


def _delivers(each: Line) -> bool:
    return each.status not in NO_DELIVERY


def _seen(each: Line) -> tuple[object, ...]:
    return each.key, each.message_id, each.mapping, each.status, each.reason


class StoreMachine(RuleBasedStateMachine):
    """Subclasses name the store; a durable one is closed and opened again now and then."""

    opened: Opened
    durable: bool

    consumers = st.sampled_from(["one", "two", "three"])

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = SimulatedClock()
        self.folder = TemporaryDirectory()
        self.model = {consumer: _Consumer() for consumer in ("one", "two", "three")}
        self.last_id = 0
        self.seen: dict[str, int] = {}
        self.open()

    def open(self) -> None:
        self.context = self.opened(self.clock, Path(self.folder.name))
        self.store = self.run(self.context.__aenter__())

    def close(self) -> None:
        self.run(self.context.__aexit__(None, None, None))

    def teardown(self) -> None:
        self.close()
        self.runner.close()
        self.folder.cleanup()

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    # Position

    @rule(
        entries=st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=MAX_EVENTS),
        ids=st.lists(st.sampled_from("abcdefghij"), min_size=MAX_EVENTS, max_size=MAX_EVENTS),
        named=st.booleans(),
        owner=st.one_of(st.none(), consumers),
    )
    def append(self, entries: Sequence[bytes], ids: Sequence[str], named: bool, owner: str | None) -> None:
        """For everybody, or as a part of an import."""
        part = None if owner is None else Part(self.run(import_of(self.store, owner)), owner, self.last_id)
        if owner is not None and not self.model[owner].joined:
            with pytest.raises(UnknownConsumer):
                self.run(self.store.append(entries, part=part))
            return
        ids = ids[: len(entries)] if named else ()
        chunk_id = self.run(self.store.append(entries, ids, [("web", len(entries))], part=part))
        assert chunk_id > self.last_id
        self.last_id = chunk_id
        duplicates = self.duplicates(ids)
        runs = (("web", len(entries)),) if owner is None else ()
        for consumer, own in self.model.items():
            if own.joined and owner in (None, consumer):
                own.accepted += len(entries)
                own.held[chunk_id] = _Held(tuple(entries), duplicates=duplicates, sources=runs)
                if owner is not None:
                    own.imported.add(chunk_id)

    def duplicates(self, ids: Sequence[str]) -> frozenset[int]:
        now = int(self.clock.now())
        found = set()
        for index, each in enumerate(ids):
            if now - self.seen.get(each, -WINDOW_S) < WINDOW_S:
                found.add(index)
            else:
                self.seen[each] = now
        return frozenset(found)

    @rule(consumer=consumers)
    def join(self, consumer: str) -> None:
        self.run(self.store.join(consumer))
        self.model[consumer].joined = True

    @rule(consumer=consumers)
    def leave(self, consumer: str) -> None:
        self.run(self.store.leave(consumer))
        self.model[consumer].leave()

    @rule(consumer=consumers)
    def read(self, consumer: str) -> None:
        own = self.model[consumer]
        if not own.joined:
            with pytest.raises(UnknownConsumer):
                self.run(self.store.read(consumer, 0))
            return
        chunk = self.run(self.store.read(consumer, 0))
        free = own.free(self.clock.now())
        if not free:
            assert chunk is None
            return
        held = own.held[free[0]]
        held.until = self.clock.now() + LEASE_S
        own.handed[free[0]] = held.entries
        begun_at, version = held.begun or (None, None)
        assert chunk == Chunk(free[0], held.entries, begun_at, version, held.duplicates, held.sources)

    @rule(consumer=consumers, version=st.integers(1, 9), data=st.data())
    def begin(self, consumer: str, version: int, data: st.DataObject) -> None:
        own = self.model[consumer]
        chunk_ids = data.draw(_some([chunk_id for chunk_id in own.held if chunk_id in own.handed]))
        if not own.joined:
            return
        self.run(self.store.begin(consumer, chunk_ids, version, self.clock.now()))
        for chunk_id in chunk_ids:
            held = own.held[chunk_id]
            held.begun = held.begun or (self.clock.now(), version)

    @rule(
        consumer=consumers,
        states=st.lists(events, min_size=MAX_EVENTS, max_size=MAX_EVENTS),
        wait_s=seconds,
        data=st.data(),
    )
    def settle(self, consumer: str, states: Sequence[Sequence[Status]], wait_s: float, data: st.DataObject) -> None:
        """What was handed out, perhaps long ago, and perhaps settled since."""
        own = self.model[consumer]
        decided: list[Settled] = []
        for chunk_id in data.draw(_some(list(own.handed))):
            entries = own.handed[chunk_id]
            at = self.clock.now() + wait_s
            decided.append(settled(Chunk(chunk_id, entries), *states[: len(entries)], at=at))
        self.run(self.store.settle(consumer, decided))
        for each in decided:
            if own.held.pop(each.chunk.id, None) is not None:
                own.write(each.lines, each.retries)

    @rule(wait_s=st.one_of(seconds, st.sampled_from([WINDOW_S / 2, WINDOW_S - 1.0, float(WINDOW_S)])))
    def wait(self, wait_s: float) -> None:
        self.run(self.clock.advance(wait_s))

    @precondition(lambda self: self.durable)
    @rule()
    def reopen(self) -> None:
        self.close()
        self.open()
        for consumer, own in self.model.items():
            if own.joined:
                self.run(self.store.join(consumer))
            for held in own.held.values():
                held.until = None

    # Rows to be sent again

    @rule(consumer=consumers, wait_s=st.sampled_from([-1.0, 0.0, 30.0, float("inf")]), limit=st.integers(1, 5))
    def due(self, consumer: str, wait_s: float, limit: int) -> None:
        waiting, now = self.model[consumer].waiting, self.clock.now() + wait_s
        due = self.run(self.store.due(consumer, now, limit))
        assert [each.at for each in due] == sorted(each.at for each in waiting.values() if each.at <= now)[:limit]
        assert {each.key: each for each in due} == {each.key: waiting[each.key] for each in due}

    @rule(consumer=consumers, data=st.data())
    def begin_again(self, consumer: str, data: st.DataObject) -> None:
        own = self.model[consumer]
        keys = data.draw(_some(list(own.lines)))
        if not own.joined:
            return
        now = self.clock.now()
        self.run(self.store.begin_again(consumer, keys, now))
        for key in own.waiting.keys() & keys:
            waiting = own.waiting[key]
            if waiting.history.ambiguous_at is None:
                history = msgspec.structs.replace(waiting.history, ambiguous_at=now)
                own.waiting[key] = msgspec.structs.replace(waiting, history=history)

    @rule(
        consumer=consumers,
        states=st.lists(deliveries, min_size=5, max_size=5),
        reason=st.sampled_from(["retrying", "blocked", "paused"]),
        wait_s=seconds,
        data=st.data(),
    )
    def update(self, consumer: str, states: Sequence[Status], reason: str, wait_s: float, data: st.DataObject) -> None:
        """Mostly what is pending, and some of what is not."""
        own = self.model[consumer]
        keys = data.draw(st.one_of(_some(list(own.waiting)), _some(list(own.lines))))
        if not own.joined:
            return
        lines = [
            line(key, status, reason if status is Status.PENDING else None)
            for key, status in zip(keys, states, strict=False)
        ]
        at = self.clock.now() + wait_s
        retries = [retry(each.key, at, History(1, at)) for each in lines if each.status is Status.PENDING]
        self.run(self.store.update(consumer, lines, retries))
        own.write([each for each in lines if each.key in own.waiting], retries)

    # What always holds

    @invariant()
    def every_event_and_every_delivery_is_accounted_for(self) -> None:
        for consumer, own in self.model.items():
            tally = self.run(self.store.tally(consumer))
            assert tally == own.tally()
            assert tally.lawful
            assert tally.count(Status.PENDING) == len(own.waiting)
            assert tally.deliveries == tally.count(Status.PENDING, Status.DELIVERED, *DEAD)

    @invariant()
    def imports_have_counts_of_their_own(self) -> None:
        for consumer, own in self.model.items():
            if own.imported and isinstance(self.store, SqliteStore):
                imports = Imports(self.store.database)
                (known,) = [each for each in self.run(imports.all()) if each.consumer == consumer]
                tally = self.run(imports.tally(known.id))
                lines = [each for key, each in own.lines.items() if key[0] in own.imported]
                assert tally.lines == Counter((each.status, each.reason) for each in lines)
                assert tally.undecided == sum(len(own.held[each].entries) for each in own.imported & own.held.keys())
                assert tally.lawful

    @invariant()
    def the_earliest_row_is_known(self) -> None:
        for consumer, own in self.model.items():
            earliest = min((each.at for each in own.waiting.values()), default=None)
            assert self.run(self.store.next_at(consumer)) == earliest

    @invariant()
    def exceptions_are_what_is_dead_or_pending(self) -> None:
        for consumer, own in self.model.items():
            exceptions = self.run(self.store.exceptions(consumer, 1000))
            expected = [each for each in own.lines.values() if each.status in DEAD or each.status is Status.PENDING]
            assert sorted(map(_seen, exceptions)) == sorted(map(_seen, expected))


def _some(choices: Sequence[Any]) -> st.SearchStrategy[list[Any]]:
    if not choices:
        return st.just([])
    return st.lists(st.sampled_from(choices), unique=True, max_size=5)
