"""Routes of the management API: connected destinations and their settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler
from msgspec import UNSET, UnsetType

from tockwork.api import checks
from tockwork.api.access import editor
from tockwork.api.audit import record
from tockwork.api.places import changed
from tockwork.api.problem import Refused, invalid, not_found
from tockwork.configuration.advice import told_by
from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.configuration.pair import page_name
from tockwork.destinations.catalog import DESTINATIONS, find
from tockwork.destinations.configured import pack_name
from tockwork.doctor.rounds import connected
from tockwork.model import reasons
from tockwork.model.errors import Problem
from tockwork.model.names import named
from tockwork.model.secret import Secret
from tockwork.operations.editing import Editor, ensure_seen, revision
from tockwork.operations.premises import Premises
from tockwork.operations.snapshot import DestinationState
from tockwork.operations.test_codes import TestCode, test_codes

TAGS: Final = ["Destinations"]

Settings = dict[str, Any]
"""Settings by key. In answers a secret stands as ``{"set": true}``, or false where there is none."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How the server's deliveries stand. `why` is a reason code, with its `meaning` and what to do (`mend`). `since` is
    Unix time. Counts are since the destination was connected."""

    condition: str
    why: str
    meaning: str
    mend: str
    detail: str
    since: float | None
    accepted: int
    undecided: int
    lines: dict[str, int]


class DestinationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A connected destination. `sources` are the names of those whose events it takes, null for all. With `presets` its
    mappings are those of `preset_pack`, else its own. `pixel` has the settings of a pair's leg in the browser, which is
    called `pixel_name`; null without one. `state` is null for one that the browser delivers to. `revision` changes with
    what a change of it may change: give it back with one."""

    name: str
    kind: str
    title: str
    in_browser: bool
    enabled: bool
    sandbox: bool
    sources: list[str] | None
    settings: Settings
    preset_pack: str
    presets: bool
    mappings: int
    pixel: Settings | None
    pixel_name: str
    advice: list[str]
    test_codes: list[TestCode]
    state: State | None
    managed_by: str | None
    revision: str


class NewDestination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A destination to be connected. Members as in the configuration's reference."""

    kind: str
    name: str = ""
    enabled: bool = True
    sandbox: bool = False
    sources: list[str] | None = None
    settings: Settings = {}
    preset_pack: str | None = None
    pixel: Settings | None = None


class DestinationChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a destination; the rest stays. Of `settings` and `pixel`, those that are given change: an empty
    secret, or one as it was answered, stays as it is; null takes a setting away. `pixel` null takes the leg in the
    browser away. Another `preset_pack` takes the place of a destination's own mappings only with `discard_mappings`.
    With the `revision` of what was read, the change is refused (409) if somebody else was faster."""

    enabled: bool | UnsetType = UNSET
    sandbox: bool | UnsetType = UNSET
    sources: list[str] | UnsetType | None = UNSET
    settings: Settings | UnsetType = UNSET
    preset_pack: str | UnsetType = UNSET
    pixel: Settings | UnsetType | None = UNSET
    discard_mappings: bool = False
    revision: str = ""


_CHANGED: Final = ("enabled", "sandbox", "sources", "settings", "preset_pack", "pixel")


@get("/destinations", tags=TAGS)
async def list_destinations(premises: NamedDependency[Premises]) -> list[DestinationAnswer]:
    """All connected destinations."""
    return await _answers(premises, premises.configuration.destinations)


@post("/destinations", tags=TAGS, guards=[editor])
async def create_destination(
    request: Request[Any, Any, Any],
    data: JSONBody[NewDestination],
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
) -> DestinationAnswer:
    """Connect a destination."""
    entry = DestinationEntry(
        kind=data.kind,
        name=data.name.strip() or (DESTINATIONS[data.kind].title if data.kind in DESTINATIONS else ""),
        enabled=data.enabled,
        sandbox=data.sandbox,
        sources=data.sources,
        settings=_merged({}, data.settings, data.kind),
        preset_pack=data.preset_pack,
        pixel=None if data.pixel is None else _merged({}, data.pixel, data.kind),
    )
    if data.kind in DESTINATIONS and not entry.preset_pack:
        entry.preset_pack = DESTINATIONS[data.kind].default_pack

    def add(configuration: Configuration) -> str:
        configuration.destinations.append(entry)
        return f"destinations[{len(configuration.destinations) - 1}]"

    await changed(editing, add, by=request.user.name, note="destination connected")
    await record(request, "destination.added", about=entry.name, detail={"kind": entry.kind, "sandbox": entry.sandbox})
    return await _newest(premises, entry.name)


@get("/destinations/{name:str}", tags=TAGS)
async def read_destination(name: FromPath[str], premises: NamedDependency[Premises]) -> DestinationAnswer:
    """One connected destination."""
    return (await _answers(premises, [_known(premises.configuration, named(name))]))[0]


@patch("/destinations/{name:str}", tags=TAGS, guards=[editor])
async def change_destination(
    request: Request[Any, Any, Any],
    name: FromPath[str],
    data: JSONBody[DestinationChange],
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
) -> DestinationAnswer:
    """Change a destination's settings, switch it on or off, or give it another preset pack."""

    def change(configuration: Configuration) -> str:
        entry = _known(configuration, named(name))
        ensure_seen(data.revision, _changeable(entry), f"the destination {entry.name!r}")
        _change(entry, data)
        return f"destinations[{configuration.destinations.index(entry)}]"

    members = sorted(member for member in _CHANGED if getattr(data, member) is not UNSET)
    note = "destination changed"
    if members == ["enabled"]:
        note = "destination enabled" if data.enabled else "destination disabled"
    await changed(editing, change, by=request.user.name, note=note)
    detail: dict[str, Any] = {"members": members}
    for member, given in (("settings", data.settings), ("pixel", data.pixel)):
        if isinstance(given, Mapping):
            detail[member] = sorted(given)
    await record(request, "destination.changed", about=named(name), detail=detail)
    return await _newest(premises, named(name))


@delete("/destinations/{name:str}", tags=TAGS, guards=[editor])
async def delete_destination(
    request: Request[Any, Any, Any], name: FromPath[str], editing: NamedDependency[Editor]
) -> None:
    """Remove a destination. What it has not delivered expires; what it delivered stays in the ledger."""

    def remove(configuration: Configuration) -> str:
        entry = _known(configuration, named(name))
        place = configuration.destinations.index(entry)
        del configuration.destinations[place]
        return f"destinations[{place}]"

    await changed(editing, remove, by=request.user.name, note="destination removed")
    await record(request, "destination.removed", about=named(name))


def _change(entry: DestinationEntry, data: DestinationChange) -> None:
    if data.enabled is not UNSET:
        entry.enabled = data.enabled
    if data.sandbox is not UNSET:
        entry.sandbox = data.sandbox
    if data.sources is not UNSET:
        entry.sources = data.sources
    if data.settings is not UNSET:
        entry.settings = _merged(entry.settings, data.settings, entry.kind)
    if data.pixel is not UNSET:
        entry.pixel = None if data.pixel is None else _merged(entry.pixel or {}, data.pixel, entry.kind)
    if data.preset_pack is not UNSET:
        _switch(entry, data.preset_pack, discard=data.discard_mappings)


def _switch(entry: DestinationEntry, pack: str, *, discard: bool) -> None:
    if entry.mappings is not None and not discard:
        detail = "It has mappings of its own, which the presets of a pack would replace: say discard_mappings."
        raise Refused(409, "own_mappings", detail, [Problem("preset_pack", "replaces the mappings of its own")])
    entry.preset_pack, entry.mappings = pack, None


def _merged(known: Mapping[str, Any], given: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """`known` with what is given. Secrets come as text; empty, or as they were answered, they stay as they are."""
    declared = DESTINATIONS.get(kind)
    secret = {setting.key for setting in declared.settings if setting.type == "secret"} if declared else set()
    merged = dict(known)
    for key, value in given.items():
        if key in secret:
            if isinstance(value, str) and value:
                merged[key] = Secret(value)
            elif value is None:
                merged.pop(key, None)
            elif value != "" and not (isinstance(value, dict) and value.keys() == {"set"}):
                raise invalid(Problem(f"settings.{key}", "expected text"))
        elif value is None or value == "":
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged


def _known(configuration: Configuration, name: str) -> DestinationEntry:
    found = next((entry for entry in configuration.destinations if entry.name == name), None)
    if found is None:
        raise not_found("destination of this name")
    return found


async def _newest(premises: Premises, name: str) -> DestinationAnswer:
    await premises.refresh()
    return (await _answers(premises, [_known(premises.configuration, name)]))[0]


async def _answers(premises: Premises, entries: list[DestinationEntry]) -> list[DestinationAnswer]:
    snapshot = await premises.survey()
    states = {state.name: state for state in snapshot.destinations}
    instances, _ = connected(premises)
    answers = []
    for entry in entries:
        instance = next((one for one in instances if one.name == entry.name), None)
        declared = find(entry.kind)
        answers.append(
            DestinationAnswer(
                name=entry.name,
                kind=entry.kind,
                title=declared.title,
                in_browser=entry.in_browser,
                enabled=entry.enabled,
                sandbox=entry.sandbox,
                sources=entry.sources,
                settings=_shown(entry),
                preset_pack=pack_name(declared, entry.preset_pack),
                presets=entry.mappings is None,
                mappings=len(instance.connection.mappings) if instance else len(entry.mappings or ()),
                pixel=None if entry.pixel is None else dict(entry.pixel),
                pixel_name=page_name(entry.name) if entry.pixel is not None else "",
                advice=told_by(instance, instances) if instance else [],
                test_codes=await test_codes(premises, entry.name),
                state=None if entry.in_browser else _state(states.get(entry.name)),
                managed_by=premises.configuration.managed_by,
                revision=revision(_changeable(entry)),
            )
        )
    return answers


def _changeable(entry: DestinationEntry) -> Any:
    """What a `DestinationChange` may change."""
    return entry.enabled, entry.sandbox, entry.sources, _shown(entry), entry.preset_pack, entry.pixel


def _shown(entry: DestinationEntry) -> Settings:
    """The settings that differ from their defaults, and of every secret whether it is set."""
    secret = {setting.key for setting in find(entry.kind).settings if setting.type == "secret"}
    shown = {key: value for key, value in entry.settings.items() if key not in secret}
    return {**shown, **{key: {"set": bool(entry.settings.get(key))} for key in sorted(secret)}}


def _state(state: DestinationState | None) -> State:
    state = state or DestinationState(name="")
    reason = reasons.REASONS.get(state.reason)
    lines: dict[str, int] = {}
    for (status, _), number in state.tally.lines.items():
        lines[status.value] = lines.get(status.value, 0) + number
    return State(
        condition=state.condition.value,
        why=state.reason,
        meaning=reason.meaning if reason else "",
        mend=reason.mend if reason else "",
        detail=state.detail,
        since=state.since,
        accepted=state.tally.accepted,
        undecided=state.tally.undecided,
        lines=lines,
    )


ROUTES: Final[list[ControllerRouterHandler]] = [
    list_destinations,
    create_destination,
    read_destination,
    change_destination,
    delete_destination,
    *checks.ROUTES,
]
