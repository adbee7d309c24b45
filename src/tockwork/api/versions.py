"""Routes of the management API: versions of the configuration."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.types import ControllerRouterHandler

from tockwork.api.access import editor
from tockwork.api.audit import record
from tockwork.api.change_views import ChangeView, views
from tockwork.api.problem import not_found
from tockwork.configuration.entries import Configuration
from tockwork.configuration.export import export
from tockwork.configuration.rollback import roll_back
from tockwork.operations.editing import Editor
from tockwork.operations.mappings import differences
from tockwork.operations.premises import Premises
from tockwork.store.control import Made

TAGS: Final = ["Versions"]
YAML: Final = "application/yaml"
MOST_LISTED: Final = 200
_OLDEST_NUMBER: Final = 2**53


class VersionView(msgspec.Struct, kw_only=True):
    """One version. `at` is when it was made (Unix time), `by` who made it: empty for a command or a file."""

    number: int
    at: float
    by: str
    note: str
    newest: bool


class VersionList(msgspec.Struct, kw_only=True):
    """Versions, newest first; `more` is whether there are older ones."""

    versions: list[VersionView]
    more: bool
    managed_by: str | None


class VersionDetail(VersionView, kw_only=True):
    """One version, whole: what it changed of the one before (0 for nothing before), and what was changed since."""

    before: int
    changes: list[ChangeView]
    since: list[ChangeView]
    managed_by: str | None


class Difference(msgspec.Struct, kw_only=True):
    """What makes version `to` of version `of`."""

    of: int
    to: int
    changes: list[ChangeView]


class Restored(msgspec.Struct, kw_only=True):
    """The new version's number, and the secrets that could not be opened any more and are to be entered again."""

    version: int
    lost: list[str]


@get("/versions", tags=TAGS)
async def versions(
    premises: NamedDependency[Premises],
    limit: Annotated[int, QueryParameter(ge=1, le=MOST_LISTED)] = 50,
    before: Annotated[int, QueryParameter(ge=1, le=_OLDEST_NUMBER)] = _OLDEST_NUMBER,
) -> VersionList:
    """The versions of the configuration, newest first."""
    made = await premises.versions.made(limit + 1, before)
    return VersionList(
        versions=[_view(one, premises.version) for one in made[:limit]],
        more=len(made) > limit,
        managed_by=premises.configuration.managed_by,
    )


@get("/versions/{number:int}", tags=TAGS)
async def version(premises: NamedDependency[Premises], number: FromPath[int]) -> VersionDetail:
    """One version: what it changed, and what was changed since."""
    one = await _made(premises, number)
    before = await premises.versions.made(1, number)
    earlier = before[0].version if before else 0
    content = await _content(premises, number)
    former = await _content(premises, earlier) if earlier else Configuration()
    return VersionDetail(
        **msgspec.structs.asdict(_view(one, premises.version)),
        before=earlier,
        changes=views(differences(former, content)),
        since=views(differences(content, premises.configuration)),
        managed_by=premises.configuration.managed_by,
    )


@get("/versions/{number:int}/diff/{other:int}", tags=TAGS)
async def difference(premises: NamedDependency[Premises], number: FromPath[int], other: FromPath[int]) -> Difference:
    """What makes the other version of this one."""
    old, new = await _content(premises, number), await _content(premises, other)
    return Difference(of=number, to=other, changes=views(differences(old, new)))


@post("/versions/{number:int}/restore", guards=[editor], tags=TAGS, status_code=200)
async def restore(
    request: Request[Any, Any, Any],
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
    number: FromPath[int],
) -> Restored:
    """Roll back: make a new version that says what this one said."""
    await _made(premises, number)
    found = await premises.versions.read(number)
    if found is None:
        raise not_found("version of that number")
    old, unreadable = found
    lost: list[str] = []

    def edit(configuration: Configuration) -> None:
        lost[:] = roll_back(configuration, old, unreadable)

    made = await editing.change(edit, by=request.user.name, note=f"rolled back to version {number}")
    await record(request, "version.restored", about=str(number), detail={"version": made})
    return Restored(version=made, lost=lost)


@get("/versions/{number:int}/export", tags=TAGS, guards=[editor], media_type=YAML)
async def exported(premises: NamedDependency[Premises], number: FromPath[int]) -> Response[bytes]:
    """One version as a YAML file, with references where secrets were."""
    content = export(await _content(premises, number)).encode()
    name = f"tockwork-version-{number}.yaml"
    return Response(content, media_type=YAML, headers={"Content-Disposition": f'attachment; filename="{name}"'})


async def _made(premises: Premises, number: int) -> Made:
    """Raises `Refused` (404) for a version that never was."""
    found = await premises.versions.made(1, number + 1) if 0 < number < _OLDEST_NUMBER else []
    if not found or found[0].version != number:
        raise not_found("version of that number")
    return found[0]


async def _content(premises: Premises, number: int) -> Configuration:
    await _made(premises, number)
    found = await premises.versions.read(number)
    if found is None:
        raise not_found("version of that number")
    return found[0]


def _view(one: Made, newest: int) -> VersionView:
    return VersionView(number=one.version, at=one.at, by=one.by, note=one.note, newest=one.version == newest)


ROUTES: Final[list[ControllerRouterHandler]] = [versions, version, difference, restore, exported]
