"""segment-analytics-python, unmodified, against ``tockwork serve``."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import segment.analytics.request
from segment.analytics.client import Client
from segment.analytics.request import APIError
from tests.e2e.clients.proxy import BUSY, FULL, RETRY_AFTER_S, Loss
from tests.e2e.clients.stand import WRITE_KEY, Event, Stand, fresh

from tockwork.ingest.answer import Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLS: Final = ["identify", "track", "page", "screen", "group", "alias"]
PAGE: Final = {"url": "https://shop.example/"}


@pytest.fixture(autouse=True)
def closed_session(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """analytics-python keeps its connections for as long as the process lives."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield
    segment.analytics.request._session.close()


@contextmanager
def client(stand: Stand, **options: Any) -> Iterator[Client]:
    """A client that has sent everything, without an error, when the block ends."""
    errors: list[Exception] = []
    made = Client(
        WRITE_KEY, host=stand.url, upload_interval=0.05, on_error=lambda error, _: errors.append(error), **options
    )
    yield made
    if not options.get("sync_mode"):
        made.shutdown()
    assert errors == []


async def use(stand: Stand, calls: Callable[[Client], object], **options: Any) -> None:
    def work() -> None:
        with client(stand, **options) as made:
            calls(made)

    await asyncio.to_thread(work)


def shop(client: Client) -> None:
    """One of each call, the way a shop's backend makes them."""
    start = datetime.now(UTC) - timedelta(minutes=1)
    seconds = iter(range(60))

    def when() -> datetime:
        return start + timedelta(seconds=next(seconds))

    client.identify("u-1", {"email": "jane@example.com", "plan": "gold"}, timestamp=when())
    order = {"order_id": "o-1", "total": 12.5, "currency": "EUR", "products": [{"product_id": "p-1", "quantity": 2}]}
    more: Any = {"integrations": {"Google": False}, "context": {"page": PAGE}}
    client.track("u-1", "Order Completed", order, timestamp=when(), **more)
    client.page(anonymous_id="a-1", name="Home", properties=PAGE, context={"page": PAGE}, timestamp=when())
    client.screen("u-1", name="Basket", timestamp=when())
    client.group("u-1", "g-1", {"name": "Shop"}, timestamp=when())
    client.alias("a-1", "u-1", timestamp=when())


def check_shop(events: list[Event]) -> None:
    assert [event["type"] for event in events] == CALLS
    identify, track, page, screen, group, alias = events
    assert identify["traits"] == {"email": "jane@example.com", "plan": "gold"}
    assert (track["event"], track["userId"]) == ("Order Completed", "u-1")
    assert track["properties"]["products"] == [{"product_id": "p-1", "quantity": 2}]
    assert track["integrations"] == {"Google": False}
    assert (page["name"], page["anonymousId"]) == ("Home", "a-1")
    assert screen["name"] == "Basket"
    assert (group["groupId"], group["traits"]) == ("g-1", {"name": "Shop"})
    assert (alias["previousId"], alias["userId"]) == ("a-1", "u-1")
    assert len({event["messageId"] for event in events}) == len(CALLS)
    for event in events:
        assert "writeKey" not in event
        assert event["context"].keys() <= {"library", "page"}, "a backend's address is nobody's"
        assert event["context"]["library"]["name"] == "analytics-python"
        received, sent = (datetime.fromisoformat(event[name]) for name in ("receivedAt", "sentAt"))
        assert abs(received - sent) < timedelta(seconds=20)


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("sync_mode", [False, True])
async def test_all_calls_arrive(stand: Stand, gzip: bool, sync_mode: bool) -> None:
    await use(stand, shop, gzip=gzip, sync_mode=sync_mode)
    events = await stand.events(len(CALLS))
    check_shop(events)
    (order,) = [row.row for row in await stand.rows(2) if row.event == "CompletePayment"]
    assert (order["event_id"], order["properties"]["order_id"]) == (events[1]["messageId"], "o-1")
    assert {post.headers.get("content-encoding") for post in stand.proxy.posts} == {"gzip" if gzip else None}
    assert {(post.path, post.status) for post in stand.proxy.posts} == {("/v1/batch", 200)}


async def test_batches_are_complete(stand: Stand) -> None:
    def calls(client: Client) -> None:
        for number in range(1_000):
            client.track("u-1", "Ping", {"number": number})

    await use(stand, calls, gzip=True)
    numbers = [event["properties"]["number"] for event in await stand.events(1_000)]
    assert sorted(numbers) == list(range(1_000))
    assert max(len(post.json["batch"]) for post in stand.proxy.posts) == 100


@pytest.mark.parametrize("fault", [BUSY, FULL], ids=["429", "503"])
async def test_it_comes_back_when_it_was_told_to(stand: Stand, fault: Answer) -> None:
    stand.proxy.faults = [fault, fault]
    (own,) = fresh()
    await use(stand, lambda client: client.track("u-1", "Ping", message_id=own))
    assert [event["messageId"] for event in await stand.events(1)] == [own]
    assert [post.status for post in stand.proxy.posts] == [fault.status, fault.status, 200]
    first, second, third = (post.at for post in stand.proxy.posts)
    assert min(second - first, third - second) >= RETRY_AFTER_S


@pytest.mark.parametrize("fault", list(Loss))
async def test_it_repeats_what_was_lost_and_it_is_sent_once(stand: Stand, fault: Loss) -> None:
    stand.proxy.faults = [fault]
    lost, later = fresh(2)
    await use(stand, lambda client: client.track("u-1", "Ping", message_id=lost))
    assert [post.status for post in stand.proxy.posts] == [0, 200]
    await use(stand, lambda client: client.track("u-1", "Ping", message_id=later))
    assert [event["messageId"] for event in await stand.events(2)] == [lost, later]
    assert stand.copies == 0, "a messageId that comes again goes no further"


async def test_a_number_that_is_none_is_null(stand: Stand) -> None:
    numbers = {"total": math.nan, "shipping": math.inf, "tax": 1.5}
    await use(stand, lambda client: client.track("u-1", "Order Completed", numbers), sync_mode=True)
    assert b"NaN" in stand.proxy.posts[0].body
    (event,) = await stand.events(1)
    assert event["properties"] == {"total": None, "shipping": None, "tax": 1.5}


async def test_it_reads_what_is_wrong_with_the_write_key(stand: Stand) -> None:
    with pytest.raises(APIError) as caught:
        await asyncio.to_thread(Client("wk-wrong", host=stand.url, sync_mode=True).track, "u-1", "Ping")
    assert (caught.value.status, caught.value.code) == (401, "invalid_write_key")
    assert "write key" in caught.value.message


async def test_without_the_basic_header(stand: Stand) -> None:
    """Versions before 2.4 send the write key in the body alone; a bearer token stands in for the missing header."""

    class Token:
        def get_token(self) -> str:
            return "some-token"

    (own,) = fresh()

    def calls(client: Client) -> None:
        client.oauth_manager = Token()
        client.track("u-1", "Ping", message_id=own)

    await use(stand, calls, sync_mode=True)
    assert stand.proxy.posts[0].headers["authorization"] == "Bearer some-token"
    assert [event["messageId"] for event in await stand.events(1)] == [own]


async def test_it_hears_that_its_batch_is_too_large(stand: Stand) -> None:
    """It must read a 400, which it does not repeat, and not see a broken connection, which it does."""
    events = [{"type": "track", "event": "Ping", "properties": {"a": "x" * 30_000}}] * 100
    with pytest.raises(APIError) as caught:
        await asyncio.to_thread(segment.analytics.request.post, WRITE_KEY, stand.server.url, batch=events)
    assert (caught.value.status, caught.value.code) == (400, "batch_too_large")
