"""Conditions of what identifies an event and says when and where it was: ids, time, page, test codes, pixel code.

Sources: TikTok, "Report App, Web, Offline, or CRM Events", "Event deduplication", "Verify web setup"; answers of the
API that integrators saw.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from tockwork.destinations.diagnosis import Basis, Condition, Hits, Place, Sample, Seen, Severity
from tockwork.destinations.tiktok.shapes import SHAPES
from tockwork.destinations.tiktok.timestamp import MILLISECONDS_FROM
from tockwork.model import reasons

LATE_S: Final = 3600
USELESS_S: Final = 28 * 86_400
AHEAD_S: Final = 300
REFUSED_BY_TIKTOK: Final = (reasons.NO_PERMISSION, reasons.UNKNOWN_SOURCE)


def _id_is_no_text(seen: Seen) -> bool | None:
    lead, properties = seen.row.get("lead"), seen.properties
    ids = [seen.row.get("event_id"), properties.get("order_id"), properties.get("shop_id"), seen.user.get("lead_id")]
    ids += [item.get("content_id") for item in seen.contents]
    ids += [lead.get("lead_id")] if isinstance(lead, dict) else []
    listed = properties.get("content_ids")
    ids += listed if isinstance(listed, list) else []
    given = [one for one in ids if one is not None]
    return any(not isinstance(one, str) for one in given) if given else None


def _bad_time(seen: Seen) -> bool:
    if seen.reason:
        return seen.reason == reasons.BAD_TIMESTAMP
    time = seen.row.get("event_time")
    return not isinstance(time, int) or isinstance(time, bool) or abs(time) >= MILLISECONDS_FROM


def _age(seen: Seen) -> float | None:
    time = seen.row.get("event_time")
    return seen.at - time if isinstance(time, int) and abs(time) < MILLISECONDS_FROM else None


def _late(seen: Seen) -> bool | None:
    age = _age(seen)
    return None if age is None else LATE_S < age <= USELESS_S


def _useless(seen: Seen) -> bool | None:
    if seen.reason:
        return seen.reason == reasons.TOO_OLD
    age = _age(seen)
    return None if age is None else age > USELESS_S


def _ahead(seen: Seen) -> bool | None:
    age = _age(seen)
    return None if age is None else age < -AHEAD_S


def _no_page(seen: Seen) -> bool:
    page = seen.row.get("page")
    return not (isinstance(page, dict) and page.get("url"))


def _id_used_again(sample: Sample) -> Hits | None:
    """Events of one name and id that are of different orders: TikTok drops all but the first."""
    orders: dict[tuple[str, str], dict[Any, Seen]] = defaultdict(dict)
    for one in sample.rows:
        event_id = one.row.get("event_id")
        if isinstance(event_id, str) and one.event_source != "crm":
            orders[one.name, event_id].setdefault(one.properties.get("order_id"), one)
    again = [one for found in orders.values() if len(found) > 1 for one in list(found.values())[1:]]
    return Hits.among(again, len(orders) + len(again))


def _test_and_real(sample: Sample) -> Hits | None:
    tests = [one for one in sample.rows if one.is_test]
    return Hits.among(tests, len(sample.rows)) if len(tests) < len(sample.rows) else None


def _only_tests(sample: Sample) -> Hits | None:
    tests = [one for one in sample.rows if one.is_test]
    return Hits.among(tests, len(sample.rows)) if len(tests) == len(sample.rows) else None


def _unusual_code(seen: Seen) -> bool | None:
    shape = SHAPES.get(seen.event_source)
    return None if shape is None else shape[0].fullmatch(seen.source_id) is None


def _not_taken(sample: Sample) -> Hits | None:
    number = len(sample.rows)
    return Hits(count=number, of=number) if sample.blocked in REFUSED_BY_TIKTOK else None


def _partner(sample: Sample) -> Hits | None:
    number = len(sample.rows)
    return Hits(count=number, of=number) if sample.settings.get("partner_name") and number else None


IDENTITY: Final = (
    Condition(
        code="source_id_unusual",
        level=Severity.ERROR,
        title="The pixel code or event set ID looks wrong",
        meaning="A pixel code has 16 to 24 capital letters and digits, an event set's ID about 19 digits. TikTok "
        "refuses what it does not know.",
        fix="Copy the code again from Events Manager; mind which event source the mapping chooses.",
        basis=Basis.OFFICIAL,
        place=Place.SETTINGS,
        check=_unusual_code,
    ),
    Condition(
        code="source_refused",
        level=Severity.ERROR,
        title="TikTok does not take events for this pixel or event set",
        meaning="It answers that it does not know the pixel code or event set, or that the token may not report to it. "
        "Events wait.",
        fix="Check the code, and make the token as an admin of the ad account that it belongs to.",
        basis=Basis.OFFICIAL,
        place=Place.SETTINGS,
        sample=_not_taken,
    ),
    Condition(
        code="id_is_no_text",
        level=Severity.ERROR,
        title="An id that is a number",
        meaning="TikTok refuses a whole request for one event_id, content_id or lead_id that is a JSON number.",
        fix="Send ids as text.",
        basis=Basis.THIRD_PARTY,
        check=_id_is_no_text,
    ),
    Condition(
        code="event_time_invalid",
        level=Severity.ERROR,
        title="A time that cannot be read",
        meaning="TikTok wants whole Unix seconds. Tockwork makes them of ISO 8601 text, seconds and milliseconds; what "
        "it cannot read, or lies more than a day ahead, is not sent.",
        fix="Send ISO 8601, such as 2026-11-20T09:30:00Z, and set the clock of the machine that sends.",
        basis=Basis.THIRD_PARTY,
        field="timestamp",
        check=_bad_time,
        refused=True,
    ),
    Condition(
        code="page_url_missing",
        level=Severity.ERROR,
        title="A web event without the page's address",
        meaning="TikTok requires page.url of web events, and finds the click id in it.",
        fix="Send context.page.url with the whole query; for what happens away from pages, use an offline event set.",
        basis=Basis.OFFICIAL,
        field="url",
        check=_no_page,
        sources=("web",),
    ),
    Condition(
        code="tests_among_real_events",
        level=Severity.ERROR,
        title="Some events are test events",
        meaning="A mapping has a test event code, so that its events count for no campaign, and others are real.",
        fix="Remove the test event code from the mapping.",
        basis=Basis.OFFICIAL,
        field="test_event_code",
        sample=_test_and_real,
    ),
    Condition(
        code="only_tests",
        level=Severity.WARNING,
        title="Everything is a test event",
        meaning="A test event code is set. Test events are no part of reports, and no campaign learns from them.",
        fix="Empty the test event code once you have seen your events in Events Manager.",
        basis=Basis.THIRD_PARTY,
        place=Place.SETTINGS,
        field="test_event_code",
        sample=_only_tests,
    ),
    Condition(
        code="partner_name_set",
        level=Severity.WARNING,
        title="A partner name is set",
        meaning="TikTok refuses requests with a partner's name that it did not register.",
        fix="Empty it, unless your company is registered with TikTok as a partner.",
        basis=Basis.THIRD_PARTY,
        place=Place.SETTINGS,
        field="partner_name",
        sample=_partner,
    ),
    Condition(
        code="event_id_used_again",
        level=Severity.WARNING,
        title="One event id for several orders",
        meaning="TikTok keeps the first of the events with the same name and id, and drops the others for 48 hours.",
        fix="Map event_id to something that is new for every action, such as $.messageId.",
        basis=Basis.THIRD_PARTY,
        field="event_id",
        sample=_id_used_again,
    ),
    Condition(
        code="event_ahead",
        level=Severity.WARNING,
        title="Events from the future",
        meaning="The event's time is more than five minutes after it was received: a clock or a time zone is wrong.",
        fix="Set the clock of the machine that sends, and write times with their zone.",
        basis=Basis.THIRD_PARTY,
        place=Place.SOURCE,
        field="timestamp",
        check=_ahead,
    ),
    Condition(
        code="event_late",
        level=Severity.INFO,
        title="Events come late",
        meaning="More than an hour lies between event and receipt. TikTok asks for events in real time; attribution "
        "and bidding work with what is there.",
        fix="Send events as they happen; of a nightly upload nothing can be mended here.",
        basis=Basis.THIRD_PARTY,
        place=Place.SOURCE,
        check=_late,
        sources=("web",),
    ),
    Condition(
        code="event_too_old",
        level=Severity.INFO,
        title="Events are older than 28 days",
        meaning="No attribution window reaches further back; offline event sets take no older ones.",
        fix="Upload sooner.",
        basis=Basis.OFFICIAL,
        place=Place.SOURCE,
        check=_useless,
        refused=True,
    ),
)
