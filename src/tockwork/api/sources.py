"""Routes of the management API: sources, their write keys, and what to paste into a client."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from tockwork.api.access import Role, editor
from tockwork.api.audit import record
from tockwork.api.places import changed
from tockwork.api.problem import Refused, not_found
from tockwork.api.snippets import HIDDEN_KEY, Snippet, snippets
from tockwork.configuration.entries import Configuration, SourceEntry
from tockwork.model.names import named
from tockwork.operations.editing import Editor
from tockwork.operations.premises import Premises
from tockwork.store.overview import Arrived, Overview

KEY_BYTES: Final = 16
TAGS: Final = ["Sources"]


class SourceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A source. Viewers get no write key. `events` are those it ever sent, `events_last_day` those of the last 24
    hours; `last_seen_at` is Unix time in seconds, to the minute, None for one that sent nothing of late.
    `destinations` are the names of those that take its events."""

    name: str
    kind: str
    enabled: bool
    write_key: str | None
    allowed_origins: list[str]
    cookie_domain: str
    events: int
    events_last_day: int
    last_seen_at: float | None
    destinations: list[str]


class SourcesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All sources. `managed_by` is the file that manages the configuration, None where people do."""

    sources: list[SourceAnswer]
    managed_by: str | None = None


class NewSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A source to be made; its write key is made with it."""

    name: str
    kind: str = "browser"
    enabled: bool = True
    allowed_origins: list[str] = []
    cookie_domain: str = ""


class SourceChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a source; the rest stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    kind: str | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    allowed_origins: list[str] | msgspec.UnsetType = msgspec.UNSET
    cookie_domain: str | msgspec.UnsetType = msgspec.UNSET


class SnippetsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What to paste into clients of one source, those that suit its kind first. `url` is where they send."""

    url: str
    snippets: list[Snippet]


@get("/sources", tags=TAGS)
async def list_sources(request: Request[Any, Any, Any], premises: NamedDependency[Premises]) -> SourcesAnswer:
    """All sources."""
    arrived = await _arrived(premises)
    found = [_answer(request, premises, entry, arrived) for entry in premises.configuration.sources]
    return SourcesAnswer(sources=found, managed_by=premises.configuration.managed_by)


@post("/sources", tags=TAGS, guards=[editor])
async def create_source(
    request: Request[Any, Any, Any],
    data: JSONBody[NewSource],
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
) -> SourceAnswer:
    """Make a source, with a write key of its own."""

    def add(configuration: Configuration) -> str:
        configuration.sources.append(SourceEntry(write_key=new_key(), **msgspec.structs.asdict(data)))
        return f"sources[{len(configuration.sources) - 1}]"

    await changed(editing, add, by=request.user.name, note="source added")
    await record(request, "source.added", about=data.name, detail={"kind": data.kind})
    return await _newest(request, premises, data.name)


@get("/sources/{name:str}", tags=TAGS)
async def read_source(
    request: Request[Any, Any, Any], name: FromPath[str], premises: NamedDependency[Premises]
) -> SourceAnswer:
    """One source."""
    return _answer(request, premises, _known(premises.configuration, named(name)), await _arrived(premises))


@patch("/sources/{name:str}", tags=TAGS, guards=[editor])
async def change_source(
    request: Request[Any, Any, Any],
    name: FromPath[str],
    data: JSONBody[SourceChange],
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
) -> SourceAnswer:
    """Change a source. Under a new name it stays the same source: its destinations go on taking its events."""
    former = named(name)
    wanted = {member: value for member, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}

    def change(configuration: Configuration) -> str:
        entry = _known(configuration, former)
        for member, value in wanted.items():
            setattr(entry, member, value)
        for destination in configuration.destinations:
            if destination.sources is not None:
                destination.sources = [entry.name if one == former else one for one in destination.sources]
        return f"sources[{configuration.sources.index(entry)}]"

    await changed(editing, change, by=request.user.name, note="source changed")
    await record(request, "source.changed", about=former, detail={"members": sorted(wanted)})
    return await _newest(request, premises, wanted.get("name", former))


@post("/sources/{name:str}/write-key", tags=TAGS, guards=[editor], status_code=200)
async def rotate_write_key(
    request: Request[Any, Any, Any],
    name: FromPath[str],
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
) -> SourceAnswer:
    """Give a source a new write key. Clients with the former one are refused from now on."""

    def rotate(configuration: Configuration) -> str:
        entry = _known(configuration, named(name))
        entry.write_key = new_key()
        return f"sources[{configuration.sources.index(entry)}]"

    await changed(editing, rotate, by=request.user.name, note="write key rotated")
    await record(request, "source.write_key_rotated", about=named(name))
    return await _newest(request, premises, named(name))


@delete("/sources/{name:str}", tags=TAGS, guards=[editor])
async def delete_source(request: Request[Any, Any, Any], name: FromPath[str], editing: NamedDependency[Editor]) -> None:
    """Delete a source. Its clients are refused from now on; events that were accepted stay."""

    def remove(configuration: Configuration) -> str:
        entry = _known(configuration, named(name))
        alone = [one.name for one in configuration.destinations if one.sources == [entry.name]]
        if alone:
            detail = f"It is the only source of {', '.join(map(repr, alone))}: choose another there first."
            raise Refused(409, "only_source", detail)
        for destination in configuration.destinations:
            if destination.sources is not None:
                destination.sources = [one for one in destination.sources if one != entry.name]
        place = configuration.sources.index(entry)
        del configuration.sources[place]
        return f"sources[{place}]"

    await changed(editing, remove, by=request.user.name, note="source deleted")
    await record(request, "source.deleted", about=named(name))


@get("/sources/{name:str}/snippets", tags=TAGS)
async def list_snippets(
    request: Request[Any, Any, Any], name: FromPath[str], premises: NamedDependency[Premises]
) -> SnippetsAnswer:
    """What to paste into clients, for each language. Viewers get it with a placeholder for the write key."""
    entry = _known(premises.configuration, named(name))
    key = entry.write_key if _edits(request) else HIDDEN_KEY
    return SnippetsAnswer(url=premises.tracking_url, snippets=snippets(entry.kind, premises.tracking_url, key))


def new_key() -> str:
    """A write key that nobody can guess."""
    return secrets.token_urlsafe(KEY_BYTES)


def _known(configuration: Configuration, name: str) -> SourceEntry:
    found = next((entry for entry in configuration.sources if entry.name == name), None)
    if found is None:
        raise not_found("source of this name")
    return found


def _edits(request: Request[Any, Any, Any]) -> bool:
    return bool(request.user.role.may(Role.EDITOR))


async def _arrived(premises: Premises) -> Mapping[str, Arrived]:
    return await Overview(premises.store.database).arrived(time.time())


async def _newest(request: Request[Any, Any, Any], premises: Premises, name: str) -> SourceAnswer:
    await premises.refresh()
    return _answer(request, premises, _known(premises.configuration, name), await _arrived(premises))


def _answer(
    request: Request[Any, Any, Any], premises: Premises, entry: SourceEntry, arrived: Mapping[str, Arrived]
) -> SourceAnswer:
    came = arrived.get(entry.name, Arrived())
    return SourceAnswer(
        name=entry.name,
        kind=entry.kind,
        enabled=entry.enabled,
        write_key=entry.write_key if _edits(request) else None,
        allowed_origins=list(entry.allowed_origins),
        cookie_domain=entry.cookie_domain,
        events=came.events,
        events_last_day=came.last_day,
        last_seen_at=came.last_at,
        destinations=[
            one.name for one in premises.configuration.destinations if one.sources is None or entry.name in one.sources
        ],
    )


ROUTES: Final[list[ControllerRouterHandler]] = [
    list_sources,
    create_source,
    read_source,
    change_source,
    rotate_write_key,
    delete_source,
    list_snippets,
]
