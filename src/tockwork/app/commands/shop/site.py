"""The pages of the demo shop, served on a port of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from string import Template
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from tockwork.model.errors import ConfigurationError, Problem
from tockwork.sandbox.record import Leg, StoredEvent
from tockwork.sandbox.server import Sandbox

PAGES: Final = {
    "/": ("home", "Shop"),
    "/product": ("product", "Product"),
    "/cart": ("cart", "Cart"),
    "/checkout": ("checkout", "Checkout"),
    "/thanks": ("thanks", "Thank you"),
    "/signup": ("signup", "Sign up"),
}
ASSETS: Final = {"/shop.css": "text/css", "/shop.js": "text/javascript"}
SHOWN: Final = 20


class Site:
    """`server` is where events go, by a name that the pages share: cookies then are the shop's own."""

    def __init__(self, server: str, sandbox: Sandbox, write_key: str) -> None:
        self._sandbox = sandbox
        shell = Template(_text("shell.html"))
        self._pages = {
            path: shell.substitute(
                page=page,
                title=title,
                main=_text(f"{page}.html"),
                server=server,
                sandbox=sandbox.url,
                write_key=write_key,
            )
            for path, (page, title) in PAGES.items()
        }
        self._assets = {path: _text(path.removeprefix("/")) for path in ASSETS}
        ours = f"'self' {server} {sandbox.url}"
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'none'; script-src {ours}; connect-src {ours}; style-src 'self'; img-src data:;"
                " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
            "Cache-Control": "no-store",
        }

    def application(self) -> web.Application:
        application = web.Application()
        application.add_routes([web.get(path, self._page) for path in PAGES])
        application.add_routes([web.get(path, self._asset) for path in ASSETS])
        application.add_routes([web.get("/arrived", self._arrived)])
        return application

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=self._pages[request.path], content_type="text/html", headers=self._headers)

    async def _asset(self, request: web.Request) -> web.Response:
        return web.Response(text=self._assets[request.path], content_type=ASSETS[request.path], headers=self._headers)

    async def _arrived(self, _: web.Request) -> web.Response:
        """What the panel shows: the events that count, newest first, and the legs that they came on."""
        firsts = [event for event in self._sandbox.events if event.first_id is None]
        shown = {
            "events": len(firsts),
            "both": sum(event.pair_id is not None for event in firsts),
            "newest": [self._seen(event) for event in reversed(firsts[-SHOWN:])],
        }
        return web.Response(body=msgspec.json.encode(shown), content_type="application/json")

    def _seen(self, event: StoredEvent) -> dict[str, Any]:
        both = event.pair_id is not None
        return {
            "event": event.event,
            "browser": both or event.leg is Leg.BROWSER,
            "server": both or event.leg is Leg.SERVER,
            "url": f"{self._sandbox.url}/events/{event.id}",
        }


def _text(name: str) -> str:
    return (files(__package__) / name).read_text()


@asynccontextmanager
async def serving(url: str, sandbox: Sandbox, write_key: str, port: int = 0) -> AsyncIterator[str]:
    """Yields the shop's URL; port 0 is any free one. `url` is the server's. Raises `ConfigurationError` when the port
    cannot be had."""
    server = f"http://localhost:{urlsplit(url).port}"
    runner = web.AppRunner(Site(server, sandbox, write_key).application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            what, mend = f"cannot listen on {port}: {error.strerror}", "Choose another port; 0 takes any free one."
            raise ConfigurationError([Problem("--shop-port", what, mend)]) from error
        yield f"http://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
