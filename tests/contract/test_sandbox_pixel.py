"""What browsers post to the sandbox, and how it meets what servers report."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from tests.contract.test_sandbox_pages import Page, Visitor, row, sandboxed

from tockwork.sandbox.legs import Agreement, Line, compared
from tockwork.sandbox.record import Leg

CODE: Final = "C8E2OS3C77UABCDXYZ00"
HASH: Final = "ab" * 32
SHOP: Final = {"Origin": "http://localhost:3000", "User-Agent": "Shopper/1.0"}


def post(**changes: Any) -> dict[str, Any]:
    """What the script posts for the event that `row` is about."""
    event = row()
    context = {
        "pixel": {"code": CODE},
        "page": event["page"],
        "user": {"email": HASH},
        "ad": {"callback": "E.C.P.Click"},
    }
    return {
        "event": event["event"],
        "event_id": event["event_id"],
        "context": context,
        "properties": event.get("properties", {}),
        **changes,
    }


async def browse(visitor: Visitor, body: Any, path: str = "/api/v2/pixel/act", **headers: str) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, _, _ = await visitor.ask(path, "POST", data=data, headers={**SHOP, **headers})
    return status


async def test_a_post_becomes_a_row_of_the_web() -> None:
    async with sandboxed() as visitor:
        assert await browse(visitor, post(limited_data_use=True)) == 200
        (event,) = visitor.sandbox.events
    assert (event.leg, event.event_source, event.event_source_id) == (Leg.BROWSER, "web", CODE)
    assert event.row["user"] == {"email": HASH, "ttclid": "E.C.P.Click", "user_agent": "Shopper/1.0"}
    assert event.row["limited_data_use"] is True
    assert event.row["event_time"] == int(event.received_at)


@pytest.mark.parametrize("browser_first", [True, False])
async def test_both_legs_of_an_event_count_once(browser_first: bool) -> None:
    async with sandboxed() as visitor:
        if browser_first:
            await browse(visitor, post())
        await visitor.send(row())
        if not browser_first:
            await browse(visitor, post())
        await browse(visitor, post())
        first, pair, again = visitor.sandbox.events
        stats = visitor.sandbox.stats()
        _, page, _ = await visitor.ask("/")
        _, detail, _ = await visitor.ask(f"/events/{first.id}")
    assert (stats.unique, stats.merged, stats.both_legs) == (1, 2, 1)
    assert (first.pair_id, pair.pair_id, again.pair_id) == (pair.id, None, None)
    assert {first.leg, pair.leg} == set(Leg)
    assert "browser + server" in Page(page).text
    assert f"The {first.leg} was first" in Page(detail).text
    assert "one leg alone" in Page(detail).text


async def test_other_ids_and_one_leg_alone_are_no_pair() -> None:
    async with sandboxed() as visitor:
        await visitor.send(row(), row())
        await browse(visitor, post(event_id="another"))
        stats = visitor.sandbox.stats()
    assert (stats.unique, stats.merged, stats.both_legs) == (2, 1, 0)


async def test_legs_are_compared_field_by_field() -> None:
    async with sandboxed() as visitor:
        await visitor.send(row(user={"email": [HASH], "external_id": HASH}, properties={"value": 5, "currency": "EUR"}))
        await browse(visitor, post(properties={"value": 5.0, "currency": "USD"}))
        lines = {line.path: line for line in compared(*visitor.sandbox.events)}
    assert lines["user.email"] == Line("user.email", HASH, HASH)
    agreement = {path: line.agreement for path, line in lines.items()}
    assert agreement["properties.value"] is Agreement.SAME
    assert agreement["properties.currency"] is Agreement.DIFFERENT
    assert (lines["user.external_id"].browser, agreement["user.external_id"]) == (None, Agreement.ALONE)
    assert "event_time" not in lines


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        {"event": "Purchase"},
        post(event=5),
        post(event=""),
        post(context={"pixel": {}}),
        post(context={"pixel": {"code": CODE}}),
        post(properties={"value": "12"}),
    ],
)
async def test_what_is_no_event_is_refused(body: Any) -> None:
    async with sandboxed() as visitor:
        assert await browse(visitor, body) == 400
        stats = visitor.sandbox.stats()
    assert (stats.rejected_requests, stats.accepted_rows, stats.by_code) == (1, 0, {"40002": 1})


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
async def test_pages_elsewhere_report_nothing(origin: str) -> None:
    async with sandboxed() as visitor:
        assert await browse(visitor, post(), Origin=origin) == 403
        assert await browse(visitor, post(), Host="evil.example") == 403
        assert visitor.sandbox.stats().requests == 0


async def test_the_script_is_served_to_shops() -> None:
    async with sandboxed() as visitor:
        status, text, answer = await visitor.ask(f"/i18n/pixel/events.js?sdkid={CODE}&lib=ttq", headers=SHOP)
    assert (status, answer.content_type) == (200, "text/javascript")
    assert "/api/v2/pixel" in text
