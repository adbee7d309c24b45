"""Pages: the catalog of destinations, and connecting one of them."""

from __future__ import annotations

from itertools import count
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import Desk
from tockwork.console.door import Refused
from tockwork.console.settings_form import asked, places, shown, typed, without_help
from tockwork.model.names import segment


@get("/catalog")
async def catalog(desk: NamedDependency[Desk], search: FromQuery[str] = "") -> Response[Any]:
    """The destinations that there are; htmx asks for the cards alone, while somebody types."""
    cards = await desk.door.get("/catalog", search=search)
    return desk.show("catalog/cards.html" if desk.partial else "catalog/list.html", cards=cards, search=search)


@get("/catalog/{kind:str}")
async def kind(desk: NamedDependency[Desk], kind: FromPath[str]) -> Response[Any]:
    """What one of them is: before it is connected."""
    return desk.show("catalog/kind.html", kind=await desk.door.get(f"/catalog/{segment(kind)}"))


@get("/catalog/{kind:str}/configure")
async def configure(desk: NamedDependency[Desk], kind: FromPath[str]) -> Response[Any]:
    """The form that connects one."""
    about = await desk.door.get(f"/catalog/{segment(kind)}")
    connected = await desk.door.get("/destinations")
    default = next(pack["name"] for pack in about["packs"] if pack["is_default"])
    values = {
        "name": _free(about["title"], {one["name"] for one in connected}),
        "sources": [],
        "preset_pack": default,
        "enabled": True,
        "sandbox": False,
        "with_pixel": False,
        **shown(about["settings"], {}, "settings"),
        **shown(about["pair_settings"], {}, "pixel"),
    }
    return await _form(desk, about, values)


@post("/catalog/{kind:str}/configure", status_code=200)
async def configured(desk: NamedDependency[Desk], kind: FromPath[str]) -> Response[Any]:
    form = await desk.form()
    about = await desk.door.get(f"/catalog/{segment(kind)}")
    values = typed(form, about)
    body = {
        "kind": about["kind"],
        "name": values["name"] or about["title"],
        "sources": values["sources"] or None,
        "settings": asked(values, about["settings"], "settings"),
        "preset_pack": values["preset_pack"] or None,
        "enabled": values["enabled"],
        "sandbox": values["sandbox"],
        "pixel": asked(values, about["pair_settings"], "pixel") if values["with_pixel"] else None,
    }
    try:
        made = await desk.door.post("/destinations", body)
    except Refused as refused:
        if refused.status == 403:
            raise
        return await _form(desk, about, values, refused)
    return desk.go(f"/destinations/{segment(made['name'])}?done=made")


async def _form(
    desk: Desk, about: dict[str, Any], values: dict[str, Any], refused: Refused | None = None
) -> Response[Any]:
    found = await desk.door.get("/sources")
    wrong = ["name", "sources", "preset_pack", "sandbox", "pixel"]
    wrong = [*places(about["settings"], "settings"), *places(about["pair_settings"], "pixel"), *wrong]
    return desk.show(
        "catalog/configure.html",
        status=422 if refused else 200,
        kind=about,
        values=values,
        errors=without_help(refused.at(*wrong), about) if refused else {},
        sources=[one["name"] for one in found["sources"]],
        browsers=any(one["kind"] == "browser" and one["enabled"] for one in found["sources"]),
        managed_by=found["managed_by"],
        differences=await differences(desk, about, values["preset_pack"]),
    )


async def differences(desk: Desk, about: dict[str, Any], chosen: str) -> dict[str, Any]:
    """What each other pack makes differently of the chosen one, by its name."""
    names = [pack["name"] for pack in about["packs"]]
    if chosen not in names:
        return {}
    path = f"/catalog/{segment(about['kind'])}/differences"
    return {name: await desk.door.get(path, before=chosen, after=name) for name in names if name != chosen}


def _free(title: str, taken: set[str]) -> str:
    if title not in taken:
        return title
    return next(f"{title} {number}" for number in count(2) if f"{title} {number}" not in taken)


ROUTES: Final[list[ControllerRouterHandler]] = [catalog, kind, configure, configured]
