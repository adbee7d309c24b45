"""Pages: people, tokens of programs, and the audit log."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Template
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import Desk
from tockwork.console.door import Refused
from tockwork.model.names import named, segment

ROLES: Final = (
    ("viewer", "Viewer"),
    ("editor", "Editor"),
    ("owner", "Owner"),
)
DONE: Final = {
    "role": "The role is changed.",
    "removed": "The account is removed, and its sessions have ended.",
    "token": "The token is removed: it is good for nothing from now on.",
}


@get("/team")
async def team(desk: NamedDependency[Desk], done: FromQuery[str] = "") -> Template:
    return await _shown(desk, done=DONE.get(done, ""))


@post("/team/people", status_code=200)
async def invite(desk: NamedDependency[Desk]) -> Response[Any]:
    form = await desk.form()
    typed = {"name": str(form.get("name", "")), "role": str(form.get("role", ""))}
    try:
        invitation = await desk.door.post("/users", typed)
    except Refused as refused:
        return await _shown(desk, refused.status, person=typed, person_errors=refused.at("name", "role"))
    return await _shown(desk, invitation=_linked(desk, invitation))


@post("/team/people/{name:str}/code", status_code=200)
async def readmit(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    await desk.form()
    invitation = await desk.door.post(f"/users/{segment(named(name))}/code")
    return await _shown(desk, invitation=_linked(desk, invitation))


@post("/team/people/{name:str}/role", status_code=200)
async def change(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    role = str((await desk.form()).get("role", ""))
    try:
        await desk.door.patch(f"/users/{segment(named(name))}", {"role": role})
    except Refused as refused:
        wrong = " ".join(refused.at("role").values())
        return await _shown(desk, refused.status, role=role, role_errors={named(name): wrong})
    return desk.go("/team?done=role")


@post("/team/people/{name:str}/remove", status_code=200)
async def remove(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    await desk.form()
    try:
        await desk.door.delete(f"/users/{segment(named(name))}")
    except Refused as refused:
        return await _shown(desk, refused.status, errors=refused.at())
    return desk.go("/team?done=removed")


@post("/team/tokens", status_code=200)
async def make_token(desk: NamedDependency[Desk]) -> Response[Any]:
    form = await desk.form()
    typed = {"name": str(form.get("token_name", "")), "role": str(form.get("token_role", ""))}
    try:
        made = await desk.door.post("/tokens", typed)
    except Refused as refused:
        found = refused.at("name", "role")
        errors = {f"token_{place}" if place else "": text for place, text in found.items()}
        return await _shown(desk, refused.status, token=typed, token_errors=errors)
    return await _shown(desk, made=made)


@post("/team/tokens/{number:int}/remove", status_code=200)
async def remove_token(desk: NamedDependency[Desk], number: FromPath[int]) -> Response[Any]:
    await desk.form()
    await desk.door.delete(f"/tokens/{number}")
    return desk.go("/team?done=token")


@get("/team/audit")
async def audit(
    desk: NamedDependency[Desk],
    who: FromQuery[str] = "",
    action: FromQuery[str] = "",
    before: FromQuery[str] = "",
) -> Template:
    """What people did. What is asked for in the address are names of accounts, never of people in events."""
    found = await desk.door.get("/audit", who=who, action=action, before=before if before.isdecimal() else "")
    return desk.show("team/audit.html", found=found, who=who, action=action, first=not before)


async def _shown(desk: Desk, status: int = 200, **values: Any) -> Template:
    context = {
        "people": await desk.door.get("/users"),
        "tokens": await desk.door.get("/tokens"),
        "roles": ROLES,
        "done": "",
        "errors": {},
        "role": "",
        "role_errors": {},
        "invitation": None,
        "made": None,
        "person": {"name": "", "role": "viewer"},
        "person_errors": {},
        "token": {"name": "", "role": "viewer"},
        "token_errors": {},
        **values,
    }
    return desk.show("team/team.html", status=status, **context)


def _linked(desk: Desk, invitation: dict[str, Any]) -> dict[str, Any]:
    """With the link under which its bearer finds this console, as whoever made it did."""
    url, headers = desk.request.url, desk.request.headers
    scheme = headers.get("x-forwarded-proto", "").split(",")[0].strip() or url.scheme
    where = f"{'https' if scheme == 'https' else 'http'}://{headers.get('host', url.netloc)}/setup"
    return {**invitation, "link": f"{where}#{invitation['code']}/{quote(invitation['name'], safe='')}"}


ROUTES: Final[list[ControllerRouterHandler]] = [
    team,
    invite,
    readmit,
    change,
    remove,
    make_token,
    remove_token,
    audit,
]
