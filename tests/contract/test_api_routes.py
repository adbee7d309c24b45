"""Every route of the management API and of the console: none answers without credentials but those listed here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from tests.contract.console import Desk, console

from tockwork.api.access import CSRF_HEADER, SAFE

PUBLIC: Final = {("POST", "/api/session"), ("GET", "/api/setup"), ("POST", "/api/setup")}
PUBLIC_PAGES: Final = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/setup"),
    ("POST", "/setup"),
    ("GET", "/static/{name:str}"),
}
OWN: Final = {
    ("DELETE", "/api/session"),
    ("PUT", "/api/session/password"),
    ("DELETE", "/api/sessions"),
    ("DELETE", "/api/sessions/{number:int}"),
}
"""What everybody may change: their own session and password."""
ASKING: Final = {
    ("POST", "/api/events/search"): "a search, whose terms must not stand in the address",
    ("POST", "/api/events/stream"): "a search that goes on",
    ("POST", "/api/letters/{destination:str}/search"): "a search",
    ("POST", "/api/destinations/{name:str}/preview"): "tries a mapping out, and changes nothing",
    ("POST", "/api/mappings/event-name"): "says what TikTok makes of a name",
    ("POST", "/api/triggers/text"): "writes a trigger in the other way",
    ("POST", "/api/triggers/tree"): "writes a trigger in the other way",
}
"""Unsafe by their method alone: they change nothing, so that viewers may use them."""


def routes(app: Litestar) -> Iterator[tuple[str, str]]:
    """Method and path of each route, but for OPTIONS, which Litestar answers with the methods there are."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method in sorted(set(route.methods) - {"OPTIONS"}):
                yield method, route.path


def filled(path: str) -> str:
    """A path of the route with something for each parameter."""
    return re.sub(r"\{\w+:(\w+)\}", lambda found: "1" if found[1] == "int" else "some~1thing", path)


def below_api(path: str) -> str:
    return filled(path).removeprefix("/api")


async def test_every_route_of_the_api_refuses_who_is_not_signed_in(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        stranger, open_ = desk.stranger(), set()
        known = list(routes(desk.house.api))
        assert len(known) > 30
        for method, path in known:
            answer = await stranger.api.request(method, below_api(path), json={})
            if answer.status_code != 401:
                open_.add((method, path))
            else:
                assert answer.headers["content-type"] == "application/problem+json", path
                assert answer.json()["code"] == "unauthorized", path
        assert open_ == PUBLIC


async def test_options_too(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        answer = await desk.stranger().api.options("/users")
        assert answer.status_code == 401


async def test_every_page_sends_who_is_not_signed_in_to_the_door(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        stranger, open_ = desk.stranger(), set()
        for method, path in routes(desk.house.console):
            answer = await stranger.pages.request(method, filled(path))
            to_the_door = answer.status_code == 303 and answer.headers["location"].partition("?")[0] == "/sign-in"
            if not to_the_door and answer.status_code != 400:  # what is no such address is refused before
                open_.add((method, path))
        assert open_ == PUBLIC_PAGES


async def test_every_unsafe_route_of_the_api_needs_the_sessions_csrf_token(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        for method, path in routes(desk.house.api):
            if method in SAFE or (method, path) in PUBLIC:
                continue
            answer = await desk.api.request(method, below_api(path), json={}, headers={CSRF_HEADER: ""})
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf"), (method, path)


async def test_a_form_without_its_token_changes_nothing(tmp_path: Path) -> None:
    """A page's form without the token gets no further than the API, which refuses it."""
    async with console(tmp_path) as desk:
        before = await changes(desk)
        for method, path in routes(desk.house.console):
            if method in SAFE or (method, path) in PUBLIC_PAGES:
                continue
            answer = await desk.pages.request(method, filled(path), data={"name": "x"})
            assert answer.status_code < 500, (method, path)
        assert await changes(desk) == before


async def changes(desk: Desk) -> tuple[int, int]:
    notes = await desk.store.database.read(lambda c: c.execute("SELECT count(*) FROM audit").fetchone()[0])
    return await desk.premises.versions.latest(), notes


@pytest.mark.parametrize("role", ["viewer", "token"])
async def test_viewers_change_nothing_but_what_is_their_own(tmp_path: Path, role: str) -> None:
    async with console(tmp_path) as desk:
        viewer = await desk.as_role("viewer") if role == "viewer" else desk.stranger()
        headers = {} if role == "viewer" else {"Authorization": f"Bearer {await desk.token('viewer')}"}
        allowed = set()
        for method, path in routes(desk.house.api):
            if method in SAFE or (method, path) in PUBLIC | OWN:
                continue
            answer = await viewer.api.request(method, below_api(path), json={}, headers=headers)
            if answer.status_code != 403 or answer.json()["code"] != "forbidden":
                allowed.add((method, path))
        assert allowed <= set(ASKING), allowed - set(ASKING)


async def test_no_page_is_kept_by_browsers_or_runs_what_is_not_ours(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        for path in ("/", "/sign-in", "/account", "/team", "/nowhere"):
            headers = (await desk.pages.get(path)).headers
            assert headers["cache-control"] == "no-store", path
            policy = headers["content-security-policy"]
            assert "unsafe" not in policy, path
            assert "default-src 'none'" in policy, path
            assert headers["x-frame-options"] == "DENY", path


async def test_the_description_of_the_api_is_for_who_is_signed_in_and_loads_nothing(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        answer = await (await desk.as_role("viewer")).api.get("/openapi.json")
        assert answer.json()["openapi"].startswith("3.1")
        assert answer.headers["content-type"].startswith("application/vnd.oai.openapi+json")
        pages = [path for _, path in routes(desk.house.api) if "openapi" in path]
        for path in pages:
            found = await desk.api.get(below_api(path))
            assert "<script" not in found.text, path
