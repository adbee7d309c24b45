"""``python -m docs.gallery FOLDER``: every page of the console as it looks, on a desktop and a phone, light and dark.

A real server gets a week's events of a shop, in a minute; Chromium makes its owner and follows every link from the
overview on. Each page is drawn four times into FOLDER. With ``--docs`` the pictures that the documentation shows are
drawn anew too, with ``--only`` just the pages whose path fits.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

from docs import past
from playwright.async_api import Page, async_playwright
from tests.browser.chromium import chromium, switches
from tests.e2e.server import Server

from tockwork.sandbox.server import Sandbox
from tockwork.sandbox.tokens import Tokens

IMAGES: Final = Path(__file__).parent / "images"
NAME, PASSWORD = "ada", "a long enough phrase"
SIZES: Final = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES: Final = ("light", "dark")
MOST: Final = 120
SHOWN: Final = {
    "overview": "/",
    "settings": "/destinations/TikTok%20shop",
    "mapping": "/destinations/TikTok%20shop/mappings/Purchase",
    "live": "/live",
    "delivery": "/delivery/TikTok%20shop?range=7d",
    "diagnostics": "/diagnostics/TikTok%20shop",
}
"""Pictures of the documentation, by name, and their pages."""
DEEDS: Final = {
    "letters-wrong": ("/delivery/TikTok%20shop/letters?code=many", "Filter"),
    "replay": ("/delivery/TikTok%20shop/letters?status=rejected", "Replay all that match"),
    "found": ("/live?status=rejected", "Search"),
}
"""Pages that only a button leads to: where it is, and what it says."""
PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
SOURCES: Final = (
    {"name": "Website", "kind": "browser"},
    {"name": "Backend", "kind": "server"},
    {"name": "Tills", "kind": "server"},
)
DESTINATIONS: Final[tuple[dict[str, Any], ...]] = (
    {
        "kind": "tiktok-conversions",
        "name": "TikTok shop",
        "sources": ["Website", "Backend"],
        "preset_pack": "purchase-2025",
        "settings": {"pixelCode": PIXEL, "accessToken": "good"},
        "pixel": {},
    },
    {
        "kind": "tiktok-offline-conversions",
        "name": "Stores",
        "sources": ["Tills"],
        "settings": {"eventSetID": "7012345678901234567", "accessToken": "good too"},
    },
)


class Console:
    """A signed-in owner's browser at a real server."""

    def __init__(self, server: Server, page: Page, address: str) -> None:
        self.server = server
        self.page = page
        self.address = address

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Asks the API. Raises `RuntimeError` when it refuses."""
        session = await (await self.page.request.get(f"{self.address}/api/session")).json()
        headers = {"X-CSRF-Token": session["csrf"]}
        answer = await self.page.request.fetch(
            f"{self.address}/api{path}", method=method, data=body, headers=headers, timeout=60_000
        )
        if not answer.ok:
            raise RuntimeError(f"{path}: {answer.status} {await answer.text()}")
        return await answer.json() if answer.status != 204 else None

    async def paths(self) -> list[str]:
        """Every page that a link leads to, one for each kind of page."""
        found = [*SHOWN.values(), "/nowhere"]
        waiting = list(found)
        while waiting and len(found) < MOST:
            await self.page.goto(self.address + waiting.pop(0))
            links = await self.page.eval_on_selector_all(
                "a[href]:not([download])", "links => links.map(link => link.href)"
            )
            for link in links:
                path = link.removeprefix(self.address).partition("#")[0]
                if (
                    link.startswith(self.address)
                    and not any(_kind(path) == _kind(other) for other in found)
                    and not path.startswith(("/api", "/sign"))
                    and not path.endswith("/export")
                ):
                    found.append(path)
                    waiting.append(path)
        return found

    async def show(self, path: str) -> None:
        await self.page.goto(self.address + path)
        await self.page.wait_for_timeout(400)  # charts and the first live events

    async def draw(self, folder: Path, name: str) -> None:
        """Four pictures of the page that is open."""
        for size, (width, height) in SIZES.items():
            await self.page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                await self.page.emulate_media(color_scheme=scheme)
                await self.page.wait_for_timeout(300)  # until colours have changed
                await self.page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)


def _kind(path: str) -> str:
    """What pages of the same kind have in common: numbers, names of what has parts, and most of what follows a question
    mark make no new kind."""
    parts = urlsplit(path)
    plain = re.sub(r"/[0-9]+(-[0-9]+)*(?=/|$)", "/#", parts.path)
    plain = re.sub(r"/mappings/(?!new|import)[^/]+", "/mappings/#", plain)
    plain = re.sub(r"^(/[^/]+)/[^/]+/", r"\1/#/", plain)
    if parts.query.startswith("range="):
        return re.sub(r"^(/[^/]+)/[^/]+", r"\1/#", plain) + parts.query
    return plain + ("?" if parts.query else "")


@asynccontextmanager
async def console(folder: Path) -> AsyncIterator[Console]:
    """With a week's events at two destinations, of which one is refused since a moment ago. The pages of the beginning
    are drawn."""
    sent = past.batches(past.times())
    sandbox = Sandbox(tokens=Tokens(revoked=frozenset({"revoked"})))
    with TemporaryDirectory() as data:
        async with (
            sandbox.serve(),
            Server(TOCKWORK_TIKTOK_URL=sandbox.url, TOCKWORK_DATA=data) as server,
            async_playwright() as playwright,
        ):
            link = server.said("Set up the console: ")
            browser = await playwright.chromium.launch(executable_path=chromium(), args=switches())
            page = await browser.new_page()
            opened = Console(server, page, link.partition("/setup")[0])
            await page.goto(link)
            await opened.draw(folder, "setup")
            await page.fill("[name=name]", NAME)
            await page.fill("[name=password]", PASSWORD)
            await page.fill("[name=again]", PASSWORD)
            await page.click("main button[type=submit]")
            await page.wait_for_url(lambda url: "setup" not in url)
            await opened.draw(folder, "first-steps")
            await _connect(opened)
            keys = {source["name"]: source["write_key"] for source in (await opened.ask("GET", "/sources"))["sources"]}
            await asyncio.to_thread(past.send, server.url, keys, sent)
            await _decided(opened)
            await asyncio.to_thread(server.stop)
            past.age(Path(data), [at for at, *_ in sent])
            await asyncio.to_thread(server.start)
            opened.address = server.said("Metrics at ").removesuffix("/metrics")
            await opened.ask("PATCH", "/destinations/Stores", {"settings": {"accessToken": "revoked"}})
            await page.wait_for_timeout(1500)  # until the server has it
            await asyncio.to_thread(past.send, server.url, keys, past.batches(past.times()[-64:-60], 8))
            yield opened
            await page.context.clear_cookies()
            await opened.show("/sign-in")
            await opened.draw(folder, "sign-in")
            await browser.close()


async def _connect(opened: Console) -> None:
    """What a new server has is taken away."""
    for destination in await opened.ask("GET", "/destinations"):
        await opened.ask("DELETE", f"/destinations/{destination['name']}")
    for source in (await opened.ask("GET", "/sources"))["sources"]:
        await opened.ask("DELETE", f"/sources/{source['name']}")
    for source in SOURCES:
        await opened.ask("POST", "/sources", source)
    for destination in DESTINATIONS:
        await opened.ask("POST", "/destinations", destination)
    await opened.ask("PUT", "/alerts", {"rules": {"held": {"minutes": 0}}})
    await opened.page.wait_for_timeout(1500)  # until the server has it


async def _decided(opened: Console) -> None:
    """Until nothing is undecided."""
    while True:
        states = (await opened.ask("GET", "/delivery"))["destinations"]
        if not any(one["backlog"]["undecided"] for one in states):
            return
        await asyncio.sleep(0.2)


async def main(folder: Path, docs: bool, only: str) -> None:
    async with console(folder) as opened:
        for path in await opened.paths():
            if re.match(only, path):
                name = re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-") or "overview"
                await opened.show(path)
                await opened.draw(folder, name)
                sys.stdout.write(f"{name}: {path}\n")
        for name, (path, button) in DEEDS.items():
            if re.match(only, path):
                await opened.show(path)
                await opened.page.get_by_role("button", name=button, exact=True).click()
                await opened.page.wait_for_load_state()
                await opened.draw(folder, name)
        for name, path in SHOWN.items() if docs else ():
            await opened.page.set_viewport_size({"width": 1280, "height": 1120})
            await opened.page.emulate_media(color_scheme="light")
            await opened.show(path)
            if name == "mapping":  # with an event in its preview
                order = opened.page.locator("#ref option", has_text="Order Completed").first
                await opened.page.select_option("#ref", await order.get_attribute("value"))
                await opened.page.wait_for_timeout(1500)
            await opened.page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m docs.gallery", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", action="store_true", help="also draw what the documentation shows")
    parser.add_argument("--only", default="/", help="a regular expression of the paths to draw, by their beginning")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    IMAGES.mkdir(exist_ok=True)
    asyncio.run(main(options.folder, options.docs, options.only))
