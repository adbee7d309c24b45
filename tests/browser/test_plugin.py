"""The pixel's plugin in a real browser, with the real analytics-next and a stand-in for TikTok's script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from browser.bundle import ASSETS
from playwright.async_api import Browser, Page, Route
from tests.browser.shop import LIBRARY

from tockwork.destinations.connection import Connection
from tockwork.destinations.device import browser_settings
from tockwork.destinations.tiktok.pixel import PIXEL

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

HERE: Final = Path(__file__).parent
SHOP: Final = "http://shop.test"
TIKTOK: Final = "https://analytics.tiktok.com"
CODE: Final = "C8E2OS3C77UABCDXYZ00"
EVENTS: Final = (
    "page()",
    "track('Product Viewed', {product_id: 'SHOE-42', price: 89.9, currency: 'EUR'})",
    "identify('U-1', {email: ' Ann@Example.com '})",
    "track('Order Completed', {order_id: 'O-1', value: 89.9, currency: 'EUR', email: 'ann@example.com'})",
    "track('Wheel Spun', {prize: 'socks'})",
)
Answer = Callable[[Route], Awaitable[None]]


def script(code: str) -> Answer:
    """TikTok's script, as this code."""
    return lambda route: route.fulfill(body=code, content_type="text/javascript")


STAND_IN: Final = (HERE / "tiktok.js").read_text()
WORKING: Final = script(STAND_IN)
CUSTOM: Final = {"name": "Custom", "trigger": 'event = "Wheel Spun"', "fields": {"event": "WheelSpun"}}


def connection(privacy: Any = None, mappings: list[dict[str, Any]] | None = None, **settings: Any) -> Connection:
    presets = [{"name": p.name, "trigger": p.trigger, "action": p.action, "fields": p.fields} for p in PRESETS]
    chosen = [*presets, CUSTOM] if mappings is None else mappings
    return Connection(PIXEL, {"pixelCode": CODE, **settings}, chosen, privacy=privacy)


PRESETS: Final = PIXEL.packs["segment-2026"]


class Visit:
    """One page with the plugin. `sent` are the events that analytics.js posted, `posts` what the pixel posted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sent: list[dict[str, Any]] = []
        self.posts: list[dict[str, Any]] = []
        self.scripts: list[str] = []
        self.errors: list[str] = []

    async def call(self, code: str) -> None:
        """Makes a call of analytics.js, and waits until it resolves."""
        await asyncio.wait_for(self.page.evaluate(f"analytics.{code}.then(() => null)"), 10)

    async def counts(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.evaluate(f"tockworkPixels['{CODE}']")
        return found

    async def calls(self) -> list[list[Any]]:
        """What the stand-in was told, once there is something."""
        await self.page.wait_for_function("window.tiktok")
        found: list[list[Any]] = await self.page.evaluate("tiktok.calls")
        return found


@asynccontextmanager
async def visit(
    browser: Browser, one: Connection, answer: Answer = WORKING, before: str = "", policy: str = "", **plugin: Any
) -> AsyncIterator[Visit]:
    """`answer` answers for TikTok's script; `before` runs before anything on the page; `policy` is the page's
    content security policy, and `plugin` are options of the page's own for the plugin."""
    remote = {
        "name": "TikTok Pixel",
        "creationName": "TikTok Pixel",
        "libraryName": "tockworkTiktokPixel",
        "url": f"{SHOP}/tiktok-pixel.js",
        "settings": {**browser_settings(one), **plugin},
    }
    files = {
        "/settings.js": f"const shop = {json.dumps({'plugin': remote})};{before}",
        "/analytics.js": LIBRARY.read_text(),
        "/tiktok-pixel.js": (ASSETS / "tiktok-pixel.js").read_text(),
    }
    context = await browser.new_context()
    page = await context.new_page()
    seen = Visit(page)

    async def shop(route: Route) -> None:
        path = route.request.url.removeprefix(SHOP).partition("?")[0]
        if path.startswith("/v1/"):
            if route.request.method == "POST":
                seen.sent.append(json.loads(route.request.post_data or ""))
            await route.fulfill(json={"success": True}, headers={"Access-Control-Allow-Origin": "*"})
        elif path in files:
            await route.fulfill(body=files[path], content_type="text/javascript")
        else:
            text = (HERE / "plugin.html").read_text()
            await route.fulfill(body=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def tiktok(route: Route) -> None:
        if "/api/" in route.request.url:
            seen.posts.append(json.loads(route.request.post_data or ""))
            await route.fulfill(body="", headers={"Access-Control-Allow-Origin": "*"})
        else:
            seen.scripts.append(route.request.url)
            await answer(route)

    await page.route(f"{SHOP}/**", shop)
    await page.route(f"{TIKTOK}/**", tiktok)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    await page.goto(f"{SHOP}/")
    yield seen
    await context.close()
    assert seen.errors == []


async def test_events_become_calls(browser: Browser) -> None:
    async with visit(browser, connection()) as seen:
        for event in EVENTS:
            await seen.call(event)
        calls = await seen.calls()
        counts = await seen.counts()
        ids = [one["messageId"] for one in seen.sent]
        anonymous = seen.sent[0]["anonymousId"]
        options = await seen.page.evaluate("tiktok.options")
    assert seen.scripts == [f"{TIKTOK}/i18n/pixel/events.js?sdkid={CODE}&lib=ttq"]
    assert options == {CODE: {}}
    assert all(call[0] == CODE for call in calls)
    tracked = [call[1:] for call in calls if call[1] == "track"]
    assert [(call[1], *call[3:]) for call in tracked] == [
        ("Pageview", {"event_id": ids[0]}),
        ("ViewContent", {"event_id": ids[1]}),
        ("CompletePayment", {"event_id": ids[3]}),
        ("WheelSpun",),  # its mapping sends nothing but a name
    ]
    methods = "identify track identify track identify identify track track".split()
    assert [call[1] for call in calls] == methods
    assert calls[0][2] == {"external_id": anonymous}
    assert calls[4][2] == {"email": "ann@example.com", "external_id": "u-1"}
    assert tracked[2][2] == {
        "content_type": "product",
        "currency": "EUR",
        "value": 89.9,
        "order_id": "O-1",
    }
    assert [post["event"] for post in seen.posts] == ["Pageview", "ViewContent", "CompletePayment", "WheelSpun"]
    assert (counts["events"], counts["calls"], counts["failed"], counts["script"]) == (5, 8, 0, "loaded")


async def test_the_calls_are_those_that_transform_prints(browser: Browser) -> None:
    one = connection(event_id="order", default_region="DE")
    async with visit(browser, one) as seen:
        await seen.call(
            "track('Order Completed', {order_id: 7, phone: '030 123456', products: [{product_id: 1, price: 2}]})"
        )
        await seen.page.wait_for_function("window.tiktok?.calls.length == 2")
        calls = await seen.calls()
    (event,) = seen.sent
    (outcome,) = one.outcomes(json.dumps(event).encode(), 0.0)
    assert [call[1:] for call in calls] == json.loads(bytes(outcome.row))
    assert calls[1][4] == {"event_id": "CompletePayment.7"}


async def test_ldu_partner_and_a_page_view_of_the_pixels_own(browser: Browser) -> None:
    one = connection(mappings=[CUSTOM], ldu=True, partner_name="Acme")
    async with visit(browser, one) as seen:
        await seen.call("page()")
        calls = await seen.calls()
        options, partner = await seen.page.evaluate("[tiktok.options, tiktok.partner]")
    assert calls == [[None, "page"]]
    assert (options, partner) == ({CODE: {"limited_data_use": True}}, "Acme")


async def test_global_privacy_control_limits(browser: Browser) -> None:
    before = "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true});"
    async with visit(browser, connection(), before=before) as seen:
        await seen.calls()
        assert await seen.page.evaluate("tiktok.options") == {CODE: {"limited_data_use": True}}


async def test_global_privacy_control_bars_where_opt_outs_block(browser: Browser) -> None:
    before = "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true});"
    async with visit(browser, connection(privacy={"opt_out": "block"}), before=before) as seen:
        await seen.call("track('Wheel Spun')")
        assert (await seen.counts())["suppressed"] == 1
    assert seen.scripts == []


async def test_no_page_view_at_all(browser: Browser) -> None:
    async with visit(browser, connection(mappings=[CUSTOM], autoPageView=False)) as seen:
        await seen.call("page()")
        assert await seen.calls() == []


async def test_a_route_counts_once(browser: Browser) -> None:
    async with visit(browser, connection()) as seen:
        await seen.call("page()")
        await seen.call("page()")
        await seen.page.evaluate("history.pushState({}, '', '/p/socks')")
        await seen.call("page()")
        await seen.call("page('Sizes')")
        await seen.page.wait_for_function("window.tiktok?.posts.length == 3")
        assert (await seen.counts())["repeated"] == 1
    assert len(seen.sent) == 4


async def test_a_pixel_that_is_there_is_used(browser: Browser) -> None:
    """Loaded by the page with the same code: neither loaded again nor counted again."""
    before = f"window.ttq = {{_i: {{'{CODE}': []}}, load() {{ throw Error('again'); }}, got: [], " + (
        "instance(code) { return new Proxy({}, {get: (_, method) => (...args) => ttq.got.push([method, args[0]])}); }};"
    )
    async with visit(browser, connection(), before=before) as seen:
        await seen.call("track('Wheel Spun')")
        assert await seen.page.evaluate("ttq.got.map(([method]) => method)") == ["track"]
    assert seen.scripts == []


async def test_an_existing_pixel_is_waited_for(browser: Browser) -> None:
    async with visit(browser, connection(useExistingPixel=True)) as seen:
        await seen.call("track('Wheel Spun')")
        assert (await seen.counts())["waiting"] == 1
        await seen.page.evaluate(
            "window.ttq = {got: [], instance: () => ({track: (name) => ttq.got.push(name)})}; null"
        )
        await seen.page.wait_for_function("ttq.got.length")
        assert (await seen.counts())["waiting"] == 0
    assert seen.scripts == []


async def test_consent_comes_before_anything_of_tiktoks(browser: Browser) -> None:
    one = connection(privacy={"consent": {"categories": ["Advertising"]}})
    given = "{context: {consent: {categoryPreferences: {Advertising: %s}}}}"
    async with visit(browser, one) as seen:
        await seen.call("track('Wheel Spun', {})")
        await seen.call(f"track('Wheel Spun', {{}}, {given % 'false'})")
        assert (await seen.counts())["suppressed"] == 2
        assert seen.scripts == []
        await seen.call(f"track('Wheel Spun', {{}}, {given % 'true'})")
        assert [call[1] for call in await seen.calls()] == ["track"]
        await seen.page.evaluate("dispatchEvent(new CustomEvent('tockwork:consent', {detail: {state: 'revoked'}}))")
        assert [call[1] for call in await seen.calls()] == ["track", "revokeConsent"]


async def test_consent_by_the_pixels_own_means(browser: Browser) -> None:
    async with visit(browser, connection(mappings=[CUSTOM]), holdConsent=True) as seen:
        await seen.call("track('Wheel Spun')")
        assert [call[1] for call in await seen.calls()] == ["holdConsent", "page", "track"]
        assert seen.posts == []
        await seen.page.evaluate("ttq.grantConsent()")
        await seen.page.wait_for_function("tiktok.posts.length == 2")


async def test_a_strict_page_needs_to_allow_no_code_of_text(browser: Browser) -> None:
    policy = (
        "default-src 'none'; script-src 'self' 'unsafe-inline' https://analytics.tiktok.com; "
        "connect-src 'self' https://analytics.tiktok.com"
    )
    before = "try { window.made = eval('1') } catch { window.made = 'refused' }"
    async with visit(browser, connection(), before=before, policy=policy) as seen:
        assert await seen.page.evaluate("made") == "refused"
        for event in EVENTS:
            await seen.call(event)
        for _ in range(100):
            if len(seen.posts) == 4:
                break
            await asyncio.sleep(0.05)
        assert (await seen.counts())["failed"] == 0
    assert [post["event"] for post in seen.posts] == ["Pageview", "ViewContent", "CompletePayment", "WheelSpun"]


async def hang(route: Route) -> None:
    """Never answers; the context's end frees the request."""


async def slowly(route: Route) -> None:
    await asyncio.sleep(1.5)
    await route.fulfill(body=STAND_IN, content_type="text/javascript")


def methods_that(body: str) -> str:
    """A script whose pixel has methods with this body."""
    return f"window.ttq = {{_i: {{}}, instance: () => new Proxy({{}}, {{get: () => () => {{ {body} }}}})}};"


FAILURES: Final[dict[str, Answer]] = {
    "blocked": lambda route: route.abort("blockedbyclient"),
    "refused": lambda route: route.abort("connectionrefused"),
    "404": lambda route: route.fulfill(status=404, body="Not Found"),
    "hangs": hang,
    "slow": slowly,
    "a page of HTML": lambda route: route.fulfill(body="<html>Sign in</html>", content_type="text/javascript"),
    "throws": script("throw new Error('no pixel for you')"),
    "takes the queue away": script("window.ttq = null"),
    "puts garbage there": script("window.ttq = 42"),
    "throws at every call": script(methods_that("throw new Error('no')")),
    "rejects every call": script(methods_that("return Promise.reject(new Error('no'))")),
    "throws when it is asked for": script("Object.defineProperty(window, 'ttq', {get() { throw new Error('no') }})"),
}
FINE: Final = ("hangs", "slow")
"""What loses nothing, and is no failure yet."""


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failing_pixel_disturbs_nobody(browser: Browser, failure: str) -> None:
    async with visit(browser, connection(), FAILURES[failure]) as seen:
        await seen.page.wait_for_function(f"window.tockworkPixels?.['{CODE}'].script != 'none'")
        if failure not in FINE:
            await seen.page.wait_for_function(f"tockworkPixels['{CODE}'].script != 'loading'")
        for event in EVENTS:
            await seen.call(event)
        await seen.page.wait_for_timeout(50)
        counts = await seen.counts()
        if failure == "slow":
            assert [call[1] for call in await seen.calls()].count("track") == 4
    assert len({event["messageId"] for event in seen.sent}) == len(EVENTS)
    assert counts["events"] == len(EVENTS)
    assert (counts["failed"] > 0) == (failure not in FINE)
