"""Sources over the management API: their write keys, counts and snippets."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from tests.contract.console import Desk, console

from tockwork.api.snippets import snippets
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.model.errors import ConfigurationError
from tockwork.model.names import segment
from tockwork.operations.settings import Settings, read

NAME: Final = "Web/shop ü"
AT: Final = f"/sources/{segment(NAME)}"
SETTINGS: Final = {"pixelCode": "C4ABCDEFGHIJKLMNOPQR"}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    configuration = Configuration(
        sources=[SourceEntry(NAME, "key-1", "browser"), SourceEntry("backend", "key-2")],
        destinations=[
            DestinationEntry("tiktok-conversions", "all", settings=SETTINGS),
            DestinationEntry("tiktok-conversions", "one", settings=SETTINGS, sources=["backend"]),
        ],
    )
    settings = Settings(data=tmp_path, public_url="https://events.shop.example")
    async with console(tmp_path, configuration, settings=settings) as desk:
        yield desk


async def test_a_source_tells_its_counts_and_who_takes_its_events(desk: Desk) -> None:
    await desk.store.append([b"{}", b"{}"], [], [(NAME, 2)])
    (web, backend) = (await desk.api.get("/sources")).json()["sources"]
    assert (web["name"], web["kind"], web["enabled"]) == (NAME, "browser", True)
    assert (web["events"], web["events_last_day"]) == (2, 2)
    assert web["last_seen_at"] > 1_700_000_000
    assert (web["destinations"], backend["destinations"]) == (["all"], ["all", "one"])
    assert (backend["events"], backend["last_seen_at"]) == (0, None)


async def test_the_write_key_is_for_those_who_may_change_it(desk: Desk) -> None:
    assert (await desk.api.get(AT)).json()["write_key"] == "key-1"
    viewer = await desk.as_role("viewer")
    assert (await viewer.api.get(AT)).json()["write_key"] is None
    assert "key-1" not in (await viewer.api.get(f"{AT}/snippets")).text
    assert (await viewer.api.post(f"{AT}/write-key")).status_code == 403


async def test_a_source_is_made_with_a_key_that_nobody_can_guess(desk: Desk) -> None:
    made = await desk.api.post("/sources", json={"name": "app", "kind": "server"})
    assert made.status_code == 201
    assert len(made.json()["write_key"]) >= 20
    again = await desk.api.post("/sources", json={"name": "app"})
    assert again.status_code == 422
    assert [one["where"] for one in again.json()["problems"]] == ["name"]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "n", "kind": "telepathy"}, "kind"),
        ({"name": "n", "allowed_origins": ["https://a.example/path"]}, "allowed_origins[0]"),
        ({"name": "n", "cookie_domain": "Shop.Example"}, "cookie_domain"),
    ],
)
async def test_what_is_wrong_is_told_at_its_place_and_nothing_is_made(
    desk: Desk, wrong: dict[str, Any], place: str
) -> None:
    answer = await desk.api.post("/sources", json=wrong)
    assert answer.status_code == 422
    assert [one["where"] for one in answer.json()["problems"]] == [place]
    assert len((await desk.api.get("/sources")).json()["sources"]) == 2


async def test_a_new_key_takes_the_place_of_the_former_one(desk: Desk) -> None:
    rotated = (await desk.api.post(f"{AT}/write-key")).json()
    assert rotated["write_key"] != "key-1"
    assert desk.premises.configuration.sources[0].write_key == rotated["write_key"]
    note = (await desk.audited())[0]
    assert (note["action"], note["about"]) == ("source.write_key_rotated", NAME)
    assert rotated["write_key"] not in str(note)


async def test_destinations_follow_a_source_to_its_new_name(desk: Desk) -> None:
    changed = await desk.api.patch("/sources/backend", json={"name": "server", "enabled": False})
    assert (changed.status_code, changed.json()["enabled"]) == (200, False)
    assert desk.premises.configuration.destinations[1].sources == ["server"]


async def test_the_only_source_of_a_destination_stays(desk: Desk) -> None:
    refused = await desk.api.delete("/sources/backend")
    assert (refused.status_code, refused.json()["code"]) == (409, "only_source")
    assert (await desk.api.delete(AT)).status_code == 204
    assert (await desk.api.get(AT)).status_code == 404
    assert (await desk.api.get(f"{AT}/snippets")).status_code == 404


async def test_snippets_name_the_public_address_and_suit_the_kind(desk: Desk) -> None:
    told = (await desk.api.get(f"{AT}/snippets")).json()
    assert told["url"] == "https://events.shop.example"
    assert [one["language"] for one in told["snippets"]] == ["script", "snippet", "npm", "node", "python", "curl"]
    for one in told["snippets"]:
        assert "key-1" in one["text"]
        assert "events.shop.example" in one["text"]
    backend = (await desk.api.get("/sources/backend/snippets")).json()
    assert backend["snippets"][0]["language"] == "node"


@pytest.mark.parametrize("key", ['"quote', "it's", "</script><script>alert(1)</script>", "a\\b", "${x}", "`id`"])
def test_no_write_key_breaks_out_of_a_snippet(key: str) -> None:
    made = {one.language: one.text for one in snippets("browser", "http://127.0.0.1:8080", key)}
    (call,) = [node for node in ast.walk(ast.parse(made["python"])) if isinstance(node, ast.Call) if node.args][:1]
    assert ast.literal_eval(call.args[0]) == key
    assert made["snippet"].count("</script>") == 1
    assert made["script"].count("</script>") == 2
    assert "alert(1)</script>" not in made["npm"]


async def test_a_file_that_manages_sources_is_told_and_obeyed(tmp_path: Path) -> None:
    configuration = Configuration(sources=[SourceEntry("web", "key-1")], managed_by="shop.yaml")
    async with console(tmp_path, configuration) as desk:
        assert (await desk.api.get("/sources")).json()["managed_by"] == "shop.yaml"
        for answer in (
            await desk.api.post("/sources", json={"name": "new"}),
            await desk.api.patch("/sources/web", json={"enabled": False}),
            await desk.api.delete("/sources/web"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "managed_by_file")


def test_the_public_address_is_an_address_without_a_path() -> None:
    assert read({"TOCKWORK_PUBLIC_URL": "https://events.shop.example/"}).public_url == "https://events.shop.example"
    assert read({}).public_url is None
    for wrong in ("events.shop.example", "https://shop.example/events", "ftp://shop.example"):
        with pytest.raises(ConfigurationError) as caught:
            read({"TOCKWORK_PUBLIC_URL": wrong})
        assert [problem.where for problem in caught.value.problems] == ["TOCKWORK_PUBLIC_URL"]
