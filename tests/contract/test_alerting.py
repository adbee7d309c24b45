"""Alerts with a real store and a real webhook: told once when they begin and once when they end, restarts or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.contract.webhook import hook

from tockwork.app.alerting import CLEAR_S, LOOK_S, Alerting
from tockwork.configuration.alerts import Alerts, Held, Rules, SuccessRate
from tockwork.configuration.entries import Configuration, SourceEntry
from tockwork.delivery.standing import Condition
from tockwork.model import reasons
from tockwork.model.clock import SimulatedClock
from tockwork.operations import webhook
from tockwork.operations.snapshot import DestinationState, Snapshot
from tockwork.operations.webhook import GIVES_UP_S, WAITS_S, Posted, Told
from tockwork.store.alerts import KEPT, Alert, AlertLog
from tockwork.store.sqlite import SqliteStore

WELL = DestinationState(name="Shop")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


class House:
    """A server that alerts, as far as these tests need one. `state` is its destination's."""

    def __init__(self, log: AlertLog, clock: SimulatedClock, alerts: Alerts) -> None:
        self.log = log
        self.clock = clock
        self.configuration = Configuration(alerts=alerts)
        self.state = WELL
        self.alerting: Alerting
        self.restart()

    def restart(self) -> None:
        self.alerting = Alerting(self.log, lambda: self.configuration, self._snapshot, webhook.post, clock=self.clock)

    async def _snapshot(self) -> Snapshot:
        return Snapshot(at=self.clock.now(), accepting=True, destinations=[self.state])

    def blocked(self, for_s: float = 90.0) -> None:
        since = self.clock.now() - for_s
        self.state = DestinationState(
            name="Shop", condition=Condition.BLOCKED, reason=reasons.TOKEN_EXPIRED, since=since
        )

    async def turn(self, seconds: float = LOOK_S) -> None:
        """Looks and tells, `seconds` later."""
        await self.clock.advance(seconds)
        await self.alerting.look()
        await self.alerting.tell()


@asynccontextmanager
async def house(folder: Path, url: str = "", **members: Any) -> AsyncIterator[House]:
    async with SqliteStore.open(folder) as store:
        wanted = Alerts(webhook=url, private_network=True, **members)
        yield House(AlertLog(store.database), SimulatedClock(), wanted)


async def test_one_beginning_and_one_end(tmp_path: Path) -> None:
    async with hook() as heard, house(tmp_path, heard.url) as found:
        await found.turn()
        found.blocked()
        for _ in range(5):
            await found.turn()
        assert heard.types() == ["firing"]
        (post,) = heard.posts
        assert (post["subject"], post["data"]["rule"]) == ("Shop", "held")
        found.state = WELL
        await found.turn()
        assert heard.types() == ["firing"]  # it could come back any moment
        for _ in range(5):
            await found.turn(CLEAR_S)
        assert heard.types() == ["firing", "resolved"]
        begun, ended = heard.posts
        assert begun["id"].removesuffix("-firing") == ended["id"].removesuffix("-resolved")
        found.blocked()
        await found.turn()
        assert heard.types() == ["firing", "resolved", "firing"]
        assert heard.posts[2]["id"] != begun["id"]


async def test_a_restart_repeats_nothing_and_forgets_nothing(tmp_path: Path) -> None:
    async with hook() as heard, house(tmp_path, heard.url) as found:
        found.blocked()
        await found.turn()
        found.restart()
        found.state = WELL  # as after a start, until the platform answers
        await found.turn()
        found.blocked(1.0)
        await found.turn()
        await found.turn(300)
        assert heard.types() == ["firing"]
        found.restart()
        found.state = WELL
        await found.turn()
        await found.turn(CLEAR_S)
        assert heard.types() == ["firing", "resolved"]


async def test_a_destination_that_was_blocked_from_the_start(tmp_path: Path) -> None:
    """Nobody knows since when."""
    async with hook() as heard, house(tmp_path, heard.url) as found:
        found.state = DestinationState(name="Shop", condition=Condition.BLOCKED, reason=reasons.NO_TOKEN)
        await found.turn()
        await found.turn(60)
        assert heard.posts == []
        await found.turn(1)
        assert heard.types() == ["firing"]


async def test_what_was_not_told_before_a_restart_is_told_after(tmp_path: Path) -> None:
    async with hook() as heard, house(tmp_path, heard.url) as found:
        found.blocked()
        await found.alerting.look()
        found.restart()
        await found.turn()
        assert heard.types() == ["firing"]


async def test_it_tries_for_a_day_with_longer_and_longer_waits(tmp_path: Path) -> None:
    async with hook([500, 429, 502, 408, 503, *[500] * 500]) as heard, house(tmp_path, heard.url) as found:
        found.blocked()
        await found.turn()
        for number, wait_s in enumerate((*WAITS_S, WAITS_S[-1]), 1):
            await found.clock.advance(wait_s - 1)
            await found.alerting.tell()
            assert len(heard.posts) == number
            await found.clock.advance(1)
            await found.alerting.tell()
            assert len(heard.posts) == number + 1
        await found.clock.advance(GIVES_UP_S - 2 * WAITS_S[-1] - sum(WAITS_S) - 100)
        await found.alerting.tell()
        assert await found.log.is_waiting()
        await found.clock.advance(WAITS_S[-1])
        await found.alerting.tell()
        tried = len(heard.posts)
        await found.clock.advance(GIVES_UP_S)
        await found.alerting.tell()
        assert len(heard.posts) == tried == len(WAITS_S) + 4
        assert len({post["id"] for post in heard.posts}) == 1


async def test_a_webhook_that_was_down_for_an_hour_hears_of_it_all(tmp_path: Path) -> None:
    async with hook([503] * 11) as heard, house(tmp_path, heard.url) as found:
        found.blocked()
        await found.turn()
        for _ in range(6 * 10):
            await found.turn(60)
        found.state = WELL
        for _ in range(2 * 10):
            await found.turn(60)
        assert heard.types()[-2:] == ["firing", "resolved"]
        assert len(heard.posts) == 13


async def test_the_end_waits_for_the_beginning(tmp_path: Path) -> None:
    async with hook([500]) as heard, house(tmp_path, heard.url) as found:
        found.blocked()
        await found.alerting.look()
        await found.alerting.tell()
        found.state = WELL
        await found.alerting.look()
        await found.clock.advance(CLEAR_S)
        await found.alerting.look()
        await found.alerting.tell()
        assert heard.types() == ["firing", "firing", "resolved"]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410])
async def test_what_another_attempt_would_not_mend_is_given_up(tmp_path: Path, status: int) -> None:
    async with hook([status]) as heard, house(tmp_path, heard.url) as found:
        found.blocked()
        await found.turn()
        await found.turn(1000)
        assert (len(heard.posts), heard.elsewhere) == (1, 0)
        (said,) = (await found.log.said(0)).values()
        assert said.startswith(f"HTTP {status}")


async def test_without_a_webhook_only_the_log_tells(tmp_path: Path) -> None:
    async with house(tmp_path) as found:
        with structlog.testing.capture_logs() as logged:
            found.blocked()
            await found.turn()
            found.state = WELL
            await found.turn()
            await found.turn(CLEAR_S)
        assert [(line["event"], line.get("destination")) for line in logged] == [
            ("alert_firing", "Shop"),
            ("alert_resolved", "Shop"),
        ]
        (one,) = await found.log.newest(10)
        assert one.ended_at is not None
        assert await found.log.due(1e12) is None


async def test_a_new_webhook_hears_of_no_end_whose_beginning_it_did_not_hear(tmp_path: Path) -> None:
    async with hook() as heard, house(tmp_path) as found:
        found.blocked()
        await found.turn()
        found.configuration = Configuration(alerts=Alerts(webhook=heard.url, private_network=True))
        found.state = WELL
        await found.turn()
        await found.turn(CLEAR_S)
        assert await found.log.firing() == []
        assert heard.posts == []


async def test_switched_off_it_ends_and_tells_nobody(tmp_path: Path) -> None:
    async with hook([500]) as heard, house(tmp_path, heard.url) as found:
        found.blocked()
        await found.turn()
        found.configuration = Configuration(alerts=Alerts(enabled=False, webhook=heard.url, private_network=True))
        await found.turn()
        assert await found.log.firing() == []
        await found.turn(1000)
        assert heard.types() == ["firing"]


async def test_a_rule_that_is_switched_off_ends_what_fired(tmp_path: Path) -> None:
    async with hook() as heard, house(tmp_path, heard.url) as found:
        found.blocked()
        await found.turn()
        off = Rules(held=Held(enabled=False))
        found.configuration = Configuration(alerts=Alerts(webhook=heard.url, private_network=True, rules=off))
        await found.turn()
        await found.turn(CLEAR_S)
        assert heard.types() == ["firing", "resolved"]


async def test_a_failing_webhook_is_logged_without_its_answer_and_address(tmp_path: Path) -> None:
    async with hook([404]) as heard, house(tmp_path, heard.url) as found:
        with structlog.testing.capture_logs() as logged:
            found.blocked()
            await found.turn()
        assert logged[-1]["event"] == "alert_not_told"
        assert "planted" not in repr(logged)
        assert "127.0.0.1" not in repr(logged)


async def test_counts_are_read_from_the_store(tmp_path: Path) -> None:
    now = 1_800_000_030.0
    minute, day = int(now // 60), 24 * 60
    arrivals = [(minute, 5), (minute - 1, 7), (minute - 60, 11), (minute - 61, 900), (minute - day - 30, 13)]
    arrivals += [(minute - 7 * day - 60, 17), (minute - 7 * day, 900)]
    async with SqliteStore.open(tmp_path) as store:
        await store.join("Shop")

        def work(connection: Any) -> None:
            connection.executemany("INSERT INTO arrival (minute, source, events) VALUES (?, 'web', ?)", arrivals)
            states = [(1, "delivered", ""), (2, "rejected", "bad"), (3, "rejected", "worse"), (4, "filtered", "")]
            connection.executemany("INSERT INTO state (id, status, reason, mapping) VALUES (?, ?, ?, 'm')", states)
            counts = [(minute, 1, 4), (minute - 15, 1, 5), (minute - 16, 1, 900), (minute, 2, 2), (minute, 3, 1)]
            counts += [(minute, 4, 900)]
            connection.executemany("INSERT INTO minute (minute, consumer, state, number) VALUES (?, 1, ?, ?)", counts)

        await store.database.write(work)
        recent = await AlertLog(store.database).recent(now, 15)
    assert recent.deliveries == {"Shop": {"delivered": 9, "rejected": 3}}
    assert (recent.arrived, recent.yesterday, recent.last_week) == ({"web": 18}, {"web": 13}, {"web": 17})


async def test_only_the_sources_that_should_send_are_watched(tmp_path: Path) -> None:
    async with house(tmp_path, rules=Rules(success_rate=SuccessRate(minutes=1))) as found:
        found.configuration.sources = [SourceEntry("web", "k"), SourceEntry("old", "l", enabled=False)]
        minute = int(found.clock.now() // 60) - 7 * 24 * 60 - 5
        rows = [(minute, name, 500) for name in ("web", "old", "unknown")]
        await found.log._database.write(
            lambda connection: connection.executemany("INSERT INTO arrival VALUES (?, ?, ?)", rows)
        )
        await found.alerting.look()
        assert [one.key for one in await found.log.firing()] == [("volume_drop", "", "web")]


async def test_old_alerts_are_forgotten(tmp_path: Path) -> None:
    async with SqliteStore.open(tmp_path) as store:
        log = AlertLog(store.database)
        for number in range(3):
            some = [
                Alert(rule="held", destination=f"{number} {place}", what="", mend="", value=0, since=0)
                for place in range(KEPT // 2)
            ]
            await log.change(some, [], 1.0, told=True)
            while notice := await log.due(2.0):
                await log.attempted(notice, "HTTP 204", None)
            await log.change([], await log.firing(), 2.0, told=False)
        assert len(await log.newest(10 * KEPT)) == KEPT
        assert len(await log.said(0)) == KEPT


class TestPost:
    """One attempt."""

    def told(self) -> Told:
        return Told(id="1", state="test", at=0.0, alert=Alert(rule="test", what="w", mend="m", value=0, since=0))

    async def post(self, url: str, **members: Any) -> Posted:
        return await webhook.post(Alerts(webhook=url, **members), self.told())

    async def test_slack(self) -> None:
        async with hook() as heard:
            posted = await self.post(heard.url, private_network=True, format="slack")
            assert (posted.ok, posted.status) == (True, 204)
            assert (heard.posts, heard.kinds) == ([{"text": "Test: w"}], ["application/json"])

    async def test_without_leave_nothing_reaches_this_machine(self) -> None:
        async with hook() as heard:
            for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
                url = heard.url.replace("http://", "https://").replace("127.0.0.1", host)
                posted = await self.post(url)
                assert (posted.ok, posted.passing) == (False, False), host
                assert "private network" in posted.said
            assert heard.posts == []

    @pytest.mark.parametrize("url", ["http://169.254.169.254/latest/", "http://[fe80::1]/", "http://0.0.0.0/"])
    async def test_some_addresses_are_refused_always(self, url: str) -> None:
        posted = await self.post(url, private_network=True)
        assert (posted.ok, posted.status, posted.passing) == (False, None, False)

    async def test_a_name_counts_for_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The address that is connected to is what is looked at."""

        async def resolve(*_: Any, **__: Any) -> list[Any]:
            return [
                {"hostname": "h", "host": "169.254.169.254", "port": 80, "family": 2, "proto": 6, "flags": 0},
            ]

        monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", resolve)
        monkeypatch.setattr("aiohttp.AsyncResolver.resolve", resolve)
        posted = await self.post("https://hooks.example/")
        assert "private network" in posted.said

    async def test_through_a_proxy_addresses_are_looked_at_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.setenv("https_proxy", "http://192.0.2.1:1")
        posted = await self.post("https://169.254.169.254/")
        assert "private network" in posted.said

    async def test_silence(self, unused_tcp_port: int) -> None:
        posted = await self.post(f"http://127.0.0.1:{unused_tcp_port}/", private_network=True)
        assert (posted.ok, posted.passing) == (False, True)
        assert "refused" in posted.said

    async def test_it_gives_up_in_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(webhook, "TIMEOUT_S", 0.2)
        async with hook() as heard:
            heard.wait_s = 2.0
            posted = await self.post(heard.url, private_network=True)
        assert (posted.ok, posted.passing) == (False, True)
        assert posted.said.startswith("No answer in time")
