"""The console's pages of sources, the catalog and destinations."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from tests.contract.console import Desk, console
from tests.contract.dead import shop

from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.model.names import segment
from tockwork.model.secret import Secret
from tockwork.operations.settings import Settings
from tockwork.sandbox.server import Sandbox

TOKEN: Final = "secret-token-0123456789"
PIXEL: Final = "C4ABCDEFGHIJKLMNOPQR"
NAME: Final = "TikTok <b>/EU"
AT: Final = f"/destinations/{segment(NAME)}"
FORM: Final = "/catalog/tiktok-conversions/configure"
TYPED: Final[dict[str, Any]] = {
    "name": NAME,
    "sources": ["web"],
    "settings.accessToken": TOKEN,
    "settings.pixelCode": PIXEL,
    "settings.default_region": "DE",
    "settings.timezone": "Europe/Berlin",
    "settings.event_id": "message-id",
    "settings.compute_value": "true",
    "preset_pack": "purchase-2025",
    "enabled": "true",
}
HX: Final = {"HX-Request": "true"}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    configuration = Configuration(sources=[SourceEntry("web", "key-1", "browser"), SourceEntry("backend", "key-2")])
    async with Sandbox("documented").serve() as sandbox:
        settings = Settings(data=tmp_path, tiktok_url=sandbox.url)
        async with console(tmp_path, configuration, settings=settings) as desk:
            yield desk


@pytest_asyncio.fixture
async def connected(desk: Desk) -> Desk:
    assert (await desk.submit(FORM, **TYPED)).status_code == 303
    return desk


def input_of(page: httpx.Response, name: str) -> str:
    """The tag of one input."""
    found = re.search(rf'<(?:input|select|textarea)[^>]*name="{re.escape(name)}"[^>]*>', page.text)
    assert found, name
    return found[0]


def error_of(page: httpx.Response, name: str) -> str:
    """What stands as a problem at one input."""
    found = re.search(rf'id="about-{re.escape(name)}">\s*<div class="invalid-feedback d-block">([^<]*)', page.text)
    return unescape(found[1]) if found else ""


# Sources


async def test_a_source_is_added_by_its_form(desk: Desk) -> None:
    answer = await desk.submit("/new-source", name="App/one", kind="server", enabled="true")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sources/App~1one?done=made")
    page = await desk.pages.get("/sources/App~1one")
    key = desk.premises.versions and (await desk.api.get("/sources/App~1one")).json()["write_key"]
    assert page.text.count(f'<code class="wrap" id="write-key">{key}</code>') == 1
    assert "@segment/analytics-node" in unescape(page.text)
    assert "App/one" in (await desk.pages.get("/sources")).text


@pytest.mark.parametrize("name", ["new", ".", "..", "~2", "a/../b"])
async def test_no_name_of_a_source_is_taken_for_another_page(desk: Desk, name: str) -> None:
    answer = await desk.submit("/new-source", name=name, kind="server", enabled="true")
    page = await desk.pages.get(answer.headers["location"])
    assert f'<h1 class="page-title">{name}</h1>' in page.text
    assert (await desk.submit(f"/sources/{segment(name)}/delete")).headers["location"] == "/sources"
    assert len((await desk.api.get("/sources")).json()["sources"]) == 2


async def test_a_wrong_source_is_told_at_the_field_and_keeps_what_was_typed(desk: Desk) -> None:
    page = await desk.submit("/new-source", name="", kind="server", allowed_origins="shop.example", cookie_domain="x")
    assert page.status_code == 422
    assert "expected 1 to 100 characters" in error_of(page, "name")
    assert "is no origin" in error_of(page, "allowed_origins")
    assert "is no domain" in error_of(page, "cookie_domain")
    assert ">shop.example</textarea>" in page.text
    assert "checked" not in input_of(page, "enabled")
    assert len((await desk.api.get("/sources")).json()["sources"]) == 2


@pytest.mark.parametrize(
    ("language", "word"),
    [
        ("script", "tockwork.js"),
        ("snippet", "analytics.min.js"),
        ("npm", "AnalyticsBrowser"),
        ("python", "segment.analytics.client"),
        ("node", "analytics-node"),
        ("curl", "curl "),
        ("<b>", "tockwork.js"),
    ],
)
async def test_each_language_has_a_snippet_to_copy(desk: Desk, language: str, word: str) -> None:
    page = await desk.pages.get("/sources/web", params={"language": language})
    (snippet,) = re.findall(r'<code id="snippet">(.*?)</code>', page.text, re.DOTALL)
    assert word in unescape(snippet)
    assert "key-1" in snippet
    assert 'data-copy="snippet"' in page.text


async def test_a_source_is_changed_rotated_and_deleted(desk: Desk) -> None:
    saved = await desk.submit(
        "/sources/backend", name="server", kind="server", allowed_origins="https://a.example\nhttps://b.example/"
    )
    assert saved.headers["location"] == "/sources/server?done=saved"
    told = (await desk.api.get("/sources/server")).json()
    assert (told["enabled"], told["allowed_origins"]) == (False, ["https://a.example", "https://b.example"])
    assert "new write key" in (await desk.pages.get("/sources/server/rotate")).text
    await desk.submit("/sources/server/rotate")
    assert (await desk.api.get("/sources/server")).json()["write_key"] != "key-2"
    assert (await desk.submit("/sources/server/delete")).headers["location"] == "/sources"
    assert (await desk.pages.get("/sources/server")).status_code == 404


async def test_a_wrong_change_of_a_source_keeps_what_was_typed(desk: Desk) -> None:
    page = await desk.submit("/sources/backend", name="web", kind="server", cookie_domain="a.b")
    assert page.status_code == 422
    assert "is taken" in error_of(page, "name")
    assert 'value="web"' in input_of(page, "name")
    assert (await desk.api.get("/sources/backend")).json()["cookie_domain"] == ""


async def test_the_only_source_of_a_destination_is_not_deleted(connected: Desk) -> None:
    page = await connected.submit("/sources/web/delete")
    assert page.status_code == 422
    assert "only source" in page.text


# The catalog


async def test_the_catalog_shows_all_and_what_was_searched_for(desk: Desk) -> None:
    page = await desk.pages.get("/catalog")
    assert all(f'href="/catalog/{kind}"' in page.text for kind in DESTINATIONS)
    part = await desk.pages.get("/catalog", params={"search": "pixel"}, headers=HX)
    assert re.findall(r'href="/catalog/([^"]+)"', part.text) == ["tiktok-pixel"]
    assert "<html" not in part.text


@pytest.mark.parametrize("kind", DESTINATIONS)
async def test_every_kind_has_its_page_and_its_form(desk: Desk, kind: str) -> None:
    declared = DESTINATIONS[kind]
    page = await desk.pages.get(f"/catalog/{kind}")
    assert f"/catalog/{kind}/configure" in page.text
    assert (declared.wording.begin or f"Configure {declared.title}") in page.text
    form = await desk.pages.get(f"/catalog/{kind}/configure")
    assert f"Configure {declared.title}" in form.text
    assert f'type="submit">{declared.wording.connect}</button>' in form.text
    for setting in declared.settings:
        input_of(form, f"settings.{setting.key}")
        assert all(step in unescape(form.text) for step in setting.steps)
    for pack in declared.packs:
        assert f'value="{pack}"' in form.text
    assert ('name="with_pixel"' in form.text) == bool(declared.pair)
    assert ('name="sandbox"' in form.text) == (declared.device is None)


async def test_the_form_says_what_differs_between_packs(desk: Desk) -> None:
    form = await desk.pages.get(FORM)
    assert "What differs from segment-2026" in form.text
    assert re.search(r"<td>CompletePayment</td><td>Purchase", form.text)


async def test_a_destination_is_connected_by_its_form(connected: Desk) -> None:
    entry = connected.premises.configuration.destinations[0]
    assert (entry.name, entry.sources, entry.preset_pack, entry.pixel) == (NAME, ["web"], "purchase-2025", None)
    assert entry.settings == {
        "accessToken": Secret(TOKEN),
        "pixelCode": PIXEL,
        "default_region": "DE",
        "timezone": "Europe/Berlin",
    }
    page = await connected.pages.get(f"{AT}?done=made")
    assert "It is connected" in page.text
    assert "<b>" not in page.text.partition("<main")[2]
    assert TOKEN not in page.text
    assert "never shown again" in page.text


async def test_a_wrong_destination_is_told_at_each_field_keeps_what_was_typed_and_changes_nothing(desk: Desk) -> None:
    before = await desk.premises.versions.latest()
    wrong = {
        **TYPED,
        "name": "x" * 101,
        "settings.pixelCode": "",
        "settings.timezone": "Mars/Olympus",
        "preset_pack": "segment-1999",
        "sources": ["backend", "nobody"],
        "with_pixel": "true",
        "sandbox": "true",
    }
    page = await desk.submit(FORM, **wrong)
    assert page.status_code == 422
    assert "expected 1 to 100" in error_of(page, "name")
    assert error_of(page, "settings.pixelCode") == "is required."
    assert "time zone" in error_of(page, "settings.timezone")
    assert "is no pack" in error_of(page, "preset_pack")
    assert "is no source" in error_of(page, "sources")
    assert f'value="{"x" * 101}"' in input_of(page, "name")
    assert 'value="Mars/Olympus"' in input_of(page, "settings.timezone")
    assert f'value="{TOKEN}"' in input_of(page, "settings.accessToken")
    assert 'type="password"' in input_of(page, "settings.accessToken")
    assert re.search(r'value="backend" checked', page.text)
    assert "checked" in input_of(page, "with_pixel")
    assert await desk.premises.versions.latest() == before


async def test_a_pair_in_the_sandbox_is_told_at_its_switch(desk: Desk) -> None:
    page = await desk.submit(FORM, **TYPED, with_pixel="true", sandbox="true")
    assert page.status_code == 422
    assert "cannot meet in the sandbox" in page.text


# Connected destinations


async def test_settings_are_saved_and_the_token_stays(connected: Desk) -> None:
    typed = {**TYPED, "settings.accessToken": "", "settings.timezone": "UTC", "sources": [], "with_pixel": "true"}
    del typed["enabled"]
    assert (await connected.submit(AT, **typed)).headers["location"] == f"{AT}?done=saved"
    await connected.premises.refresh()
    entry = connected.premises.configuration.destinations[0]
    assert (entry.enabled, entry.sources, entry.pixel is not None) == (False, None, True)
    assert entry.settings == {"accessToken": Secret(TOKEN), "pixelCode": PIXEL, "default_region": "DE"}


async def test_a_wrong_change_is_told_at_the_field_and_changes_nothing(connected: Desk) -> None:
    before = await connected.premises.versions.latest()
    page = await connected.submit(AT, **{**TYPED, "settings.default_region": "Germany", "settings.pixelCode": "C 4"})
    assert page.status_code == 422
    assert "two-letter country code" in error_of(page, "settings.default_region")
    assert 'value="Germany"' in input_of(page, "settings.default_region")
    assert await connected.premises.versions.latest() == before


async def test_a_change_that_another_crossed_is_told_and_kept(connected: Desk) -> None:
    def seen(page: httpx.Response) -> str:
        found = re.search(r'name="revision" value="(\w+)"', page.text)
        assert found
        return found[1]

    typed = {**TYPED, "settings.accessToken": "", "settings.default_region": "FR"}
    former = seen(await connected.pages.get(AT))
    theirs = {"settings": {"pixelCode": PIXEL, "default_region": "IT"}}
    assert (await connected.api.patch(AT, json=theirs)).status_code == 200
    before = await connected.premises.versions.latest()
    late = await connected.submit(AT, **typed, revision=former)
    assert (late.status_code, "Somebody else saved this while" in late.text) == (422, True)
    assert 'value="FR"' in input_of(late, "settings.default_region")
    assert await connected.premises.versions.latest() == before
    assert (await connected.submit(AT, **typed, revision=seen(late))).headers["location"] == f"{AT}?done=saved"


async def test_a_connection_is_tested_with_and_without_htmx(connected: Desk) -> None:
    whole = await connected.submit(f"{AT}/test", test_event_code="TEST1")
    assert whole.status_code == 200
    assert "It works." in whole.text
    assert "<html" in whole.text
    data = {"csrf": connected.csrf, "test_event_code": "TEST1"}
    part = await connected.pages.post(f"{AT}/test", data=data, headers=HX)
    assert "It works." in part.text
    assert "<html" not in part.text
    assert TOKEN not in part.text


async def test_a_missing_test_event_code_is_told_at_its_field(connected: Desk) -> None:
    data = {"csrf": connected.csrf, "test_event_code": ""}
    part = await connected.pages.post(f"{AT}/test", data=data, headers=HX)
    assert "is needed" in error_of(part, "test_event_code")


async def test_a_banner_stands_while_a_test_event_code_is_set(connected: Desk) -> None:
    assert "data-since" not in (await connected.pages.get(AT)).text
    await connected.submit(AT, **{**TYPED, "settings.test_event_code": "TEST<1>"})
    page = await connected.pages.get(AT)
    (since,) = re.findall(r'data-since="([\d.]+)"', page.text)
    assert float(since) == (await connected.premises.control.made(1))[0].at
    assert "TEST&lt;1&gt;" in page.text
    assert "timer." in page.text
    await connected.submit(AT, **TYPED)
    assert "data-since" not in (await connected.pages.get(AT)).text


async def test_a_second_server_destination_on_one_pixel_is_warned_of_in_place(connected: Desk) -> None:
    await connected.submit(FORM, **{**TYPED, "name": "other"})
    page = await connected.pages.get("/destinations/other")
    assert "Sends to the same pixel or event set as" in page.text


async def test_the_list_counts_what_came_of_the_last_day(tmp_path: Path) -> None:
    async with shop(tmp_path, "delivered", "delivered", "rejected", "filtered") as desk:
        page = (await desk.pages.get("/destinations")).text
    assert re.findall(r'data-label="([^"]*, 24 h)">(?:<a[^>]*>)?(\d+)<', page) == [
        ("Delivered, 24 h", "2"),
        ("Failed, 24 h", "1"),
    ]
    assert "not counted here" in page


async def test_advice_names_the_mapping(desk: Desk) -> None:
    await desk.submit(FORM, **{**TYPED, "preset_pack": "segment-2026"})
    page = (await desk.pages.get(AT)).text
    assert "<strong>Place an Order</strong>: TikTok supports PlaceAnOrder until" in page
    assert "mappings[" not in page


async def test_own_mappings_are_replaced_only_if_one_says_so(connected: Desk) -> None:
    mapping = {"name": "Own", "trigger": 'event = "X"', "action": "reportWebEvent", "fields": {"event": "Purchase"}}
    await connected.api.post(f"{AT}/mappings", json=mapping)
    assert "mappings of its own" in (await connected.pages.get(AT)).text
    await connected.submit(AT, **{**TYPED, "preset_pack": "segment-2026"})
    assert (await connected.api.get(AT)).json()["presets"] is False
    await connected.submit(AT, **{**TYPED, "preset_pack": "segment-2026", "discard_mappings": "true"})
    assert (await connected.api.get(AT)).json()["presets"] is True


async def test_a_destination_is_deleted_after_a_question(connected: Desk) -> None:
    assert "gets no more events" in (await connected.pages.get(f"{AT}/delete")).text
    assert (await connected.submit(f"{AT}/delete")).headers["location"] == "/destinations"
    assert (await connected.pages.get(AT)).status_code == 404


async def test_a_pixel_is_tested_in_the_page(desk: Desk) -> None:
    typed = {"name": "Pixel", "settings.pixelCode": PIXEL, "enabled": "true", "preset_pack": "segment-2026"}
    assert (await desk.submit("/catalog/tiktok-pixel/configure", **typed)).status_code == 303
    page = await desk.pages.get("/destinations/Pixel")
    assert "tockworkPixels" in page.text
    assert "in the browser" in (await desk.pages.get("/destinations")).text


# Who may what


async def test_viewers_see_and_change_nothing(connected: Desk) -> None:
    viewer = await connected.as_role("viewer")
    for path in ("/sources", "/sources/web", "/catalog", "/catalog/tiktok-pixel", "/destinations", AT):
        page = await viewer.pages.get(path)
        assert page.status_code == 200
        assert "Save Changes" not in page.text
        assert "key-1" not in page.text
    assert (await viewer.submit(FORM, **TYPED)).status_code == 403
    assert (await viewer.submit(AT, **TYPED)).status_code == 403
    assert (await viewer.submit(f"{AT}/delete")).status_code == 403
    assert (await viewer.submit("/sources/web/rotate")).status_code == 403


async def test_what_a_file_manages_is_shown_read_only(tmp_path: Path) -> None:
    entry = DestinationEntry("tiktok-conversions", "tiktok", settings={"pixelCode": PIXEL})
    configuration = Configuration([SourceEntry("web", "key-1")], [entry], managed_by="shop.yaml")
    async with console(tmp_path, configuration) as desk:
        for path in ("/sources", "/sources/web", "/destinations", "/destinations/tiktok", FORM):
            page = await desk.pages.get(path)
            assert page.status_code == 200
            assert "shop.yaml" in page.text
            assert "Save Changes" not in page.text


async def test_no_page_has_script_or_style_of_its_own(connected: Desk) -> None:
    for path in ("/sources", "/new-source", "/sources/web", "/catalog", "/catalog/tiktok-conversions", FORM, AT):
        page = (await connected.pages.get(path)).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"<[^>]+\s(?:style|on[a-z]+|hx-on[^=]*)=", page)
