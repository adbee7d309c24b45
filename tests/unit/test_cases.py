"""Every case of ``destinations/tiktok/cases`` holds, on both roads, and together they leave nothing out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from importlib import resources
from typing import Any, Final

import msgspec
import pytest

from tockwork.destinations.case import Case, CaseFile, differences, read_cases
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.fields import WEB_FIELDS
from tockwork.destinations.tiktok.verticals import TRAVEL_PARTS, VEHICLE_PARTS
from tockwork.model.errors import ConfigurationError

FOLDER: Final = resources.files("tockwork.destinations.tiktok").joinpath("cases")
FILES: Final[dict[str, CaseFile]] = {
    file.name: read_cases(file.read_bytes(), file.name)
    for file in sorted(FOLDER.iterdir(), key=lambda file: file.name)
    if file.name.endswith(".json")
}
CONNECTIONS: Final[dict[bytes, Connection]] = {}
CLOUD: Final = ("tiktok-conversions", "tiktok-offline-conversions", "chord-tiktok-conversions")

# The tables of the destination's specification, written down once more.
PRESETS: Final = {
    "documented-2023": [
        ("Add to Cart", "Product Added", "AddToCart", "single"),
        ("Place an Order", "Order Completed", "PlaceAnOrder", "products"),
        ("Search", "Products Searched", "Search", "single"),
        ("Initiate Checkout", "Checkout Started", "InitiateCheckout", "products"),
        ("Add Payment Info", "Payment Info Entered", "AddPaymentInfo", "products"),
        ("Add to Wishlist", "Product Added to Wishlist", "AddToWishlist", "single"),
        ("View Content", "page", "ViewContent", "single"),
    ],
    "segment-2026": [
        ("Complete Payment", "Order Completed", "CompletePayment", "products"),
        ("Contact", "Callback Started", "Contact", ""),
        ("Subscribe", "Subscription Created", "Subscribe", ""),
        ("Submit Form", "Form Submitted", "SubmitForm", ""),
        ("Page View", "page", "Pageview", "products"),
        ("View Content", "Product Viewed", "ViewContent", "single"),
        ("Click Button", "Product Clicked", "ClickButton", "single"),
        ("Search", "Products Searched", "Search", "single"),
        ("Add to Wishlist", "Product Added to Wishlist", "AddToWishlist", "single"),
        ("Add to Cart", "Product Added", "AddToCart", "single"),
        ("Initiate Checkout", "Checkout Started", "InitiateCheckout", "products"),
        ("Add Payment Info", "Payment Info Entered", "AddPaymentInfo", "products"),
        ("Place an Order", "Order Placed", "PlaceAnOrder", "products"),
        ("Download", "Download Link Clicked", "Download", ""),
        ("Complete Registration", "Signed Up", "CompleteRegistration", ""),
    ],
    "purchase-2025": [
        ("Purchase", "Order Completed", "Purchase", "products"),
        ("Contact", "Callback Started", "Contact", ""),
        ("Subscribe", "Subscription Created", "Subscribe", ""),
        ("Lead", "Form Submitted", "Lead", ""),
        ("Page View", "page", "Pageview", "products"),
        ("View Content", "Product Viewed", "ViewContent", "single"),
        ("Search", "Products Searched", "Search", "single"),
        ("Add to Wishlist", "Product Added to Wishlist", "AddToWishlist", "single"),
        ("Add to Cart", "Product Added", "AddToCart", "single"),
        ("Initiate Checkout", "Checkout Started", "InitiateCheckout", "products"),
        ("Add Payment Info", "Payment Info Entered", "AddPaymentInfo", "products"),
        ("Download", "Download Link Clicked", "Download", ""),
        ("Complete Registration", "Signed Up", "CompleteRegistration", ""),
    ],
}
FIELDS: Final = """
    event_source event_spec_type event event_id timestamp phone_number email first_name last_name address order_id
    shop_id external_id ttclid ttp lead_fields lead_id locale url referrer ip user_agent contents content_ids num_items
    content_type currency value description query search_string limited_data_use test_event_code delivery_category
    predicted_ltv vehicle_fields travel_fields
""".split()
VEHICLE: Final = """
    postal_code make model year state_of_vehicle mileage_value mileage_unit exterior_color transmission body_style
    fuel_type drivetrain preferred_price_range_min preferred_price_range_max trim vin interior_color
    condition_of_vehicle viewcontent_type search_type registration_type
""".split()
TRAVEL: Final = """
    city region country checkin_date checkout_date num_adults num_children num_infants suggested_hotels
    departing_departure_date returning_departure_date origin_airport destination_airport destination_ids
    departing_arrival_date returning_arrival_date travel_class user_score preferred_num_stops travel_start travel_end
    suggested_destinations
""".split()
IN_ROW: Final = {
    "event_source": None,  # stands at the request's root, as does test_event_code
    "test_event_code": None,
    "event_spec_type": None,
    "event": "event",
    "event_id": "event_id",
    "timestamp": "event_time",
    "phone_number": "user.phone",
    "address": "user.city user.state user.country user.zip_code",
    "lead_fields": "lead.lead_id lead.lead_event_source",
    "lead_id": "lead.lead_id",
    "url": "page.url",
    "referrer": "page.referrer",
    "limited_data_use": "limited_data_use",
    "vehicle_fields": "properties.make properties.mileage properties.preferred_price_range",
    "travel_fields": "properties.checkin_date",
    **{key: f"user.{key}" for key in "email first_name last_name external_id ttclid ttp locale ip user_agent".split()},
    **{
        key: f"properties.{key}"
        for key in """order_id shop_id contents content_ids num_items content_type currency value description query
        search_string delivery_category predicted_ltv""".split()
    },
}
PLAIN: Final = """
    u-1 a-1 42 user-42 ada@example.com a.lovelace@example.com ada.l+shop@example.com ada lovelace annemarie oneilmüller
    太郎 иванов 94107 10115 m5v3l9 +14155550123 +4930123456 +19995550123 +498912345678901
""".split()
"""What was hashed in the cases' rows: each value as TikTok's "Parameters" page wants it normalised."""

IMPROVEMENTS: Final = {
    "email is trimmed and lower-cased": ("person.json", "email: trimmed and lower-cased"),
    "external_id is trimmed and lower-cased": ("person.json", "external_id: trimmed and lower-cased"),
    "phone in E.164, of the default region": ("person.json", "phone: national, of the default region"),
    "phone: unassigned ranges pass": ("person.json", "phone: an unassigned range passes"),
    "phone: what is not possible is left out": ("person.json", "phone: impossible is left out"),
    "phone is never cut to 14 digits": ("person.json", "phone: never cut"),
    "an e-mail that is none is left out": ("person.json", "email: one that is none is left out"),
    "names keep Unicode": ("person.json", "names: Unicode, small letters, no punctuation"),
    "city and state keep Unicode": ("person.json", "city and state: Unicode is kept"),
    "country is ISO alpha-2": ("person.json", "country: a name, a code of three letters"),
    "US zip codes have five digits": ("person.json", "zip: five digits in the United States"),
    "no empty strings": ("nothing-empty.json", "empty strings"),
    "no hash of nothing": ("nothing-empty.json", "blank strings"),
    "no empty contents": ("nothing-empty.json", "no products"),
    "no undefined or null ids": ("nothing-empty.json", "placeholders for ids"),
    "ids are strings, prices numbers": ("ids.json", "numeric ids"),
    "quantity is an integer": ("ids.json", "quantity: a fraction is rounded"),
    "total stands in for value": ("value.json", "then total"),
    "value is computed": ("value.json", "computed from contents"),
    "compute_value: false is as Segment": ("value-as-segment.json", "contents are not added up"),
    "query fills search_string": ("search.json", "query alone"),
    "search_string fills query": ("search.json", "search_string alone"),
    "event_id strategy order": ("event-id-order.json", "an event with an order_id"),
    "more spellings of first_name": ("fields.json", "first_name and last_name: in camel case"),
    "more spellings of zip_code": ("fields.json", "address zip_code: zipCode"),
}


def connection(name: str) -> Connection:
    file = FILES[name]
    key = msgspec.json.encode([file.destination, file.settings, file.preset_pack, file.mappings])
    if key not in CONNECTIONS:
        CONNECTIONS[key] = file.connect()
    return CONNECTIONS[key]


EACH_CASE: Final = pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(name, case, id=f"{name.removesuffix('.json')}: {case.name}")
        for name, file in FILES.items()
        for case in file.cases
    ],
)


def rows(*destinations: str) -> Iterator[dict[str, Any]]:
    for file in FILES.values():
        if file.destination in destinations:
            for case in file.cases:
                for expected in case.expect:
                    if isinstance(expected.row, dict):
                        yield expected.row


@EACH_CASE
def test_case(name: str, case: Case) -> None:
    assert list(differences(case, connection(name))) == []
    assert all(expected.warnings is not msgspec.UNSET for expected in case.expect)


@EACH_CASE
def test_the_general_road_gives_the_same(name: str, case: Case) -> None:
    entry = msgspec.json.encode(case.event)
    fast = connection(name).outcomes(entry, case.seconds)
    assert connection(name).outcomes_of(msgspec.json.decode(entry), case.seconds) == fast


@pytest.mark.parametrize("pack", PRESETS)
def test_each_preset_of_a_pack_has_a_case(pack: str) -> None:
    file_name = f"presets-{pack}.json"
    file = FILES[file_name]
    assert file.preset_pack == pack
    assert [mapping.name for mapping in connection(file_name).mappings] == [name for name, *_ in PRESETS[pack]]
    by_name = {case.name: case for case in file.cases}
    for name, trigger, event, contents in PRESETS[pack]:
        case = by_name[name]
        assert case.event["type" if trigger == "page" else "event"] == trigger
        [expected] = case.expect
        assert (expected.status, expected.mapping) == ("mapped", name)
        assert expected.row["event"] == event
        properties = case.event["properties"]
        items = properties.get("products", []) if contents == "products" else [properties] if contents else []
        sent = expected.row["properties"].get("contents", [])
        found = [item["content_id"] for item in sent if "content_id" in item]
        assert found == [item["product_id"] for item in items if "product_id" in item]


def test_the_fields_are_those_of_the_specification() -> None:
    assert [field.key for field in WEB_FIELDS if not field.implied_by] == FIELDS
    assert [part.key for part in VEHICLE_PARTS] == VEHICLE
    assert [part.key for part in TRAVEL_PARTS] == TRAVEL


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_has_a_case(field: str) -> None:
    named = [c for file in FILES.values() for c in file.cases if re.search(rf"\b{field}\b", c.name)]
    assert named, f"no case names {field}"
    for place in (IN_ROW[field] or "").split():
        assert any(_at(row, place) is not None for row in rows("tiktok-conversions")), f"no row has {place}"


@pytest.mark.parametrize(("kind", "parts"), [("vehicle", VEHICLE), ("travel", TRAVEL)])
def test_each_part_of_travel_and_vehicle_fields_is_sent_by_some_case(kind: str, parts: list[str]) -> None:
    sent = {key for row in rows("tiktok-conversions") for key in row["properties"]}
    whole = {"mileage_value": "mileage", "mileage_unit": "mileage"}
    whole |= dict.fromkeys(("preferred_price_range_min", "preferred_price_range_max"), "preferred_price_range")
    assert {whole.get(part, part) for part in parts} <= sent, kind


@pytest.mark.parametrize("improvement", IMPROVEMENTS)
def test_each_improvement_on_segment_has_a_case(improvement: str) -> None:
    name, wanted = IMPROVEMENTS[improvement]
    assert wanted in [case.name for case in FILES[name].cases]


def test_every_hash_in_a_row_is_that_of_a_normalised_value() -> None:
    known = {sha256(text.encode()).hexdigest() for text in PLAIN}
    found = set(re.findall(r"\b[0-9a-f]{64}\b", json.dumps(list(rows(*CLOUD)))))
    assert found == known


def test_the_files_are_documentation() -> None:
    assert len(FILES) > 20
    for name, file in FILES.items():
        assert file.title, name
        assert file.doc, name
        assert file.destination in DESTINATIONS, name


def _at(row: dict[str, Any], place: str) -> Any:
    value: Any = row
    for key in place.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


class TestFiles:
    GOOD: Final[dict[str, Any]] = {
        "title": "Mine",
        "destination": "tiktok-conversions",
        "settings": {"pixelCode": "C8E2OS3C77UABCDXYZ00"},
        "cases": [
            {
                "name": "an order",
                "event": {"type": "track", "event": "Order Completed", "userId": "u-1", "properties": {"value": 5}},
                "expect": [{"status": "mapped", "row": None}],
            }
        ],
    }

    def read(self, **changes: Any) -> CaseFile:
        return read_cases(msgspec.json.encode({**self.GOOD, **changes}), "mine.json")

    def differences(self, *expect: dict[str, Any]) -> list[str]:
        file = self.read(cases=[{**self.GOOD["cases"][0], "expect": list(expect)}])
        return list(differences(file.cases[0], connection("fields.json")))

    def test_it_connects(self) -> None:
        assert self.read(preset_pack="purchase-2025").connect().mappings[0].name == "Purchase"

    def test_what_holds(self) -> None:
        assert (
            self.differences({"status": "mapped", "mapping": "Complete Payment", "reason": None, "warnings": []}) == []
        )

    def test_a_difference_is_named_with_its_place(self) -> None:
        row = {"event": "Purchase", "event_time": 1795176000, "user": {}, "properties": {"value": 5, "currency": "EUR"}}
        found = self.differences({"status": "mapped", "row": row})
        assert 'expect[0].row.event: expected "Purchase", found "CompletePayment"' in found
        assert 'expect[0].row.properties.currency: expected "EUR", found nothing' in found
        assert 'expect[0].row.properties.content_type: expected nothing, found "product"' in found
        assert "expect[0].row.limited_data_use: expected nothing, found false" in found

    def test_true_is_not_1(self) -> None:
        file = self.read()
        outcome = connection("fields.json").outcomes(msgspec.json.encode(file.cases[0].event), file.cases[0].seconds)[0]
        row = {**json.loads(bytes(outcome.row)), "limited_data_use": 0}
        assert self.differences({"status": "mapped", "row": row}) == [
            "expect[0].row.limited_data_use: expected 0, found false"
        ]

    def test_another_number_of_outcomes(self) -> None:
        assert self.differences() == ["expected 0 outcomes, found 1: mapped"]

    def test_another_envelope(self) -> None:
        wanted = {"event_source": "web", "event_source_id": "X"}
        assert self.differences({"status": "mapped", "envelope": wanted}) == [
            'expect[0].envelope.event_source_id: expected "X", found "C8E2OS3C77UABCDXYZ00"'
        ]

    @pytest.mark.parametrize("content", [b"", b"[]", b'{"title": "x"}', b"\xff", b'{"titel": "x"}'])
    def test_what_is_no_file_of_cases(self, content: bytes) -> None:
        with pytest.raises(ConfigurationError, match=r"mine\.json: is no file of cases"):
            read_cases(content, "mine.json")

    def test_all_problems_at_once(self) -> None:
        case = self.GOOD["cases"][0]
        with pytest.raises(ConfigurationError) as caught:
            self.read(cases=[case, {**case, "now": "soon"}])
        assert [problem.where for problem in caught.value.problems] == [
            "mine.json: cases[1].name",
            "mine.json: cases[1].now",
        ]

    def test_a_time_that_cannot_be_read(self) -> None:
        case = Case(name="x", event={}, expect=[], now="soon")
        assert list(differences(case, connection("fields.json"))) == [
            "now: expected ISO 8601, such as 2026-11-20T12:00:00Z"
        ]

    def test_a_time_without_a_zone_is_utc(self) -> None:
        assert Case(name="x", event={}, expect=[], now="2026-11-20T12:00:00").seconds == 1795176000
