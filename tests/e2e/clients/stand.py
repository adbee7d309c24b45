"""What a client library is driven against: the command ``tockwork serve`` between a proxy and a stand-in for TikTok."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.e2e.clients.proxy import Proxy
from tests.e2e.server import Server

from tockwork.sandbox.record import StoredEvent
from tockwork.sandbox.server import Sandbox

WRITE_KEY: Final = "wk-clients"
ARRIVED_S: Final = 30.0
LOOK_AGAIN_S: Final = 0.02
PRESETS: Final = "CPRESETS000000000000"
WHOLE: Final = "CWHOLE00000000000000"
CONFIGURATION: Final = {
    "sources": [{"name": "shop", "write_key": WRITE_KEY}],
    "destinations": [
        {
            "name": "presets",
            "kind": "tiktok-conversions",
            "settings": {"accessToken": "token", "pixelCode": PRESETS},
        },
        {
            # Every event of every kind, so that tests see all that the server made of it.
            "name": "whole",
            "kind": "tiktok-conversions",
            "settings": {"accessToken": "token", "pixelCode": WHOLE},
            "mappings": [
                {
                    "name": "Whole",
                    "trigger": 'type != "none"',
                    "fields": {
                        "event": "Contact",
                        "event_id": {"@path": "$.messageId"},
                        "timestamp": {"@path": "$.receivedAt"},
                        "url": "https://shop.example/",
                        "description": {"@json": {"mode": "encode", "value": {"@path": "$."}}},
                    },
                }
            ],
        },
    ],
}

Event = dict[str, Any]
_serial: Final = count()


def fresh(number: int = 1) -> list[str]:
    """MessageIds that no test has used: the server keeps them for two days. In their own order."""
    serial = next(_serial)
    return [f"m-{serial:03d}-{each:03d}" for each in range(number)]


class Stand:
    """`url` is where clients send: the proxy."""

    def __init__(self, sandbox: Sandbox, server: Server, proxy: Proxy) -> None:
        self.sandbox = sandbox
        self.server = server
        self.proxy = proxy

    @property
    def url(self) -> str:
        return self.proxy.url

    def reset(self) -> None:
        self.sandbox.reset()
        self.proxy.faults.clear()
        self.proxy.open.set()
        self.proxy.exchanges.clear()

    async def events(self, number: int) -> list[Event]:
        """The first `number` events that arrived, as the server had them, by their own time."""
        arrived = await self.rows(number, WHOLE)
        events = [json.loads(row.row["properties"]["description"]) for row in arrived]
        return sorted(events, key=lambda event: event["timestamp"])

    async def rows(self, number: int, pixel: str = PRESETS) -> list[StoredEvent]:
        """What arrived at `pixel`, once `number` rows did, copies left out."""

        def found() -> list[StoredEvent]:
            mine = (event for event in self.sandbox.events if event.event_source_id == pixel)
            return [event for event in mine if event.first_id is None]

        await until(lambda: len(found()) >= number, f"{number} rows", lambda: f"{len(found())} rows")
        return found()

    @property
    def copies(self) -> int:
        """Of all rows that arrived, those that TikTok's stand-in found to be copies."""
        return sum(event.first_id is not None for event in self.sandbox.events)


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[Stand]:
    """A stand whose configuration is written to `folder`."""
    async with (
        Sandbox().serve() as sandbox,
        Server("--config", str(_configured(folder)), "--port", "0", TOCKWORK_TIKTOK_URL=sandbox.url) as server,
        Proxy(server.url).serve() as proxy,
    ):
        yield Stand(sandbox, server, proxy)


def _configured(folder: Path) -> Path:
    file = folder / "tockwork.json"
    file.write_text(json.dumps(CONFIGURATION))
    return file


async def until(holds: Callable[[], bool], expected: str, found: Callable[[], object]) -> None:
    """Returns once `holds`. Fails with what was expected and what was found when that takes too long."""
    deadline = time.monotonic() + ARRIVED_S
    while not holds():
        assert time.monotonic() < deadline, f"expected {expected} within {ARRIVED_S:g} s, found {found()}"
        await asyncio.sleep(LOOK_AGAIN_S)
