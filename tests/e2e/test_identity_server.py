"""TikTok's ids of a visitor: learnt by one process, given to a backend's events by the next, deleted with them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from tests.e2e.command import run
from tests.e2e.server import Server

from tockwork.app.wire import ERASE_S
from tockwork.sandbox.server import Sandbox

KEY: Final = "identity-write-key"
TTCLID: Final = "E.C.P." + "PlantedClick" * 20
TTP: Final = "01JPLANTEDVISITOR.tt.1"
PLANTED: Final = (b"plantedclick", b"plantedvisitor", b"u-ann", b"a-ann")
CONFIGURATION: Final = {
    "sources": [{"name": "shop", "write_key": KEY, "kind": "browser"}],
    "destinations": [
        {
            "kind": "tiktok-conversions",
            "name": "tiktok",
            "settings": {"pixelCode": "C8E2OS3C77UABCDXYZ00", "accessToken": "t"},
        }
    ],
}
SOON_S: Final = 20.0
ERASED_S: Final = 60.0


class Shop:
    """A data folder, and a sandbox for TikTok."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.data = folder / "data"
        self.file = folder / "identity.json"
        self.file.write_text(json.dumps(CONFIGURATION))
        self.sandbox = sandbox
        self.variables = {"TOCKWORK_DATA": str(self.data), "TOCKWORK_TIKTOK_URL": sandbox.url, "NO_PROXY": "127.0.0.1"}

    def server(self, *words: str, **more: Any) -> Server:
        return Server("--config", str(self.file), *words, **self.variables, **more)

    async def visit(self, url: str) -> None:
        """Ann comes by an ad, and then tells who she is."""
        page = {"url": f"https://shop.example/?ttclid={TTCLID}"}
        await send(url, type="page", messageId="m-page", anonymousId="a-ann", context={"page": page})
        known: dict[str, Any] = {"anonymousId": "a-ann", "userId": "u-ann", "properties": {"ttp": TTP}}
        await send(url, type="track", event="Signed Up", messageId="m-sign-up", **known)

    async def order(self, url: str, number: int, user: str) -> Any:
        """The ids that TikTok gets with an order that the backend sends."""
        properties = {"order_id": f"o-{number}", "currency": "EUR", "total": 5, "email": "else@shop.example"}
        order = {"event": "Order Completed", "messageId": f"m-{number}", "userId": user, "properties": properties}
        await send(url, type="track", browser=False, **order)
        await until(lambda: any(event.event_id == f"m-{number}" for event in self.sandbox.events))
        (row,) = [json.loads(bytes(e.sent)) for e in self.sandbox.events if e.event_id == f"m-{number}"]
        return row["user"].get("ttclid"), row["user"].get("ttp")

    def kept(self) -> int:
        connection = sqlite3.connect(self.data / "tockwork.db")
        try:
            return int(connection.execute("SELECT count(*) FROM known_id").fetchone()[0])
        finally:
            connection.close()

    def traces(self) -> dict[str, int]:
        files = {path.name: path.read_bytes().lower() for path in self.data.iterdir() if path.is_file()}
        counts = {name: sum(content.count(word) for word in PLANTED) for name, content in files.items()}
        return {name: number for name, number in counts.items() if number}


async def send(url: str, *, type: str, browser: bool = True, **event: Any) -> None:
    body, headers = json.dumps({**event, "writeKey": KEY}), {"Origin": "https://shop.example"} if browser else {}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{url}/v1/{type}", data=body) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def until(holds: Callable[[], object], within_s: float = SOON_S) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("end", ["stopped", "killed"])
async def test_it_survives_a_restart(end: str, tmp_path: Path) -> None:
    async with Sandbox("lenient").serve() as sandbox:
        shop = Shop(tmp_path, sandbox)
        async with shop.server() as server:
            await shop.visit(server.url)
            if end == "killed":
                await until(lambda: shop.kept() == 4)  # within a second
                server.kill()
            else:
                assert await asyncio.to_thread(server.stop) == 0
                assert shop.kept() == 4, "nothing is lost when the process ends in order"
            await asyncio.to_thread(server.start)
            assert await shop.order(server.url, 1, "u-ann") == (TTCLID, TTP)
            assert await shop.order(server.url, 2, "u-bob") == (None, None)


@pytest.mark.parametrize("roles", [(), ("ingest", "delivery")])
async def test_nothing_is_left_of_a_person_who_was_deleted(roles: tuple[str, ...], tmp_path: Path) -> None:
    async with Sandbox("lenient").serve() as sandbox, AsyncExitStack() as stack:
        shop = Shop(tmp_path, sandbox)
        servers = [await stack.enter_async_context(shop.server("--only", roles[0]) if roles else shop.server())]
        if roles:
            servers += [await stack.enter_async_context(shop.server("--only", roles[1], ready="Metrics at "))]
        url = servers[0].url
        await shop.visit(url)
        await until(lambda: shop.kept() == 4)
        assert await shop.order(url, 1, "u-ann") == (TTCLID, TTP)
        before = time.monotonic()
        done = await asyncio.to_thread(run, ["suppress", "delete", "--file", "-"], b"u-ann\n", **shop.variables)
        assert done.returncode == 0, done.stderr
        assert shop.kept() == 0
        await asyncio.sleep(ERASE_S + 1)  # now the server has heard of it
        await send(url, type="page", messageId="m-late", userId="u-ann", anonymousId="a-ann", properties={"ttp": TTP})
        visitor: dict[str, Any] = {"anonymousId": "a-ann", "properties": {}}
        await send(url, type="track", event="Signed Up", messageId="m-visitor", **visitor)
        await until(lambda: any(event.event_id == "m-visitor" for event in sandbox.events))
        assert TTP.encode() not in next(bytes(e.sent) for e in sandbox.events if e.event_id == "m-visitor")
        done = await asyncio.to_thread(run, ["suppress", "delete", "--file", "-"], b"a-ann\n", **shop.variables)
        assert done.returncode == 0, done.stderr
        await until(lambda: not shop.traces(), ERASED_S)
        assert time.monotonic() - before < ERASED_S
        assert await shop.order(url, 2, "u-bob") == (None, None)
        assert (shop.kept(), shop.traces()) == (0, {})
        for server in servers:
            assert "planted" not in (server.log + server.errors).lower()
