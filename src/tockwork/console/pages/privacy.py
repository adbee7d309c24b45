"""Pages: what is kept for how long, of whom nothing is sent, who was deleted, and what destinations may be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Template
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import Desk
from tockwork.console.door import Refused
from tockwork.model.names import named, segment

PAGE: Final = 100
SUPPRESSION: Final = "/privacy/suppression"
DELETIONS: Final = "/privacy/deletions"
FIELDS: Final = "/privacy/fields"
PLACES: Final = ("consent.mode", "consent.missing", "consent", "opt_out", "fields")
_CONFIRM: Final = "Tick this first: a deletion cannot be undone"
_NOBODY: Final = "Name a person at least."


@get("/privacy")
async def retention(desk: NamedDependency[Desk]) -> Template:
    return desk.show("privacy/retention.html", privacy=await desk.door.get("/privacy"))


@get("/privacy/hashed")
async def hashed(desk: NamedDependency[Desk]) -> Template:
    return desk.show("privacy/hashed.html", privacy=await desk.door.get("/privacy"))


@get(SUPPRESSION)
async def suppression(
    desk: NamedDependency[Desk],
    offset: FromQuery[int] = 0,
    added: FromQuery[int | None] = None,
    removed: FromQuery[int | None] = None,
) -> Template:
    return desk.show(
        "privacy/suppression.html", **await _suppression(desk, offset), added=added, removed=removed, typed={}
    )


@post(SUPPRESSION)
async def suppress(desk: NamedDependency[Desk]) -> Response[Any] | Template:
    form = await desk.form()
    people, destination = _lines(form, "people"), str(form.get("destination", ""))
    try:
        done = await desk.door.post("/privacy/suppressions", {"people": people, "destination": destination})
    except Refused as refused:
        values = {**await _suppression(desk), "added": None, "removed": None, "typed": _typed(form)}
        return _again(desk, "privacy/suppression.html", refused, form, values)
    return desk.go(f"{SUPPRESSION}?added={done['changed']}")


@post(f"{SUPPRESSION}/remove")
async def release(desk: NamedDependency[Desk]) -> Response[Any] | Template:
    """Takes one entry off by its mark, or people by what they are known by."""
    form = await desk.form()
    mark, destination = str(form.get("mark", "")), str(form.get("destination", ""))
    body = {"mark": mark} if mark else {"people": _lines(form, "released")}
    try:
        done = await desk.door.post("/privacy/suppressions/remove", {**body, "destination": destination})
    except Refused as refused:
        values = {**await _suppression(desk), "added": None, "removed": None, "typed": _typed(form)}
        return _again(desk, "privacy/suppression.html", refused, form, values, "released")
    return desk.go(f"{SUPPRESSION}?removed={done['changed']}")


async def _suppression(desk: Desk, offset: int = 0) -> dict[str, Any]:
    listed = await desk.door.get("/privacy/suppressions", limit=PAGE, offset=max(0, offset))
    privacy = await desk.door.get("/privacy")
    return {"listed": listed, "privacy": privacy, "offset": max(0, offset), "page": PAGE}


@get(DELETIONS)
async def deletions(
    desk: NamedDependency[Desk], offset: FromQuery[int] = 0, asked: FromQuery[int | None] = None
) -> Template:
    template = "privacy/deletions_list.html" if desk.partial else "privacy/deletions.html"
    return desk.show(template, **await _deletions(desk, offset), asked=asked, typed={})


@post(DELETIONS)
async def delete_people(desk: NamedDependency[Desk]) -> Response[Any] | Template:
    form = await desk.form()
    if form.get("confirm") != "true":
        values = {**await _deletions(desk), "asked": None, "typed": _typed(form)}
        return desk.show("privacy/deletions.html", status=422, errors={"confirm": _CONFIRM}, **values)
    try:
        done = await desk.door.post("/privacy/deletions", {"people": _lines(form, "people")})
    except Refused as refused:
        values = {**await _deletions(desk), "asked": None, "typed": _typed(form)}
        return _again(desk, "privacy/deletions.html", refused, form, values)
    return desk.go(f"{DELETIONS}?asked={done['changed']}")


async def _deletions(desk: Desk, offset: int = 0) -> dict[str, Any]:
    listed = await desk.door.get("/privacy/deletions", limit=PAGE, offset=max(0, offset))
    return {"listed": listed, "offset": max(0, offset), "page": PAGE}


@get(FIELDS)
async def fields(desk: NamedDependency[Desk]) -> Template:
    return desk.show("privacy/fields.html", privacy=await desk.door.get("/privacy"))


@get(FIELDS + "/{name:str}")
async def destination(desk: NamedDependency[Desk], name: FromPath[str], saved: FromQuery[bool] = False) -> Template:
    privacy, one = await _destination(desk, named(name))
    return desk.show("privacy/destination.html", privacy=privacy, one=one, chosen=_chosen(one["privacy"]), saved=saved)


@post(FIELDS + "/{name:str}")
async def change_destination(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any] | Template:
    form, known = await desk.form(), named(name)
    body = _body(form)
    try:
        await desk.door.put(f"/destinations/{segment(known)}/privacy", body)
    except Refused as refused:
        privacy, one = await _destination(desk, known)
        values = {"privacy": privacy, "one": one, "chosen": _chosen(body, form), "saved": False}
        return desk.refused("privacy/destination.html", refused, *PLACES, **values)
    return desk.go(f"{FIELDS}/{segment(known)}?saved=true")


async def _destination(desk: Desk, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    privacy = await desk.door.get("/privacy")
    found = next((one for one in privacy["destinations"] if one["name"] == name), None)
    if found is None:
        raise Refused(404, "not_found", "There is no destination with this name.", [])
    return privacy, found


def _body(form: FormMultiDict) -> dict[str, Any]:
    """The form as the API takes it. No category means that nobody is asked for consent."""
    categories = _lines(form, "categories")
    listed = str(form.get("listed", ""))
    chosen = [str(name) for name in form.getall("field", [])]
    consent = {"categories": categories, "mode": str(form.get("mode")), "missing": str(form.get("missing"))}
    return {
        "consent": consent if categories else None,
        "opt_out": str(form.get("opt_out", "ignore")),
        "fields": {listed: chosen} if listed in ("allow", "deny") else None,
    }


def _chosen(privacy: dict[str, Any], form: FormMultiDict | None = None) -> dict[str, Any]:
    """What a form shows: of a destination's privacy, or of what was typed."""
    consent, lists = privacy.get("consent") or {}, privacy.get("fields") or {}
    listed = next((kind for kind in ("allow", "deny") if lists.get(kind) is not None), "")
    return {
        "categories": str(form.get("categories", "")) if form else "\n".join(consent.get("categories", [])),
        "mode": consent.get("mode", str(form.get("mode", "all")) if form else "all"),
        "missing": consent.get("missing", str(form.get("missing", "block")) if form else "block"),
        "opt_out": privacy.get("opt_out", "ignore"),
        "listed": listed,
        "fields": [str(name) for name in form.getall("field", [])] if form else lists.get(listed) or [],
    }


def _lines(form: FormMultiDict, name: str) -> list[str]:
    return [line.strip() for line in str(form.get(name, "")).splitlines() if line.strip()]


def _typed(form: FormMultiDict) -> dict[str, str]:
    return {str(name): str(value) for name, value in form.items()}


def _again(
    desk: Desk, template: str, refused: Refused, form: FormMultiDict, values: dict[str, Any], name: str = "people"
) -> Template:
    """The form again, each problem with the number of its line."""
    text = str(form.get(name, ""))
    numbers = [number for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return desk.show(template, status=422, errors=_numbered(refused, numbers, name), refused=refused, **values)


def _numbered(refused: Refused, numbers: Sequence[int], name: str) -> dict[str, str]:
    errors = refused.at("people", "destination", "mark")
    found = []
    for problem in refused.problems:
        place = problem.where.removeprefix("people[").removesuffix("]")
        if place != problem.where and place.isdigit() and int(place) < len(numbers):
            found.append(f"Line {numbers[int(place)]} {problem}.".replace("..", "."))
    said = " ".join(found) or (errors.get("people", "") if numbers else _NOBODY)
    errors.pop("people", None)
    return {**errors, name: said} if said else errors


ROUTES: Final[list[ControllerRouterHandler]] = [
    retention,
    hashed,
    suppression,
    suppress,
    release,
    deletions,
    delete_people,
    fields,
    destination,
    change_destination,
]
