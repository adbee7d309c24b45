"""What is known of people: the same in memory and in the database, where it outlives the process and not its time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from tockwork.destinations.person import Mark
from tockwork.ingest.identity import LIVES
from tockwork.model.clock import SimulatedClock
from tockwork.model.errors import StoreFull
from tockwork.store.database import FILE
from tockwork.store.erasure import Erasure
from tockwork.store.people import BATCH, MAX_PEOPLE, Known, People, PeopleInMemory, Seen, StoredPeople
from tockwork.store.retention import Ages, Retention
from tockwork.store.sqlite import SqliteStore
from tockwork.store.suppression import Suppression

NOW: Final = 1_795_132_800.0
DAY: Final = 86_400
PLANTED: Final = b"quackenbush"


def marked(name: str) -> Mark:
    return sha256(name.encode()).digest()


ANN, ANNS_PHONE, ANNS_LAPTOP, BOB, BOBS_PHONE = map(marked, ("ann", "ann's phone", "ann's laptop", "bob", "bob's"))


def click(value: str, at: float = NOW) -> Known:
    return {"ttclid": Seen(value, at)}


def visitor(value: str, at: float = NOW) -> Known:
    return {"ttp": Seen(value, at)}


class Opened:
    """A store's people, on a clock that stands."""

    def __init__(self, store: SqliteStore, most: int) -> None:
        self.store = store
        self.clock = SimulatedClock(NOW)
        self.people = StoredPeople(store.database, store.space, LIVES, most, self.clock)

    async def rows(self, what: str = "count(*)") -> Any:
        statement = f"SELECT {what} FROM known_id"
        return await self.store.database.read(lambda connection: connection.execute(statement).fetchone()[0])

    async def kept(self, *people: Mark) -> list[dict[str, str]]:
        """What another process would find."""
        other = StoredPeople(self.store.database, self.store.space, LIVES, MAX_PEOPLE, self.clock)
        await other.load()
        return [values(other.find(person)) for person in people]

    async def delete(self, *people: Mark) -> None:
        await Suppression(self.store.database).delete(people)
        assert (await Erasure(self.store).run()).whole


@asynccontextmanager
async def opened(folder: Path, most: int = MAX_PEOPLE) -> AsyncIterator[Opened]:
    async with SqliteStore.open(folder, reserve_bytes=0) as store:
        it = Opened(store, most)
        await it.people.load()
        yield it


def values(known: Known) -> dict[str, str]:
    return {name: seen.value for name, seen in known.items()}


def traces(folder: Path) -> dict[str, int]:
    counts = {path.name: path.read_bytes().count(PLANTED) for path in folder.iterdir() if path.is_file()}
    return {name: number for name, number in counts.items() if number}


# --- whichever it is -------------------------------------------------------------------------------------------------


@pytest.fixture(params=["in memory", "stored"])
async def people(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[People]:
    """Of whom three at most are remembered."""
    if request.param == "in memory":
        yield PeopleInMemory(most=3)
        return
    async with opened(tmp_path, most=3) as it:
        yield it.people


class TestWhicheverItIs:
    def test_nobody_is_known_at_first(self, people: People) -> None:
        assert (len(people), people.find(ANN)) == (0, {})

    def test_the_newest_of_each_id_is_known(self, people: People) -> None:
        people.learn(ANN, {**click("first"), **visitor("v")})
        people.learn(ANN, click("second", NOW + 1))
        people.learn(ANN, click("older", NOW - 1))
        assert people.find(ANN) == {**click("second", NOW + 1), **visitor("v")}
        assert people.find(BOB) == {}

    def test_those_unheard_of_for_longest_go_first(self, people: People) -> None:
        for person in (ANN, BOB, ANNS_PHONE):
            people.learn(person, click("c"))
        people.find(ANN)
        people.learn(BOBS_PHONE, click("c"))
        assert len(people) == 3
        assert [bool(people.find(person)) for person in (ANN, BOB, ANNS_PHONE, BOBS_PHONE)] == [True, False, True, True]

    async def test_forgetting_someone(self, people: People) -> None:
        people.learn(ANN, click("a"))
        people.learn(BOB, click("b"))
        await people.forget([ANN, marked("unknown")])
        await people.forget([])
        assert (len(people), people.find(ANN), values(people.find(BOB))) == (1, {}, {"ttclid": "b"})
        people.learn(ANN, click("anew"))
        assert values(people.find(ANN)) == {"ttclid": "anew"}

    @pytest.mark.parametrize("named", [ANN, ANNS_PHONE])
    async def test_forgetting_takes_the_other_id_of_the_same_event(self, people: People, named: Mark) -> None:
        people.learn(ANN, click("a"), ANNS_PHONE)
        people.learn(ANNS_PHONE, click("a"), ANN)
        people.learn(ANNS_PHONE, click("later", NOW + 1))
        people.learn(BOB, click("b"))
        await people.forget([named])
        assert (len(people), values(people.find(BOB))) == (1, {"ttclid": "b"})

    async def test_forgetting_takes_who_was_met_earlier_and_who_has_the_same_id(self, people: People) -> None:
        people.learn(ANNS_PHONE, click("phone"), ANN)
        people.learn(ANN, visitor("v"), BOBS_PHONE)
        people.learn(ANNS_LAPTOP, {**visitor("v"), **click("laptop")})
        await people.forget([ANN])
        assert len(people) == 0


# --- in the database -------------------------------------------------------------------------------------------------


async def test_it_outlives_the_process(tmp_path: Path) -> None:
    both = {**click("c", NOW - 7.25), **visitor("v")}
    async with opened(tmp_path) as it:
        it.people.learn(ANN, both, ANNS_PHONE)
        assert await it.rows() == 0, "nobody waits for it"
        await it.people.keep()
        it.people.learn(BOB, click("b"))
    async with opened(tmp_path) as it:
        assert it.people.find(ANN) == both
        assert it.people.find(BOB) == {}, "it was not kept when the process ended"
        await it.people.forget([ANNS_PHONE])
        assert len(it.people) == await it.rows() == 0, "the other id is known too"


async def test_nothing_is_written_but_news(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        for number in range(3):
            it.people.learn(ANN, click(f"c-{number}", NOW + number))
        await it.people.keep()
        assert (await it.rows("max(number)"), await it.rows()) == (3, 1)
        changes = "SELECT total_changes()"
        before = await it.store.database.write(lambda connection: connection.execute(changes).fetchone()[0])
        it.people.find(ANN)
        await it.people.keep()
        assert before == await it.store.database.write(lambda connection: connection.execute(changes).fetchone()[0])


async def test_the_names_of_people_are_not_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        it.people.learn(marked("quackenbush"), click("c"), marked("quackenbush's phone"))
        await it.people.keep()
    assert traces(tmp_path) == {}


async def test_the_newest_are_loaded_and_the_others_deleted(tmp_path: Path) -> None:
    names = [marked(str(number)) for number in range(2 * BATCH + 10)]
    async with opened(tmp_path) as it:
        for person in names:
            it.people.learn(person, {**click(person.hex()), **visitor(person.hex())})
        it.people.learn(names[0], click("newer", NOW + 1))
        await it.people.keep()
        assert await it.rows() == 2 * len(names)
    async with opened(tmp_path, most=10) as it:
        assert (len(it.people), await it.rows()) == (10, 20)
        assert values(it.people.find(names[0]))["ttclid"] == "newer"
        assert not it.people.find(names[-10])
        assert it.people.find(names[-9])
        it.people.learn(names[1], click("again"))
        await it.people.keep()
        assert await it.kept(names[-9], names[1]) == [
            dict.fromkeys(("ttclid", "ttp"), names[-9].hex()),
            {"ttclid": "again"},
        ]
        assert await it.rows() == 19, "those unheard of for longest go there too"


async def test_what_expires_goes_from_memory_and_from_the_disk(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        it.people.learn(ANN, {**click("c"), **visitor("v")})
        it.people.learn(BOB, click("b"))
        await it.people.keep()
        retention = Retention(it.store.database, it.store.space, Ages())
        for days, left, known in ((27.9, 3, 2), (0.1, 1, 1), (366.9, 1, 1), (0.1, 0, 0)):
            await it.clock.advance(days * DAY)
            await it.people.expire()
            await retention.purge(it.clock.now())
            assert (await it.rows(), len(it.people)) == (left, known)
        it.people.learn(ANN, {**click("c"), **visitor("v", it.clock.now())})
        await it.people.keep()
        assert await it.kept(ANN) == [{"ttp": "v"}], "what has expired is not written"


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_kept_is_what_was_remembered(seed: int, tmp_path: Path) -> None:
    rng = Random(seed)
    names = [marked(str(number)) for number in range(12)]
    remembered = PeopleInMemory()
    async with opened(tmp_path) as it:
        for step in range(300):
            person, other = rng.sample(names, 2)
            known = {name: Seen(f"{name}-{rng.randrange(40)}", NOW + rng.randrange(100)) for name in LIVES}
            known = dict(rng.sample(sorted(known.items()), rng.randrange(1, 3)))
            for each in (remembered, it.people):
                each.learn(person, known, None if step % 2 else other)
            if rng.random() < 0.05:
                for each in (remembered, it.people):
                    await each.forget([person])
            if rng.random() < 0.2:
                await it.people.keep()
            if rng.random() < 0.05:
                await it.people.keep()
                it.people = StoredPeople(it.store.database, it.store.space, LIVES, clock=it.clock)
                await it.people.load()
        await it.people.keep()
        assert len(remembered) > 0
        assert await it.kept(*names) == [values(remembered.find(person)) for person in names]
        assert await it.rows() == sum(len(remembered.find(person)) for person in names)


async def test_a_crash_loses_nothing_that_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [marked(str(number)) for number in range(3 * BATCH)]
    async with opened(tmp_path) as it:
        for age in ("old", "new"):
            for person in names:
                it.people.learn(person, click(age, NOW + 9 if age == "new" else NOW))
            if age == "old":
                await it.people.keep()
                for person in names:
                    it.people.learn(person, click("middle", NOW + 5))
        write, written = it.store.database.write, 0

        async def dies(work: Any) -> Any:
            nonlocal written
            written += 1
            if written == 3:
                raise KeyboardInterrupt
            return await write(work)

        monkeypatch.setattr(it.store.database, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            await it.people.keep()
    async with opened(tmp_path) as it:
        found = [values(it.people.find(person))["ttclid"] for person in names]
        assert found == ["new"] * (2 * BATCH) + ["old"] * BATCH
        await it.people.keep()
        assert await it.rows() == len(names), "what was known before is gone"


async def test_a_full_disk_loses_nothing_that_was_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as it:
        it.people.learn(ANN, click("old"))
        await it.people.keep()
        monkeypatch.setattr(type(it.store.space), "free_bytes", 0)
        it.people.learn(ANN, click("new", NOW + 1))
        with pytest.raises(StoreFull):
            await it.people.keep()
        assert await it.kept(ANN) == [{"ttclid": "old"}]
        monkeypatch.undo()
        await it.people.keep()
        assert (await it.kept(ANN), await it.rows()) == ([{"ttclid": "new"}], 1)


async def test_a_write_that_nobody_waits_for_any_more_is_not_kept_twice(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        for number in range(20):
            it.people.learn(ANN, click("c", NOW + number))
            keeping = asyncio.create_task(it.people.keep())
            for _ in range(number % 4):
                await asyncio.sleep(0)
            keeping.cancel()
            await asyncio.wait([keeping])
            await it.people.keep()
            assert await it.rows() == 1


# --- people who were deleted -----------------------------------------------------------------------------------------


async def test_nothing_of_the_deleted_is_left_in_any_file(tmp_path: Path) -> None:
    rng, planted = Random(5), PLANTED.decode()
    others = [marked(str(number)) for number in range(1500)]  # more rows than are written anew at once
    hers = [ANN, *(marked(f"browser {number} of hers") for number in range(100))]
    async with opened(tmp_path) as it:
        for number, person in enumerate(others):
            it.people.learn(person, {**click("x" * rng.randrange(1, 200)), **visitor(f"v-{number}")})
            if number % 15 == 0:
                browser = hers[1 + number // 15]
                it.people.learn(ANN, click(f"{planted}-{number}", NOW + number), browser)
                it.people.learn(browser, {**click(f"{planted}-{number}"), **visitor(planted)}, ANN)
        await it.people.keep()
        for number, person in enumerate(rng.sample(others, 1300)):  # rows move together, and leave copies behind
            it.people.learn(person, click(f"c-{number}", NOW + 1))
        it.people.learn(ANNS_LAPTOP, visitor(planted, NOW + 1))
        await it.people.keep()
        assert traces(tmp_path)
        await it.delete(ANN)
        assert traces(tmp_path) == {}
        assert await it.rows("count(DISTINCT person)") == len(others)
        await it.people.forget([ANN])
        assert len(it.people) == len(others)
        (tombstone,) = await Suppression(it.store.database).tombstones()
        assert tombstone.erased_at is not None, "the disk had nothing left"
    assert traces(tmp_path) == {}


async def test_what_was_not_written_yet_is_not_written_after(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        planted = click(PLANTED.decode())
        it.people.learn(ANN, planted)
        it.people.learn(ANNS_PHONE, planted, ANN)
        it.people.learn(BOB, click("b"))
        await it.delete(ANN)
        await it.people.keep()
        assert await it.kept(ANN, ANNS_PHONE, BOB) == [{}, {}, {"ttclid": "b"}]
        assert traces(tmp_path) == {}


async def test_what_was_written_meanwhile_is_erased_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        it.people.learn(ANN, visitor(PLANTED.decode()))
        it.people.learn(ANNS_LAPTOP, visitor(PLANTED.decode()))
        await it.delete(ANN)
        await it.people.keep()
        assert traces(tmp_path), "that the laptop is hers could not be told from the disk"
        await it.people.forget([ANN])
        assert await it.rows() == 0
        assert await Erasure(it.store).is_due()
        assert (await Erasure(it.store).run()).whole
        assert traces(tmp_path) == {}


async def test_learning_goes_on_while_someone_is_erased(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        for number in range(4000):
            it.people.learn(marked(str(number)), click(f"c-{number}"))
        it.people.learn(ANN, click(PLANTED.decode()))
        await it.people.keep()
        erasing = asyncio.create_task(it.delete(ANN))
        number = 4000
        while not erasing.done():
            it.people.learn(marked(str(number)), click(f"c-{number}"))
            await it.people.keep()
            number += 1
        await erasing
        assert number > 4010
        assert await it.rows() == number
        assert traces(tmp_path) == {}
    connection = sqlite3.connect(tmp_path / FILE)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
