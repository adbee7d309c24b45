"""A messageId that was accepted in the last 48 hours makes a duplicate: in every store, and whatever happens to one."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.store_opened import DURABLE, STORES, read
from tests.contract.store_values import LEASE_S

from tockwork.model.clock import SimulatedClock
from tockwork.store.archive import Archive
from tockwork.store.database import FILE
from tockwork.store.protocol import Store
from tockwork.store.recent import FILE as HEADER
from tockwork.store.recent import LEAST_PLACES, WINDOW_S, Recent, digests, ids
from tockwork.store.retention import Ages, Retention
from tockwork.store.sqlite import SqliteStore

MANY = 300_000
MAX_GROWTH_MB = 64


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, clock: SimulatedClock, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[request.param](clock, tmp_path) as opened:
        await opened.join("shop")
        yield opened


async def append(store: Store, *message_ids: str) -> int:
    return await store.append([msgspec.json.encode({"messageId": each}) for each in message_ids], message_ids)


async def duplicates(store: Store) -> list[list[int]]:
    """Those of each chunk that is still to be read, in order."""
    found = []
    while (chunk := await store.read("shop", 0)) is not None:
        found.append(sorted(chunk.duplicates))
    return found


async def test_the_first_is_new_and_the_others_are_duplicates(store: Store) -> None:
    await append(store, "a", "b", "a")
    await append(store, "c", "b")
    await asyncio.gather(append(store, "d"), append(store, "d", "e"), append(store, "e"))  # one commit
    assert await duplicates(store) == [[2], [1], [], [0], [0]]


async def test_reading_again_gives_the_same(store: Store, clock: SimulatedClock) -> None:
    await append(store, "a", "a")
    chunk = await read(store)
    await store.begin("shop", [chunk.id], 3, 1.5)
    await clock.advance(LEASE_S + WINDOW_S)
    again = await read(store)
    assert (again.begun_at, again.version, again.duplicates) == (1.5, 3, chunk.duplicates)
    assert chunk.duplicates == {1}


async def test_events_without_an_id_are_never_duplicates(store: Store) -> None:
    for _ in range(2):
        await store.append([b"{}", b"{}"])
    assert await duplicates(store) == [[], []]


async def test_after_the_window_an_id_is_new_again_and_begins_another(store: Store, clock: SimulatedClock) -> None:
    await append(store, "a")
    await clock.advance(WINDOW_S - 1)
    await append(store, "a")  # does not renew the window
    await clock.advance(1)
    await append(store, "a")
    await append(store, "a")
    await clock.advance(WINDOW_S - 1)
    await append(store, "a")
    await clock.advance(1)
    await append(store, "a")
    assert await duplicates(store) == [[], [0], [], [0], [0], []]


async def test_what_was_not_kept_is_not_known(store: Store) -> None:
    if not isinstance(store, SqliteStore):
        return
    await append(store, "kept")

    def fails(connection: sqlite3.Connection) -> None:
        store.database.duplicates.claim(connection, 99, digests(["lost"]), 5.0)
        raise ZeroDivisionError

    results = await asyncio.gather(
        append(store, "before"),
        store.database.write(fails),
        append(store, "lost", "before", "kept"),
        return_exceptions=True,
    )
    assert isinstance(results[1], ZeroDivisionError)
    await append(store, "lost", "before")
    assert await duplicates(store) == [[], [], [1, 2], [0, 1]]


# Other processes, and the next one


@pytest.mark.parametrize("name", DURABLE)
async def test_it_survives_a_restart(name: str, clock: SimulatedClock, tmp_path: Path) -> None:
    for number in range(3):
        async with DURABLE[name](clock, tmp_path) as store:
            await store.join("shop")
            await append(store, "a", f"b{number}")
            assert await duplicates(store) == [[], *[[0]] * number]


async def test_two_processes_append_in_turn(clock: SimulatedClock, tmp_path: Path) -> None:
    async with (
        SqliteStore.open(tmp_path, clock=clock) as server,
        SqliteStore.open(tmp_path, clock=clock, polling=True) as beside,
    ):
        await server.join("shop")
        for number in range(2 * LEAST_PLACES // 3 // 5000 + 2):  # more than one table
            message_ids = [f"{number}-{index}" for index in range(2500)]
            await append(server if number % 2 else beside, *message_ids)
            await append(beside if number % 2 else server, *message_ids[:3], f"{number}-new")
        found = await duplicates(server)
        assert found == [[] if number % 2 == 0 else [0, 1, 2] for number in range(len(found))]


PROGRAM = """
import asyncio, sys
from pathlib import Path
from tockwork.store.sqlite import SqliteStore
async def main():
    async with SqliteStore.open(Path(sys.argv[1])) as store:
        await store.append([b"1"], ["before"])
        await store.append([b"2", b"3", b"4"], ["b", "a", "b"])
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("point", "known"), [("append_written:2", False), ("append_unindexed:2", True), ("append_committed:2", True)]
)
async def test_a_process_that_is_killed_leaves_what_it_committed(point: str, known: bool, tmp_path: Path) -> None:
    words, environment = [sys.executable, "-c", PROGRAM, str(tmp_path)], os.environ | {"TOCKWORK_CRASH": point}
    ended = await asyncio.to_thread(subprocess.run, words, env=environment)
    assert ended.returncode == -signal.SIGKILL
    async with SqliteStore.open(tmp_path) as store:
        await store.join("shop")
        await append(store, "before", "a", "b")
        assert await duplicates(store) == [[0, 1, 2] if known else [0]]


async def test_tables_that_cannot_be_believed_are_made_anew(clock: SimulatedClock, tmp_path: Path) -> None:
    def without_tables() -> None:
        for file in tmp_path.glob("recent-*.idx"):
            file.unlink()

    async def once(expected: Sequence[int]) -> None:
        async with SqliteStore.open(tmp_path, clock=clock) as store:
            await store.join("shop")
            await append(store, "a", "b", "c")
            assert (await duplicates(store))[-1] == expected

    await once([])
    header = tmp_path / HEADER
    spoils: tuple[Callable[[], object], ...] = (
        header.unlink,
        lambda: header.write_bytes(b""),
        lambda: header.write_bytes(bytes(100)),
        without_tables,
        lambda: [file.write_bytes(b"") for file in tmp_path.glob("recent-*.idx")],
        lambda: _overwrite(header, 8, 12345),  # left by a machine that lost its power
        lambda: _overwrite(header, 16, 999),  # of a journal that a backup has replaced
        lambda: _overwrite(header, 24, 999),
    )
    for spoil in spoils:
        spoil()
        await once([0, 1, 2])


def _overwrite(file: Path, at: int, word: int) -> None:
    content = bytearray(file.read_bytes())
    content[at : at + 8] = word.to_bytes(8, sys.byteorder)
    file.write_bytes(content)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abcdefgh"), max_size=6), st.sampled_from([0, 1, WINDOW_S / 3, WINDOW_S])),
        max_size=12,
    )
)
def test_made_anew_they_are_what_they_were(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[list[str], float]]
) -> None:
    folder, clock = tmp_path_factory.mktemp("rebuilt"), SimulatedClock()

    async def work() -> list[set[tuple[int, int]]]:
        async with SqliteStore.open(folder, clock=clock) as store:
            for message_ids, wait_s in chunks:
                await append(store, *message_ids)
                await clock.advance(wait_s)
        return [_recent(folder, int(clock.now()))]

    before = asyncio.run(work())
    chunks = []
    for file in folder.glob("recent*.idx"):
        file.unlink()
    assert asyncio.run(work()) == before


def _recent(folder: Path, now: int) -> set[tuple[int, int]]:
    recent = Recent(folder)
    assert recent.open()
    found = recent.find(ids(digests("abcdefgh")), now)
    recent.close()
    return found


async def test_old_events_that_made_room_are_still_known(clock: SimulatedClock, tmp_path: Path) -> None:
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        await append(store, "a")
        await Retention(store.database, store.space, Ages(events=0.0)).purge(clock.now() + 1)
        await store.join("shop")
        await append(store, "a")
        assert await duplicates(store) == [[0]]


async def test_events_from_before_there_were_digests_are_known_and_found(clock: SimulatedClock, tmp_path: Path) -> None:
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        await append(store, "a", "b")
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("UPDATE chunk SET fingerprints = x'43beb7e8f9efbe71'")  # CRC-32 of a and b
    connection.commit()
    connection.close()
    (tmp_path / HEADER).unlink()
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        await store.join("shop")
        await append(store, "c", "b")
        assert await duplicates(store) == [[1]]
        assert [(found.chunk_id, found.event) for found in await Archive(store.database).find("b")] == [(1, 1), (2, 1)]


# Room


def test_a_table_goes_when_all_in_it_is_old(tmp_path: Path) -> None:
    recent = Recent(tmp_path)
    assert not recent.open()

    def put(number: int, now: int) -> None:
        recent.make_room(1, now)
        recent.put({(number, number): now}, number, float(now))

    hours = 24 * 20
    for hour in range(hours):
        put(hour + 1, 3600 * hour + 10**9)
        assert len(recent.tables) <= 4
        assert len(list(tmp_path.glob("recent-*.idx"))) == len(recent.tables)
    now = 3600 * hours + 10**9
    assert len(recent.find([(hour + 1, hour + 1) for hour in range(hours)], now)) == 47
    recent.close()


def test_many_ids_take_little_memory(tmp_path: Path) -> None:
    recent = Recent(tmp_path)
    recent.open()
    before, now, spent = _resident(), 10**9, time.process_time()
    for start in range(0, MANY, 500):
        some = ids(digests(f"message-{number}" for number in range(start, start + 500)))
        assert not recent.find(some, now)
        recent.make_room(500, now)
        recent.put(dict.fromkeys(some, now), start, 1.0)
    spent = time.process_time() - spent
    assert _resident() - before < MAX_GROWTH_MB << 20
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 64 * MANY
    for start in (0, MANY // 2, MANY - 500):
        some = ids(digests(f"message-{number}" for number in range(start, start + 500)))
        assert recent.find(some, now) == set(some)
    recent.close()
    print(f"{spent / MANY * 1e6:.1f} µs for each id")


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
