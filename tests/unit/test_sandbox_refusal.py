"""What the sandbox refuses in a row, and what it must not refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.sandbox.profile import PROFILES
from tockwork.sandbox.refusal import Fault, row_check
from tockwork.sandbox.schema import CONTENT, PARTS, ROW, SOURCES, Kind

Row = dict[str, Any]

PARTS_OF_SOURCE: dict[str, Row] = {
    "web": {"page": {"url": "https://shop.example/"}},
    "app": {"app": {"app_id": "com.example.shop"}},
    "offline": {},
    "crm": {"lead": {"lead_id": "7676700000000000000"}},
}


def row(source: str = "web", **changes: Any) -> Row:
    base: Row = {"event": "Purchase", "event_time": 1_800_000_000, "event_id": "o-1", "user": {}}
    return base | PARTS_OF_SOURCE[source] | changes


def check(row: Row, source: str = "web", profile: str = "documented") -> Fault | None:
    return row_check(source, PROFILES[profile])(row)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_minimal_row_passes(source: str, profile: str) -> None:
    assert check(row(source), source, profile) is None


STRING, INTEGER, NUMBER = "not a valid string", "not a valid integer", "not a valid number"
OBJECT, EMPTY = "not a valid object", "must not be empty"
STRINGS, EITHER = "not a valid list of strings", "not a valid string or list of strings"
SECONDS = "must be Unix time in seconds, with 10 digits"

REFUSED: list[tuple[Row, str, str]] = [
    ({"event": None}, "event", STRING),
    ({"event": 7}, "event", STRING),
    ({"event": ""}, "event", EMPTY),
    ({"event": "  "}, "event", EMPTY),
    ({"event_time": None}, "event_time", INTEGER),
    ({"event_time": "1800000000"}, "event_time", INTEGER),
    ({"event_time": "2027-01-15T08:00:00Z"}, "event_time", INTEGER),
    ({"event_time": 1_800_000_000.0}, "event_time", INTEGER),
    ({"event_time": True}, "event_time", INTEGER),
    ({"event_time": 1_800_000_000_000}, "event_time", SECONDS),
    ({"event_time": 999_999_999}, "event_time", SECONDS),
    ({"event_time": -1_800_000_000}, "event_time", SECONDS),
    ({"event_id": 12345}, "event_id", STRING),
    ({"event_id": None}, "event_id", STRING),
    ({"user": None}, "user", OBJECT),
    ({"user": []}, "user", OBJECT),
    ({"user": {"email": 5}}, "user.email", EITHER),
    ({"user": {"email": ["ok", 5]}}, "user.email.1", STRING),
    ({"user": {"phone": [None]}}, "user.phone.0", STRING),
    ({"user": {"external_id": {"id": "x"}}}, "user.external_id", EITHER),
    ({"user": {"ttclid": ["E.C.P."]}}, "user.ttclid", STRING),
    ({"user": {"ip": 134744072}}, "user.ip", STRING),
    ({"user": {"first_name": ["jane"]}}, "user.first_name", STRING),
    ({"properties": "none"}, "properties", OBJECT),
    ({"properties": {"contents": {}}}, "properties.contents", "not a valid list of objects"),
    ({"properties": {"contents": ["sku"]}}, "properties.contents.0", OBJECT),
    (
        {"properties": {"contents": [{"content_id": "a"}, {"content_id": 7}]}},
        "properties.contents.1.content_id",
        STRING,
    ),
    ({"properties": {"contents": [{"price": "9.99"}]}}, "properties.contents.0.price", NUMBER),
    ({"properties": {"contents": [{"quantity": 1.5}]}}, "properties.contents.0.quantity", INTEGER),
    ({"properties": {"contents": [{"quantity": True}]}}, "properties.contents.0.quantity", INTEGER),
    ({"properties": {"content_ids": "sku"}}, "properties.content_ids", STRINGS),
    ({"properties": {"content_ids": ["a", 1]}}, "properties.content_ids.1", STRING),
    ({"properties": {"value": "12,50"}}, "properties.value", NUMBER),
    ({"properties": {"value": None}}, "properties.value", NUMBER),
    ({"properties": {"value": False}}, "properties.value", NUMBER),
    ({"properties": {"currency": 840}}, "properties.currency", STRING),
    ({"properties": {"num_items": 2.5}}, "properties.num_items", INTEGER),
    ({"properties": {"content_type": ["product"]}}, "properties.content_type", STRING),
    ({"properties": {"order_id": 1001}}, "properties.order_id", STRING),
    ({"limited_data_use": "true"}, "limited_data_use", "not a valid boolean"),
    ({"limited_data_use": 1}, "limited_data_use", "not a valid boolean"),
    ({"page": None}, "page", OBJECT),
    ({"page": {}}, "page.url", STRING),
    ({"page": {"url": ""}}, "page.url", EMPTY),
    ({"page": {"url": 5}}, "page.url", STRING),
    ({"page": {"url": "https://shop.example/", "referrer": 5}}, "page.referrer", STRING),
    ({"ad": {"attributed": "yes"}}, "ad.attributed", "not a valid boolean"),
    ({"ad": {"attribution_share": "0.5"}}, "ad.attribution_share", NUMBER),
]


@pytest.mark.parametrize(("changes", "path", "reason"), REFUSED)
def test_wrong_types_are_refused(changes: Row, path: str, reason: str) -> None:
    assert check(row(**changes)) == Fault(path, reason)


@pytest.mark.parametrize("name", ["event", "event_time"])
def test_a_row_without_name_or_time_is_refused(name: str) -> None:
    broken = row()
    del broken[name]
    fault = check(broken)
    assert fault is not None
    assert fault.path == name


@pytest.mark.parametrize(("source", "part"), [("web", "page"), ("app", "app"), ("crm", "lead")])
def test_the_part_that_a_source_needs(source: str, part: str) -> None:
    without = row(source)
    del without[part]
    assert check(without, source) == Fault(part, OBJECT)
    assert check(without, source, "lenient") is None
    assert check(without, "offline") is None


ACCEPTED: list[Row] = [
    {"user": {"ttclidX": "typo", "email": "Jane@Example.com", "phone": "0123"}},
    {"user": {"ip": "203.0.113.9"}},
    {"user": {"email": "", "phone": None, "city": "", "ttp": None}},
    {"user": {"email": [], "external_id": ["a", "b"]}},
    {"event": "Something Nobody Knows!"},
    {"event_id": ""},
    {"device": {"mobile": True}, "anything": [1, {"else": None}]},
    {"properties": {}},
    {"properties": {"currency": "Doubloon", "value": -3, "whatever": {"deep": [1]}}},
    {"properties": {"value": 0, "contents": []}},
    {"properties": {"contents": [{}, {"price": 10, "quantity": 10**20}, {"price": 10.5}]}},
    {"properties": {"year": "1999", "mileage": {"value": 7, "unit": "KM"}, "num_adults": "2"}},
    {"page": {"url": "not a url"}},
]


@pytest.mark.parametrize("changes", ACCEPTED)
@pytest.mark.parametrize("profile", ["documented", "always-200", "lenient"])
def test_what_tiktok_takes_in_silence_is_taken(changes: Row, profile: str) -> None:
    assert check(row(**changes), profile=profile) is None


@pytest.mark.parametrize(
    "name", ["Purchase", "CompletePayment", "PlaceAnOrder", "Pageview", "PageView", "Checkout", "my_own-Event7"]
)
def test_names_that_offline_takes(name: str) -> None:
    assert check(row("offline", event=name), "offline") is None


@pytest.mark.parametrize("name", ["Order Completed", "7up", "a" * 51, "größe"])
def test_names_that_offline_refuses_and_the_others_take(name: str) -> None:
    assert check(row("offline", event=name), "offline") == Fault(
        "event", "not an event that offline event sets support"
    )
    for source in ("web", "app", "crm"):
        assert check(row(source, event=name), source) is None
    assert check(row("offline", event=name), "offline", "lenient") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"event_time": "1800000000"},
        {"event_id": None},
        {"user": None},
        {"properties": {"value": "12.50", "num_items": "2", "currency": None}},
        {"properties": {"contents": [{"price": "1", "quantity": 2.0, "content_id": None}]}},
    ],
)
def test_the_lenient_profile_takes_nulls_and_numbers_as_text(changes: Row) -> None:
    assert check(row(**changes), profile="lenient") is None
    assert check(row(**changes)) is not None


@pytest.mark.parametrize("value", ["18000000000", "-180000000", "1.8e9", "١٨٠٠٠٠٠٠٠٠"])
def test_the_lenient_profile_takes_ten_plain_digits_only(value: str) -> None:
    fault = check(row(event_time=value), profile="lenient")
    assert fault is not None
    assert fault.path == "event_time"


def test_the_name_is_judged_before_the_time_and_the_time_before_types() -> None:
    fault = check({"event": 1, "event_time": 1, "event_id": 1})
    assert fault is not None
    assert fault.path == "event"
    fault = check({"event": "Purchase", "event_time": 1, "event_id": 1})
    assert fault is not None
    assert fault.path == "event_time"
    fault = check({"event": "Purchase", "event_time": 1_800_000_000, "event_id": 1})
    assert fault is not None
    assert fault.path == "event_id"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)

_ALLOWED: dict[Kind, Callable[[Any], bool]] = {
    Kind.STRING: lambda value: isinstance(value, str),
    Kind.STRINGS: lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    Kind.STRING_OR_STRINGS: lambda value: (
        isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))
    ),
    Kind.NUMBER: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    Kind.INTEGER: lambda value: isinstance(value, int) and not isinstance(value, bool),
    Kind.BOOLEAN: lambda value: isinstance(value, bool),
    Kind.ANY: lambda value: True,
}


@given(data=st.data(), value=json_values)
def test_one_field_with_any_json_value_is_judged_by_its_type(data: st.DataObject, value: Any) -> None:
    """Every field of every part against a second, naive reading of its type."""
    part = data.draw(st.sampled_from(sorted(PARTS)))
    name = data.draw(st.sampled_from(sorted(set(PARTS[part]) - {"contents"})))
    kind = PARTS[part][name].kind
    fine = _ALLOWED[kind](value) or (part == "user" and value is None)
    fault = check(row("offline", **{part: {name: value}}), "offline")
    assert (fault is None) == fine
    assert fault is None or fault.path.startswith(f"{part}.{name}")


@given(name=st.sampled_from(sorted(CONTENT)), value=json_values)
def test_one_field_of_contents_with_any_json_value_is_judged_by_its_type(name: str, value: Any) -> None:
    contents = [{"content_id": "ok"}, {name: value}]
    fault = check(row(properties={"contents": contents}))
    assert (fault is None) == _ALLOWED[CONTENT[name].kind](value)
    assert fault is None or fault.path == f"properties.contents.1.{name}"


@given(
    row=st.dictionaries(st.sampled_from(sorted(ROW)) | st.text(max_size=6), json_values, max_size=6),
    source=st.sampled_from(SOURCES),
    profile=st.sampled_from(sorted(PROFILES)),
)
def test_no_row_makes_the_check_stumble(row: Row, source: str, profile: str) -> None:
    fault = check(row, source, profile)
    assert fault is None or (fault.path and fault.reason)
