"""Conditions of a pair: whether TikTok can tell that the browser and the server report the same events.

Source: TikTok, "Event deduplication"; integrators' reports of good rates. What differs is found by whoever compares the
two legs, and is known here by its code.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from tockwork.destinations.diagnosis import Basis, Condition, Hits, Place, Sample, Severity

ENOUGH: Final = 20
LOWEST: Final = 0.6
HIGHEST: Final = 0.9


def _differing(code: str, sample: Sample) -> Hits | None:
    legs = sample.legs
    refs = legs.differences.get(code, []) if legs else []
    if legs is None or not refs:
        return None
    return Hits(count=len(refs), of=max(legs.events, len(refs)), refs=list(refs), looked_at=legs.looked_at)


def _rate(sample: Sample) -> float | None:
    legs = sample.legs
    return legs.shared / legs.reports if legs and legs.reports >= ENOUGH else None


def _rarely_both(sample: Sample) -> Hits | None:
    rate, legs = _rate(sample), sample.legs
    if rate is None or legs is None or rate >= LOWEST:
        return None
    notes = [f"{100 * rate:.0f} % of reports overlap"]
    return Hits(count=legs.reports - legs.shared, of=legs.reports, notes=notes, looked_at=legs.looked_at)


def _always_both(sample: Sample) -> Hits | None:
    rate, legs = _rate(sample), sample.legs
    if rate is None or legs is None or rate <= HIGHEST:
        return None
    notes = [f"{100 * rate:.0f} % of reports overlap"]
    return Hits(count=legs.shared, of=legs.reports, notes=notes, looked_at=legs.looked_at)


def _silent_pages(sample: Sample) -> Hits | None:
    legs = sample.legs
    if legs is None or legs.browser_events or sample.events < ENOUGH:
        return None
    return Hits(count=sample.events, of=sample.events)


def _pixel_of_the_page(sample: Sample) -> Hits | None:
    legs = sample.legs
    if legs is None or not legs.useless_pixel or not legs.events:
        return None
    return Hits(count=legs.events, of=legs.events, looked_at=legs.looked_at)


def _condition(code: str, title: str, **rest: Any) -> Condition:
    members: dict[str, Any] = {
        "level": Severity.WARNING,
        "basis": Basis.THIRD_PARTY,
        "place": Place.PAIR,
        "sample": partial(_differing, code),
        **rest,
    }
    return Condition(code=code, title=title, **members)


LEGS: Final = (
    _condition(
        "pages_silent",
        "No page loads the pixel",
        level=Severity.ERROR,
        basis=Basis.OFFICIAL,
        meaning="A pixel in the browser is configured, and not one of the events came from a page: its script is not "
        "installed, or is blocked. TikTok's helper says that the base code is missing.",
        fix="Install the snippet of a source of kind browser in the head of every page.",
        place=Place.SOURCE,
        sample=_silent_pages,
    ),
    _condition(
        "pixel_of_the_page",
        "The page loads its own pixel",
        basis=Basis.OFFICIAL,
        meaning="Use Existing Pixel is on: what the page's own pixel sends has no event id of ours and counts twice.",
        fix="Remove the page's own base code and calls, and switch Use Existing Pixel off.",
        field="useExistingPixel",
        sample=_pixel_of_the_page,
    ),
    _condition(
        "event_id_missing",
        "No event id, and both legs report",
        meaning="TikTok can only tell by name and event_id that two reports are of one event.",
        fix="Map event_id to $.messageId on both.",
        field="event_id",
    ),
    _condition(
        "event_id_differs",
        "Another event id on each leg",
        meaning="TikTok counts the event twice. Its diagnostics say mismatched event_id.",
        fix="Give both legs the same Event ID Strategy and the same mapping of event_id; a pair does so by itself.",
        field="event_id",
    ),
    _condition(
        "event_name_differs",
        "Another name on each leg",
        basis=Basis.OFFICIAL,
        meaning="TikTok compares names as they are sent, so the event counts twice: Purchase here and CompletePayment "
        "there, say.",
        fix="Give both the same preset pack, or the same name in this mapping.",
        field="event",
    ),
    _condition(
        "one_leg_only",
        "Only one leg reports",
        basis=Basis.OFFICIAL,
        meaning="Events of pages that the other leg would not report: nothing makes up for what a browser blocks, or "
        "for what the page alone knows.",
        fix="Give both the same mappings, enabled, with the same triggers and privacy.",
    ),
    _condition(
        "currency_differs_between_legs",
        "Another currency on each leg",
        basis=Basis.OFFICIAL,
        meaning="TikTok keeps one of the two reports, and nobody knows which.",
        fix="Map currency alike on both.",
        field="currency",
    ),
    _condition(
        "values_differ_between_legs",
        "Another value or other contents on each leg",
        meaning="TikTok keeps one of the two reports, and nobody knows which.",
        fix="Map value, contents and order_id alike on both.",
        field="value",
    ),
    _condition(
        "order_counted_twice",
        "Orders of pages and of a backend, with different ids",
        meaning="The page and something else report the same order under different event ids, so it counts twice.",
        fix="Set Event ID Strategy to order, so that both count as one.",
        place=Place.SETTINGS,
        field="event_id",
    ),
    _condition(
        "overlap_low",
        "The legs seldom report the same",
        meaning="Fewer than 60 % of the server's reports would also come from the browser: names, ids or triggers "
        "differ, or much happens away from pages.",
        fix="See under Pair what differs. For what happens away from pages, use an offline event set.",
        sample=_rarely_both,
    ),
    _condition(
        "overlap_high",
        "The server only repeats the browser",
        level=Severity.INFO,
        meaning="More than 90 % of the server's reports are the browser's too, as far as your configuration goes. It "
        "makes up for what browsers block, and adds nothing of its own, such as orders that the backend confirms.",
        fix="Nothing, if all happens on pages; else send orders from your backend too, with Event ID Strategy order.",
        sample=_always_both,
    ),
)
