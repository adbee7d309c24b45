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

from tockwork.api.access import CSRF_HEADER, SAFE, Role

LEAST: Final = """
    public  POST    /session
    public  GET     /setup
    public  POST    /setup
    viewer  GET     /session
    viewer  DELETE  /session
    viewer  PUT     /session/password
    viewer  GET     /sessions
    viewer  DELETE  /sessions
    viewer  DELETE  /sessions/{number:int}
    viewer  GET     /openapi.json
    viewer  GET     /openapi.json/openapi.json
    viewer  GET     /openapi.json/{path:str}
    owner   GET     /users
    owner   POST    /users
    owner   POST    /users/{name:str}/code
    owner   DELETE  /users/{name:str}
    owner   PATCH   /users/{name:str}
    owner   GET     /tokens
    owner   POST    /tokens
    owner   DELETE  /tokens/{number:int}
    owner   GET     /audit
    viewer  GET     /sources
    editor  POST    /sources
    editor  DELETE  /sources/{name:str}
    viewer  GET     /sources/{name:str}
    editor  PATCH   /sources/{name:str}
    editor  POST    /sources/{name:str}/write-key
    viewer  GET     /sources/{name:str}/snippets
    viewer  GET     /catalog
    viewer  GET     /catalog/{kind:str}
    viewer  GET     /catalog/{kind:str}/differences
    viewer  GET     /destinations
    editor  POST    /destinations
    editor  DELETE  /destinations/{name:str}
    viewer  GET     /destinations/{name:str}
    editor  PATCH   /destinations/{name:str}
    editor  POST    /destinations/{name:str}/test
    viewer  GET     /destinations/{name:str}/findings
    viewer  GET     /findings
    viewer  GET     /destinations/{name:str}/mappings
    editor  POST    /destinations/{name:str}/mappings
    editor  DELETE  /destinations/{name:str}/mappings/{mapping:str}
    viewer  GET     /destinations/{name:str}/mappings/{mapping:str}
    editor  PATCH   /destinations/{name:str}/mappings/{mapping:str}
    editor  PUT     /destinations/{name:str}/mappings/{mapping:str}
    editor  PUT     /destinations/{name:str}/mapping-order
    editor  POST    /destinations/{name:str}/presets
    viewer  GET     /destinations/{name:str}/packs/{pack:str}/diff
    editor  PUT     /destinations/{name:str}/packs/{pack:str}
    viewer  GET     /destinations/{name:str}/actions
    viewer  POST    /destinations/{name:str}/preview
    editor  POST    /destinations/{name:str}/send-test
    viewer  POST    /triggers/tree
    viewer  POST    /triggers/text
    viewer  POST    /mappings/event-name
    editor  POST    /destinations/{name:str}/mapping-import
    editor  POST    /import
    viewer  GET     /versions
    viewer  GET     /versions/{number:int}
    viewer  GET     /versions/{number:int}/diff/{other:int}
    editor  POST    /versions/{number:int}/restore
    editor  GET     /versions/{number:int}/export
    viewer  POST    /events/search
    viewer  POST    /events/watch
    viewer  GET     /events/recent
    viewer  GET     /events/paths
    viewer  GET     /events/stream
    viewer  POST    /events/watch
    viewer  GET     /events/{reference:str}
    editor  POST    /events/{reference:str}/unmask
    editor  POST    /events/{reference:str}/send-test
    viewer  GET     /delivery
    viewer  GET     /delivery/{destination:str}
    editor  POST    /delivery/{destination:str}/pause
    editor  POST    /delivery/{destination:str}/resume
    viewer  POST    /letters/{destination:str}/search
    editor  GET     /letters/{destination:str}/export
    viewer  GET     /letters/{destination:str}/{ref:str}
    editor  POST    /letters/{destination:str}/{ref:str}/unmask
    editor  POST    /letters/{destination:str}/replay
    viewer  GET     /diagnostics
    viewer  GET     /diagnostics/{destination:str}
    editor  POST    /diagnostics/{destination:str}/{code:str}/dismiss
    editor  POST    /diagnostics/{destination:str}/{code:str}/restore
    viewer  GET     /privacy
    editor  PUT     /destinations/{name:str}/privacy
    viewer  GET     /privacy/suppressions
    editor  POST    /privacy/suppressions
    editor  POST    /privacy/suppressions/remove
    viewer  GET     /privacy/deletions
    editor  POST    /privacy/deletions
    viewer  GET     /alerts
    editor  PUT     /alerts
    editor  POST    /alerts/test
"""
"""Who may use a route at least: a route that is not here fails a test. Viewers may POST what only asks, and change what
is their own: session and password."""
ROLES: Final = {(method, f"/api{path}"): role for role, method, path in map(str.split, LEAST.strip().splitlines())}
PUBLIC: Final = {route for route, role in ROLES.items() if role == "public"}
PUBLIC_PAGES: Final = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/setup"),
    ("POST", "/setup"),
    ("GET", "/static/{name:str}"),
}


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


@pytest.mark.parametrize("role", ["viewer", "editor", "owner"])
async def test_a_role_may_do_what_it_may_and_no_more(tmp_path: Path, role: str) -> None:
    async with console(tmp_path) as desk:
        await desk.premises.tail.stop()  # else its stream never ends
        await desk.token("viewer")  # an owner removes the first one on the way
        headers = {"Authorization": f"Bearer {await desk.token(role)}"}
        known = set(routes(desk.house.api))
        assert known == set(ROLES), known ^ set(ROLES)
        for (method, path), least in ROLES.items():
            answer = await desk.stranger().api.request(method, below_api(path), json={}, headers=headers)
            refused = answer.status_code == 403 and answer.json()["code"] == "forbidden"
            may = least == "public" or Role(role).may(Role(least))
            assert (refused, answer.status_code < 500 and answer.status_code != 401) == (not may, True), (method, path)


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
