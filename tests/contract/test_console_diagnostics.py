"""Pages of the diagnostics: findings, match quality and the pair, and dismissing."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from tests.contract.console import Desk, console
from tests.contract.test_api_diagnostics import shop
from tests.contract.traffic import come, configuration

PAGES = ("/diagnostics", "/diagnostics/TikTok", "/diagnostics/TikTok/match", "/diagnostics/TikTok/pair")
PERSONAL = ("jane", "+4930", "93.184.", "O-1", "Mozilla", "2Abc")


async def shown(desk: Desk, path: str, status: int = 200) -> str:
    answer = await desk.pages.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


async def test_the_overview_counts_by_level(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        text = await shown(desk, "/diagnostics")
        brief = (await desk.pages.get("/diagnostics", headers={"HX-Request": "true"})).text
    assert 'href="/diagnostics/TikTok?level=error"' in brief
    assert "<h1" not in brief
    assert re.search(r"Error: \d", text)
    assert re.search(r"Warning: \d", text)
    assert 'href="/diagnostics/TikTok?level=error"' in text
    assert "2,000" in text
    assert "of 2,500 events" in text


async def test_a_finding_shows_how_often_an_example_and_the_fix(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        text = await shown(desk, "/diagnostics/TikTok")
    assert "A name from before May 2025" in text
    assert re.search(r'href="/live/\d+-\d+"', text)
    assert 'href="/destinations/TikTok/mappings/Complete%20Payment"' in text
    assert "official" not in text
    assert "own check" in text


async def test_findings_of_one_level(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        text = await shown(desk, "/diagnostics/TikTok?level=error")
        everything = await shown(desk, "/diagnostics/TikTok?level=nonsense")
    assert "No page loads the pixel" in text
    assert "A name from before May 2025" not in text
    assert "A name from before May 2025" in everything


async def test_match_quality_says_what_would_raise_it(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        text = await shown(desk, "/diagnostics/TikTok/match")
    assert "<strong>estimate</strong>" in text
    assert "What would raise it" in text
    assert "Click id (ttclid)" in text
    assert "<code>context.page.url</code>" in text
    assert "Rough target: 8.0" in text
    assert "<meter" in text


async def test_the_pair(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        text = await shown(desk, "/diagnostics/TikTok/pair")
    assert "Coverage" in text
    assert "Dedup rate" in text
    assert "TikTok pixel" in text


async def test_without_a_pair(tmp_path: Path) -> None:
    async with shop(tmp_path, configuration(), events=50) as desk:
        assert "No pair" in await shown(desk, "/diagnostics/TikTok/pair")


async def test_dismissing_and_taking_it_back(tmp_path: Path) -> None:
    async with shop(tmp_path, events=100) as desk:
        answer = await desk.submit("/diagnostics/TikTok/ip_private/dismiss")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/diagnostics/TikTok"
        text = await shown(desk, "/diagnostics/TikTok")
        assert "1 dismissed" in text
        assert f"Dismissed by {desk.name}" in text
        assert (await desk.submit("/diagnostics/TikTok/ip_private/restore")).status_code == 303
        assert "dismissed" not in await shown(desk, "/diagnostics/TikTok")


async def test_a_form_without_its_token_does_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path, events=100) as desk:
        answer = await desk.pages.post("/diagnostics/TikTok/ip_private/dismiss", data={})
        assert answer.status_code == 403
        assert "dismissed" not in await shown(desk, "/diagnostics/TikTok")


async def test_viewers_have_no_buttons(tmp_path: Path) -> None:
    async with shop(tmp_path, events=100) as desk:
        viewer = await desk.as_role("viewer")
        text = await shown(viewer, "/diagnostics/TikTok")
        assert "/dismiss" not in text
        assert (await viewer.submit("/diagnostics/TikTok/ip_private/dismiss")).status_code == 403


@pytest.mark.parametrize("path", PAGES)
async def test_no_personal_data_is_shown(tmp_path: Path, path: str) -> None:
    async with shop(tmp_path, events=300) as desk:
        text = await shown(desk, path)
    assert [part for part in PERSONAL if part in text] == []


@pytest.mark.parametrize("path", PAGES)
async def test_no_style_and_no_script_stands_in_the_page(tmp_path: Path, path: str) -> None:
    async with shop(tmp_path, events=100) as desk:
        text = await shown(desk, path)
    assert " style=" not in text
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"\son\w+=", text) == []


@pytest.mark.parametrize("path", PAGES)
async def test_without_events(tmp_path: Path, path: str) -> None:
    async with shop(tmp_path, events=0) as desk:
        text = await shown(desk, path)
    assert "No " in text


async def test_without_destinations(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        assert "No destination yet" in await shown(desk, "/diagnostics")
        await shown(desk, "/diagnostics/TikTok", 404)


async def test_a_mapping_with_markup_in_its_name(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    fields = {"event": name, "value": {"@path": "$.properties.value"}}
    mapping = {"name": name, "trigger": 'type = "track"', "action": "reportWebEvent", "fields": fields}
    async with shop(tmp_path, configuration(mappings=[mapping]), events=50) as desk:
        await come(desk.store, 1, time.time(), lambda at: {"messageId": "x"})
        for path in PAGES:
            assert "<img" not in await shown(desk, path)
