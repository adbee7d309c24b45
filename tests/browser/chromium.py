"""Finds a Chromium for the tests, and installs one where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from typing import Final

VARIABLE: Final = "TOCKWORK_CHROMIUM"
NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC: Final = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
SWITCHES: Final = (
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--disable-dev-shm-usage",  # containers have little of it
)
_WHERE_PLAYWRIGHT_HAS_IT: Final = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""


@cache
def chromium() -> str:
    """The path of a browser that starts: that of $TOCKWORK_CHROMIUM, an installed one, Playwright's, the system's
    package. Installs the latter two. Raises `RuntimeError`, which says what to do."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        if not _starts(chosen):
            raise RuntimeError(f"{VARIABLE} names no browser that starts: {chosen}")
        return chosen
    found = _installed() or _from_playwright() or _from_system()
    if not found:
        raise RuntimeError(
            f"these tests need a browser: install chromium or Google Chrome, or set {VARIABLE} to the path of one "
            "(`playwright install chromium` was tried, and as root `apt-get install chromium`)"
        )
    return found


def switches() -> list[str]:
    """How to start it: it reaches this machine alone; root has no sandbox."""
    return [*SWITCHES, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def _installed() -> str | None:
    paths = (*filter(None, map(shutil.which, NAMES)), *MAC)
    return next((path for path in paths if _starts(path)), None)


def _from_playwright() -> str | None:
    path = _said(sys.executable, "-c", _WHERE_PLAYWRIGHT_HAS_IT)
    if not path or _starts(path):
        return path
    print("Installing a browser for the tests: playwright install chromium", file=sys.stderr)
    _said(sys.executable, "-m", "playwright", "install", "chromium", timeout_s=600)
    return path if _starts(path) else None


def _from_system() -> str | None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    print("Installing a browser for the tests: apt-get install chromium", file=sys.stderr)
    _said("apt-get", "update", timeout_s=300)
    _said("apt-get", "install", "-y", "--no-install-recommends", "chromium", timeout_s=600)
    return _installed()


def _starts(path: str) -> bool:
    return _said(path, "--version") is not None


def _said(*command: str, timeout_s: float = 60) -> str | None:
    """What the command prints; None when it cannot be run, takes too long or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
