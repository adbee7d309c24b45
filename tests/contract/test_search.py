"""Events are found by what is known of them, newest first, whether they are in the index yet or not; and what was
erased or purged is found no more, nor is anything left of it."""

from __future__ import annotations

import asyncio
import json
import math
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.contract.store_opened import read
from tests.contract.store_values import retry

from tockwork.destinations.person import mark
from tockwork.model.clock import SimulatedClock
from tockwork.model.outcome import Status
from tockwork.store import index as indexing
from tockwork.store.erasure import Erasure
from tockwork.store.fates import UNDECIDED
from tockwork.store.index import DIGEST_BYTES, SEARCH, Index, digest, forget
from tockwork.store.protocol import PLACES, Key, Line, Settled
from tockwork.store.retention import Ages, Retention
from tockwork.store.search import Query, Search, accepted_from
from tockwork.store.sqlite import SqliteStore
from tockwork.store.suppression import Suppression

CALLS = ("track", "page", "identify")
NAMES = ("Product Viewed", "Order Completed", "Signed Up")
SOURCES = ("shop", "till")
STATUSES = (Status.DELIVERED, Status.FILTERED, Status.REJECTED, Status.INVALID, Status.PENDING, Status.SUPPRESSED)
REASONS = {
    Status.FILTERED: "no_trigger",
    Status.REJECTED: "bad_parameter",
    Status.INVALID: "field_type",
    Status.PENDING: "retrying",
    Status.SUPPRESSED: "suppressed_user",
}
CONSUMERS = ("Web", "App")


class Filled:
    """A store with events that are known: each with its key, time, source, members and fates."""

    def __init__(self, store: SqliteStore, clock: SimulatedClock) -> None:
        self.store = store
        self.clock = clock
        self.search = Search(store.database)
        self.index = Index(store.database, 0.0)
        self.events: dict[Key, dict[str, Any]] = {}

    async def fill(self, chunks: int, rng: random.Random, *, undecided: int = 0) -> None:
        for number in range(chunks):
            await self.clock.advance(60)
            source = rng.choice(SOURCES)
            events = [self._event(rng, source) for _ in range(rng.choice((1, 2, 7, 30)))]
            entries = [json.dumps(event["said"]).encode() for event in events]
            ids = [event["said"]["messageId"] for event in events]
            chunk_id = await self.store.append(entries, ids, [(source, len(entries))])
            for place, event in enumerate(events):
                self.events[chunk_id, place] = event | {"at": self.clock.now()}
            for consumer in CONSUMERS:
                if number < chunks - undecided:
                    await self._settle(consumer, chunk_id, rng)
                else:
                    for place in range(len(events)):
                        self.events[chunk_id, place]["fates"][consumer] = (UNDECIDED, "")

    def _event(self, rng: random.Random, source: str) -> dict[str, Any]:
        call, name, person = rng.choice(CALLS), rng.choice(NAMES), rng.randrange(12)
        said = {
            "type": call,
            "event" if call == "track" else "name": name,
            "messageId": f"m{rng.getrandbits(40)}",
            "userId": f"user-{person}" if person % 3 else None,
            "anonymousId": f"anon-{person}",
        }
        return {"said": said, "source": source, "fates": {}}

    async def _settle(self, consumer: str, chunk_id: int, rng: random.Random) -> None:
        chunk = await read(self.store, consumer)
        assert chunk.id == chunk_id
        lines, retries = [], []
        for place in range(len(chunk.entries)):
            status = rng.choice(STATUSES)
            reason = REASONS.get(status)
            key = (chunk_id, place * PLACES)
            lines.append(Line(key, None, None, status, reason))
            if status is Status.PENDING:
                retries.append(retry(key))
            self.events[chunk_id, place]["fates"][consumer] = (status.value, reason or "")
        await self.store.settle(consumer, [Settled(chunk, lines, retries)])

    def expected(self, query: Query) -> list[Key]:
        return sorted((key for key, event in self.events.items() if self._fits(event, query)), reverse=True)

    def _fits(self, event: dict[str, Any], query: Query) -> bool:
        said = event["said"]
        fates = [fate for name, fate in event["fates"].items() if query.destination in (None, name)]
        return (
            query.since <= event["at"] < query.until
            and query.source in (None, event["source"])
            and query.type in (None, said["type"])
            and query.name in (None, said.get("event", said.get("name")))
            and query.message_id in (None, said["messageId"])
            and query.user in (None, said["userId"], said["anonymousId"])
            and any(query.status in (None, fate[0]) and query.reason in (None, fate[1]) for fate in fates)
        )

    async def found(self, query: Query, limit: int = 7, budget_s: float = 5.0) -> list[Key]:
        """All that the search finds, page by page."""
        keys: list[Key] = []
        before = None
        for _ in range(10_000):
            page = await self.search.find(query, limit, budget_s, before)
            keys += [hit.key for hit in page.hits]
            assert len(page.hits) <= limit
            if page.before is None:
                return keys
            assert before is None or page.before < before
            before = page.before
        raise AssertionError("the search does not end")


@asynccontextmanager
async def filled(folder: Path) -> AsyncIterator[Filled]:
    clock = SimulatedClock()
    async with SqliteStore.open(folder, clock=clock, reserve_bytes=0) as store:
        clock.busy.append(lambda: store.database.busy)
        for consumer in CONSUMERS:
            await store.join(consumer)
        yield Filled(store, clock)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "BLOCK_EVENTS", 40)


def queries(it: Filled, rng: random.Random) -> list[Query]:
    """Each filter alone, and some of all combinations."""
    times = sorted(event["at"] for event in it.events.values())
    ids = [event["said"]["messageId"] for event in it.events.values()]
    made = [
        Query(),
        Query(since=times[len(times) // 3]),
        Query(until=times[len(times) // 3]),
        Query(user="nobody"),
        Query(message_id="never"),
        Query(name="No Such Name"),
        Query(destination="Nowhere"),
        Query(status=UNDECIDED),
        Query(status=UNDECIDED, destination="App"),
        Query(reason="bad_parameter"),
        *(Query(message_id=one) for one in rng.sample(ids, 5)),
        *(Query(user=f"user-{number}") for number in range(4)),
        *(Query(status=status.value) for status in STATUSES),
        *(Query(name=name) for name in NAMES),
    ]
    for _ in range(60):
        status = rng.choice([None, None, *STATUSES, UNDECIDED])
        some = Query(
            since=rng.choice([0.0, times[rng.randrange(len(times))]]),
            until=rng.choice([math.inf, times[rng.randrange(len(times))]]),
            source=rng.choice([None, *SOURCES]),
            type=rng.choice([None, *CALLS]),
            name=rng.choice([None, *NAMES]),
            destination=rng.choice([None, *CONSUMERS]),
            status=status and str(status),
            reason=rng.choice([None, REASONS.get(status)]) if isinstance(status, Status) else None,
            user=rng.choice([None, None, f"anon-{rng.randrange(12)}"]),
        )
        made.append(some)
    return made


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("indexed", ["all", "half", "nothing"])
async def test_a_search_finds_what_a_look_at_everything_finds(seed: int, indexed: str, tmp_path: Path) -> None:
    rng = random.Random(seed)
    async with filled(tmp_path) as it:
        await it.fill(40, rng)
        if indexed != "nothing":
            await it.index.step()
        await it.fill(20, rng, undecided=3)
        if indexed == "all":
            await it.index.step()
        for query in queries(it, rng):
            assert await it.found(query) == it.expected(query), query


@pytest.mark.usefixtures("small_blocks")
async def test_without_time_it_says_how_far_it_got_and_goes_on_there(tmp_path: Path) -> None:
    rng = random.Random(5)
    async with filled(tmp_path) as it:
        await it.fill(60, rng)
        await it.index.step()
        for query in (Query(), Query(status="rejected", name=NAMES[0]), Query(user="anon-3"), Query(user="nobody")):
            first = await it.search.find(query, 1000, 0.0)
            assert not first.complete
            assert first.before is not None
            assert first.searched_to is not None
            assert await it.found(query, limit=1000, budget_s=0.0) == it.expected(query)


@pytest.mark.usefixtures("small_blocks")
async def test_kinds_without_a_number_are_found_by_reading(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(indexing, "MOST_KINDS", 3)
    monkeypatch.setattr("tockwork.store.search.MOST_KINDS", 3)
    rng = random.Random(6)
    async with filled(tmp_path) as it:
        await it.fill(40, rng)
        await it.index.step()
        for name in NAMES:
            assert await it.found(Query(name=name, source="till")) == it.expected(Query(name=name, source="till"))


@pytest.mark.usefixtures("small_blocks")
async def test_the_index_goes_on_after_a_restart(tmp_path: Path) -> None:
    rng = random.Random(7)
    async with filled(tmp_path) as it:
        await it.fill(30, rng)
        await it.index.step()
        await Index(it.store.database).step()
        await it.fill(30, rng)
        await Index(it.store.database).step()
        query = Query(name=NAMES[1])
        assert await it.found(query) == it.expected(query)


@pytest.mark.usefixtures("small_blocks")
async def test_of_a_person_who_was_erased_no_digest_is_left(tmp_path: Path) -> None:
    rng = random.Random(8)
    async with filled(tmp_path) as it:
        await it.fill(60, rng)
        await it.index.step()
        assert await it.found(Query(user="user-7"))
        gone = [key for key, event in it.events.items() if event["said"]["userId"] == "user-7"]
        messages = [it.events[key]["said"]["messageId"] for key in gone]
        found = mark("user-7")
        assert found is not None
        await Suppression(it.store.database, it.clock).delete([found])
        await Erasure(it.store, clock=it.clock).run()
        for key in gone:
            del it.events[key]
        for query in (Query(user="user-7"), Query(user="anon-7"), Query(name=NAMES[0]), Query()):
            assert await it.found(query) == it.expected(query)
        people, kept = await it.store.database.read(
            lambda connection: (
                connection.execute("SELECT digests FROM block_person").fetchall(),
                connection.execute("SELECT digests FROM block_message").fetchall(),
            )
        )
        assert all(_aligned(row[0], digest("user-7")) is False for row in people)
        assert all(_aligned(row[0], digest(one)) is False for row in kept for one in messages)
        assert not any(
            digest("user-7") + digest("anon-7") in content for content in await asyncio.to_thread(_files, tmp_path)
        )


@pytest.mark.usefixtures("small_blocks")
async def test_an_event_that_is_erased_while_its_block_is_made_is_not_in_it(tmp_path: Path) -> None:
    rng = random.Random(9)
    async with filled(tmp_path) as it:
        await it.fill(40, rng)
        chunks = await it.store.database.read(indexing._unindexed)
        block = indexing.Block()
        indexing._add(block, await it.store.database.read(partial(indexing._contents, chunks=chunks)))
        found = mark("user-1")
        assert found is not None
        await Suppression(it.store.database, it.clock).delete([found])
        await Erasure(it.store, clock=it.clock).run()
        await it.store.database.write(lambda connection: indexing._keep(connection, block))
        (number,) = await it.store.database.read(
            lambda connection: connection.execute("SELECT count(*) FROM block").fetchone()
        )
        assert number == 0
        await it.index.step()
        assert await it.found(Query(user="user-1")) == []


@pytest.mark.usefixtures("small_blocks")
async def test_digests_go_with_their_chunks(tmp_path: Path) -> None:
    rng = random.Random(10)
    async with filled(tmp_path) as it:
        await it.fill(30, rng)
        await it.store.database.write(lambda connection: connection.execute("DELETE FROM retry"))
        await it.index.step()
        await it.clock.advance(3600)
        await it.fill(30, rng)
        await it.store.database.write(lambda connection: connection.execute("DELETE FROM retry"))
        await it.index.step()
        retention = Retention(it.store.database, it.store.space, Ages(events=1800 / 86400, ledger=90, dead_letters=30))
        await retention.purge(it.clock.now())
        counts = await it.store.database.read(
            lambda connection: [
                connection.execute(f"SELECT count(*), min(first_id) FROM {table}").fetchone()
                for table in ("block", "block_person", "block_message")
            ]
        )
        assert len({count for count, _ in counts}) == 1
        oldest = await it.store.database.read(lambda c: c.execute("SELECT min(id) FROM chunk").fetchone()[0])
        assert oldest > 30
        assert all(first >= oldest - 40 for _, first in counts)
        left = await it.store.database.read(
            lambda c: c.execute(
                "SELECT first_id, chunks, digests FROM block JOIN block_person USING (first_id)"
            ).fetchall()
        )
        for first_id, chunks, digests in left:
            for chunk_id, start, number in indexing.chunks_of(first_id, chunks):
                own = digests[start * 2 * DIGEST_BYTES : (start + number) * 2 * DIGEST_BYTES]
                assert any(own) == (chunk_id >= oldest)


async def test_a_dead_letter_is_found_when_its_chunk_is_gone(tmp_path: Path) -> None:
    async with filled(tmp_path) as it:
        said = {
            "type": "track",
            "event": "Order Completed",
            "messageId": "m1",
            "receivedAt": "2026-11-20T10:00:00.000Z",
        }
        await it.store.append([json.dumps(said).encode()], ["m1"], [("shop", 1)])
        for consumer in CONSUMERS:
            chunk = await read(it.store, consumer)
            await it.store.settle(
                consumer, [Settled(chunk, [Line((1, 0), "m1", "All", Status.REJECTED, "bad_parameter")])]
            )
        await it.store.database.write(lambda connection: connection.execute("DELETE FROM chunk"))
        (hit,) = (await it.search.find(Query(status="rejected", name="Order Completed"), 5, 1)).hits
        assert hit.key == (1, 0)
        assert hit.fates[0].reason == "bad_parameter"


async def test_the_first_chunk_of_a_time_is_found_by_halving(tmp_path: Path) -> None:
    async with filled(tmp_path) as it:
        at = {}
        for number in range(1, 30):
            await it.clock.advance(10)
            await it.store.append([b"{}"])
            at[number] = it.clock.now()
        await it.store.database.write(lambda connection: connection.execute("DELETE FROM chunk WHERE id IN (5, 6, 7)"))
        for number, expected in ((2, 2), (5, 8), (8, 8), (29, 29)):
            work = partial(_first_from, at=at[number])
            assert await it.store.database.read(work) == expected


def _first_from(connection: sqlite3.Connection, at: float) -> int:
    names = {"chunk_id": accepted_from(connection, at)}
    return int(connection.execute(SEARCH.from_chunk, names).fetchone()[0])


async def test_wiping_out_what_is_in_no_block_does_nothing(tmp_path: Path) -> None:
    async with filled(tmp_path) as it:
        await it.store.database.write(lambda connection: forget(connection, {3: [0], 9: None}))


def _files(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.iterdir() if file.is_file()]


def _aligned(digests: bytes, wanted: bytes) -> bool:
    return any(digests[at : at + DIGEST_BYTES] == wanted for at in range(0, len(digests), DIGEST_BYTES))
