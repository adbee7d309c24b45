"""The console's pages in a real browser: nothing that came with events or names runs, and everybody can use them.

The pages are found by their links (tests/browser/house.py), so that every part of the console is looked at.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page
from tests.browser.house import House, attacked, send
from tests.browser.payloads import MARKS, PAYLOADS
from tests.browser.shop import CLIENTS
from tests.node import install

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]
AXE: Final = CLIENTS / "node_modules" / "axe-core" / "axe.min.js"
GRAVE: Final = ("serious", "critical")
WATCH: Final = """
window.__xss = [];
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.__violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
SETTLE_MS: Final = 150
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
WIDE, NARROW, HEIGHT = 1280, 390, 900
UNVISITED: Final = {
    "/alerts/now": "a part of /alerts, which brings itself up to date with it",
    "/versions/{number:int}/export": "a file",
}
"""Routes without a page to look at, and why."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    install(CLIENTS)
    async with attacked(tmp_path_factory.mktemp("house")) as house:
        yield house


@asynccontextmanager
async def visiting(browser: Browser, house: House) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page in the hands of an owner, and what goes wrong in it."""
    context = await browser.new_context(viewport={"width": WIDE, "height": HEIGHT}, reduced_motion="reduce")
    await context.add_init_script(WATCH)
    await context.add_cookies([house.cookie])  # type: ignore[list-item]
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("console", lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None)

    async def accept(dialog: Any) -> None:
        wrong.append(f"dialog: {dialog.message}")
        await dialog.accept()

    page.on("dialog", accept)
    try:
        yield page, wrong
    finally:
        await context.close()


async def opened(page: Page, url: str) -> None:
    """Loads a page, and opens everything that can be opened."""
    await page.goto(url, wait_until="load")
    await page.evaluate("for (const each of document.querySelectorAll('main details')) each.open = true")
    await page.wait_for_timeout(SETTLE_MS)
    await page.wait_for_function("!document.querySelector('.htmx-request')")


async def trouble(page: Page, wrong: list[str]) -> list[str]:
    """What of a payload became part of the page, what ran, and what the browser complained of since the last time."""
    marks: list[str] = await page.evaluate(
        "(marks) => [...document.querySelectorAll(marks)].map((each) => each.outerHTML.slice(0, 200))", MARKS
    )
    ran: list[str] = await page.evaluate("[...window.__xss, ...window.__violations]")
    found = [*marks, *ran, *wrong]
    wrong.clear()
    return found


async def test_every_page_is_found(house: House) -> None:
    assert len(PAYLOADS) == 40
    missing = [route for route, paths in house.addresses.items() if not paths and route not in UNVISITED]
    assert (missing, house.failed) == ([], [])


async def test_nothing_of_a_payload_runs_or_becomes_part_of_a_page(house: House, browser: Browser) -> None:
    found: dict[str, list[str]] = {}
    async with visiting(browser, house) as (page, wrong):
        for path in house.pages:
            await opened(page, f"{house.url}{path}")
            if told := await trouble(page, wrong):
                found[path] = told
    assert found == {}


async def test_nothing_runs_as_events_stream_in(house: House, browser: Browser) -> None:
    async with visiting(browser, house) as (page, wrong):
        await opened(page, f"{house.url}/live")
        await send(house.server.url, "again ")
        await page.wait_for_function(
            "(payload) => document.getElementById('events').textContent.includes(payload)", arg=f"again {PAYLOADS[39]}"
        )
        assert await trouble(page, wrong) == []


@pytest.mark.parametrize("route", ["/live/{reference:str}", "/delivery/{destination:str}/letters/{reference:str}"])
async def test_nothing_runs_once_personal_data_is_shown(house: House, browser: Browser, route: str) -> None:
    pages = next(paths for known, paths in house.addresses.items() if _alike(known, route))
    assert pages
    async with visiting(browser, house) as (page, wrong):
        for path in pages:
            await opened(page, f"{house.url}{path}")
            await page.get_by_role("button", name="Show personal data").click()
            await page.wait_for_load_state()
            assert [one for one in await trouble(page, wrong) if not one.startswith("dialog: Show ")] == []


def _alike(one: str, other: str) -> bool:
    """Whether two routes are the same but for the names of their parameters."""
    bare = [re.sub(r"\{[^}]*\}", "{}", route) for route in (one, other)]
    return bare[0] == bare[1]


@pytest.mark.parametrize("turns", [(0,), pytest.param((0, 1), marks=[pytest.mark.faults, pytest.mark.timeout(300)])])
async def test_everybody_can_use_every_page(house: House, browser: Browser, turns: tuple[int, ...]) -> None:
    """No finding of axe-core that it calls serious or critical, in light and dark by turns, or each page in both; and
    nothing is wider than a phone, but for tables that scroll by themselves."""
    found: dict[str, list[str]] = {}
    script = AXE.read_text()
    async with visiting(browser, house) as (page, _):
        for number, path in enumerate(house.first):
            told: list[str] = []
            for turn in turns:
                await page.set_viewport_size({"width": WIDE, "height": HEIGHT})
                await page.emulate_media(color_scheme=SCHEMES[(number + turn) % 2])
                await opened(page, f"{house.url}{path}")
                await page.evaluate(script)
                told += await findings(page)
            await page.set_viewport_size({"width": NARROW, "height": HEIGHT})
            width = await page.evaluate("document.documentElement.scrollWidth")
            if width > NARROW:
                told.append(f"{width} px wide")
            if told:
                found[path] = told
    assert found == {}


async def findings(page: Page) -> list[str]:
    result = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [_told(one) for one in result["violations"] if one["impact"] in GRAVE]


def _told(finding: dict[str, Any]) -> str:
    """What axe found, and where first."""
    first, *more = finding["nodes"]
    return f"{finding['id']}: {first['html'][:150]} {first['failureSummary'][-200:]} and {len(more)} more"
