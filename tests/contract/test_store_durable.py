"""What every store promises that outlives its process."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.store_opened import DURABLE, filled, read, settle
from tests.contract.store_values import DELIVERED, PENDING, REJECTED, line, retry

from tockwork.model.clock import SimulatedClock
from tockwork.model.fate import History
from tockwork.model.outcome import Status
from tockwork.store.protocol import PLACES, Chunk, Store, UnknownConsumer


@pytest.mark.parametrize("name", DURABLE)
async def test_what_is_not_settled_is_handed_out_again_after_opening(name: str, tmp_path: Path) -> None:
    clock = SimulatedClock()
    async with DURABLE[name](clock, tmp_path) as store:
        await store.join("shop")
        for entries in ([b"1", b"2"], [b"3"], [b"4"], [b"5"]):
            await store.append(entries)
        begun, done, handed = [await read(store) for _ in range(3)]
        await store.begin("shop", [begun.id, done.id], 3, 100.5)
        await settle(store, done, [DELIVERED])
    async with DURABLE[name](clock, tmp_path) as store:
        await store.join("shop")
        last = await store.append([b"6"])
        again = [await read(store) for _ in range(4)]
        assert again[:2] == [Chunk(begun.id, (b"1", b"2"), 100.5, 3), handed]
        assert [chunk.entries for chunk in again[2:]] == [(b"5",), (b"6",)]
        assert again[3].id == last > again[2].id > handed.id
        assert await store.read("shop", 0) is None
        await store.begin("shop", [begun.id], 4, 200.0)
    async with DURABLE[name](clock, tmp_path) as store:
        await store.join("shop")
        assert await read(store) == Chunk(begun.id, (b"1", b"2"), 100.5, 3)


@pytest.mark.parametrize("name", DURABLE)
async def test_rows_counts_and_standing_are_the_same_after_opening(name: str, tmp_path: Path) -> None:
    clock = SimulatedClock()

    async def state(store: Store) -> tuple[object, ...]:
        return (
            await store.tally("shop"),
            await store.tally("gone"),
            await store.due("shop", 999.0, 99),
            await store.next_at("shop"),
            await store.exceptions("shop", 99),
            await store.standing("shop"),
        )

    async with DURABLE[name](clock, tmp_path) as store:
        await filled(store, [PENDING], consumer="gone")
        chunk = await filled(store, [PENDING, PENDING, REJECTED], [PENDING], [Status.FILTERED], at=10.0)
        await store.append([b"undecided"])
        key = (chunk.id, 1)
        await store.update("shop", [line(key, PENDING, "blocked")], [retry(key, 20.0, History(1, 2.5, None, "no"))])
        await store.update("shop", [line((chunk.id, PLACES), DELIVERED)])
        await store.keep_standing("shop", b"blocked")
        await store.leave("gone")
        before = await state(store)
    async with DURABLE[name](clock, tmp_path) as store:
        await store.join("shop")
        assert await state(store) == before
        with pytest.raises(UnknownConsumer):
            await store.read("gone", 0)
        await store.join("gone")
        assert await store.read("gone", 0) is None
        assert await store.tally("gone") == before[1]


@pytest.mark.parametrize("name", DURABLE)
async def test_a_row_that_was_begun_again_may_have_arrived_after_opening(name: str, tmp_path: Path) -> None:
    clock = SimulatedClock()
    async with DURABLE[name](clock, tmp_path) as store:
        chunk = await filled(store, [PENDING, PENDING])
        await store.begin_again("shop", [(chunk.id, 0)], 100.5)
    async with DURABLE[name](clock, tmp_path) as store:
        await store.join("shop")
        assert await store.due("shop", 99.0, 9) == [
            retry((chunk.id, 0), history=History(ambiguous_at=100.5)),
            retry((chunk.id, 1)),
        ]
