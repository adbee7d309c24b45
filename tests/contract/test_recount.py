"""Both laws of conservation at every commit, seen from another connection while a worker works."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.books import checked, recount
from tests.contract.store_opened import read, settle
from tests.contract.store_values import WEB, events
from tests.contract.test_worker import Carrier, Made, event, link

from tockwork.delivery.batch import Row
from tockwork.delivery.worker import Worker
from tockwork.model.clock import SystemClock
from tockwork.model.fate import Fate, History
from tockwork.model.outcome import Status
from tockwork.store.letters import Letters, Revived
from tockwork.store.protocol import Line, Retry, Tally
from tockwork.store.sqlite import SqliteStore

KINDS = ("sale", "sale", "sale", "pair", "filtered", "suppressed", "duplicate", "invalid", "bug")
DRAIN_S = 60.0
ENOUGH = 30


class Watcher(threading.Thread):
    """Looks at the database after each commit that it notices. `seen` are the books at those, `wrong` what did not add
    up."""

    def __init__(self, file: Path) -> None:
        super().__init__(name="watcher", daemon=True)
        self.seen: list[Tally] = []
        self.wrong: list[BaseException] = []
        self._file = file
        self._stopped = threading.Event()

    def run(self) -> None:
        connection = sqlite3.connect(self._file, isolation_level=None)
        version = None
        try:
            while not self._stopped.wait(0.0005):
                connection.execute("BEGIN")
                found = connection.execute("PRAGMA data_version").fetchone()
                if found != version:
                    version = found
                    self.seen.append(checked(connection, "shop"))
                connection.execute("COMMIT")
        except BaseException as error:
            self.wrong.append(error)
        finally:
            connection.close()

    def stop(self) -> None:
        self._stopped.set()
        self.join()


@contextmanager
def watched(file: Path) -> Iterator[Watcher]:
    watcher = Watcher(file)
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.stop()
    for error in watcher.wrong:
        raise error


def answers(random: Random, clock: SystemClock) -> Carrier:
    """TikTok in a bad mood: every fate there is, with rows to be sent again soon."""
    carrier = Carrier(clock, took_s=0.002)  # type: ignore[arg-type]

    def answer(row: Row) -> Fate:
        history = row.history.tried(clock.now(), 0.0, ambiguous=random.random() < 0.5, said="").put_off()
        if history.retries < 6 and random.random() < 0.4:
            reason = random.choice(["retrying", "throttled"])
            at = clock.now() + random.random() * 0.05
            return Fate(Status.PENDING, reason, "later", 50000, at, history)
        dead = {Status.REJECTED: "bad_parameter", Status.INVALID: "field_type", Status.EXPIRED: "retry_exhausted"}
        status = random.choice([Status.DELIVERED, Status.DELIVERED, Status.DELIVERED, *dead])
        return Fate(status, dead.get(status), code=40002, history=history)

    carrier.answer = answer
    return carrier


async def revived(store: SqliteStore) -> None:
    """Every dead letter is tried again."""
    letters = Letters(store)
    async for some in letters.dead("shop", until=SystemClock().now()):
        again = []
        for letter in some:
            line = Line(letter.key, letter.message_id, letter.mapping, Status.PENDING, "waiting")
            row = Retry(letter.key, 0.0, b"{}", WEB, History(), letter.message_id, letter.mapping)
            again.append(Revived(letter, [line], [row]))
        await letters.revive("shop", again)


@pytest.mark.parametrize(
    ("chunks", "pause_s"), [(60, 0.01), pytest.param(1500, 0.005, marks=[pytest.mark.faults, pytest.mark.timeout(600)])]
)
async def test_the_books_balance_at_every_commit(chunks: int, pause_s: float, tmp_path: Path) -> None:
    random, clock, sent = Random(chunks), SystemClock(), 0
    async with SqliteStore.open(tmp_path) as store:
        worker = Worker(link(), Made(), sender=answers(random, clock), store=store, clock=clock, linger_s=0.01)
        await worker.start()
        with watched(tmp_path / "tockwork.db") as watcher:
            for number in range(chunks):
                entries = [event(sent + nth, random.choice(KINDS)) for nth in range(random.randint(1, 12))]
                sent += len(entries)
                await store.append(entries)
                await asyncio.sleep(random.random() * pause_s)
                if number % 20 == 19:
                    await revived(store)
                    worker.wake()
            assert await worker.drain(DRAIN_S)
        await worker.stop()
        last = await store.tally("shop")
    assert last.accepted == sent
    assert last.count(*Status) == sum(last.lines.values()) > sent
    distinct = Counter(str(tally) for tally in watcher.seen)
    assert len(distinct) > ENOUGH, "too few commits were seen for this to say anything"
    pending = [tally.count(Status.PENDING) for tally in watcher.seen]
    assert max(pending) > 0
    assert max(tally.undecided for tally in watcher.seen) > 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.lists(events, min_size=1, max_size=4), st.booleans()), max_size=5), st.booleans())
def test_counting_again_gives_what_was_counted(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[list[list[Status]], bool]], leaves: bool
) -> None:
    folder = tmp_path_factory.mktemp("books")

    async def work() -> None:
        async with SqliteStore.open(folder) as store:
            await store.append([b"before"])
            await store.join("shop")
            for states, decided in chunks:
                await store.append([b"{}"] * len(states))
                chunk = await read(store)
                if decided:
                    await settle(store, chunk, *states)
            if leaves:
                await store.leave("shop")
                await store.append([b"meanwhile"])
                await store.join("shop")
                await store.append([b"again"])
            for name in ("shop", "nobody"):
                counted = await store.database.read(partial(checked, consumer=name))
                assert counted == await store.tally(name)

    asyncio.run(work())


async def test_a_wrong_counter_is_noticed(tmp_path: Path) -> None:
    async with SqliteStore.open(tmp_path) as store:
        await store.join("shop")
        await store.append([b"{}"])
        await settle(store, await read(store), [Status.REJECTED])
    wrongs = (
        "UPDATE tally SET number = number + 1",
        "UPDATE consumer SET matched = 0",
        "UPDATE consumer SET decided = 0",
        "UPDATE journal SET events = events + 1",
        "DELETE FROM dead",
        "DELETE FROM page",
        "UPDATE page SET states = x'0080'",
        "UPDATE page SET states = CAST(states || states AS BLOB)",
    )
    connection = sqlite3.connect(tmp_path / "tockwork.db", isolation_level=None)
    assert recount(connection, "shop") == checked(connection, "shop")
    for wrong in wrongs:
        connection.execute("BEGIN")
        connection.execute(wrong)
        with pytest.raises((AssertionError, KeyError)):
            checked(connection, "shop")
        connection.execute("ROLLBACK")
    connection.close()
