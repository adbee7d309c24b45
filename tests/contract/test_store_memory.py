"""What the store in memory has room for."""

from __future__ import annotations

import pytest
from tests.contract.store_opened import filled, read, settle
from tests.contract.store_values import DELIVERED, INVALID, PENDING, REJECTED, line, retry

from tockwork.model.errors import StoreFull
from tockwork.store.memory import MAX_DEAD, MemoryStore
from tockwork.store.protocol import place_of


async def test_a_full_store_keeps_nothing_and_has_room_once_all_settled() -> None:
    store = MemoryStore(max_bytes=1000)
    for consumer in ("one", "two"):
        await store.join(consumer)
    await store.append([b"x" * 600, b"x" * 400])
    with pytest.raises(StoreFull):
        await store.append([b"y"])
    assert (await store.tally("one")).accepted == 2
    await settle(store, await read(store, "one"), [DELIVERED], [DELIVERED], consumer="one")
    with pytest.raises(StoreFull):
        await store.append([b"y"])
    await settle(store, await read(store, "two"), [DELIVERED], [DELIVERED], consumer="two")
    await store.append([b"y" * 1000])
    assert (await read(store, "one")).entries == (b"y" * 1000,)


async def test_rows_to_be_sent_again_take_room_until_they_are_decided() -> None:
    row = len(retry((1, 0)).row)
    store = MemoryStore(max_bytes=1000)
    chunk = await filled(store, [PENDING, PENDING])
    await store.update("shop", [line((chunk.id, 0), PENDING)], [retry((chunk.id, 0))])
    with pytest.raises(StoreFull):
        await store.append([b"x" * (1001 - 2 * row)])
    await store.update("shop", [line((chunk.id, 0), DELIVERED)])
    await store.append([b"x" * (1000 - row)])
    await store.leave("shop")
    await store.join("shop")
    await store.append([b"x" * 1000])


async def test_who_leaves_makes_room() -> None:
    store = MemoryStore(max_bytes=1000)
    for consumer in ("one", "two"):
        await store.join(consumer)
    await store.append([b"x" * 1000])
    await settle(store, await read(store, "one"), [DELIVERED], consumer="one")
    await store.leave("two")
    await store.append([b"y" * 1000])


async def test_without_consumers_nothing_is_kept() -> None:
    store = MemoryStore(max_bytes=1000)
    assert [await store.append([b"x" * 1000]) for _ in range(3)] == [1, 2, 3]


async def test_the_newest_dead_letters_are_kept_and_all_are_counted() -> None:
    store = MemoryStore()
    first = await filled(store, [PENDING], *[[REJECTED]] * MAX_DEAD)
    second = await filled(store, [INVALID])
    kept = await store.exceptions("shop", 2 * MAX_DEAD)
    assert kept[0] == line((second.id, 0), INVALID)
    assert kept[-2:] == [line((first.id, place_of(2, 0)), REJECTED), line((first.id, 0), PENDING)]
    assert len(kept) == MAX_DEAD + 1
    assert (await store.tally("shop")).count(REJECTED, INVALID) == MAX_DEAD + 1
