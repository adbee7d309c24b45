"""The past of a store: counts over time, why, and how long it took, with numbers that are known."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from tests.contract.store_opened import read, settle
from tests.contract.store_values import DELIVERED, EXPIRED, INVALID, PENDING, REJECTED, line

from tockwork.model.clock import SimulatedClock
from tockwork.model.outcome import Status
from tockwork.store.database import migrate
from tockwork.store.history import NEWEST, SPANS, Cause, History, Percentiles, percentiles
from tockwork.store.retention import Ages, Retention
from tockwork.store.sqlite import SqliteStore
from tockwork.store.statements import migrations

FILTERED = Status.FILTERED
NOON = 1_795_262_400.0
"""2026-11-21 12:00 UTC."""
DAY_S = 86_400.0


class Past:
    """A store that goes through time."""

    def __init__(self, store: SqliteStore, clock: SimulatedClock) -> None:
        self.store = store
        self.clock = clock
        self.history = History(store.database, clock)

    async def at(
        self, moment: float, *states: Sequence[Status], took_s: float = 0.0, source: str = "web", consumer: str = "shop"
    ) -> None:
        """Events that are accepted at a time and decided so some seconds later."""
        await self.clock.advance(moment - self.clock.now())
        await self.store.append([b"{}"] * len(states), sources=[(source, len(states))])
        await self.clock.advance(took_s)
        await settle(self.store, await read(self.store, consumer), *states, consumer=consumer)


@pytest.fixture
async def past(tmp_path: Path) -> AsyncIterator[Past]:
    clock = SimulatedClock(NOON - 100 * DAY_S)
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        clock.busy.append(lambda: store.database.busy)
        await store.join("shop")
        yield Past(store, clock)


def there(series: Sequence[int]) -> dict[int, int]:
    """What is not zero, by its place from the end."""
    return {place - len(series): number for place, number in enumerate(series) if number}


async def test_an_empty_store_has_zeros_for_every_step(past: Past) -> None:
    for span in SPANS.values():
        course = await past.history.course("shop", span)
        assert len(course.times) == span.steps
        assert (course.series, course.causes, course.success) == ({}, [], None)
        latency = await past.history.latency("shop", span)
        assert (latency.whole, latency.steps) == (None, [None] * span.steps)
        assert (await past.history.arrivals(span)).series == {}
    assert (await past.history.course("nobody", SPANS["1h"])).causes == []


async def test_the_last_hour_by_minutes(past: Past) -> None:
    await past.at(NOON - 3600 - 1, [DELIVERED])
    await past.at(NOON - 59 * 60, [DELIVERED])
    await past.at(NOON - 30 * 60, [DELIVERED], [REJECTED, DELIVERED], [FILTERED])
    await past.at(NOON + 7, [INVALID], [EXPIRED])
    course = await past.history.course("shop", SPANS["1h"])
    assert (course.step_s, course.times[-1], course.times[0]) == (60, NOON, NOON - 59 * 60)
    assert there(course.series[DELIVERED]) == {-60: 1, -31: 2}
    assert there(course.series[REJECTED]) == {-31: 1}
    assert there(course.series[INVALID]) == there(course.series[EXPIRED]) == {-1: 1}
    assert there(course.series[FILTERED]) == {-31: 1}
    assert course.total(DELIVERED, REJECTED) == 4
    assert course.success == 3 / 6


@pytest.mark.parametrize(
    ("name", "step_s", "places"),
    [
        ("24h", 600, {-144: 1, -7: 1, -2: 1, -1: 1}),
        ("7d", 3600, {-27: 1, -25: 1, -2: 2, -1: 1}),
        ("30d", 86_400, {-2: 2, -1: 3}),
        ("90d", 86_400, {-31: 1, -2: 2, -1: 3}),
    ],
)
async def test_longer_times_by_wider_steps(name: str, step_s: int, places: dict[int, int], past: Past) -> None:
    hour = 3600  # they are at 12:05, 11:54:59 and 11:04:59, at 12:15 and 10:05 the day before, and 30 days ago
    for ago in (30 * DAY_S, 26 * hour, 23 * hour + 50 * 60, hour + 1, 601, 0):
        await past.at(NOON + 300 - ago, [DELIVERED])
    course = await past.history.course("shop", SPANS[name])
    assert (course.step_s, course.times[-1] + step_s > NOON >= course.times[-1]) == (step_s, True)
    assert there(course.series[DELIVERED]) == places
    assert all(at % step_s == 0 for at in course.times)


async def test_each_consumer_has_its_own(past: Past) -> None:
    await past.store.join("other")
    await past.at(NOON, [DELIVERED], [DELIVERED])
    await settle(past.store, await read(past.store, "other"), [REJECTED], [FILTERED], consumer="other")
    for name in ("1h", "30d"):
        courses = await past.history.courses(["shop", "other"], SPANS[name])
        assert {key: there(each) for key, each in courses["shop"].series.items()} == {DELIVERED: {-1: 2}}
        assert {key: there(each) for key, each in courses["other"].series.items()} == {
            REJECTED: {-1: 1},
            FILTERED: {-1: 1},
        }


async def test_what_was_put_off_and_then_delivered_counts_in_both(past: Past) -> None:
    await past.at(NOON, [PENDING])
    (row,) = await past.store.due("shop", NOON + 9, 9)
    await past.clock.advance(60)
    await past.store.update("shop", [line(row.key, DELIVERED)])
    course = await past.history.course("shop", SPANS["1h"])
    assert there(course.series[PENDING]) == {-2: 1}
    assert there(course.series[DELIVERED]) == {-1: 1}
    assert (await past.store.tally("shop")).count(PENDING) == 0


async def test_reasons_by_status_and_mapping_the_most_frequent_first(past: Past) -> None:
    await past.at(NOON, [REJECTED], [REJECTED], [INVALID], [DELIVERED], [DELIVERED], [DELIVERED])
    for name in ("1h", "7d"):
        assert (await past.history.course("shop", SPANS[name])).causes == [
            Cause(DELIVERED, None, "Add to Cart", 3),
            Cause(REJECTED, "bad_parameter", "Add to Cart", 2),
            Cause(INVALID, "field_type", "Add to Cart", 1),
        ]


async def test_arrivals_by_source(past: Past) -> None:
    await past.at(NOON - 20 * DAY_S, [DELIVERED], source="app")
    await past.at(NOON - 120, [DELIVERED], [DELIVERED])
    await past.at(NOON, [DELIVERED], source="app")
    hour = await past.history.arrivals(SPANS["1h"])
    assert {source: there(series) for source, series in hour.series.items()} == {"app": {-1: 1}, "web": {-3: 2}}
    month = await past.history.arrivals(SPANS["30d"])
    assert {source: there(series) for source, series in month.series.items()} == {
        "app": {-21: 1, -1: 1},
        "web": {-1: 2},
    }


async def test_what_retention_deletes_is_gone_from_every_chart(past: Past) -> None:
    await past.at(NOON - 80 * DAY_S, [DELIVERED])
    await past.at(NOON, [DELIVERED])
    retention = Retention(past.store.database, past.store.space, Ages(events=7, ledger=30))
    await retention.purge(NOON)
    assert there((await past.history.course("shop", SPANS["90d"])).series[DELIVERED]) == {-1: 1}
    assert there((await past.history.arrivals(SPANS["90d"])).series["web"]) == {-1: 1}


# How long it took


async def test_latency_is_weighted_by_events(past: Past) -> None:
    await past.at(NOON - 1800, *[[DELIVERED]] * 94, took_s=1.0)
    await past.at(NOON - 1200, *[[DELIVERED]] * 5, took_s=10.0)
    await past.at(NOON - 600, [DELIVERED], took_s=60.0)
    await past.clock.advance(NOON - past.clock.now())
    latency = await past.history.latency("shop", SPANS["1h"])
    assert latency.whole == Percentiles(1.0, 10.0, 10.0, 100)
    by_step = {place - 60: each for place, each in enumerate(latency.steps) if each}
    assert by_step == {
        -31: Percentiles(1.0, 1.0, 1.0, 94),
        -21: Percentiles(10.0, 10.0, 10.0, 5),
        -11: Percentiles(60.0, 60.0, 60.0, 1),
    }
    assert await past.history.percentiles(["shop", "nobody"], SPANS["24h"]) == {"shop": latency.whole, "nobody": None}


async def test_latency_is_of_events_accepted_in_the_time(past: Past) -> None:
    await past.at(NOON - 7200, [DELIVERED], took_s=5.0)
    await past.at(NOON - 60, [DELIVERED], took_s=2.0)
    hour, day = [await past.history.latency("shop", SPANS[name]) for name in ("1h", "24h")]
    assert hour.whole == Percentiles(2.0, 2.0, 2.0, 1)
    assert day.whole == Percentiles(2.0, 5.0, 5.0, 2)


async def test_latency_is_over_the_newest_chunks(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tockwork.store.history.NEWEST", 2)
    for place in range(4):
        await past.at(NOON - 600 + 60 * place, [DELIVERED], took_s=float(place))
    latency = await past.history.latency("shop", SPANS["1h"])
    assert latency.whole == Percentiles(2.0, 3.0, 3.0, 2)
    assert NEWEST == 1000


async def test_what_is_undecided_or_deleted_is_not_in_it(past: Past) -> None:
    await past.at(NOON - 40 * 60, [DELIVERED], took_s=9.0)
    await past.at(NOON - 30 * 60, [DELIVERED], took_s=1.0)
    await past.store.append([b"{}"])
    await Retention(past.store.database, past.store.space, Ages(events=35 / 1440)).purge(NOON)
    latency = await past.history.latency("shop", SPANS["1h"])
    assert latency.whole == Percentiles(1.0, 1.0, 1.0, 1)


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([], None),
        ([(1.0, 0)], None),
        ([(3.0, 1), (1.0, 1), (2.0, 1)], Percentiles(2.0, 3.0, 3.0, 3)),
        ([(float(n), 1) for n in range(1, 101)], Percentiles(50.0, 95.0, 99.0, 100)),
        ([(1.0, 50), (2.0, 45), (3.0, 4), (4.0, 1)], Percentiles(1.0, 2.0, 3.0, 100)),
    ],
)
def test_percentiles(taken: list[tuple[float, int]], expected: Percentiles | None) -> None:
    assert percentiles(taken) == expected


def test_hours_of_an_older_database_are_added_up() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for version, script in migrations():
        if version < 10:
            connection.executescript(script)
    connection.execute("PRAGMA user_version = 9")
    connection.executemany("INSERT INTO minute VALUES (?, ?, ?, ?)", [(60, 1, 1, 2), (119, 1, 1, 3), (120, 1, 2, 4)])
    connection.executemany("INSERT INTO arrival VALUES (?, ?, ?)", [(0, "web", 99), (60, "web", 2), (61, "web", 5)])
    migrate(connection)
    assert connection.execute("SELECT * FROM hour ORDER BY 1, 2, 3").fetchall() == [(1, 1, 1, 5), (2, 1, 2, 4)]
    assert connection.execute("SELECT * FROM arrival_hour").fetchall() == [(1, "web", 7)]
    connection.close()
