"""Test event codes that are set: what carries one counts for no campaign, so nobody should forget it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.destinations.tiktok.settings import TEST_EVENT_CODE
from tockwork.operations.premises import Premises

LOOKED_AT: Final = 500
"""Versions of the configuration, at most: a code that is older than these is set since the oldest of them."""
SETTING: Final = TEST_EVENT_CODE.key


class TestCode(msgspec.Struct, frozen=True, kw_only=True):
    """A test event code. `where` is its place in the destination, and `mapping` the name of the mapping that has it,
    empty for the setting. `code` is empty where each event brings its own. `since` is the Unix time of the version of
    the configuration in which it came up."""

    __test__ = False  # pytest: no test case

    where: str
    mapping: str
    code: str
    since: float


Place = tuple[str, str]
"""The mapping's name, empty for the setting; and the code."""


async def test_codes(premises: Premises, name: str) -> list[TestCode]:
    """Those of one destination, by the newest configuration."""
    entry = _entry(premises.configuration, name)
    now = dict.fromkeys(_places(entry)) if entry else {}
    if not now:
        return []
    since: dict[Place, float] = {}
    open_ = set(now)
    for made in await premises.control.made(LOOKED_AT):
        former = _entry(await premises.versions.load(made.version), name)
        open_ &= set(_places(former)) if former else set()
        if not open_:
            break
        since |= dict.fromkeys(open_, made.at)
    return [
        TestCode(
            where=f"mapping {mapping!r}, fields.{SETTING}" if mapping else f"settings.{SETTING}",
            mapping=mapping,
            code=code,
            since=since.get((mapping, code), 0.0),
        )
        for mapping, code in now
    ]


def _entry(configuration: Configuration, name: str) -> DestinationEntry | None:
    return next((one for one in configuration.destinations if one.name == name), None)


def _places(entry: DestinationEntry) -> Iterator[Place]:
    code = entry.settings.get(SETTING)
    if code and isinstance(code, str):
        yield "", code
    for number, mapping in enumerate(entry.mappings or ()):
        fields: Any = mapping.get("fields", mapping.get("mapping"))
        given = fields.get(SETTING) if isinstance(fields, dict) else None
        if given and mapping.get("enabled", True):
            yield str(mapping.get("name") or f"mappings[{number}]"), given if isinstance(given, str) else ""
