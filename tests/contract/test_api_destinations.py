"""The catalog and connected destinations over the management API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from tests.contract.console import Desk, console

from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.model.names import segment
from tockwork.model.secret import Secret
from tockwork.operations.settings import Settings
from tockwork.sandbox.server import Sandbox
from tockwork.sandbox.tokens import Tokens

TOKEN: Final = "secret-token-0123456789"
PIXEL: Final = "C4ABCDEFGHIJKLMNOPQR"
NAME: Final = "TikTok/EU ü"
AT: Final = f"/destinations/{segment(NAME)}"
NEW: Final[dict[str, Any]] = {
    "kind": "tiktok-conversions",
    "name": NAME,
    "sources": ["web"],
    "settings": {"accessToken": TOKEN, "pixelCode": PIXEL},
}


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox("documented", tokens=Tokens(revoked=frozenset({"revoked"}))).serve() as sandbox:
        yield sandbox


@pytest_asyncio.fixture
async def desk(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Desk]:
    configuration = Configuration(sources=[SourceEntry("web", "key-1", "browser")])
    settings = Settings(data=tmp_path, tiktok_url=sandbox.url)
    async with console(tmp_path, configuration, settings=settings) as desk:
        yield desk


async def version(desk: Desk) -> int:
    return await desk.premises.versions.latest()


# The catalog


@pytest.mark.parametrize(
    ("search", "first", "number"),
    [
        ("TikTok Conversions", "TikTok Conversions", 3),
        ("tiktok pixel", "TikTok Pixel", 1),
        ("Tiktok Offline Conversions (Actions)", "TikTok Offline Conversions", 1),
        ("TikTok Conversions API", "TikTok Conversions", 3),
        ("chord", "Chord TikTok Conversions", 1),
        ("", "TikTok Conversions", 4),
    ],
)
async def test_the_catalog_finds_what_people_search_for(desk: Desk, search: str, first: str, number: int) -> None:
    cards = (await desk.api.get("/catalog", params={"search": search})).json()
    assert (cards[0]["title"], len(cards)) == (first, number)


async def test_the_catalog_finds_nothing_of_other_things(desk: Desk) -> None:
    assert (await desk.api.get("/catalog", params={"search": "zebra"})).json() == []


@pytest.mark.parametrize("kind", DESTINATIONS)
async def test_a_kind_tells_all_that_its_declaration_says(desk: Desk, kind: str) -> None:
    told = (await desk.api.get(f"/catalog/{kind}")).json()
    declared = DESTINATIONS[kind]
    assert [one["key"] for one in told["settings"]] == [setting.key for setting in declared.settings]
    assert [one["name"] for one in told["packs"]] == list(declared.packs)
    assert [one["name"] for one in told["packs"] if one["is_default"]] == [declared.default_pack]
    assert [one["key"] for one in told["actions"]] == [action.key for action in declared.actions]
    for action in told["actions"]:
        assert all(one["label"] and one["help"] for one in action["fields"])


async def test_two_packs_are_compared_trigger_by_trigger(desk: Desk) -> None:
    path = "/catalog/tiktok-conversions/differences"
    found = (await desk.api.get(path, params={"before": "segment-2026", "after": "purchase-2025"})).json()
    renamed = {one["before"]["event"]: one["after"]["event"] for one in found if one["before"] and one["after"]}
    assert renamed["CompletePayment"] == "Purchase"
    assert (await desk.api.get(path, params={"before": "segment-2026", "after": "nope"})).status_code == 404


# Connecting


async def test_a_destination_is_connected_and_its_token_never_shown(desk: Desk) -> None:
    made = await desk.api.post("/destinations", json=NEW)
    assert made.status_code == 201
    told = made.json()
    assert told["settings"] == {"pixelCode": PIXEL, "accessToken": {"set": True}}
    assert (told["sources"], told["preset_pack"], told["presets"]) == (["web"], "segment-2026", True)
    assert told["state"]["condition"] == "open"
    for path in ("/destinations", AT, f"{AT}/findings", "/audit", "/versions"):
        assert TOKEN not in (await desk.api.get(path)).text
    entry = desk.premises.configuration.destinations[0]
    assert entry.settings["accessToken"] == Secret(TOKEN)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"kind": "tiktok-carrier-pigeon"}, "kind"),
        ({"settings": {}}, "settings.pixelCode"),
        ({"settings": {"pixelCode": PIXEL, "timezone": "Mars/Olympus"}}, "settings.timezone"),
        ({"settings": {"pixelCode": PIXEL, "colour": "red"}}, "settings.colour"),
        ({"sources": ["nobody"]}, "sources[0]"),
        ({"sources": []}, "sources"),
        ({"preset_pack": "segment-1999"}, "preset_pack"),
        ({"pixel": {"colour": "red"}}, "pixel.colour"),
        ({"pixel": {}, "sandbox": True}, "pixel"),
        ({"name": "x" * 101}, "name"),
    ],
)
async def test_what_is_wrong_is_told_at_its_place_and_nothing_changes(
    desk: Desk, wrong: dict[str, Any], place: str
) -> None:
    before = await version(desk)
    answer = await desk.api.post("/destinations", json={**NEW, **wrong})
    assert answer.status_code == 422
    assert [one["where"] for one in answer.json()["problems"]] == [place]
    assert TOKEN not in answer.text
    assert await version(desk) == before


async def test_a_nameless_one_is_called_by_its_title(desk: Desk) -> None:
    made = await desk.api.post("/destinations", json={**NEW, "name": ""})
    assert made.json()["name"] == "TikTok Conversions"


async def test_an_empty_secret_stays_as_it_is(desk: Desk) -> None:
    await desk.api.post("/destinations", json=NEW)
    for kept in ("", {"set": True}):
        changed = await desk.api.patch(AT, json={"settings": {"accessToken": kept, "timezone": "Europe/Berlin"}})
        assert changed.json()["settings"]["accessToken"] == {"set": True}
    settings = desk.premises.configuration.destinations[0].settings
    assert (settings["accessToken"], settings["timezone"]) == (Secret(TOKEN), "Europe/Berlin")
    changed = await desk.api.patch(AT, json={"settings": {"accessToken": None, "timezone": None}})
    assert changed.json()["settings"] == {"pixelCode": PIXEL, "accessToken": {"set": False}}


async def test_a_pack_takes_the_place_of_presets_but_not_of_own_mappings(desk: Desk) -> None:
    await desk.api.post("/destinations", json=NEW)
    changed = await desk.api.patch(AT, json={"preset_pack": "purchase-2025"})
    assert (changed.json()["preset_pack"], changed.json()["mappings"]) == ("purchase-2025", 13)
    mapping = {"name": "Own", "trigger": 'event = "X"', "action": "reportWebEvent", "fields": {"event": "Purchase"}}
    assert (await desk.api.post(f"{AT}/mappings", json=mapping)).status_code == 201
    refused = await desk.api.patch(AT, json={"preset_pack": "segment-2026"})
    assert (refused.status_code, refused.json()["code"]) == (409, "own_mappings")
    changed = await desk.api.patch(AT, json={"preset_pack": "segment-2026", "discard_mappings": True})
    assert (changed.json()["presets"], changed.json()["mappings"]) == (True, 15)


async def test_of_two_who_change_one_at_once_the_second_is_told(desk: Desk) -> None:
    seen = (await desk.api.post("/destinations", json=NEW)).json()["revision"]
    first = await desk.api.patch(AT, json={"enabled": False, "revision": seen})
    assert first.status_code == 200, first.text
    late = await desk.api.patch(AT, json={"settings": {"test_event_code": "TEST1"}, "revision": seen})
    assert (late.status_code, late.json()["code"]) == (409, "outdated")
    assert "test_event_code" not in (await desk.api.get(AT)).json()["settings"]
    assert (await desk.api.patch(AT, json={"enabled": True, "revision": first.json()["revision"]})).status_code == 200
    assert [note["detail"] for note in (await desk.audited())[:2]] == [{"members": ["enabled"]}] * 2


async def test_a_pair_comes_and_goes_with_its_switch(desk: Desk) -> None:
    made = await desk.api.post("/destinations", json={**NEW, "pixel": {"autoPageView": False}})
    assert (made.json()["pixel"], made.json()["pixel_name"]) == ({"autoPageView": False}, f"{NAME} pixel")
    legs = desk.premises.configuration.legs
    assert [leg.sources for leg in legs] == [["web"], ["web"]]
    assert (await desk.api.patch(AT, json={"pixel": None})).json()["pixel"] is None


async def test_it_is_switched_off_and_removed(desk: Desk) -> None:
    await desk.api.post("/destinations", json=NEW)
    assert (await desk.api.patch(AT, json={"enabled": False})).json()["enabled"] is False
    assert (await desk.api.delete(AT)).status_code == 204
    assert (await desk.api.get(AT)).status_code == 404
    actions = [(note["action"], note["about"]) for note in await desk.audited()]
    assert actions[:3] == [("destination.removed", NAME), ("destination.changed", NAME), ("destination.added", NAME)]


async def test_viewers_change_nothing(desk: Desk) -> None:
    await desk.api.post("/destinations", json=NEW)
    viewer = await desk.as_role("viewer")
    assert (await viewer.api.get(AT)).status_code == 200
    for answer in (
        await viewer.api.post("/destinations", json={**NEW, "name": "other"}),
        await viewer.api.patch(AT, json={"enabled": False}),
        await viewer.api.delete(AT),
        await viewer.api.post(f"{AT}/test", json={"test_event_code": "T"}),
    ):
        assert answer.status_code == 403


# A test event code that is set


async def test_a_test_event_code_is_told_with_the_time_since_which_it_is_set(desk: Desk) -> None:
    await desk.api.post("/destinations", json=NEW)
    assert (await desk.api.get(AT)).json()["test_codes"] == []
    await desk.api.patch(AT, json={"settings": {"test_event_code": "TEST1"}})
    (first,) = (await desk.api.get(AT)).json()["test_codes"]
    assert (first["where"], first["code"], first["mapping"]) == ("settings.test_event_code", "TEST1", "")
    made = (await desk.premises.control.made(1))[0]
    assert first["since"] == made.at
    await desk.api.patch(AT, json={"settings": {"timezone": "Europe/Berlin"}})
    assert (await desk.api.get(AT)).json()["test_codes"] == [first]
    await desk.api.patch(AT, json={"settings": {"test_event_code": "TEST2"}})
    (second,) = (await desk.api.get(AT)).json()["test_codes"]
    assert second["since"] > first["since"]


async def test_a_mapping_with_a_test_event_code_is_told_too(desk: Desk) -> None:
    mapping = {"name": "Own", "trigger": 'event = "X"', "action": "reportWebEvent"}
    fields = {"event": "Purchase", "test_event_code": "TEST9"}
    await desk.api.post("/destinations", json=NEW)
    await desk.api.post(f"{AT}/mappings", json={**mapping, "fields": fields})
    (told,) = (await desk.api.get(AT)).json()["test_codes"]
    assert (told["mapping"], told["code"]) == ("Own", "TEST9")


# Whether it works


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("tiktok-conversions", {"pixelCode": PIXEL}),
        ("tiktok-offline-conversions", {"eventSetID": "7123456789012345678"}),
        ("chord-tiktok-conversions", {"pixelCode": PIXEL}),
    ],
)
async def test_a_connection_is_tried_with_a_real_test_event(
    desk: Desk, sandbox: Sandbox, kind: str, settings: dict[str, Any]
) -> None:
    await desk.api.post("/destinations", json={**NEW, "kind": kind, "settings": {"accessToken": TOKEN, **settings}})
    tested = (await desk.api.post(f"{AT}/test", json={"test_event_code": "TEST7"})).json()
    assert (tested["works"], tested["tried"]["code"], tested["tried"]["verdict"]) == (True, 0, "delivered")
    assert [finding["level"] for finding in tested["findings"]] == ["ok"]
    assert tested["tried"]["request"]["test_event_code"] == "TEST7"
    assert len(tested["tried"]["request"]["data"]) == 1
    assert TOKEN not in str(tested)


async def test_without_a_test_event_code_nothing_is_sent(desk: Desk) -> None:
    await desk.api.post("/destinations", json=NEW)
    refused = await desk.api.post(f"{AT}/test", json={})
    assert refused.status_code == 422
    assert [one["where"] for one in refused.json()["problems"]] == ["test_event_code"]


async def test_without_a_token_it_says_what_is_missing(desk: Desk) -> None:
    await desk.api.post("/destinations", json={**NEW, "settings": {"pixelCode": PIXEL}})
    refused = await desk.api.post(f"{AT}/test", json={"test_event_code": "T1"})
    assert (refused.status_code, refused.json()["code"]) == (409, "no_token")


async def test_a_refused_token_is_explained(desk: Desk, sandbox: Sandbox) -> None:
    settings = {"pixelCode": PIXEL, "accessToken": "revoked"}
    await desk.api.post("/destinations", json={**NEW, "settings": settings})
    tested = (await desk.api.post(f"{AT}/test", json={"test_event_code": "T1"})).json()
    assert tested["works"] is False
    assert tested["findings"][0]["level"] == "error"
    assert tested["tried"]["meaning"]
    assert tested["tried"]["mend"]


async def test_one_of_the_browser_s_is_not_tried_here(desk: Desk) -> None:
    pixel = {"kind": "tiktok-pixel", "name": "pixel", "settings": {"pixelCode": PIXEL}}
    assert (await desk.api.post("/destinations", json=pixel)).json()["state"] is None
    refused = await desk.api.post("/destinations/pixel/test", json={"test_event_code": "T1"})
    assert refused.status_code == 422
    assert "browser" in refused.json()["detail"]


async def test_a_second_server_destination_on_one_pixel_is_told_at_both(desk: Desk) -> None:
    await desk.api.post("/destinations", json=NEW)
    await desk.api.post("/destinations", json={**NEW, "kind": "chord-tiktok-conversions", "name": "chord"})
    for path in (AT, "/destinations/chord"):
        found = (await desk.api.get(f"{path}/findings")).json()
        (warning,) = [one for one in found if one["level"] == "warning"]
        assert "same pixel" in warning["what"]


async def test_the_doctor_asks_the_platform_only_when_told_to(desk: Desk, sandbox: Sandbox) -> None:
    await desk.api.post("/destinations", json=NEW)
    offline = (await desk.api.get("/findings")).json()
    assert not any("access token" in one["where"] for one in offline)
    asked = (await desk.api.get("/findings", params={"ask": "true"})).json()
    assert [one["level"] for one in asked if "access token" in one["where"]] == ["ok"]


async def test_a_file_that_manages_destinations_is_told_and_obeyed(tmp_path: Path) -> None:
    entry = DestinationEntry("tiktok-conversions", "tiktok", settings={"pixelCode": PIXEL})
    async with console(tmp_path, Configuration(destinations=[entry], managed_by="shop.yaml")) as desk:
        assert (await desk.api.get("/destinations")).json()[0]["managed_by"] == "shop.yaml"
        for answer in (
            await desk.api.post("/destinations", json={**NEW, "sources": None}),
            await desk.api.patch("/destinations/tiktok", json={"enabled": False}),
            await desk.api.delete("/destinations/tiktok"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "managed_by_file")
