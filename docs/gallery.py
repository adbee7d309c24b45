"""``python -m docs.gallery FOLDER``: every page of the console as it looks, on a desktop and a phone, light and dark.

A real server gets a few hundred events; Chromium makes its owner and follows every link from the overview on. Each page
is drawn four times into FOLDER. With ``--docs`` the pictures that the documentation shows are drawn anew too.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import re
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import Page, async_playwright
from tests.browser.chromium import chromium, switches
from tests.e2e.server import Server

from tockwork.app.commands import session

IMAGES: Final = Path(__file__).parent / "images"
NAME, PASSWORD = "ada", "a long enough phrase"
SIZES: Final = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES: Final = ("light", "dark")
MOST: Final = 80
SHOWN: Final = {
    "overview": "/",
    "settings": "/destinations/TikTok%20shop",
    "mapping": r"/destinations/TikTok%20shop/mappings/(?!new|import).+",
    "live": "/live",
    "delivery": "/delivery/TikTok%20shop",
    "diagnostics": "/diagnostics/TikTok%20shop",
}
"""Pictures of the documentation, by name, and the paths of their pages."""
SOURCES: Final = ({"name": "Website", "kind": "browser"}, {"name": "Backend", "kind": "server"})
DESTINATIONS: Final[tuple[dict[str, Any], ...]] = (
    {
        "kind": "tiktok-conversions",
        "name": "TikTok shop",
        "sandbox": True,
        "settings": {"pixelCode": "C0123456789ABCDEFGHI"},
    },
    {
        "kind": "tiktok-offline-conversions",
        "name": "Stores",
        "sandbox": True,
        "settings": {"eventSetID": "7012345678901234567"},
    },
)


def traffic(number: int) -> list[dict[str, Any]]:
    """So many events of shoppers, some of them with mistakes."""
    chance = random.Random(7)  # noqa: S311 (the same pictures each time)
    made = []
    for place in range(number):
        event = json.loads(json.dumps(chance.choice(session.events())))
        at = datetime.now(UTC) - timedelta(seconds=chance.randrange(3600))
        if chance.random() < 0.01:
            at -= timedelta(days=40)
        event |= {"messageId": f"gallery-{place}", "anonymousId": f"a-{chance.randrange(60)}"}
        event["timestamp"] = at.isoformat()
        if chance.random() < 0.3 and event["type"] == "track":
            event["userId"] = f"u-{chance.randrange(60)}"
        made.append(event)
    return made


def send(url: str, write_key: str, events: list[dict[str, Any]]) -> None:
    credentials = base64.b64encode(f"{write_key}:".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    for start in range(0, len(events), 50):
        body = json.dumps({"batch": events[start : start + 50]}).encode()
        request = urllib.request.Request(f"{url}/v1/batch", body, headers)  # noqa: S310 (our own server)
        urllib.request.urlopen(request).close()  # noqa: S310


class Console:
    """A signed-in owner's browser at a real server."""

    def __init__(self, server: Server, page: Page, address: str) -> None:
        self.server = server
        self.page = page
        self.address = address

    async def ask(self, path: str, body: dict[str, Any]) -> None:
        """Posts to the API. Raises `RuntimeError` when it refuses."""
        session = await (await self.page.request.get(f"{self.address}/api/session")).json()
        headers = {"X-CSRF-Token": session["csrf"]}
        answer = await self.page.request.post(f"{self.address}/api{path}", data=body, headers=headers)
        if not answer.ok:
            raise RuntimeError(f"{path}: {answer.status} {await answer.text()}")

    async def paths(self) -> list[str]:
        """Every page that a link leads to, one for each kind of page."""
        found, waiting = ["/"], ["/"]
        while waiting and len(found) < MOST:
            await self.page.goto(self.address + waiting.pop(0))
            links = await self.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
            for link in links:
                path = link.removeprefix(self.address).partition("#")[0]
                if (
                    link.startswith(self.address)
                    and not _is_like(path, found)
                    and not path.startswith(("/api", "/sign"))
                ):
                    found.append(path)
                    waiting.append(path)
        return found

    async def draw(self, path: str, folder: Path, name: str) -> None:
        """Four pictures of a page."""
        for size, (width, height) in SIZES.items():
            await self.page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                await self.page.emulate_media(color_scheme=scheme)
                await self.page.goto(self.address + path)
                await self.page.wait_for_timeout(400)  # charts and the first live events
                await self.page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)


def _is_like(path: str, known: list[str]) -> bool:
    """Whether a page of the same kind is known: numbers, and what follows a question mark, make no new kind."""
    kind = _kind(path)
    return any(_kind(other) == kind for other in known)


def _kind(path: str) -> str:
    parts = urlsplit(path)
    plain = re.sub(r"/[0-9]+(-[0-9]+)?(?=/|$)", "/#", parts.path)
    plain = re.sub(r"/mappings/(?!new|import)[^/]+", "/mappings/#", plain)
    return plain + ("?" if parts.query else "")


@asynccontextmanager
async def console() -> AsyncIterator[Console]:
    """With two destinations, and events that came in."""
    async with Server() as server, async_playwright() as playwright:
        link = server.said("Set up the console: ")
        browser = await playwright.chromium.launch(executable_path=chromium(), args=switches())
        page = await browser.new_page()
        await page.goto(link)
        await page.fill("[name=name]", NAME)
        await page.fill("[name=password]", PASSWORD)
        await page.fill("[name=again]", PASSWORD)
        await page.click("main button[type=submit]")
        await page.wait_for_url(lambda url: "setup" not in url)
        opened = Console(server, page, link.partition("/setup")[0])
        for source in SOURCES:
            await opened.ask("/sources", source)
        for destination in DESTINATIONS:
            await opened.ask("/destinations", destination)
        await page.wait_for_timeout(1500)
        known = await (await page.request.get(f"{opened.address}/api/sources")).json()
        keys = {source["name"]: source["write_key"] for source in known["sources"]}
        await asyncio.to_thread(send, server.url, keys["Backend"], traffic(600))
        await page.wait_for_timeout(3000)
        yield opened
        await browser.close()


async def main(folder: Path, docs: bool) -> None:
    async with console() as opened:
        paths = await opened.paths()
        for path in paths:
            name = re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-") or "overview"
            await opened.draw(path, folder, name)
            sys.stdout.write(f"{name}: {path}\n")
        if docs:
            for name, pattern in SHOWN.items():
                path = next(path for path in paths if re.fullmatch(pattern, path))
                await opened.page.set_viewport_size({"width": 1280, "height": 800})
                await opened.page.emulate_media(color_scheme="light")
                await opened.page.goto(opened.address + path)
                await opened.page.wait_for_timeout(800)
                await opened.page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m docs.gallery", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", action="store_true", help="also draw what the documentation shows")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    IMAGES.mkdir(exist_ok=True)
    asyncio.run(main(options.folder, options.docs))
