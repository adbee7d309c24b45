"""Imports: chunks of one consumer alone, a position in the same commit, counts and dead letters of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from tests.contract.books import checked
from tests.contract.store_opened import STORES, import_of, read, settle
from tests.contract.store_values import DELIVERED, INVALID, PENDING, REJECTED, line

from tockwork.model.clock import SimulatedClock
from tockwork.model.outcome import Status
from tockwork.store.archive import Archive
from tockwork.store.imports import Imports, UnknownImport
from tockwork.store.overview import Overview
from tockwork.store.protocol import Part, Store, Tally, UnknownConsumer, place_of
from tockwork.store.retention import DAY_S, Ages, Retention
from tockwork.store.sqlite import SqliteStore

SEEN_S = 1.0
ROWS = 200_000
CHUNK = 500


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, clock: SimulatedClock, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[request.param](clock, tmp_path) as opened:
        for consumer in ("shop", "other"):
            await opened.join(consumer)
        yield opened


@pytest.fixture
async def durable(clock: SimulatedClock, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore.open(tmp_path, clock=clock) as opened:
        for consumer in ("shop", "other"):
            await opened.join(consumer)
        yield opened


async def part(store: Store, consumer: str = "shop", position: int = 0) -> Part:
    return Part(await import_of(store, consumer), consumer, position)


# In every store


async def test_a_part_is_its_consumer_s_alone(store: Store) -> None:
    first = await store.append([b"1", b"2"], part=await part(store))
    second = await store.append([b"3"])
    assert [(await read(store)).id, (await read(store)).id] == [first, second]
    assert (await read(store, "other")).id == second
    assert await store.read("other", 0) is None
    assert [(await store.tally(name)).accepted for name in ("shop", "other")] == [3, 1]


async def test_others_cannot_settle_it(store: Store) -> None:
    await store.append([b"1"], part=await part(store))
    chunk = await read(store)
    await settle(store, chunk, [DELIVERED], consumer="other")
    assert await store.tally("other") == Tally()
    await settle(store, chunk, [DELIVERED])
    assert await store.tally("shop") == Tally(1, 0, 1, {(DELIVERED, None): 1})


async def test_who_leaves_decides_its_parts_too_and_leaves_those_of_others(store: Store) -> None:
    await store.append([b"1"], part=await part(store))
    await store.append([b"2", b"3"], part=await part(store, "other"))
    await store.leave("shop")
    tally = await store.tally("shop")
    assert (tally.accepted, tally.undecided, tally.count(Status.FILTERED), tally.lawful) == (1, 0, 1, True)
    assert (await store.tally("other")).undecided == 2


async def test_an_id_is_known_to_imports_and_to_the_rest(store: Store) -> None:
    await store.append([b"1"], ["a"])
    await store.append([b"1", b"2"], ["a", "b"], part=await part(store))
    await store.append([b"2"], ["b"])
    assert [(await read(store)).duplicates for _ in range(3)] == [set(), {0}, {0}]


async def test_nobody_is_imported_for_who_has_not_joined(store: Store) -> None:
    await store.leave("other")
    for consumer in ("nobody", "other"):
        with pytest.raises(UnknownConsumer):
            await store.append([b"1"], ["a"], part=Part(1, consumer, 0))
    await store.append([b"1"], ["a"])
    assert not (await read(store)).duplicates


# In SQLite


async def test_an_import_is_begun_once_for_each_file_and_consumer(durable: SqliteStore, clock: SimulatedClock) -> None:
    imports = Imports(durable.database, clock)
    first = await imports.begin(b"file", "shop", "orders.csv")
    assert (first.consumer, first.name, first.position, first.events) == ("shop", "orders.csv", 0, 0)
    assert (first.begun_at, first.finished_at) == (clock.now(), None)
    await clock.advance(5)
    assert await imports.begin(b"file", "shop", "moved.csv") == first
    second = await imports.begin(b"file", "other", "orders.csv")
    await imports.finish(first.id)
    await imports.finish(first.id)
    assert (await imports.find(first.id)).finished_at == clock.now()
    assert [each.id for each in await imports.all()] == [first.id, second.id]
    with pytest.raises(UnknownConsumer):
        await imports.begin(b"file", "nobody", "orders.csv")
    with pytest.raises(UnknownImport):
        await imports.find(99)
    for wrong in (Part(99, "shop", 1), Part(second.id, "shop", 1)):
        with pytest.raises(UnknownImport):
            await durable.append([b"1"], part=wrong)
    assert (await durable.tally("shop")).accepted == 0


async def test_its_counts_and_its_dead_letters(durable: SqliteStore) -> None:
    imports = Imports(durable.database)
    own = await part(durable)
    await durable.append([b"elsewhere"])
    await settle(durable, await read(durable), [REJECTED])
    for position in (4, 6, 8):
        await durable.append([b"1", b"2"] * (2 if position == 4 else 1), part=Part(own.import_id, "shop", position))
    await settle(durable, await read(durable), [DELIVERED, INVALID], [PENDING], [Status.FILTERED], [Status.DUPLICATE])
    await settle(durable, await read(durable), [REJECTED], [INVALID])
    tally = await imports.tally(own.import_id)
    assert (tally.accepted, tally.undecided, tally.matched, tally.lawful) == (8, 2, 4, True)
    assert tally.lines == {
        (DELIVERED, None): 1,
        (INVALID, "field_type"): 2,
        (PENDING, "retrying"): 1,
        (Status.FILTERED, "no_trigger"): 1,
        (Status.DUPLICATE, "duplicate_message"): 1,
        (REJECTED, "bad_parameter"): 1,
    }
    assert (await imports.find(own.import_id)).position == 8
    letters, after = [], (0, 0)
    while some := await imports.dead(own.import_id, after, 2):
        letters += some
        after = some[-1].line.key
    assert [(each.line.key, each.line.status, each.event) for each in letters] == [
        ((2, 1), INVALID, b"1"),
        ((3, 0), REJECTED, b"1"),
        ((3, place_of(1, 0)), INVALID, b"2"),
    ]
    assert {(each.line.reason, each.line.detail, each.line.code) for each in letters} == {
        ("field_type", "said so", 40002),
        ("bad_parameter", "said so", 40002),
    }


async def test_the_books_balance_with_parts_in_them(durable: SqliteStore) -> None:
    for turn in range(3):
        await durable.append([b"1"] * 3)
        await durable.append([b"2"] * 2, part=await part(durable))
        await durable.append([b"3"], part=await part(durable, "other"))
        chunk = await read(durable)
        await settle(durable, chunk, *[[DELIVERED], [PENDING], [REJECTED]][: len(chunk.entries)])
        for consumer in ("shop", "other"):
            await durable.database.read(partial(checked, consumer=consumer))
        if turn == 1:
            await durable.leave("other")
            await durable.join("other")
    assert (await durable.tally("other")).undecided == 4


async def test_what_is_settled_goes_and_its_counts_stay(durable: SqliteStore, clock: SimulatedClock) -> None:
    imports, own = Imports(durable.database), await part(durable)
    retention = Retention(durable.database, durable.space, Ages())
    await durable.append([b'{"messageId":"a"}', b'{"messageId":"b"}'], ["a", "b"], part=own)
    await retention.purge(clock.now() + 8 * DAY_S)
    chunk = await read(durable)
    await settle(durable, chunk, [DELIVERED], [PENDING])
    found = await Archive(durable.database).find("b")
    assert [(each.event, [*each.lines]) for each in found] == [(1, ["shop"])]
    assert (await retention.purge(clock.now() + 8 * DAY_S)).chunks == 0  # one waits
    await durable.update("shop", [line((chunk.id, place_of(1, 0)), DELIVERED)])
    assert (await retention.purge(clock.now() + 8 * DAY_S)).chunks == 1
    assert (await imports.tally(own.import_id)).lines == {(DELIVERED, None): 2}
    await retention.purge(clock.now() + 91 * DAY_S)
    assert await durable.database.read(lambda connection: connection.execute("SELECT * FROM part").fetchall()) == []
    assert (await imports.find(own.import_id)).events == 2


async def test_the_oldest_undecided_event_is_one_of_its_own(durable: SqliteStore, clock: SimulatedClock) -> None:
    await durable.append([b"1"], part=await part(durable))
    await clock.advance(5)
    await durable.append([b"2"])
    consumed, _ = await Overview(durable.database).read()
    assert [consumed[name].oldest_at for name in ("shop", "other")] == [clock.now() - 5, clock.now()]


# Beside a server, and killed


@pytest.mark.parametrize("polling", [False, True])
async def test_a_server_sees_what_another_process_imports(polling: bool, tmp_path: Path) -> None:
    async with (
        SqliteStore.open(tmp_path, polling=polling) as server,
        SqliteStore.open(tmp_path, polling=True) as beside,
    ):
        await server.join("shop")
        reading = asyncio.create_task(server.read("shop", 30))
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        own = await Imports(beside.database).begin(b"key", "shop", "orders.csv")
        chunk_id = await beside.append([b"1"], ["a"], part=Part(own.id, "shop", 1))
        if not polling:
            await server.notice()  # as a server does twice a second
        chunk = await reading
        assert chunk is not None
        assert chunk.id == chunk_id
        assert time.monotonic() - begun < SEEN_S


PROGRAM = """
import asyncio, sys
from pathlib import Path
from tockwork.store.imports import Imports
from tockwork.store.protocol import Part
from tockwork.store.sqlite import SqliteStore
async def main():
    async with SqliteStore.open(Path(sys.argv[1]), polling=True) as store:
        own = await Imports(store.database).begin(b"key", "shop", "orders.csv")
        for row in range(own.position, 20):
            await store.append([b"%d" % row], [f"row-{row}"], part=Part(own.id, "shop", row + 1))
        await Imports(store.database).finish(own.id)
asyncio.run(main())
"""


async def test_killed_and_begun_again_each_row_comes_once(tmp_path: Path) -> None:
    async with SqliteStore.open(tmp_path) as store:
        await store.join("shop")
        for point in ("append_written:5", "append_committed:4", "append_unindexed:3", ""):
            words, environment = [sys.executable, "-c", PROGRAM, str(tmp_path)], os.environ | {"TOCKWORK_CRASH": point}
            ended = await asyncio.to_thread(subprocess.run, words, env=environment)
            assert ended.returncode == (-signal.SIGKILL if point else 0)
        chunks = []
        while (chunk := await store.read("shop", 0)) is not None:
            chunks.append(chunk)
        assert [chunk.entries for chunk in chunks] == [(b"%d" % row,) for row in range(20)]
        assert not any(chunk.duplicates for chunk in chunks)
        (own,) = await Imports(store.database).all()
        assert (own.position, own.events, own.finished_at is None) == (20, 20, False)


async def test_counting_a_large_import_takes_no_time(durable: SqliteStore) -> None:
    own = await part(durable)
    for position in range(0, ROWS, CHUNK):
        await durable.append([b"{}"] * CHUNK, part=Part(own.import_id, "shop", position))
        await settle(durable, await read(durable), *[[DELIVERED]] * CHUNK)
    begun = time.process_time()
    tally = await Imports(durable.database).tally(own.import_id)
    spent = time.process_time() - begun
    assert tally == Tally(ROWS, 0, ROWS, {(DELIVERED, None): ROWS})
    assert spent < 1.0
