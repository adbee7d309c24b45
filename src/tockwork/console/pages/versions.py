"""Pages: versions of the configuration."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import Desk
from tockwork.console.door import Refused

YAML: Final = "application/yaml"


@get("/versions")
async def versions(desk: NamedDependency[Desk], before: FromQuery[str] = "") -> Response[Any]:
    """All versions, newest first."""
    older = before if before.isdigit() and int(before) else ""
    return desk.show("versions/list.html", found=await desk.door.get("/versions", before=older))


@get("/versions/compare")
async def compared(desk: NamedDependency[Desk], old: FromQuery[int], new: FromQuery[int]) -> Response[Any]:
    """What makes one version of another."""
    return desk.show("versions/compare.html", found=await desk.door.get(f"/versions/{old}/diff/{new}"))


@get("/versions/{number:int}")
async def version(desk: NamedDependency[Desk], number: FromPath[int]) -> Response[Any]:
    """One version: what it changed, and what was changed since."""
    return desk.show("versions/one.html", found=await desk.door.get(f"/versions/{number}"), errors={}, lost=[])


@post("/versions/{number:int}", status_code=200)
async def rolled_back(desk: NamedDependency[Desk], number: FromPath[int]) -> Response[Any]:
    """Rolls back, and shows the version that this made."""
    await desk.form()
    try:
        made = await desk.door.post(f"/versions/{number}/restore")
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        found = await desk.door.get(f"/versions/{number}")
        return desk.refused("versions/one.html", refused, found=found, lost=[])
    if not made["lost"]:
        return desk.go(f"/versions/{made['version']}")
    found = await desk.door.get(f"/versions/{made['version']}")
    return desk.show("versions/one.html", found=found, errors={}, lost=made["lost"])


@get("/versions/{number:int}/export")
async def exported(desk: NamedDependency[Desk], number: FromPath[int]) -> Response[bytes]:
    """One version as a YAML file."""
    content = await desk.door.get(f"/versions/{number}/export")
    name = f"tockwork-version-{number}.yaml"
    return Response(content, media_type=YAML, headers={"Content-Disposition": f'attachment; filename="{name}"'})


ROUTES: Final[list[ControllerRouterHandler]] = [versions, compared, version, rolled_back, exported]
