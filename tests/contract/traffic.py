"""Traffic of a shop, for what looks at it afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.store.sqlite import SqliteStore

PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
NAMES: Final = ("Product Viewed", "Product Added", "Checkout Started", "Order Completed")
CHUNK: Final = 50
SERVER: Final = SourceEntry("backend", "backend-key-1", "server")
BROWSER: Final = SourceEntry("shop", "shop-key-12345", "browser")


def configuration(**members: Any) -> Configuration:
    """A shop with one destination, ``TikTok``, which `members` change."""
    settings = {"pixelCode": PIXEL, "accessToken": "token-1", **members.pop("settings", {})}
    kind = members.pop("kind", "tiktok-conversions")
    given = {"preset_pack": "purchase-2025", **members}
    entry = DestinationEntry(kind, "TikTok", settings=settings, **given)
    return Configuration(sources=[BROWSER, SERVER], destinations=[entry])


def event(at: int, when: float, **changes: Any) -> dict[str, Any]:
    """The `at`-th event, with nothing wrong in it; `changes` are of its context, properties, traits or of itself."""
    moment = datetime.fromtimestamp(when, UTC).isoformat()
    person = {"email": f"jane{at}@example.com", "phone": f"+4930{1_000_000 + at}"}
    context = {
        "ip": f"93.184.{at // 250 % 250}.{at % 250 + 1}",
        "userAgent": f"Mozilla/5.0 ({at % 7})",
        "page": {"url": "https://shop.example/goods"},
        "traits": {**person, **changes.pop("traits", {})},
    }
    goods = {
        "value": 20,
        "currency": "EUR",
        "order_id": f"O-{at}",
        "product_id": "sku-1",
        "price": 10,
        "quantity": 2,
        "products": [{"product_id": "sku-1", "price": 10, "quantity": 2}],
        "ttp": f"2Abc{at}",
    }
    return {
        "type": "track",
        "event": NAMES[at % len(NAMES)],
        "messageId": f"m-{when:.0f}-{at}",
        "anonymousId": f"a-{at}",
        "timestamp": moment,
        "receivedAt": moment,
        **changes,
        "context": {**context, **changes.get("context", {})},
        "properties": {**goods, **changes.get("properties", {})},
    }


async def come(
    store: SqliteStore,
    number: int,
    when: float,
    change: Callable[[int], dict[str, Any]] = lambda _: {},
    source: str = "shop",
) -> None:
    """So many events arrive from a source, in chunks."""
    await arrive(store, [event(at, when, **change(at)) for at in range(number)], source)


async def arrive(store: SqliteStore, events: Iterable[dict[str, Any]], source: str = "shop") -> None:
    made = list(events)
    for start in range(0, len(made), CHUNK):
        some = made[start : start + CHUNK]
        ids = [one["messageId"] for one in some]
        await store.append([json.dumps(one).encode() for one in some], ids, [(source, len(some))])
