"""Privacy through the management API: people are named in bodies alone, and never come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.contract import dead
from tests.contract.console import Desk, console

from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.privacy import FieldList, Privacy
from tockwork.operations.people import SHORT
from tockwork.operations.settings import Settings
from tockwork.rules.gate import Consent
from tockwork.store.erasure import Erasure
from tockwork.store.suppression import Suppression

ANN = "ann.planted@shop.example"
MARK = sha256(ANN.encode()).hexdigest()[:SHORT]
PIXEL = "C8E2OS3C77UABCDXYZ00"
NAME = "TikTok/EU ☕"
PATH = "/destinations/TikTok~1EU%20%E2%98%95/privacy"


def configuration(**members: Any) -> Configuration:
    server = DestinationEntry("tiktok-conversions", NAME, settings={"pixelCode": PIXEL, "accessToken": "t"})
    page = DestinationEntry("tiktok-pixel", "Pixel", settings={"pixelCode": PIXEL})
    return Configuration([SourceEntry("shop", "k")], [server, page], **members)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings = Settings(data=tmp_path, retention_events_days=3)
    async with console(tmp_path, configuration(), settings=settings) as found:
        yield found


async def test_what_is_kept_and_for_how_long(desk: Desk) -> None:
    found = (await desk.api.get("/privacy")).json()
    assert [(kept["what"], kept["days"], kept["variable"]) for kept in found["retention"]] == [
        ("events", 3, "TOCKWORK_RETENTION_EVENTS_DAYS"),
        ("ledger", 90, "TOCKWORK_RETENTION_LEDGER_DAYS"),
        ("dead_letters", 30, "TOCKWORK_RETENTION_DEAD_LETTERS_DAYS"),
    ]
    assert found["oldest_event_at"] is None
    assert found["disk"]["used"] > 0
    await desk.store.append([b"{}"], ["shop"])
    assert (await desk.api.get("/privacy")).json()["oldest_event_at"] > 1_700_000_000


async def test_what_is_hashed_comes_from_the_declarations(desk: Desk) -> None:
    server, page = (await desk.api.get("/privacy")).json()["destinations"]
    hashed = {field["key"]: field["hashed"] for field in server["personal"]}
    assert hashed["email"] is hashed["phone_number"] is hashed["external_id"] is hashed["address.zip_code"] is True
    assert hashed["address.city"] is hashed["ip"] is False
    declared = {field.key for action in DESTINATIONS[server["kind"]].actions for field in action.fields}
    assert {choice["key"].partition(".")[0] for choice in server["fields"]} == declared
    assert {choice["key"] for choice in server["fields"] if choice["fixed"]} >= {"event", "event_id", "timestamp"}
    assert (server["limits"], page["limits"], page["in_browser"]) == (True, False, True)


async def test_a_destinations_privacy(desk: Desk) -> None:
    wanted = {
        "consent": {"categories": ["Advertising"], "mode": "any", "missing": "allow"},
        "opt_out": "limit",
        "fields": {"deny": ["email", "address.city"]},
    }
    answer = await desk.api.put(PATH, json=wanted)
    assert answer.status_code == 200
    assert answer.json()["privacy"] == {**wanted, "fields": {"allow": None, "deny": ["email", "address.city"]}}
    assert desk.premises.configuration.destinations[0].privacy == Privacy(
        Consent(["Advertising"], "any", "allow"), "limit", FieldList(deny=["email", "address.city"])
    )
    (note, *_) = await desk.audited()
    assert (note["action"], note["about"]) == ("destination.privacy_changed", NAME)
    await desk.api.put(PATH, json={})
    assert desk.premises.configuration.destinations[0].privacy is None


@pytest.mark.parametrize(
    ("path", "body", "status", "where"),
    [
        (PATH, {"consent": {"categories": []}}, 422, "consent.categories"),
        (PATH, {"fields": {"deny": ["email", "emial"]}}, 422, "fields.deny[1]"),
        (PATH, {"fields": {"deny": ["event_id"]}}, 422, "fields.deny[0]"),
        (PATH, {"fields": {"deny": ["email"], "allow": ["email"]}}, 422, "fields"),
        (PATH, {"opt_out": "perhaps"}, 400, "opt_out"),
        ("/destinations/Pixel/privacy", {"opt_out": "limit"}, 422, "opt_out"),
    ],
)
async def test_wrong_privacy_is_told_at_its_place(
    desk: Desk, path: str, body: dict[str, Any], status: int, where: str
) -> None:
    answer = await desk.api.put(path, json=body)
    assert (answer.status_code, [one["where"] for one in answer.json()["problems"]]) == (status, [where])
    assert desk.premises.version == 1


async def test_a_destination_that_is_none(desk: Desk) -> None:
    assert (await desk.api.put("/destinations/nothing/privacy", json={})).status_code == 404


async def test_the_suppression_list(desk: Desk) -> None:
    people = {"people": [f" {ANN.upper()} ", ANN, "+1 415 555 0100"]}
    answer = await desk.api.post("/privacy/suppressions", json=people)
    assert (answer.status_code, answer.json()["changed"]) == (201, 2)
    answer = await desk.api.post("/privacy/suppressions", json={"people": [ANN], "destination": NAME})
    assert answer.json() == {"changed": 1, "marks": [MARK]}
    listed = (await desk.api.get("/privacy/suppressions")).json()
    assert (listed["entries"][0]["mark"], listed["entries"][0]["destination"]) == (MARK, NAME)
    assert listed["total"] == 3
    page = (await desk.api.get("/privacy/suppressions", params={"limit": 1, "offset": 2})).json()
    assert [one["mark"] for one in page["entries"]] == [MARK]
    answer = await desk.api.post("/privacy/suppressions/remove", json={"mark": MARK, "destination": NAME})
    assert answer.json() == {"changed": 1, "marks": [MARK]}
    assert (await desk.api.post("/privacy/suppressions/remove", json={"people": [ANN]})).json()["changed"] == 1
    (left,) = await Suppression(desk.store.database).suppressed()
    assert left.mark == sha256(b"+14155550100").digest()
    notes = await desk.audited()
    assert [note["action"] for note in notes] == ["people.released"] * 2 + ["people.suppressed"] * 2
    assert "planted" not in repr(notes)
    assert "555" not in repr(notes)


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("suppressions", {"people": []}, "people"),
        ("suppressions", {"people": [ANN, " ", "planted@"]}, "people[1]"),
        ("suppressions", {"people": [ANN], "destination": "nothing"}, "destination"),
        ("suppressions/remove", {"mark": "abc"}, "mark"),
        ("suppressions/remove", {"mark": "0" * 12}, "mark"),
        ("suppressions/remove", {}, "people"),
        ("deletions", {"people": ["null"]}, "people[0]"),
    ],
)
async def test_who_cannot_be_named_so(desk: Desk, path: str, body: dict[str, Any], where: str) -> None:
    answer = await desk.api.post(f"/privacy/{path}", json=body)
    assert answer.status_code == 422
    assert where in [problem["where"] for problem in answer.json()["problems"]]
    assert "planted" not in answer.text
    assert await Suppression(desk.store.database).suppressed() == []


async def test_text_that_is_no_destination_does_not_get_into_the_audit_log(desk: Desk) -> None:
    answer = await desk.api.post("/privacy/suppressions/remove", json={"people": [ANN], "destination": ANN})
    assert answer.json()["changed"] == 0
    assert "planted" not in repr(await desk.audited())


async def test_a_deletion(desk: Desk) -> None:
    await desk.store.join(NAME)
    await desk.store.append([b'{"type":"track","messageId":"1","userId":"%s"}' % ANN.encode()], ["shop"])
    answer = await desk.api.post("/privacy/deletions", json={"people": [ANN]})
    assert (answer.status_code, answer.json()) == (202, {"changed": 1, "marks": [MARK]})
    (one,) = (await desk.api.get("/privacy/deletions")).json()["entries"]
    assert (one["mark"], one["state"], one["erased_at"]) == (MARK, "erasing", None)
    assert (await desk.api.get("/privacy")).json()["erasing"] == 1
    erased = await Erasure(desk.store).run()
    assert (erased.events, erased.whole) == (1, True)
    (one,) = (await desk.api.get("/privacy/deletions")).json()["entries"]
    assert (one["state"], one["erased_at"] >= one["asked_at"]) == ("erased", True)
    assert (await desk.api.post("/privacy/suppressions/remove", json={"mark": MARK})).json()["changed"] == 1
    assert (await desk.api.get("/privacy/deletions")).json()["total"] == 0
    assert "planted" not in repr(await desk.audited())


async def test_roles(desk: Desk) -> None:
    viewer = await desk.as_role("viewer")
    for path in ("/privacy", "/privacy/suppressions", "/privacy/deletions"):
        assert (await viewer.api.get(path)).status_code == 200
        assert (await desk.stranger().api.get(path)).status_code == 401
    for path in ("/privacy/suppressions", "/privacy/suppressions/remove", "/privacy/deletions"):
        assert (await viewer.api.post(path, json={"people": [ANN]})).status_code == 403
    assert (await viewer.api.put(PATH, json={})).status_code == 403
    editor = await desk.as_role("editor")
    assert (await editor.api.post("/privacy/deletions", json={"people": [ANN]})).status_code == 202


async def test_a_file_that_manages_the_configuration_wins(tmp_path: Path) -> None:
    async with console(tmp_path, configuration(managed_by="shop.yaml")) as desk:
        assert (await desk.api.put(PATH, json={})).status_code == 409
        assert (await desk.api.post("/privacy/suppressions", json={"people": [ANN]})).status_code == 201


async def test_a_viewer_gets_nothing_personal_by_a_mapping_of_their_own(tmp_path: Path) -> None:
    """However it turns a value around, of which nothing is recognised any more."""
    turned = {"@liquid": "{{ traits.email | split: '@' | first | split: '' | join: '_' }}"}
    body = {"mapping": {**dead.ORDER, "fields": {**dead.ORDER["fields"], "description": turned}}, "ref": "1-0"}
    async with dead.shop(tmp_path, "rejected") as desk:
        viewer = await desk.as_role("viewer")
        answer = await viewer.api.post(f"/destinations/{quote(dead.SEGMENT)}/preview", json=body)
        assert (answer.status_code, answer.json()["status"]) == (200, "mapped")
        assert "j_o_._d_o_e" not in answer.text
        assert (
            "j_o_._d_o_e"
            in (await desk.api.post(f"/destinations/{quote(dead.SEGMENT)}/preview", json={**body, "reveal": True})).text
        )
        exported = await viewer.api.get("/versions/1/export")
        assert (exported.status_code, "write-key" in exported.text) == (403, False)
