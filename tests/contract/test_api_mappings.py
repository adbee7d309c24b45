"""Mappings over the management API: listed, changed, ordered, restored, switched and imported."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio
from tests.contract.console import Desk, console

from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.model.names import segment
from tockwork.model.secret import Secret

NAME: Final = "Shop/EU ü"
AT: Final = f"/destinations/{segment(NAME)}"
TOKEN: Final = "secret-token-0123456789"
NEW: Final = {
    "name": "Registration",
    "trigger": 'type = "track" and event = "Signed Up"',
    "action": "reportWebEvent",
    "fields": {
        "event": "CompleteRegistration",
        "event_id": {"@path": "$.messageId"},
        "email": {"@path": "$.traits.email"},
    },
}
EVENT: Final = {
    "type": "track",
    "event": "Signed Up",
    "messageId": "m-1",
    "userId": "u-1",
    "timestamp": "2026-11-20T12:00:00Z",
    "traits": {"email": "ada@example.com"},
}


def configuration(**changed: Any) -> Configuration:
    settings = {"pixelCode": "C1234567890ABCDEFGH", "accessToken": Secret(TOKEN)}
    return Configuration(
        sources=[SourceEntry("web", "key-1")],
        destinations=[
            DestinationEntry("tiktok-conversions", NAME, settings=settings, **changed),
            DestinationEntry("tiktok-pixel", "pixel", settings={"pixelCode": "C1234567890ABCDEFGH"}),
        ],
    )


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with console(tmp_path, configuration()) as desk:
        yield desk


async def names(desk: Desk) -> list[str]:
    found = (await desk.api.get(f"{AT}/mappings")).json()
    return [one["name"] for one in found["mappings"]]


async def test_the_list(desk: Desk) -> None:
    found = (await desk.api.get(f"{AT}/mappings")).json()
    assert found["on_presets"]
    assert found["pack"] == "segment-2026"
    assert found["limit"] == 50
    assert found["missing"] == []
    first = found["mappings"][0]
    assert (first["name"], first["event"], first["origin"]) == ("Complete Payment", "CompletePayment", "preset")
    assert first["counts"] == {"delivered": 0, "failed": 0}
    assert (await desk.api.get("/destinations/nothing/mappings")).status_code == 404


async def test_the_first_change_copies_the_presets(desk: Desk) -> None:
    made = await desk.api.post(f"{AT}/mappings", json=NEW)
    assert made.status_code == 201, made.text
    found = (await desk.api.get(f"{AT}/mappings")).json()
    assert not found["on_presets"]
    assert len(found["mappings"]) == 16
    assert found["mappings"][-1]["origin"] == "own"
    assert {one["origin"] for one in found["mappings"][:-1]} == {"preset"}
    one = (await desk.api.get(f"{AT}/mappings/Registration")).json()
    assert one["fields"] == NEW["fields"]
    entry = desk.premises.configuration.destinations[0]
    assert entry.settings["accessToken"].reveal() == TOKEN


async def test_one_is_changed_renamed_switched_off_and_deleted(desk: Desk) -> None:
    changed = {**NEW, "name": "Search 2"}
    assert (await desk.api.put(f"{AT}/mappings/Search", json=changed)).status_code == 200
    assert "Search 2" in await names(desk)
    assert "Search" not in await names(desk)
    assert (await desk.api.patch(f"{AT}/mappings/Search%202", json={"enabled": False})).status_code == 200
    assert not (await desk.api.get(f"{AT}/mappings/Search%202")).json()["enabled"]
    assert (await desk.api.delete(f"{AT}/mappings/Search%202")).status_code == 200
    assert "Search 2" not in await names(desk)
    for method in ("get", "delete"):
        assert (await getattr(desk.api, method)(f"{AT}/mappings/Search%202")).status_code == 404
    notes = [(note["action"], note["about"]) for note in await desk.audited()]
    assert notes[:3] == [(f"mapping.{word}", NAME) for word in ("deleted", "disabled", "changed")]


async def test_of_two_who_change_one_at_once_the_second_is_told(desk: Desk) -> None:
    read = (await desk.api.get(f"{AT}/mappings/Search")).json()
    seen = {member: read[member] for member in ("name", "trigger", "action", "fields", "enabled", "revision")}
    assert (await desk.api.put(f"{AT}/mappings/Contact", json={**NEW, "name": "Contact"})).status_code == 200
    assert (await desk.api.put(f"{AT}/mappings/Search", json={**seen, "trigger": 'event = "A"'})).status_code == 200
    late = await desk.api.put(f"{AT}/mappings/Search", json={**seen, "trigger": 'event = "B"'})
    assert (late.status_code, late.json()["code"]) == (409, "outdated")
    assert "Search" in late.json()["detail"]
    kept = (await desk.api.get(f"{AT}/mappings/Search")).json()
    assert kept["trigger"] == 'event = "A"'
    again = {**seen, "trigger": 'event = "B"', "revision": kept["revision"]}
    assert (await desk.api.put(f"{AT}/mappings/Search", json=again)).status_code == 200
    assert "revision" not in desk.premises.configuration.destinations[0].mappings[7]  # type: ignore[index]


async def test_order(desk: Desk) -> None:
    former = await names(desk)
    assert (await desk.api.put(f"{AT}/mapping-order", json={"names": former[::-1]})).status_code == 200
    assert await names(desk) == former[::-1]
    wrong = await desk.api.put(f"{AT}/mapping-order", json={"names": former[1:]})
    assert wrong.status_code == 422
    assert await names(desk) == former[::-1]


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"name": " "}, "name"),
        ({"name": "Search"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"trigger": 'event = "x'}, "trigger"),
        ({"action": "fly"}, "action"),
        ({"fields": {"event": "Purchase", "value": "much"}}, "fields.value"),
        ({"fields": {"event": {"@pth": "$.x"}}}, "fields.event"),
        ({"fields": {}}, "fields.event"),
    ],
)
async def test_wrong_input_changes_nothing(desk: Desk, changed: dict[str, Any], where: str) -> None:
    answer = await desk.api.post(f"{AT}/mappings", json={**NEW, **changed})
    assert answer.status_code == 422, answer.text
    assert [problem["where"] for problem in answer.json()["problems"]] == [where]
    assert len(await names(desk)) == 15
    assert desk.premises.version == 1


async def test_fifty_are_the_most(desk: Desk) -> None:
    for number in range(35):
        assert (await desk.api.post(f"{AT}/mappings", json={**NEW, "name": f"m {number}"})).status_code == 201
    answer = await desk.api.post(f"{AT}/mappings", json={**NEW, "name": "one too many"})
    assert answer.status_code == 422
    assert "at most 50 mappings" in answer.json()["problems"][0]["what"]
    assert len(await names(desk)) == 50


async def test_presets_are_restored(desk: Desk) -> None:
    await desk.api.delete(f"{AT}/mappings/Search")
    await desk.api.delete(f"{AT}/mappings/Contact")
    await desk.api.put(f"{AT}/mappings/Download", json={**NEW, "name": "Download"})
    found = (await desk.api.get(f"{AT}/mappings")).json()
    assert found["missing"] == ["Contact", "Search"]
    assert next(one for one in found["mappings"] if one["name"] == "Download")["origin"] == "changed"
    assert (await desk.api.post(f"{AT}/presets", json={})).status_code == 200
    assert (await desk.api.post(f"{AT}/presets", json={"names": ["Download"]})).status_code == 200
    found = (await desk.api.get(f"{AT}/mappings")).json()
    assert found["missing"] == []
    assert {one["origin"] for one in found["mappings"]} == {"preset"}
    assert (await desk.api.post(f"{AT}/presets", json={"names": ["Nothing"]})).status_code == 404


async def test_a_pack_is_switched_after_its_diff(desk: Desk) -> None:
    await desk.api.post(f"{AT}/mappings", json=NEW)
    difference = (await desk.api.get(f"{AT}/packs/purchase-2025/diff")).json()
    seen = {(change["action"], change["where"]) for change in difference["changes"]}
    assert ("removed", "mappings['Complete Payment']") in seen
    assert ("added", "mappings['Purchase']") in seen
    assert not any("Registration'" in where and "Complete" not in where for _, where in seen)
    assert (await desk.api.put(f"{AT}/packs/purchase-2025", json={})).status_code == 200
    found = (await desk.api.get(f"{AT}/mappings")).json()
    assert found["pack"] == "purchase-2025"
    assert found["mappings"][-1]["name"] == "Registration"
    assert {one["origin"] for one in found["mappings"][:-1]} == {"preset"}
    assert (await desk.api.put(f"{AT}/packs/purchase-2025", json={"keep_own": False})).status_code == 200
    assert (await desk.api.get(f"{AT}/mappings")).json()["on_presets"]
    assert (await desk.api.get(f"{AT}/packs/nothing/diff")).status_code == 404
    assert (await desk.api.put(f"{AT}/packs/nothing", json={})).status_code == 404


async def test_the_actions_and_their_fields(desk: Desk) -> None:
    (action,) = (await desk.api.get(f"{AT}/actions")).json()
    assert (action["key"], action["title"], action["naming"]) == ("reportWebEvent", "Report Web Event", "event")
    fields = {field["key"]: field for field in action["fields"] if not field["part_of"]}
    assert fields["email"]["hashed"]
    assert fields["event"]["required"]
    assert fields["search_string"]["shown"] == {"event": ["Search"]}
    assert {"name": "Purchase", "note": ""} in action["names"]
    assert {"name": "CompletePayment", "note": "legacy: now Purchase"} in action["names"]


async def test_a_preview(desk: Desk) -> None:
    answer = await desk.api.post(f"{AT}/preview", json={"mapping": NEW, "event": EVENT})
    found = answer.json()
    assert answer.status_code == 200, answer.text
    assert (found["matched"], found["status"], found["problems"]) == (True, "mapped", [])
    assert [(one["text"], one["matched"]) for one in found["clauses"]] == [
        ('type = "track"', True),
        ('event = "Signed Up"', True),
    ]
    email = next(one for one in found["fields"] if one["where"] == "email")
    assert (email["label"], email["value"], email["origin"]) == ("Email", "ada@example.com", "$.traits.email")
    assert found["request"]["event_source_id"] == "C1234567890ABCDEFGH"
    assert found["request"]["data"] == [found["row"]]
    assert TOKEN not in answer.text


async def test_a_preview_of_an_event_that_the_trigger_does_not_take(desk: Desk) -> None:
    found = (await desk.api.post(f"{AT}/preview", json={"mapping": NEW, "event": {**EVENT, "event": "X"}})).json()
    assert found["matched"] is False
    assert found["row"]["event"] == "CompleteRegistration"


async def test_a_preview_tells_what_is_wrong(desk: Desk) -> None:
    wrong = {**NEW, "trigger": "event", "fields": {"event": {"@pth": 1}}}
    found = (await desk.api.post(f"{AT}/preview", json={"mapping": wrong, "event": EVENT})).json()
    assert {one["where"] for one in found["problems"]} == {"trigger", "fields.event"}


async def test_a_preview_of_a_stored_event_hides_the_person(desk: Desk) -> None:
    await desk.store.append([msgspec.json.encode(EVENT)], ["m-1"], [("web", 1)])
    body = {"mapping": NEW, "ref": "1-0"}
    answer = await desk.api.post(f"{AT}/preview", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["masked"]
    assert answer.json()["row"]["event"] == "CompleteRegistration"
    assert "ada@" not in answer.text
    shown = await desk.api.post(f"{AT}/preview", json={**body, "reveal": True})
    assert "ada@example.com" in shown.text
    assert (await desk.audited())[0]["action"] == "event.revealed"
    viewer = await desk.as_role("viewer")
    assert (await viewer.api.post(f"{AT}/preview", json=body)).status_code == 200
    assert (await viewer.api.post(f"{AT}/preview", json={**body, "reveal": True})).status_code == 403
    for ref in ("9-9", "1-5", "x", "1-", "99999999999999999999-0"):
        assert (await desk.api.post(f"{AT}/preview", json={**body, "ref": ref})).status_code == 404


async def test_triggers_both_ways(desk: Desk) -> None:
    text = 'type = "track" and (event = "a" or contains(event, "b"))'
    found = (await desk.api.post("/triggers/tree", json={"trigger": text})).json()
    assert found["tree"]["operator"] == "and"
    back = (await desk.api.post("/triggers/text", json={"tree": found["tree"]})).json()
    assert back["trigger"] == text
    assert (await desk.api.post("/triggers/tree", json={"trigger": "event"})).status_code == 422
    condition = {"what": "property", "operator": "greater", "path": "total", "value": "x"}
    tree = {"operator": "and", "groups": [{"operator": "and", "conditions": [condition]}]}
    wrong = await desk.api.post("/triggers/text", json={"tree": tree})
    assert wrong.status_code == 422
    assert wrong.json()["problems"][0]["where"] == "groups[0].conditions[0].value"


@pytest.mark.parametrize(
    ("name", "known", "codes"),
    [
        ("Purchase", True, []),
        ("CompletePayment", True, ["name_renamed"]),
        ("PlaceAnOrder", True, ["name_retiring"]),
        ("purchase", False, ["name_misspelt"]),
        ("my event!", False, ["name_characters"]),
        ("my_event", False, []),
        ("", False, ["name_empty"]),
    ],
)
async def test_names(desk: Desk, name: str, known: bool, codes: list[str]) -> None:
    body = {"kind": "tiktok-conversions", "name": name}
    found = (await desk.api.post("/mappings/event-name", json=body)).json()
    assert found["known"] is known
    assert [remark["code"] for remark in found["remarks"]] == codes


async def test_names_of_offline_events(desk: Desk) -> None:
    body = {"kind": "tiktok-offline-conversions", "name": "my_event"}
    found = (await desk.api.post("/mappings/event-name", json=body)).json()
    assert [remark["code"] for remark in found["remarks"]] == ["name_custom_offline"]


async def test_viewers_change_nothing(desk: Desk) -> None:
    viewer = await desk.as_role("viewer")
    assert (await viewer.api.get(f"{AT}/mappings")).status_code == 200
    answers = [
        await viewer.api.post(f"{AT}/mappings", json=NEW),
        await viewer.api.put(f"{AT}/mappings/Search", json=NEW),
        await viewer.api.patch(f"{AT}/mappings/Search", json={"enabled": False}),
        await viewer.api.delete(f"{AT}/mappings/Search"),
        await viewer.api.put(f"{AT}/mapping-order", json={"names": []}),
        await viewer.api.post(f"{AT}/presets", json={}),
        await viewer.api.put(f"{AT}/packs/purchase-2025", json={}),
        await viewer.api.post(f"{AT}/mapping-import", json={"content": {}}),
        await viewer.api.post("/import", json={"content": {}}),
        await viewer.api.post(f"{AT}/send-test", json={"mapping": NEW, "event": EVENT, "test_event_code": "T"}),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert desk.premises.version == 1


async def test_a_file_that_manages_the_configuration(tmp_path: Path) -> None:
    managed = configuration()
    managed.managed_by = "shop.yaml"
    async with console(tmp_path, managed) as desk:
        assert (await desk.api.get(f"{AT}/mappings")).json()["managed_by"] == "shop.yaml"
        assert (await desk.api.post(f"{AT}/mappings", json=NEW)).status_code == 409


async def test_the_import_of_mappings(desk: Desk) -> None:
    exported = {
        "data": {
            "subscriptions": [
                {
                    "id": "s1",
                    "name": "Search",
                    "actionId": "abc",
                    "actionSlug": "reportWebEvent",
                    "destinationId": "d",
                    "enabled": False,
                    "trigger": 'event = "Products Searched"',
                    "settings": {"event": "Search", "query": {"@path": "$.properties.q"}},
                    "colour": "red",
                }
            ]
        }
    }
    tried = await desk.api.post(f"{AT}/mapping-import", json={"content": exported, "dry_run": True})
    assert tried.json()["version"] == 0
    assert len(await names(desk)) == 15
    found = (await desk.api.post(f"{AT}/mapping-import", json={"content": exported})).json()
    assert found["mappings"] == ["Search 2"]
    assert "data.subscriptions[0].colour" in [remark["where"] for remark in found["remarks"]]
    one = (await desk.api.get(f"{AT}/mappings/Search%202")).json()
    assert one["fields"]["query"] == {"@path": "$.properties.q"}
    assert not one["enabled"]
    wrong: list[Any] = [{}, [], "no json", 5, None, {"subscriptions": []}, {"trigger": "x", "settings": 5}]
    for content in wrong:
        answer = await desk.api.post(f"{AT}/mapping-import", json={"content": content})
        assert answer.status_code == 422, content
        assert answer.json()["problems"][0]["where"].startswith("content")


async def test_a_dry_run_of_an_import_finds_what_the_import_would(desk: Desk) -> None:
    fields = {"event": "Contact"}
    many = [{"name": f"{number}", "trigger": 'event = "A"', "settings": fields} for number in range(36)]
    for dry_run in (True, False):
        answer = await desk.api.post(f"{AT}/mapping-import", json={"content": many, "dry_run": dry_run})
        assert (answer.status_code, answer.json()["problems"][0]["where"]) == (422, "mappings")
    taken = {"kind": "tiktok-conversions", "name": NAME, "content": {"settings": {"pixelCode": "C1234567890ABCDEFGH"}}}
    found = (await desk.api.post("/import", json={**taken, "dry_run": True})).json()
    assert (found["destination"], found["version"]) == (f"{NAME} 2", 0)
    assert "mappings" in [remark["where"] for remark in found["remarks"]]  # it has none, and runs on presets
    assert desk.premises.version == 1


async def test_the_import_of_a_destination(desk: Desk) -> None:
    exported = {
        "data": {
            "destination": {
                "id": "d",
                "name": "TikTok US",
                "enabled": True,
                "metadata": {"slug": "actions-tiktok-conversions", "actions": [{"id": "a1", "slug": "reportWebEvent"}]},
                "settings": {"pixelCode": "C1234567890ABCDEFGH", "accessToken": "••••", "odd": 1},
                "subscriptions": [
                    {"name": "One", "actionId": "a1", "trigger": 'type = "page"', "settings": {"event": "Pageview"}}
                ],
            }
        }
    }
    found = (await desk.api.post("/import", json={"content": exported})).json()
    assert found["destination"] == "TikTok US"
    assert found["mappings"] == ["One"]
    places = [remark["where"] for remark in found["remarks"]]
    assert "data.destination.settings.odd" in places
    assert "data.destination.settings.accessToken" in places
    await desk.premises.refresh()
    entry = desk.premises.configuration.destinations[-1]
    assert (entry.name, entry.kind, entry.enabled) == ("TikTok US", "tiktok-conversions", False)
    assert entry.settings == {"pixelCode": "C1234567890ABCDEFGH"}
    unknown = await desk.api.post("/import", json={"content": {"name": "x"}})
    assert unknown.json()["problems"][0]["where"] == "kind"
