"""A new version is applied once, though a person and the server's own look ask for it in the same moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tockwork.app.wire import running
from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.operations.settings import Settings


async def test_two_at_once_start_one_worker(tmp_path: Path) -> None:
    settings = {"pixelCode": "C8E2OS3C77UABCDXYZ00", "accessToken": "t"}
    configuration = Configuration(destinations=[DestinationEntry("tiktok-conversions", "Shop", settings=settings)])
    async with running(Settings(data=tmp_path, port=0, admin_port=0, tiktok_url="http://127.0.0.1:9")) as server:
        await server.versions.keep(configuration)
        await asyncio.gather(*(server.apply_newest() for _ in range(4)))
        await asyncio.sleep(0)
        named = [task.get_name() for task in asyncio.all_tasks()]
        assert len([name for name in named if name.startswith("Shop") and name.endswith("_read")]) == 1
