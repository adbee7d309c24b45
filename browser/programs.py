"""The cases of the browser's destinations, each file with the settings that its plugin gets, for the tests in Node."""

from __future__ import annotations

from importlib import resources
from typing import Any

import msgspec

from tockwork.destinations.case import read_cases
from tockwork.destinations.device import browser_settings


def programs() -> list[dict[str, Any]]:
    """``{"file", "settings", "cases"}`` of every file of cases that a browser has a part in."""
    found = []
    folder = resources.files("tockwork.destinations.tiktok").joinpath("cases")
    for source in sorted(folder.iterdir(), key=lambda source: source.name):
        file = read_cases(source.read_bytes(), source.name)
        connection = file.connect()
        if connection.destination.device is not None:
            cases = [msgspec.to_builtins(case) for case in file.cases]
            found.append({"file": source.name, "settings": browser_settings(connection), "cases": cases})
    return found
