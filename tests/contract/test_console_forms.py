"""Wrong input on every form of the console gives a message at its field, keeps what was typed, and changes nothing."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio
from litestar.routes import HTTPRoute
from tests.contract.console import Desk, console
from tests.contract.dead import NAME, configuration, filled

from tockwork.api.passwords import Passwords
from tockwork.model.names import segment
from tockwork.store.database import FILE

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT: Final = f"/destinations/{segment(NAME)}"
DELIVERY: Final = f"/delivery/{segment(NAME)}"
FIELDS: Final = f"/privacy/fields/{segment(NAME)}"
CONFIGURE: Final = "/catalog/tiktok-conversions/configure"
PETRA: Final = "Petra / Viewer"
LONG: Final = "x" * 2001
CONNECTED: Final = {"settings.pixelCode": "C8E2OS3C77UABCDXYZ00", "preset_pack": "purchase-2025", "enabled": "true"}
MAPPING: Final = {
    "name": "Mine",
    "enabled": "true",
    "action": "reportWebEvent",
    "trigger": 'event = "Order Completed"',
    "k:event": "literal",
    "v:event": "Purchase",
}
ALERTS: Final = {
    "enabled": "true",
    "webhook": "",
    "format": "slack",
    "held.enabled": "true",
    "held.minutes": "7",
    "success_rate.percent": "90",
    "success_rate.minutes": "15",
    "success_rate.deliveries": "50",
    "volume_drop.percent": "50",
    "volume_drop.events": "100",
    "backlog.minutes": "10",
    "disk.reserves": "2",
}
CONSENT: Final = {"categories": "Ads", "mode": "any", "missing": "allow", "opt_out": "block", "listed": ""}
PASSWORDS: Final = {"old": "p" * 12, "new": "n" * 12, "again": "n" * 12}
SETUP: Final = {"code": "no code", "name": "Nora", "password": "p" * 12, "again": "p" * 12}


class Case(NamedTuple):
    """What is typed into one form, and where which words must stand: at a field, or above the form where no field says
    what is wrong (empty)."""

    path: str
    typed: dict[str, Any]
    field: str
    said: str


CASES: Final = (
    Case("/sign-in", {"name": "Nobody", "password": "wrong password", "next": "/live"}, "", "password"),
    Case("/setup", SETUP, "code", "good for anything"),
    Case("/setup", {**SETUP, "again": "q" * 12}, "again", "another"),
    Case("/account/password", {**PASSWORDS, "again": "m" * 12}, "again", "another"),
    Case("/account/password", PASSWORDS, "old", "password"),
    Case("/team/people", {"name": "", "role": "editor"}, "name", "empty"),
    Case("/team/people", {"name": "Olive Owner", "role": "editor"}, "name", "taken"),
    Case("/team/people", {"name": "Nora", "role": "king"}, "role", "value"),
    Case(f"/team/people/{segment(PETRA)}/role", {"role": "king"}, "role", "value"),
    Case("/team/people/Olive%20Owner/role", {"role": "viewer"}, "role", "owner"),
    Case("/team/tokens", {"token_name": LONG, "token_role": "editor"}, "token_name", "characters"),
    Case("/team/tokens", {"token_name": "Nora", "token_role": "king"}, "token_role", "value"),
    Case("/new-source", {"name": "", "kind": "server", "enabled": "true"}, "name", "characters"),
    Case("/new-source", {"name": "web", "kind": "server", "cookie_domain": "a.b"}, "name", "taken"),
    Case("/new-source", {"name": "new", "kind": "fax"}, "kind", "browser"),
    Case("/new-source", {"name": "n", "kind": "browser", "allowed_origins": "a.b"}, "allowed_origins", "origin"),
    Case("/sources/web", {"name": "web", "kind": "server", "cookie_domain": "x"}, "cookie_domain", "domain"),
    Case(CONFIGURE, {**CONNECTED, "name": LONG}, "name", "characters"),
    Case(CONFIGURE, {**CONNECTED, "name": NAME, "sources": ["web"]}, "name", "taken"),
    Case(
        CONFIGURE,
        {"name": "N", "settings.accessToken": "s", "settings.pixelCode": ""},
        "settings.pixelCode",
        "required",
    ),
    Case(CONFIGURE, {**CONNECTED, "name": "N", "sources": ["web", "fax"]}, "sources", "fax"),
    Case(CONFIGURE, {**CONNECTED, "name": "N", "preset_pack": "fax"}, "preset_pack", "fax"),
    Case(CONFIGURE, {**CONNECTED, "name": "N", "settings.timezone": "Mo/on"}, "settings.timezone", "time zone"),
    Case(AT, {**CONNECTED, "settings.pixelCode": ""}, "settings.pixelCode", "required"),
    Case(AT, {**CONNECTED, "settings.default_region": "Mars"}, "settings.default_region", "two-letter"),
    Case(f"{AT}/test", {"test_event_code": ""}, "test_event_code", "needed"),
    Case(f"{AT}/new-mapping", {**MAPPING, "name": ""}, "name", "name"),
    Case(f"{AT}/new-mapping", {**MAPPING, "name": "Order"}, "name", "Order"),
    Case(f"{AT}/new-mapping", {**MAPPING, "trigger": "event = (type"}, "trigger", "column"),
    Case(f"{AT}/new-mapping", {**MAPPING, "k:value": "literal", "v:value": "much"}, "v:value", "number"),
    Case(f"{AT}/new-mapping", {**MAPPING, "json": "{", "json_was": "{}"}, "json", "JSON"),
    Case(f"{AT}/mappings/Order", {**MAPPING, "name": ""}, "name", "name"),
    Case(f"{AT}/mappings/Order", {**MAPPING, "k:url": "json", "v:url": "{"}, "v:url", "JSON"),
    Case(f"{AT}/mappings/Order", {**MAPPING, "do": "test", "event": "{"}, "event", "JSON"),
    Case(f"{AT}/mappings/Order", {**MAPPING, "do": "test", "event": "{}"}, "test_event_code", "missing"),
    Case(f"{AT}/mapping-editor/send-test", {**MAPPING, "event": "{", "test_event_code": "TEST1"}, "", "JSON"),
    Case(f"{AT}/mapping-import", {"content": "no json"}, "content", "JSON"),
    Case("/import", {"content": "no json", "name": "n", "kind": "tiktok-pixel"}, "content", "JSON"),
    Case("/import", {"content": "{}", "name": "n", "kind": "fax"}, "kind", "which destination"),
    Case("/live", {"since": "yesterday", "name": "Order"}, "since", "date"),
    Case("/live", {"since": "2026-11-21T10:15", "until": "2026-11-20T10:15"}, "until", "before"),
    Case("/live/1-0/send-test", {"destination": NAME, "test_event_code": ""}, "test_event_code", "needed"),
    Case("/live/1-0/send-test", {"destination": "fax", "test_event_code": "TEST1"}, "destination", "fax"),
    Case(f"{DELIVERY}/letters", {"code": "much", "reason": "x"}, "code", "number"),
    Case(f"{DELIVERY}/letters", {"since": "yesterday", "message_id": "m"}, "since", "time"),
    Case(f"{DELIVERY}/letters/replay", {}, "", "Tick"),
    Case("/privacy/suppression", {"people": "a@b.example\n\n+12", "destination": NAME}, "people", "Line 3"),
    Case("/privacy/suppression", {"people": "", "destination": NAME}, "people", "Name a person"),
    Case("/privacy/suppression", {"people": "a@b.example", "destination": "fax"}, "destination", "fax"),
    Case("/privacy/suppression/remove", {"released": "", "destination": NAME}, "released", "Name a person"),
    Case("/privacy/deletions", {"people": "a@b.example"}, "confirm", "undone"),
    Case("/privacy/deletions", {"people": "", "confirm": "true"}, "people", "Name a person"),
    Case(FIELDS, {**CONSENT, "mode": "some"}, "mode", "value"),
    Case(FIELDS, {**CONSENT, "missing": "never"}, "missing", "value"),
    Case(FIELDS, {**CONSENT, "opt_out": "never", "listed": "deny", "field": ["email"]}, "opt_out", "value"),
    Case(FIELDS, {**CONSENT, "listed": "deny", "field": ["email", "fax"]}, "listed", "fax"),
    Case("/alerts", {**ALERTS, "held.minutes": "soon"}, "held.minutes", "number"),
    Case("/alerts", {**ALERTS, "success_rate.percent": "101"}, "success_rate.percent", "100"),
    Case("/alerts", {**ALERTS, "webhook": "ftp://a.example"}, "webhook", "http"),
    Case("/alerts", {**ALERTS, "format": "fax"}, "format", "value"),
)
PASSING: Final = ("account_session", ".refused'", "sqlite_sequence")
"""Lines about when sessions were used, and about refused attempts to sign in, which are audited."""
SECRET: Final = ("password",)
"""Types of inputs whose value need not be shown again."""
BUTTONS: Final = """
    /sign-out
    /account/sessions
    /account/sessions/{number:int}
    /team/people/{name:str}/code
    /team/people/{name:str}/remove
    /team/tokens/{number:int}/remove
    /sources/{name:str}/rotate
    /sources/{name:str}/delete
    /destinations/{name:str}/delete
    /destinations/{name:str}/mapping-actions
    /destinations/{name:str}/mapping-pack
    /versions/{number:int}
    /live/{reference:str}/reveal
    /delivery/{destination:str}/letters/{ref:str}
    /delivery/{destination:str}/pause
    /delivery/{destination:str}/resume
    /diagnostics/{destination:str}/{code:str}/dismiss
    /diagnostics/{destination:str}/{code:str}/restore
    /alerts/test
"""
"""Forms of buttons alone: nobody types into them."""


class Tag:
    """An element of a page, and what is in it."""

    def __init__(self, name: str, attrs: dict[str, str], outer: Tag | None) -> None:
        self.name = name
        self.attrs = attrs
        self.outer = outer
        self.inner: list[Tag] = []
        self.words = ""

    def all(self) -> Iterator[Tag]:
        yield self
        for tag in self.inner:
            yield from tag.all()

    @property
    def text(self) -> str:
        return "".join(tag.words for tag in self.all())

    @property
    def outers(self) -> Iterator[Tag]:
        tag: Tag | None = self
        while tag is not None:
            yield tag
            tag = tag.outer


class Page(HTMLParser):
    EMPTY: Final = ("input", "br", "hr", "img", "link", "meta", "line", "rect", "use")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = self.here = Tag("", {}, None)
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Tag(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.inner.append(made)
        if tag not in self.EMPTY:
            self.here = made

    def handle_endtag(self, tag: str) -> None:
        found = next((outer for outer in self.here.outers if outer.name == tag), None)
        if found is not None and found.outer is not None:
            self.here = found.outer

    def handle_data(self, data: str) -> None:
        self.here.words += data

    def inputs(self, name: str) -> list[Tag]:
        return [
            tag
            for tag in self.root.all()
            if tag.name in ("input", "select", "textarea", "button") and tag.attrs.get("name") == name
        ]

    def errors(self, name: str) -> str:
        """What the inputs of that name, or the fieldset around them, refer to as their problems."""
        places = {
            place
            for tag in self.inputs(name)
            for outer in tag.outers
            if outer.name in ("input", "select", "textarea", "fieldset")
            for place in outer.attrs.get("aria-describedby", "").split()
        }
        return " ".join(
            inner.text
            for tag in self.root.all()
            if tag.attrs.get("id") in places
            for inner in tag.all()
            if "invalid-feedback" in inner.attrs.get("class", "").split()
        )

    def alerts(self) -> str:
        return " ".join(tag.text for tag in self.root.all() if tag.attrs.get("role") == "alert")

    def shown(self, name: str) -> list[set[str]]:
        """What each input of that name offers, or holds."""
        return [_held(tag) for tag in self.inputs(name)]


def _held(tag: Tag) -> set[str]:
    if tag.name == "textarea":
        return {tag.text.strip()}
    if tag.name == "select":
        options = [one for one in tag.all() if one.name == "option"]
        chosen = [one for one in options if "selected" in one.attrs] or options[:1]
        return {one.attrs.get("value", "") for one in chosen}
    if tag.attrs.get("type") in ("checkbox", "radio") and "checked" not in tag.attrs:
        return set()
    return {tag.attrs.get("value", "").strip()}


def _offers(tags: list[Tag], value: str) -> bool:
    """Whether somebody could have chosen it: of a list, only what is in it can be shown again."""
    if any(tag.name == "select" for tag in tags):
        options = [one for tag in tags for one in tag.all() if one.name == "option"]
        return any(one.attrs.get("value") == value for one in options)
    if any(tag.attrs.get("type") in ("checkbox", "radio") for tag in tags):
        return any(tag.attrs.get("value") == value for tag in tags)
    return True


def route_of(path: str, routes: list[str]) -> str:
    """The route that takes the path: of several, the one with the fewest parameters."""
    fitting = [route for route in routes if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", route), path)]
    return min(fitting, key=lambda route: route.count("{"))


def kept(folder: Path) -> list[str]:
    """All that is in the store and does not pass by itself."""
    with closing(sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True)) as database:
        return [line for line in database.iterdump() if not any(one in line for one in PASSING)]


class Office(NamedTuple):
    desk: Desk
    folder: Path
    routes: list[str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    folder = tmp_path_factory.mktemp("forms")
    async with console(folder, configuration()) as owner:
        await filled(owner, "rejected", "delivered")
        await owner.house.accounts.add(PETRA, "viewer")
        await owner.house.accounts.set_password(owner.name, await Passwords().hashed("a good password"))
        desk = await owner.house.sign_in_again(owner.name)
        posts = [
            route for route in desk.house.console.routes if isinstance(route, HTTPRoute) and "POST" in route.methods
        ]
        yield Office(desk, folder, [route.path for route in posts])


async def test_every_form_is_tried(office: Office) -> None:
    tried = {route_of(case.path, office.routes) for case in CASES}
    assert tried & set(BUTTONS.split()) == set()
    assert tried | set(BUTTONS.split()) == set(office.routes)


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case.field}" for number, case in enumerate(CASES)])
async def test_wrong_input(office: Office, case: Case) -> None:
    before = kept(office.folder)
    assert before
    page = await (office.desk.stranger() if case.path in ("/sign-in", "/setup") else office.desk).submit(
        case.path, **case.typed
    )
    shown = Page(page.text)
    assert 400 <= page.status_code < 500, shown.alerts()
    assert set(kept(office.folder)) ^ set(before) == set()
    told = shown.errors(case.field) if case.field else shown.alerts()
    assert case.said in told, f"{told} | {shown.alerts()}"
    if "<html" in page.text:
        _assert_kept(shown, case)


def _assert_kept(page: Page, case: Case) -> None:
    for name, typed in case.typed.items():
        inputs = page.inputs(name)
        if any(tag.attrs.get("type") in SECRET or tag.name == "button" for tag in inputs):
            continue
        assert inputs, f"{name} is gone"
        for value in typed if isinstance(typed, list) else [typed]:
            if _offers(inputs, value):
                assert any(value in held for held in page.shown(name)), f"{name}: {value} is lost"
