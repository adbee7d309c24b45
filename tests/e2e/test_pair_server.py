"""A pair on a real server: one entry, a page's plugin and a consumer of the journal, and one change for both."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

from tests.e2e.command import arguments, environment
from tests.e2e.server import Server

from tockwork.sandbox.server import Sandbox

CONFIGURATION: Final = """
sources:
  - {name: shop, kind: browser, write_key: shop-key}
destinations:
  - name: tiktok
    kind: tiktok-conversions
    preset_pack: PACK
    settings: {pixelCode: C8E2OS3C77UABCDXYZ00, accessToken: token-1, event_id: order}
    pixel: {ldu: true}
"""
EVENT: Final = {
    "writeKey": "shop-key",
    "event": "Order Completed",
    "userId": "u-1",
    "context": {"page": {"url": "https://shop.example/done"}},
}
WITHIN_S: Final = 30.0


def command(*given: str) -> str:
    return subprocess.run(arguments(*given), env=environment(), capture_output=True, check=True, text=True).stdout


def plugin(server: Server) -> dict[str, Any]:
    """What a page gets of the pixel."""
    with urlopen(f"{server.url}/v1/projects/shop-key/settings", timeout=WITHIN_S) as answer:
        (found,) = json.load(answer)["remotePlugins"]
    settings: dict[str, Any] = found["settings"]
    return settings


def send(server: Server, order: str) -> None:
    body = json.dumps({**EVENT, "messageId": f"m-{order}", "properties": {"order_id": order}}).encode()
    with urlopen(Request(f"{server.url}/v1/track", body, method="POST"), timeout=WITHIN_S) as answer:
        assert answer.status == 200


async def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < end, "it takes too long"
        await asyncio.sleep(0.1)


async def test_one_change_is_for_both_legs(tmp_path: Path) -> None:
    file, data = tmp_path / "tockwork.yaml", str(tmp_path / "data")
    file.write_text(CONFIGURATION.replace("PACK", "segment-2026"))
    async with (
        Sandbox().serve() as sandbox,
        Server("--config", str(file), TOCKWORK_DATA=data, TOCKWORK_TIKTOK_URL=sandbox.url) as server,
    ):
        page = await asyncio.to_thread(plugin, server)
        assert (page["ldu"], page["program"]["orderIds"]) == (True, True)
        assert '"CompletePayment"' in json.dumps(page["program"])
        await asyncio.to_thread(send, server, "O-1")
        await until(lambda: len(sandbox.events) == 1)
        file.write_text(CONFIGURATION.replace("PACK", "purchase-2025"))
        await asyncio.to_thread(command, "apply", str(file), "--data", data)
        await until(lambda: '"CompletePayment"' not in json.dumps(plugin(server)))
        assert '"Purchase"' in json.dumps(await asyncio.to_thread(plugin, server))
        await asyncio.to_thread(send, server, "O-2")
        await until(lambda: len(sandbox.events) == 2)
        sent = [(event.event, event.event_id) for event in sandbox.events]
        assert sent == [("CompletePayment", "CompletePayment.O-1"), ("Purchase", "Purchase.O-2")]
        assert all(json.loads(bytes(event.sent))["limited_data_use"] for event in sandbox.events)
        found = json.loads(await asyncio.to_thread(command, "stats", "--json", "--data", data))
        compared = await asyncio.to_thread(command, "doctor", "--pair", "--data", data)
    assert [(one["name"], one["accepted"]) for one in found["destinations"]] == [("tiktok", 2)]
    assert [one["name"] for one in found["in_browser"]] == ["tiktok pixel"]
    assert "2 events from the journal: 2 reports, with the same names and event_ids on both legs" in compared
