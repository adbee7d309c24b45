"""Pages: signing in and out, setting an account up, and one's own account."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Template
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import Desk
from tockwork.console.door import Problem, Refused

PUBLIC: Final = {"public": True}
DONE: Final = {
    "password": "Your password is changed. All other sessions have ended.",
    "session": "That session has ended.",
    "others": "You are signed out everywhere else.",
}
"""What a page says after something was done, by its name in the address."""
_OWN: Final = re.compile(r"/(?![/\\])[^\x00-\x20\\\x7f]*")
_AGENTS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@get("/sign-in", opt=PUBLIC)
async def sign_in(desk: NamedDependency[Desk], next: FromQuery[str] = "/") -> Response[Any]:
    """Where everybody begins; whoever is signed in goes on."""
    try:
        await desk.door.get("/session")
    except Refused:
        return await _at_the_door(desk, {}, back=own_path(next))
    return desk.go(own_path(next))


@post("/sign-in", opt=PUBLIC, status_code=200)
async def signed_in(desk: NamedDependency[Desk]) -> Response[Any]:
    form = await desk.form()
    name, back = str(form.get("name", "")), own_path(str(form.get("next", "/")))
    try:
        await desk.door.post("/session", {"name": name, "password": str(form.get("password", ""))})
    except Refused as refused:
        return await _at_the_door(desk, refused.at("name", "password"), refused.status, name=name, back=back)
    return desk.go(back)


@post("/sign-out", status_code=200)
async def sign_out(desk: NamedDependency[Desk]) -> Response[Any]:
    await desk.form()
    await desk.door.delete("/session")
    return desk.go("/sign-in")


@get("/setup", opt=PUBLIC)
async def setup(desk: NamedDependency[Desk]) -> Template:
    """Where a set-up link leads. The code stands in the fragment, which a script puts into the form."""
    return desk.show("account/setup.html", errors={}, name="", code="")


@post("/setup", opt=PUBLIC, status_code=200)
async def set_up(desk: NamedDependency[Desk]) -> Response[Any]:
    form = await desk.form()
    code, name = str(form.get("code", "")).strip(), str(form.get("name", ""))
    password = str(form.get("password", ""))
    try:
        if password != str(form.get("again", "")):
            raise Refused(422, "invalid", "", [Problem("again", "is another password than the one above")])
        await desk.door.post("/setup", {"code": code, "name": name, "password": password})
    except Refused as refused:
        errors = refused.at("code", "name", "password", "again")
        return desk.show("account/setup.html", status=refused.status, errors=errors, name=name, code=code)
    return desk.go("/")


@get("/account")
async def account(desk: NamedDependency[Desk], done: FromQuery[str] = "") -> Template:
    return desk.show("account/account.html", errors={}, done=DONE.get(done, ""), sessions=await _sessions(desk))


@post("/account/password", status_code=200)
async def change_password(desk: NamedDependency[Desk]) -> Response[Any]:
    form = await desk.form()
    old, new = str(form.get("old", "")), str(form.get("new", ""))
    try:
        if new != str(form.get("again", "")):
            raise Refused(422, "invalid", "", [Problem("again", "is another password than the one above")])
        await desk.door.put("/session/password", {"old": old, "new": new})
    except Refused as refused:
        errors = refused.at("old", "new", "again")
        return desk.show(
            "account/account.html", status=refused.status, errors=errors, done="", sessions=await _sessions(desk)
        )
    return desk.go("/account?done=password")


@post("/account/sessions", status_code=200)
async def end_others(desk: NamedDependency[Desk]) -> Response[Any]:
    await desk.form()
    await desk.door.delete("/sessions")
    return desk.go("/account?done=others")


@post("/account/sessions/{number:int}", status_code=200)
async def end_session(desk: NamedDependency[Desk], number: FromPath[int]) -> Response[Any]:
    await desk.form()
    await desk.door.delete(f"/sessions/{number}")
    return desk.go("/account?done=session")


def own_path(path: str) -> str:
    """`path` if it leads to a page of ours and nowhere else, else the overview."""
    parts = urlsplit(path) if _OWN.fullmatch(path) else None
    return path if parts is not None and not parts.scheme and not parts.netloc else "/"


def browser(agent: str) -> str:
    """What a session's browser calls itself, in a few words."""
    program = next((name for sign, name in _AGENTS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return " on ".join(filter(None, (program, system))) or agent or "Unknown"


async def _at_the_door(
    desk: Desk, errors: dict[str, str], status: int = 200, *, name: str = "", back: str = "/"
) -> Template:
    first = (await desk.door.get("/setup"))["first_owner"]
    return desk.show("account/sign_in.html", status=status, errors=errors, name=name, back=back, first=first)


async def _sessions(desk: Desk) -> list[dict[str, Any]]:
    return [{**one, "browser": browser(one["agent"])} for one in await desk.door.get("/sessions")]


ROUTES: Final[list[ControllerRouterHandler]] = [
    sign_in,
    signed_in,
    sign_out,
    setup,
    set_up,
    account,
    change_password,
    end_others,
    end_session,
]
