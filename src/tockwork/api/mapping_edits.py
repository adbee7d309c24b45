"""Changes of mappings over the management API: what comes in, and how it becomes a version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from litestar import Request

from tockwork.api.audit import record
from tockwork.api.problem import invalid, not_found
from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.names import named
from tockwork.operations import mappings as kept
from tockwork.operations.editing import Editor
from tockwork.operations.mappings import Mappings
from tockwork.operations.premises import Premises
from tockwork.operations.preview import Candidate

MAX_NAME: Final = 100

Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
Caller = Request[Any, Any, Any]


class MappingBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A mapping: `trigger` in FQL, `action` by its key (empty for the destination's first), and `fields` with
    Segment's directives."""

    name: Name
    trigger: str
    action: str = ""
    fields: dict[str, Any] = {}
    enabled: bool = True


class MappingChange(MappingBody, forbid_unknown_fields=True, kw_only=True):
    """A mapping in another's place. With the `revision` of the one that was read, the change is refused (409) if
    somebody else was faster."""

    revision: str = ""


class Changed(msgspec.Struct, kw_only=True):
    """What was changed: the mapping's name (empty where it was several), and the configuration's version."""

    name: str = ""
    version: int


def entry_of(premises: Premises, segment: str) -> DestinationEntry:
    """The destination that a path names. Raises `Refused` (404)."""
    try:
        return kept.found(premises.configuration, named(segment))
    except KeyError:
        raise not_found("destination of that name") from None


async def change(
    request: Caller,
    editing: Editor,
    destination: str,
    work: Callable[[Mappings], Any],
    action: str,
    note: str,
    about: str = "",
    dry_run: bool = False,
) -> int:
    """Changes a destination's mappings, and audits it; a `dry_run` only finds what is wrong. Problems of the mapping
    `about` have their places in it. Raises `Refused` (404) where the destination, or what `work` looks for, is not
    there."""
    name = named(destination)
    prefix = ""

    def edit(configuration: Configuration) -> None:
        nonlocal prefix
        try:
            mappings = Mappings(configuration, name)
        except KeyError:
            raise not_found("destination of that name") from None
        try:
            work(mappings)
        except KeyError:
            raise not_found("mapping, preset or pack of that name") from None
        place = configuration.destinations.index(mappings.entry)
        names = [one["name"] for one in kept.listed(mappings.entry)]
        prefix = f"destinations[{place}].mappings[{names.index(about)}]." if about in names else ""

    try:
        version = await editing.change(edit, by=request.user.name, note=note, dry_run=dry_run)
    except ConfigurationError as error:
        problems = [Problem(one.where.removeprefix(prefix), one.what, one.mend) for one in error.problems]
        raise ConfigurationError(problems) from None
    if not dry_run:
        await record(request, action, about=name, detail={"mapping": about} if about else {})
    return version


def written(data: MappingBody) -> dict[str, Any]:
    """The mapping as it is kept. Raises `Refused` for a name that nobody could read."""
    name = data.name.strip()
    if not name:
        raise invalid(Problem("name", "is empty", "Give the mapping a name, such as Purchase."))
    if not name.isprintable():
        raise invalid(Problem("name", "has signs that cannot be seen", "Type it anew."))
    members = {member: getattr(data, member) for member in MappingBody.__struct_fields__}
    return {**members, "name": name}


def checked(entry: DestinationEntry, mapping: dict[str, Any]) -> None:
    """Raises `Refused` (422) with what is wrong with the mapping itself, by its place."""
    try:
        Candidate(entry, mapping)
    except ConfigurationError as error:
        raise invalid(*error.problems) from None
