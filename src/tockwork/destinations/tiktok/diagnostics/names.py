"""Conditions of an event's name.

Sources: TikTok help centre, "Web Diagnostics", "Custom events", "About reserved events", "Adopt updated standard
events"; integrators' reports.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache, partial
from typing import Final

from tockwork.destinations.diagnosis import Basis, Condition, Hits, Sample, Seen, Severity
from tockwork.destinations.tiktok.standard_events import KNOWN_NAMES, RENAMED, RESERVED, RETIRING, check_name

PURCHASES: Final = ("Purchase", "CompletePayment")
ORDER_PLACED: Final = "PlaceAnOrder"


@lru_cache(maxsize=1024)
def _notes(name: str, event_source: str) -> frozenset[str]:
    return frozenset(note.code for note in check_name(name, event_source))


def _has(codes: frozenset[str], seen: Seen) -> bool:
    return not codes.isdisjoint(_notes(seen.name, "offline" if seen.event_source == "offline" else "web"))


def _missing(seen: Seen) -> bool:
    return seen.warned("event") if seen.reason else not seen.name.strip()


def _custom(seen: Seen) -> bool:
    return bool(seen.name.strip()) and seen.name not in KNOWN_NAMES and not _notes(seen.name, "web")


def _legacy(seen: Seen) -> bool:
    return seen.name in RENAMED


def _retiring(seen: Seen) -> bool:
    return seen.name in RETIRING


def _reserved(seen: Seen) -> bool:
    return seen.name in RESERVED


def _counted_as_both(sample: Sample) -> Hits | None:
    """Orders that are reported as a purchase and as an order that was placed."""
    orders: dict[str, dict[bool, list[Seen]]] = defaultdict(lambda: defaultdict(list))
    for one in sample.named({*PURCHASES, ORDER_PLACED}):
        if isinstance(order_id := one.properties.get("order_id"), str):
            orders[order_id][one.name == ORDER_PLACED].append(one)
    both = [kinds for kinds in orders.values() if len(kinds) > 1]
    return Hits.among((kinds[True][0] for kinds in both), len(orders))


NAMES: Final = (
    Condition(
        code="event_name_missing",
        level=Severity.ERROR,
        title="The event has no name",
        meaning="TikTok cannot tell what happened; its own diagnostics say Missing Event Name.",
        fix="Give the mapping an Event Name, such as Purchase.",
        basis=Basis.OFFICIAL,
        field="event",
        check=_missing,
        refused=True,
    ),
    Condition(
        code="event_name_invalid",
        level=Severity.ERROR,
        title="The name breaks TikTok's rules for custom events",
        meaning="A custom name has at most 50 characters, begins with a letter, and has letters, digits, _ and - only. "
        "TikTok's own diagnostics say Invalid Event Type for Custom Event.",
        fix="Choose a standard event, or a name that keeps the rules, on the pixel and the server alike.",
        basis=Basis.OFFICIAL,
        field="event",
        check=partial(_has, frozenset({"name_too_long", "name_characters"})),
    ),
    Condition(
        code="event_name_reserved",
        level=Severity.WARNING,
        title="TikTok turns a reserved name into another event",
        meaning="Names such as Checkout or Registration silently become another event, which then is counted.",
        fix="Send the event that is meant, or choose another name.",
        basis=Basis.OFFICIAL,
        field="event",
        check=_reserved,
    ),
    Condition(
        code="event_name_legacy",
        level=Severity.WARNING,
        title="A name from before May 2025",
        meaning="TikTok takes CompletePayment and SubmitForm still, and reports them as Purchase and Lead.",
        fix="Change the name on the pixel and the server together (a preset pack does both): else each event counts "
        "twice, since TikTok compares names as they are sent.",
        basis=Basis.OFFICIAL,
        field="event",
        check=_legacy,
    ),
    Condition(
        code="event_name_retiring",
        level=Severity.WARNING,
        title="TikTok retires this event in 2027",
        meaning="PlaceAnOrder and ClickButton have no successor, and their history cannot be moved to another event.",
        fix="Move campaigns to another standard event before then, and disable the mapping.",
        basis=Basis.OFFICIAL,
        field="event",
        check=_retiring,
    ),
    Condition(
        code="event_name_misspelt",
        level=Severity.WARNING,
        title="A custom name looks like a standard one",
        meaning="TikTok tells capitals and spaces apart, so that purchase is a custom event, which no campaign can be "
        "optimised for.",
        fix="Spell the standard event as TikTok does, on the pixel and the server.",
        basis=Basis.THIRD_PARTY,
        field="event",
        check=partial(_has, frozenset({"name_misspelt"})),
    ),
    Condition(
        code="event_name_custom",
        level=Severity.INFO,
        title="A custom event",
        meaning="Custom events serve reports and audiences. Campaigns cannot be optimised for them.",
        fix="Nothing, if that is enough; else send the standard event that comes closest.",
        basis=Basis.OFFICIAL,
        field="event",
        check=_custom,
        sources=("web", "pixel"),
    ),
    Condition(
        code="event_name_custom_offline",
        level=Severity.WARNING,
        title="A custom event in an offline event set",
        meaning="TikTok documents standard events only for offline event sets.",
        fix="Send a standard event, such as Purchase.",
        basis=Basis.OFFICIAL,
        field="event",
        check=partial(_has, frozenset({"name_custom_offline"})),
        sources=("offline",),
    ),
    Condition(
        code="order_counted_as_two_events",
        level=Severity.WARNING,
        title="One order is both Purchase and PlaceAnOrder",
        meaning="Campaigns see two conversions with the same value, and PlaceAnOrder is retired in 2027.",
        fix="Disable the mapping that sends PlaceAnOrder, or narrow its trigger to orders that are not paid at once.",
        basis=Basis.OFFICIAL,
        field="event",
        sample=_counted_as_both,
    ),
)
