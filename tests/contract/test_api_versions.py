"""Versions over the management API: listed, compared, rolled back and exported."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest_asyncio
from tests.contract.console import Desk, console

from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.configuration.keyring import Keyring
from tockwork.configuration.versions import Versions
from tockwork.model.secret import Secret
from tockwork.store.control import Control

TOKEN: Final = "secret-token-0123456789"
OTHER: Final = "other-token-0123456789"


def configuration(code: str = "C1234567890ABCDEFGH", token: str = TOKEN) -> Configuration:
    return Configuration(
        sources=[SourceEntry("web", "key-1")],
        destinations=[
            DestinationEntry("tiktok-conversions", "shop", settings={"pixelCode": code, "accessToken": Secret(token)})
        ],
    )


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with console(tmp_path, configuration()) as desk:
        await desk.premises.versions.keep(configuration("C1234567890ABCDEFGX", OTHER), by="Ada", note="another pixel")
        yield desk


async def test_the_list(desk: Desk) -> None:
    found = (await desk.api.get("/versions")).json()
    assert [(one["number"], one["by"], one["note"], one["newest"]) for one in found["versions"]] == [
        (2, "Ada", "another pixel", True),
        (1, "", "", False),
    ]
    first = (await desk.api.get("/versions", params={"limit": 1})).json()
    assert (len(first["versions"]), first["more"]) == (1, True)
    rest = (await desk.api.get("/versions", params={"before": 2})).json()
    assert [one["number"] for one in rest["versions"]] == [1]
    assert (await desk.api.get("/versions", params={"limit": 0})).status_code == 400


async def test_one(desk: Desk) -> None:
    answer = await desk.api.get("/versions/2")
    found = answer.json()
    assert found["before"] == 1
    assert found["since"] == []
    seen = {(one["where"], one["before"], one["after"], one["secret"]) for one in found["changes"]}
    assert seen == {
        ("settings.pixelCode", "C1234567890ABCDEFGH", "C1234567890ABCDEFGX", False),
        ("settings.accessToken", "(secret)", "(secret)", True),
    }
    first = await desk.api.get("/versions/1")
    assert [(one["action"], one["of"], one["name"]) for one in first.json()["changes"]] == [
        ("added", "source", "web"),
        ("added", "destination", "shop"),
    ]
    assert len(first.json()["since"]) == 2
    for text in (answer.text, first.text):
        assert TOKEN not in text
        assert OTHER not in text
        assert "key-1" not in text
    for number in ("0", "3", "-1", "99999999999999999999"):
        assert (await desk.api.get(f"/versions/{number}")).status_code == 404, number


async def test_any_two(desk: Desk) -> None:
    there = (await desk.api.get("/versions/1/diff/2")).json()["changes"]
    back = (await desk.api.get("/versions/2/diff/1")).json()["changes"]
    assert [one["before"] for one in there] == [one["after"] for one in back]
    assert (await desk.api.get("/versions/1/diff/7")).status_code == 404


async def test_what_was_changed_of_presets_is_told_one_by_one(desk: Desk) -> None:
    """The first change of a preset makes all of them the destination's own; nobody wants to read them all."""
    for path, body in (("mappings/Search", {"enabled": False}), ("mappings/Contact", {"enabled": False})):
        assert (await desk.api.patch(f"/destinations/shop/{path}", json=body)).status_code == 200
    first = (await desk.api.get("/versions/3")).json()["changes"]
    assert [(one["mapping"], one["member"], one["after"]) for one in first] == [("Search", "enabled", False)]
    back = await desk.api.put("/destinations/shop/packs/segment-2026", json={"keep_own": False})
    assert back.status_code == 200
    dropped = (await desk.api.get("/versions/5")).json()["changes"]
    assert sorted((one["mapping"], one["member"]) for one in dropped if one["mapping"]) == [
        ("Contact", "enabled"),
        ("Search", "enabled"),
    ]


async def test_rolling_back(desk: Desk) -> None:
    answer = await desk.api.post("/versions/1/restore")
    assert answer.json() == {"version": 3, "lost": []}
    await desk.premises.refresh()
    assert desk.premises.configuration == configuration()
    newest = (await desk.api.get("/versions")).json()["versions"][0]
    assert (newest["by"], newest["note"]) == ("Olive Owner", "rolled back to version 1")
    assert (await desk.audited())[0]["action"] == "version.restored"
    assert (await desk.api.post("/versions/9/restore")).status_code == 404
    viewer = await desk.as_role("viewer")
    assert (await viewer.api.post("/versions/1/restore")).status_code == 403
    assert (await viewer.api.get("/versions/1")).status_code == 200


async def test_a_secret_that_cannot_be_opened_stays_as_it_is(desk: Desk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    stranger = Versions(Control(desk.store.database), Keyring.load(elsewhere, {}))
    sealed = await stranger.keep(configuration("C1234567890ABCDEFGZ"))
    await desk.premises.versions.keep(configuration(token=OTHER))
    answer = await desk.api.post(f"/versions/{sealed}/restore")
    assert answer.json()["lost"] == []
    await desk.premises.refresh()
    settings = desk.premises.configuration.destinations[0].settings
    assert settings["pixelCode"] == "C1234567890ABCDEFGZ"
    assert settings["accessToken"].reveal() == OTHER


async def test_the_export(desk: Desk) -> None:
    answer = await desk.api.get("/versions/1/export")
    assert answer.headers["content-type"].startswith("application/yaml")
    assert "${SHOP_ACCESS_TOKEN}" in answer.text
    assert TOKEN not in answer.text
    assert (await desk.api.get("/versions/5/export")).status_code == 404
