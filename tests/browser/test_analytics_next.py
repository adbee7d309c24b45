"""@segment/analytics-next, unmodified, in a real browser, against ``tockwork serve`` of another origin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page, Request
from tests.browser.shop import serving
from tests.e2e.clients.proxy import BUSY, FULL, RETRY_AFTER_S
from tests.e2e.clients.stand import WRITE_KEY, Stand, until

from tockwork.ingest.answer import Answer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

USER_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0 Tockwork-Shopper/1.0"
BATCHING: Final = {"strategy": "batching", "config": {"size": 3, "timeout": 100}}
LATER: Final = {"strategy": "batching", "config": {"size": 100, "timeout": 60_000}}


@asynccontextmanager
async def shopper(browser: Browser, stand: Stand, **segment: Any) -> AsyncIterator[Page]:
    """A visit to the shop's first page. `segment` are options of the plugin that sends."""
    api = {"apiHost": f"{stand.url.removeprefix('http://')}/v1", "protocol": "http"}
    async with serving(WRITE_KEY, {**api, **segment}) as url:
        context = await browser.new_context(user_agent=USER_AGENT, locale="de-DE")
        page = await context.new_page()
        page.set_default_timeout(60_000)
        elsewhere: list[str] = []
        errors: list[str] = []

        def note(request: Request) -> None:
            if not request.url.startswith((url, stand.url, "data:")):
                elsewhere.append(request.url)

        page.on("request", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(f"{url}/?ttclid=E.C.P.click")
        yield page
        await context.close()
    assert (elsewhere, errors) == ([], [])


async def call(page: Page, code: str) -> None:
    await page.evaluate(f"() => {{ analytics.{code} }}")


async def test_calls_arrive_from_another_origin(stand: Stand, browser: Browser) -> None:
    async with shopper(browser, stand) as page:
        url = page.url
        await page.evaluate("analytics.page().then(() => null)")
        await page.evaluate("analytics.identify('u-1', {email: 'jane@example.com'}).then(() => null)")
        await page.evaluate(
            "analytics.track('Order Completed', {order_id: 'o-1', revenue: 12.5, currency: 'EUR'}).then(() => null)"
        )
        events = await stand.events(3)
        rows = await stand.rows(2)
    assert [event["type"] for event in events] == ["page", "identify", "track"]
    home, identify, order = events
    assert home["properties"]["url"] == url
    assert identify["traits"] == {"email": "jane@example.com"}
    assert (order["userId"], order["properties"]["order_id"]) == ("u-1", "o-1")
    assert len({event["anonymousId"] for event in events}) == 1
    for event in events:
        assert event["context"]["userAgent"] == USER_AGENT
        assert event["context"]["page"]["url"] == url
        assert event["context"]["library"]["name"] == "analytics.js"
        assert "writeKey" not in event
    view, purchase = sorted((row.row for row in rows), key=lambda row: row["event"] == "CompletePayment")
    assert purchase["event"] == "CompletePayment"
    assert (view["event_id"], purchase["event_id"]) == (home["messageId"], order["messageId"])
    for row in (view, purchase):
        assert row["user"]["user_agent"] == USER_AGENT
        assert row["user"]["ttclid"] == "E.C.P.click"
        assert "ip" not in row["user"], "a private address tells nothing"
        assert row["page"]["url"] == url
    assert {"POST", "OPTIONS"} == {exchange.method for exchange in stand.proxy.exchanges}, "the browser asked first"
    assert [post.path for post in stand.proxy.posts] == ["/v1/p", "/v1/i", "/v1/t"]
    assert {post.headers["content-type"] for post in stand.proxy.posts} == {"text/plain"}


async def test_batches(stand: Stand, browser: Browser) -> None:
    async with shopper(browser, stand, deliveryStrategy=BATCHING) as page:
        for number in range(7):
            await call(page, f"track('Ping', {{number: {number}}})")
        events = await stand.events(7)
    assert sorted(event["properties"]["number"] for event in events) == list(range(7))
    assert {event["context"]["userAgent"] for event in events} == {USER_AGENT}
    assert {(post.path, post.status) for post in stand.proxy.posts} == {("/v1/b", 200)}
    assert sum(len(post.json["batch"]) for post in stand.proxy.posts) == 7
    assert len(stand.proxy.posts) <= 4


@pytest.mark.parametrize("fault", [BUSY, FULL], ids=["429", "503"])
@pytest.mark.parametrize("strategy", [{"strategy": "standard", "config": {}}, BATCHING], ids=["standard", "batching"])
async def test_it_comes_back(stand: Stand, browser: Browser, fault: Answer, strategy: dict[str, Any]) -> None:
    """After 429 when Retry-After says, which the server lets it read; after 503 on its own schedule."""
    stand.proxy.faults = [fault]
    async with shopper(browser, stand, deliveryStrategy=strategy) as page:
        await call(page, "track('Ping')")
        (event,) = await stand.events(1)
        await until(lambda: stand.proxy.posts[-1].status == 200, "an answer", lambda: stand.proxy.posts[-1].status)
    first, second = stand.proxy.posts
    assert (first.status, second.status) == (fault.status, 200)
    assert second.headers["x-retry-count"] == "1"
    assert event["event"] == "Ping"
    if fault is BUSY:
        assert second.at - first.at >= RETRY_AFTER_S - 0.05


async def test_what_failed_is_sent_from_the_next_page(stand: Stand, browser: Browser) -> None:
    async with shopper(browser, stand) as page:
        stand.proxy.faults = [BUSY]
        await page.evaluate("analytics.track('Ping').then(() => null)")
        stand.proxy.open.clear()
        await page.click("text=Checkout")
        await page.wait_for_url("**/checkout")
        stand.proxy.open.set()
        await call(page, "page()")
        events = await stand.events(2)
    assert sorted(event["type"] for event in events) == ["page", "track"]


async def test_a_page_that_closes_still_sends_its_batch(stand: Stand, browser: Browser) -> None:
    async with shopper(browser, stand, deliveryStrategy=LATER) as page:
        for number in range(2):
            await page.evaluate(f"analytics.track('Ping', {{number: {number}}}).then(() => null)")
        assert stand.proxy.exchanges == []
        await page.goto("about:blank")
        events = await stand.events(2)
    assert sorted(event["properties"]["number"] for event in events) == [0, 1]
    assert [len(post.json["batch"]) for post in stand.proxy.posts] == [2]


async def test_a_request_outlives_its_page(stand: Stand, browser: Browser) -> None:
    """With keepalive, the browser still waits for the answer to its preflight when the page is gone."""
    async with shopper(browser, stand, deliveryStrategy={"config": {"keepalive": True}}) as page:
        stand.proxy.open.clear()
        await call(page, "track('Ping')")
        await until(lambda: bool(stand.proxy.exchanges), "a request", lambda: stand.proxy.exchanges)
        await page.goto("about:blank")
        stand.proxy.open.set()
        (event,) = await stand.events(1)
    assert event["event"] == "Ping"
    assert [exchange.method for exchange in stand.proxy.exchanges] == ["OPTIONS", "POST"]
