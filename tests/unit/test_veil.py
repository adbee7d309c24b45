"""What is personal in an event is hidden, and in all that is made of it; the rest stays."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from tockwork.app.commands.session import events
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.connection import Connection
from tockwork.operations.paths import paths
from tockwork.operations.veil import Veil, is_personal, looks

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m-1",
    "userId": "user-4711",
    "anonymousId": "anon-7f3a",
    "receivedAt": "2026-11-20T10:00:00.000Z",
    "properties": {"value": 12.5, "name": "Trail Shoe", "note": "call user-4711 at +1 415 555 0132", "sku": 4155550132},
    "context": {
        "ip": "203.0.113.24",
        "userAgent": "Mozilla/5.0",
        "traits": {"email": "ann@shop.example", "phone": 4155550132, "vip": True, "address": {"city": "Oslo"}},
        "page": {"url": "https://shop.example/?ttclid=E.C.P.x&q=shoe", "title": "Thanks, ann@shop.example"},
    },
}


def test_what_names_say_to_be_personal_is_hidden() -> None:
    veiled = Veil(EVENT).event
    assert veiled["userId"] == veiled["anonymousId"] == veiled["context"]["ip"] == "***"
    assert veiled["context"]["traits"] == {"email": "***", "phone": "***", "vip": True, "address": {"city": "***"}}


def test_what_looks_personal_is_hidden_wherever_it_stands() -> None:
    veiled = Veil(EVENT).event
    assert veiled["properties"]["note"] == "call *** at ***"
    assert veiled["context"]["page"] == {"url": "https://shop.example/?ttclid=***&q=shoe", "title": "Thanks, ***"}


def test_a_value_that_was_hidden_is_hidden_again_elsewhere() -> None:
    veil = Veil(EVENT)
    assert veil.event["properties"]["sku"] == "***"
    assert veil.value({"content": "Oslo", "text": "to USER-4711 there"}) == {"content": "***", "text": "to *** there"}


def test_what_is_not_personal_stays() -> None:
    veiled = Veil(EVENT).event
    for key in ("type", "event", "messageId", "receivedAt"):
        assert veiled[key] == EVENT[key]
    assert veiled["properties"]["value"] == 12.5
    assert veiled["properties"]["name"] == "Trail Shoe"
    assert veiled["context"]["userAgent"] == "Mozilla/5.0"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("ann@shop.example", "***"),
        ("to=ann%40shop.example&x=1", "to=***&x=1"),
        ("2001:db8::ff00:42:8329", "***"),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "***"),
        ("a" * 64, "***"),
        ("(415) 555-0132", "***"),
        ("09:59:59", "09:59:59"),
        ("2026-11-20T10:00:00.000Z", "2026-11-20T10:00:00.000Z"),
        ("https://shop.example/a?email=x&b=1", "https://shop.example/a?email=***&b=1"),
        ("ratio 3:2", "ratio 3:2"),
        ("", ""),
    ],
)
def test_looks(text: str, hidden: str) -> None:
    assert looks(text) == hidden


@pytest.mark.parametrize("name", ["userId", "user_id", "E-Mail", "firstName", "first_name", "zip code", "ttclid"])
def test_names_are_known_however_they_are_spelled(name: str) -> None:
    assert is_personal(name)


@pytest.mark.parametrize("kind", [key for key, one in DESTINATIONS.items() if one.device is None])
def test_nothing_personal_is_left_in_any_row(kind: str) -> None:
    destination = DESTINATIONS[kind]
    settings = {
        setting.key: setting.placeholder or "7123456789" for setting in destination.settings if setting.required
    }
    connection = Connection(destination, settings)
    for event in events():
        veil = Veil(event)
        for outcome in connection.outcomes_of(event, time.time()):
            if outcome.row is not None:
                row = msgspec.json.decode(outcome.row)
                shown = msgspec.json.encode(veil.value(row)).decode()
                hashes = [value for value in _texts(row.get("user", {})) if len(value) == 64]
                assert hashes
                assert not [value for value in hashes if value in shown]
                for personal in ("Ann", "Smith", "4155550132", "203.0.113.24", "anon-7f3a", "E.C.P.demo"):
                    assert personal.lower() not in shown.lower(), personal


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize(
    "text",
    [
        "a" * 30_000,
        "(123)" * 6000,
        "+1" * 15_000,
        "1.1." * 7500,
        ":" * 30_000,
        "a%40" * 7000,
        "x@" * 15_000,
        "?a=" * 9000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    looks(text)
    assert time.process_time() - began < 1


def test_paths_of_events_with_types_and_examples() -> None:
    found = {one.path: one for one in paths([EVENT, {**EVENT, "properties": {"value": "12", "products": [{"id": 7}]}}])}
    assert found["$.properties.value"].types == ["number", "string"]
    assert found["$.properties.value"].example == 12.5
    assert found["$.properties.products"].example == "a list of 1"
    assert found["$.properties.products[0].id"].example == 7
    assert found["$.context.traits.email"].example == "***"
    assert found["$.type"].events == 2


def test_names_that_are_no_path_are_left_out() -> None:
    assert [one.path for one in paths([{"a.b": 1, "c[0]": 2, "d": 3}])] == ["$.d"]
