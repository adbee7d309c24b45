"""What counts once and what counts again, over real HTTP with a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from tests.contract.posts import NOW, Json, body, row

from tockwork.model.clock import SimulatedClock
from tockwork.sandbox.server import Sandbox

PATH = "/open_api/v1.3/event/track/"
HOUR = 3600


class Client:
    """Posts to a sandbox; `clock` is the sandbox's clock."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession, clock: SimulatedClock) -> None:
        self.sandbox, self.clock, self._session = sandbox, clock, session

    async def accepted(self, body: Json) -> None:
        headers = {"Access-Token": "token"}
        async with self._session.post(self.sandbox.url + PATH, json=body, headers=headers) as response:
            assert (await response.json())["code"] == 0


@asynccontextmanager
async def sandboxed() -> AsyncIterator[Client]:
    clock = SimulatedClock(NOW)
    async with Sandbox(clock=clock).serve() as sandbox, aiohttp.ClientSession() as session:
        yield Client(sandbox, session, clock)


async def verdicts(client: Client) -> list[str]:
    return [str(event.verdict) for event in client.sandbox.events]


async def test_copies_merge_for_five_minutes_drop_for_48_hours_and_count_again() -> None:
    async with sandboxed() as client:
        for pause in (0, 300, 1, 48 * HOUR - 302, 1, 300, 1):
            await client.clock.advance(pause)
            await client.accepted(body())
        assert await verdicts(client) == ["unique", "merged", "dropped", "dropped", "unique", "merged", "dropped"]
        stats = client.sandbox.stats()
        assert (stats.accepted_rows, stats.unique, stats.merged, stats.dropped) == (7, 2, 2, 3)


async def test_receipt_counts_and_not_event_time() -> None:
    async with sandboxed() as client:
        await client.accepted(body(row(event_time=NOW)))
        await client.clock.advance(600)
        await client.accepted(body(row(event_time=NOW - 100_000)))
        assert await verdicts(client) == ["unique", "dropped"]


async def test_a_copy_fills_in_what_the_first_lacked() -> None:
    async with sandboxed() as client:
        await client.accepted(body(row(user={"ip": "8.8.8.8", "email": ""})))
        await client.clock.advance(60)
        await client.accepted(body(row(user={"ip": "1.1.1.1", "email": "e" * 64}, properties={"value": 5})))
        await client.clock.advance(1000)
        await client.accepted(body(row(user={"ip": "8.8.8.8", "phone": "f" * 64})))
        first, copy, late = client.sandbox.events
        assert first.row["user"] == {"ip": "8.8.8.8", "email": "e" * 64}
        assert first.row["properties"] == {"value": 5}
        assert (first.copies, first.filled) == (2, ["user.email", "properties"])
        assert json.loads(bytes(first.sent))["user"] == {"ip": "8.8.8.8", "email": ""}
        assert (copy.first_id, late.first_id) == (first.id, first.id)


async def test_copies_in_one_request_are_told_apart_too() -> None:
    async with sandboxed() as client:
        await client.accepted(body(row(), row(), row(event_id="o-2")))
        assert await verdicts(client) == ["unique", "merged", "unique"]


@pytest.mark.parametrize(
    ("changes", "root"),
    [
        ({"event_id": "o-2"}, {}),
        ({"event": "CompletePayment"}, {}),
        ({"event": "purchase"}, {}),
        ({}, {"event_source_id": "C8E2OS3C77UABCDXYZ99"}),
    ],
)
async def test_another_id_name_or_source_is_no_copy(changes: Json, root: Json) -> None:
    async with sandboxed() as client:
        await client.accepted(body())
        await client.accepted(body(row(**changes), **root))
        assert await verdicts(client) == ["unique", "unique"]


async def test_both_spellings_of_a_page_view_are_one_event() -> None:
    async with sandboxed() as client:
        await client.accepted(body(row(event="Pageview")))
        await client.accepted(body(row(event="PageView")))
        assert await verdicts(client) == ["unique", "merged"]
        assert [event.row["event"] for event in client.sandbox.events] == ["Pageview", "PageView"]


@pytest.mark.parametrize("event_id", [None, ""])
async def test_without_an_event_id_nothing_is_a_copy(event_id: str | None) -> None:
    bare = {key: value for key, value in row().items() if key != "event_id"}
    if event_id is not None:
        bare["event_id"] = event_id
    async with sandboxed() as client:
        await client.accepted(body(bare, bare))
        assert await verdicts(client) == ["unique", "unique"]


async def test_test_events_have_a_ledger_and_counts_of_their_own() -> None:
    async with sandboxed() as client:
        await client.accepted(body(test_event_code="TEST12345"))
        await client.accepted(body())
        await client.accepted(body(test_event_code="TEST99999"))
        assert await verdicts(client) == ["unique", "unique", "merged"]
        stats = client.sandbox.stats()
        assert (stats.accepted_rows, stats.test.accepted_rows) == (1, 2)
        assert (stats.test.unique, stats.test.merged) == (1, 1)
        assert [event.test for event in client.sandbox.events] == [True, False, True]


async def test_a_test_code_inside_a_row_counts_as_a_real_event() -> None:
    async with sandboxed() as client:
        await client.accepted(body(row(test_event_code="TEST12345")))
        await client.accepted(body(row(event_id="o-2"), test_event_code=""))
        assert client.sandbox.stats().accepted_rows == 2
        codes = [{remark.code for remark in event.diagnostics} for event in client.sandbox.events]
        assert "test_event_code_in_row" in codes[0]
        assert "test_event_code_empty" in codes[1]


async def test_reset_forgets_events_counts_and_copies() -> None:
    async with sandboxed() as client:
        await client.accepted(body())
        client.sandbox.reset()
        assert client.sandbox.stats().requests == 0
        await client.accepted(body())
        assert await verdicts(client) == ["unique"]
