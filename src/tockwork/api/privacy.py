"""Routes of the management API: what is kept for how long, of whom nothing is sent, and what destinations may be told.

People are named in bodies alone, never in an address. Kept of them are marks, of which the beginning is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from tockwork.api.access import User, editor
from tockwork.api.audit import record
from tockwork.api.places import changed
from tockwork.api.problem import invalid, not_found
from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.declare import Destination
from tockwork.destinations.person import Mark
from tockwork.destinations.privacy import Privacy, choices, limits_data_use
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.names import named
from tockwork.operations import people as operations
from tockwork.operations.editing import Editor
from tockwork.operations.premises import Premises
from tockwork.operations.snapshot import Space
from tockwork.store.overview import Overview
from tockwork.store.suppression import Suppressed, Suppression, Tombstone

TAGS: Final = ["Privacy"]
MAX_PEOPLE: Final = 10_000
"""In one request."""
MAX_ENTRIES: Final = 1000
"""In one answer."""
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_ENTRIES)]
Offset = Annotated[int, QueryParameter(ge=0, le=2**31)]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """For how many days something is kept after it is settled, and the variable that says so."""

    what: Literal["events", "ledger", "dead_letters"]
    days: float
    variable: str


class HashedField(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a destination that is personal; `hashed` says whether it leaves as a SHA-256."""

    key: str
    label: str
    help: str
    hashed: bool


class FieldChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A field that a list may name. One that is `fixed` is always sent; a `personal` one is about the person."""

    key: str
    label: str
    fixed: bool
    personal: bool


class DestinationPrivacy(msgspec.Struct, frozen=True, kw_only=True):
    """What one destination may be told, and of whom; what it gets of a person, and what it can be asked for.

    `limits` says whether it can limit its use of an event; `in_browser` whether the shopper's browser delivers to it.
    With `pixel`, the browser reports the same events to a pixel, by the same rules.
    """

    name: str
    kind: str
    title: str
    in_browser: bool
    pixel: bool
    limits: bool
    privacy: Privacy
    personal: list[HashedField]
    fields: list[FieldChoice]


class PrivacyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`oldest_event_at` is when the oldest event was accepted that is kept, Unix time. `suppressed` and `deleted` count
    entries; `erasing` those that may have left traces yet. `managed_by` is the file that manages the configuration."""

    retention: list[Kept]
    oldest_event_at: float | None
    disk: Space
    suppressed: int
    deleted: int
    erasing: int
    destinations: list[DestinationPrivacy]
    managed_by: str | None


class NamedPeople(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People: user ids, e-mail addresses, phone numbers that begin with "+", or the SHA-256 of one of these. With
    `destination`, for that one alone."""

    people: list[str]
    destination: str = ""


class ReleasedPeople(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who are taken off the list: by what they are known by, or by the `mark` as the list shows it."""

    people: list[str] = []
    mark: str = ""
    destination: str = ""


class DeletedPeople(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who are deleted, named as those who are suppressed are."""

    people: list[str]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries changed, and the beginnings of the marks that were asked for."""

    changed: int
    marks: list[str]


class SuppressionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of whom nothing is sent, to `destination` alone or, where it is empty, to any. Unix time."""

    mark: str
    destination: str
    since: float


class SuppressionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the list, newest first, of `total`."""

    total: int
    entries: list[SuppressionEntry]


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was deleted. Unix times; `erased_at` is None while traces may be left."""

    mark: str
    state: Literal["erasing", "erased"]
    asked_at: float
    erased_at: float | None


class DeletionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A part of those who were deleted, newest first, of `total`."""

    total: int
    entries: list[Deletion]


@get("/privacy", tags=TAGS)
async def read_privacy(premises: NamedDependency[Premises]) -> PrivacyAnswer:
    """What is kept for how long, and what each destination may be told."""
    suppression, ages, space = Suppression(premises.store.database), premises.settings.ages, premises.store.space
    tombstones = await suppression.tombstones()
    return PrivacyAnswer(
        retention=[
            Kept(what="events", days=ages.events, variable="TOCKWORK_RETENTION_EVENTS_DAYS"),
            Kept(what="ledger", days=ages.ledger, variable="TOCKWORK_RETENTION_LEDGER_DAYS"),
            Kept(what="dead_letters", days=ages.dead_letters, variable="TOCKWORK_RETENTION_DEAD_LETTERS_DAYS"),
        ],
        oldest_event_at=await Overview(premises.store.database).oldest_event(),
        disk=Space(used=space.used_bytes, free=space.free_bytes, reserve=space.reserve_bytes),
        suppressed=len(await suppression.suppressed()),
        deleted=len(tombstones),
        erasing=sum(one.erased_at is None for one in tombstones),
        destinations=list(_destinations(premises.configuration)),
        managed_by=premises.configuration.managed_by,
    )


@put("/destinations/{name:str}/privacy", tags=TAGS, guards=[editor])
async def change_privacy(
    request: Request[User, Any, Any],
    name: FromPath[str],
    data: JSONBody[Privacy],
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
) -> DestinationPrivacy:
    """Change what a destination may be told, and of whom."""
    known = named(name)

    def change(configuration: Configuration) -> str:
        place, entry = _place(configuration, known)
        entry.privacy = None if data == Privacy() else data
        return f"destinations[{place}].privacy"

    await changed(editing, change, by=request.user.name, note="privacy of a destination changed")
    detail = {
        "consent": data.consent is not None,
        "opt_out": data.opt_out,
        "allow": data.fields.allow if data.fields else None,
        "deny": data.fields.deny if data.fields else None,
    }
    await record(request, "destination.privacy_changed", about=known, detail=detail)
    await premises.refresh()
    return _of(_place(premises.configuration, known)[1])


@get("/privacy/suppressions", tags=TAGS)
async def list_suppressions(
    premises: NamedDependency[Premises], limit: Limit = 200, offset: Offset = 0
) -> SuppressionsAnswer:
    """Of whom nothing is sent, newest first."""
    found = list(reversed(await Suppression(premises.store.database).suppressed()))
    return SuppressionsAnswer(total=len(found), entries=[_entry(one) for one in found[offset : offset + limit]])


@post("/privacy/suppressions", tags=TAGS, guards=[editor])
async def suppress(
    request: Request[User, Any, Any], data: JSONBody[NamedPeople], premises: NamedDependency[Premises]
) -> Done:
    """Send nothing of these people any more. What they are known by is not kept: its SHA-256 is."""
    marks = _marks(data.people)
    try:
        done = await operations.suppress(premises, marks, data.destination)
    except ConfigurationError as error:
        raise invalid(*error.problems) from None
    return await _done(request, "people.suppressed", marks, done, data.destination)


@post("/privacy/suppressions/remove", tags=TAGS, guards=[editor], status_code=200)
async def release(
    request: Request[User, Any, Any], data: JSONBody[ReleasedPeople], premises: NamedDependency[Premises]
) -> Done:
    """Take people off the list. For all destinations, deleted ones may come back too, once they are erased."""
    marks = await _marked(premises, data.mark) if data.mark else _marks(data.people)
    done = await operations.release(premises, marks, data.destination)
    return await _done(request, "people.released", marks, done, data.destination)


@get("/privacy/deletions", tags=TAGS)
async def list_deletions(
    premises: NamedDependency[Premises], limit: Limit = 200, offset: Offset = 0
) -> DeletionsAnswer:
    """Who was deleted, newest first, and whether they are erased."""
    found = sorted(await Suppression(premises.store.database).tombstones(), key=lambda one: one.made_at, reverse=True)
    return DeletionsAnswer(total=len(found), entries=[_deletion(one) for one in found[offset : offset + limit]])


@post("/privacy/deletions", tags=TAGS, guards=[editor], status_code=202)
async def delete_people(
    request: Request[User, Any, Any], data: JSONBody[DeletedPeople], premises: NamedDependency[Premises]
) -> Done:
    """Delete people: from now on nothing of them is sent, and the server erases what is kept of them.

    This cannot be undone. The server that delivers begins within seconds.
    """
    marks = _marks(data.people)
    return await _done(request, "people.deleted", marks, await operations.bury(premises, marks))


def _marks(people: Sequence[str]) -> list[Mark]:
    """Raises `Refused` naming every place that is of no use, and never its text."""
    if not 1 <= len(people) <= MAX_PEOPLE:
        raise invalid(Problem("people", f"expected 1 to {MAX_PEOPLE:,}, got {len(people):,}"))
    try:
        return operations.marks((f"people[{place}]", text) for place, text in enumerate(people))
    except ConfigurationError as error:
        raise invalid(*error.problems) from None


async def _marked(premises: Premises, beginning: str) -> list[Mark]:
    """The mark on one of the lists that begins so. Raises `Refused` unless there is just one."""
    suppression = Suppression(premises.store.database)
    listed = {one.mark for one in await suppression.suppressed()} | {one.mark for one in await suppression.tombstones()}
    found = [mark for mark in listed if mark.hex().startswith(beginning.lower())]
    if len(beginning) < operations.SHORT or len(found) != 1:
        what = "fits several" if found else "is on no list"
        raise invalid(Problem("mark", what, "Name the person by what they are known by instead."))
    return found


async def _done(
    request: Request[User, Any, Any], action: str, marks: Sequence[Mark], changed: int, destination: str = ""
) -> Done:
    shown = [operations.shortened(mark) for mark in marks]
    about = destination if changed else ""  # what is no destination could be anything
    await record(request, action, about=about, detail={"changed": changed, "marks": shown})
    return Done(changed=changed, marks=shown)


def _entry(one: Suppressed) -> SuppressionEntry:
    return SuppressionEntry(mark=operations.shortened(one.mark), destination=one.consumer, since=one.added_at)


def _deletion(one: Tombstone) -> Deletion:
    return Deletion(
        mark=operations.shortened(one.mark),
        state="erasing" if one.erased_at is None else "erased",
        asked_at=one.made_at,
        erased_at=one.erased_at,
    )


def _place(configuration: Configuration, name: str) -> tuple[int, DestinationEntry]:
    """A destination with its place. Raises `Refused` (404)."""
    for place, entry in enumerate(configuration.destinations):
        if entry.name == name:
            return place, entry
    raise not_found("destination with this name")


def _destinations(configuration: Configuration) -> Iterator[DestinationPrivacy]:
    yield from (_of(entry) for entry in configuration.destinations if entry.kind in DESTINATIONS)


def _of(entry: DestinationEntry) -> DestinationPrivacy:
    declared = DESTINATIONS[entry.kind]
    return DestinationPrivacy(
        name=entry.name,
        kind=entry.kind,
        title=declared.title,
        in_browser=entry.in_browser,
        pixel=entry.pixel is not None,
        limits=limits_data_use(declared),
        privacy=entry.privacy or Privacy(),
        personal=_personal(declared),
        fields=[FieldChoice(**msgspec.structs.asdict(choice)) for choice in choices(declared)],
    )


def _personal(declared: Destination) -> list[HashedField]:
    """What the destination gets of a person, each field once."""
    found: dict[str, HashedField] = {}
    for action in declared.actions:
        for field in action.fields:
            parts = [(f"{field.key}.{part.key}", part) for part in field.properties]
            for key, one in parts if any(part.personal for _, part in parts) else [(field.key, field)]:
                if one.personal:
                    found.setdefault(key, HashedField(key=key, label=one.label, help=one.help, hashed=one.hashed))
    return list(found.values())


ROUTES: Final[list[ControllerRouterHandler]] = [
    read_privacy,
    change_privacy,
    list_suppressions,
    suppress,
    release,
    list_deletions,
    delete_people,
]
