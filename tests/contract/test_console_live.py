"""The console's pages of live events."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.contract.console import Desk, console
from tests.contract.test_api_events import SECRETS, accept, configuration, event, settle

from tockwork.model.outcome import Status
from tockwork.operations.settings import Settings
from tockwork.sandbox.server import Sandbox

PAYLOAD = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with console(tmp_path, configuration()) as desk:
        await desk.store.join("Web")
        yield desk


async def test_the_list_shows_what_arrived_and_streams_what_arrives(desk: Desk) -> None:
    await accept(desk, event(1), event(2, "Product Viewed"))
    await settle(desk, Status.REJECTED, "bad_parameter")
    page = (await desk.pages.get("/live")).text
    assert 'data-ref="1-1"' in page
    assert "Web: rejected" in page
    assert 'data-stream="/api/events/stream?after=1-1"' in page
    assert not [secret for secret in SECRETS if secret in page]
    page = (await desk.pages.get("/live", params={"name": "Product Viewed", "status": "rejected"})).text
    assert 'data-ref="1-0"' not in page
    assert "stream?name=Product+Viewed&amp;status=rejected&amp;after=1-1" in page


async def test_without_events_the_page_says_what_to_do(desk: Desk) -> None:
    page = (await desk.pages.get("/live")).text
    assert "No events yet" in page
    assert 'href="/sources"' in page


async def test_a_search_by_person_is_posted_and_stands_in_no_address(desk: Desk) -> None:
    await accept(desk, event(1), event(2, userId="else", anonymousId="else"))
    answer = await desk.submit("/live", user="quackenbush-1")
    assert answer.status_code == 200
    assert 'data-ref="1-0"' in answer.text
    assert 'data-ref="1-1"' not in answer.text
    assert 'value="quackenbush-1"' in answer.text  # what was typed stays
    assert "data-stream" not in answer.text
    assert not re.findall(r'(?:href|action|src)="[^"]*quackenbush', answer.text)
    answer = await desk.submit("/live", name="Order Completed", live="1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/live?name=Order+Completed"


async def test_a_person_is_followed_live_by_another_name(desk: Desk) -> None:
    await accept(desk, event(1), event(2, userId="else", anonymousId="else"))
    answer = await desk.submit("/live", user="quackenbush-1", name="Order Completed", live="1")
    assert answer.status_code == 200
    assert 'data-ref="1-1"' not in answer.text
    assert re.search(
        r'data-stream="/api/events/stream\?name=Order\+Completed&amp;watch=[\w-]{22}&amp;after=1-0"', answer.text
    )


async def test_older_events_are_a_form_away(desk: Desk) -> None:
    for part in range(3):
        await accept(desk, *(event(30 * part + number) for number in range(30)))
    page = (await desk.submit("/live")).text
    cursor = re.findall(r'name="cursor" value="([^"]+)"', page)
    assert cursor == ["2-10"]
    rows = (
        await desk.pages.post("/live", data={"csrf": desk.csrf, "cursor": "2-10"}, headers={"HX-Request": "true"})
    ).text
    assert "<html" not in rows
    assert 'data-ref="2-9"' in rows
    assert "That is all that is kept." in rows


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("since", "yesterday", "expected a date and a time"),
        ("until", "2026-13-01T00:00", "expected a date and a time"),
        ("status", "odd", "Invalid enum value"),
        ("name", "x" * 600, "500"),
    ],
)
async def test_wrong_filters_are_told_at_the_field_and_stay(desk: Desk, field: str, typed: str, said: str) -> None:
    answer = await desk.submit("/live", **{field: typed, "user": "somebody"})
    assert answer.status_code == 422
    assert said in answer.text
    assert "is-invalid" in answer.text
    assert 'value="somebody"' in answer.text
    assert typed in answer.text


async def test_the_life_of_an_event_is_told_from_its_receipt_to_the_ledger(desk: Desk) -> None:
    await accept(desk, event(1))
    await settle(desk, Status.REJECTED, "bad_parameter", code=40002, detail="*** is wrong")
    page = (await desk.pages.get("/live/1-0")).text
    for part in ("Received", "receivedAt", "Trigger", "Fields", "Row and request", "Answer and ledger", "code 40002"):
        assert part in page, part
    assert 'href="/destinations/Web/mappings/Complete%20Payment"' in page
    assert "not triggered" in page
    assert not [secret for secret in SECRETS if secret in page]


async def test_personal_data_is_shown_to_editors_who_ask(desk: Desk) -> None:
    await accept(desk, event(1))
    viewer = await desk.as_role("viewer")
    page = (await viewer.pages.get("/live/1-0")).text
    assert "/reveal" not in page
    assert "/send-test" not in page
    assert (await viewer.submit("/live/1-0/reveal")).status_code == 403
    page = (await desk.submit("/live/1-0/reveal")).text
    assert "ann.quackenbush@shop.example" in page
    assert (await desk.audited())[0]["action"] == "event.unmasked"
    page = (await desk.pages.post("/live/1-0/reveal", data={})).text
    assert "quackenbush" not in page


async def test_a_test_event_is_sent_and_its_answer_shown(tmp_path: Path) -> None:
    async with (
        Sandbox().serve() as sandbox,
        console(tmp_path, configuration(), settings=Settings(data=tmp_path, tiktok_url=sandbox.url)) as desk,
    ):
        await accept(desk, event(1))
        answer = await desk.submit("/live/1-0/send-test", destination="Web")
        assert answer.status_code == 422
        assert "is needed" in answer.text
        answer = await desk.submit("/live/1-0/send-test", destination="Web", test_event_code="TEST5")
        assert answer.status_code == 200
        assert "Sent as a test event to Web" in answer.text
        assert "TEST5" in answer.text


async def test_what_events_hold_is_text_and_nothing_else(desk: Desk) -> None:
    wild = event(1, PAYLOAD, properties={PAYLOAD: PAYLOAD, "currency": PAYLOAD})
    await accept(desk, wild | {"messageId": PAYLOAD}, source=PAYLOAD)
    for page in (
        await desk.pages.get("/live"),
        await desk.pages.get("/live/1-0"),
        await desk.submit("/live", name=PAYLOAD),
    ):
        assert page.status_code == 200
        assert "<img src=x" not in page.text
        assert "<script>alert" not in page.text


async def test_an_event_that_is_not_there_is_not_found(desk: Desk) -> None:
    for wrong in ("1-0", "odd", "%22%3E"):
        assert (await desk.pages.get(f"/live/{wrong}")).status_code == 404
