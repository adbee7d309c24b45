"""What both legs said of one event, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from tockwork.sandbox.record import Leg, StoredEvent

_OWN: Final = frozenset({"event_time"})
"""What each leg says for itself: the pixel has no time of its own."""


class Agreement(StrEnum):
    SAME = "same"
    DIFFERENT = "different"
    ALONE = "one leg alone"


class Line(msgspec.Struct, frozen=True):
    """One field on both legs; None where a leg lacks it. `path` is relative to the row."""

    path: str
    browser: Any
    server: Any

    @property
    def agreement(self) -> Agreement:
        if self.browser is None or self.server is None:
            return Agreement.ALONE
        return Agreement.SAME if self.browser == self.server else Agreement.DIFFERENT


def compared(one: StoredEvent, other: StoredEvent) -> list[Line]:
    """The fields of an event that came on both legs, by path. A list of one value counts as that value."""
    rows = {event.leg: dict(_leaves(msgspec.json.decode(event.sent))) for event in (one, other)}
    browser, server = rows[Leg.BROWSER], rows[Leg.SERVER]
    return [Line(path, browser.get(path), server.get(path)) for path in sorted(browser.keys() | server.keys())]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], dict):
        value = value[0]
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if path or name not in _OWN:
                yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}.{index}")
    elif value not in (None, ""):
        yield path, value
