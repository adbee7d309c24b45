"""Pages: connected destinations and their settings."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import OUTDATED, Desk
from tockwork.console.door import Refused
from tockwork.console.pages.catalog import differences
from tockwork.console.settings_form import asked, places, shown, typed, without_help
from tockwork.model.names import named, segment

DONE: Final = {
    "made": "It is connected. Test it, then send an event and watch it under Live events.",
    "saved": "Saved. A running server goes on with it at once.",
}
ORDER: Final = ("error", "warning", "advice")
_MAPPING: Final = re.compile(r"mappings\[(\d+)\][\w.]*: ")
"""What a finding about one mapping begins with."""


@get("/destinations")
async def destinations(desk: NamedDependency[Desk]) -> Response[Any]:
    """All connected destinations."""
    found = await desk.door.get("/destinations")
    managed_by = next((one["managed_by"] for one in found), None)
    delivering = {one["name"]: one for one in (await desk.door.get("/delivery"))["destinations"]}
    return desk.show("destinations/list.html", destinations=found, delivering=delivering, managed_by=managed_by)


@get("/destinations/{name:str}")
async def destination(desk: NamedDependency[Desk], name: FromPath[str], done: FromQuery[str] = "") -> Response[Any]:
    """One destination's settings."""
    return await _settings(desk, named(name), done=DONE.get(done, ""))


@post("/destinations/{name:str}", status_code=200)
async def saved(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    form = await desk.form()
    path = f"/destinations/{segment(named(name))}"
    found = await desk.door.get(path)
    about = await desk.door.get(f"/catalog/{found['kind']}")
    values = typed(form, about) | {"revision": str(form.get("revision", ""))}
    body: dict[str, Any] = {
        "revision": values["revision"],
        "enabled": values["enabled"],
        "sandbox": values["sandbox"],
        "sources": values["sources"] or None,
        "settings": asked(values, about["settings"], "settings"),
        "pixel": asked(values, about["pair_settings"], "pixel") if values["with_pixel"] else None,
    }
    if values["preset_pack"] and (found["presets"] or values["discard_mappings"]):
        body |= {"preset_pack": values["preset_pack"], "discard_mappings": values["discard_mappings"]}
    try:
        await desk.door.patch(path, body)
    except Refused as refused:
        if refused.status == 403:
            raise
        if refused.code == "outdated":
            refused.detail = OUTDATED
            values["revision"] = (await desk.door.get(path))["revision"]
        return await _settings(desk, named(name), values=values, refused=refused)
    return desk.go(f"{path}?done=saved")


@post("/destinations/{name:str}/test", status_code=200)
async def tested(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    """A real call; htmx puts what came of it below the button."""
    form = await desk.form()
    code = str(form.get("test_event_code", "")).strip()
    path = f"/destinations/{segment(named(name))}"
    told: dict[str, Any] = {"test_event_code": code, "test": None, "test_errors": {}}
    try:
        told["test"] = await desk.door.post(f"{path}/test", {"test_event_code": code})
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        told["test_errors"] = refused.at("test_event_code")
    if desk.partial:
        about, status = await desk.door.get(path), 422 if told["test_errors"] else 200
        return desk.show("destinations/test.html", status=status, destination=about, **told)
    return await _settings(desk, named(name), **told)


@get("/destinations/{name:str}/delete")
async def question(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    """Asks before it removes one."""
    found = await desk.door.get(f"/destinations/{segment(named(name))}")
    return desk.show("destinations/delete.html", destination=found)


@post("/destinations/{name:str}/delete", status_code=200)
async def deleted(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    await desk.form()
    await desk.door.delete(f"/destinations/{segment(named(name))}")
    return desk.go("/destinations")


async def _settings(
    desk: Desk,
    name: str,
    *,
    done: str = "",
    values: dict[str, Any] | None = None,
    refused: Refused | None = None,
    **told: Any,
) -> Response[Any]:
    path = f"/destinations/{segment(name)}"
    found = await desk.door.get(path)
    about = await desk.door.get(f"/catalog/{found['kind']}")
    listed = await desk.door.get("/sources")
    wrong = ["sources", "preset_pack", "sandbox", "pixel"]
    wrong = [*places(about["settings"], "settings"), *places(about["pair_settings"], "pixel"), *wrong]
    mapped = [one["name"] for one in (await desk.door.get(f"{path}/mappings"))["mappings"]]
    labels = {f"settings.{setting['key']}": setting["label"] for setting in about["settings"]}
    said = [one for one in await desk.door.get(f"{path}/findings") if one["level"] in ORDER]
    findings = [_placed(one, name, mapped, labels) for one in said]
    return desk.show(
        "destinations/one.html",
        status=422 if refused or told.get("test_errors") else 200,
        destination=found,
        kind=about,
        values=values or _values(found, about),
        errors=without_help(refused.at(*wrong), about) if refused else {},
        sources=[one["name"] for one in listed["sources"]],
        browsers=any(one["kind"] == "browser" and one["enabled"] for one in listed["sources"]),
        findings=sorted(findings, key=lambda one: ORDER.index(one["level"])),
        differences=await differences(desk, about, found["preset_pack"]),
        managed_by=found["managed_by"],
        done=done,
        **{"test": None, "test_errors": {}, "test_event_code": "", **told},
    )


def _placed(finding: dict[str, Any], name: str, mapped: list[str], labels: dict[str, str]) -> dict[str, Any]:
    """A finding with its place in the words of the page: empty for the destination as a whole."""
    where, what = finding["where"].removeprefix(f"destination {name!r}").removeprefix(", "), finding["what"]
    if found := _MAPPING.match(what):
        where, what = mapped[int(found[1])], what[found.end() :]
    where = labels.get(where, where)
    return {**finding, "where": where, "what": what if where else what[:1].upper() + what[1:]}


def _values(found: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    return {
        "revision": found["revision"],
        "name": found["name"],
        "sources": found["sources"] or [],
        "preset_pack": found["preset_pack"],
        "enabled": found["enabled"],
        "sandbox": found["sandbox"],
        "with_pixel": found["pixel"] is not None,
        "discard_mappings": False,
        **shown(about["settings"], found["settings"], "settings"),
        **shown(about["pair_settings"], found["pixel"] or {}, "pixel"),
    }


ROUTES: Final[list[ControllerRouterHandler]] = [destinations, destination, saved, tested, question, deleted]
