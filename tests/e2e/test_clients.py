"""Real client libraries against the real server, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import segment.analytics.request
from segment.analytics.client import Client
from segment.analytics.request import APIError

from tockwork.app.server import TrackingServer
from tockwork.ingest.intake import Intake
from tockwork.ingest.source import Source, Sources
from tockwork.ingest.tracking import Tracking
from tockwork.model.clock import SystemClock
from tockwork.model.errors import StoreFull
from tockwork.model.secret import Secret
from tockwork.store.memory import MemoryJournal

WRITE_KEY = "wk-python"


class Journal(MemoryJournal):
    def __init__(self) -> None:
        super().__init__()
        self.entries: list[bytes] = []
        self.refusals = 0

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(entry) for entry in self.entries]

    async def append(self, entries: Sequence[bytes]) -> int:
        if self.refusals:
            self.refusals -= 1
            raise StoreFull("the disk is full")
        self.entries += entries
        return 1


class Running:
    def __init__(self, journal: Journal, tracking: Tracking, url: str) -> None:
        self.journal = journal
        self.tracking = tracking
        self.url = url


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    journal = Journal()
    intake = Intake(journal)
    await intake.start()
    tracking = Tracking(Sources([Source("backend", Secret(WRITE_KEY))]), intake, SystemClock())
    server = TrackingServer(tracking, "127.0.0.1", 0)
    port = await server.start()
    yield Running(journal, tracking, f"http://127.0.0.1:{port}")
    await server.stop()
    await intake.stop()


@pytest.fixture(autouse=True)
def closed_session() -> Iterator[None]:
    """analytics-python keeps its connections for as long as the process lives."""
    yield
    segment.analytics.request._session.close()


def shop(client: Client) -> None:
    """One of each call, the way a shop's backend makes them."""
    when = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    client.identify("u-1", {"email": "jane@example.com", "plan": "gold"}, timestamp=when)
    client.track(
        "u-1",
        "Order Completed",
        {"order_id": "o-1", "total": 12.5, "currency": "EUR", "products": [{"product_id": "p-1", "quantity": 2}]},
        timestamp=when + timedelta(seconds=1),
        message_id="m-1",
        integrations={"TikTok": True},
    )
    client.page(anonymous_id="a-1", category="Docs", name="Home", properties={"url": "https://shop.example/"})
    client.screen("u-1", name="Basket")
    client.group("u-1", "g-1", {"name": "Shop"})
    client.alias("a-1", "u-1")


def check_shop(events: list[dict[str, Any]]) -> None:
    assert [event["type"] for event in events] == ["identify", "track", "page", "screen", "group", "alias"]
    identify, track, page, screen, group, alias = events
    assert identify["traits"] == {"email": "jane@example.com", "plan": "gold"}
    assert identify["timestamp"] == "2026-11-20T12:00:00.000+00:00"
    assert (track["event"], track["messageId"], track["userId"]) == ("Order Completed", "m-1", "u-1")
    assert track["properties"]["products"] == [{"product_id": "p-1", "quantity": 2}]
    assert track["integrations"] == {"TikTok": True}
    assert (page["name"], page["anonymousId"]) == ("Home", "a-1")
    assert screen["name"] == "Basket"
    assert (group["groupId"], group["traits"]) == ("g-1", {"name": "Shop"})
    assert (alias["previousId"], alias["userId"]) == ("a-1", "u-1")
    assert len({event["messageId"] for event in events}) == 6
    for event in events:
        assert "writeKey" not in event
        assert event["context"] == {"library": event["context"]["library"]}, "a backend's address is nobody's"
        assert event["context"]["library"]["name"] == "analytics-python"
        received, sent = (datetime.fromisoformat(event[name]) for name in ("receivedAt", "sentAt"))
        assert abs(received - sent) < timedelta(seconds=20)


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("sync_mode", [False, True])
async def test_analytics_python(server: Running, gzip: bool, sync_mode: bool) -> None:
    errors: list[Exception] = []
    client = Client(
        WRITE_KEY,
        host=server.url,
        sync_mode=sync_mode,
        gzip=gzip,
        upload_interval=0.05,
        on_error=lambda error, _: errors.append(error),
    )

    def use() -> None:
        shop(client)
        if not sync_mode:
            client.shutdown()

    await asyncio.to_thread(use)
    assert errors == []
    check_shop(server.journal.events)


async def test_analytics_python_batches_are_complete_and_in_order(server: Running) -> None:
    client = Client(WRITE_KEY, host=server.url, gzip=True, upload_interval=0.05)

    def use() -> None:
        for number in range(1_000):
            client.track("u-1", "Ping", {"number": number})
        client.shutdown()

    await asyncio.to_thread(use)
    assert [event["properties"]["number"] for event in server.journal.events] == list(range(1_000))
    assert server.tracking.counts.answers.keys() == {(200, "success")}
    assert server.tracking.counts.answers.total() >= 10, "analytics-python sends at most a hundred events at a time"


async def test_analytics_python_not_a_number(server: Running) -> None:
    client = Client(WRITE_KEY, host=server.url, sync_mode=True)
    await asyncio.to_thread(client.track, "u-1", "Order Completed", {"total": float("nan"), "tax": 1.5})
    assert server.journal.events[0]["properties"] == {"total": None, "tax": 1.5}


async def test_analytics_python_reads_what_is_wrong(server: Running) -> None:
    client = Client("wk-wrong", host=server.url, sync_mode=True)
    with pytest.raises(APIError) as caught:
        await asyncio.to_thread(client.track, "u-1", "Ping")
    assert (caught.value.status, caught.value.code) == (401, "invalid_write_key")
    assert "write key" in caught.value.message


async def test_analytics_python_without_the_basic_header(server: Running) -> None:
    """Versions before 2.4 send the write key in the body alone; a bearer token stands in for the missing header."""

    class Token:
        def get_token(self) -> str:
            return "some-token"

    client = Client(WRITE_KEY, host=server.url, sync_mode=True)
    client.oauth_manager = Token()
    await asyncio.to_thread(client.track, "u-1", "Ping")
    assert len(server.journal.events) == 1


async def test_analytics_python_comes_back_after_a_full_store(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tockwork.ingest.answer.RETRY_AFTER_S", 1)
    server.journal.refusals = 1
    client = Client(WRITE_KEY, host=server.url, upload_interval=0.05)

    def use() -> None:
        client.track("u-1", "Ping", message_id="m-1")
        client.shutdown()

    await asyncio.to_thread(use)
    assert [event["messageId"] for event in server.journal.events] == ["m-1"]
    assert server.tracking.counts.answers == {(503, "store_full"): 1, (200, "success"): 1}


async def test_analytics_python_hears_that_its_batch_is_too_large(server: Running) -> None:
    """It must read a 400, which it does not repeat, and not see a broken connection, which it does."""
    client = Client(WRITE_KEY, host=server.url)
    client.join()
    events = [{"type": "track", "event": "Ping", "properties": {"a": "x" * 30_000}}] * 100
    with pytest.raises(APIError) as caught:
        await asyncio.to_thread(segment.analytics.request.post, WRITE_KEY, server.url, batch=events)
    assert (caught.value.status, caught.value.code) == (400, "batch_too_large")
