"""A shop's web site, from an origin of its own, that measures with analytics-next as npm has it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

PAGE: Final = Path(__file__).parent / "shop.html"
CLIENTS: Final = Path(__file__).parents[1] / "e2e" / "clients"
LIBRARY: Final = CLIENTS / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd" / "index.js"


@asynccontextmanager
async def serving(write_key: str, segment: dict[str, Any]) -> AsyncIterator[str]:
    """Yields the site's URL. `segment` are the options of the plugin that sends."""
    settings = f"const shop = {json.dumps({'writeKey': write_key, 'segment': segment})};"

    async def page(_: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE)

    async def script(_: web.Request) -> web.Response:
        return web.Response(text=settings, content_type="text/javascript")

    async def library(_: web.Request) -> web.FileResponse:
        return web.FileResponse(LIBRARY)

    application = web.Application()
    application.add_routes(
        [
            web.get("/", page),
            web.get("/checkout", page),
            web.get("/settings.js", script),
            web.get("/analytics.js", library),
        ]
    )
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
