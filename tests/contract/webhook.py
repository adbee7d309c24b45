"""A real server that takes alerts, and answers as it is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class Hook:
    """What was posted, in order; `statuses` are given one after the other, then 204."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self.posts: list[Any] = []
        self.kinds: list[str] = []
        self.wait_s = 0.0
        self.elsewhere = 0

    async def take(self, request: web.Request) -> web.Response:
        self.posts.append(json.loads(await request.read()))
        self.kinds.append(request.headers["Content-Type"])
        await asyncio.sleep(self.wait_s)
        status = self.statuses.pop(0) if self.statuses else 204
        headers = {"Location": "/elsewhere"} if 300 <= status < 400 else {}
        text = "planted answer" if status != 204 else None
        return web.Response(status=status, headers=headers, text=text)

    async def miss(self, _: web.Request) -> web.Response:
        self.elsewhere += 1
        return web.Response()

    def types(self) -> list[str]:
        return [post["type"].rpartition(".")[2] for post in self.posts]


@asynccontextmanager
async def hook(statuses: Iterable[int] = ()) -> AsyncIterator[Hook]:
    found = Hook()
    found.statuses = list(statuses)
    app = web.Application()
    app.router.add_post("/hook", found.take)
    app.router.add_route("*", "/elsewhere", found.miss)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    found.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield found
    finally:
        await runner.cleanup()


async def until(ready: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not ready():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
