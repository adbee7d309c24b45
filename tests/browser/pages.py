"""Pages of a shop, from an origin of their own, and a visitor who keeps count of what the browser asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, Request, Route

HEAD: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Trail shoes</title><link rel="icon" href="data:,">
<script src="/early.js"></script>{head}</head>
<body><h1>Trail shoes</h1><a href="/checkout">Checkout</a></body></html>"""

TIKTOK: Final = "analytics.tiktok.com"
"""Answers every visitor with an empty script: what the Pixel is told then stays in its queue."""

SNIPPET: Final = """
(function () {
  var analytics = (window.analytics = window.analytics || []);
  analytics.invoked = true;
  analytics.methods = ["identify", "track", "page", "ready", "addSourceMiddleware"];
  analytics.factory = function (method) {
    return function () {
      if (window.analytics.initialized) return window.analytics[method].apply(window.analytics, arguments);
      analytics.push([method].concat(Array.prototype.slice.call(arguments)));
      return analytics;
    };
  };
  analytics.methods.forEach(function (method) { analytics[method] = analytics.factory(method); });
  analytics.load = function (key, options) {
    var script = document.createElement("script");
    script.async = true;
    script.src = "%s/analytics.js/v1/" + key + "/analytics.min.js";
    document.head.appendChild(script);
    analytics._loadOptions = options;
  };
  analytics._writeKey = "%s";
  analytics.load("%s");
  analytics.page();
})();
"""
"""What Segment has shops paste into their pages, in its bare form, with our host for Segment's."""


@asynccontextmanager
async def site(head: str, scripts: Mapping[str, str | bytes] | None = None, policy: str = "") -> AsyncIterator[str]:
    """Yields the URL of a shop whose pages have `head`, and `scripts` by path. `policy` is their CSP."""
    served: dict[str, str | bytes] = {"/early.js": "", **(scripts or {})}

    async def answer(request: web.Request) -> web.Response:
        content = served.get(request.path)
        if content is None:
            headers = {"Content-Security-Policy": policy} if policy else {}
            return web.Response(text=HEAD.format(head=head), content_type="text/html", headers=headers)
        body = content if isinstance(content, bytes) else content.encode()
        return web.Response(body=body, content_type="text/javascript")

    application = web.Application()
    application.add_routes([web.get("/{path:.*}", answer)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Visitor:
    """Someone on a page. `hosts` are all that the browser asked anything of, `requests` what it asked."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page
        self.requests: list[Request] = []
        self.problems: list[str] = []
        page.on("request", lambda request: self.requests.append(request))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)

    @property
    def hosts(self) -> set[str]:
        return {urlsplit(request.url).netloc for request in self.requests if not request.url.startswith("data:")}

    def asked(self, fits: Callable[[str], bool]) -> list[Request]:
        return [request for request in self.requests if fits(urlsplit(request.url).path)]

    async def cookies(self) -> dict[str, str]:
        return {cookie["name"]: cookie["value"] for cookie in await self.context.cookies()}


async def _answer_for_tiktok(route: Route) -> None:
    await route.fulfill(status=200, content_type="text/javascript", body="")


@asynccontextmanager
async def visiting(
    browser: Browser, url: str, agent: str = "", headers: dict[str, str] | None = None
) -> AsyncIterator[Visitor]:
    """A visit to `url`. Fails at its end if the page had errors."""
    context = await browser.new_context(user_agent=agent or None, extra_http_headers=headers or {})
    await context.route(f"https://{TIKTOK}/**", _answer_for_tiktok)
    page = await context.new_page()
    page.set_default_timeout(30_000)
    visitor = Visitor(context, page)
    await page.goto(url)
    try:
        yield visitor
    finally:
        await context.close()
    assert visitor.problems == []
