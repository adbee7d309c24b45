"""``replay``: which letters it takes, what becomes of them, and that the books balance after each."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.contract.books import checked
from tests.contract.store_opened import read
from tests.contract.store_values import WEB

from tockwork.configuration.entries import DestinationEntry
from tockwork.configuration.instance import Instance, instances
from tockwork.model.clock import SimulatedClock
from tockwork.model.fate import History
from tockwork.model.outcome import Status
from tockwork.operations.replay import PENDING, TOO_LATE, UNMATCHED, Selection, replay
from tockwork.store.archive import Archive
from tockwork.store.control import Control, Wish
from tockwork.store.letters import Letter, Letters, Revived
from tockwork.store.protocol import Line, Retry, Settled, Tally, place_of
from tockwork.store.sqlite import SqliteStore

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
ORDER: Final[dict[str, Any]] = {
    "name": "Order",
    "trigger": 'event = "Order Completed"',
    "fields": {
        "event": "Purchase",
        "event_id": {"@path": "$.messageId"},
        "url": "https://shop.example/",
        "value": {"@path": "$.properties.value"},
        "currency": "EUR",
    },
}
BIG: Final[dict[str, Any]] = {
    **ORDER,
    "name": "Big",
    "trigger": "properties.value > 100",
    "fields": {"event": "Contact", "url": "https://a.b/"},
}
Made = tuple[Status, str | None, str | None]
"""A line: status, reason, mapping."""

DELIVERED: Made = (Status.DELIVERED, None, "Order")
BIG_DELIVERED: Made = (Status.DELIVERED, None, "Big")
REJECTED: Made = (Status.REJECTED, "bad_parameter", "Order")
EXPIRED: Made = (Status.EXPIRED, "retry_exhausted", "Order")
BIG_REJECTED: Made = (Status.REJECTED, "bad_parameter", "Big")
FAILED: Made = (Status.INVALID, "transform_failed", None)
FILTERED: Made = (Status.FILTERED, "no_trigger", None)


def instance(*mappings: dict[str, Any], **members: Any) -> Instance:
    settings = {"pixelCode": "C8E2OS3C77UABCDXYZ00", "accessToken": "token"}
    entry = DestinationEntry("tiktok-conversions", "shop", settings=settings, mappings=list(mappings), **members)
    return instances([entry], 7)[0]


BOTH = instance(ORDER, BIG)


def event(message_id: str, value: Any = 5) -> bytes:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return msgspec.json.encode(
        {
            "type": "track",
            "event": "Order Completed",
            "messageId": message_id,
            "userId": "u",
            "properties": {"value": value},
            "timestamp": now,
            "receivedAt": now,
        }
    )


class Shop:
    """A store with one consumer, and short ways to ask about it."""

    def __init__(self, store: SqliteStore, clock: SimulatedClock) -> None:
        self.store = store
        self.clock = clock

    async def filled(self, entries: Sequence[bytes], *states: Sequence[Made], begun_at: float | None = None) -> int:
        """A chunk of these events, decided so."""
        ids = [msgspec.json.decode(entry)["messageId"] for entry in entries]
        await self.store.append(entries, ids, [("web", len(entries))])
        chunk = msgspec.structs.replace(await read(self.store), begun_at=begun_at)
        lines = [
            Line((chunk.id, place_of(at, nth)), ids[at], mapping, status, reason, "said so", 40002)
            for at, own in enumerate(states)
            for nth, (status, reason, mapping) in enumerate(own)
        ]
        retries = [
            Retry(each.key, 0.0, b"{}", WEB, History(), each.message_id, each.mapping)
            for each in lines
            if each.status is Status.PENDING
        ]
        await self.store.settle("shop", [Settled(chunk, lines, retries)])
        await self.books()
        return chunk.id

    async def replay(self, given: Instance = BOTH, *, dry_run: bool = False, **selection: Any) -> Counter[str]:
        became = await replay(self.store, given, Selection(**selection), dry_run=dry_run)
        await self.books()
        return became

    async def books(self) -> Tally:
        return await self.store.database.read(lambda connection: checked(connection, "shop"))

    async def waiting(self) -> dict[str | None, Retry]:
        return {row.message_id: row for row in await self.store.due("shop", math.inf, 99)}

    async def dead(self) -> list[Letter]:
        return [letter async for some in Letters(self.store).dead("shop") for letter in some]

    async def lines(self, message_id: str) -> list[tuple[str | None, Status, str | None]]:
        """What the archive says of an event: mapping, status and reason of each of its deliveries."""
        (found,) = await Archive(self.store.database).find(message_id)
        assert found.source == "web"
        return [(each.mapping, each.status, each.reason) for each in found.lines.get("shop", [])]


@asynccontextmanager
async def opened(folder: Path, ago_s: float = HOUR_S) -> AsyncIterator[Shop]:
    """A shop in which it is still some time ago."""
    clock = SimulatedClock(time.time() - ago_s)
    async with SqliteStore.open(folder, clock=clock) as store:
        clock.busy.append(lambda: store.database.busy)
        await store.join("shop")
        yield Shop(store, clock)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened(tmp_path) as it:
        yield it


async def test_dead_letters_wait_to_be_sent_and_nothing_else_is_touched(shop: Shop) -> None:
    entries = [event("a"), event("b"), event("c", 500), event("d"), event("e")]
    chunk = await shop.filled(entries, [REJECTED], [DELIVERED], [EXPIRED, BIG_DELIVERED], [FILTERED], [FAILED])
    undecided = await shop.store.append([event("later")], ["later"], [("web", 1)])
    assert await shop.replay() == {PENDING: 3}
    rows = await shop.waiting()
    assert {message_id: row.key for message_id, row in rows.items()} == {
        "a": (chunk, 0),
        "c": (chunk, place_of(2, 0)),
        "e": (chunk, place_of(4, 0)),
    }
    assert msgspec.json.decode(rows["a"].row)["event_id"] == "a"
    assert await shop.lines("c") == [("Order", Status.PENDING, "waiting"), ("Big", Status.DELIVERED, None)]
    assert await shop.lines("later") == []
    tally = await shop.books()
    assert (tally.undecided, tally.matched, tally.count(Status.PENDING)) == (1, 4, 3)
    assert await shop.dead() == []
    assert await shop.replay() == {}
    assert (await read(shop.store)).id == undecided


async def test_a_server_is_told_to_look(shop: Shop) -> None:
    await shop.filled([event("a")], [REJECTED])
    await shop.replay(dry_run=True)
    assert await Control(shop.store.database).wishes() == []
    await shop.replay()
    assert [wished.wish for wished in await Control(shop.store.database).wishes()] == [Wish.WAKE]


async def test_a_dry_run_says_the_same_and_changes_nothing(shop: Shop) -> None:
    await shop.filled([event("a"), event("b", {"no": "number"}), event("c")], [REJECTED], [REJECTED], [BIG_REJECTED])
    before, letters = await shop.books(), await shop.dead()
    would = await shop.replay(dry_run=True)
    assert would == {PENDING: 1, "invalid: field_type": 1, UNMATCHED: 1}
    assert (await shop.books(), await shop.dead()) == (before, letters)
    assert await shop.replay() == would


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        ({"status": Status.REJECTED}, {"a", "c"}),
        ({"status": Status.EXPIRED}, {"b"}),
        ({"status": Status.DELIVERED}, set()),
        ({"reason": "bad_parameter"}, {"a", "c"}),
        ({"mapping": "Big"}, {"c"}),
        ({"message_id": "b"}, {"b"}),
        ({"status": Status.REJECTED, "mapping": "Order"}, {"a"}),
        ({"message_id": "nobody"}, set()),
        ({"include_delivered": True, "message_id": "d"}, {"d"}),
        ({"include_delivered": True, "status": Status.DELIVERED}, {"d"}),
        ({"include_delivered": True}, {"a", "b", "c", "d"}),
    ],
)
async def test_only_what_is_selected(selection: dict[str, Any], taken: set[str], shop: Shop) -> None:
    entries = [event("a"), event("b"), event("c", 500), event("d")]
    await shop.filled(entries, [REJECTED], [EXPIRED], [BIG_REJECTED], [DELIVERED])
    await shop.replay(**selection)
    assert set(await shop.waiting()) == taken


async def test_only_what_died_in_a_time(shop: Shop) -> None:
    times = []
    for name in "abc":
        times.append(shop.clock.now())
        await shop.filled([event(name)], [REJECTED])
        await shop.clock.advance(60)
    await shop.replay(since=times[1], until=times[2])
    assert set(await shop.waiting()) == {"b"}


async def test_delivered_ones_in_a_time_are_those_accepted_in_it(shop: Shop) -> None:
    times = []
    for name in "abc":
        times.append(shop.clock.now())
        await shop.filled([event(name)], [DELIVERED])
        await shop.clock.advance(60)
    assert await shop.replay(since=times[1], until=times[2]) == {}
    await shop.replay(since=times[1], until=times[2], include_delivered=True)
    assert set(await shop.waiting()) == {"b"}


@pytest.mark.parametrize(("hours", "force", "sent"), [(47, False, True), (49, False, False), (49, True, True)])
async def test_delivered_ones_after_two_days_only_by_force(
    hours: float, force: bool, sent: bool, tmp_path: Path
) -> None:
    async with opened(tmp_path, hours * HOUR_S) as shop:
        await shop.filled([event("a")], [DELIVERED])
        before = await shop.books()
        became = await shop.replay(include_delivered=True, force=force)
        assert became == ({PENDING: 1} if sent else {TOO_LATE: 1})
        if not sent:
            assert await shop.books() == before
            return
        history = (await shop.waiting())["a"].history
        assert (history.ambiguous_at is None) == force  # else it may never be sent later than 48 hours after


@pytest.mark.parametrize(("hours", "force", "sent"), [(47, False, True), (49, False, False), (49, True, True)])
async def test_a_letter_that_may_have_arrived_counts_as_one_that_did(
    hours: float, force: bool, sent: bool, tmp_path: Path
) -> None:
    began = time.time() - hours * HOUR_S
    async with opened(tmp_path) as shop:
        await shop.filled([event("a"), event("b")], [EXPIRED], [EXPIRED], begun_at=began)
        await shop.replay(force=force)
        rows = await shop.waiting()
        assert set(rows) == ({"a", "b"} if sent else set())
        assert {row.history.ambiguous_at for row in rows.values()} <= {None if force else began}


async def test_a_letter_that_never_went_out_is_as_good_as_new_however_old(tmp_path: Path) -> None:
    async with opened(tmp_path, 5 * DAY_S) as shop:
        await shop.filled([event("a")], [REJECTED])
        assert await shop.replay() == {PENDING: 1}
        assert (await shop.waiting())["a"].history == History()


async def test_an_event_that_was_invalid_as_a_whole_may_now_make_several_rows(shop: Shop) -> None:
    entries = [event("a", 500), event("b"), event("c", 500)]
    chunk = await shop.filled(entries, [FAILED], [DELIVERED], [FAILED])
    assert await shop.replay() == {PENDING: 2}
    again = [("Order", Status.PENDING, "waiting"), ("Big", Status.PENDING, "waiting")]
    assert await shop.lines("a") == await shop.lines("c") == again
    assert await shop.lines("b") == [("Order", Status.DELIVERED, None)]
    rows = await shop.store.due("shop", math.inf, 9)
    assert sorted(row.key for row in rows) == [(chunk, place_of(at, nth)) for at in (0, 2) for nth in (0, 1)]
    tally = await shop.books()
    assert (tally.matched, tally.deliveries) == (3, 5)
    await shop.store.update("shop", [Line((chunk, 1), "a", "Big", Status.REJECTED, "bad_parameter")])
    await shop.books()
    assert [letter.event for letter in await shop.dead()] == [entries[0]]


async def test_an_event_that_was_invalid_as_a_whole_may_now_make_none(shop: Shop) -> None:
    await shop.filled([event("a"), event("b")], [FAILED], [DELIVERED])
    assert await shop.replay(instance(BIG)) == {"filtered: no_trigger": 1}
    tally = await shop.books()
    assert (tally.matched, tally.count(Status.FILTERED), tally.deliveries) == (1, 1, 1)
    assert await shop.dead() == []
    assert await shop.replay() == {}


async def test_one_row_goes_out_and_another_is_invalid(shop: Shop) -> None:
    late = {**BIG, "fields": {**BIG["fields"], "value": {"@path": "$.properties"}, "currency": "EUR"}}
    entry = event("a", 500)
    await shop.filled([entry], [FAILED])
    await shop.replay(instance(ORDER, late))
    assert await shop.lines("a") == [("Order", Status.PENDING, "waiting"), ("Big", Status.INVALID, "field_type")]
    (letter,) = await shop.dead()
    assert (letter.mapping, letter.reason, letter.event) == ("Big", "field_type", entry)


async def test_a_letter_whose_mapping_is_gone_stays_dead(shop: Shop) -> None:
    await shop.filled([event("a", 500)], [REJECTED, BIG_REJECTED])
    assert await shop.replay(instance(ORDER)) == {PENDING: 1, UNMATCHED: 1}
    assert [letter.mapping for letter in await shop.dead()] == ["Big"]
    assert await shop.replay(instance({**ORDER, "enabled": False}, BIG)) == {PENDING: 1}


async def test_a_letter_that_is_invalid_again_stays_dead_with_its_new_reason_and_is_asked_once(shop: Shop) -> None:
    await shop.filled([event("a", {"no": "number"}), event("b")], [REJECTED], [REJECTED])
    died = (await shop.dead())[0].at
    assert await shop.replay() == {"invalid: field_type": 1, PENDING: 1}
    (letter,) = await shop.dead()
    assert (letter.message_id, letter.status, letter.reason) == ("a", Status.INVALID, "field_type")
    assert letter.at > died
    assert (await shop.books()).lines == {(Status.INVALID, "field_type"): 1, (Status.PENDING, "waiting"): 1}
    (line,) = [each for each in await shop.store.exceptions("shop", 9) if each.status is Status.INVALID]
    assert line.detail is not None
    assert "value" in line.detail


async def test_a_letter_that_may_have_arrived_stays_so_when_it_is_invalid_again(shop: Shop) -> None:
    began = time.time() - HOUR_S
    await shop.filled([event("a", [])], [EXPIRED], begun_at=began)
    await shop.replay(instance({**ORDER, "fields": {**ORDER["fields"], "value": {"@path": "$.properties"}}}))
    (letter,) = await shop.dead()
    assert (letter.status, letter.ambiguous_at) == (Status.INVALID, began)


async def test_a_delivered_one_of_which_no_row_can_be_made_any_more_stays_delivered(shop: Shop) -> None:
    await shop.filled([event("a", {"no": "number"}), event("b")], [DELIVERED], [DELIVERED])
    assert await shop.replay(include_delivered=True) == {"invalid: field_type": 1, PENDING: 1}
    assert await shop.lines("a") == [("Order", Status.DELIVERED, None)]
    assert await shop.dead() == []


async def test_a_delivered_one_that_dies_when_it_is_sent_again_can_be_replayed(shop: Shop) -> None:
    chunk = await shop.filled([event("a")], [DELIVERED])
    await shop.replay(include_delivered=True)
    await shop.store.update("shop", [Line((chunk, 0), "a", "Order", Status.REJECTED, "bad_parameter")])
    assert await shop.lines("a") == [("Order", Status.REJECTED, "bad_parameter")]
    assert await shop.replay() == {PENDING: 1}


async def test_what_a_server_delivers_meanwhile_is_not_taken_twice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that runs delivers the dead letters while the command goes on to delivered ones."""
    chunk = await shop.filled([event("a"), event("b")], [REJECTED], [DELIVERED])
    revive = Letters.revive

    async def delivered_at_once(self: Letters, consumer: str, revived: Sequence[Revived]) -> int:
        done = await revive(self, consumer, revived)
        lines = [
            Line(each.letter.key, each.letter.message_id, "Order", Status.DELIVERED)
            for each in revived
            if each.letter.key[0] == chunk
        ]
        await shop.store.update("shop", lines)
        return done

    monkeypatch.setattr(Letters, "revive", delivered_at_once)
    assert await shop.replay(include_delivered=True) == {PENDING: 2}


async def test_who_comes_second_changes_nothing(shop: Shop) -> None:
    chunk = await shop.filled([event("a"), event("b")], [REJECTED], [DELIVERED])
    letters = Letters(shop.store)
    both = [*await shop.dead(), *[each async for some in letters.delivered("shop") for each in some]]
    revived = [
        Revived(
            each,
            [Line(each.key, each.message_id, "Order", Status.PENDING, "waiting")],
            [Retry(each.key, 0.0, b"{}", WEB, History(), each.message_id, "Order")],
        )
        for each in both
    ]
    assert await letters.revive("shop", revived) == 2
    after = await shop.books()
    assert await letters.revive("shop", revived) == 0
    assert await shop.books() == after
    await shop.store.update("shop", [Line((chunk, 0), "a", "Order", Status.DELIVERED)])
    assert await letters.revive("shop", revived[:1]) == 0  # it was a dead letter, and is a delivered one
    assert (await shop.books()).count(Status.DELIVERED) == 1


async def test_more_than_one_slice_and_each_letter_once(shop: Shop) -> None:
    entries = [event(f"m-{number}", [] if number % 3 else 5) for number in range(1200)]
    await shop.filled(entries, *[[REJECTED]] * 1200)
    assert await shop.replay() == {PENDING: 400, "invalid: field_type": 800}
    tally = await shop.books()
    assert (tally.count(Status.PENDING), tally.count(Status.INVALID)) == (400, 800)


async def test_letters_of_a_destination_that_left_and_came_back(shop: Shop) -> None:
    await shop.filled([event("a")], [(Status.PENDING, "retrying", "Order")])
    await shop.store.leave("shop")
    await shop.books()
    assert await shop.dead() == []
    await shop.store.join("shop")
    assert [letter.reason for letter in await shop.dead()] == ["destination_removed"]
    assert await shop.replay() == {PENDING: 1}


async def test_the_archive_finds_each_event_by_its_id_and_only_it(shop: Shop) -> None:
    archive = Archive(shop.store.database)
    assert await archive.find("a") == []
    first = await shop.filled([event("a"), event("a", 2)], [DELIVERED], [FILTERED])
    second = await shop.filled([event("b"), event("a", 3)], [DELIVERED], [REJECTED])
    found = await archive.find("a")
    assert [(each.chunk_id, each.event) for each in found] == [(first, 0), (first, 1), (second, 1)]
    assert [msgspec.json.decode(each.entry)["properties"]["value"] for each in found] == [5, 2, 3]
    assert [each.lines["shop"][0].status for each in found] == [Status.DELIVERED, Status.FILTERED, Status.REJECTED]
    assert found[2].lines["shop"][0].code == 40002
