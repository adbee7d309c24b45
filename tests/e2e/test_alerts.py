"""A destination becomes blocked in a real server: a real webhook hears of it once, and once when it is mended.

In a process that looks more often than others: what is proven here is who calls whom, and what a restart remembers.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import structlog
from tests.contract.webhook import hook, until

from tockwork.app import alerting
from tockwork.app.wire import Running, running
from tockwork.configuration.entries import Configuration, load
from tockwork.operations.settings import Settings
from tockwork.sandbox.server import Sandbox

KEY: Final = "alerts-write-key"
WITHIN_S: Final = 60.0
LOOK_S: Final = 0.2
CLEAR_S: Final = 3.0
QUIET_S: Final = 1.0


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


@asynccontextmanager
async def serving(folder: Path, sandbox: Sandbox, given: Configuration | None = None) -> AsyncIterator[Running]:
    settings = Settings(data=folder, port=0, admin_port=0, tiktok_url=sandbox.url)
    async with running(settings, given) as server:
        yield server


async def test_one_alert_when_it_begins_and_one_when_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, seconds in (("LOOK_S", LOOK_S), ("TELL_S", LOOK_S), ("CLEAR_S", CLEAR_S)):
        monkeypatch.setattr(alerting, name, seconds)
    file = tmp_path / "shop.json"

    def shop(webhook: str, token: str) -> Configuration:
        file.write_text(json.dumps(configuration(webhook, token)))
        return load(file)

    with structlog.testing.capture_logs() as logged:
        async with hook() as heard, Sandbox("lenient").serve() as sandbox:
            async with serving(tmp_path / "data", sandbox, shop(heard.url, "")) as server:
                await track(server.url)
                await until(lambda: bool(heard.posts), WITHIN_S)
                said = await metric(server.admin_url)
                assert 'tockwork_alert_firing{destination="TikTok",rule="held",source=""} 1.0' in said
            async with serving(tmp_path / "data", sandbox) as server:
                await asyncio.sleep(CLEAR_S + QUIET_S)
                assert heard.types() == ["firing"]
                await server.versions.keep(shop(heard.url, "a-token"))
                await until(lambda: len(heard.posts) > 1, WITHIN_S)
                await asyncio.sleep(QUIET_S)
                assert "tockwork_alert_firing{" not in await metric(server.admin_url)
    assert heard.types() == ["firing", "resolved"]
    for post in heard.posts:
        assert (post["specversion"], post["subject"], post["data"]["rule"]) == ("1.0", "TikTok", "held")
    assert [line["event"] for line in logged if str(line["event"]).startswith("alert")] == [
        "alert_firing",
        "alert_resolved",
    ]
    assert heard.url not in str(logged)
    assert "u-1" not in json.dumps(heard.posts)
