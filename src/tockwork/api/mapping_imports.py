"""Routes of the management API: mappings and destinations that were exported from Segment."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from tockwork.api.access import editor
from tockwork.api.audit import record
from tockwork.api.mapping_edits import MAX_NAME, Caller, change, entry_of
from tockwork.api.problem import invalid
from tockwork.configuration import segment
from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.names import named
from tockwork.operations import mappings as kept
from tockwork.operations.editing import Editor
from tockwork.operations.mappings import Mappings
from tockwork.operations.premises import Premises
from tockwork.operations.preview import Candidate

TAGS: Final = ["Mappings"]
PLACEHOLDER: Final = "TO BE SET"
"""Stands where a setting is required that the export does not have."""


class ImportBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What was exported, as JSON or as a text that holds JSON. With `dry_run` nothing is changed."""

    content: Any
    dry_run: bool = False


class DestinationImportBody(ImportBody, forbid_unknown_fields=True, kw_only=True):
    """`name` and `kind` where the export's own are not wanted, or it has none."""

    name: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""
    kind: str = ""


class ImportResult(msgspec.Struct, kw_only=True):
    """What was imported: the names of the mappings, the destination's name, and what was not understood, or is to be
    looked at. `version` is the configuration's, 0 for a dry run."""

    destination: str
    mappings: list[str]
    remarks: list[Problem]
    version: int


@post("/destinations/{name:str}/mapping-import", guards=[editor], tags=TAGS, status_code=200)
async def import_mappings(
    request: Caller,
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
    name: FromPath[str],
    data: JSONBody[ImportBody],
) -> ImportResult:
    """Add mappings that were exported from Segment."""
    entry = entry_of(premises, name)
    found = segment.mappings(_content(data.content), kept.declared(entry))
    remarks = list(found.remarks)
    if not found.mappings:
        raise invalid(*(Problem(f"content.{p.where}".rstrip("."), p.what, p.mend) for p in remarks))
    names = {one["name"] for one in kept.listed(entry)}
    for place, one in enumerate(found.mappings):
        _check(entry, one, place, remarks)
        free = segment.free_name(one["name"], names)
        if free != one["name"]:
            remarks.append(Problem(f"mapping {place + 1}", f"{one['name']!r} is taken: imported as {free!r}"))
        one["name"] = free
        names.add(free)
    added = [one["name"] for one in found.mappings]

    def work(mappings: Mappings) -> None:
        for one in found.mappings:
            mappings.add(one)

    note = f"{len(added)} mappings imported into {named(name)!r}"
    version = await change(request, editing, name, work, "mappings.imported", note, dry_run=data.dry_run)
    return ImportResult(destination=entry.name, mappings=added, remarks=remarks, version=0 if data.dry_run else version)


@post("/import", guards=[editor], tags=TAGS, status_code=200)
async def import_destination(
    request: Caller,
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
    data: JSONBody[DestinationImportBody],
) -> ImportResult:
    """Connect a destination that was exported from Segment, switched off until somebody enables it."""
    found = segment.destination(_content(data.content), data.kind)
    if not found.kind:
        raise invalid(*found.remarks)
    taken = [leg.name for leg in premises.configuration.legs]
    entry = DestinationEntry(
        found.kind,
        segment.free_name(data.name.strip() or found.name, taken),
        enabled=False,
        settings=dict(found.settings),
        mappings=found.mappings or None,
    )
    remarks = [*found.remarks, *_completed(entry)]
    if not found.mappings:
        what, mend = "are not part of the export: it runs on presets", "Export them too, and import them there."
        remarks.append(Problem("mappings", what, mend))
    for place, one in enumerate(found.mappings):
        _check(entry, one, place, remarks)
    remarks.append(Problem("enabled", "the destination is switched off", "Enable it once Segment sends no more."))

    def edit(configuration: Configuration) -> None:
        configuration.destinations.append(entry)

    note = f"destination {entry.name!r} imported"
    version = await editing.change(edit, by=request.user.name, note=note, dry_run=data.dry_run)
    if not data.dry_run:
        await record(request, "destination.imported", about=entry.name, detail={"kind": entry.kind})
    names = [one["name"] for one in kept.listed(entry)]
    return ImportResult(destination=entry.name, mappings=names, remarks=remarks, version=0 if data.dry_run else version)


def _content(content: Any) -> Any:
    """What was sent, or the JSON in it. Raises `Refused`."""
    if not isinstance(content, str):
        return content
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        what = f"is no JSON: {error}" if isinstance(error, msgspec.DecodeError) else "is no JSON"
        raise invalid(Problem("content", what, "Paste the whole export.")) from None


def _check(entry: DestinationEntry, one: dict[str, Any], place: int, remarks: list[Problem]) -> None:
    """Notes the advice on a mapping. Raises `Refused` with what is wrong with it."""
    try:
        advice = Candidate(entry, one).advice
    except ConfigurationError as error:
        problems = [Problem(f"content.{one['name']}.{p.where}", p.what, p.mend) for p in error.problems]
        raise invalid(*problems) from None
    remarks += [Problem(f"mapping {place + 1} ({one['name']})", text) for text in advice]


def _completed(entry: DestinationEntry) -> list[Problem]:
    """Fills in required settings that the export has not, and says so."""
    remarks = []
    for setting in kept.declared(entry).settings:
        if setting.required and setting.default is None and entry.settings.get(setting.key) in (None, ""):
            if setting.type != "secret":
                entry.settings[setting.key] = setting.placeholder or PLACEHOLDER
            remarks.append(Problem(f"settings.{setting.key}", "is not part of the export", f"Set it. {setting.help}"))
    return remarks


ROUTES: Final[list[ControllerRouterHandler]] = [import_mappings, import_destination]
