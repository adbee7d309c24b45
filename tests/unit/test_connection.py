"""A connection as a pure function: filtered, mapped and invalid events, its clock, and its copies."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import msgspec
import pytest

from tockwork.delivery.connection import connect
from tockwork.destinations.connection import MAX_FAST_BYTES, Connection
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.model.outcome import Outcome

NOW = 1_795_219_200.0
SETTINGS = {"accessToken": "a-very-secret-token", "pixelCode": "C8E2OS3C77UABCDXYZ00"}
EVENT = {"type": "track", "event": "Order Completed", "messageId": "m1", "userId": "u1", "properties": {"total": 5}}


def connected(*mappings: dict[str, Any]) -> Connection:
    return Connection(CONVERSIONS, SETTINGS, mappings or None)


def one(connection: Connection, event: Any) -> Outcome:
    (outcome,) = connection.outcomes(msgspec.json.encode(event), NOW)
    return outcome


def row(outcome: Outcome) -> Any:
    return msgspec.json.decode(outcome.row)


def test_an_event_is_mapped() -> None:
    outcome = one(connected(), EVENT)
    assert (outcome.message_id, outcome.mapping, outcome.status) == ("m1", "Complete Payment", "mapped")
    assert (row(outcome)["event"], row(outcome)["properties"]["value"]) == ("CompletePayment", 5)
    assert outcome.envelope is not None
    assert outcome.envelope.event_source_id == "C8E2OS3C77UABCDXYZ00"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"event": "Else"}, "no_trigger"),
        ({"integrations": {"All": False}}, "integrations_off"),
        ({"integrations": {"Tiktok Conversions": False}}, "integrations_off"),
        ({"integrations": {"All": False}, "messageId": ["m1"], "properties": 5}, "integrations_off"),
    ],
)
def test_an_event_is_filtered_for_a_reason(change: dict[str, Any], reason: str) -> None:
    outcome = one(connected(), {**EVENT, **change})
    assert (outcome.status, outcome.reason, outcome.mapping, outcome.row) == ("filtered", reason, None, None)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (b"", "the event is no JSON: "),
        (b"{", "the event is no JSON: "),
        (b'{"type": NaN}', "the event is no JSON: "),
        (b'{"type": "\xff"}', "the event is no JSON: it is not UTF-8"),
        (b"[1]", "an event is a JSON object"),
        (b"[" * 100_000, "the event is no JSON: "),
    ],
)
def test_what_is_no_event_is_invalid(entry: bytes, words: str) -> None:
    (outcome,) = connected().outcomes(entry, NOW)
    assert (outcome.status, outcome.reason) == ("invalid", "not_json")
    assert outcome.warnings[0].startswith(words)


def test_every_triggered_mapping_makes_an_outcome_and_a_disabled_one_none() -> None:
    fields = {"event": "Purchase", "value": {"@path": "$.properties.total"}}
    mappings: list[dict[str, Any]] = [
        {"name": "A", "trigger": 'type = "track"', "fields": fields},
        {"name": "B", "trigger": 'type = "track"', "fields": fields, "enabled": False},
        {"name": "C", "trigger": "properties.total > 4", "fields": {**fields, "value": {"@path": "$.event"}}},
    ]
    found = connected(*mappings).outcomes(msgspec.json.encode(EVENT), NOW)
    assert [(o.mapping, o.status, o.reason) for o in found] == [
        ("A", "mapped", None),
        ("C", "invalid", "field_type"),
    ]
    assert found[1].warnings[-1] == "value: expected a number, got text"
    assert found[1].row is None


def test_a_mapping_that_fails_is_invalid() -> None:
    failing = {"name": "A", "trigger": 'type = "track"', "fields": {"event": {"@if": {"then": "x"}}}}
    outcome = one(connected(failing), EVENT)
    assert (outcome.reason, outcome.warnings) == ("mapping_error", ["event: @if needs 'exists' or 'blank'"])


def test_an_error_of_ours_is_one_invalid_delivery_without_the_events_values() -> None:
    connection = connected()

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("ann@example.com")

    connection._row = broken
    outcome = one(connection, EVENT)
    assert (outcome.status, outcome.reason) == ("invalid", "transform_failed")
    assert outcome.warnings == ["Tockwork failed on this event: ZeroDivisionError"]


@pytest.mark.parametrize(
    ("received", "seconds"),
    [
        ("2026-11-20T00:00:10Z", 1_795_132_810),
        ("2026-11-20T01:00:10+01:00", 1_795_132_810),
        ("2026-11-20T00:00:10", 1_795_132_810),
        ("yesterday", 1_795_219_200),
        (None, 1_795_219_200),
        (5, 1_795_219_200),
        ({"a": 1}, 1_795_219_200),
    ],
)
def test_now_is_when_the_event_was_received(received: Any, seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    event = {**EVENT, "receivedAt": received}
    assert row(one(connected(), event))["event_time"] == seconds
    assert row(connected().outcomes_of(event, NOW)[0])["event_time"] == seconds


def test_a_long_event_takes_the_general_road(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connected()
    expected = row(one(connection, {**EVENT, "context": {"library": "x" * (MAX_FAST_BYTES - 500)}}))
    monkeypatch.setattr(connection, "_decode", None)
    assert row(one(connection, {**EVENT, "context": {"library": "x" * MAX_FAST_BYTES}})) == expected


def test_numbers_and_odd_message_ids_are_text() -> None:
    assert one(connected(), {**EVENT, "messageId": 5}).message_id == "5"
    assert one(connected(), {**EVENT, "messageId": None}).message_id is None


def test_advice_is_given() -> None:
    odd = {"name": "A", "trigger": 'event = "X"', "fields": {"event": "Purchase", "valu": 5}}
    assert any("mappings[0].fields.valu" in text for text in connected(odd).advice)


def test_a_copy_transforms_the_same_and_has_no_secret() -> None:
    copied = pickle.dumps(connected())
    assert b"very-secret" not in copied
    copy = pickle.loads(copied)
    assert "accessToken" not in copy.settings
    assert one(copy, EVENT) == one(connected(), EVENT)


def test_connections_work_in_other_processes() -> None:
    mapping = {
        "name": "A",
        "trigger": 'type = "track"',
        "fields": {"event": "Purchase", "query": {"@template": "{{event}}"}},
    }
    connection = connect("tiktok-conversions", SETTINGS, [mapping])
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        (outcome,) = pool.submit(connection.transform, [EVENT]).result(60)
    assert outcome.status == "mapped"
    assert outcome.row["properties"]["query"] == "Order Completed"


def test_explain_tells_of_every_mapping() -> None:
    explanations = connected().explain(EVENT, NOW)
    assert len(explanations) == 15
    (matched,) = [explanation for explanation in explanations if explanation.matched]
    assert matched.mapping == "Complete Payment"
    assert matched.outcome is not None
    assert row(matched.outcome)["event"] == "CompletePayment"
