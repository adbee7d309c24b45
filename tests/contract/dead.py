"""A shop whose events were delivered, or not, for tests of the API and of the console."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from tests.contract.console import Desk, console
from tests.contract.store_opened import read

from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.model.outcome import Status
from tockwork.store.protocol import Line, Settled, place_of

NAME: Final = "Shop / EU"
SEGMENT: Final = "Shop ~1 EU"
"""Its name as a part of a path, before it is escaped."""
EMAIL: Final = "jo.doe@example.com"
ORDER: Final[dict[str, Any]] = {
    "name": "Order",
    "trigger": 'event = "Order Completed"',
    "fields": {
        "event": "Purchase",
        "event_id": {"@path": "$.messageId"},
        "url": "https://shop.example/",
        "email": {"@path": "$.traits.email"},
        "value": {"@path": "$.properties.value"},
        "currency": {"@path": "$.properties.currency"},
    },
}
FATES: Final[dict[str, tuple[Status, str | None, str | None, int | None]]] = {
    "delivered": (Status.DELIVERED, None, None, None),
    "rejected": (Status.REJECTED, "bad_parameter", "answered 40002: currency: *** is none", 40002),
    "invalid": (Status.INVALID, "field_type", "value: expected a number, found text", None),
    "expired": (Status.EXPIRED, "retry_exhausted", "answered 51305: maintenance", 51305),
    "filtered": (Status.FILTERED, "no_trigger", None, None),
}


def configuration(**members: Any) -> Configuration:
    settings = {"pixelCode": "C8E2OS3C77UABCDXYZ00", "accessToken": "secret-token-of-the-shop"}
    given = {"settings": settings, "mappings": [ORDER], **members}
    return Configuration(
        sources=[SourceEntry("web", "write-key-of-the-web-shop")],
        destinations=[
            DestinationEntry("tiktok-conversions", NAME, **given),
            DestinationEntry("tiktok-pixel", "In the page", settings={"pixelCode": "C8E2OS3C77UABCDXYZ00"}),
        ],
    )


def event(message_id: str, value: Any = 5, name: str = "Order Completed") -> bytes:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return msgspec.json.encode(
        {
            "type": "track",
            "event": name,
            "messageId": message_id,
            "userId": "user-4711",
            "traits": {"email": EMAIL},
            "properties": {"value": value, "currency": "EUR"},
            "timestamp": now,
            "receivedAt": now,
        }
    )


async def filled(desk: Desk, *fates: str, value: Any = 5, begun_at: float | None = None) -> int:
    """A chunk with an event for each of the fates; their messageIds say which. Returns the chunk's id."""
    await desk.store.join(NAME)
    chunk_id = await desk.store.append(
        [event(f"{fate}-{place}", value) for place, fate in enumerate(fates)],
        [f"{fate}-{place}" for place, fate in enumerate(fates)],
        [("web", len(fates))],
    )
    chunk = msgspec.structs.replace(await read(desk.store, NAME), begun_at=begun_at)
    lines = []
    for place, fate in enumerate(fates):
        status, reason, detail, code = FATES[fate]
        mapping = None if status is Status.FILTERED else "Order"
        key = (chunk_id, place_of(place, 0))
        lines.append(Line(key, f"{fate}-{place}", mapping, status, reason, detail, code))
    await desk.store.settle(NAME, [Settled(chunk, lines)])
    return chunk_id


@asynccontextmanager
async def shop(folder: Path, *fates: str, **members: Any) -> AsyncIterator[Desk]:
    """The console of a shop with a chunk of such events."""
    async with console(folder, configuration(**members)) as desk:
        if fates:
            await filled(desk, *fates)
        yield desk
