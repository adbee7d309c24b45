"""A mapping is made, tried and saved in a real browser, step by step as the documents say, and its event arrives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from tests.e2e.clients.stand import until
from tests.e2e.server import Server

from tockwork.sandbox.record import StoredEvent
from tockwork.sandbox.server import Sandbox

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

PASSWORD: Final = "correct horse battery staple"
PIXEL: Final = "CMAPPING000000000000"
EVENT_SET: Final = "7123456789012345678"
WEB: Final = "Shop (web)"
OFFLINE: Final = "Shops/offline"
CONNECTED: Final = (
    {"kind": "tiktok-conversions", "name": WEB, "settings": {"pixelCode": PIXEL, "accessToken": "token-1"}},
    {
        "kind": "tiktok-offline-conversions",
        "name": OFFLINE,
        "settings": {"eventSetID": EVENT_SET, "accessToken": "t-2"},
    },
)
CONNECT: Final = """async ([body]) => {
  const { csrf } = await (await fetch("/api/session")).json();
  const headers = { "content-type": "application/json", "X-CSRF-Token": csrf };
  return (await fetch("/api/destinations", { method: "POST", headers, body })).status;
}"""


@dataclass
class Office:
    """A running server, the stand-in for TikTok, and an owner at the console. `key` is a source's write key."""

    server: Server
    sandbox: Sandbox
    page: Page
    console: str
    key: str

    async def mappings(self, destination: str) -> None:
        """Goes to a destination's mappings as people do."""
        await self.page.goto(f"{self.console}/destinations")
        await self.page.get_by_role("link", name=destination, exact=True).click()
        await self.page.get_by_role("link", name="Mappings", exact=True).click()
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(f"Mappings of {destination}")

    async def send(self, event: str, **members: Any) -> None:
        async with httpx.AsyncClient(base_url=self.server.url) as client:
            context = {"page": {"url": "https://shop.example/trial"}, "ip": "203.0.113.7", "userAgent": "Mozilla/5.0"}
            body = {"event": event, "context": context, **members}
            answer = await client.post("/v1/track", json=body, auth=(self.key, ""))
            assert answer.status_code == 200

    async def arrived(self, name: str, source_id: str, test_code: str = "") -> StoredEvent:
        def found() -> list[StoredEvent]:
            return [
                one
                for one in self.sandbox.events
                if one.event == name
                and one.request.event_source_id == source_id
                and (one.request.test_event_code or "") == test_code
            ]

        await until(lambda: bool(found()), f"{name} for {source_id}", self.sandbox.stats)
        return found()[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(browser: Browser) -> AsyncIterator[Office]:
    async with Sandbox().serve() as sandbox, Server(TOCKWORK_TIKTOK_URL=sandbox.url) as server:
        link = await asyncio.to_thread(server.said, "Set up the console: ")
        key = await asyncio.to_thread(server.said, "The write key of the source 'first' is ")
        context = await browser.new_context()
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
        for one in CONNECTED:
            assert await page.evaluate(CONNECT, [json.dumps(one)]) == 201
        yield Office(server, sandbox, page, link.partition("/setup")[0], key.rstrip("."))
        await context.close()
        assert errors == []


async def test_other_standard_events(office: Office) -> None:
    """Segment, TikTok Conversions, "Other Standard Events": CompleteRegistration."""
    page = office.page
    await office.send("Trial Begun", userId="u-0", properties={"plan": "gold", "seats": 3})
    await office.mappings(WEB)
    # 1. Create a mapping for Report Web Event.
    await page.get_by_role("link", name="New Mapping").click()
    await page.get_by_role("link", name="Report Web Event").click()
    await page.get_by_label("Mapping name").fill("Trial registrations")
    # 2. Set up your Event Trigger criteria for completed registrations.
    text = page.get_by_label("As text (FQL)")
    await expect(text).to_have_value('type = "track" and event = ""')
    await page.get_by_label("Condition 2: value").fill("Trial Begun")
    await page.get_by_label("Condition 2: value").blur()
    await expect(text).to_have_value('type = "track" and event = "Trial Begun"')
    await page.get_by_role("button", name="Add condition").click()
    await page.get_by_label("Condition 3: what").select_option("property")
    await page.get_by_label("Condition 3: path").fill("seats")
    await page.get_by_label("Condition 3: operator").select_option("greater")
    await page.get_by_label("Condition 3: value").fill("2")
    await page.get_by_label("Condition 3: value").blur()
    written = 'type = "track" and event = "Trial Begun" and properties.seats > 2'
    await expect(text).to_have_value(written)
    # 3. Input a literal string of "CompleteRegistration" as the Event Name.
    name = page.get_by_label("Event Name", exact=True)
    await name.fill("completeregistration")
    await expect(page.locator("#name-check")).to_contain_text("did you mean CompleteRegistration?")
    await name.fill("CompleteRegistration")
    await expect(page.locator("#name-check")).to_have_text("A standard event.")
    # The parameters: a picker over what recent events have.
    await page.get_by_label("How Description is filled").evaluate("(it) => it.closest('details').open = true")
    await page.get_by_label("How Description is filled").select_option("path")
    await page.get_by_label("Description", exact=True).fill("$.properties.plan")
    offered = page.locator("#paths option[value='$.properties.plan']")
    await expect(offered).to_have_count(1)
    # Beside it the preview of a recent event.
    await page.get_by_label("Recent event (UTC)").select_option(index=1)
    preview = page.locator("#preview")
    await expect(preview).to_contain_text("The trigger takes this event")
    await expect(preview).to_contain_text("gold")
    # Sent as a test event, before anything is saved.
    await page.get_by_role("textbox", name="Test event code").fill("TEST42")
    await page.get_by_role("button", name="Send as test event").click()
    await expect(page.locator("#test-result")).to_contain_text("Taken.")
    tried = await office.arrived("CompleteRegistration", PIXEL, "TEST42")
    assert json.loads(bytes(tried.sent))["properties"]["description"] == "gold"
    await page.get_by_role("button", name="Save").last.click()
    await expect(page.get_by_role("status")).to_contain_text("The mapping is there")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Trial registrations"))
    await expect(row).to_contain_text(written)
    await expect(row).to_contain_text("CompleteRegistration")
    await office.send("Trial Begun", userId="u-1", messageId="trial-1", properties={"plan": "silver", "seats": 5})
    arrived = await office.arrived("CompleteRegistration", PIXEL)
    assert arrived.event_id == "trial-1"
    assert json.loads(bytes(arrived.sent))["properties"]["description"] == "silver"


async def test_custom_event_implementation(office: Office) -> None:
    """Segment, TikTok Offline Conversions, "Custom Event Implementation"."""
    page = office.page
    await office.mappings(OFFLINE)
    # 1. Click New Mapping, then click Report Web Event (here Report Offline Event; it names the other name too).
    await page.get_by_role("link", name="New Mapping").click()
    await page.get_by_role("link").filter(has_text="Report Web Event").first.click()
    await page.get_by_label("Mapping name").fill("Custom")
    # 2. Provide the Segment event to map and trigger the connection, this time as text.
    await page.get_by_label("As text (FQL)").fill('event = "segment_event"')
    await page.get_by_label("As text (FQL)").blur()
    await expect(page.get_by_label("Condition 1: what")).to_have_value("event")
    await expect(page.get_by_label("Condition 1: value")).to_have_value("segment_event")
    # 3. Provide the custom event name in the Event Name field.
    await page.get_by_label("Event Name", exact=True).fill("tiktok_custom_event")
    await expect(page.locator("#name-check")).to_contain_text("standard events only for offline event sets")
    # 4. Edit parameter mappings for each event.
    await page.get_by_label("How Value is filled").select_option("if")
    await page.get_by_label("Value: if this is there").fill("$.properties.till_total")
    await page.get_by_label("Value: else send").fill("$.properties.total")
    await page.get_by_role("button", name="Save").last.click()
    await expect(page.get_by_role("status")).to_contain_text("The mapping is there")
    person = {"email": "ada@example.com"}
    await office.send("segment_event", userId="u-2", messageId="custom-1", properties={**person, "till_total": 12.5})
    arrived = await office.arrived("tiktok_custom_event", EVENT_SET)
    assert arrived.event_id == "custom-1"
    assert json.loads(bytes(arrived.sent))["properties"]["value"] == 12.5


async def test_wrong_input_is_kept(office: Office) -> None:
    page = office.page
    await office.mappings(WEB)
    await page.get_by_role("link", name="Search", exact=True).click()
    await page.get_by_label("Mapping name").fill("Contact")
    await page.get_by_label("As text (FQL)").fill('event = "x')
    await page.get_by_label("As text (FQL)").blur()
    await expect(page.locator("#about-trigger")).to_contain_text("no closing quote")
    await page.get_by_role("button", name="Save").last.click()
    await expect(page.get_by_role("alert").first).to_contain_text("Nothing was saved")
    await expect(page.get_by_label("Mapping name")).to_have_value("Contact")
    await expect(page.get_by_label("As text (FQL)")).to_have_value('event = "x')
    await page.get_by_label("As text (FQL)").fill('event = "x"')
    await page.get_by_label("As text (FQL)").blur()
    await expect(page.get_by_label("Condition 1: value")).to_have_value("x")
    await page.get_by_role("button", name="Save").last.click()
    await expect(page.locator("#about-name")).to_contain_text("is taken by another mapping")


async def test_versions_are_rolled_back(office: Office) -> None:
    page = office.page
    await office.mappings(WEB)
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Download", exact=True))
    await row.get_by_role("button", name="Download is on: switch it off").click()
    await expect(page.get_by_role("status")).to_contain_text("Switched off")
    await page.goto(f"{office.console}/versions")
    await page.get_by_role("row").nth(2).get_by_role("link").click()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Roll back").click()
    await expect(page.get_by_text("rolled back to version")).to_be_visible()
    await office.mappings(WEB)
    await expect(page.get_by_role("button", name="Download is on: switch it off")).to_be_visible()
