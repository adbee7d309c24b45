"""Privacy of one destination: the consent gate, opt-outs, and the list of fields, on both roads."""

from __future__ import annotations

import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.test_roads import NOW, both

import tockwork
from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.model.outcome import Outcome
from tockwork.rules.gate import Consent, Gate, opted_out

SETTINGS = {"accessToken": "t", "pixelCode": "C8E2OS3C77UABCDXYZ00"}
PERSON = {"email": "ann@shop.example", "phone": "+14155550100", "address": {"city": "Oslo", "country": "NO"}}
URL = "https://shop.example/cart?ttclid=click-id-of-ann&size=9#/x"


def order(consent: Any = None, properties: Any = None, **more: Any) -> dict[str, Any]:
    context = {"ip": "93.184.216.34", "userAgent": "Firefox", "page": {"url": URL}}
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m1",
        "properties": {**PERSON, "value": 5, "currency": "USD", **(properties or {})},
        "context": context | ({} if consent is None else {"consent": consent}),
        **more,
    }


def connected(privacy: Any, fields: Any = None, **more: Any) -> Connection:
    mapping = {"name": "One", "trigger": 'event = "Order Completed"', "fields": fields} if fields else None
    return Connection(CONVERSIONS, SETTINGS | more, [mapping] if mapping else None, None, privacy)


def outcome(connection: Connection, event: dict[str, Any]) -> Outcome:
    """The only outcome, the same on both roads."""
    entry = msgspec.json.encode(event)
    fast, general = both(connection, entry)
    assert fast == general
    (found,) = connection.outcomes(entry, NOW)
    return found


def row(connection: Connection, event: dict[str, Any]) -> Any:
    found = outcome(connection, event)
    assert found.status == "mapped", found
    return msgspec.json.decode(found.row)


# --- consent ---------------------------------------------------------------------------------------------------------

ADS = {"categories": ["Advertising"]}
BOTH = ["Advertising", "Analytics"]


@pytest.mark.parametrize(
    ("consent", "preferences", "passes"),
    [
        (ADS, {"Advertising": True}, True),
        (ADS, {"Advertising": False}, False),
        (ADS, {"Advertising": "true"}, False),
        (ADS, {"Analytics": True}, False),
        (ADS, {}, False),
        (ADS, None, False),
        (ADS, "Advertising", False),
        ({**ADS, "missing": "allow"}, None, True),
        ({**ADS, "missing": "allow"}, [], True),
        ({**ADS, "missing": "allow"}, {}, False),
        ({"categories": BOTH}, {"Advertising": True}, False),
        ({"categories": BOTH}, dict.fromkeys(BOTH, True), True),
        ({"categories": BOTH, "mode": "any"}, {"Analytics": True, "Advertising": False}, True),
        ({"categories": BOTH, "mode": "any"}, {"Other": True}, False),
    ],
)
def test_the_consent_gate(consent: dict[str, Any], preferences: Any, passes: bool) -> None:
    found = outcome(connected({"consent": consent}), order({"categoryPreferences": preferences}))
    assert (found.status, found.reason) == (("mapped", None) if passes else ("suppressed", "consent"))


@pytest.mark.parametrize("context", [None, {}, {"consent": None}, {"consent": []}, {"consent": "yes"}, "x", 5, []])
def test_an_event_without_preferences_follows_missing(context: Any) -> None:
    event = {"type": "track", "event": "Order Completed", "context": context}
    assert outcome(connected({"consent": ADS}), event).reason == "consent"
    assert outcome(connected({"consent": {**ADS, "missing": "allow"}}), event).status == "mapped"


json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.text(max_size=3)
    | st.sampled_from(["1YYN", "1YNN", "1", "true"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
preferences = st.none() | json | st.dictionaries(st.sampled_from([*BOTH, "Other"]), st.booleans() | json)
consents = (
    st.none()
    | json
    | st.fixed_dictionaries(
        {},
        optional={
            "categoryPreferences": preferences,
            "gpc": json,
            "us_privacy": json,
            "usPrivacy": json,
            "gpp": json | st.dictionaries(st.sampled_from(["SaleOptOut", "Gpc", "TargetedAdvertisingOptOut"]), json),
        },
    )
)
gates = st.fixed_dictionaries(
    {},
    optional={
        "consent": st.fixed_dictionaries(
            {"categories": st.lists(st.sampled_from(BOTH), min_size=1, max_size=2, unique=True)},
            optional={"mode": st.sampled_from(["all", "any"]), "missing": st.sampled_from(["block", "allow"])},
        ),
        "opt_out": st.sampled_from(["ignore", "limit", "block"]),
        "fields": st.fixed_dictionaries(
            {"deny": st.lists(st.sampled_from(["email", "ttclid", "address.city", "value"]))}
        )
        | st.fixed_dictionaries({"allow": st.lists(st.sampled_from(["email", "address.city", "url", "query"]))}),
    },
)
FIELDS = {
    "event": {"@path": "$.properties.name"},
    "email": {"@path": "$.context.consent.email"},
    "address": {"@path": "$.properties.address"},
    "url": {"@path": "$.context.page.url"},
    "ttclid": {"@path": "$.properties.ttclid"},
    "value": {"@path": "$.properties.value"},
}
CONNECTIONS: dict[bytes, Connection] = {}


@settings(max_examples=150, deadline=None)
@given(gates, consents, st.booleans(), st.booleans())
def test_the_roads_are_equal_with_gates(privacy: Any, consent: Any, limited: bool, own: bool) -> None:
    key = msgspec.json.encode([privacy, own])
    connection = CONNECTIONS.get(key) or CONNECTIONS.setdefault(key, connected(privacy, FIELDS if own else None))
    event = order(consent, {"limited_data_use": limited, "name": "Buy", "ttclid": "click-id-of-ann"})
    entry = msgspec.json.encode(event)
    fast, general = both(connection, entry)
    assert fast == general
    parsed = consent if isinstance(consent, dict) else {}
    stop = Gate(msgspec.convert(privacy.get("consent"), Consent | None), privacy.get("opt_out", "ignore")).stops(
        consent
    )
    assert (general[0][3] if general[0][2] == "suppressed" else None) == stop
    if stop is None and not own:
        sent = msgspec.json.decode(general[0][5])
        limits = privacy.get("opt_out") == "limit" and opted_out(parsed)
        assert sent["limited_data_use"] is (limits or limited), "an opt-out always wins"
        if "ttclid" in privacy.get("fields", {}).get("deny", []):
            assert b"click-id-of-ann" not in general[0][5]


def test_the_fast_road_takes_gated_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "_general", None)
    privacy = {"consent": ADS, "opt_out": "limit", "fields": {"deny": ["email", "ttclid", "address.city"]}}
    connection = connected(privacy)
    for preferences in (True, False):
        event = order({"categoryPreferences": {"Advertising": preferences}, "gpc": True})
        connection.outcomes(msgspec.json.encode(event), NOW)


# --- opt-outs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("consent", "out"),
    [
        ({"gpc": True}, True),
        ({"gpc": "1"}, True),
        ({"gpc": False}, False),
        ({"gpc": "0"}, False),
        ({"us_privacy": "1YYN"}, True),
        ({"us_privacy": " 1yyn"}, True),
        ({"usPrivacy": "1-Y-"}, True),
        ({"us_privacy": "1YNN"}, False),
        ({"us_privacy": "1---"}, False),
        ({"us_privacy": "YYY"}, False),
        ({"gpp": {"SaleOptOut": 1}}, True),
        ({"gpp": {"SaleOptOut": 2, "SharingOptOut": 0}}, False),
        ({"gpp": {"TargetedAdvertisingOptOut": 1}}, True),
        ({"gpp": {"Gpc": True}}, True),
        ({"gpp": "DBABLA~BVQqAAAAAgA.QA"}, False),
        ({}, False),
    ],
)
def test_what_is_an_opt_out(consent: dict[str, Any], out: bool) -> None:
    assert opted_out(consent) is out
    assert row(connected({"opt_out": "ignore"}), order(consent))["limited_data_use"] is False
    assert row(connected({"opt_out": "limit"}), order(consent))["limited_data_use"] is out
    blocked = outcome(connected({"opt_out": "block"}), order(consent))
    assert (blocked.status, blocked.reason) == (("suppressed", "opted_out") if out else ("mapped", None))


def test_an_opt_out_wins_over_the_events_own_word() -> None:
    event = order({"gpc": True}, {"limited_data_use": False})
    assert row(connected({"opt_out": "limit"}), event)["limited_data_use"] is True
    event = order({"gpc": False}, {"limited_data_use": True})
    assert row(connected({"opt_out": "limit"}), event)["limited_data_use"] is True


# --- the list of fields ----------------------------------------------------------------------------------------------


def test_denied_fields_are_not_sent() -> None:
    sent = row(connected({"fields": {"deny": ["email", "ip", "user_agent", "address.city"]}}), order())
    assert set(sent["user"]) == {"phone", "ttclid", "country"}
    connection = connected({"fields": {"deny": ["email", "address"]}})
    assert next(mapping.denied for mapping in connection.mappings)[:2] == ("email", "address")
    assert any("email" in advice and "privacy.fields" in advice for advice in connection.advice)


def test_only_allowed_fields_are_sent() -> None:
    sent = row(connected({"fields": {"allow": ["email", "address.city"]}}), order())
    assert set(sent["user"]) == {"email", "city"}
    assert sent["properties"] == {}
    assert sent["event"] == "CompletePayment"
    assert sent["event_id"] == "m1"
    assert "page" not in sent


@pytest.mark.parametrize(
    ("url", "left"),
    [
        (URL, "https://shop.example/cart?size=9#/x"),
        ("https://a.example/?ttclid=1", "https://a.example/"),
        ("https://a.example/?a=1&TTCLID=1&b=2", "https://a.example/?a=1&b=2"),
        ("https://a.example/?to=https%3A%2F%2Fb.example%2F%3Fttclid%3D1&b=2", "https://a.example/?b=2"),
        ("https://a.example/?%74tclid=1#/p?ttclid=2", "https://a.example/#/p"),
        ("https://a.example/?a=1;ttclid=2", "https://a.example/?a=1"),
        ("https://a.example/?a=ttclid&nottclid=1#", "https://a.example/?a=ttclid&nottclid=1#"),
    ],
)
def test_a_denied_value_does_not_hide_in_an_address(url: str, left: str) -> None:
    event = order()
    event["context"]["page"] = {"url": url, "referrer": url}
    sent = row(connected({"fields": {"deny": ["ttclid"]}}), event)
    assert sent["page"] == {"url": left, "referrer": left}
    assert "ttclid" not in sent["user"]


def test_a_denied_value_is_not_made_of_others() -> None:
    products = {"products": [{"price": 5, "quantity": 2}], "total": 10}
    sent = row(connected({"fields": {"deny": ["value"]}}), order(None, products))
    assert "value" not in sent["properties"]
    fields = {"event": "Search", "query": {"@path": "$.properties.q"}}
    assert row(
        connected({"fields": {"deny": ["query"]}}, {**fields, "search_string": "s"}), order(None, {"q": "shoe"})
    )["properties"] == {"search_string": "s"}


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "X", "address": {"@path": "$.properties.address"}, "email": {"@path": "$.properties.email"}},
        {"@merge": {"direction": "left", "objects": [{"event": "X"}, {"@path": "$.properties"}]}},
        {"event": "X", "address": {"city": "Oslo", "country": {"@path": "$.properties.address.country"}}},
    ],
)
def test_no_way_of_mapping_gets_round_the_list(fields: Any) -> None:
    sent = row(connected({"fields": {"deny": ["email", "address.city"]}}, fields), order())
    assert sent["user"]["country"] == "no"
    assert not {"email", "city"} & set(sent["user"])


def test_what_the_destination_needs_and_may_not_have_is_field_denied() -> None:
    fields = {"event": "Lead", "event_source": "crm", "lead_fields": {"lead_id": {"@path": "$.properties.lead"}}}
    connection = connected({"fields": {"deny": ["lead_fields"]}}, fields)
    found = outcome(connection, order(None, {"lead": "L1"}))
    assert (found.status, found.reason) == ("invalid", "field_denied")
    assert "privacy.fields keeps back lead_fields" in found.warnings[-1]
    assert outcome(connection, order()).reason == "field_missing", "it would be missing without the list too"


@pytest.mark.parametrize(
    ("privacy", "said"),
    [
        ({"feilds": {}}, "privacy.feilds: is no known member. Did you mean 'fields'?"),
        (
            {"fields": {"deny": ["emial"]}},
            "privacy.fields.deny[0]: 'emial' is no field of TikTok Conversions. Did you mean 'email'?",
        ),
        ({"fields": {"deny": ["address.town"]}}, "privacy.fields.deny[0]: 'address.town' is no field"),
        ({"fields": {"deny": ["event"]}}, "privacy.fields.deny[0]: event cannot be kept back"),
        ({"fields": {"deny": ["limited_data_use"]}}, "privacy.fields.deny[0]: limited_data_use cannot be kept back"),
        ({"fields": {"deny": ["event_source"]}}, "privacy.fields.deny[0]: event_source cannot be kept back"),
        ({"fields": {}}, "privacy.fields: expected either allow or deny"),
        ({"fields": {"allow": [], "deny": []}}, "privacy.fields: expected either allow or deny"),
        ({"opt_out": "blok"}, "privacy.opt_out: expected one of"),
        ({"opt_out": True}, "privacy.opt_out: expected one of"),
        ({"consent": {}}, "privacy.consent.categories: is required"),
        ({"consent": {"categories": []}}, "privacy.consent.categories: expected at least one category"),
        ({"consent": {"categories": "Ads"}}, "privacy.consent.categories: expected a list"),
        ("strict", "privacy: expected an object with consent, opt_out, fields"),
    ],
)
def test_what_is_wrong_is_said(privacy: Any, said: str) -> None:
    with pytest.raises(tockwork.ConfigurationError) as caught:
        tockwork.connect("tiktok-conversions", SETTINGS, privacy=privacy)
    assert next(str(problem) for problem in caught.value.problems).startswith(said)


def test_an_explanation_says_what_the_gate_and_the_list_did() -> None:
    connection = connected({"consent": ADS, "fields": {"deny": ["email"]}}, {"event": "X", "email": "a@b.example"})
    (said,) = connection.explain(order({"categoryPreferences": {"Advertising": False}}), NOW)
    assert (said.matched, said.stopped) == (True, "consent")
    assert said.outcome is not None
    assert (said.outcome.status, said.outcome.reason) == ("suppressed", "consent")
    (said,) = connection.explain(order({"categoryPreferences": {"Advertising": True}}), NOW)
    assert (said.stopped, said.withheld) == (None, ("email",))
    assert said.fields["email"].value == "a@b.example"
    (said,) = connection.explain(order(integrations={"All": False}), NOW)
    assert said.stopped == "integrations_off"


def test_a_connection_with_privacy_is_pickled() -> None:
    connection = connected({"consent": ADS, "fields": {"deny": ["email"]}})
    copy = pickle.loads(pickle.dumps(connection))
    for consent in ({"categoryPreferences": {"Advertising": True}}, None):
        entry = msgspec.json.encode(order(consent))
        assert both(copy, entry)[0] == both(connection, entry)[0]
