"""The browser's tests stand where those of the other clients stand, and share one browser in each file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, async_playwright
from tests.browser.chromium import chromium, switches
from tests.browser.shop import CLIENTS
from tests.e2e.clients.conftest import running, stand
from tests.node import install

__all__ = ["browser", "running", "stand"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    install(CLIENTS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=switches())
        yield browser
        await browser.close()
