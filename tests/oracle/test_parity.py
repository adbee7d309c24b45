"""Every field that Segment sends is in our row with the same value, but for the improvements listed here: for web and
for offline conversions.

The other side is ``parity.cjs``: Segment's own mapping kit, triggers and schema check, and a plain row builder.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any, NamedTuple

import phonenumbers
from bench.events import Shop
from harness import answers
from random_events import Events

from tockwork.destinations.catalog import find
from tockwork.destinations.connection import Connection
from tockwork.model.outcome import Outcome

NOW = 1_795_222_800.0
COUNT = 2_000
ABSENT = "(nothing)"
Json = Any


class Difference(NamedTuple):
    """One place of one row where the two differ."""

    event: dict[str, Json]
    place: str
    segment: Json
    ours: Json
    row: dict[str, Json]


class Improvement(NamedTuple):
    """What we do otherwise on purpose: in which places, and when it accounts for a difference."""

    name: str
    places: str
    covers: Callable[[Difference], bool]


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _get(event: Json, path: str) -> Json:
    for key in path.split("."):
        event = event.get(key) if isinstance(event, dict) else None
    return event


def _given(event: dict[str, Json], *paths: str) -> str:
    """The first of the places that has a value, as text."""
    found = next((value for path in paths if (value := _get(event, path)) is not None), "")
    return found if isinstance(found, str) else json.dumps(found)


def _person(event: dict[str, Json], key: str) -> str:
    return _given(event, f"properties.{key}", f"context.traits.{key}")


def _is_unicode_kept(d: Difference) -> bool:
    given = _person(d.event, f"address.{d.place.removeprefix('user.')}")
    return not given.isascii() and d.ours == "".join(filter(str.isalnum, given.lower()))


def _is_bare_name(d: Difference) -> bool:
    given = _person(d.event, d.place.removeprefix("user."))
    bare = "".join(filter(str.isalnum, given.lower()))
    return bare != given.lower() and d.ours == _hash(bare)


def _is_e164(d: Difference) -> bool:
    given = _person(d.event, "phone")
    try:
        number = phonenumbers.parse(given, "US")
    except phonenumbers.NumberParseException:
        return bool(d.ours == ABSENT)
    if not phonenumbers.is_possible_number(number):
        return bool(d.ours == ABSENT)
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return bool(text != given and d.ours == [_hash(text)])


def _is_us_zip(d: Difference) -> bool:
    given = _person(d.event, "address.postal_code")
    return bool(d.row["user"].get("country") == "us" and d.ours == _hash(given[:5]))


def _is_other_spelling(d: Difference) -> bool:
    given = _given(d.event, "properties.address.zip", "context.traits.address.zip")
    return bool(d.segment == ABSENT and d.ours == _hash(given))


def _is_total_or_computed(d: Difference) -> bool:
    if d.segment != ABSENT:
        return False
    total = _get(d.event, "properties.total")
    contents = d.row["properties"].get("contents", [])
    computed = round(sum(item.get("price", 0) * item.get("quantity", 1) for item in contents), 6)
    return bool(d.ours == (float(total) if total not in (None, "") else computed))


def _is_trimmed_id(d: Difference) -> bool:
    given = d.event.get("userId") or d.event.get("anonymousId")
    while isinstance(given, list):
        given = given[0]
    trimmed = str(given).strip()
    return given != trimmed and d.ours == ([_hash(trimmed.lower())] if trimmed else ABSENT)


def _is_null_item(d: Difference) -> bool:
    place = re.fullmatch(r"properties\.contents\[(\d+)\]\.(\w+)", d.place)
    assert place is not None
    item = (_get(d.event, "properties.products") or [d.event["properties"]])[int(place[1])]
    return bool(item[place[2]] is None and (d.segment, d.ours) == (0, ABSENT))


def _is_filled_search(d: Difference) -> bool:
    given = {_get(d.event, "properties.query"), _get(d.event, "properties.search_string")}
    return bool(d.segment == ABSENT and d.row["event"] == "Search" and d.ours in given)


IMPROVEMENTS = (
    Improvement(
        "the page view has the pixel's spelling",
        "event",
        lambda d: bool((d.segment, d.ours) == ("PageView", "Pageview")),
    ),
    Improvement("an external id is trimmed, a blank one left out", r"user\.external_id", _is_trimmed_id),
    Improvement("city and state keep letters of every script", r"user\.(city|state)", _is_unicode_kept),
    Improvement("names lose their punctuation", r"user\.(first|last)_name", _is_bare_name),
    Improvement("phones are E.164, what is no phone is left out", r"user\.phone", _is_e164),
    Improvement("zip codes of the United States have five digits", r"user\.zip_code", _is_us_zip),
    Improvement("zip codes are found under more names", r"user\.zip_code", _is_other_spelling),
    Improvement("total or the contents stand in for the value", r"properties\.value", _is_total_or_computed),
    Improvement("a null price or quantity is none, not 0", r"properties\.contents.*\.(price|quantity)", _is_null_item),
    Improvement("query and search_string fill each other", r"properties\.(query|search_string)", _is_filled_search),
    Improvement(
        "an e-mail that is none is left out",
        r"user\.email",
        lambda d: bool("@" not in _person(d.event, "email") and d.ours == ABSENT),
    ),
    Improvement(
        "an IP address that is none is left out",
        r"user\.ip",
        lambda d: bool(not re.search(r"[.:]", _given(d.event, "context.ip")) and d.ours == ABSENT),
    ),
    Improvement(
        "the time of receipt stands in for the timestamp",
        "event_time",
        lambda d: bool(_get(d.event, "timestamp") in (None, "") and d.segment == ABSENT),
    ),
)

REFUSED_BY_SEGMENT_ALONE = {
    "a personal field that is no text is left out instead": r"^The value at /(external_ids?|email|email_addresses"
    r"|phone_numbers?|ip|locale|user_agent|first_name|last_name|address|ttclid|ttp)\b",
}
REFUSED_BY_US_ALONE = {"a timestamp that cannot be read": ("bad_timestamp",)}
REFUSED_OFFLINE = {
    **REFUSED_BY_US_ALONE,
    "an event without e-mail and phone, which an external id alone does for Segment": ("pii_required",),
    "an event without a valid e-mail or phone": ("pii_invalid",),
    "an event from before the window of upload": ("too_old",),
}
OFFLINE_IMPROVEMENTS = frozenset(
    {
        "the page view has the pixel's spelling",
        "an external id is trimmed, a blank one left out",
        "phones are E.164, what is no phone is left out",
        "total or the contents stand in for the value",
        "a null price or quantity is none, not 0",
        "query and search_string fill each other",
        "an e-mail that is none is left out",
        "an IP address that is none is left out",
        "the time of receipt stands in for the timestamp",
    }
)
"""Those of the improvements that offline rows can show: they have no names and addresses."""


@cache
def presets() -> list[dict[str, str]]:
    """Segment's own: like ours, but for the page view's name."""
    file = resources.files("tockwork.destinations.tiktok").joinpath("presets", "segment-2026.json")
    found = json.loads(file.read_bytes())["presets"]
    return [{**preset, "event": {"Pageview": "PageView"}.get(preset["event"], preset["event"])} for preset in found]


@cache
def connection(destination: str = "web") -> Connection:
    if destination == "offline":
        return Connection(find("tiktok-offline-conversions"), {"eventSetID": "7676700000000000000"})
    return Connection(find("tiktok-conversions"), {"pixelCode": "C8E2OS3C77UABCDXYZ00"})


def storefront_events() -> list[dict[str, Json]]:
    """Half a shop's everyday events, half random ones that put odd values into the same places."""
    rng = random.Random(20261120)
    odd = filter(_is_of_a_shop, iter(lambda: Events(rng).event(), None))
    plain = Shop(11).events(COUNT // 2)
    unpriced = {"product_id": "p-1", "price": None, "quantity": None}
    order = {"type": "track", "event": "Order Completed", "timestamp": "2026-03-01T12:34:56Z"}
    without_price = {**order, "properties": {"value": 1, "products": [unpriced]}}
    return [without_price, *plain, *(next(odd) for _ in range(COUNT // 2 - 1))]


def _is_of_a_shop(event: dict[str, Json]) -> bool:
    """Its properties are an object with a list of products. Left out too: half a surrogate pair, which has no UTF-8
    form, and a number beyond 1e308, which is Infinity in JavaScript."""
    properties = event.get("properties", {})
    if not isinstance(properties, dict) or not all(isinstance(p, dict) for p in properties.get("products") or ()):
        return False
    try:
        text = json.dumps(event, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return not re.search(rb"[0-9]{300}", text)


def counter_events() -> list[dict[str, Json]]:
    """The same events as a shop's counter has them: most of the last weeks, and of people who left an address."""
    rng = random.Random(20261121)
    events = storefront_events()
    for number, event in enumerate(events):
        event.pop("receivedAt", None)  # so that all of them count from one day
        if number < 50 or rng.random() < 0.9:
            event["timestamp"] = datetime.fromtimestamp(NOW - rng.randrange(25 * 86_400), UTC).isoformat()
        if not isinstance(event.setdefault("properties", {}), dict):
            continue
        if number < 50:
            event["properties"]["email"] = "ada@example.com"
            event["userId"] = " U-1"
            event.setdefault("context", {})["ip"] = "unknown"
        elif rng.random() < 0.8:
            event["properties"] |= rng.choice(CONTACTS)
    events[1]["timestamp"] = "yesterday"
    return events


CONTACTS: list[dict[str, Json]] = [
    {"email": "Ada@Example.com"},
    {"email": ["ada@example.com", "a.lovelace@example.com"]},
    {"phone": "+14155550123"},
    {"phone": "415-555-0123", "email": "ada@example.com"},
    {"email": "ada at example.com"},
    {"email": "", "phone": None},
    {"email": "ada@example.com", "ttclid": "E.C.P.Own", "limited_data_use": True},
    {"email": "ada@example.com", "lead_id": "7676700000000000001", "limited_data_use": False, "ttp": "ttp-1"},
    {"email": "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72"},
]


def compared(
    events: list[dict[str, Json]], destination: str = "web"
) -> Iterator[tuple[dict[str, Json], Json, Outcome]]:
    """Each event's rows, side by side: Segment's answer and our outcome."""
    cases = [{"event": event, "presets": presets(), "destination": destination} for event in events]
    answered: Iterator[Json] = answers(cases, "parity.cjs")
    ours = connection(destination)
    for event, found in zip(events, answered, strict=True):
        outcomes = [o for o in ours.outcomes(json.dumps(event).encode(), NOW) if o.mapping is not None]
        assert [o.mapping for o in outcomes] == [answer["name"] for answer in found], event
        yield from ((event, answer, outcome) for answer, outcome in zip(found, outcomes, strict=True))


def differences(event: dict[str, Json], segment: dict[str, Json], ours: dict[str, Json]) -> Iterator[Difference]:
    theirs, mine = dict(_leaves(_filled(segment))), dict(_leaves(ours))
    for place in {**theirs, **mine}:
        pair = theirs.get(place, ABSENT), mine.get(place, ABSENT)
        if pair[0] != pair[1]:
            yield Difference(event, place, *pair, ours)


def _filled(value: Json) -> Json:
    """Segment's row without what is empty: that nothing empty is sent is an improvement of its own."""
    if isinstance(value, dict):
        found = {key: filled for key, member in value.items() if (filled := _filled(member)) is not None}
        return found or None
    if isinstance(value, list):
        return [filled for item in value if (filled := _filled(item)) is not None] or None
    return None if value == "" else value


def _leaves(value: Json, place: str = "") -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(member, f"{place}.{key}" if place else key)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{place}[{number}]")
    else:
        yield place, value


def tally(events: list[dict[str, Json]], destination: str, refused: Mapping[str, tuple[str, ...]]) -> Counter[str]:
    """How many rows both made, and how often each improvement or refusal accounts for a difference."""
    used: Counter[str] = Counter()
    for event, answer, outcome in compared(events, destination):
        if "refused" in answer or outcome.row is None:
            used[_explained(event, answer, outcome, refused)] += 1
            continue
        used["same"] += 1
        for difference in differences(event, answer["row"], json.loads(bytes(outcome.row))):
            names = [
                improvement.name
                for improvement in IMPROVEMENTS
                if re.fullmatch(improvement.places, difference.place) and improvement.covers(difference)
            ]
            assert names, f"not listed: {difference}"
            used[names[0]] += 1
    return used


def test_every_difference_is_a_listed_improvement() -> None:
    used = tally(storefront_events(), "web", REFUSED_BY_US_ALONE)
    assert used["same"] > COUNT // 2
    assert {improvement.name for improvement in IMPROVEMENTS} <= set(used), "an improvement that nothing shows"


def test_every_difference_of_offline_events_is_a_listed_improvement() -> None:
    used = tally(counter_events(), "offline", REFUSED_OFFLINE)
    improvements = {improvement.name for improvement in IMPROVEMENTS}
    assert improvements & set(used) == OFFLINE_IMPROVEMENTS
    assert set(REFUSED_OFFLINE) <= set(used), "a refusal that nothing shows"
    assert used["same"] > COUNT // 3


def test_offline_rows_have_a_contact_and_the_others_are_refused() -> None:
    """What is refused for its contact has none that Segment's own rules would call one."""
    for event in counter_events():
        for outcome in connection("offline").outcomes(json.dumps(event).encode(), NOW):
            if outcome.row is not None:
                assert json.loads(bytes(outcome.row))["user"].keys() & {"email", "phone"}
            elif outcome.reason in ("pii_required", "pii_invalid"):
                assert not re.search(r"[^\s@]@[^\s@]+\.[a-z]", _person(event, "email")), event
                assert not re.fullmatch(r"\+[0-9]{11}", _person(event, "phone")), event


def _explained(event: dict[str, Json], answer: Json, outcome: Outcome, refused: Mapping[str, tuple[str, ...]]) -> str:
    if "refused" in answer and outcome.row is None:
        return "refused by both"
    if "refused" in answer:
        name = next((n for n, text in REFUSED_BY_SEGMENT_ALONE.items() if re.search(text, answer["refused"])), None)
        assert name, (event, answer, outcome)
        assert any("left out" in warning for warning in outcome.warnings), (event, answer, outcome)
        return name
    name = next((n for n, codes in refused.items() if outcome.reason in codes), None)
    assert name, (event, answer, outcome)
    return name


def test_the_reference_says_what_segment_sends() -> None:
    event = {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m-1",
        "userId": "U-1",
        "timestamp": "2026-11-20T09:30:00.999Z",
        "context": {
            "traits": {"email": "Ada@Example.com", "last_name": "O'Neil ", "address": {"city": "São Paulo"}},
            "page": {"url": "https://shop.example/?ttclid=E.C.P.url"},
        },
        "properties": {"ttclid": "E.C.P.own", "revenue": "5.50", "products": [{"product_id": 7, "price": "1.5"}]},
    }
    answered: list[Json] = list(answers([{"event": event, "presets": presets(), "destination": "web"}], "parity.cjs"))
    [[answer]] = answered
    row = answer["row"]
    assert row["event"] == "CompletePayment"
    assert row["event_time"] == 1795167000
    assert row["user"] == {
        "external_id": [_hash("u-1")],
        "email": [_hash("ada@example.com")],
        "ttclid": "E.C.P.url",
        "first_name": "",
        "last_name": _hash("o'neil"),
        "city": "sopaulo",
        "state": "",
        "country": "",
        "zip_code": "",
    }
    assert row["properties"] == {
        "contents": [{"price": 1.5, "content_id": "7"}],
        "content_type": "product",
        "value": 5.5,
    }


def test_a_difference_is_seen() -> None:
    event = next(Shop(11).events(1))
    ours = {"event": "Purchase", "user": {"ttp": "x"}, "properties": {"contents": [{"price": 1}, {"price": 2}]}}
    theirs = {"event": "Purchase", "user": {"ttp": "y"}, "properties": {"contents": [{"price": 1}, {}, {"price": 3}]}}
    assert [(d.place, d.segment, d.ours) for d in differences(event, theirs, ours)] == [
        ("user.ttp", "y", "x"),
        ("properties.contents[1].price", 3, 2),
    ]
