"""The management API's diagnostics: what is answered, who may dismiss, and what comes back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.contract.console import Desk, console
from tests.contract.traffic import come, configuration
from tests.e2e.command import run

from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.doctor.clinic import Clinic

LEVELS = ("error", "warning", "info")


def private(at: int) -> dict[str, Any]:
    return {"context": {"ip": "10.0.0.1"}} if at % 5 == 0 else {}


@asynccontextmanager
async def shop(folder: Path, given: Configuration | None = None, events: int = 2500) -> AsyncIterator[Desk]:
    """A shop whose orders have a name from before 2025, every fifth event a private address, and no page a pixel."""
    given = given or configuration(preset_pack="segment-2026", pixel={})
    async with console(folder, given) as desk:
        await come(desk.store, events, time.time(), private, source="backend")
        yield desk


async def found(desk: Desk, path: str = "/diagnostics/TikTok") -> Any:
    answer = await desk.api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def codes(diagnosis: Any, *, dismissed: bool = False) -> set[str]:
    return {one["code"] for one in diagnosis["issues"] if (one["dismissed"] is not None) is dismissed}


async def test_the_doctor_tells_the_same_without_a_console(tmp_path: Path) -> None:
    async with shop(tmp_path, events=200) as desk:
        told = await found(desk)
    words = ["doctor", "--diagnostics", "--json", "--data", str(tmp_path)]
    done = await asyncio.to_thread(run, words)
    assert done.returncode == int(any(issue["level"] == "error" for issue in told["issues"])), done.stderr
    said = {one["destination"]: one for one in json.loads(done.stdout)}["TikTok"]
    assert [(one["code"], one["count"], one["examples"], one["fix"]) for one in said["issues"]] == [
        (one["code"], one["count"], one["examples"], one["fix"]) for one in told["issues"]
    ]
    table = (await asyncio.to_thread(run, [word for word in words if word != "--json"])).stdout.decode()
    assert "event_name_legacy" in table
    assert (await asyncio.to_thread(run, [*words, "--pair"])).returncode == 2


async def test_all_destinations_in_short(tmp_path: Path) -> None:
    given = configuration(preset_pack="segment-2026", pixel={})
    settings = {"eventSetID": "7000000000000000000"}
    given.destinations.append(
        DestinationEntry("tiktok-offline-conversions", "Stores", settings=settings, enabled=False)
    )
    async with shop(tmp_path, given) as desk:
        answer = await found(desk, "/diagnostics")
        one = await found(desk)
    tiktok, stores = answer["destinations"]
    assert (tiktok["destination"], tiktok["kind"], tiktok["enabled"]) == ("TikTok", "tiktok-conversions", True)
    assert (tiktok["events"], tiktok["sampled"]) == (2500, 2000)
    for level in LEVELS:
        assert tiktok["findings"][level] == sum(issue["level"] == level for issue in one["issues"])
    assert 5 < tiktok["quality"] < 9
    assert (stores["destination"], stores["enabled"]) == ("Stores", False)
    assert stores["rows"] > 0


async def test_one_destination_in_full(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        answer = await found(desk)
    assert {"event_name_legacy", "ip_private", "pages_silent"} <= codes(answer)
    (legacy,) = [one for one in answer["issues"] if one["code"] == "event_name_legacy"]
    assert legacy["basis"] == "official"
    assert legacy["mapping"] == "Complete Payment"
    assert legacy["estimate"] == pytest.approx(625, rel=0.15)
    assert len(legacy["examples"]) == 3
    (ip,) = [one for one in answer["issues"] if one["code"] == "ip_private"]
    assert ip["share"] == pytest.approx(0.2, abs=0.03)
    assert {one["name"] for one in answer["quality"]} >= {"CompletePayment", "ViewContent"}
    assert answer["pair"]["browser"] == "TikTok pixel"
    assert {one["mapping"] for one in answer["activity"]} >= {"Complete Payment"}


async def test_dismissed_and_restored_and_audited(tmp_path: Path) -> None:
    async with shop(tmp_path) as desk:
        editor = await desk.as_role("editor")
        answer = await editor.api.post("/diagnostics/TikTok/ip_private/dismiss")
        assert answer.status_code == 200
        assert answer.json()["dismissed"]["by"] == editor.name
        assert codes(await found(desk), dismissed=True) == {"ip_private"}
        short = await found(desk, "/diagnostics")
        assert short["destinations"][0]["findings"]["dismissed"] == 1
        assert (await editor.api.post("/diagnostics/TikTok/ip_private/restore")).status_code == 204
        assert codes(await found(desk), dismissed=True) == set()
        assert (await editor.api.post("/diagnostics/TikTok/ip_private/restore")).status_code == 404
        notes = [(one["action"], one["about"], one["detail"].get("code")) for one in await desk.audited()]
    assert ("diagnostics.dismissed", "TikTok", "ip_private") in notes
    assert ("diagnostics.restored", "TikTok", "ip_private") in notes


async def test_a_dismissed_finding_that_grows_comes_back(tmp_path: Path) -> None:
    async with shop(tmp_path, events=100) as desk:
        await desk.api.post("/diagnostics/TikTok/ip_private/dismiss")
        assert "ip_private" in codes(await found(desk), dismissed=True)
        more = {"context": {"ip": "10.0.0.1"}}
        await come(desk.store, 100, time.time(), lambda at: {**more, "messageId": f"x-{at}"})
        desk.house.office.clinic = Clinic(desk.premises)  # as if a minute had passed
        answer = await found(desk)
    assert "ip_private" in codes(answer)
    assert codes(answer, dismissed=True) == set()


@pytest.mark.parametrize("what", ["dismiss", "restore"])
async def test_viewers_look_and_do_not_touch(tmp_path: Path, what: str) -> None:
    async with shop(tmp_path, events=50) as desk:
        viewer = await desk.as_role("viewer")
        assert (await viewer.api.get("/diagnostics")).status_code == 200
        answer = await viewer.api.post(f"/diagnostics/TikTok/ip_private/{what}")
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/diagnostics", "/diagnostics/TikTok"])
async def test_strangers_see_nothing(tmp_path: Path, path: str) -> None:
    async with shop(tmp_path, events=0) as desk:
        assert (await desk.stranger().api.get(path)).status_code == 401


async def test_what_is_not_there(tmp_path: Path) -> None:
    async with shop(tmp_path, events=50) as desk:
        for method, path in (
            ("GET", "/diagnostics/nobody"),
            ("POST", "/diagnostics/nobody/ip_private/dismiss"),
            ("POST", "/diagnostics/TikTok/nonsense/dismiss"),
            ("POST", "/diagnostics/TikTok/value_missing/dismiss"),
            ("POST", "/diagnostics/nobody/ip_private/restore"),
        ):
            answer = await desk.api.request(method, path)
            assert answer.status_code == 404, path
            assert answer.json()["code"] == "not_found"


async def test_names_with_any_sign(tmp_path: Path) -> None:
    given = configuration()
    given.destinations[0].name = "A/B ~ ü"
    async with shop(tmp_path, given, events=50) as desk:
        answer = await desk.api.get("/diagnostics/A~1B%20~0%20%C3%BC")
        page = await desk.pages.get("/diagnostics/A~1B%20~0%20%C3%BC")
    assert answer.json()["destination"] == "A/B ~ ü"
    assert page.status_code == 200


async def test_without_destinations_there_are_none(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        assert await found(desk, "/diagnostics") == {"destinations": []}
