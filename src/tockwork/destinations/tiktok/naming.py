"""TikTok's names of events, as a form offers and checks them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from tockwork.destinations.declare import KnownName, Naming, Remark
from tockwork.destinations.tiktok.standard_events import PAGE_VIEW, RENAMED, RETIRING, STANDARD, check_name

FIELD: Final = "event"
KNOWN: Final = (
    *(KnownName(name) for name in sorted(STANDARD)),
    KnownName(PAGE_VIEW, "page view: campaigns cannot be optimised for it"),
    *(KnownName(name, f"legacy: now {now}") for name, now in RENAMED.items()),
    *(KnownName(name, "legacy: ends in 2027") for name in sorted(RETIRING)),
)
"""Standard events first, then those that are not for new mappings."""


def naming(event_source: str = "web", *, chosen: bool = False) -> Naming:
    """How the names of a destination with this `event_source` are checked; `chosen` where a mapping may choose it."""
    return Naming(field=FIELD, known=KNOWN, check=partial(_checked, event_source, chosen))


def _checked(event_source: str, chosen: bool, name: str, fields: Mapping[str, Any]) -> list[Remark]:
    given = fields.get("event_source") if chosen else None
    found = check_name(name, given if isinstance(given, str) else event_source)
    return [Remark(str(one.level), one.code, one.message, one.mend) for one in found]
