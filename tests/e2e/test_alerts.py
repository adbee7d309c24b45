"""A destination becomes blocked in a real server: a real webhook hears of it once, and once when it is mended."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

import aiohttp
from tests.contract.webhook import hook, until
from tests.e2e.command import run
from tests.e2e.server import Server

from tockwork.sandbox.server import Sandbox

KEY: Final = "alerts-write-key"
WITHIN_S: Final = 60.0
"""It looks every five seconds, and waits for ten until it believes that all is well."""
QUIET_S: Final = 6.0


def configuration(webhook: str, token: str) -> dict[str, Any]:
    mapping = {"name": "Order", "trigger": 'event = "Order Completed"', "fields": {"event": "Purchase"}}
    return {
        "sources": [{"name": "shop", "write_key": KEY}],
        "destinations": [
            {
                "kind": "tiktok-conversions",
                "name": "TikTok",
                "settings": {"pixelCode": "C8E2OS3C77UABCDXYZ00", "accessToken": token},
                "mappings": [mapping],
            }
        ],
        "alerts": {"webhook": webhook, "private_network": True, "rules": {"held": {"minutes": 0}}},
    }


async def track(url: str) -> None:
    headers = {"Authorization": f"Basic {b64encode(f'{KEY}:'.encode()).decode()}"}
    event = {"event": "Order Completed", "userId": "u-1", "messageId": "m-1"}
    async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/track", json=event, headers=headers) as done:
        assert done.status == 200


async def metric(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        return await answer.text()


async def test_one_alert_when_it_begins_and_one_when_it_ends(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "shop.json"
    async with hook() as heard, Sandbox("lenient").serve() as sandbox:
        variables = {"TOCKWORK_DATA": str(data), "TOCKWORK_TIKTOK_URL": sandbox.url, "NO_PROXY": "127.0.0.1"}

        async def apply(token: str) -> None:
            file.write_text(json.dumps(configuration(heard.url, token)))
            done = await asyncio.to_thread(lambda: run(["apply", str(file)], b"", **variables))
            assert done.returncode == 0, done.stderr

        await apply("")
        async with Server(**variables) as server:
            await track(server.url)
            await until(lambda: bool(heard.posts), WITHIN_S)
            admin = server.said("Metrics at ").removesuffix("/metrics")
            assert 'tockwork_alert_firing{destination="TikTok",rule="held",source=""} 1.0' in await metric(admin)
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            await asyncio.sleep(QUIET_S)
            assert heard.types() == ["firing"]
            await apply("a-token")
            await until(lambda: len(heard.posts) > 1, WITHIN_S)
            await asyncio.sleep(QUIET_S)
            admin = server.said("Metrics at ").removesuffix("/metrics")
            assert "tockwork_alert_firing{" not in await metric(admin)
            log = server.log
    assert heard.types() == ["firing", "resolved"]
    for post in heard.posts:
        assert (post["specversion"], post["subject"], post["data"]["rule"]) == ("1.0", "TikTok", "held")
    assert heard.url not in log
    assert "u-1" not in json.dumps(heard.posts)
