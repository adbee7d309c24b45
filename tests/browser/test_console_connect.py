"""Someone who never opens a terminal connects each of the four destinations in the console, step by step as Segment's
and Chord's pages say it, and sees the first event arrive."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect
from tests.browser.pages import TIKTOK, site
from tests.e2e.clients.stand import until
from tests.e2e.server import Server

from tockwork.sandbox.record import Leg, StoredEvent
from tockwork.sandbox.server import Sandbox

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

TOKEN: Final = "token-of-the-ad-account"
PASSWORD: Final = "correct horse battery staple"
PIXEL: Final = "C4ABCDEFGHIJKLMNOPQ"
EVENT_SET: Final = "7123456789012345678"


@dataclass
class Office:
    """A running server, the stand-in for TikTok, and somebody at the console."""

    server: Server
    sandbox: Sandbox
    page: Page
    console: str

    @property
    def main(self) -> Any:
        return self.page.locator("main .page-body")

    async def arrived(self, source_id: str, leg: Leg = Leg.SERVER) -> StoredEvent:
        """The first event that came for this pixel or event set."""

        def found() -> list[StoredEvent]:
            return [one for one in self.sandbox.events if one.leg is leg and self._is_for(one, source_id)]

        await until(lambda: bool(found()), f"an event for {source_id}", self.sandbox.stats)
        return found()[0]

    def _is_for(self, event: StoredEvent, source_id: str) -> bool:
        return event.request.event_source_id == source_id

    async def open(self, part: str) -> None:
        """Clicks a part of the console."""
        parts = self.page.get_by_role("navigation", name="Parts of the console")
        await parts.get_by_role("link", name=part, exact=True).click()

    async def add_source(self, name: str, kind: str) -> str:
        """Adds a source, and returns the text of the snippet for its language, as the page offers it to be copied."""
        await self.open("Sources")
        await self.page.get_by_role("link", name="Add source").first.click()
        await self.page.get_by_label("Source name").fill(name)
        await self.page.get_by_label("Kind").select_option(kind)
        await self.page.get_by_role("button", name="Add source").click()
        await expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()
        return await self.snippet("Script tag" if kind == "browser" else "Python")

    async def snippet(self, language: str) -> str:
        await self.main.get_by_role("link", name=language, exact=True).click()
        await expect(self.main.get_by_role("link", name=language, exact=True)).to_have_attribute("aria-current", "page")
        return await self.page.locator("#snippet").inner_text()

    async def seen_live(self, name: str) -> None:
        """The event shows under Live events."""
        await self.open("Live events")
        await expect(self.main.get_by_text(name).first).to_be_visible()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(browser: Browser) -> AsyncIterator[Office]:
    async with Sandbox().serve() as sandbox, Server(TOCKWORK_TIKTOK_URL=sandbox.url) as server:
        link = await asyncio.to_thread(server.said, "Set up the console: ")
        context = await browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        page = await context.new_page()
        page.set_default_timeout(30_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(link)
        await page.get_by_label("Your name").fill("Mara Marketer")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_label("Password again").fill(PASSWORD)
        await page.get_by_role("button", name="Set up and sign in").click()
        await expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
        yield Office(server, sandbox, page, link.partition("/setup")[0])
        await context.close()
        assert errors == []


async def run_python(text: str) -> None:
    """Runs a snippet that was copied."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", text)
    assert await process.wait() == 0


async def run_shell(text: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *shlex.split(text.replace("\\\n", " ")), stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


async def test_tiktok_conversions(office: Office) -> None:
    """Segment, "Connect TikTok Conversions to your workspace"."""
    page, code = office.page, f"{PIXEL}A"
    snippet = await office.add_source("Shop backend", "server")
    # 1. Click Catalog, then click Destinations.
    await office.open("Catalog")
    await office.main.get_by_role("link", name="Destinations").click()
    # 2. Search for "TikTok Conversions", and select the destination.
    await page.get_by_label("Search destinations").fill("TikTok Conversions")
    await expect(office.main.get_by_role("status")).to_contain_text("for “TikTok Conversions”")
    await office.main.get_by_role("link", name="TikTok Conversions", exact=True).click()
    # 3. Click Configure TikTok Conversions.
    await page.get_by_role("link", name="Configure TikTok Conversions").click()
    # 4. Select the source that will send data, and name your destination.
    await page.get_by_label("Shop backend").check()
    await page.get_by_label("Destination name").fill("TikTok EU")
    # 5. In Settings, enter your TikTok Access Token and Pixel Code and click Save.
    await page.get_by_label("Access Token", exact=True).fill(TOKEN)
    await page.get_by_label("Pixel Code", exact=True).fill(code)
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="TikTok EU")).to_be_visible()
    # Test connection
    await page.get_by_label("Test event code for this event").fill("TEST12345")
    await page.get_by_role("button", name="Test connection").click()
    await expect(page.get_by_text("It works.")).to_be_visible()
    tried = await office.arrived(code)
    assert tried.request.test_event_code == "TEST12345"
    # 6. Customizing mappings is one click away, and events flow.
    await expect(office.main.get_by_role("link", name="Mappings")).to_be_visible()
    await run_python(snippet)
    await until(
        lambda: any(
            one.event == "CompletePayment" and one.request.event_source_id == code and not one.request.test_event_code
            for one in office.sandbox.events
        ),
        "the order",
        office.sandbox.stats,
    )
    await office.seen_live("Order Completed")


async def test_tiktok_pixel(office: Office, browser: Browser) -> None:
    """Segment, "Connect TikTok Pixel to your workspace"."""
    page, code = office.page, f"{PIXEL}B"
    snippet = await office.add_source("Web shop", "browser")
    await office.open("Catalog")
    await office.main.get_by_role("link", name="Destinations").click()
    await page.get_by_label("Search destinations").fill("TikTok Pixel")
    await page.get_by_role("button", name="Search").click()
    await office.main.get_by_role("link", name="TikTok Pixel", exact=True).click()
    # 3. Click Add Destination. 4. Select an existing JavaScript source. 5. Give the destination a name.
    await page.get_by_role("link", name="Add Destination").click()
    await page.get_by_label("Web shop").check()
    await page.get_by_label("Destination name").fill("Pixel of the shop")
    await page.get_by_label("Pixel Code", exact=True).fill(code)
    # 7. Toggle on the destination using the Enable Destination toggle. 8. Click Save Change.
    await page.get_by_label("Enable Destination").check()
    await page.get_by_role("button", name=re.compile("^Save Change")).click()
    await expect(page.get_by_role("heading", level=1, name="Pixel of the shop")).to_be_visible()
    # A page with the snippet reports to TikTok by itself.
    async with site(snippet.replace("127.0.0.1", "localhost")) as url:
        await visit(browser, office, url)
        found = await office.arrived(code, Leg.BROWSER)
        assert found.event in ("Pageview", "AddToCart")
    await office.seen_live("Product Added")


async def visit(browser: Browser, office: Office, url: str) -> None:
    """A visit to `url`, where TikTok's host is the sandbox."""
    context = await browser.new_context()

    async def tiktok(route: Route) -> None:
        asked = urlsplit(route.request.url)
        response = await route.fetch(url=f"{office.sandbox.url}{asked.path}?{asked.query}")
        await route.fulfill(response=response)

    await context.route(f"https://{TIKTOK}/**", tiktok)
    shop = await context.new_page()
    await shop.goto(url)
    await until(
        lambda: sum(one.leg is Leg.BROWSER for one in office.sandbox.events) > 1,
        "events of the page",
        office.sandbox.stats,
    )
    await context.unroute_all(behavior="ignoreErrors")
    await context.close()


async def test_tiktok_offline_conversions(office: Office) -> None:
    """Segment, "Getting started" of TikTok Offline Conversions."""
    page = office.page
    snippet = await office.add_source("Call centre", "server")
    await office.open("Catalog")
    await office.main.get_by_role("link", name="Destinations").click()
    await page.get_by_label("Search destinations").fill("Tiktok Offline Conversions (Actions)")
    await page.get_by_role("button", name="Search").click()
    await office.main.get_by_role("link", name="TikTok Offline Conversions", exact=True).click()
    # 3. Click Configure. 4. Select an existing source. 5. Give the destination a name.
    await page.get_by_role("link", name="Configure TikTok Offline Conversions").click()
    await page.get_by_label("Call centre").check()
    await page.get_by_label("Destination name").fill("Phone orders")
    # 6. On the Settings screen, provide Access Token and Event Set ID. 7. Toggle it on. 8. Save Change.
    await page.get_by_label("Access Token", exact=True).fill(TOKEN)
    await page.get_by_label("Event Set ID", exact=True).fill(EVENT_SET)
    await page.get_by_label("Enable Destination").check()
    await page.get_by_role("button", name=re.compile("^Save Change")).click()
    await expect(page.get_by_role("heading", level=1, name="Phone orders")).to_be_visible()
    await run_python(snippet)
    found = await office.arrived(EVENT_SET)
    assert (found.event, found.request.event_source) == ("CompletePayment", "offline")
    await office.seen_live("Order Completed")


async def test_chord(office: Office) -> None:
    """Chord, "Connecting to the TikTok Conversions API CDP Destination", and "Testing and validation"."""
    page, code = office.page, f"{PIXEL}C"
    await office.add_source("Storefront", "server")
    snippet = await office.snippet("curl")
    # 3. Click the Add button next to Destinations. 4. Select it from the catalog.
    await office.open("Destinations")
    await page.get_by_role("link", name="Add", exact=True).click()
    await page.get_by_label("Search destinations").fill("Chord")
    await expect(office.main.get_by_role("status")).to_contain_text("1 destination for “Chord”")
    await office.main.get_by_role("link", name="Chord TikTok Conversions").click()
    await page.get_by_role("link", name="Configure Chord TikTok Conversions").click()
    # 5. Enter the destination name, Access Token, and Pixel Code. 6. Optionally a Test Event Code.
    await page.get_by_label("Storefront").check()
    await page.get_by_label("Destination name").fill("Chord EU")
    await page.get_by_label("Access Token", exact=True).fill(TOKEN)
    await page.get_by_label("Test Event Code", exact=True).fill("TEST777")
    # What is missing is told at its field, and nothing that was typed is lost.
    await page.get_by_role("button", name="Create", exact=True).click()
    await expect(page.get_by_label("Pixel Code", exact=True)).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Test Event Code", exact=True)).to_have_value("TEST777")
    await expect(page.get_by_label("Storefront")).to_be_checked()
    await page.get_by_label("Pixel Code", exact=True).fill(code)
    # 7. Click Create.
    await page.get_by_role("button", name="Create", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="Chord EU")).to_be_visible()
    # The banner's clock runs while the code is set.
    clock = page.get_by_role("timer")
    await expect(clock).to_have_text(re.compile(r"^00:00:\d\d$"))
    before = await clock.inner_text()
    await expect(clock).not_to_have_text(before)
    # Testing: trigger events, and see them under Test Events.
    await run_shell(snippet)
    found = await office.arrived(code)
    assert (found.event, found.request.test_event_code) == ("AddToCart", "TEST777")
    # Remove the test event code before going live.
    await page.get_by_label("Test Event Code", exact=True).fill("")
    await page.get_by_role("button", name="Save Changes").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await expect(page.get_by_role("timer")).to_have_count(0)
    await run_shell(snippet)
    await until(
        lambda: any(
            one.request.event_source_id == code and not one.request.test_event_code for one in office.sandbox.events
        ),
        "an event without the code",
        office.sandbox.stats,
    )
    await office.seen_live("Product Added")


async def test_the_segment_snippet_works_as_it_is_pasted(office: Office, browser: Browser) -> None:
    """The snippet for those who have Segment's today loads analytics.js from the server, and counts the page."""
    await office.add_source("Old shop", "browser")
    snippet = await office.snippet("analytics.js snippet")
    async with site(snippet.replace("127.0.0.1", "localhost")) as url:
        context = await browser.new_context()
        shop = await context.new_page()
        async with shop.expect_response(re.compile(r"/v1/p$")) as sent:
            await shop.goto(url)
        answer = await sent.value
        assert answer.status == 200
        assert msgspec.json.decode((answer.request.post_data or "").encode())["type"] == "page"
        await context.close()


async def test_the_write_key_is_copied_with_its_button(office: Office) -> None:
    await office.add_source("Copied", "server")
    await office.page.get_by_role("button", name="Copy write key").click()
    await expect(office.page.get_by_role("button", name="Copied")).to_be_visible()
    copied = await office.page.evaluate("navigator.clipboard.readText()")
    await office.page.get_by_text("Show write key").click()
    assert copied == await office.page.locator("#write-key").inner_text()


async def test_it_is_copied_where_the_browser_has_no_clipboard_for_pages(office: Office) -> None:
    """As on pages that come by http from another machine."""
    page = office.page
    await office.add_source("Copied elsewhere", "server")
    await page.evaluate("navigator.clipboard.writeText('before')")
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', { configurable: true, value: undefined })")
    await page.get_by_role("button", name="Copy write key").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = await page.evaluate("delete navigator.clipboard && navigator.clipboard.readText()")
    assert copied == await page.locator("#write-key").text_content()


async def test_what_cannot_be_copied_is_selected(office: Office) -> None:
    page = office.page
    await office.add_source("Selected", "server")
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', { configurable: true, value: undefined })")
    await page.evaluate("document.execCommand = () => false")
    await page.get_by_role("button", name="Copy write key").click()
    await expect(page.get_by_role("button", name="Selected: press Ctrl+C")).to_be_visible()
    selected = await page.evaluate("getSelection().toString()")
    assert selected == await page.locator("#write-key").inner_text()
