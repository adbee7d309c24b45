"""@segment/analytics-node, unmodified, against ``tockwork serve``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.e2e.clients.proxy import BUSY, FULL, RETRY_AFTER_S, Loss
from tests.e2e.clients.stand import WRITE_KEY, Event, Stand, fresh, until
from tests.node import install, node

from tockwork.ingest.answer import Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE: Final = Path(__file__).parent
START: Final = datetime.now(UTC) - timedelta(minutes=1)
TIMEOUT_S: Final = 60.0

Call = tuple[str, dict[str, Any]]


class Said(msgspec.Struct):
    """What the library says of its work: see analytics_node.cjs."""

    requests: int
    statuses: list[int]
    delivered: list[str]
    failed: list[str]


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    install(HERE)


async def use(stand: Stand, calls: Sequence[Call], end: str = "closeAndFlush", **settings: Any) -> Said:
    settings = {"writeKey": WRITE_KEY, "host": stand.url, "flushInterval": 100, **settings}
    program = await asyncio.create_subprocess_exec(
        node(),
        str(HERE / "analytics_node.cjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    script = json.dumps({"settings": settings, "calls": calls, "end": end}).encode()
    try:
        out, err = await asyncio.wait_for(program.communicate(script), TIMEOUT_S)
    except TimeoutError:
        program.kill()
        await program.wait()
        raise
    assert (program.returncode, err) == (0, b"")
    return msgspec.json.decode(out, type=Said)


def pings(number: int) -> list[Call]:
    return [("track", {"userId": "u-1", "event": "Ping", "messageId": each}) for each in fresh(number)]


def named(calls: Sequence[Call]) -> list[str]:
    return [call["messageId"] for _, call in calls]


def ids(events: Sequence[Event]) -> list[str]:
    return sorted(event["messageId"] for event in events)


@pytest.mark.parametrize("end", ["flush", "closeAndFlush"])
async def test_all_calls_arrive(stand: Stand, end: str) -> None:
    page = {"url": "https://shop.example/done"}
    order = {"order_id": "o-1", "revenue": 12.5, "currency": "EUR", "products": [{"product_id": "p-1", "quantity": 2}]}
    calls: list[Call] = [
        ("identify", {"userId": "u-1", "traits": {"email": "jane@example.com"}}),
        ("track", {"userId": "u-1", "event": "Order Completed", "properties": order, "context": {"page": page}}),
        ("page", {"anonymousId": "a-1", "name": "Home", "properties": page, "context": {"page": page}}),
        ("screen", {"userId": "u-1", "name": "Basket"}),
        ("group", {"userId": "u-1", "groupId": "g-1", "traits": {"name": "Shop"}}),
        ("alias", {"userId": "u-1", "previousId": "a-1"}),
    ]
    for second, (_, call) in enumerate(calls):
        call["timestamp"] = (START + timedelta(seconds=second)).isoformat()
    said = await use(stand, calls, end)
    assert (said.statuses, said.failed) == ([200], [])

    events = await stand.events(len(calls))
    assert [event["type"] for event in events] == [method for method, _ in calls]
    assert ids(events) == sorted(said.delivered)
    identify, track, home, screen, group, alias = events
    assert identify["traits"] == {"email": "jane@example.com"}
    assert (track["event"], track["properties"]) == ("Order Completed", order)
    assert (home["name"], home["anonymousId"]) == ("Home", "a-1")
    assert screen["name"] == "Basket"
    assert (group["groupId"], group["traits"]) == ("g-1", {"name": "Shop"})
    assert (alias["previousId"], alias["userId"]) == ("a-1", "u-1")
    for event in events:
        assert not {"ip", "userAgent"} & event["context"].keys(), "a backend's address is nobody's"
        assert event["context"]["library"]["name"] == "@segment/analytics-node"
        assert {"sentAt", "receivedAt"} < event.keys()
        assert "writeKey" not in event
    (purchase,) = [row.row for row in await stand.rows(2) if row.event == "CompletePayment"]
    assert (purchase["event_id"], purchase["properties"]["value"]) == (track["messageId"], 12.5)


async def test_batches_are_as_large_as_it_was_told(stand: Stand) -> None:
    calls = pings(50)
    said = await use(stand, calls, maxEventsInBatch=20)
    assert (len(said.delivered), said.failed) == (50, [])
    assert sorted(len(post.json["batch"]) for post in stand.proxy.posts) == [10, 20, 20]
    assert ids(await stand.events(50)) == named(calls)


@pytest.mark.parametrize("fault", [BUSY, FULL], ids=["429", "503"])
async def test_it_comes_back(stand: Stand, fault: Answer) -> None:
    """After 429 when Retry-After says; after 503 on its own schedule."""
    stand.proxy.faults = [fault, fault]
    calls = pings(1)
    said = await use(stand, calls)
    assert (said.statuses, said.delivered, said.failed) == ([fault.status, fault.status, 200], named(calls), [])
    assert [post.headers.get("x-retry-count") for post in stand.proxy.posts] == [None, "1", "2"]
    if fault is BUSY:
        first, second, third = (post.at for post in stand.proxy.posts)
        assert min(second - first, third - second) >= RETRY_AFTER_S - 0.01  # timers of Node may be early by a tick
    assert ids(await stand.events(1)) == named(calls)


@pytest.mark.parametrize("fault", list(Loss))
async def test_it_repeats_what_was_lost_and_it_is_sent_once(stand: Stand, fault: Loss) -> None:
    stand.proxy.faults = [fault]
    calls, later = pings(3), pings(1)
    said = await use(stand, calls)
    assert (said.requests, said.statuses, said.failed) == (2, [200], [])
    await use(stand, later)
    assert ids(await stand.events(4)) == named([*calls, *later])
    assert stand.copies == 0, "messageIds that come again go no further"


async def test_it_waits_for_a_server_that_died(stand: Stand) -> None:
    stand.server.kill()
    calls = pings(12)
    sending = asyncio.create_task(use(stand, calls, maxEventsInBatch=5))
    await until(lambda: len(stand.proxy.posts) >= 3, "3 requests", lambda: len(stand.proxy.posts))
    await asyncio.to_thread(stand.server.start)
    stand.proxy.server = stand.server.url
    said = await sending
    assert (said.statuses, said.failed) == ([200] * 3, [])
    assert ids(await stand.events(12)) == named(calls)


async def test_it_hears_that_the_write_key_is_wrong(stand: Stand) -> None:
    said = await use(stand, pings(2), writeKey="wk-wrong")
    assert (said.statuses, said.delivered) == ([401], [])
    assert ["401" in reason for reason in said.failed] == [True, True]
