"""Delivery in the console: a mapping that the platform refuses, its dead letters, the mend, and the replay."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tockwork.api.access import COOKIE, CSRF_HEADER, csrf_token
from tockwork.app.wire import Running, running
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.model.outcome import Status
from tockwork.operations.settings import Settings
from tockwork.sandbox.server import Sandbox
from tockwork.store.accounts import Accounts

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
NAME: Final = "Shop / EU"
PATH: Final = "Shop%20~1%20EU"
KEY: Final = "write-key-of-the-web-shop"
EVENTS: Final = 6
WITHIN_S: Final = 30.0
MAPPING: Final[dict[str, Any]] = {
    "name": "Order",
    "trigger": 'event = "Order Completed"',
    "fields": {
        "event": "Purchase",
        "event_id": {"@path": "$.messageId"},
        "email": {"@path": "$.traits.email"},
        "value": {"@path": "$.properties.total"},
        "currency": "EUR",
    },
}
MENDED: Final = {**MAPPING, "fields": {**MAPPING["fields"], "url": {"@path": "$.context.page.url"}}}
WATCH: Final = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.__violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""
INKED: Final = """() => [...document.querySelectorAll(".chart canvas")].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value) => value !== 0);
})"""


class Shop:
    """A running server whose platform is a sandbox, and its owner's session."""

    def __init__(self, server: Running, sandbox: Sandbox, secret: str) -> None:
        self.server = server
        self.sandbox = sandbox
        self.url = server.admin_url
        self.cookie: Any = {"name": COOKIE, "value": secret, "url": server.admin_url}
        headers = {"Cookie": f"{COOKIE}={secret}", CSRF_HEADER: csrf_token(secret)}
        self.api = httpx.AsyncClient(base_url=f"{server.admin_url}/api", headers=headers, timeout=WITHIN_S)

    async def send(self) -> None:
        async with httpx.AsyncClient(base_url=self.server.url, auth=(KEY, "")) as client:
            for number in range(EVENTS):
                event = {
                    "event": "Order Completed",
                    "messageId": f"order-{number}",
                    "userId": f"user-{number}",
                    "traits": {"email": f"person{number}@example.com"},
                    "properties": {"total": 10 + number},
                    "context": {"page": {"url": "https://shop.example/thanks"}},
                }
                assert (await client.post("/v1/track", json=event)).status_code == 200

    async def number(self, status: Status) -> int:
        return (await self.server.store.tally(NAME)).count(status)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not await holds():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    settings = {"pixelCode": "C8E2OS3C77UABCDXYZ00", "accessToken": "sandbox-token"}
    configuration = Configuration(
        sources=[SourceEntry("web", KEY)],
        destinations=[DestinationEntry("tiktok-conversions", NAME, settings=settings, mappings=[MAPPING])],
    )
    async with Sandbox().serve() as sandbox:
        process = Settings(data=tmp_path, port=0, admin_port=0, tiktok_url=sandbox.url)
        async with running(process, configuration) as server:
            accounts, secret = Accounts(server.store.database), secrets.token_urlsafe(32)
            await accounts.add("Olive", "owner")
            await accounts.set_password("Olive", "none")
            await accounts.begin("Olive", secret, "test")
            shop = Shop(server, sandbox, secret)
            async with shop.api:
                yield shop


@asynccontextmanager
async def visiting(
    browser: Browser, shop: Shop, scheme: Literal["light", "dark"] = "light", width: int = 1280
) -> AsyncIterator[Page]:
    """The owner's page. Nothing may go wrong in it."""
    context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    await context.add_init_script(WATCH)
    await context.add_cookies([shop.cookie])
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    try:
        yield page
        assert (wrong, await page.evaluate("window.__violations")) == ([], [])
    finally:
        await context.close()


async def test_dead_letters_are_seen_understood_mended_and_replayed(shop: Shop, browser: Browser) -> None:
    await shop.send()
    await until(lambda: _is(shop.number(Status.REJECTED), EVENTS))
    async with visiting(browser, shop) as page:
        await page.goto(f"{shop.url}/delivery")
        card = page.locator("section", has=page.get_by_role("heading", name=NAME))
        await expect(card).to_contain_text("Success, 24 h")
        await card.get_by_role("link", name=str(EVENTS), exact=True).click()
        await expect(page.locator("input[name=ref]")).to_have_count(EVENTS)
        await expect(page.locator("tbody")).to_contain_text("answered 40002: Invalid value for data.0.page")
        await page.locator("tbody a").first.click()
        await expect(page.get_by_role("heading", name="Why it died")).to_be_visible()
        assert "@example.com" not in await page.content()

        answer = await shop.api.put(f"/destinations/{PATH}/mappings/Order", json=MENDED)
        assert answer.is_success, answer.text

        await page.get_by_role("button", name="Replay").click()
        await expect(page.get_by_role("heading", name="1 of 1 letter would be sent")).to_be_visible()
        await page.get_by_role("button", name="Replay 1 now").click()
        await expect(page.get_by_role("heading", name="1 of 1 letter is on the way")).to_be_visible()
        await until(lambda: _is(shop.number(Status.DELIVERED), 1))

        await page.get_by_role("link", name="Dead letters").last.click()
        await page.get_by_label("Select all on this page").check()
        await page.locator("input[name=ref]").first.uncheck()
        await page.get_by_role("button", name="Replay selected").click()
        await page.get_by_role("button", name=f"Replay {EVENTS - 2} now").click()
        await until(lambda: _is(shop.number(Status.DELIVERED), EVENTS - 1))

        await page.goto(f"{shop.url}/delivery/{PATH}/letters?status=rejected")
        await page.get_by_role("button", name="Replay all that match").click()
        await page.get_by_role("button", name="Replay 1 now").click()
        await until(lambda: _is(shop.number(Status.DELIVERED), EVENTS))
        await page.goto(f"{shop.url}/delivery/{PATH}/letters")
        await expect(page.get_by_text("Everything that was decided was delivered.")).to_be_visible()
    rows = {event.event_id for event in shop.sandbox.events}
    assert rows == {f"order-{number}" for number in range(EVENTS)}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_charts_are_drawn_in_both_schemes_and_sizes(
    scheme: Literal["light", "dark"], width: int, shop: Shop, browser: Browser
) -> None:
    await shop.send()
    await until(lambda: _is(shop.number(Status.REJECTED), EVENTS))
    async with visiting(browser, shop, scheme, width) as page:
        for span in ("1h", "24h", "7d", "30d", "90d"):
            await page.goto(f"{shop.url}/delivery/{PATH}?range={span}")
            await expect(page.locator(".chart canvas").first).to_be_visible()
            inked = await page.evaluate(INKED)
            assert inked == [True] * len(inked)
            assert len(inked) == 3
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.get_by_text("The same as a table").first.click()
        await expect(page.locator("details[open] table")).to_contain_text(str(EVENTS))
        before = await page.evaluate("document.querySelector('.chart canvas').toDataURL()")
        await page.get_by_role("button", name="Switch between light and dark").first.click()
        await page.wait_for_function("document.querySelectorAll('.chart canvas').length === 3")
        assert await page.evaluate("document.querySelector('.chart canvas').toDataURL()") != before
        await page.set_viewport_size({"width": 600, "height": 900})
        await page.wait_for_function(
            "[...document.querySelectorAll('.chart')].every((each) => each.plot.width === each.clientWidth)"
        )


async def test_pause_and_resume_take_hold_at_once(shop: Shop, browser: Browser) -> None:
    async with visiting(browser, shop) as page:
        await page.goto(f"{shop.url}/delivery/{PATH}")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_text("Paused by hand.").first).to_be_visible()
        await shop.send()
        await page.get_by_role("button", name="Resume").click()
        await expect(page.get_by_text("delivering").first).to_be_visible()
        await until(lambda: _is(shop.number(Status.REJECTED), EVENTS))


async def _is(number: Awaitable[int], expected: int) -> bool:
    return await number == expected
