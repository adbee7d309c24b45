"""Routes of the management API: a destination's mappings, their packs and presets."""

from __future__ import annotations

import time
from typing import Final

import msgspec
from litestar import delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from tockwork.api import mapping_imports, previews
from tockwork.api.access import editor
from tockwork.api.change_views import ChangeView, views
from tockwork.api.mapping_edits import Caller, Changed, MappingBody, MappingChange, change, checked, entry_of, written
from tockwork.api.mapping_views import ActionView, MappingDetail, MappingList, PackSummary, fields, summary
from tockwork.api.problem import not_found
from tockwork.configuration.entries import DestinationEntry
from tockwork.destinations.configured import pack_name
from tockwork.destinations.declare import MAX_MAPPINGS
from tockwork.model.errors import ConfigurationError
from tockwork.model.names import named
from tockwork.operations import mappings as kept
from tockwork.operations.editing import Editor
from tockwork.operations.premises import Premises
from tockwork.operations.preview import Candidate
from tockwork.rules import conditions
from tockwork.store.mapping_counts import MappingCounts, mapping_counts

TAGS: Final = ["Mappings"]
DAY_S: Final = 86_400.0


class Enabled(msgspec.Struct, forbid_unknown_fields=True):
    enabled: bool


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """The names of all mappings, in their new order."""

    names: list[str]


class Restore(msgspec.Struct, forbid_unknown_fields=True):
    """The presets to restore, by name; none for all that are missing."""

    names: list[str] = []


class Switch(msgspec.Struct, forbid_unknown_fields=True):
    """With `keep_own`, mappings of one's own and changed presets stay."""

    keep_own: bool = True


class PackDifference(msgspec.Struct, kw_only=True):
    """What installing a pack changes, mapping by mapping."""

    pack: str
    changes: list[ChangeView]


@get("/destinations/{name:str}/mappings", tags=TAGS)
async def mappings(premises: NamedDependency[Premises], name: FromPath[str]) -> MappingList:
    """A destination's mappings, with their counts of the last 24 hours."""
    entry = entry_of(premises, name)
    destination = kept.declared(entry)
    counts = await _counts(premises, entry)
    installed = pack_name(destination, entry.preset_pack)
    return MappingList(
        destination=entry.name,
        kind=entry.kind,
        title=destination.title,
        in_browser=entry.in_browser,
        enabled=entry.enabled,
        on_presets=entry.mappings is None,
        pack=installed,
        packs=[
            PackSummary(name=pack, installed=pack == installed, presets=[preset.name for preset in presets])
            for pack, presets in destination.packs.items()
        ],
        missing=kept.missing(entry),
        limit=MAX_MAPPINGS,
        managed_by=premises.configuration.managed_by,
        mappings=[summary(entry, mapping, counts) for mapping in kept.listed(entry)],
    )


@get("/destinations/{name:str}/mappings/{mapping:str}", tags=TAGS)
async def mapping(premises: NamedDependency[Premises], name: FromPath[str], mapping: FromPath[str]) -> MappingDetail:
    """One mapping, whole."""
    entry = entry_of(premises, name)
    for position, one in enumerate(kept.listed(entry)):
        if one["name"] == named(mapping):
            shown = summary(entry, one, await _counts(premises, entry))
            return MappingDetail(
                **msgspec.structs.asdict(shown),
                fields=one["fields"],
                position=position,
                advice=_advice(entry, one),
                tree=conditions.tree(one["trigger"]),
            )
    raise not_found("mapping of that name")


@post("/destinations/{name:str}/mappings", guards=[editor], tags=TAGS)
async def add(
    request: Caller,
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
    name: FromPath[str],
    data: JSONBody[MappingBody],
) -> Changed:
    """Add a mapping after the others."""
    new = written(data)
    checked(entry_of(premises, name), new)
    note = f"mapping {new['name']!r} added to {named(name)!r}"
    version = await change(request, editing, name, lambda all_: all_.add(new), "mapping.added", note, new["name"])
    return Changed(name=new["name"], version=version)


@put("/destinations/{name:str}/mappings/{mapping:str}", guards=[editor], tags=TAGS)
async def replace(
    request: Caller,
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
    name: FromPath[str],
    mapping: FromPath[str],
    data: JSONBody[MappingChange],
) -> Changed:
    """Change a mapping, its name too."""
    new, former = written(data), named(mapping)
    checked(entry_of(premises, name), new)
    note = f"mapping {former!r} of {named(name)!r} changed"
    version = await change(
        request, editing, name, lambda all_: all_.put(former, new, data.revision), "mapping.changed", note, new["name"]
    )
    return Changed(name=new["name"], version=version)


@patch("/destinations/{name:str}/mappings/{mapping:str}", guards=[editor], tags=TAGS)
async def enable(
    request: Caller,
    editing: NamedDependency[Editor],
    name: FromPath[str],
    mapping: FromPath[str],
    data: JSONBody[Enabled],
) -> Changed:
    """Switch a mapping on or off."""
    one, verb = named(mapping), "enabled" if data.enabled else "disabled"
    note = f"mapping {one!r} of {named(name)!r} {verb}"
    version = await change(
        request, editing, name, lambda all_: all_.enable(one, data.enabled), f"mapping.{verb}", note, one
    )
    return Changed(name=one, version=version)


@delete("/destinations/{name:str}/mappings/{mapping:str}", guards=[editor], tags=TAGS, status_code=200)
async def remove(
    request: Caller, editing: NamedDependency[Editor], name: FromPath[str], mapping: FromPath[str]
) -> Changed:
    """Delete a mapping."""
    one = named(mapping)
    note = f"mapping {one!r} of {named(name)!r} deleted"
    version = await change(request, editing, name, lambda all_: all_.remove(one), "mapping.deleted", note, one)
    return Changed(name=one, version=version)


@put("/destinations/{name:str}/mapping-order", guards=[editor], tags=TAGS)
async def reorder(
    request: Caller, editing: NamedDependency[Editor], name: FromPath[str], data: JSONBody[Order]
) -> Changed:
    """Put the mappings into another order."""
    note = f"order of the mappings of {named(name)!r} changed"
    version = await change(request, editing, name, lambda all_: all_.order(data.names), "mappings.ordered", note)
    return Changed(version=version)


@post("/destinations/{name:str}/presets", guards=[editor], tags=TAGS, status_code=200)
async def restore(
    request: Caller, editing: NamedDependency[Editor], name: FromPath[str], data: JSONBody[Restore]
) -> Changed:
    """Restore presets of the installed pack as they were."""
    note = f"presets of {named(name)!r} restored"
    version = await change(request, editing, name, lambda all_: all_.restore(data.names), "presets.restored", note)
    return Changed(version=version)


@get("/destinations/{name:str}/packs/{pack:str}/diff", tags=TAGS)
async def difference(
    premises: NamedDependency[Premises], name: FromPath[str], pack: FromPath[str], keep_own: FromQuery[bool] = True
) -> PackDifference:
    """What switching to a pack would change."""
    entry, chosen = entry_of(premises, name), named(pack)
    try:
        changes = kept.switched(premises.configuration, entry.name, chosen, keep_own)
    except KeyError:
        raise not_found("pack of that name") from None
    return PackDifference(pack=chosen, changes=views(changes))


@put("/destinations/{name:str}/packs/{pack:str}", guards=[editor], tags=TAGS)
async def switch(
    request: Caller, editing: NamedDependency[Editor], name: FromPath[str], pack: FromPath[str], data: JSONBody[Switch]
) -> Changed:
    """Install another pack's presets in the place of the present one's."""
    chosen = named(pack)
    note = f"pack {chosen!r} installed in {named(name)!r}"
    version = await change(
        request, editing, name, lambda all_: all_.switch(chosen, data.keep_own), "pack.switched", note
    )
    return Changed(version=version)


@get("/destinations/{name:str}/actions", tags=TAGS)
async def actions(premises: NamedDependency[Premises], name: FromPath[str]) -> list[ActionView]:
    """The actions that a mapping can run here, with their fields."""
    destination = kept.declared(entry_of(premises, name))
    naming = destination.naming
    return [
        ActionView(
            key=action.key,
            title=action.title,
            help=action.help,
            names_elsewhere=[one for one in action.names if " " in one],
            fields=list(fields(action)),
            naming=naming.field if naming and any(f.key == naming.field for f in action.fields) else "",
            names=list(naming.known) if naming else [],
        )
        for action in destination.actions
    ]


async def _counts(premises: Premises, entry: DestinationEntry) -> dict[str, MappingCounts]:
    return await mapping_counts(premises.store.database, entry.name, time.time() - DAY_S)


def _advice(entry: DestinationEntry, one: kept.Written) -> list[str]:
    try:
        return Candidate(entry, one).advice
    except ConfigurationError as error:
        return [str(problem) for problem in error.problems]


ROUTES: Final[list[ControllerRouterHandler]] = [
    mappings,
    mapping,
    add,
    replace,
    enable,
    remove,
    reorder,
    restore,
    difference,
    switch,
    actions,
    *previews.ROUTES,
    *mapping_imports.ROUTES,
]
