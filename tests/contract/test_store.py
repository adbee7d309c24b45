"""What every store promises. A store joins by adding itself to `STORES`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.contract.store_opened import STORES, filled, read, settle
from tests.contract.store_values import (
    DELIVERED,
    EXPIRED,
    INVALID,
    LEASE_S,
    PENDING,
    REJECTED,
    line,
    retry,
    settled,
)

from tockwork.model.clock import SimulatedClock
from tockwork.model.fate import History
from tockwork.model.outcome import Status
from tockwork.store.protocol import PLACES, Chunk, Store, Tally, UnknownConsumer, place_of

SOON_S = 5.0


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, clock: SimulatedClock, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[request.param](clock, tmp_path) as opened:
        yield opened


# Position


async def test_chunks_come_whole_in_order_and_once(store: Store) -> None:
    await store.join("shop")
    first = await store.append([b"1", b"2"], ["m-1", "m-2"], [("web", 1), ("app", 1)])
    second = await store.append([b"3"])
    assert first < second
    web = Chunk(first, (b"1", b"2"), sources=(("web", 1), ("app", 1)))
    assert [await read(store), await read(store)] == [web, Chunk(second, (b"3",))]
    assert await store.read("shop", 0) is None


async def test_each_consumer_has_its_own_position(store: Store) -> None:
    for consumer in ("slow", "fast"):
        await store.join(consumer)
    ids = [await store.append([entry]) for entry in (b"1", b"2")]
    for chunk_id in ids:
        chunk = await read(store, "fast")
        assert chunk.id == chunk_id
        await settle(store, chunk, [DELIVERED], consumer="fast")
    assert (await read(store, "slow")).id == ids[0]
    assert [(await store.tally(consumer)).undecided for consumer in ("fast", "slow")] == [0, 2]


async def test_a_consumer_is_handed_what_comes_after_it_joined(store: Store) -> None:
    await store.append([b"0"])
    await store.join("first")
    await store.append([b"1"])
    await store.join("shop")
    assert await store.read("shop", 0) is None
    later = await store.append([b"2"])
    await store.join("shop")  # joining again changes nothing
    assert (await read(store)).id == later
    await store.join("shop")
    assert await store.read("shop", 0) is None


async def test_who_has_not_joined_or_has_left_cannot_read_nor_send(store: Store) -> None:
    async def refuses() -> None:
        for work in (
            store.read("shop", 0),
            store.begin("shop", [1], 1, 0.0),
            store.begin_again("shop", [(1, 0)], 0.0),
            store.update("shop", [line((1, 0), DELIVERED)]),
            store.keep_standing("shop", b"open"),
        ):
            with pytest.raises(UnknownConsumer):
                await work

    await refuses()
    await store.join("shop")
    await store.append([b"1"])
    await store.leave("shop")
    await refuses()


async def test_who_never_joined_leaves_and_settles_in_vain(store: Store) -> None:
    await store.join("shop")
    chunk_id = await store.append([b"1"])
    await store.leave("nobody")
    await settle(store, Chunk(chunk_id, (b"1",)), [PENDING], consumer="nobody")
    assert await store.tally("nobody") == Tally()
    assert await store.due("nobody", 99.0, 9) == []
    assert await store.next_at("nobody") is None
    assert await store.exceptions("nobody", 9) == []
    assert await store.standing("nobody") is None
    assert (await read(store)).id == chunk_id


async def test_a_chunk_whose_lease_ran_out_is_handed_out_again_before_newer_ones(
    store: Store, clock: SimulatedClock
) -> None:
    await store.join("shop")
    first, second, third = [await store.append([entry]) for entry in (b"1", b"2", b"3")]
    assert [(await read(store)).id, (await read(store)).id] == [first, second]
    await clock.advance(LEASE_S - 1)
    await settle(store, Chunk(second, (b"2",)), [DELIVERED])
    await clock.advance(1)
    assert [(await read(store)).id, (await read(store)).id] == [first, third]
    assert await store.read("shop", 0) is None
    await clock.advance(LEASE_S)
    assert [(await read(store)).id, (await read(store)).id] == [first, third]


async def test_a_chunk_that_was_begun_says_so_when_it_is_handed_out_again(store: Store, clock: SimulatedClock) -> None:
    for consumer in ("shop", "other"):
        await store.join(consumer)
    first, second = await store.append([b"1"]), await store.append([b"2"])
    await read(store)
    await read(store)
    await store.begin("shop", [first], 3, 100.5)
    await store.begin("shop", [first, second], 4, 200.0)
    await clock.advance(LEASE_S)
    assert [await read(store), await read(store)] == [
        Chunk(first, (b"1",), 100.5, 3),
        Chunk(second, (b"2",), 200.0, 4),
    ]
    assert await read(store, "other") == Chunk(first, (b"1",))


async def test_reading_waits_for_an_append(store: Store, clock: SimulatedClock) -> None:
    await store.join("shop")
    reading = asyncio.create_task(store.read("shop", 10))
    await clock.advance(9)
    assert not reading.done()
    chunk_id = await store.append([b"1"])
    await clock.advance(0)
    assert reading.done()
    assert await reading == Chunk(chunk_id, (b"1",))


async def test_reading_gives_up_after_its_time(store: Store, clock: SimulatedClock) -> None:
    await store.join("shop")
    reading = asyncio.create_task(store.read("shop", 10))
    await clock.advance(10)
    assert reading.done()
    assert await reading is None


async def test_reading_waits_for_a_lease_to_run_out(store: Store, clock: SimulatedClock) -> None:
    await store.join("shop")
    chunk_id = await store.append([b"1"])
    await read(store)
    reading = asyncio.create_task(store.read("shop", 2 * LEASE_S))
    await clock.advance(LEASE_S - 1)
    assert not reading.done()
    await clock.advance(1)
    assert reading.done()
    assert await reading == Chunk(chunk_id, (b"1",))


async def test_reading_ends_when_its_consumer_leaves(store: Store, clock: SimulatedClock) -> None:
    await store.join("shop")
    reading = asyncio.create_task(store.read("shop", 10))
    await clock.advance(1)
    await store.leave("shop")
    await clock.advance(0)
    assert reading.done()
    with pytest.raises(UnknownConsumer):
        await reading


async def test_no_append_is_missed_by_one_of_many_that_wait(store: Store) -> None:
    consumers = [f"shop {number}" for number in range(6)]
    for consumer in consumers:
        await store.join(consumer)
    for _ in range(40):  # time stands still: who misses an append waits for ever
        async with asyncio.timeout(SOON_S):
            reading = [asyncio.create_task(store.read(consumer, 10)) for consumer in consumers]
            chunk_id = await store.append([b"1"])
            assert {chunk and chunk.id for chunk in await asyncio.gather(*reading)} == {chunk_id}


# Settling and counts


async def test_the_tally_counts_events_and_lines(store: Store) -> None:
    await filled(store, [Status.FILTERED], [Status.DUPLICATE], [DELIVERED, PENDING, INVALID], [DELIVERED])
    await filled(store, [DELIVERED], consumer="other")
    await store.append([b"4", b"5"])
    tally = await store.tally("shop")
    assert (tally.accepted, tally.undecided, tally.matched, tally.deliveries) == (7, 3, 2, 4)
    assert tally.lines == {
        (Status.FILTERED, "no_trigger"): 1,
        (Status.DUPLICATE, "duplicate_message"): 1,
        (DELIVERED, None): 2,
        (PENDING, "retrying"): 1,
        (INVALID, "field_type"): 1,
    }
    assert tally.lawful
    assert await store.tally("other") == Tally(3, 2, 1, {(DELIVERED, None): 1})


async def test_an_event_makes_up_to_as_many_deliveries_as_it_has_places(store: Store) -> None:
    await filled(store, [DELIVERED] * PLACES, [DELIVERED])
    tally = await store.tally("shop")
    assert (tally.matched, tally.deliveries) == (2, PLACES + 1)


async def test_several_chunks_are_settled_together_in_any_order(store: Store, clock: SimulatedClock) -> None:
    await store.join("shop")
    for entry in (b"1", b"2", b"3"):
        await store.append([entry])
    first, second, third = [await read(store) for _ in range(3)]
    await store.settle("shop", [settled(third, [DELIVERED]), settled(first, [REJECTED])])
    assert await store.tally("shop") == Tally(3, 1, 2, {(DELIVERED, None): 1, (REJECTED, "bad_parameter"): 1})
    await clock.advance(LEASE_S)
    assert await read(store) == second
    assert await store.read("shop", 0) is None


async def test_settling_late_does_no_harm(store: Store, clock: SimulatedClock) -> None:
    await store.join("shop")
    await store.append([b"1"])
    chunk = await read(store)
    await clock.advance(LEASE_S + 1)
    await settle(store, chunk, [DELIVERED])
    assert await store.read("shop", 0) is None
    assert (await store.tally("shop")).undecided == 0


async def test_exceptions_are_kept_with_their_detail_newest_first(store: Store, clock: SimulatedClock) -> None:
    rejected = await filled(store, [REJECTED], [DELIVERED], [Status.FILTERED])
    await clock.advance(1)
    pending = await filled(store, [PENDING])
    await clock.advance(1)
    expired = await filled(store, [EXPIRED])
    expected = [line((expired.id, 0), EXPIRED), line((pending.id, 0), PENDING), line((rejected.id, 0), REJECTED)]
    assert await store.exceptions("shop", 9) == expected
    assert await store.exceptions("shop", 2) == expected[:2]


# Rows to be sent again


async def test_rows_come_back_as_they_were_when_they_are_due(store: Store) -> None:
    await store.join("shop")
    await store.append([b"1", b"2", b"3"])
    chunk = await read(store)
    history = History(2, 20.5, 25.0, "answered 50000: internal error")
    decided = settled(chunk, [PENDING], [DELIVERED, PENDING], [PENDING])
    keys = [each.key for each in decided.retries]
    late, early, same = [retry(key, at, history) for key, at in zip(keys, (30.0, 10.0, 10.0), strict=True)]
    same = msgspec.structs.replace(same, message_id=None, mapping=None, expires_at=None, history=History())
    await store.settle("shop", [msgspec.structs.replace(decided, retries=[late, early, same])])
    await filled(store, [PENDING], consumer="other")
    assert await store.next_at("shop") == 10.0
    assert await store.due("shop", 9.9, 100) == []
    assert await store.due("shop", 10.0, 100) == [early, same]
    assert await store.due("shop", 99.0, 2) == [early, same]
    assert await store.due("shop", float("inf"), 100) == [early, same, late]


async def test_an_update_gives_a_pending_delivery_its_new_state(store: Store) -> None:
    chunk = await filled(store, [PENDING], [PENDING], at=10.0)
    first, second = (chunk.id, 0), (chunk.id, place_of(1, 0))
    again = retry(first, 50.0, History(1, 10.0))
    await store.update("shop", [line(first, PENDING, "blocked"), line(second, DELIVERED)], [again])
    assert await store.due("shop", 99.0, 9) == [again]
    assert await store.exceptions("shop", 9) == [line(first, PENDING, "blocked")]
    assert (await store.tally("shop")).lines == {(PENDING, "blocked"): 1, (DELIVERED, None): 1}
    await store.update("shop", [line(first, EXPIRED)])
    assert await store.next_at("shop") is None
    assert await store.exceptions("shop", 9) == [line(first, EXPIRED)]
    assert await store.tally("shop") == Tally(2, 0, 2, {(EXPIRED, "retry_exhausted"): 1, (DELIVERED, None): 1})


async def test_an_update_of_what_is_not_pending_changes_nothing(store: Store) -> None:
    chunk = await filled(store, [DELIVERED, PENDING])
    decided, unknown, pending = (chunk.id, 0), (chunk.id, 5), (chunk.id, 1)
    before = await store.tally("shop")
    for key in (decided, unknown, (chunk.id + 100, 0)):
        await store.update("shop", [line(key, REJECTED)])
        await store.update("shop", [line(key, PENDING)], [retry(key)])
    assert await store.tally("shop") == before
    assert [each.key for each in await store.due("shop", 99.0, 9)] == [pending]
    assert await store.exceptions("shop", 9) == [line(pending, PENDING)]


async def test_a_row_that_is_begun_again_may_have_arrived_until_an_update_says_otherwise(store: Store) -> None:
    chunk = await filled(store, [PENDING, PENDING])
    first, second = (chunk.id, 0), (chunk.id, 1)
    await store.begin_again("shop", [first, (chunk.id, 7)], 100.5)
    await store.begin_again("shop", [first, second], 200.0)
    assert await store.due("shop", 99.0, 9) == [
        retry(first, history=History(ambiguous_at=100.5)),
        retry(second, history=History(ambiguous_at=200.0)),
    ]
    denied = retry(first, 9.0, History(1, 5.0))
    await store.update("shop", [line(first, PENDING)], [denied])
    assert await store.due("shop", 99.0, 9) == [retry(second, history=History(ambiguous_at=200.0)), denied]


# Leaving


async def test_what_is_left_by_a_consumer_is_accounted_for(store: Store) -> None:
    chunk = await filled(store, [DELIVERED, PENDING], [INVALID])
    await store.append([b"1", b"2"])
    await store.append([b"3"])
    await read(store)
    await store.leave("shop")
    tally = await store.tally("shop")
    assert tally == Tally(
        5,
        0,
        2,
        {
            (DELIVERED, None): 1,
            (INVALID, "field_type"): 1,
            (EXPIRED, "destination_removed"): 1,
            (Status.FILTERED, "destination_removed"): 3,
        },
    )
    assert tally.lawful
    assert await store.due("shop", 99.0, 9) == []
    assert await store.next_at("shop") is None
    assert {(each.key, each.status, each.reason, each.message_id) for each in await store.exceptions("shop", 9)} == {
        ((chunk.id, 1), EXPIRED, "destination_removed", f"m-{chunk.id}-1"),
        ((chunk.id, PLACES), INVALID, "field_type", f"m-{chunk.id}-{PLACES}"),
    }


async def test_who_joins_again_starts_from_then_and_counts_on(store: Store) -> None:
    await filled(store, [DELIVERED])
    await store.keep_standing("shop", b"paused")
    late = await store.append([b"1"])
    await read(store)
    await store.leave("shop")
    await store.append([b"2", b"3"])
    await store.join("shop")
    assert await store.standing("shop") is None
    assert await store.read("shop", 0) is None
    await settle(store, Chunk(late, (b"1",)), [DELIVERED])
    await filled(store, [REJECTED])
    assert await store.tally("shop") == Tally(
        3,
        0,
        2,
        {(DELIVERED, None): 1, (Status.FILTERED, "destination_removed"): 1, (REJECTED, "bad_parameter"): 1},
    )


# Standing


async def test_each_destination_stands_as_it_was_last_kept(store: Store) -> None:
    for consumer in ("shop", "other"):
        await store.join(consumer)
    assert await store.standing("shop") is None
    await store.keep_standing("shop", b"blocked")
    await store.keep_standing("shop", b"paused")
    assert [await store.standing(consumer) for consumer in ("shop", "other")] == [b"paused", None]
