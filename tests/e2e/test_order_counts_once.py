"""One order from backend, browser and file, over HTTP: the stand-in for TikTok counts it once for each pixel, and once
more for an offline event set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from tockwork.app.wire import running
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.delivery.connection import connect
from tockwork.model.outcome import Status
from tockwork.operations.settings import Settings
from tockwork.sandbox.server import Sandbox

PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
EVENT_SET: Final = "7" * 19
KEYS: Final = {"web shop": "browser-key", "backend": "server-key"}
ORDERS: Final = ("O-1001", "O-1002")


def order(order_id: str, leg: str, **more: Any) -> dict[str, Any]:
    properties = {"order_id": order_id, "value": 25, "currency": "USD", "email": "ann@shop.example"}
    moved = {"type": "track", "event": "Order Completed", "messageId": f"{leg}-{order_id}", "properties": properties}
    return {**moved, "context": {"page": {"url": "https://shop.example/done"}, "ip": "203.0.113.24"}, **more}


def configuration() -> Configuration:
    def entry(name: str, kind: str, **settings: str) -> DestinationEntry:
        given = {"accessToken": "a-token", "event_id": "order", **settings}
        return DestinationEntry(name=name, kind=kind, settings=given, preset_pack=None)

    return Configuration(
        sources=[SourceEntry(name=name, write_key=key) for name, key in KEYS.items()],
        destinations=[
            entry("shop", "tiktok-conversions", pixelCode=PIXEL),
            entry("stores", "tiktok-offline-conversions", eventSetID=EVENT_SET),
        ],
    )


async def test_an_order_counts_once_for_its_pixel_and_apart_for_an_event_set(tmp_path: Path) -> None:
    async with Sandbox().serve() as sandbox:
        process = msgspec.structs.replace(Settings(), data=tmp_path, port=0, admin_port=0, tiktok_url=sandbox.url)
        async with running(process, configuration()) as server, aiohttp.ClientSession() as session:
            assert server.workers is not None
            for source, more in (("backend", {"userId": "u-1"}), ("web shop", {"anonymousId": "a-1"})):
                batch = [order(order_id, source, **more) for order_id in ORDERS]
                body = {"batch": batch, "writeKey": KEYS[source]}
                async with session.post(f"{server.url}/v1/batch", json=body) as answer:
                    assert answer.status == 200
                for worker in server.workers.by_name.values():
                    assert await worker.drain(20)
        shop = {"file": {"line": 2}, "page": {"url": "https://shop.example"}}  # TikTok wants an address of the website
        from_file = [order(order_id, "file", context=shop) for order_id in ORDERS]
        alone = connect("tiktok-conversions", {"accessToken": "a-token", "pixelCode": PIXEL, "event_id": "order"})
        outcomes = await alone.send(from_file, base_url=sandbox.url)
        assert [outcome.status for outcome in outcomes] == [Status.DELIVERED] * 2
        arrived, stats = sandbox.events, sandbox.stats()
    ids = {f"CompletePayment.{order_id}" for order_id in ORDERS}
    assert {event.row["event_id"] for event in arrived} == ids
    verdicts = Counter((event.request.event_source_id, str(event.verdict)) for event in arrived)
    assert verdicts == {
        (PIXEL, "unique"): 2,
        (PIXEL, "merged"): 4,
        (EVENT_SET, "unique"): 2,
        (EVENT_SET, "merged"): 2,
    }
    assert stats.unique == 4


async def test_by_message_ids_each_report_counts() -> None:
    settings = {"accessToken": "a-token", "pixelCode": PIXEL}
    async with Sandbox().serve() as sandbox:
        connection = connect("tiktok-conversions", settings)
        await connection.send([order("O-1001", leg) for leg in ("backend", "web", "file")], base_url=sandbox.url)
        assert sandbox.stats().unique == 3
