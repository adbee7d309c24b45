"""What every store promises. A store joins by adding itself to `STORES`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tockwork.model.clock import Clock, SimulatedClock
from tockwork.model.errors import StoreFull
from tockwork.model.event import Envelope
from tockwork.model.fate import History
from tockwork.model.outcome import Status
from tockwork.store.memory import MemoryJournal, MemoryLedger, MemoryRetrySet
from tockwork.store.protocol import Chunk, Journal, Ledger, Line, Retry, RetrySet, UnknownConsumer

LEASE_S = 60.0
MAX_BYTES = 1000


class Store(msgspec.Struct, frozen=True):
    """A new, empty store with room for `MAX_BYTES` of entries and leases of `LEASE_S`."""

    journal: Journal
    retries: RetrySet
    ledger: Ledger


@asynccontextmanager
async def memory(clock: Clock) -> AsyncIterator[Store]:
    yield Store(MemoryJournal(max_bytes=MAX_BYTES, lease_s=LEASE_S, clock=clock), MemoryRetrySet(), MemoryLedger())


Opened = Callable[[Clock], AbstractAsyncContextManager[Store]]
STORES: dict[str, Opened] = {"memory": memory}


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, clock: SimulatedClock) -> AsyncIterator[Store]:
    async with STORES[request.param](clock) as opened:
        yield opened


@pytest.fixture
def journal(store: Store) -> Journal:
    return store.journal


async def read(journal: Journal, consumer: str = "shop") -> Chunk | None:
    return await journal.read(consumer, 0)


# Journal


async def test_chunks_come_whole_in_order_and_once(journal: Journal) -> None:
    await journal.join("shop")
    ids = [await journal.append([b"1", b"2"]), await journal.append([b"3"])]
    assert ids == sorted(set(ids))
    chunks = [await read(journal), await read(journal), await read(journal)]
    assert [chunk and (chunk.id, chunk.entries, chunk.attempt) for chunk in chunks] == [
        (ids[0], (b"1", b"2"), 1),
        (ids[1], (b"3",), 1),
        None,
    ]


async def test_each_consumer_has_its_own_position(journal: Journal) -> None:
    for consumer in ("slow", "fast"):
        await journal.join(consumer)
    first, second = await journal.append([b"1"]), await journal.append([b"2"])
    for chunk_id in (first, second):
        chunk = await read(journal, "fast")
        assert chunk is not None
        assert chunk.id == chunk_id
        await journal.acknowledge("fast", chunk.id)
    chunk = await read(journal, "slow")
    assert chunk is not None
    assert chunk.id == first
    assert (await journal.backlog("fast"), await journal.backlog("slow")) == (0, 2)


async def test_a_consumer_is_handed_what_comes_after_it_joined(journal: Journal) -> None:
    await journal.join("first")
    await journal.append([b"1"])
    await journal.join("shop")
    assert await read(journal) is None
    later = await journal.append([b"2"])
    await journal.join("shop")  # joining again changes nothing
    chunk = await read(journal)
    assert chunk is not None
    assert chunk.id == later


async def test_who_has_not_joined_or_has_left_cannot_read(journal: Journal) -> None:
    with pytest.raises(UnknownConsumer):
        await read(journal)
    with pytest.raises(UnknownConsumer):
        await journal.backlog("shop")
    await journal.join("shop")
    await journal.append([b"1"])
    await journal.leave("shop")
    with pytest.raises(UnknownConsumer):
        await read(journal)
    await journal.leave("shop")
    await journal.acknowledge("shop", 1)


async def test_a_chunk_whose_lease_ran_out_is_handed_out_again_before_newer_ones(
    journal: Journal, clock: SimulatedClock
) -> None:
    await journal.join("shop")
    first, second, third = [await journal.append([entry]) for entry in (b"1", b"2", b"3")]
    began = clock.now()
    assert [await read(journal), await read(journal)] == [
        Chunk(first, (b"1",), 1, began),
        Chunk(second, (b"2",), 1, began),
    ]
    await clock.advance(LEASE_S - 1)
    await journal.acknowledge("shop", second)
    await clock.advance(1)
    assert await read(journal) == Chunk(first, (b"1",), 2, began)
    assert await read(journal) == Chunk(third, (b"3",), 1, clock.now())
    assert await read(journal) is None
    await clock.advance(LEASE_S)
    assert await read(journal) == Chunk(first, (b"1",), 3, began)


async def test_a_late_or_double_acknowledgement_does_no_harm(journal: Journal, clock: SimulatedClock) -> None:
    await journal.join("shop")
    await journal.append([b"1"])
    chunk = await read(journal)
    assert chunk is not None
    await clock.advance(LEASE_S + 1)
    await journal.acknowledge("shop", chunk.id)
    await journal.acknowledge("shop", chunk.id)
    await journal.acknowledge("shop", 999_999)
    await journal.acknowledge("nobody", chunk.id)
    assert await read(journal) is None
    assert await journal.backlog("shop") == 0


async def test_reading_waits_for_an_append(journal: Journal, clock: SimulatedClock) -> None:
    await journal.join("shop")
    reading = asyncio.create_task(journal.read("shop", 10))
    await clock.advance(9)
    assert not reading.done()
    chunk_id = await journal.append([b"1"])
    await clock.advance(0)
    chunk = await reading
    assert chunk is not None
    assert chunk.id == chunk_id


async def test_reading_gives_up_after_its_time(journal: Journal, clock: SimulatedClock) -> None:
    await journal.join("shop")
    reading = asyncio.create_task(journal.read("shop", 10))
    await clock.advance(10)
    assert await reading is None


async def test_reading_waits_for_a_lease_to_run_out(journal: Journal, clock: SimulatedClock) -> None:
    await journal.join("shop")
    chunk_id = await journal.append([b"1"])
    await read(journal)
    reading = asyncio.create_task(journal.read("shop", 2 * LEASE_S))
    await clock.advance(LEASE_S)
    assert reading.done()
    chunk = await reading
    assert chunk is not None
    assert (chunk.id, chunk.attempt) == (chunk_id, 2)


async def test_two_that_wait_are_both_woken(journal: Journal, clock: SimulatedClock) -> None:
    for consumer in ("one", "two"):
        await journal.join(consumer)
    reading = [asyncio.create_task(journal.read(consumer, 10)) for consumer in ("one", "two")]
    await clock.advance(1)
    await journal.append([b"1"])
    await clock.advance(0)
    assert all(task.done() for task in reading)
    assert [(chunk := await task) and chunk.entries for task in reading] == [(b"1",), (b"1",)]


async def test_a_full_journal_keeps_nothing_and_has_room_once_all_acknowledged(journal: Journal) -> None:
    for consumer in ("one", "two"):
        await journal.join(consumer)
    chunk_id = await journal.append([b"x" * MAX_BYTES])
    with pytest.raises(StoreFull):
        await journal.append([b"y"])
    assert await journal.backlog("one") == 1
    await journal.acknowledge("one", chunk_id)
    with pytest.raises(StoreFull):
        await journal.append([b"y"])
    await journal.acknowledge("two", chunk_id)
    await journal.append([b"y"])
    chunk = await read(journal, "one")
    assert chunk is not None
    assert chunk.entries == (b"y",)


async def test_who_leaves_makes_room(journal: Journal) -> None:
    for consumer in ("one", "two"):
        await journal.join(consumer)
    chunk_id = await journal.append([b"x" * MAX_BYTES])
    await journal.acknowledge("one", chunk_id)
    await journal.leave("two")
    await journal.append([b"y" * MAX_BYTES])


class _Held(msgspec.Struct):
    """The model of one chunk at one consumer."""

    entries: tuple[bytes, ...]
    attempt: int = 0
    since: float = 0.0
    until: float = 0.0


class JournalMachine(RuleBasedStateMachine):
    """A journal against a dict per consumer."""

    opened: Opened
    chunk_ids = Bundle("chunk_ids")
    consumers = st.sampled_from(["one", "two", "three"])

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = SimulatedClock()
        self.context = self.opened(self.clock)
        self.journal = self.runner.run(self.context.__aenter__()).journal
        self.model: dict[str, dict[int, _Held]] = {}
        self.last_id = -1

    def teardown(self) -> None:
        self.runner.run(self.context.__aexit__(None, None, None))
        self.runner.close()

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @rule(target=chunk_ids, entries=st.lists(st.binary(max_size=150), min_size=1, max_size=5))
    def append(self, entries: Sequence[bytes]) -> Any:
        try:
            chunk_id = self.run(self.journal.append(entries))
        except StoreFull:
            held = {key: chunk for own in self.model.values() for key, chunk in own.items()}
            kept = sum(len(entry) for chunk in held.values() for entry in chunk.entries)
            assert kept + sum(map(len, entries)) > MAX_BYTES
            return multiple()
        assert chunk_id > self.last_id
        self.last_id = chunk_id
        for own in self.model.values():
            own[chunk_id] = _Held(tuple(entries))
        return chunk_id

    @rule(consumer=consumers)
    def join(self, consumer: str) -> None:
        self.run(self.journal.join(consumer))
        self.model.setdefault(consumer, {})

    @rule(consumer=consumers)
    def leave(self, consumer: str) -> None:
        self.run(self.journal.leave(consumer))
        self.model.pop(consumer, None)

    @rule(consumer=consumers)
    def read(self, consumer: str) -> None:
        own = self.model.get(consumer)
        if own is None:
            with pytest.raises(UnknownConsumer):
                self.run(self.journal.read(consumer, 0))
            return
        now = self.clock.now()
        free = sorted((held.attempt == 0, chunk_id) for chunk_id, held in own.items() if held.until <= now)
        chunk = self.run(self.journal.read(consumer, 0))
        if not free:
            assert chunk is None
            return
        chunk_id = free[0][1]
        held = own[chunk_id]
        held.attempt, held.until = held.attempt + 1, now + LEASE_S
        held.since = held.since or now
        assert chunk == Chunk(chunk_id, held.entries, held.attempt, held.since)

    @rule(consumer=consumers, chunk_id=chunk_ids)
    def acknowledge(self, consumer: str, chunk_id: int) -> None:
        self.run(self.journal.acknowledge(consumer, chunk_id))
        self.model.get(consumer, {}).pop(chunk_id, None)

    @rule(chunk_id=consumes(chunk_ids))
    def acknowledge_by_all(self, chunk_id: int) -> None:
        for consumer in list(self.model):
            self.acknowledge(consumer, chunk_id)

    @rule(seconds=st.sampled_from([1.0, LEASE_S - 1, LEASE_S]))
    def wait(self, seconds: float) -> None:
        self.run(self.clock.advance(seconds))

    @invariant()
    def the_backlog_is_what_is_not_acknowledged(self) -> None:
        for consumer, own in self.model.items():
            assert self.run(self.journal.backlog(consumer)) == sum(len(held.entries) for held in own.values())


@pytest.mark.parametrize("name", STORES)
def test_a_journal_behaves_like_its_model(name: str) -> None:
    class Machine(JournalMachine):
        opened = staticmethod(STORES[name])

    run_state_machine_as_test(Machine, settings=settings(max_examples=40, stateful_step_count=40, deadline=None))


# Retry set

WEB = Envelope("web", "C8E2OS3C77UABCDXYZ00", "TEST1")


def retry(chunk_id: int, place: int, at: float) -> Retry:
    history = History(2, at - 10, at - 5, "answered 50000: internal error")
    return Retry((chunk_id, place), at, b'{"event":"A"}', WEB, history, "m-1", "Add to Cart", at + 99)


async def test_rows_come_back_as_they_were_when_they_are_due(store: Store) -> None:
    retries = store.retries
    late, early, same = retry(1, 0, 30.0), retry(1, 1, 10.0), retry(2, 0, 10.0)
    await retries.put("shop", [late, early])
    await retries.put("shop", [same])
    await retries.put("other", [retry(9, 9, 0.0)])
    assert await retries.next_at("shop") == 10.0
    assert await retries.due("shop", 9.9, 100) == []
    assert await retries.due("shop", 10.0, 100) == [early, same]
    assert await retries.due("shop", 99.0, 2) == [early, same]
    assert await retries.due("shop", float("inf"), 100) == [early, same, late]
    assert await retries.size("shop") == 3


async def test_a_row_that_is_put_again_is_replaced(store: Store) -> None:
    await store.retries.put("shop", [retry(1, 0, 10.0)])
    await store.retries.put("shop", [retry(1, 0, 20.0)])
    assert await store.retries.due("shop", 99.0, 9) == [retry(1, 0, 20.0)]
    assert await store.retries.size("shop") == 1


async def test_what_is_removed_is_gone(store: Store) -> None:
    await store.retries.put("shop", [retry(1, 0, 10.0), retry(1, 1, 10.0)])
    await store.retries.remove("shop", [(1, 0), (7, 7)])
    await store.retries.remove("nobody", [(1, 1)])
    assert await store.retries.due("shop", 99.0, 9) == [retry(1, 1, 10.0)]


async def test_an_empty_retry_set(store: Store) -> None:
    assert await store.retries.due("shop", 99.0, 9) == []
    assert await store.retries.next_at("shop") is None
    assert await store.retries.size("shop") == 0


# Ledger


def line(chunk_id: int, place: int, status: Status, reason: str | None = None) -> Line:
    return Line((chunk_id, place), f"m-{place}", "Add to Cart", status, reason, "said so", 40002)


async def test_the_tally_counts_events_and_lines(store: Store) -> None:
    ledger = store.ledger
    await ledger.record(
        "shop",
        1,
        4,
        [
            line(1, 0, Status.FILTERED, "no_trigger"),
            line(1, 1, Status.DUPLICATE, "duplicate_message"),
            line(1, 2, Status.DELIVERED),
            line(1, 3, Status.PENDING, "retrying"),
            line(1, 4, Status.INVALID, "field_type"),
        ],
    )
    await ledger.record("other", 1, 1, [line(1, 0, Status.DELIVERED)])
    tally = await ledger.tally("shop")
    assert (tally.events, tally.matched, tally.deliveries) == (4, 2, 3)
    assert tally.lines == {
        (Status.FILTERED, "no_trigger"): 1,
        (Status.DUPLICATE, "duplicate_message"): 1,
        (Status.DELIVERED, None): 1,
        (Status.PENDING, "retrying"): 1,
        (Status.INVALID, "field_type"): 1,
    }


async def test_an_update_moves_a_delivery_to_its_new_state(store: Store) -> None:
    await store.ledger.record("shop", 1, 1, [line(1, 0, Status.PENDING, "retrying")])
    await store.ledger.update("shop", [line(1, 0, Status.PENDING, "blocked")])
    await store.ledger.update("shop", [line(1, 0, Status.DELIVERED)])
    tally = await store.ledger.tally("shop")
    assert (tally.events, tally.lines) == (1, {(Status.DELIVERED, None): 1})
    assert await store.ledger.exceptions("shop", 9) == []


async def test_recording_a_chunk_again_replaces_it(store: Store) -> None:
    await store.ledger.record("shop", 1, 2, [line(1, 0, Status.PENDING, "retrying"), line(1, 1, Status.DELIVERED)])
    await store.ledger.record("shop", 1, 2, [line(1, 0, Status.DELIVERED), line(1, 1, Status.DELIVERED)])
    tally = await store.ledger.tally("shop")
    assert (tally.events, tally.lines) == (2, {(Status.DELIVERED, None): 2})


async def test_exceptions_are_kept_with_their_detail_newest_first(store: Store) -> None:
    rejected = line(1, 0, Status.REJECTED, "bad_parameter")
    expired = line(2, 0, Status.EXPIRED, "retry_exhausted")
    await store.ledger.record("shop", 1, 1, [rejected, line(1, 1, Status.DELIVERED), line(1, 2, Status.FILTERED)])
    await store.ledger.record("shop", 2, 1, [expired])
    assert await store.ledger.exceptions("shop", 9) == [expired, rejected]
    assert await store.ledger.exceptions("shop", 1) == [expired]


async def test_a_ledger_without_lines(store: Store) -> None:
    tally = await store.ledger.tally("shop")
    assert (tally.events, tally.matched, tally.deliveries, tally.lines) == (0, 0, 0, {})
    assert await store.ledger.exceptions("shop", 9) == []
