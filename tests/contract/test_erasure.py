"""People who were deleted: nothing of them is left in any file of the data folder, and the books balance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from tests.contract.books import checked
from tests.contract.store_opened import read

from tockwork.destinations.person import Mark, mark
from tockwork.model.event import Envelope
from tockwork.model.fate import History
from tockwork.model.outcome import Status
from tockwork.store.archive import Archive
from tockwork.store.erasure import Erased, Erasure
from tockwork.store.letters import Letters, Revived
from tockwork.store.protocol import ERASED, PLACES, Chunk, Line, Retry, Settled, place_of
from tockwork.store.sqlite import SqliteStore
from tockwork.store.suppression import Blocklist, Suppression

ANN: Final = "ann.quackenbush@planted.example"
PLANTED: Final = b"quackenbush"
WEB: Final = Envelope("web", "C8E2OS3C77UABCDXYZ00")
STATES: Final = (Status.DELIVERED, Status.PENDING, Status.INVALID, Status.REJECTED, Status.EXPIRED, Status.FILTERED)
CONSUMERS: Final = ("shop", "app")


def marked(text: str) -> Mark:
    found = mark(text)
    assert found is not None
    return found


def event(number: int, email: str = "", **more: Any) -> bytes:
    person = {"userId": f"user-{number}", "context": {"traits": {"email": email or f"p{number}@else.example"}}}
    return json.dumps({"type": "track", "messageId": f"m{number}", **person, "note": "x" * 200, **more}).encode()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore.open(folder, reserve_bytes=0) as store:
        for consumer in CONSUMERS:
            await store.join(consumer)
        yield store


def settled(chunk: Chunk, rng: Random, message_id: str = f"m-{ANN}") -> Settled:
    """Every event in some state; the person's e-mail is in the details and messageIds too."""
    lines: list[Line] = []
    retries: list[Retry] = []
    for index in range(len(chunk.entries)):
        status = STATES[rng.randrange(len(STATES))]
        reason = {Status.PENDING: "retrying", Status.DELIVERED: None, Status.FILTERED: "no_trigger"}.get(
            status, "too_old"
        )
        key = (chunk.id, place_of(index, 0))
        lines.append(Line(key, message_id, "Order", status, reason))
        if status is Status.PENDING:
            retries.append(Retry(key, 0.0, chunk.entries[index], WEB, History(), message_id, "Order"))
    return Settled(chunk, lines, retries)


def traces(folder: Path) -> dict[str, int]:
    """How often what was planted occurs in each file."""
    counts = {path.name: path.read_bytes().lower().count(PLANTED) for path in folder.iterdir() if path.is_file()}
    return {name: number for name, number in counts.items() if number}


async def filled(store: SqliteStore, rng: Random, chunks: int = 30, size: int = 20, often: float = 0.2) -> int:
    """Chunks that each destination settled, or did not; returns how many events are the person's."""
    planted = 0
    for number in range(chunks):
        entries = []
        for place in range(size):
            is_hers = rng.random() < often
            planted += is_hers
            entries.append(event(number * size + place, ANN if is_hers else ""))
        ids = [json.loads(entry)["messageId"] for entry in entries]
        await store.append(entries, ids)
        for consumer in CONSUMERS:
            if rng.random() < 0.7:
                chunk = await read(store, consumer)
                await store.settle(consumer, [settled(chunk, rng)])
    return planted


async def check_books(store: SqliteStore) -> None:
    for consumer in CONSUMERS:
        await store.database.read(partial(checked, consumer=consumer))


async def erase(store: SqliteStore, *people: str) -> Erased:
    await Suppression(store.database).delete(map(marked, people or [ANN]))
    return await Erasure(store).run()


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_of_a_person_is_left_in_any_file(seed: int, tmp_path: Path) -> None:
    rng = Random(seed)
    async with opened(tmp_path) as store:
        planted = await filled(store, rng)
        tallies = {consumer: await store.tally(consumer) for consumer in CONSUMERS}
        assert traces(tmp_path)
        erased = await erase(store)
        assert erased.whole
        assert erased.events == planted
        assert erased.waiting > 5 < erased.letters
        await check_books(store)
        for consumer, before in tallies.items():
            after = await store.tally(consumer)
            assert (after.accepted, after.undecided, after.matched) == (
                before.accepted,
                before.undecided,
                before.matched,
            )
            gone = after.lines.get((Status.EXPIRED, "deleted_user"), 0)
            assert before.count(Status.PENDING) - after.count(Status.PENDING) == gone > 0
            assert after.count(Status.INVALID, Status.REJECTED) == before.count(Status.INVALID, Status.REJECTED)
        details = await store.database.read(lambda c: c.execute("SELECT DISTINCT message_id FROM retry").fetchall())
        assert details == [(f"m-{ANN}",)], "rows of others keep what they say"
        (tombstone,) = await Suppression(store.database).tombstones()
        assert tombstone.erased_at is not None
        assert not await Erasure(store).is_due()


async def test_every_byte_is_gone(tmp_path: Path) -> None:
    rng = Random(7)
    async with opened(tmp_path) as store:
        for number in range(40):
            hers = [event(number, ANN, messageId=f"hers-{number}")]
            await store.append([*hers, event(1000 + number)], [f"hers-{number}", f"m{1000 + number}"])
            if number % 2:
                for consumer in CONSUMERS:
                    chunk = await read(store, consumer)
                    await store.settle(consumer, [settled(chunk, rng, "m")])
        await store.update(
            "shop", [Line(row.key, "m", "Order", Status.DELIVERED) for row in await store.due("shop", 1.0, 3)]
        )  # their pages are free now, and hold what they held
        assert sum(traces(tmp_path).values()) > 40
        assert (await erase(store)).whole
        assert traces(tmp_path) == {}
        await check_books(store)
        assert await Archive(store.database).find("hers-3") == []
        (other,) = await Archive(store.database).find("m1003")
        assert other.event == 1
        undecided = await read(store, "shop")
        assert undecided.entries[0] == ERASED
        assert b"else.example" in undecided.entries[1]
        delivered = [letter async for some in Letters(store).delivered("shop") for letter in some]
        assert all(letter.event != ERASED for letter in delivered)
    assert traces(tmp_path) == {}


async def test_what_was_under_way_leaves_nothing_behind(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.append([event(n, ANN if n < 3 else "") for n in range(6)])
        chunk = await read(store)
        assert (await erase(store)).events == 3
        states = [Status.PENDING, Status.REJECTED, Status.DELIVERED] * 2
        lines = [
            Line((chunk.id, place_of(n, 0)), "m", "Order", status, None if status is Status.DELIVERED else "retrying")
            for n, status in enumerate(states)
        ]
        pending = [line.key for line in lines if line.status is Status.PENDING]
        bodies = {key: chunk.entries[key[1] // PLACES] for key in pending}
        retries = [Retry(key, 0.0, body, WEB, History()) for key, body in bodies.items()]
        await store.settle("shop", [Settled(chunk, lines, retries)])
        assert traces(tmp_path) == {}
        await check_books(store)
        tally = await store.tally("shop")
        assert tally.lines[Status.EXPIRED, "deleted_user"] == 1
        assert tally.lines[Status.PENDING, "retrying"] == 1
        assert tally.lines[Status.REJECTED, "retrying"] == 2


async def test_a_letter_that_is_replayed_meanwhile_is_erased_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.append([event(1, ANN)])
        chunk = await read(store)
        line = Line((chunk.id, 0), "m", "Order", Status.REJECTED, "bad_parameter")
        await store.settle("shop", [Settled(chunk, [line])])
        (letter,) = [letter async for some in Letters(store).dead("shop") for letter in some]
        waiting = Line(line.key, "m", "Order", Status.PENDING, "waiting")
        retry = Retry(line.key, 0.0, b'{"user":{}}', WEB, History(), "m", "Order")
        assert await Letters(store).revive("shop", [Revived(letter, [waiting], [retry])]) == 1
        await store.database.write(lambda connection: connection.execute("DELETE FROM chunk"))
        assert (await erase(store)).waiting == 1
        assert traces(tmp_path) == {}
        assert (await store.tally("shop")).lines == {(Status.EXPIRED, "deleted_user"): 1}
        assert await Letters(store).revive("shop", [Revived(letter, [waiting], [retry])]) == 0


async def test_it_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as store:
        planted = await filled(store, Random(3), chunks=60)
        await Suppression(store.database).delete([marked(ANN)])
        done = 0

        def stop(*_: Any) -> None:
            nonlocal done
            done += 1
            if done == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await Erasure(store).run(stop)
        assert await Erasure(store).is_due()
    async with opened(tmp_path) as store:
        erased = await Erasure(store).run()
        assert 0 < erased.events < planted
        assert erased.whole
        await check_books(store)


async def test_someone_who_reads_the_log_only_delays_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tockwork.store.erasure.TRIES", 1)
    async with opened(tmp_path) as store, SqliteStore.open(tmp_path, polling=True) as other:
        await store.append([event(1, ANN)])
        held, free = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def hold(connection: Any) -> None:
            connection.execute("SELECT content FROM chunk").fetchall()
            loop.call_soon_threadsafe(held.set)
            asyncio.run_coroutine_threadsafe(free.wait(), loop).result()

        reading = asyncio.create_task(other.database.read(hold))
        await held.wait()
        assert not (await erase(store)).whole
        free.set()
        await reading
        assert await Erasure(store).is_due()
        assert (await Erasure(store).run()).whole
        assert traces(tmp_path) == {}


async def test_ingest_goes_on_meanwhile(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await filled(store, Random(4), chunks=40)
        await Suppression(store.database).delete([marked(ANN)])
        erasing = asyncio.create_task(Erasure(store).run())
        number = 10_000
        while not erasing.done():
            await store.append([event(number, ANN if number % 2 else "")])
            number += 1
            await asyncio.sleep(0.001)
        assert (await erasing).events > 100
        await check_books(store)


# --- the list --------------------------------------------------------------------------------------------------------


async def test_the_list_is_read_when_it_changes(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        suppression, blocklist = Suppression(store.database), Blocklist(store.database)
        ann, bob = marked(ANN), marked("user-bob")
        await blocklist.refresh()
        assert blocklist.is_empty("shop")
        assert await suppression.add([ann, ann]) == 1
        assert await suppression.add([bob], "shop") == 1
        assert blocklist.is_empty("shop")
        await blocklist.refresh()
        assert (blocklist.is_empty("shop"), blocklist.is_empty("app")) == (False, False)
        assert blocklist.reason({ann}, "app") == "suppressed_user"
        assert blocklist.reason({bob}, "shop") == "suppressed_user"
        assert blocklist.reason({bob}, "app") is None
        assert await suppression.delete([bob]) == 1
        await blocklist.refresh()
        assert blocklist.reason({ann, bob}, "app") == "deleted_user"
        assert await suppression.remove([ann, bob]) == 1, "a tombstone stays until all is erased"
        await Erasure(store).run()
        assert await suppression.remove([bob], "shop") == 1
        assert await suppression.remove([bob]) == 1
        await blocklist.refresh()
        assert blocklist.is_empty("shop")


async def test_an_event_that_comes_in_later_opens_the_tombstone_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.append([event(1)])
        await erase(store)
        chunk_id = await store.append([event(2, ANN)])
        await Suppression(store.database).soiled([marked(ANN)], chunk_id)
        assert (await Erasure(store).run()).events == 1
        assert traces(tmp_path) == {}
