"""The diagnosis of real traffic: a store with some thousand events, and everything that is found in them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.contract.traffic import PIXEL, come, configuration, event

from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.configuration.instance import instances
from tockwork.configuration.keyring import Keyring
from tockwork.configuration.versions import Versions
from tockwork.destinations.diagnosis import Severity
from tockwork.doctor.clinic import FRESH_S, Clinic
from tockwork.doctor.diagnosis import Diagnosis
from tockwork.doctor.traffic import DYNAMIC, Traffic, diagnose
from tockwork.model.clock import SimulatedClock
from tockwork.model.errors import ConfigurationError
from tockwork.operations.premises import Premises
from tockwork.operations.settings import Settings
from tockwork.store.control import Control
from tockwork.store.imports import Imports
from tockwork.store.protocol import Part
from tockwork.store.sample import Sampled, Sampling
from tockwork.store.sqlite import SqliteStore
from tockwork.store.volumes import Volume, Volumes

DAY_S: Final = 86_400.0
NOW: Final = 1_800_000_000.0
PAGE: Final = {"context": {"library": {"name": "analytics.js"}}}


class Place:
    """A store with a configuration, and its clinic."""

    def __init__(self, premises: Premises, clock: SimulatedClock) -> None:
        self.premises = premises
        self.store = premises.store
        self.clock = clock
        self.clinic = Clinic(premises, clock)

    async def diagnosed(self, name: str = "TikTok") -> Diagnosis:
        await self.premises.refresh()
        return await self.clinic.diagnosis(name)

    async def come(self, number: int, change: Callable[[int], dict[str, Any]] = lambda _: {}, **where: str) -> None:
        await come(self.store, number, self.clock.now(), change, **where)


@asynccontextmanager
async def place(folder: Path, given: Configuration) -> AsyncIterator[Place]:
    clock = SimulatedClock()
    async with SqliteStore.open(folder, clock=clock) as store:
        clock.busy.append(lambda: store.database.busy)
        versions = Versions(Control(store.database, clock), Keyring.load(folder, {}))
        await versions.keep(given)
        yield Place(Premises(store, versions, Settings(data=folder)), clock)


def codes(diagnosis: Diagnosis, level: Severity | None = None) -> set[str]:
    return {one.code for one in diagnosis.issues if level in (None, one.level)}


async def content(store: SqliteStore, chunk_id: int) -> bytes:
    def read(connection: sqlite3.Connection) -> bytes:
        found: bytes = connection.execute("SELECT content FROM chunk WHERE id = ?", (chunk_id,)).fetchone()[0]
        return found

    return await store.database.read(read)


async def test_good_traffic_has_no_errors_and_no_warnings(tmp_path: Path) -> None:
    async with place(tmp_path, configuration()) as there:
        await there.come(1200, lambda _: {"properties": {"ttclid": "E.C.P.Abc"}})
        found = await there.diagnosed()
    assert codes(found, Severity.ERROR) | codes(found, Severity.WARNING) == set()
    assert (found.events, found.sampled, found.rows, found.whole) == (1200, 1200, 1200, True)
    assert {one.name for one in found.quality} == {"ViewContent", "AddToCart", "InitiateCheckout", "Purchase"}
    (purchase,) = [one for one in found.quality if one.name == "Purchase"]
    assert purchase.estimate == pytest.approx(9.5)
    assert purchase.target == 8.0
    assert found.pair is None


async def test_findings_are_counted_and_estimated_for_all(tmp_path: Path) -> None:
    """A quarter of 4,000 events are orders, a tenth of those without a value; half of all are looked at."""
    async with place(tmp_path, configuration(settings={"compute_value": False})) as there:
        await there.come(4000, lambda at: {"properties": {"value": None}} if at % 40 == 39 else {})
        found = await there.diagnosed()
    assert (found.events, found.sampled) == (4000, 2000)
    issue = found.issue("value_missing")
    assert issue is not None
    assert 35 <= issue.count <= 65
    assert issue.estimate == issue.count * 2
    assert 900 <= issue.of <= 1100  # AddToCart and Purchase
    assert issue.share == pytest.approx(issue.count / issue.of, abs=1e-4)
    assert (issue.mapping, issue.field, issue.place) == ("Purchase", "Value", "mapping")
    assert issue.names == {"Purchase": issue.count}
    assert len(issue.examples) == 3
    async with SqliteStore.open(tmp_path, polling=True) as store:
        for ref in issue.examples:
            chunk_id, index = map(int, ref.split("-"))
            entry = msgspec.json.decode(msgspec.msgpack.decode(await content(store, chunk_id))[index])
            assert entry["properties"]["value"] is None


async def test_findings_come_the_worst_first_and_most_frequent_first(tmp_path: Path) -> None:
    async with place(tmp_path, configuration(preset_pack="segment-2026")) as there:
        await there.come(400, lambda at: {"context": {"page": {}, "ip": "10.0.0.1"}} if at % 2 else {})
        found = await there.diagnosed()
    levels = [list(Severity).index(one.level) for one in found.issues]
    assert levels == sorted(levels)
    assert found.issues[0].code == "page_url_missing"
    assert {"ip_private", "event_name_legacy"} <= codes(found)
    for level in Severity:
        estimates = [one.estimate for one in found.issues if one.level is level]
        assert estimates == sorted(estimates, reverse=True)


async def test_only_the_last_day_is_looked_at(tmp_path: Path) -> None:
    async with place(tmp_path, configuration()) as there:
        await there.come(200, lambda _: {"context": {"page": {}}})
        await there.clock.advance(DAY_S + 10)
        await there.come(100)
        found = await there.diagnosed()
    assert found.events == 100
    assert "page_url_missing" not in codes(found)


async def test_swings_against_the_day_before(tmp_path: Path) -> None:
    async with place(tmp_path, configuration()) as there:
        await there.come(400)
        await there.clock.advance(DAY_S)
        await there.come(400, lambda _: {"traits": {"email": None, "phone": None}})
        await there.clock.advance(10)
        found = await there.diagnosed()
    issue = found.issue("match_swing")
    assert issue is not None
    assert issue.exact
    assert {note.split(":")[0] for note in issue.notes} == {"ViewContent", "AddToCart", "InitiateCheckout", "Purchase"}
    assert {one.name: one.former for one in found.quality}["Purchase"] == pytest.approx(7.5)


async def test_nothing_personal_is_in_it(tmp_path: Path) -> None:
    secrets = ("jane1@example.com", "jane1", "+49301000001", "93.184.0.2", "a-1", "O-1", "https://shop", "Mozilla")
    given = configuration(
        mappings=[
            {
                "name": "All",
                "trigger": 'type = "track"',
                "action": "reportWebEvent",
                "fields": {
                    "event": {"@path": "$.properties.name"},
                    "email": {"@path": "$.context.traits.email"},
                    "description": {"@path": "$.context.traits.email"},
                    "value": {"@path": "$.properties.value"},
                    "currency": {"@path": "$.properties.currency"},
                },
            }
        ]
    )
    async with place(tmp_path, given) as there:
        await there.come(
            200, lambda at: {"properties": {"name": f"jane{at}@example.com", "currency": f"jane{at}", "value": -1}}
        )
        found = await there.diagnosed()
    text = msgspec.json.encode(found).decode()
    assert {"personal_data_exposed", "event_name_invalid", "page_url_missing"} <= codes(found)
    assert [one.name for one in found.quality] == [DYNAMIC]
    assert [secret for secret in secrets if secret in text] == []


async def test_sources_and_imports_are_kept_apart(tmp_path: Path) -> None:
    given = configuration(sources=["backend"])
    settings = {"eventSetID": "7000000000000000000", "accessToken": "t"}
    given.destinations.append(
        DestinationEntry("tiktok-offline-conversions", "Stores", settings=settings, sources=["shop"])
    )
    async with place(tmp_path, given) as there:
        await there.come(100, source="shop")
        await there.come(40, lambda at: {"messageId": f"b-{at}"}, source="backend")
        await there.store.join("Stores")
        begun = await Imports(there.store.database, there.clock).begin(b"key", "Stores", "orders.csv")
        order = {**event(3, there.clock.now()), "messageId": "i-1"}
        part = Part(begun.id, "Stores", 1)
        await there.store.append([msgspec.json.encode(order)], ["i-1"], [("orders.csv", 1)], part=part)
        assert (await there.diagnosed()).rows == 40
        stores = await there.diagnosed("Stores")
    assert stores.rows == 101  # those of pages, and the one from a file
    assert {key.key for one in stores.quality for key in one.keys} == {"email", "phone", "external_id"}


class TestPairs:
    async def test_two_legs_of_one_pair_go_together(self, tmp_path: Path) -> None:
        async with place(tmp_path, configuration(pixel={})) as there:
            await there.come(300, lambda _: PAGE)
            await there.come(
                100, lambda at: {"messageId": f"b-{at}", "properties": {"order_id": f"B-{at}"}}, source="backend"
            )
            found = await there.diagnosed()
        assert found.pair is not None
        assert (found.pair.server, found.pair.browser) == ("TikTok", "TikTok pixel")
        assert (found.pair.events, found.pair.both, found.pair.coverage) == (300, 300, 1.0)
        assert (found.pair.reports, found.pair.shared, found.pair.dedup_rate) == (400, 300, 0.75)
        assert found.pair.said == []
        pairs = {one.code for one in found.issues if one.place == "pair"}
        assert pairs == set()

    async def test_what_differs_is_named_with_examples(self, tmp_path: Path) -> None:
        given = configuration(preset_pack="segment-2026")
        given.destinations.append(
            DestinationEntry("tiktok-pixel", "Page", settings={"pixelCode": PIXEL}, preset_pack="purchase-2025")
        )
        async with place(tmp_path, given) as there:
            await there.come(200, lambda _: PAGE)
            found, other = await there.diagnosed(), await there.diagnosed("Page")
        issue = found.issue("event_name_differs")
        assert issue is not None
        assert (issue.count, issue.of) == (50, 200)
        assert len(issue.examples) == 3
        assert other.pair == found.pair
        assert other.in_browser
        assert found.pair is not None
        assert any("the server reports" in one.what for one in found.pair.said)

    async def test_estimates_are_for_all_events_though_fewer_are_compared(self, tmp_path: Path) -> None:
        given = configuration(preset_pack="segment-2026")
        page = DestinationEntry("tiktok-pixel", "Page", settings={"pixelCode": PIXEL}, preset_pack="purchase-2025")
        given.destinations.append(page)
        async with place(tmp_path, given) as there:
            await there.come(1600, lambda _: PAGE)
            issue = (await there.diagnosed()).issue("event_name_differs")
        assert issue is not None
        assert issue.count < 250
        assert issue.estimate == pytest.approx(400, rel=0.1)

    async def test_orders_of_pages_and_a_backend(self, tmp_path: Path) -> None:
        async with place(tmp_path, configuration(pixel={})) as there:
            await there.come(200, lambda _: PAGE)
            await there.come(200, lambda at: {"messageId": f"b-{at}"}, source="backend")
            twice = (await there.diagnosed()).issue("order_counted_twice")
            assert twice is not None
            assert twice.count == 200  # each of them has an order id
            versions = there.premises.versions
            await versions.keep(configuration(pixel={}, settings={"event_id": "order"}))
            found = await there.diagnosed()
        assert found.issue("order_counted_twice") is None
        assert found.version == 2

    async def test_a_pixel_that_no_page_loads(self, tmp_path: Path) -> None:
        async with place(tmp_path, configuration(pixel={})) as there:
            await there.come(100, source="backend")
            found = await there.diagnosed()
        assert "pages_silent" in codes(found, Severity.ERROR)
        assert found.pair is not None
        assert (found.pair.browser_events, found.pair.coverage) == (0, None)


class TestClinic:
    async def test_a_diagnosis_is_kept_for_a_minute_and_a_version(self, tmp_path: Path) -> None:
        async with place(tmp_path, configuration()) as there:
            await there.come(50)
            first = await there.diagnosed()
            await there.come(50, lambda at: {"messageId": f"x-{at}"})
            assert await there.diagnosed() is first
            await there.clock.advance(FRESH_S + 1)
            second = await there.diagnosed()
            assert second.events == 100
            await there.premises.versions.keep(configuration(preset_pack="segment-2026"))
            third = await there.diagnosed()
        assert "event_name_legacy" in codes(third) - codes(second)

    async def test_all_that_ask_at_once_wait_for_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[str] = []

        def counted(*given: Any) -> Diagnosis:
            made.append("made")
            return diagnose(*given)

        monkeypatch.setattr("tockwork.doctor.clinic.diagnose", counted)
        async with place(tmp_path, configuration()) as there:
            await there.come(50)
            await there.premises.refresh()
            found = await asyncio.gather(*(there.clinic.diagnosis("TikTok") for _ in range(5)))
        assert made == ["made"]
        assert all(one is found[0] for one in found)

    async def test_one_that_is_none_is_refused(self, tmp_path: Path) -> None:
        async with place(tmp_path, configuration()) as there:
            with pytest.raises(ConfigurationError, match="is not configured"):
                await there.diagnosed("nobody")

    async def test_without_events_there_is_nothing_to_say(self, tmp_path: Path) -> None:
        async with place(tmp_path, configuration(pixel={})) as there:
            found = await there.diagnosed()
        assert (found.issues, found.quality, found.rows, found.whole) == ([], [], 0, True)


class TestBounds:
    def traffic(self, number: int, **members: Any) -> Traffic:
        events = [
            Sampled(1, at, NOW, "shop", "", msgspec.json.encode(event(at, NOW, context={"page": {}})))
            for at in range(number)
        ]
        nothing = Sampling([], 0, True)
        given = {"volumes": Volumes({}, False), **members}
        return Traffic(
            at=NOW, since=NOW - DAY_S, sampling=Sampling(events, 10 * number, False), former=nothing, **given
        )

    def test_time_runs_out_and_what_was_looked_at_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        moments = iter(range(10_000))
        monkeypatch.setattr(time, "monotonic", lambda: next(moments) / 100)
        (instance,) = instances(configuration().destinations)
        found = diagnose(instance, None, self.traffic(1000), within_s=4.0)
        assert not found.complete
        assert 390 <= found.sampled <= 400
        issue = found.issue("page_url_missing")
        assert issue is not None
        assert issue.count == found.rows == found.sampled
        assert issue.estimate == 10_000

    def test_events_that_nobody_can_read_are_left_out(self) -> None:
        (instance,) = instances(configuration().destinations)
        broken = [Sampled(1, at, NOW, "shop", "", entry) for at, entry in enumerate((b"{", b"[1]", b"5", b'{"a":1}'))]
        traffic = msgspec.structs.replace(self.traffic(0), sampling=Sampling(broken, 4, True))
        found = diagnose(instance, None, traffic)
        assert (found.sampled, found.rows, found.issues) == (4, 0, [])

    def test_mappings_without_deliveries_for_a_week(self) -> None:
        (instance,) = instances(configuration().destinations)
        volumes = Volumes({"Purchase": Volume(300, 900, NOW - 3600)}, True)
        found = diagnose(instance, None, self.traffic(100, volumes=volumes))
        silent = found.issue("no_recent_activity")
        assert silent is not None
        assert "Purchase" not in silent.notes
        assert "Search" in silent.notes
        swing = found.issue("volume_swing")
        assert swing is not None
        assert swing.notes == ["Purchase: -67 %"]
        (activity,) = [one for one in found.activity if one.mapping == "Purchase"]
        assert (activity.now, activity.before, activity.last_at, activity.silent) == (300, 900, NOW - 3600, False)

    def test_a_young_destination_is_not_silent(self) -> None:
        (instance,) = instances(configuration().destinations)
        assert diagnose(instance, None, self.traffic(100)).issue("no_recent_activity") is None

    def test_a_destination_that_tiktok_refuses(self) -> None:
        (instance,) = instances(configuration().destinations)
        found = diagnose(instance, None, self.traffic(100, blocked="no_permission"))
        assert found.issue("source_refused") is not None
