"""Live events in a real browser, on a real server: what is sent shows up, by the filters, with its whole life."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect
from tests.e2e.server import Server
from tests.e2e.test_live_streams import send, signed_in

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

SOON_MS: Final = 2000
PERSON: Final = {"userId": "quackenbush-7", "context": {"traits": {"email": "ann@quackenbush.example"}}}


@dataclass
class Office:
    """A running server, and somebody who is signed in to its console."""

    server: Server
    key: str
    admin: str
    context: BrowserContext
    page: Page
    sent: int = 0

    async def track(self, name: str, **more: Any) -> None:
        self.sent += 1
        event = {"type": "track", "event": name, "messageId": f"live-{self.sent}", **PERSON, **more}
        await asyncio.to_thread(send, self.server.url, self.key, event)

    async def open(self, path: str = "/live") -> None:
        await self.page.goto(f"{self.admin}{path}")
        if path.startswith("/live"):
            await expect(self.page.locator("#state-words")).to_have_text("Live")

    def row(self, name: str) -> Any:
        return self.page.locator("#events tr[data-ref]", has=self.page.get_by_role("link", name=name, exact=True))


@asynccontextmanager
async def opened(server: Server, browser: Browser) -> AsyncIterator[Office]:
    admin, cookie = await asyncio.to_thread(signed_in, server)
    key = server.said("The write key of the source 'first' is ").rstrip(".")
    context = await browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    name, _, value = cookie.partition("=")
    await context.add_cookies([{"name": name, "value": value, "url": admin}])
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield Office(server, key, admin, context, page)
    await context.close()
    assert faults == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(browser: Browser) -> AsyncIterator[Office]:
    async with Server() as server, opened(server, browser) as office:
        yield office


async def test_what_is_sent_shows_up_within_two_seconds_with_what_becomes_of_it(office: Office) -> None:
    await office.open()
    await office.track("Checkout Started", properties={"currency": "USD", "value": 5})
    began = time.monotonic()
    row = office.row("Checkout Started")
    await expect(row).to_be_visible(timeout=SOON_MS)
    assert time.monotonic() - began <= SOON_MS / 1000
    await expect(row.get_by_text("known")).to_be_visible()
    await expect(row.locator('[data-part="fates"] .badge')).not_to_have_text("sandbox: undecided", timeout=10_000)


async def test_a_pause_holds_rows_back_until_it_ends(office: Office) -> None:
    await office.open()
    await office.page.get_by_role("button", name="Pause").click()
    await expect(office.page.locator("#state-words")).to_have_text("Paused")
    await office.track("Held Back")
    resume = office.page.get_by_role("button", name="Resume (1 new)")
    await expect(resume).to_be_visible(timeout=SOON_MS)
    await expect(office.row("Held Back")).to_have_count(0)
    await resume.click()
    await expect(office.row("Held Back")).to_be_visible()


async def test_the_stream_respects_the_filters(office: Office) -> None:
    await office.open()
    await office.page.get_by_label("Event or page name").fill("Wanted")
    await office.page.get_by_role("button", name="Watch live").click()
    await office.page.wait_for_url("**/live?name=Wanted")
    await expect(office.page.locator("#state-words")).to_have_text("Live")
    await office.track("Unwanted")
    await office.track("Wanted")
    await expect(office.row("Wanted")).to_be_visible(timeout=SOON_MS)
    await expect(office.row("Unwanted")).to_have_count(0)


async def test_a_search_by_person_stands_in_no_address(office: Office) -> None:
    await office.track("Somebody Else", userId="another-person")
    await office.open()
    await office.page.get_by_text("By person, messageId or time").click()
    await office.page.get_by_label("User id or anonymous id").fill("another-person")
    async with office.page.expect_navigation():
        await office.page.get_by_role("button", name="Search").click()
    assert office.page.url == f"{office.admin}/live"
    await expect(office.row("Somebody Else")).to_be_visible()
    assert await office.page.locator("#events tr[data-ref]").count() == 1
    await expect(office.page.get_by_label("User id or anonymous id")).to_have_value("another-person")


async def test_the_whole_life_of_an_event_and_the_person_behind_it(office: Office) -> None:
    await office.track("Order Completed", properties={"currency": "USD", "value": 12.5, "order_id": "O-1"})
    await office.open()
    await office.row("Order Completed").get_by_role("link").click()
    page = office.page
    await expect(page.get_by_role("heading", level=1, name="Order Completed")).to_be_visible()
    for heading in ("Received", "The event", "sandbox", "Trigger", "Fields"):
        await expect(page.get_by_role("heading", name=heading, exact=True).first).to_be_visible()
    assert "quackenbush" not in await page.content()
    page.once("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.get_by_role("button", name="Show personal data").click()
    await expect(page.get_by_text("Personal data is shown.")).to_be_visible()
    await expect(page.locator("#event-json")).to_contain_text("ann@quackenbush.example")
    await page.locator('[data-copy="event-json"]').click()
    assert "ann@quackenbush.example" in await page.evaluate("navigator.clipboard.readText()")
    reference = page.url.split("/live/")[1].split("/")[0]
    answer = await office.context.request.get(f"{office.admin}/api/audit")
    note = (await answer.json())["notes"][0]
    assert (note["action"], note["about"]) == ("event.unmasked", reference)


async def test_a_phone_needs_no_sideways_scrolling(office: Office) -> None:
    await office.track("Seen On A Phone")
    await office.page.set_viewport_size({"width": 390, "height": 800})
    await office.open()
    assert await office.page.evaluate("document.documentElement.scrollWidth") <= 390
    await office.row("Seen On A Phone").get_by_role("link").click()
    await expect(office.page.get_by_role("heading", level=1, name="Seen On A Phone")).to_be_visible()
    assert await office.page.evaluate("document.documentElement.scrollWidth") <= 390
    await office.page.set_viewport_size({"width": 1280, "height": 800})


async def test_a_restart_of_the_server_loses_no_event_of_the_page(browser: Browser, tmp_path: Path) -> None:
    port = str(free_port())
    variables = {"TOCKWORK_DATA": str(tmp_path / "data"), "TOCKWORK_ADMIN_PORT": port}
    async with Server(**variables) as server, opened(server, browser) as office:
        await office.open()
        await asyncio.to_thread(server.stop)
        await expect(office.page.locator("#state-words")).to_have_text("Reconnecting…", timeout=10_000)
        await asyncio.to_thread(server.start)
        await office.track("Sent Meanwhile")
        await expect(office.row("Sent Meanwhile")).to_be_visible(timeout=20_000)
        await expect(office.page.locator("#state-words")).to_have_text("Live")


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        return int(found.getsockname()[1])
