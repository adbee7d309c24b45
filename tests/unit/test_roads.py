"""The two roads of a connection are equal: generated functions make of an event what the general road makes of it.

`TOCKWORK_SEED` repeats a run; a failure prints its seed.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bench.events import Shop
from hypothesis import given, settings
from hypothesis import strategies as st

from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.chord import CHORD
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.destinations.tiktok.offline_conversions import OFFLINE_CONVERSIONS
from tockwork.model.outcome import Outcome
from tockwork.rules.expressions import unless_blank

sys.path.insert(0, str(Path(__file__).parents[1] / "oracle"))

from random_connections import SETTINGS, Configurations, Stream

NOW = 1_795_219_200.0
PRESETS = Connection(CONVERSIONS, SETTINGS)
OFFLINE = Connection(OFFLINE_CONVERSIONS, {"eventSetID": "7676700000000000000"})
BY_CHORD = Connection(CHORD, SETTINGS)
EACH_KIND = pytest.mark.parametrize("connection", [PRESETS, OFFLINE, BY_CHORD], ids=["web", "offline", "chord"])

Told = list[tuple[Any, ...]]


def told(outcomes: list[Outcome]) -> Told:
    """All there is to outcomes; rows as their very bytes."""
    return [
        (o.message_id, o.mapping, o.status, o.reason, o.warnings, o.row and bytes(o.row), o.envelope, o.expires_at)
        for o in outcomes
    ]


def both(connection: Connection, entry: bytes) -> tuple[Told, Told]:
    """What the fast road, and what the general one, makes of an entry that is JSON."""
    return told(connection.outcomes(entry, NOW)), told(connection.outcomes_of(msgspec.json.decode(entry), NOW))


def compare(configurations: int, events: int) -> None:
    seed = int(os.environ.get("TOCKWORK_SEED") or random.SystemRandom().randrange(10**9))
    rng = random.Random(seed)
    for _ in range(configurations):
        connection, stream = Configurations(rng).connection(), Stream(rng)
        for entry in filter(None, (encoded(stream.event()) for _ in range(events))):
            fast, general = both(connection, entry)
            reason = "TOCKWORK_SEED=%d repeats this:\nevent: %s\nmappings: %s\nfast:    %s\ngeneral: %s"
            if fast != general or any(outcome[3] == "transform_failed" for outcome in general):
                written = msgspec.json.encode(connection.written).decode()
                pytest.fail(reason % (seed, entry.decode(), written, fast, general), pytrace=False)


def encoded(event: dict[str, Any]) -> bytes | None:
    """The event's JSON; None for one that JSON in UTF-8 cannot hold."""
    try:
        entry = msgspec.json.encode(event)
        msgspec.json.decode(entry)
    except (UnicodeEncodeError, msgspec.ValidationError, msgspec.DecodeError):
        return None
    return entry


def test_the_roads_are_equal() -> None:
    compare(36, 60)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_the_roads_are_equal_on_very_many_cases() -> None:
    compare(1_000, 100)


@pytest.fixture
def no_general_road(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Connection, entry: bytes, now: float) -> list[Outcome]:
        raise AssertionError(f"the general road was taken for {entry.decode()}")

    monkeypatch.setattr(Connection, "_general", refuse)


@pytest.mark.usefixtures("no_general_road")
@pytest.mark.parametrize("connection", [PRESETS, BY_CHORD], ids=["web", "chord"])
def test_everyday_events_take_the_fast_road(connection: Connection) -> None:
    for entry in Shop(seed=3).lines(500):
        connection.outcomes(entry, NOW)


@pytest.mark.usefixtures("no_general_road")
def test_everyday_offline_events_take_the_fast_road() -> None:
    for event in Shop(seed=3).events(300):
        event.setdefault("properties", {})["email"] = "ada@example.com"
        event["timestamp"] = "2026-11-19T09:30:00Z"
        assert OFFLINE.outcomes(msgspec.json.encode(event), NOW)[0].status in ("mapped", "filtered")


@pytest.mark.usefixtures("no_general_road")
@pytest.mark.parametrize(
    "fields",
    [
        {"value": {"@if": {"exists": {"@path": "$.properties.value"}, "then": 5, "else": {"@path": "$.properties.x"}}}},
        {"contents": {"@arrayPath": ["$.properties.products", {"price": {"@path": "$.price"}, "brand": "Acme"}]}},
        {"contents": {"@arrayPath": ["$.properties", {"price": {"@path": "$.price"}}]}, "query": {"@literal": "x"}},
        {"event_spec_type": "vehicle_fields", "vehicle_fields": {"make": {"@path": "$.properties.brand"}}},
        {"event_source": {"@path": "$.properties.source"}, "lead_fields": {"lead_id": {"@path": "$.properties.id"}}},
        {"order_id": {"@path": "$.properties.products[0].id"}, "unknown": [1]},
    ],
)
@pytest.mark.parametrize("trigger", ['type = "track"', "properties.brand != null", 'context.x != "y" or name = null'])
def test_these_mappings_take_the_fast_road(fields: dict[str, Any], trigger: str) -> None:
    mapping = {"name": "One", "trigger": trigger, "fields": {"event": "Purchase", **fields}}
    products = [{"price": 9, "id": 7}, {"price": "2.50"}]
    event = {"type": "track", "properties": {"products": products, "brand": "Volvo", "source": "crm", "id": 5}}
    (outcome,) = Connection(CONVERSIONS, SETTINGS, [mapping]).outcomes(msgspec.json.encode(event), NOW)
    assert outcome.status == "mapped"


def test_random_cases_take_both_roads(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []
    general = Connection._general

    def count(self: Connection, entry: bytes, now: float) -> list[Outcome]:
        taken.append(entry)
        return general(self, entry, now)

    monkeypatch.setattr(Connection, "_general", count)
    rng, mapped = random.Random(5), 0
    for _ in range(30):
        connection, stream = Configurations(rng).connection(), Stream(rng)
        for entry in filter(None, (encoded(stream.event()) for _ in range(40))):
            before = len(taken)
            outcomes = connection.outcomes(entry, NOW)
            mapped += len(taken) == before and outcomes[0].status == "mapped"
    assert 120 < len(taken) < 1_080
    assert mapped > 40


@EACH_KIND
@given(entry=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_outcomes_never_raises(connection: Connection, entry: bytes) -> None:
    assert connection.outcomes(entry, NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@EACH_KIND
@settings(max_examples=120, deadline=None)
@given(
    event=st.fixed_dictionaries(
        {"event": st.sampled_from(["Order Completed", "Product Added", "Products Searched", "Form Submitted"])}
    ),
    members=st.dictionaries(
        st.sampled_from("userId timestamp properties context traits receivedAt messageId integrations".split()),
        json_values,
    ),
    properties=st.dictionaries(
        st.sampled_from("products price quantity value revenue currency order_id name total email phone url".split()),
        json_values | st.sampled_from(["", " ", "ada@example.com", "+14155550123", 0, "undefined"]),
    ),
)
def test_the_presets_are_equal_on_any_json(
    connection: Connection, event: dict[str, Any], members: dict[str, Any], properties: dict[str, Any]
) -> None:
    entry = encoded({**event, "properties": properties, **members})
    if entry is not None:
        fast, general = both(connection, entry)
        assert fast == general
        assert all(outcome[3] != "transform_failed" for outcome in general)


@pytest.mark.parametrize(
    "value", ["", " ", "\t\n", "\ufeff", "\u00a0", "x", " x ", 0, 1, 1.5, True, False, None, [], {}, [""]]
)
def test_blank_values_are_equal(value: Any) -> None:
    connection = connected('type = "track"', {"query": unless_blank("properties.q", {"@path": "$.userId"})})
    fast, general = both(connection, msgspec.json.encode({"type": "track", "userId": "u", "properties": {"q": value}}))
    assert fast == general


def connected(trigger: str, fields: dict[str, Any]) -> Connection:
    return Connection(CONVERSIONS, SETTINGS, [{"name": "One", "trigger": trigger, "fields": {"event": "X", **fields}}])


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("10.0", "10"),
        ("9007199254740993", "9007199254740992"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e21"),
        ("-0.0", "0"),
    ],
)
def test_numbers_are_javascripts_on_both_roads(number: str, text: str) -> None:
    connection = connected('type = "track"', {"value": {"@path": "$.properties.n"}})
    fast, general = both(connection, f'{{"type": "track", "properties": {{"n": {number}}}}}'.encode())
    assert fast == general
    assert f'"value":{text}}}'.encode() in fast[0][5]


def test_half_a_character_in_the_row_is_a_mapping_error() -> None:
    connection = connected('type = "track"', {"query": {"@path": "$.event[0]"}})
    fast, general = both(connection, '{"type": "track", "event": "😀"}'.encode())
    assert fast == general
    assert fast[0][2:4] == ("invalid", "mapping_error")
    assert fast[0][4][-1] == "the row holds half a character, which JSON in UTF-8 cannot"


@pytest.mark.parametrize(
    ("trigger", "event", "matches"),
    [
        ("properties != null", {"properties": {"a": 1}}, False),  # it looks at properties."", which nobody has
        ("properties.n = 9007199254740992", {"properties": {"n": 2**53 + 1}}, True),
        ("event < 5", {"event": 1}, True),
        ("event < 5", {"event": True}, False),
        ("properties.flag != true", {"properties": {"flag": True}}, True),
        ("properties.n > 0", {"properties": {"n": 10**400}}, True),
        ("() or type != null", {}, False),
        ('!contains(properties.a, "b")', {"properties": {"a": 5}}, False),
    ],
)
def test_unusual_conditions_are_equal(trigger: str, event: dict[str, Any], matches: bool) -> None:
    connection = connected(trigger, {})
    for _ in range(2):  # the second time from the plan that was kept
        fast, general = both(connection, f'{{"event": {event.get("event", "null")}}}'.lower().encode())
        assert fast == general
        fast, general = both(connection, msgspec.json.encode(event))
        assert fast == general
        assert (fast[0][2] == "mapped") is matches


def test_a_constant_is_not_shared_between_rows() -> None:
    constant = {"contents": [{"price": 1, "quantity": 2.5}], "external_id": ["a"]}
    connection = connected('type = "track"', constant)
    first, second = (connection.outcomes(b'{"type": "track"}', NOW) for _ in range(2))
    assert told(first) == told(second)


@pytest.mark.parametrize("integrations", [0, False, "", "x", [], {}, None, {"TikTok Conversions": 0}])
def test_what_is_falsy_on_the_way_is_the_answer(integrations: Any) -> None:
    connection = connected('type = "track"', {"ttclid": {"@path": "$.integrations.TikTok Conversions.ttclid"}})
    entry = msgspec.json.encode({"type": "track", "integrations": integrations})
    fast, general = both(connection, entry)
    assert fast == general
