"""The pages about privacy: what they show, what they keep of a form that was wrong, and who sees what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.console import Desk, console

from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.store.suppression import Suppression

ANN = "ann.planted@shop.example"
PIXEL = "C8E2OS3C77UABCDXYZ00"
FIELDS = "/privacy/fields/TikTok~1EU"
PAGES = (
    "/privacy",
    "/privacy/suppression",
    "/privacy/deletions",
    "/privacy/fields",
    FIELDS,
    "/privacy/hashed",
)


def configuration(managed_by: str | None = None) -> Configuration:
    server = DestinationEntry("tiktok-conversions", "TikTok/EU", settings={"pixelCode": PIXEL, "accessToken": "t"})
    return Configuration([SourceEntry("shop", "k")], [server], managed_by=managed_by)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with console(tmp_path, configuration()) as found:
        yield found


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there_for_everybody_who_is_signed_in(desk: Desk, path: str) -> None:
    assert (await desk.pages.get(path)).status_code == 200
    viewer = await (await desk.as_role("viewer")).pages.get(path)
    assert viewer.status_code == 200
    assert "btn-primary" not in viewer.text
    assert "btn-danger" not in viewer.text
    assert (await desk.stranger().pages.get(path)).status_code == 303


@pytest.mark.parametrize("path", PAGES)
async def test_pages_without_a_destination(tmp_path: Path, path: str) -> None:
    async with console(tmp_path) as desk:
        assert (await desk.pages.get(path)).status_code == (404 if path == FIELDS else 200)


async def test_somebody_is_put_on_the_list_and_taken_off(desk: Desk) -> None:
    done = await desk.submit("/privacy/suppression", people=f"{ANN}\r\n\r\n+14155550100", destination="TikTok/EU")
    assert (done.status_code, done.headers["location"]) == (303, "/privacy/suppression?added=2")
    page = (await desk.pages.get(done.headers["location"])).text
    assert "2 people are new on the list." in page
    assert "planted" not in page
    one, _ = await Suppression(desk.store.database).suppressed()
    mark = one.mark.hex()[:12]
    assert mark in page
    done = await desk.submit("/privacy/suppression/remove", mark=mark, destination="TikTok/EU")
    assert done.headers["location"] == "/privacy/suppression?removed=1"
    done = await desk.submit("/privacy/suppression/remove", released="+1 415 555 0100", destination="TikTok/EU")
    assert done.headers["location"] == "/privacy/suppression?removed=1"
    assert await Suppression(desk.store.database).suppressed() == []


async def test_a_wrong_line_is_named_and_what_was_typed_stays(desk: Desk) -> None:
    page = await desk.submit("/privacy/suppression", people=f"{ANN}\n\n+1555\n<b>x", destination="TikTok/EU")
    assert page.status_code == 422
    assert "Line 3 is blank, a placeholder, or no possible number." in page.text
    assert f"{ANN}\n\n+1555\n&lt;b&gt;x</textarea>" in page.text
    assert '<option value="TikTok/EU" selected>' in page.text
    page = await desk.submit("/privacy/suppression/remove", released="null")
    assert page.status_code == 422
    assert "Line 1 is blank" in page.text
    page = await desk.submit("/privacy/suppression", people="")
    assert page.status_code == 422
    assert "Name a person at least" in page.text
    assert await Suppression(desk.store.database).suppressed() == []


async def test_a_deletion_is_confirmed(desk: Desk) -> None:
    page = await desk.submit("/privacy/deletions", people=ANN)
    assert page.status_code == 422
    assert "Tick this first" in page.text
    assert ANN in page.text
    assert await Suppression(desk.store.database).tombstones() == []
    done = await desk.submit("/privacy/deletions", people=ANN, confirm="true")
    assert done.headers["location"] == "/privacy/deletions?asked=1"
    page = await desk.pages.get("/privacy/deletions")
    assert "being erased" in page.text
    part = await desk.pages.get("/privacy/deletions", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert "being erased" in part.text


async def test_consent_opt_outs_and_fields(desk: Desk) -> None:
    done = await desk.submit(
        FIELDS,
        categories="Advertising\nSocial",
        mode="any",
        missing="allow",
        opt_out="limit",
        listed="deny",
        field=["email", "ip"],
    )
    assert (done.status_code, done.headers["location"]) == (303, f"{FIELDS}?saved=true")
    page = (await desk.pages.get(FIELDS)).text
    assert "Advertising\nSocial</textarea>" in page
    for value in ("any", "allow", "limit", "deny"):
        assert f'<option value="{value}" selected>' in page
    for key in ("email", "ip"):
        assert f'value="{key}" checked' in page
    assert "all but email, ip" in (await desk.pages.get("/privacy/fields")).text
    await desk.submit(FIELDS, categories="", mode="all", missing="block", opt_out="ignore", listed="")
    assert desk.premises.configuration.destinations[0].privacy is None


async def test_a_wrong_list_is_told_and_what_was_ticked_stays(desk: Desk) -> None:
    page = await desk.submit(
        FIELDS, categories="A", mode="any", missing="allow", opt_out="block", listed="deny", field=["email", "event_id"]
    )
    assert page.status_code == 422
    assert "event_id cannot be kept back" in page.text
    assert 'value="email" checked' in page.text
    assert '<option value="block" selected>' in page.text
    assert "A</textarea>" in page.text
    assert desk.premises.version == 1


async def test_what_a_file_manages_is_only_shown(tmp_path: Path) -> None:
    async with console(tmp_path, configuration("shop.yaml")) as desk:
        page = (await desk.pages.get(FIELDS)).text
        assert "The file shop.yaml manages this configuration" in page
        assert "btn-primary" not in page
