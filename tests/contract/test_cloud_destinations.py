"""Offline and Chord events over real HTTP: the sandbox takes their rows, and those without a contact never arrive."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from bench.events import Shop

from tockwork import connect
from tockwork.model.outcome import Outcome, Status
from tockwork.sandbox.server import Sandbox

EVENT_SET = "7676700000000000000"
PIXEL = "C8E2OS3C77UABCDXYZ00"
TOKEN = "act.contract-token"
COUNT = 300


def events(**properties: Any) -> list[dict[str, Any]]:
    """A shop's everyday events of the last hours; offline event sets know no page views."""
    now = datetime.fromtimestamp(time.time() - 1800, UTC).isoformat()
    found = [event for event in Shop(seed=8).events(COUNT) if event["type"] == "track"]
    for event in found:
        event.pop("receivedAt", None)
        event["timestamp"] = now
        event["properties"] = {**event.get("properties", {}), **properties}
    return found


def by_status(outcomes: list[Outcome]) -> dict[tuple[str, str | None], int]:
    counted: dict[tuple[str, str | None], int] = {}
    for outcome in outcomes:
        key = (str(outcome.status), outcome.reason)
        counted[key] = counted.get(key, 0) + 1
    return counted


@pytest.mark.parametrize("profile", ["documented", "strict-docs"])
async def test_offline_rows_are_taken_and_those_without_a_contact_never_sent(profile: str) -> None:
    with_contact = events(email="ada@example.com", phone="+14155550123", limited_data_use=True, lead_id="76767000")
    without = events(email="", phone=None) + events(email="ada at example.com")
    async with Sandbox(profile).serve() as sandbox:
        settings = {"accessToken": TOKEN, "eventSetID": EVENT_SET, "test_event_code": ""}
        connection = connect("tiktok-offline-conversions", settings, preset_pack="purchase-2025")
        outcomes = await connection.send(with_contact + without, base_url=sandbox.url)
        stored = sandbox.events
    counted = by_status(outcomes)
    delivered = counted.pop(("delivered", None))
    assert delivered == len(stored) > COUNT // 3
    assert counted.keys() <= {("filtered", "no_trigger"), ("invalid", "pii_required"), ("invalid", "pii_invalid")}
    assert counted["invalid", "pii_required"]
    assert counted["invalid", "pii_invalid"]
    assert {(event.request.event_source, event.request.event_source_id) for event in stored} == {("offline", EVENT_SET)}


@pytest.mark.parametrize("profile", ["documented", "strict-docs"])
async def test_chord_rows_are_taken(profile: str) -> None:
    sent = events(url="https://shop.example/?ttclid=E.C.P.contract")
    async with Sandbox(profile).serve() as sandbox:
        settings = {"accessToken": TOKEN, "pixelCode": PIXEL, "test_event_code": "TEST12345"}
        outcomes = await connect("chord-tiktok-conversions", settings).send(sent, base_url=sandbox.url)
        stored = sandbox.events
    assert {outcome.status for outcome in outcomes} == {Status.DELIVERED, Status.FILTERED}
    assert len(stored) == sum(outcome.status is Status.DELIVERED for outcome in outcomes) > COUNT // 3
    assert {(event.request.event_source, event.request.event_source_id) for event in stored} == {("web", PIXEL)}
    assert {event.request.test_event_code for event in stored} == {"TEST12345"}


async def test_one_invalid_offline_event_holds_up_no_other() -> None:
    good, bad = events(email="ada@example.com")[:3], events(email="0" * 32, phone="12")[:3]
    mixed = [event for pair in zip(good, bad, strict=True) for event in pair]
    async with Sandbox().serve() as sandbox:
        connection = connect("tiktok-offline-conversions", {"accessToken": TOKEN, "eventSetID": EVENT_SET})
        outcomes = await connection.send(mixed, base_url=sandbox.url)
        assert len(sandbox.events) == sum(outcome.status is Status.DELIVERED for outcome in outcomes)
    assert {o.reason for o in outcomes if o.status is Status.INVALID} <= {"pii_invalid"}
    assert "0" * 32 not in repr([(outcome.warnings, outcome.detail) for outcome in outcomes])
