"""Chord's TikTok Conversions as a whole: what is its own, and what it shares. Its cases show the rest."""

from __future__ import annotations

import json
import pickle
import random
from functools import cache
from typing import Any, Final

import msgspec
import pytest

from tockwork.destinations.catalog import find
from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.chord import CHORD, PRIORITIES
from tockwork.model.event import Envelope
from tockwork.model.outcome import Outcome, Status

PIXEL: Final = "C8E2OS3C77UABCDXYZ00"
NOW: Final = 1_795_176_000.0


@cache
def connection(**settings: Any) -> Connection:
    return Connection(CHORD, {"pixelCode": PIXEL, **settings})


def outcome(event: dict[str, Any], **settings: Any) -> Outcome:
    [found] = connection(**settings).outcomes(msgspec.json.encode({"type": "track", **event}), NOW)
    return found


def row(event: dict[str, Any]) -> dict[str, Any]:
    found = outcome(event)
    assert found.status is Status.MAPPED, found
    made: dict[str, Any] = json.loads(bytes(found.row))
    return made


def test_it_has_three_settings_of_its_own_and_ours_on_top() -> None:
    keys = [setting.key for setting in CHORD.settings]
    assert keys == ["accessToken", "pixelCode", "test_event_code", "default_region", "timezone", "event_id", "ldu"]
    assert [setting.key for setting in CHORD.settings if setting.required] == ["pixelCode"]
    assert CHORD.envelope(connection(test_event_code="TEST1").settings) == Envelope("web", PIXEL, "TEST1")


def test_the_pack_is_fifteen_events_and_tiktok_knows_them_all() -> None:
    made = connection()
    assert len(made.mappings) == 15
    assert len({mapping.fields["event"] for mapping in made.mappings}) == 15
    assert not [advice for advice in made.advice if "did you mean" in advice]


def test_all_other_events_are_filtered() -> None:
    for name in ("Order Refunded", "Signed Up", "order completed", ""):
        found = outcome({"event": name})
        assert (found.status, found.reason) == (Status.FILTERED, "no_trigger")


@pytest.mark.parametrize("blank", ["", " ", "\n", None, [], [""]], ids=repr)
def test_a_blank_value_falls_through(blank: Any) -> None:
    traits = {"email": "ada@example.com", "phone": "+14155550123", "address": {"city": "Bonn"}}
    full = {
        "event": "Order Completed",
        "anonymousId": "a-1",
        "context": {"traits": traits},
        "properties": {"revenue": 7},
    }
    blanks = {"email": blank, "phone": blank, "address": {"city": blank}, "value": blank, "revenue": 7}
    assert row({**full, "userId": blank, "properties": blanks}) == row(full)
    assert row(full)["properties"]["value"] == 7


def test_a_value_of_nothing_is_a_value() -> None:
    sent = row({"event": "Order Completed", "properties": {"value": 0, "revenue": 7, "products": [{"price": 5}]}})
    assert sent["properties"]["value"] == 0


def test_limited_data_use_is_read_at_the_top() -> None:
    assert row({"event": "Order Completed"})["limited_data_use"] is False
    assert row({"event": "Order Completed", "limited_data_use": "true"})["limited_data_use"] is True
    assert outcome({"event": "Order Completed", "limited_data_use": "perhaps"}).reason == "field_type"


def test_it_normalises_as_tiktok_conversions_does() -> None:
    """The same person, given once to each, is the same match keys."""
    other = Connection(find("tiktok-conversions"), {"pixelCode": PIXEL})
    pick = random.Random(5)
    for number in range(300):
        properties = {
            "email": pick.choice([" Ada@Example.com", "ada@example.com", "ada at", "0" * 32]),
            "phone": pick.choice(["(415) 555-0123", "+49 30 123456", "12", f"+1415555{number:04d}"]),
            "first_name": pick.choice(["Anne-Marie", "太郎", "-"]),
            "last_name": pick.choice(["O'Neil", "Иванов"]),
            "address": {
                "city": pick.choice(["São Paulo", "St. John's"]),
                "state": pick.choice(["CA", "New York"]),
                "country": pick.choice(["United States", "DE", "Atlantis"]),
                "postal_code": pick.choice(["94107-1234", "M5V 3L9"]),
            },
        }
        event = {"type": "track", "event": "Subscription Created", "userId": " U-1", "properties": properties}
        [theirs] = other.outcomes(msgspec.json.encode(event), NOW)
        assert row(event)["user"] == json.loads(bytes(theirs.row))["user"]


def test_every_priority_is_a_default_of_a_field() -> None:
    [action] = CHORD.actions
    fields = {f.key: f for field in action.fields for f in (field, *field.properties)}
    for key, places in PRIORITIES.items():
        written = json.dumps(fields[key].default)
        at = [written.index(f'"@path": "{place}"') for place in places.split()]
        assert at == sorted(at), key


def test_a_copy_in_another_process_sends_the_same() -> None:
    copy = pickle.loads(pickle.dumps(connection()))
    entry = b'{"type": "track", "event": "Order Completed", "userId": "u-1"}'
    assert copy.outcomes(entry, NOW) == connection().outcomes(entry, NOW)
