"""What is old and settled goes; what is pending stays; and the books balance before and after."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.contract.books import checked
from tests.contract.store_opened import read, settle
from tests.contract.store_values import DELIVERED, EXPIRED, INVALID, PENDING, REJECTED, WEB, line

from tockwork.model.clock import SimulatedClock
from tockwork.model.fate import History
from tockwork.model.outcome import Status
from tockwork.store.letters import Letter, Letters, Revived
from tockwork.store.overview import Overview
from tockwork.store.protocol import Chunk, Retry, Tally
from tockwork.store.retention import DAY_S, Ages, Purged, Retention
from tockwork.store.space import Space
from tockwork.store.sqlite import SqliteStore, tally

SHORTLY_S = 60.0


class Archive:
    """A store with its retention, on a clock of its own, and a look at its tables."""

    def __init__(self, store: SqliteStore, clock: SimulatedClock, ages: Ages) -> None:
        self.store = store
        self.clock = clock
        self.retention = Retention(store.database, store.space, ages)
        self.letters = Letters(store, clock)

    async def filled(self, *states: list[Status], consumer: str = "shop") -> Chunk:
        """A chunk that `consumer` settles so. Each event says which it is."""
        await self.store.join(consumer)
        await self.store.append([b'{"messageId":"e-%d"}' % number for number in range(len(states))])
        chunk = await read(self.store, consumer)
        await settle(self.store, chunk, *states, consumer=consumer)
        return chunk

    async def purged_after(self, days: float) -> Purged:
        await self.clock.advance(days * DAY_S)
        return await self.retention.purge(self.clock.now())

    async def count(self, table: str) -> int:
        found = await self.store.database.read(
            lambda connection: connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        )
        return int(found[0])

    async def books(self, consumer: str = "shop") -> Tally:
        return await self.store.database.read(lambda connection: checked(connection, consumer))

    async def tally(self, consumer: str = "shop") -> Tally:
        return await self.store.database.read(lambda connection: tally(connection, consumer))

    async def dead(self) -> list[Letter]:
        return [letter async for some in self.letters.dead("shop") for letter in some]


@asynccontextmanager
async def archive(folder: Path, ages: Ages = Ages(), reserve_bytes: int = 0) -> AsyncIterator[Archive]:  # noqa: B008 (a value)
    clock = SimulatedClock()
    async with SqliteStore.open(folder, clock=clock, lease_s=SHORTLY_S, reserve_bytes=reserve_bytes) as store:
        clock.busy.append(lambda: store.database.busy)
        yield Archive(store, clock, ages)


async def test_events_go_a_week_after_they_were_settled(tmp_path: Path) -> None:
    async with archive(tmp_path) as it:
        await it.store.join("shop")
        await it.store.append([b"{}"] * 3)
        await it.clock.advance(5 * DAY_S)
        await settle(it.store, await read(it.store), [DELIVERED], [Status.FILTERED], [DELIVERED])
        before = await it.books()
        assert await it.purged_after(6.9) == Purged()
        assert await it.purged_after(0.2) == Purged(events=3, chunks=1)
        assert await it.count("chunk") == 0
        assert await it.books() == before
        assert before.accepted == 3


async def test_pages_of_the_ledger_go_after_ninety_days_and_its_counts_stay(tmp_path: Path) -> None:
    async with archive(tmp_path) as it:
        await it.filled([DELIVERED, DELIVERED], [Status.SUPPRESSED])
        before = await it.books()
        assert (await it.purged_after(89)).pages == 0
        assert await it.purged_after(1.1) == Purged(pages=1)
        assert await it.count("page") == await it.count("minute") == await it.count("chunk") == 0
        assert await it.tally() == before
        await it.filled([DELIVERED])
        after = await it.tally()
        assert after.lawful
        assert (after.accepted, after.matched, after.deliveries) == (3, 2, 3)


async def test_dead_letters_go_after_thirty_days_and_keep_their_page_until_then(tmp_path: Path) -> None:
    async with archive(tmp_path, Ages(events=1, ledger=2, dead_letters=30)) as it:
        await it.filled([REJECTED, INVALID], [EXPIRED])
        before = await it.books()
        assert (await it.purged_after(29)).chunks == 1
        assert await it.books() == before
        assert len(await it.dead()) == 3
        purged = await it.purged_after(1.1)
        assert (purged.dead_letters, await it.dead()) == (3, [])
        assert purged.pages == 1
        assert await it.tally() == before


@pytest.mark.parametrize("days", [8.0, 400.0])
async def test_what_is_undecided_or_pending_is_never_deleted(days: float, tmp_path: Path) -> None:
    async with archive(tmp_path) as it:
        waiting = await it.filled([DELIVERED], [PENDING, DELIVERED])
        await it.store.join("slow")
        undecided = await it.store.append([b"1", b"2"])
        chunk = await read(it.store)
        await settle(it.store, chunk, [DELIVERED], [DELIVERED])
        before = [await it.books(), await it.books("slow")]
        rows = await it.store.due("shop", math.inf, 9)
        assert await it.purged_after(days) == Purged()
        assert [await it.books(), await it.books("slow")] == before
        assert await it.store.due("shop", math.inf, 9) == rows
        assert [each.key for each in rows] == [(waiting.id, 64)]
        assert (await read(it.store, "slow")).id == undecided


async def test_a_chunk_stays_while_a_row_of_it_waits_since_it_may_die(tmp_path: Path) -> None:
    async with archive(tmp_path, Ages(events=1, ledger=2, dead_letters=30)) as it:
        chunk = await it.filled([PENDING], [PENDING])
        assert await it.purged_after(50) == Purged()
        await it.store.update("shop", [line((chunk.id, 64), EXPIRED)])
        await it.store.update("shop", [line((chunk.id, 0), DELIVERED)])
        assert [letter.event for letter in await it.dead()] == [b'{"messageId":"e-1"}']
        assert await it.purged_after(0.9) == Purged()  # settled just now
        assert (await it.purged_after(0.2)).chunks == 1
        assert (await it.books()).count(EXPIRED) == 1


async def test_a_dead_letter_is_tried_again_and_may_die_again_when_its_chunk_is_long_gone(tmp_path: Path) -> None:
    async with archive(tmp_path, Ages(events=1, ledger=2, dead_letters=30)) as it:
        chunk = await it.filled([DELIVERED], [REJECTED])
        assert (await it.purged_after(5)).chunks == 1
        (letter,) = await it.dead()
        key = (chunk.id, 64)
        row = Retry(key, 0.0, b"{}", WEB, History(), "e-1", "Add to Cart")
        assert await it.letters.revive("shop", [Revived(letter, [line(key, PENDING)], [row])]) == 1
        assert (await it.books()).count(PENDING) == 1
        assert await it.purged_after(200) == Purged()  # pending: its page stays, and so does its event
        await it.store.update("shop", [line(key, REJECTED)])
        (again,) = await it.dead()
        assert (again.event, again.key) == (letter.event, key)
        assert (await it.books()).count(REJECTED) == 1


async def test_who_left_or_has_not_joined_yet_holds_nothing_back(tmp_path: Path) -> None:
    async with archive(tmp_path) as it:
        await it.store.join("gone")
        await it.filled([DELIVERED], [PENDING])
        await it.store.update("shop", [line((1, 64), DELIVERED)])
        await it.store.leave("gone")
        await it.store.join("new")
        assert (await it.purged_after(8)).events == 2
        for consumer in ("shop", "gone", "new"):
            assert (await it.books(consumer)).lawful
        assert (await it.books("gone")).lines == {(Status.FILTERED, "destination_removed"): 2}


async def test_events_that_nobody_reads_go_when_they_are_old(tmp_path: Path) -> None:
    async with archive(tmp_path) as it:
        await it.store.append([b"{}"])
        assert await it.purged_after(6.9) == Purged()
        assert (await it.purged_after(0.2)).events == 1


async def test_one_that_comes_back_is_not_given_what_it_missed_after_a_purge(tmp_path: Path) -> None:
    async with archive(tmp_path) as it:
        await it.filled([DELIVERED])
        await it.store.leave("shop")
        missed = await it.store.append([b"missed"])
        await it.store.join("shop")
        own = await it.store.append([b"own"])
        await it.purged_after(8)
        assert (await read(it.store)).id == own > missed
        assert (await it.books()).accepted == 2


async def test_what_a_source_ever_sent_stays_known(tmp_path: Path) -> None:
    async with archive(tmp_path) as it:
        overview = Overview(it.store.database)
        for days, events in ((0, 3), (50, 2), (50, 4), (200, 1)):
            await it.purged_after(days)
            await it.store.append([b"{}"] * events, (), [("web", events - 1), ("app", 1)])
        assert (await overview.read())[1] == {"web": 6, "app": 4}
        assert await it.count("arrival") == 4  # the sum and the newest minute, of two sources


async def test_more_than_one_transaction_deletes_at_once(tmp_path: Path) -> None:
    async with archive(tmp_path) as it:
        for _ in range(230):
            await it.filled([DELIVERED])
        await it.filled([PENDING])
        before = await it.books()
        assert await it.purged_after(8) == Purged(events=230, chunks=230)
        assert await it.books() == before


async def test_settled_events_make_room_early_when_the_disk_is_short_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = 1 << 20
    async with archive(tmp_path, reserve_bytes=reserve) as it:
        await it.store.join("shop")
        for _ in range(130):
            await it.store.append([b"x" * 20_000])
        undecided = await it.store.append([b"y" * 20_000])
        for _ in range(129):
            await settle(it.store, await read(it.store), [DELIVERED])
        await settle(it.store, await read(it.store), [PENDING])
        await it.clock.advance(1)
        before = await it.books()
        assert await it.retention.make_room(it.clock.now()) == Purged()  # there is room
        monkeypatch.setattr(Space, "free_bytes", property(lambda self: 2 * reserve - 1))
        purged = await it.retention.make_room(it.clock.now())
        assert 50 < purged.events < 129  # the oldest, in steps, and no more than it takes
        assert not it.store.space.short
        assert it.store.space.unused_bytes >= reserve
        assert await it.books() == before
        monkeypatch.setattr(Space, "free_bytes", property(lambda self: 0))
        it.store.space.reserve_bytes = 1 << 40
        await it.retention.make_room(it.clock.now())
        assert await it.count("chunk") == 2  # one pending, one undecided: they are worth more than room
        assert (await read(it.store)).id == undecided
        assert await it.books() == before


async def test_a_purge_by_another_process_is_no_trouble_to_who_reads(tmp_path: Path) -> None:
    async with archive(tmp_path) as it:
        await it.filled([DELIVERED])
        later = await it.store.append([b"later"])
        async with SqliteStore.open(tmp_path, clock=it.clock, polling=True) as other:
            assert await Retention(other.database, other.space, Ages(0, 0, 0)).purge(it.clock.now() + 1)
        assert (await read(it.store)).id == later
        with sqlite3.connect(tmp_path / "tockwork.db") as connection:
            assert connection.execute("SELECT count(*) FROM page").fetchone() == (0,)
        connection.close()
