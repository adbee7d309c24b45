"""Pages: a destination's mappings, one mapping's editor, preset packs, and what was exported from Segment."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import Desk
from tockwork.console.door import Refused
from tockwork.console.pages import mapping_editor
from tockwork.model.names import named, segment

DONE: Final = {
    "saved": "Saved. A running server goes on with it at once.",
    "added": "The mapping is there. A running server goes on with it at once.",
    "deleted": "Deleted. The version before stays under Versions.",
    "enabled": "Switched on.",
    "disabled": "Switched off: events that only it takes are filtered.",
    "ordered": "Moved.",
    "restored": "The presets are as they were.",
    "switched": "The pack is installed. The version before stays under Versions.",
    "imported": "Imported.",
}


def address(name: str, below: str = "") -> str:
    return f"/destinations/{segment(name)}{below}"


@get("/destinations/{name:str}/mappings")
async def mappings(desk: NamedDependency[Desk], name: FromPath[str], done: FromQuery[str] = "") -> Response[Any]:
    """A destination's mappings."""
    return await _listed(desk, named(name), done=DONE.get(done, ""))


@post("/destinations/{name:str}/mapping-actions", status_code=200)
async def acted(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    """A button of the list: it switches, moves, deletes or restores."""
    form, place = await desk.form(), address(named(name))
    verb, one = str(form.get("do", "")), str(form.get("mapping", ""))
    at = f"{place}/mappings/{segment(one)}"
    try:
        match verb:
            case "enable" | "disable":
                await desk.door.patch(at, {"enabled": verb == "enable"})
            case "delete":
                await desk.door.delete(at)
            case "up" | "down":
                await _move(desk, place, one, -1 if verb == "up" else 1)
            case "restore":
                await desk.door.post(f"{place}/presets", {"names": [one] if one else []})
    except Refused as refused:
        if refused.status not in (404, 409, 422):
            raise
        return await _listed(desk, named(name), refused=refused)
    done = {"enable": "enabled", "disable": "disabled", "delete": "deleted", "up": "ordered", "down": "ordered"}
    return desk.go(f"{place}/mappings?done={done.get(verb, 'restored')}")


@get("/destinations/{name:str}/mapping-pack")
async def pack(
    desk: NamedDependency[Desk], name: FromPath[str], pack: FromQuery[str] = "", discard: FromQuery[str] = ""
) -> Response[Any]:
    """What installing another pack would change."""
    return await _pack(desk, named(name), pack, bool(discard))


@post("/destinations/{name:str}/mapping-pack", status_code=200)
async def switched(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    form, place = await desk.form(), address(named(name))
    chosen, discard = str(form.get("pack", "")), bool(form.get("discard"))
    try:
        await desk.door.put(f"{place}/packs/{segment(chosen)}", {"keep_own": not discard})
    except Refused as refused:
        if refused.status not in (404, 409, 422):
            raise
        return await _pack(desk, named(name), "", discard, refused=refused)
    return desk.go(f"{place}/mappings?done=switched")


@get("/destinations/{name:str}/mapping-import")
async def importing(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    """Where an export of Segment's is pasted."""
    found = await desk.door.get(f"{address(named(name))}/mappings")
    return desk.show("mappings/import.html", found=found, content="", errors={}, result=None)


@post("/destinations/{name:str}/mapping-import", status_code=200)
async def imported(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    form, place = await desk.form(), address(named(name))
    content = str(form.get("content", ""))
    found = await desk.door.get(f"{place}/mappings")
    try:
        result = await desk.door.post(f"{place}/mapping-import", {"content": content})
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return desk.refused("mappings/import.html", refused, "content", found=found, content=content, result=None)
    return desk.show("mappings/import.html", found=found, content="", errors={}, result=result)


@get("/import")
async def importing_destination(desk: NamedDependency[Desk]) -> Response[Any]:
    """Where a whole destination of Segment's is pasted."""
    kinds = await _kinds(desk)
    values = {"content": "", "name": "", "kind": ""}
    return desk.show("mappings/import_destination.html", kinds=kinds, values=values, errors={}, result=None)


@post("/import", status_code=200)
async def imported_destination(desk: NamedDependency[Desk]) -> Response[Any]:
    form = await desk.form()
    values = {key: str(form.get(key, "")) for key in ("content", "name", "kind")}
    told: dict[str, Any] = {"kinds": await _kinds(desk), "values": values}
    try:
        result = await desk.door.post("/import", values)
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return desk.refused("mappings/import_destination.html", refused, *values, result=None, **told)
    return desk.show("mappings/import_destination.html", errors={}, result=result, **told)


async def _listed(desk: Desk, name: str, *, done: str = "", refused: Refused | None = None) -> Response[Any]:
    found = await desk.door.get(f"{address(name)}/mappings")
    errors = refused.at() if refused else {}
    return desk.show(
        "mappings/list.html", status=422 if refused else 200, found=found, done=done, errors=errors, place=address(name)
    )


async def _pack(desk: Desk, name: str, chosen: str, discard: bool, refused: Refused | None = None) -> Response[Any]:
    found = await desk.door.get(f"{address(name)}/mappings")
    others = [one["name"] for one in found["packs"] if not one["installed"]]
    chosen = chosen if chosen in {one["name"] for one in found["packs"]} else (others or [found["pack"]])[0]
    difference = await desk.door.get(
        f"{address(name)}/packs/{segment(chosen)}/diff", keep_own="false" if discard else "true"
    )
    return desk.show(
        "mappings/pack.html",
        status=422 if refused else 200,
        found=found,
        chosen=chosen,
        discard=discard,
        changes=difference["changes"],
        errors=refused.at() if refused else {},
        place=address(name),
    )


async def _move(desk: Desk, place: str, one: str, by: int) -> None:
    found = await desk.door.get(f"{place}/mappings")
    names = [each["name"] for each in found["mappings"]]
    if one in names:
        at = names.index(one)
        names.insert(max(0, at + by), names.pop(at))
        await desk.door.put(f"{place}/mapping-order", {"names": names})


async def _kinds(desk: Desk) -> list[tuple[str, str]]:
    return [("", "As the export says"), *((one["kind"], one["title"]) for one in await desk.door.get("/catalog"))]


ROUTES: Final[list[ControllerRouterHandler]] = [
    mappings,
    acted,
    pack,
    switched,
    importing,
    imported,
    importing_destination,
    imported_destination,
    *mapping_editor.ROUTES,
]
