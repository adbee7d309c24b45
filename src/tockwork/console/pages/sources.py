"""Pages: sources, their write keys, and what to paste into a client."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import Desk
from tockwork.console.door import Refused
from tockwork.model.names import named, segment

KINDS: Final = (
    ("browser", "Browser: a website's pages"),
    ("server", "Server: a backend"),
    ("file", "File: imported files"),
)
PLACES: Final = ("name", "kind", "allowed_origins", "cookie_domain")
DONE: Final = {
    "made": "The source is there. Paste a snippet into your client, and its events show up under Live events.",
    "saved": "Saved.",
    "rotated": "There is a new write key. Clients with the former one are refused from now on.",
}


@get("/sources")
async def sources(desk: NamedDependency[Desk]) -> Response[Any]:
    """All sources."""
    found = await desk.door.get("/sources")
    return desk.show("sources/list.html", sources=found["sources"], managed_by=found["managed_by"])


@get("/new-source")
async def new(desk: NamedDependency[Desk]) -> Response[Any]:
    values = {"name": "", "kind": "browser", "enabled": True, "allowed_origins": "", "cookie_domain": ""}
    return desk.show("sources/new.html", values=values, errors={}, kinds=KINDS)


@post("/new-source", status_code=200)
async def made(desk: NamedDependency[Desk]) -> Response[Any]:
    values = _typed(await desk.form())
    try:
        await desk.door.post("/sources", _asked(values))
    except Refused as refused:
        if refused.status == 403:
            raise
        return desk.refused("sources/new.html", refused, *PLACES, values=values, kinds=KINDS)
    return desk.go(f"/sources/{segment(values['name'])}?done=made")


@get("/sources/{name:str}")
async def source(
    desk: NamedDependency[Desk], name: FromPath[str], language: FromQuery[str] = "", done: FromQuery[str] = ""
) -> Response[Any]:
    """One source: its key, snippets and settings."""
    return await _one(desk, named(name), language=language, done=DONE.get(done, ""))


@post("/sources/{name:str}", status_code=200)
async def saved(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    values = _typed(await desk.form())
    try:
        await desk.door.patch(f"/sources/{segment(named(name))}", _asked(values))
    except Refused as refused:
        if refused.status == 403:
            raise
        return await _one(desk, named(name), values=values, refused=refused)
    return desk.go(f"/sources/{segment(values['name'])}?done=saved")


@get("/sources/{name:str}/rotate")
async def ask_to_rotate(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    """Asks before clients are refused."""
    return await _question(desk, named(name), "rotate")


@get("/sources/{name:str}/delete")
async def ask_to_delete(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    """Asks before a source goes."""
    return await _question(desk, named(name), "delete")


@post("/sources/{name:str}/rotate", status_code=200)
async def rotated(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    await desk.form()
    await desk.door.post(f"/sources/{segment(named(name))}/write-key")
    return desk.go(f"/sources/{segment(named(name))}?done=rotated")


@post("/sources/{name:str}/delete", status_code=200)
async def deleted(desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    await desk.form()
    path = f"/sources/{segment(named(name))}"
    try:
        await desk.door.delete(path)
    except Refused as refused:
        if refused.status != 409:
            raise
        found = await desk.door.get(path)
        return desk.refused("sources/question.html", refused, source=found, question="delete")
    return desk.go("/sources")


async def _question(desk: Desk, name: str, question: str) -> Response[Any]:
    found = await desk.door.get(f"/sources/{segment(name)}")
    return desk.show("sources/question.html", source=found, question=question, errors={})


async def _one(
    desk: Desk,
    name: str,
    *,
    language: str = "",
    done: str = "",
    values: dict[str, Any] | None = None,
    refused: Refused | None = None,
) -> Response[Any]:
    path = f"/sources/{segment(name)}"
    found = await desk.door.get(path)
    told = await desk.door.get(f"{path}/snippets")
    everything = await desk.door.get("/sources")
    chosen = next((one for one in told["snippets"] if one["language"] == language), told["snippets"][0])
    return desk.show(
        "sources/one.html",
        status=422 if refused else 200,
        source=found,
        url=told["url"],
        snippets=told["snippets"],
        chosen=chosen,
        values=values or {**found, "allowed_origins": "\n".join(found["allowed_origins"])},
        errors=refused.at(*PLACES) if refused else {},
        kinds=KINDS,
        done=done,
        managed_by=everything["managed_by"],
    )


def _typed(form: FormMultiDict) -> dict[str, Any]:
    texts = {member: str(form.get(member, "")).strip() for member in PLACES}
    return {**texts, "enabled": form.get("enabled") == "true"}


def _asked(values: dict[str, Any]) -> dict[str, Any]:
    origins = [one.rstrip("/") for one in re.split(r"[\s,]+", values["allowed_origins"]) if one]
    return {**values, "allowed_origins": origins}


ROUTES: Final[list[ControllerRouterHandler]] = [
    sources,
    new,
    made,
    source,
    saved,
    ask_to_rotate,
    rotated,
    ask_to_delete,
    deleted,
]
