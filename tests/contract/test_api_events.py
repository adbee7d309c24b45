"""The management API's events: search, stream, whole life, unmasking, test events, paths."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from tests.contract.console import Desk, console
from tests.contract.store_opened import read

from tockwork.api import events as routes
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.model.event import Envelope
from tockwork.model.fate import History
from tockwork.model.outcome import Status
from tockwork.operations.settings import Settings
from tockwork.sandbox.server import Sandbox
from tockwork.store.protocol import Line, Retry, Settled

PERSON: dict[str, Any] = {
    "userId": "quackenbush-1",
    "anonymousId": "anon-quackenbush",
    "context": {
        "ip": "203.0.113.24",
        "userAgent": "Mozilla/5.0",
        "page": {"url": "https://shop.example/thanks?email=ann.quackenbush%40shop.example&q=shoes"},
        "traits": {"email": "ann.quackenbush@shop.example", "phone": "+14155550132", "firstName": "Annabelle"},
    },
}
SECRETS = ("quackenbush", "203.0.113.24", "4155550132", "Annabelle")
TOKEN = "the-access-token-of-nobody"


def event(number: int, name: str = "Order Completed", **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "messageId": f"m-{number}",
        "timestamp": "2026-11-21T09:59:59.000Z",
        "receivedAt": "2026-11-21T10:00:00.000Z",
        "properties": {"currency": "USD", "value": 12.5, "note": "for Annabelle"},
        **PERSON,
        **more,
    }


def configuration(**more: Any) -> Configuration:
    settings = {"pixelCode": "C8E2OS3C77UABCDXYZ00", "accessToken": TOKEN}
    web = DestinationEntry("tiktok-conversions", "Web", settings=settings, **more)
    return Configuration(sources=[SourceEntry("shop", "write-key-of-shop")], destinations=[web])


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with console(tmp_path, configuration()) as desk:
        await desk.store.join("Web")
        yield desk


async def accept(desk: Desk, *events: dict[str, Any], source: str = "shop") -> int:
    entries = [json.dumps(each).encode() for each in events]
    return await desk.store.append(entries, [each["messageId"] for each in events], [(source, len(events))])


async def settle(desk: Desk, status: Status, reason: str | None = None, **more: Any) -> None:
    chunk = await read(desk.store, "Web")
    mapping = None if status is Status.FILTERED else "Complete Payment"
    lines = [
        Line((chunk.id, place * 64), f"m-{place}", mapping, status, reason, **more)
        for place in range(len(chunk.entries))
    ]
    retries = [
        Retry(
            line.key, time.time() + 60, b'{"event":"CompletePayment"}', Envelope("web", "C8"), History(2, said="busy")
        )
        for line in lines
        if status is Status.PENDING
    ]
    await desk.store.settle("Web", [Settled(chunk, lines, retries)])


async def searched(desk: Desk, **wanted: Any) -> list[str]:
    answer = await desk.api.post("/events/search", json=wanted)
    assert answer.status_code == 200, answer.text
    return [row["ref"] for row in answer.json()["events"]]


async def test_events_are_found_by_every_filter(desk: Desk) -> None:
    await accept(desk, event(1), event(2, "Product Viewed", userId="somebody-else"))
    await settle(desk, Status.REJECTED, "bad_parameter")
    await accept(desk, event(3), source="till")
    assert await searched(desk) == ["2-0", "1-1", "1-0"]
    assert await searched(desk, source="till") == ["2-0"]
    assert await searched(desk, name="Product Viewed") == ["1-1"]
    assert await searched(desk, type="page") == []
    assert await searched(desk, status="rejected", destination="Web") == ["1-1", "1-0"]
    assert await searched(desk, status="undecided") == ["2-0"]
    assert await searched(desk, reason="bad_parameter", name="Order Completed") == ["1-0"]
    assert await searched(desk, message_id="m-2") == ["1-1"]
    assert await searched(desk, user="somebody-else") == ["1-1"]
    assert await searched(desk, user="anon-quackenbush") == ["2-0", "1-1", "1-0"]
    assert await searched(desk, since=time.time() + 60) == []
    assert await searched(desk, until=time.time() + 60, limit=1) == ["2-0"]


async def test_a_search_goes_on_where_it_ended(desk: Desk) -> None:
    await accept(desk, *(event(number) for number in range(5)))
    first = (await desk.api.post("/events/search", json={"limit": 2})).json()
    assert [row["ref"] for row in first["events"]] == ["1-4", "1-3"]
    second = (await desk.api.post("/events/search", json={"limit": 2, "cursor": first["next"]})).json()
    assert [row["ref"] for row in second["events"]] == ["1-2", "1-1"]


async def test_a_row_of_a_search_has_nothing_personal(desk: Desk) -> None:
    await accept(desk, event(1))
    answer = await desk.api.post("/events/search", json={"user": "quackenbush-1"})
    (row,) = answer.json()["events"]
    assert row["person"] == "user"
    assert row["fates"] == [{"destination": "Web", "status": "undecided", "reason": "", "mapping": ""}]
    assert not [secret for secret in SECRETS if secret in answer.text]


async def test_what_is_no_search_is_refused(desk: Desk) -> None:
    for wrong in (
        {"status": "odd"},
        {"limit": 0},
        {"limit": 1000},
        {"since": "x"},
        {"unknown": 1},
        {"name": "x" * 501},
    ):
        answer = await desk.api.post("/events/search", json=wrong)
        assert answer.status_code == 400, wrong
        assert answer.headers["content-type"] == "application/problem+json"
    answer = await desk.api.post("/events/search", json={"cursor": "odd"})
    assert (answer.status_code, answer.json()["problems"][0]["where"]) == (422, "cursor")


async def test_the_whole_life_of_a_rejected_event(desk: Desk) -> None:
    await accept(desk, event(1))
    await settle(desk, Status.REJECTED, "bad_parameter", code=40002, detail="*** is wrong")
    answer = await desk.api.get("/events/1-0")
    it = answer.json()
    assert (it["source"], it["type"], it["name"], it["message_id"]) == ("shop", "track", "Order Completed", "m-1")
    assert it["received_at"] == "2026-11-21T10:00:00.000Z"
    assert it["masked"]
    (road,) = it["destinations"]
    assert (road["destination"], road["status"], road["newest"]) == ("Web", "rejected", True)
    tried = next(one for one in road["mappings"] if one["mapping"] == "Complete Payment")
    assert tried["matched"]
    assert all(clause["matched"] for clause in tried["clauses"])
    assert tried["state"]["code"] == 40002
    assert tried["state"]["mend"]
    assert tried["row"]["event"]
    assert tried["request"]["event_source_id"] == "C8E2OS3C77UABCDXYZ00"
    assert tried["request"]["data"] == [tried["row"]]
    fields = {field["name"]: field for field in tried["fields"]}
    assert fields["email"]["value"] in ("***", ["***"])
    others = [one for one in road["mappings"] if not one["matched"]]
    assert others
    assert all(not all(clause["matched"] for clause in one["clauses"]) for one in others)
    assert not [secret for secret in (*SECRETS, TOKEN) if secret in answer.text]


async def test_the_life_of_what_waits_shows_when_it_is_sent_again(desk: Desk) -> None:
    await accept(desk, event(1))
    await settle(desk, Status.PENDING, "retrying")
    it = (await desk.api.get("/events/1-0")).json()
    tried = next(one for one in it["destinations"][0]["mappings"] if one["state"])
    assert tried["state"]["waiting"]["retries"] == 2
    assert tried["state"]["waiting"]["said"] == "busy"
    assert tried["row"] == {"event": "CompletePayment"}


async def test_an_event_is_explained_by_the_configuration_that_decided_it(desk: Desk) -> None:
    await accept(desk, event(1))
    await settle(desk, Status.FILTERED, "no_trigger")
    await asyncio.sleep(0.01)
    mapping = {"name": "Mine", "trigger": 'type = "track"', "action": "reportWebEvent", "fields": {"event": "Late"}}
    await desk.premises.versions.keep(configuration(mappings=[mapping]))
    (road,) = (await desk.api.get("/events/1-0")).json()["destinations"]
    assert (road["version"], road["newest"]) == (1, False)
    assert "Mine" not in [one["mapping"] for one in road["mappings"]]
    assert road["state"]["reason"] == "no_trigger"


async def test_what_there_is_not_is_not_found(desk: Desk) -> None:
    await accept(desk, event(1))
    for wrong in ("1-1", "2-0", "odd", "1", "-1-0", "1-0-0", "99999999999999999999-0"):
        assert (await desk.api.get(f"/events/{wrong}")).status_code == 404, wrong


async def test_personal_data_is_for_editors_who_ask_and_that_is_audited(desk: Desk) -> None:
    await accept(desk, event(1))
    viewer, editor = await desk.as_role("viewer"), await desk.as_role("editor")
    assert (await viewer.api.post("/events/1-0/unmask")).status_code == 403
    answer = await editor.api.post("/events/1-0/unmask")
    assert answer.status_code == 200
    assert answer.json()["event"] == event(1)
    assert not answer.json()["masked"]
    note = (await desk.audited())[0]
    assert (note["action"], note["about"], note["who"]) == ("event.unmasked", "1-0", editor.name)
    assert not [secret for secret in SECRETS if secret in json.dumps(await desk.audited())]


async def test_an_event_is_sent_again_as_a_test_event(tmp_path: Path) -> None:
    async with (
        Sandbox().serve() as sandbox,
        console(tmp_path, configuration(), settings=Settings(data=tmp_path, tiktok_url=sandbox.url)) as desk,
    ):
        await desk.store.join("Web")
        await accept(desk, event(1), event(2, "Nothing Known"))
        body = {"destination": "Web", "test_event_code": "TEST123"}
        answer = await desk.api.post("/events/1-0/send-test", json=body)
        assert answer.status_code == 200, answer.text
        assert not [secret for secret in (*SECRETS, TOKEN) if secret in answer.text]
        (sent,) = [one for one in answer.json() if one["mapping"] == "Complete Payment"]
        assert sent["request"]["test_event_code"] == "TEST123"
        assert sent["http_status"] is not None
        (other,) = (await desk.api.post("/events/1-1/send-test", json=body)).json()
        assert (other["status"], other["reason"]) == ("filtered", "no_trigger")
        assert (await desk.api.post("/events/1-0/send-test", json={"destination": "Web"})).status_code == 422
        assert (await desk.api.post("/events/1-0/send-test", json={"destination": "Odd"})).status_code == 422
        assert (await desk.audited())[0]["action"] == "event.sent_as_test"
        viewer = await desk.as_role("viewer")
        assert (await viewer.api.post("/events/1-0/send-test", json=body)).status_code == 403


async def test_recent_events_and_their_paths(desk: Desk) -> None:
    await accept(desk, event(1), event(2, "Product Viewed"))
    await accept(desk, event(3))
    recent = (await desk.api.get("/events/recent", params={"limit": 2})).json()
    assert [row["ref"] for row in recent] == ["2-0", "1-1"]
    named = (await desk.api.get("/events/recent", params={"name": "Product Viewed"})).json()
    assert [row["ref"] for row in named] == ["1-1"]
    answer = await desk.api.get("/events/paths")
    found = {one["path"]: one for one in answer.json()}
    assert found["$.properties.value"] == {
        "path": "$.properties.value",
        "types": ["number"],
        "events": 3,
        "example": 12.5,
    }
    assert found["$.context.traits.email"]["example"] == "***"
    assert not [secret for secret in SECRETS if secret in answer.text]


async def test_a_stream_tells_what_arrives_and_what_becomes_of_it(desk: Desk) -> None:
    await accept(desk, event(0))
    told = Told(desk)
    async with told.following("/events/stream?name=Order%20Completed&after=0-0"):
        first = await told.batch()
        assert [row["ref"] for row in first["events"]] == ["1-0"]
        await accept(desk, event(1), event(2, "Product Viewed"))
        second = await told.batch()
        assert [row["ref"] for row in second["events"]] == ["2-0"]
        await settle(desk, Status.DELIVERED)
        assert (await told.batch())["fates"]["1-0"][0]["status"] == "delivered"
        await settle(desk, Status.DELIVERED)
        assert (await told.batch())["fates"]["2-0"][0]["status"] == "delivered"
        assert not [secret for secret in SECRETS if secret in told.text]


async def test_a_stream_of_a_status_shows_events_once_they_have_it(desk: Desk) -> None:
    told = Told(desk)
    async with told.following("/events/stream?status=rejected"):
        await asyncio.sleep(0.6)
        await accept(desk, event(1))
        await asyncio.sleep(0.6)
        await settle(desk, Status.REJECTED, "bad_parameter")
        batch = await told.batch()
        assert [row["ref"] for row in batch["events"]] == ["1-0"]


async def test_a_stream_of_one_person_has_no_id_in_its_address(desk: Desk) -> None:
    await accept(desk, event(0), event(1, userId="ann quackenbush"))
    watch = (await desk.api.post("/events/watch", json={"user": "ann quackenbush"})).json()["watch"]
    told = Told(desk)
    async with told.following(f"/events/stream?watch={watch}&after=0-0"):
        assert [row["ref"] for row in (await told.batch())["events"]] == ["1-1"]
        await accept(desk, event(2), event(3, anonymousId="ann quackenbush"))
        assert [row["ref"] for row in (await told.batch())["events"]] == ["2-1"]
        assert not [secret for secret in SECRETS if secret in told.text]
    assert (await desk.api.get("/events/stream?watch=forgotten")).status_code == 404
    assert (await desk.api.post("/events/watch", json={"user": ""})).status_code == 400


async def test_a_burst_is_sampled_and_the_rest_is_told(desk: Desk) -> None:
    told = Told(desk)
    async with told.following("/events/stream"):
        await asyncio.sleep(0.6)
        await accept(desk, *(event(number) for number in range(450)))
        batch = await told.batch()
        assert 80 <= len(batch["events"]) <= 100
        assert batch["left_out"] + len(batch["events"]) == 450


async def test_a_stream_ends_with_the_session_and_with_the_server(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(routes, "BEAT_S", 0.2)
    viewer = await desk.as_role("viewer")
    told = Told(viewer)
    async with told.following("/events/stream"):
        await asyncio.sleep(0.5)
        assert ": still here" in told.text
        assert (await viewer.api.delete("/session")).status_code == 204
        await asyncio.wait_for(told.ended.wait(), 3)
        assert "signed-out" in told.text
    told = Told(desk)
    async with told.following("/events/stream"):
        await asyncio.sleep(0.3)
        await desk.premises.tail.stop()
        await asyncio.wait_for(told.ended.wait(), 1)
    assert (await desk.api.get("/events/stream")).status_code == 429


class Told:
    """Follows a stream of the API, on the application itself: httpx's transport would wait for its end."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.text = ""
        self.ended = asyncio.Event()
        self._news = asyncio.Event()
        self._read = 0
        self._gone = asyncio.Event()

    def following(self, path: str) -> Any:
        return _Following(self, path)

    async def run(self, path: str) -> None:
        where, _, query = path.partition("?")
        headers = [(name.lower().encode(), value.encode()) for name, value in self._desk.api.headers.items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": f"/api{where}",
            "raw_path": f"/api{where}".encode(),
            "query_string": query.encode(),
            "headers": headers,
            "server": ("console", 80),
            "client": ("127.0.0.1", 1),
        }
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            self.text += message.get("body", b"").decode()
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._gone.set()
            self._news.set()

        try:
            await self._desk.house.api(scope, receive, send)  # type: ignore[arg-type]
        finally:
            self.ended.set()

    async def batch(self, timeout_s: float = 3.0) -> dict[str, Any]:
        """The next message with something in it."""
        end = time.monotonic() + timeout_s
        while True:
            message, found, _ = self.text[self._read :].partition("\n\n")
            if not found:
                self._news.clear()
                await asyncio.wait_for(self._news.wait(), end - time.monotonic())
                continue
            self._read += len(message) + 2
            data = [line.removeprefix("data: ") for line in message.splitlines() if line.startswith("data: ")]
            if data:
                decoded: dict[str, Any] = json.loads(data[0])
                return decoded


class _Following:
    def __init__(self, told: Told, path: str) -> None:
        self._told = told
        self._path = path

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._told.run(self._path))

    async def __aexit__(self, *_: object) -> None:
        self._told._gone.set()
        await asyncio.wait_for(self._told.ended.wait(), 3)
        await self._task
