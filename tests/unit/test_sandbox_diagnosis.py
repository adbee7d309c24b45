"""The diagnostics of accepted events: one case for every code of the catalogue."""

from __future__ import annotations

import json
from hashlib import md5, sha1, sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.sandbox.catalogue import CATALOGUE, Diagnostic, Level
from tockwork.sandbox.diagnosis import diagnose, diagnose_request
from tockwork.sandbox.person import is_email
from tockwork.sandbox.profile import PROFILES
from tockwork.sandbox.refusal import row_check
from tockwork.sandbox.schema import PROPERTIES, ROW, SOURCES, USER

Row = dict[str, Any]

NOW = 1_800_000_000
HOUR, DAY = 3600, 86400
HASH = sha256(b"jane@example.com").hexdigest()
URL = "https://shop.example/thanks"


def row(**changes: Any) -> Row:
    """A row there is nothing to say about, with changes; `user__x`, `properties__x`, `page__x` change one field, and
    None takes it away."""
    base: Row = {
        "event": "Purchase",
        "event_time": NOW,
        "event_id": "o-1",
        "user": {
            "email": [HASH],
            "phone": HASH,
            "external_id": [HASH],
            "ttclid": "E.C.P.Cabcdef0123456789",
            "ttp": "2abcdefghijklmnopqrstuvwxyz",
            "ip": "8.8.8.8",
            "user_agent": "Mozilla/5.0 (iPhone)",
            "locale": "en-US",
            "first_name": HASH,
            "city": "sãopaulo",
            "country": "br",
        },
        "properties": {
            "contents": [{"content_id": "sku", "price": 10, "quantity": 2}],
            "content_type": "product",
            "value": 21.5,
            "currency": "USD",
        },
        "page": {"url": URL},
    }
    for name, value in changes.items():
        part, _, field = name.partition("__")
        holder, key = (base[part], field) if field else (base, part)
        if value is None:
            del holder[key]
        else:
            holder[key] = value
    return base


def codes(row: Row, source: str = "web") -> list[tuple[str, str]]:
    """Code and path of what is said about a row, but for remarks on fields that belong to another source."""
    found = diagnose(row, source, NOW)
    return [(remark.code, remark.path) for remark in found if remark.code != "not_for_source"]


def test_there_is_nothing_to_say_about_a_good_row() -> None:
    assert diagnose(row(), "web", NOW) == []


ROW_CASES: list[tuple[str, str, str, Row]] = [
    # code, path, source, changes
    ("name_custom", "event", "web", {"event": "my_event"}),
    ("name_custom", "event", "app", {"event": "Pageview"}),
    ("name_custom_invalid", "event", "web", {"event": "Order Completed"}),
    ("name_custom_invalid", "event", "app", {"event": "x" * 51}),
    ("name_legacy", "event", "web", {"event": "CompletePayment"}),
    ("name_legacy", "event", "crm", {"event": "SubmitForm"}),
    ("name_not_for_offline", "event", "offline", {"event": "Pageview"}),
    ("name_page_view_spelling", "event", "web", {"event": "PageView"}),
    ("name_reserved", "event", "web", {"event": "Registration"}),
    ("name_retiring", "event", "web", {"event": "PlaceAnOrder"}),
    ("event_id_missing", "event_id", "web", {"event_id": None}),
    ("event_id_missing", "event_id", "crm", {"event_id": None}),
    ("event_time_far_future", "event_time", "web", {"event_time": NOW + DAY + 1}),
    ("event_time_future", "event_time", "web", {"event_time": NOW + 301}),
    ("event_time_late", "event_time", "web", {"event_time": NOW - HOUR - 1}),
    ("event_time_too_old", "event_time", "offline", {"event_time": NOW - 28 * DAY - 1}),
    ("event_time_useless", "event_time", "web", {"event_time": NOW - 28 * DAY - 1}),
    ("event_time_text", "event_time", "web", {"event_time": str(NOW)}),
    ("email_raw", "user.email", "web", {"user__email": "jane@example.com"}),
    ("email_raw", "user.external_id.0", "web", {"user__external_id": ["jane@example.com"]}),
    ("email_raw", "user.city", "web", {"user__city": "jane@example.com"}),
    ("email_raw", "properties.description", "web", {"properties__description": "for jane@example.com"}),
    ("phone_raw", "user.phone.1", "web", {"user__phone": [HASH, "(213) 373-4253"]}),
    ("phone_raw", "user.external_id", "web", {"user__external_id": "+12133734253"}),
    ("hash_expected", "user.first_name", "web", {"user__first_name": "jane"}),
    ("hash_expected", "user.external_id", "web", {"user__external_id": "12345678"}),
    ("hash_expected", "user.email", "web", {"user__email": HASH[:-1]}),
    ("hash_md5", "user.email", "web", {"user__email": md5(b"x").hexdigest()}),
    ("hash_sha1", "user.email", "web", {"user__email": sha1(b"x").hexdigest()}),
    ("hash_of_empty", "user.phone.0", "web", {"user__phone": [sha256(b"").hexdigest()]}),
    ("hash_of_placeholder", "user.email", "web", {"user__email": sha256(b"undefined").hexdigest()}),
    ("hash_unexpected", "user.city", "web", {"user__city": HASH}),
    ("hash_unexpected", "user.ip", "web", {"user__ip": HASH}),
    ("hash_upper_case", "user.email", "web", {"user__email": HASH.upper()}),
    ("country_shape", "user.country", "web", {"user__country": "BR"}),
    ("country_shape", "user.country", "web", {"user__country": "brazil"}),
    ("device_id_case", "user.idfa", "app", {"user__idfa": "ea7583cd-a667-48bc-b806-42ecb2b48606"}),
    ("device_id_case", "user.gaid", "app", {"user__gaid": "AAAAAA-2222-1111-8787-809E92233BA0"}),
    ("ip_invalid", "user.ip", "web", {"user__ip": "8.8.8.8, 10.0.0.1"}),
    ("ip_not_public", "user.ip", "web", {"user__ip": "192.168.1.7"}),
    ("ip_not_public", "user.ip", "web", {"user__ip": "::ffff:10.0.0.1"}),
    ("ip_not_public", "user.ip", "web", {"user__ip": "203.0.113.9"}),
    ("ip_without_user_agent", "user.user_agent", "web", {"user__user_agent": None}),
    ("limited_data_use_without_ip", "user.ip", "web", {"limited_data_use": True, "user__ip": None}),
    ("locale_shape", "user.locale", "web", {"user__locale": "English (US)"}),
    ("no_match_key", "user", "web", {"user": {"city": "sãopaulo"}}),
    ("not_normalised", "user.city", "web", {"user__city": "são paulo"}),
    ("not_normalised", "user.state", "web", {"user__state": "CA"}),
    ("offline_without_contact", "user", "offline", {"user": {"external_id": HASH}}),
    ("ttclid_in_url_only", "page.url", "web", {"user__ttclid": None, "page__url": URL + "?ttclid=E.C.P.x"}),
    ("ttclid_is_ttp", "user.ttclid", "web", {"user__ttclid": "01HXYZ.tt.1"}),
    ("ttclid_lower_cased", "user.ttclid", "web", {"user__ttclid": "e.c.p.cabcdef0123456789"}),
    ("ttclid_too_long", "user.ttclid", "web", {"user__ttclid": "E.C.P." + "A" * 1000}),
    ("ttclid_truncated", "user.ttclid", "web", {"user__ttclid": "E.C.P." + "A" * 249}),
    ("ttp_is_ttclid", "user.ttp", "web", {"user__ttp": "E.C.P.Cabcdef"}),
    ("user_agent_tool", "user.user_agent", "web", {"user__user_agent": "node-fetch/1.0"}),
    ("user_agent_tool", "user.user_agent", "web", {"user__user_agent": "curl/8.5.0"}),
    ("content_id_misplaced", "properties.content_id", "web", {"properties__content_id": "sku"}),
    ("content_id_missing", "properties.contents", "web", {"properties__contents": None}),
    ("content_id_without_value", "properties.value", "web", {"event": "AddToWishlist", "properties__value": None}),
    ("content_type_missing", "properties.content_type", "web", {"properties__content_type": None}),
    ("currency_case", "properties.currency", "web", {"properties__currency": "usd"}),
    ("currency_missing", "properties.currency", "web", {"event": "Contact", "properties": {"value": 5}}),
    ("currency_unknown", "properties.currency", "web", {"properties__currency": "XXX"}),
    ("number_as_text", "properties.value", "web", {"properties__value": "21.5"}),
    ("value_mismatch", "properties.value", "web", {"properties__value": 2150}),
    ("value_missing", "properties.value", "web", {"properties__value": None}),
    ("value_negative", "properties.predicted_ltv", "web", {"properties__predicted_ltv": -1}),
    ("empty", "user.ttp", "web", {"user__ttp": " "}),
    ("empty", "properties.search_string", "web", {"properties__search_string": ""}),
    ("not_listed", "properties.content_type", "web", {"properties__content_type": "Apparel"}),
    ("not_listed", "user.att_status", "app", {"user__att_status": "authorised"}),
    ("null", "user.ttp", "web", {"user": {**row()["user"], "ttp": None}}),
    ("placeholder", "user.ttclid", "web", {"user__ttclid": "undefined"}),
    ("unknown_key", "user.ttclidX", "web", {"user__ttclidX": "x"}),
    ("unknown_key", "properties.contents.0.id", "web", {"properties__contents": [{"content_id": "s", "id": 1}]}),
    ("email_in_url", "page.url", "web", {"page__url": URL + "?email=jane%40example.com"}),
    ("email_in_url", "page.referrer", "web", {"page__referrer": URL + "?e=jane@example.com&x=1"}),
    ("page_url_not_http", "page.url", "web", {"page__url": "/thanks"}),
    ("test_event_code_in_row", "test_event_code", "web", {"test_event_code": "TEST12345"}),
]


@pytest.mark.parametrize(("code", "path", "source", "changes"), ROW_CASES)
def test_each_condition_is_found_alone(code: str, path: str, source: str, changes: Row) -> None:
    found = codes(row(**changes), source)
    assert (code, path) in found
    assert {name for name, _ in found} == {code}


COMBINED_CASES: list[tuple[set[tuple[str, str]], Row]] = [
    ({("name_resembles", "event"), ("name_custom_invalid", "event")}, {"event": "add to cart"}),
    ({("name_resembles", "event"), ("name_custom", "event")}, {"event": "purchase"}),
    ({("user_missing", "user"), ("no_match_key", "user")}, {"user": None}),
    ({("empty", "user.email"), ("empty", "user.phone.0")}, {"user__email": [], "user__phone": [""]}),
    ({("empty", "event_id"), ("event_id_missing", "event_id")}, {"event_id": ""}),
    (
        {("value_missing", "properties.value"), ("currency_missing", "properties.currency")}
        | {("content_id_missing", "properties.contents")},
        {"properties": {}},
    ),
    (
        {("search_missing", "properties.search_string")},
        {"event": "Search", "properties": {}},
    ),
    (
        {("content_id_missing", "properties.contents.1.content_id"), ("empty", "properties.contents.1.content_id")},
        {
            "properties__contents": [
                {"content_id": "a", "price": 10, "quantity": 1},
                {"content_id": " ", "price": 10, "quantity": 1},
            ]
        },
    ),
]


@pytest.mark.parametrize(("expected", "changes"), COMBINED_CASES)
def test_conditions_that_come_together(expected: set[tuple[str, str]], changes: Row) -> None:
    assert set(codes(row(**changes))) == expected


@pytest.mark.parametrize(
    ("source", "name"),
    [("offline", "ttclid"), ("crm", "ip"), ("web", "idfa"), ("app", "external_id"), ("web", "lead_id")],
)
def test_fields_of_another_source_are_named(source: str, name: str) -> None:
    found = diagnose(row(**{f"user__{name}": "X"}), source, NOW)
    assert ("not_for_source", f"user.{name}") in {(remark.code, remark.path) for remark in found}


def root(**changes: Any) -> Row:
    return {"event_source": "web", "event_source_id": "C8E2OS3C77UABCDXYZ00"} | changes


ROOT_CASES: list[tuple[str, str, Row]] = [
    ("partner_name_present", "/partner_name", root(partner_name="Segment")),
    ("test_event_code_empty", "/test_event_code", root(test_event_code="")),
    ("test_event_code_empty", "/test_event_code", root(test_event_code=None)),
    ("test_event_code_shape", "/test_event_code", root(test_event_code="my test")),
    ("event_source_id_shape", "/event_source_id", root(event_source_id="7676700000000000000")),
    ("event_source_id_shape", "/event_source_id", root(event_source="offline", event_source_id="my set")),
    ("unknown_key", "/pixel_code", root(pixel_code="C8E2OS3C77UABCDXYZ00")),
]


@pytest.mark.parametrize(("code", "path", "root"), ROOT_CASES)
def test_each_condition_of_the_root_is_found_alone(code: str, path: str, root: Row) -> None:
    assert [(remark.code, remark.path) for remark in diagnose_request(root, path_has_slash=True)] == [(code, path)]


def test_a_path_without_its_slash_is_named() -> None:
    assert [remark.code for remark in diagnose_request(root(), path_has_slash=False)] == ["path_without_slash"]


@pytest.mark.parametrize(
    "root",
    [
        root(),
        root(event_source="offline", event_source_id="7676700000000000000", test_event_code="TEST12345"),
        root(event_source="app", event_source_id="com.example"),
    ],
)
def test_there_is_nothing_to_say_about_a_good_root(root: Row) -> None:
    assert diagnose_request(root, path_has_slash=True) == ()


def test_every_code_has_a_case() -> None:
    covered = {case[0] for case in ROW_CASES} | {case[0] for case in ROOT_CASES}
    covered |= {code for expected, _ in COMBINED_CASES for code, _ in expected}
    assert covered | {"not_for_source", "path_without_slash"} == set(CATALOGUE)


def test_every_code_that_a_profile_refuses_exists() -> None:
    for profile in PROFILES.values():
        assert profile.refuses <= set(CATALOGUE)


@pytest.mark.parametrize(
    "name", ["Purchase", "Lead", "Pageview", "Search", "ViewContent", "StartTrial", "ApplicationApproval"]
)
def test_names_there_is_nothing_to_say_about(name: str) -> None:
    said = {code for code, _ in codes(row(event=name)) if code.startswith("name_")}
    assert said == set()


def test_crm_events_may_be_called_anything() -> None:
    assert codes(row(event="deal won!"), "crm") == []


def test_app_names_are_no_custom_names_in_an_app() -> None:
    assert "name_custom" not in dict(codes(row(event="LaunchAPP"), "app"))
    assert "name_reserved" not in dict(codes(row(event="Checkout"), "app"))


@pytest.mark.parametrize("age", [0, HOUR, -300])
def test_an_event_in_time_is_no_matter(age: int) -> None:
    assert codes(row(event_time=NOW - age)) == []


@pytest.mark.parametrize("age", [2 * HOUR, 27 * DAY])
def test_offline_events_may_be_old(age: int) -> None:
    assert codes(row(event_time=NOW - age), "offline") == []


@pytest.mark.parametrize("ip", ["8.8.8.8", "2001:4860:4860::8888", "2001:4860:4860:0:0:0:0:8888"])
def test_public_addresses_are_fine(ip: str) -> None:
    assert codes(row(user__ip=ip)) == []


@pytest.mark.parametrize("locale", ["en", "en-US", "en_US", "zh-Hans-CN", "pt_BR"])
def test_language_tags_are_fine(locale: str) -> None:
    assert codes(row(user__locale=locale)) == []


@pytest.mark.parametrize("city", ["münchen", "東京", "القاهرة", "หัวหิน"])
def test_cities_of_any_script_are_fine(city: str) -> None:
    assert codes(row(user__city=city)) == []


def test_a_near_miss_is_named() -> None:
    found = {
        remark.path: remark.message for remark in diagnose(row(user__phone_number="x", user__e_mail="x"), "web", NOW)
    }
    assert found["user.phone_number"].endswith("did you mean phone?")
    assert found["user.e_mail"].endswith("did you mean email?")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jane@example.com", True),
        ("to: <jane+x@mail.example.co.uk>", True),
        ("https://a.example/?m=jane%40example.com", True),
        ("@example.com", False),
        ("jane@localhost", False),
        ("https://user@/path", False),
        ("https://a.example/@scope/package.js", False),
        ("a@b@c", False),
        ("", False),
    ],
)
def test_an_address_is_found_inside_a_text(text: str, expected: bool) -> None:
    assert is_email(text) is expected


@pytest.mark.timeout(5)
@pytest.mark.parametrize("text", ["a" * 200_000, "@" * 200_000, "a@" * 100_000, "a@" + "b" * 200_000, "x@a." * 50_000])
def test_a_hostile_text_costs_little_time(text: str) -> None:
    diagnose(row(page__url="https://x.example/" + text, user__email=text, properties__description=text), "web", NOW)


CANARY = "CANARYcanary77"


@given(
    where=st.sampled_from(["user", "properties", "page", "contents", "root", "event"]),
    value=st.sampled_from(
        [f"{CANARY}@example.com", CANARY, CANARY * 5, f" {CANARY} ", f"+1555{CANARY}", f"https://{CANARY}@x.example/"]
    ),
    data=st.data(),
)
def test_no_diagnostic_repeats_a_value(where: str, value: str, data: st.DataObject) -> None:
    found: list[Diagnostic] = []
    if where == "root":
        found += diagnose_request(root(event_source_id=value, test_event_code=value, partner_name=value), True)
    elif where == "user":
        found += diagnose(row(**{f"user__{data.draw(st.sampled_from(sorted(USER)))}": value}), "web", NOW)
    elif where == "properties":
        name = data.draw(st.sampled_from(sorted(set(PROPERTIES) - {"contents"})))
        found += diagnose(row(**{f"properties__{name}": value}), "web", NOW)
    elif where == "event":
        found += diagnose(row(event=value), data.draw(st.sampled_from(SOURCES)), NOW)
    elif where == "page":
        found += diagnose(row(page__url=value, page__referrer=value), "web", NOW)
    else:
        found += diagnose(row(properties__contents=[{"content_id": value, "brand": value}]), "web", NOW)
    assert CANARY not in json.dumps([(remark.path, remark.message) for remark in found])


def test_a_key_that_is_no_plain_name_is_not_repeated() -> None:
    found = diagnose(row(user={**row()["user"], "jane@example.com": "x"}), "web", NOW)
    assert [(remark.code, remark.path) for remark in found] == [("unknown_key", "user.?")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    changes=st.dictionaries(
        st.sampled_from(
            [f"user__{name}" for name in USER]
            + [f"properties__{name}" for name in PROPERTIES]
            + sorted(set(ROW) - {"page"})
        ),
        json_values.filter(lambda value: value is not None),
        max_size=5,
    ),
    source=st.sampled_from(SOURCES),
    profile=st.sampled_from(sorted(PROFILES)),
)
def test_every_row_that_passes_can_be_diagnosed(changes: Row, source: str, profile: str) -> None:
    base = row()
    for name, value in changes.items():
        part, _, field = name.partition("__")
        if field and isinstance(base[part], dict):
            base[part][field] = value
        elif not field:
            base[part] = value
    if row_check(source, PROFILES[profile])(base) is None:
        assert all(remark.level in Level for remark in diagnose(base, source, NOW))
