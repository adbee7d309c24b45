"""Samples of the journal, volumes by mapping, and findings that were dismissed."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.traffic import arrive, come, event

from tockwork.model.clock import SimulatedClock
from tockwork.model.outcome import Status
from tockwork.store import sample as module
from tockwork.store.dismissals import KEPT_S, Dismissal, Dismissals
from tockwork.store.imports import Imports
from tockwork.store.protocol import Line, Part, Settled, place_of
from tockwork.store.sample import CHUNKS, sample
from tockwork.store.sqlite import SqliteStore
from tockwork.store.volumes import volumes

DAY_S = 86_400.0


async def test_a_small_journal_is_taken_whole(tmp_path: Path) -> None:
    clock = SimulatedClock()
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        await come(store, 120, clock.now())
        taken = await sample(store.database, clock.now() - DAY_S, clock.now() + 1, 2000)
    assert (len(taken.events), taken.total, taken.whole) == (120, 120, True)
    assert [(one.chunk_id, one.index) for one in taken.events][-1] == (3, 19)
    assert taken.events[60].ref == "2-10"
    assert json.loads(taken.events[60].entry)["anonymousId"] == "a-60"
    assert {one.source for one in taken.events} == {"shop"}


async def test_nothing_of_another_time(tmp_path: Path) -> None:
    clock = SimulatedClock()
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        for number in (50, 100, 150):
            await come(store, number, clock.now())
            await clock.advance(DAY_S)
        now = clock.now()
        found = [await sample(store.database, now - days * DAY_S, now - (days - 1) * DAY_S, 2000) for days in range(5)]
    assert [len(one.events) for one in found] == [0, 150, 100, 50, 0]


async def test_an_empty_journal_has_nothing(tmp_path: Path) -> None:
    async with SqliteStore.open(tmp_path) as store:
        taken = await sample(store.database, 0, time.time(), 100)
    assert (taken.events, taken.total, taken.whole) == ([], 0, True)


async def test_a_sample_is_spread_evenly_whatever_the_size_of_chunks(tmp_path: Path) -> None:
    clock = SimulatedClock()
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        for size in (1, 400, 7, 90, 2):
            await arrive(
                store, [event(at, clock.now(), source=str(size), messageId=f"m-{size}-{at}") for at in range(size)]
            )
        taken = await sample(store.database, 0, clock.now() + 1, 100)
    assert len(taken.events) == 100
    assert 74 <= Counter(json.loads(one.entry)["source"] for one in taken.events)["400"] <= 82


@pytest.mark.parametrize("rhythm", [2, 3, 4, 5, 7, 8, 9, 10, 13, 16, 21, 25, 34, 50])
async def test_a_rhythm_of_the_traffic_is_not_taken_for_all_of_it(tmp_path: Path, rhythm: int) -> None:
    clock = SimulatedClock()
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        await arrive(store, [{"messageId": f"m{at}", "beat": at % rhythm == 0} for at in range(4000)])
        taken = await sample(store.database, 0, clock.now() + 1, 1000)
    beats = sum(json.loads(one.entry)["beat"] for one in taken.events)
    assert abs(beats - 1000 / rhythm) < 40


async def test_every_event_has_the_same_chance(tmp_path: Path) -> None:
    clock = SimulatedClock()
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        await arrive(store, [{"messageId": f"m{at}", "beat": at % 5 == 0} for at in range(2500)])
        taken = await sample(store.database, 0, clock.now() + 1, 2000)
    beats = sum(json.loads(one.entry)["beat"] for one in taken.events)
    assert len(taken.events) == 2000
    assert abs(beats / len(taken.events) - 0.2) < 0.02
    assert len({one.ref for one in taken.events}) == len(taken.events)


async def test_copies_and_erased_events_are_left_out(tmp_path: Path) -> None:
    clock = SimulatedClock()
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        await arrive(store, [event(at, clock.now()) for at in range(5)])
        await arrive(store, [event(at, clock.now()) for at in (0, 7)])

        def erase(connection: sqlite3.Connection) -> None:
            content = msgspec.msgpack.encode([b"", *([b"{}"] * 4)])
            connection.execute("UPDATE chunk SET content = ? WHERE id = 1", (content,))

        await store.database.write(erase)
        taken = await sample(store.database, 0, clock.now() + 1, 100)
    assert [one.ref for one in taken.events] == ["1-1", "1-2", "1-3", "1-4", "2-1"]


async def test_what_was_imported_is_for_one_destination(tmp_path: Path) -> None:
    clock = SimulatedClock()
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        await store.join("Stores")
        begun = await Imports(store.database, clock).begin(b"key", "Stores", "orders.csv")
        await store.append([b"{}"], ["m-1"], [("orders.csv", 1)], part=Part(begun.id, "Stores", 10))
        await come(store, 1, clock.now())
        taken = await sample(store.database, 0, clock.now() + 1, 100)
    assert [one.consumer for one in taken.events] == ["Stores", ""]


async def test_a_large_journal_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40,000 chunks, 128 are read, and some more are looked at without what they hold."""
    chunks, size, start = 40_000, 40, 1_800_000_000.0
    content = msgspec.msgpack.encode([b'{"messageId":"%d"}' % at for at in range(size)])
    read: list[int] = []

    def counted(packed: bytes) -> Any:
        read.append(len(packed))
        return msgspec.msgpack.decode(packed, type=tuple[bytes, ...])

    def fill(connection: sqlite3.Connection) -> None:
        rows = ((at + 1, start + at, size, b'[["shop",40]]', b"", content) for at in range(chunks))
        connection.executemany(
            "INSERT INTO chunk (id, appended_at, events, sources, fingerprints, content) VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )

    async with SqliteStore.open(tmp_path) as store:
        await store.database.write(fill)
        monkeypatch.setattr(module, "unpack", counted)
        steps = 0

        def count(connection: sqlite3.Connection) -> None:
            def step() -> int:
                nonlocal steps
                steps += 1
                return 0

            connection.set_progress_handler(step, 100)

        await store.database.read(count)
        begun = time.perf_counter()
        taken = await sample(store.database, start + chunks / 2, start + 2 * chunks, 2000)
        took = time.perf_counter() - begun
    assert len(taken.events) == 2000
    assert len(read) == CHUNKS
    assert taken.total == chunks // 2 * size
    assert not taken.whole
    assert steps < 600  # of 100 instructions of SQLite's: going through all chunks would take thousands
    assert took < 1.0
    assert min(one.chunk_id for one in taken.events) > chunks // 2


async def test_volumes_of_the_last_day_and_the_one_before(tmp_path: Path) -> None:
    clock = SimulatedClock(1_800_000_000 - 1_800_000_000 % 3600 + 100)
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        await store.join("TikTok")

        async def deliver(mapping: str, number: int, status: Status = Status.DELIVERED) -> None:
            await store.append([b"{}"] * number)
            chunk = await store.read("TikTok", 0)
            assert chunk is not None
            lines = [Line((chunk.id, place_of(at, 0)), None, mapping, status) for at in range(number)]
            await store.settle("TikTok", [Settled(chunk, lines)])

        await deliver("Old", 3)
        await clock.advance(8 * DAY_S)
        await deliver("Order", 5)
        await deliver("Cart", 2, Status.INVALID)
        await clock.advance(DAY_S)
        await deliver("Order", 7)
        await deliver("Order", 9, Status.FILTERED)
        await clock.advance(3600)
        found = await volumes(store.database, "TikTok", clock.now())
        assert (await volumes(store.database, "nobody", clock.now())).mappings == {}
    assert found.settled_in
    assert set(found.mappings) == {"Order", "Cart"}
    order, cart = found.mappings["Order"], found.mappings["Cart"]
    assert (order.now, order.before) == (7, 5)
    assert (cart.now, cart.before, cart.last_at) == (0, 2, clock.now() - DAY_S - 3600 - 100)


async def test_a_young_destination_is_not_settled_in(tmp_path: Path) -> None:
    clock = SimulatedClock()
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        await store.join("TikTok")
        assert not (await volumes(store.database, "TikTok", clock.now())).settled_in
        await store.append([b"{}"])
        await clock.advance(6 * DAY_S)
        assert not (await volumes(store.database, "TikTok", clock.now())).settled_in
        await clock.advance(1.1 * DAY_S)
        assert (await volumes(store.database, "TikTok", clock.now())).settled_in


async def test_a_dismissal_is_kept_for_a_week(tmp_path: Path) -> None:
    clock = SimulatedClock()
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        dismissals = Dismissals(store.database, clock)
        made = await dismissals.keep("TikTok", "value_missing", "Olive", 100)
        await dismissals.keep("Other", "value_missing", "Olive", 1)
        assert made == Dismissal("value_missing", "Olive", clock.now(), 100)
        assert await dismissals.of("TikTok") == {"value_missing": made}
        again = await dismissals.keep("TikTok", "value_missing", "Ed", 200)
        assert await dismissals.of("TikTok") == {"value_missing": again}
        await clock.advance(KEPT_S - 1)
        assert await dismissals.of("TikTok")
        await clock.advance(2)
        assert await dismissals.of("TikTok") == {}
        await dismissals.keep("TikTok", "event_late", "Ed", 1)
        await dismissals.drop("TikTok", "event_late")
        await dismissals.drop("TikTok", "event_late")
        assert await dismissals.of("TikTok") == {}
        left = await store.database.read(lambda one: one.execute("SELECT count(*) FROM dismissed").fetchone()[0])
        assert left == 0


@pytest.mark.parametrize(("was", "now", "hidden"), [(100, 149, True), (100, 150, False), (1, 1, True), (1, 2, False)])
def test_a_finding_comes_back_when_it_has_grown_by_half(was: int, now: int, hidden: bool) -> None:
    assert Dismissal("code", "Olive", 0, was).hides(now) is hidden
