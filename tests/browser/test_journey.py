"""The whole way of an event on both legs: Chromium, analytics.js, ``tockwork serve``, and a stand-in for TikTok that
merges what the browser and the server report. The plugin runs as shops get it: the browser is told that TikTok's host
is the sandbox."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect
from tests.browser.pages import TIKTOK, site
from tests.browser.shop import LIBRARY
from tests.browser.test_plugin import FAILURES, FINE, Answer
from tests.e2e.clients.stand import until
from tests.e2e.command import arguments, environment
from tests.e2e.server import Server

from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.destinations.tiktok.pixel import PIXEL
from tockwork.sandbox.dedup import Verdict
from tockwork.sandbox.legs import Agreement, compared
from tockwork.sandbox.record import Leg, StoredEvent
from tockwork.sandbox.server import Sandbox

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

WRITE_KEY: Final = "wk-journey"
CODE: Final = "C8E2OS3C77UABCDXYZ00"
PACK: Final = "segment-2026"
CLICK: Final = "E.C.P.aB3-click"
SHOE: Final = {"product_id": "SHOE-42", "name": "Trail Shoe", "category": "Shoes", "price": 89.9, "quantity": 1}
ORDER: Final = {"order_id": "O-1001", "currency": "EUR", "value": 89.9, "products": [SHOE]}
ANN: Final = {
    "email": " Ann@Example.com ",
    "phone": "+49 30 1234567",
    "firstName": "Ann",
    "lastName": "Smith",
    "address": {"city": "Berlin", "state": "BE", "country": "de", "postalCode": "10115"},
}
SHOPPING: Final[tuple[tuple[Any, ...], ...]] = (
    ("track", "Product Viewed", {**SHOE, "currency": "EUR"}),
    ("track", "Product Added", {**SHOE, "currency": "EUR"}),
    ("track", "Checkout Started", ORDER),
    ("identify", "U-1", ANN),
    ("track", "Order Completed", ORDER, {"traits": ANN}),
    ("track", "Signed Up", {}, {"traits": {"email": ANN["email"]}}),
    ("track", "Wheel Spun", {"value": 1, "currency": "EUR", "description": "socks"}),
)
REPORTED: Final = [
    "Pageview",
    "ViewContent",
    "AddToCart",
    "InitiateCheckout",
    "CompletePayment",
    "CompleteRegistration",
    "WheelSpun",
]
PERSON: Final = {f"user.{name}" for name in "email phone first_name last_name city state country zip_code".split()}
LEAST_SHARED: Final = 6
"""Fields that even a bare event has on both legs: event, event_id, its page, user agent, external id, click."""


def mappings(destination: Any) -> list[dict[str, Any]]:
    """The presets, and a custom event of the shop's own."""
    presets = [
        {"name": p.name, "trigger": p.trigger, "action": p.action, "fields": p.fields} for p in destination.packs[PACK]
    ]
    contact = next(preset for preset in presets if preset["name"] == "Contact")
    fields = {**contact["fields"], "event": "WheelSpun"}
    return [*presets, {**contact, "name": "Wheel", "trigger": 'event = "Wheel Spun"', "fields": fields}]


def configuration(event_id: str) -> dict[str, Any]:
    settings = {"pixelCode": CODE, "event_id": event_id}
    server = {**settings, "accessToken": "token"}
    return {
        "sources": [{"name": "shop", "write_key": WRITE_KEY, "kind": "browser"}],
        "destinations": [
            {"name": "pixel", "kind": PIXEL.key, "settings": settings, "mappings": mappings(PIXEL)},
            {"name": "server", "kind": CONVERSIONS.key, "settings": server, "mappings": mappings(CONVERSIONS)},
        ],
    }


@dataclass
class Stand:
    """A server and the stand-in for TikTok; `host` is the server by a name that the shop's pages share."""

    sandbox: Sandbox
    host: str

    @property
    def tag(self) -> str:
        return f'<script src="{self.host}/tockwork.js" data-write-key="{WRITE_KEY}"></script>'

    def arrived(self, leg: Leg) -> list[StoredEvent]:
        return [event for event in self.sandbox.events if event.leg is leg]

    async def both(self, number: int) -> list[StoredEvent]:
        """The first arrivals of `number` events that came on both legs."""
        await until(
            lambda: self.sandbox.stats().both_legs >= number, f"{number} events on both legs", self.sandbox.stats
        )
        return [event for event in self.sandbox.events if event.first_id is None]

    async def by_server(self, number: int) -> list[StoredEvent]:
        await until(lambda: len(self.arrived(Leg.SERVER)) >= number, f"{number} rows", self.sandbox.stats)
        return self.arrived(Leg.SERVER)


@asynccontextmanager
async def standing(folder: Path, event_id: str = "message-id") -> AsyncIterator[Stand]:
    file = folder / "tockwork.json"
    file.write_text(json.dumps(configuration(event_id)))
    async with Sandbox().serve() as sandbox, Server("--config", str(file), TOCKWORK_TIKTOK_URL=sandbox.url) as server:
        yield Stand(sandbox, server.url.replace("127.0.0.1", "localhost"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with standing(tmp_path_factory.mktemp("journey")) as stand:
        yield stand


@pytest.fixture
def stand(running: Stand) -> Stand:
    running.sandbox.reset()
    return running


@asynccontextmanager
async def shopper(browser: Browser, stand: Stand, url: str, answer: Answer | None = None) -> AsyncIterator[Page]:
    """A visit to `url`, where TikTok's host is the sandbox; `answer` answers for its script instead. Fails at its end
    if the page had uncaught errors."""
    context = await browser.new_context()
    errors: list[str] = []

    async def tiktok(route: Route) -> None:
        asked = urlsplit(route.request.url)
        if answer is not None and asked.path.endswith("/events.js"):
            return await answer(route)
        response = await route.fetch(url=f"{stand.sandbox.url}{asked.path}?{asked.query}")
        return await route.fulfill(response=response)

    await context.route(f"https://{TIKTOK}/**", tiktok)
    page = await context.new_page()
    page.set_default_timeout(30_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(f"{url}/?ttclid={CLICK}")
    yield page
    await context.unroute_all(behavior="ignoreErrors")
    await context.close()
    assert errors == []


async def call(page: Page, method: str, *arguments: Any) -> None:
    """Makes a call of analytics.js, and waits until it resolves."""
    await page.evaluate("([method, args]) => analytics[method](...args).then(() => null)", [method, arguments])


async def shop(page: Page) -> None:
    # Before, there is a queue alone, whose calls return no promise.
    await page.wait_for_function("Boolean(analytics.initialized || analytics.then)")
    for method, *given in SHOPPING:
        await call(page, method, *given)


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def pair_of(stand: Stand, first: StoredEvent) -> StoredEvent:
    return next(event for event in stand.sandbox.events if event.id == first.pair_id)


async def check_pairs(stand: Stand) -> list[StoredEvent]:
    """All that was reported arrived on both legs, was merged, and says the same; returns what arrived first.

    The browser may know more: who identified, and the ``_ttp`` that the pixel made after the page's first events.
    """
    firsts = await stand.both(len(REPORTED))
    stats = stand.sandbox.stats()
    assert (stats.unique, stats.merged, stats.both_legs, stats.dropped) == (*(len(REPORTED),) * 3, 0)
    assert stats.rejected_requests == 0
    for leg in Leg:
        assert sorted(event.event for event in stand.arrived(leg)) == sorted(REPORTED)
    for first in firsts:
        pair = pair_of(stand, first)
        assert (pair.verdict, pair.event_id) == (Verdict.MERGED, first.event_id)
        lines = compared(first, pair)
        assert sum(line.agreement is Agreement.SAME for line in lines) >= LEAST_SHARED
        assert [line for line in lines if line.agreement is Agreement.DIFFERENT] == []
        assert [line for line in lines if line.browser is None] == [], "the browser knows all that the server knows"
        alone = {line.path for line in lines if line.server is None}
        assert alone <= PERSON | {"user.ttp"}
        assert first.event != "CompletePayment" or not alone
    return firsts


@pytest.mark.parametrize("event_id", ["message-id", "order"])
async def test_every_event_arrives_on_both_legs_as_one(browser: Browser, tmp_path: Path, event_id: str) -> None:
    async with standing(tmp_path, event_id) as stand, site(stand.tag) as url:
        async with shopper(browser, stand, url) as page:
            await shop(page)
            firsts = await check_pairs(stand)
        (order,) = [first for first in firsts if first.event == "CompletePayment"]
        for row in (order.row, pair_of(stand, order).row):
            assert (row["event_id"] == "CompletePayment.O-1001") is (event_id == "order")
            assert row["properties"]["value"] == ORDER["value"]
            assert row["properties"]["contents"][0]["content_id"] == "SHOE-42"
            user = {name: value if isinstance(value, str) else value[0] for name, value in row["user"].items()}
            assert (user["email"], user["phone"]) == (hashed("ann@example.com"), hashed("+49301234567"))
            assert (user["first_name"], user["zip_code"]) == (hashed("ann"), hashed("10115"))
            assert (user["city"], user["country"], user["ttclid"]) == ("berlin", "de", CLICK)
            assert "HeadlessChrome" in user["user_agent"]


def slowly(stand: Stand) -> Answer:
    """The sandbox's script, late."""

    async def answer(route: Route) -> None:
        await asyncio.sleep(1)
        await route.fulfill(response=await route.fetch(url=f"{stand.sandbox.url}/i18n/pixel/events.js"))

    return answer


@pytest.mark.parametrize("failure", FAILURES)
async def test_no_failure_of_tiktoks_script_loses_an_event_of_the_server(
    browser: Browser, stand: Stand, failure: str
) -> None:
    answer = slowly(stand) if failure == "slow" else FAILURES[failure]
    async with site(stand.tag) as url, shopper(browser, stand, url, answer) as page:
        came = "script == 'loading'" if failure in FINE else "script.match(/loaded|failed/)"
        await page.wait_for_function(f"window.tockworkPixels?.['{CODE}'].{came}")
        await shop(page)
        rows = await stand.by_server(len(REPORTED))
        counts = await page.evaluate(f"tockworkPixels['{CODE}']")
        if failure == "slow":
            await stand.both(len(REPORTED))
    assert counts["events"] == len(SHOPPING) + 1
    assert (counts["failed"] > 0) == (failure not in FINE)
    assert sorted(row.event for row in rows) == sorted(REPORTED)
    assert {row.verdict for row in rows} == {Verdict.UNIQUE}


async def test_npm_with_only_its_hosts_changed_reports_on_both_legs(browser: Browser, stand: Stand) -> None:
    settings = json.dumps({"writeKey": WRITE_KEY, "cdnURL": stand.host})
    api = {"apiHost": f"{urlsplit(stand.host).netloc}/v1", "protocol": "http"}
    options = json.dumps({"integrations": {"Segment.io": api}})
    load = f"analytics = AnalyticsNext.AnalyticsBrowser.load({settings}, {options}); analytics.page();"
    scripts: dict[str, str | bytes] = {"/analytics.js": LIBRARY.read_bytes(), "/load.js": load}
    head = '<script src="/analytics.js"></script><script src="/load.js"></script>'
    async with site(head, scripts) as url, shopper(browser, stand, url) as page:
        await shop(page)
        await stand.both(len(REPORTED))
    stats = stand.sandbox.stats()
    assert (stats.unique, stats.merged, stats.dropped) == (len(REPORTED), len(REPORTED), 0)


@asynccontextmanager
async def demo() -> AsyncIterator[str]:
    """Runs ``tockwork demo --shop``, and yields the shop's URL."""
    process = await asyncio.create_subprocess_exec(
        *arguments("demo", "--shop"), env=environment(), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        said = b""
        while not said.startswith(b"The shop: "):
            said = await asyncio.wait_for(process.stdout.readline(), 60)
            assert said, "the demo ended before it named its shop"
        yield said.decode().split()[2].rstrip("/")
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_demo_shop_reports_a_whole_purchase_on_both_legs(browser: Browser) -> None:
    async with demo() as url:
        context = await browser.new_context()
        page = await context.new_page()
        page.set_default_timeout(30_000)
        problems: list[str] = []
        hosts: set[str | None] = set()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))  # None of a data: URL
        await page.goto(url)
        await page.click("text=Wool Socks")
        await page.click("text=Add to cart")
        await page.click("text=Cart")
        await page.click("text=Check out")
        await page.click("text=Place the order")
        await page.wait_for_url("**/thanks")
        await page.click("text=Sign up")
        await page.click("main button")
        for name in (*REPORTED[:-1], "AddPaymentInfo"):
            await page.locator(f"#arrived li:has-text('{name}'):has(.came ~ .came)").first.wait_for()
        await expect(page.locator("#arrived .leg:not(.came)")).to_have_count(0)
        await context.close()
    assert problems == []
    assert hosts - {None} == {"localhost", "127.0.0.1"}
