"""What TikTok refuses: the checks of one row, compiled for an event source and a profile.

Sources: Events API, "Report App, Web, Offline, or CRM Events" (types and required parts), "Responses and errors"
(code 40002), and the refusals that integrators met. Written without looking at how Tockwork builds its rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import GenericAlias
from typing import Any, Final, NamedTuple

import msgspec

from tockwork.sandbox import vocabulary
from tockwork.sandbox.profile import Profile
from tockwork.sandbox.schema import CONTENT, PARTS, ROW, Field, Kind

NO_PERMISSION: Final = 40001
INVALID: Final = 40002
NOT_FOUND: Final = 40007
TOO_FREQUENT: Final = 40100
TOKEN_EMPTY: Final = 40104
TOKEN_DEAD: Final = 40105


class Refused(Exception):  # noqa: N818 - an outcome, not a failure of ours
    """A request that is turned away as a whole, with TikTok's code and message."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


class Fault(NamedTuple):
    """Where a row breaks a rule, and how."""

    path: str
    reason: str


Row = dict[str, Any]
RowCheck = Callable[[Row], Fault | None]

_EMPTY: Final = "must not be empty"
_SECONDS: Final = "must be Unix time in seconds, with 10 digits"
_OFFLINE_NAME: Final = "not an event that offline event sets support"

_TYPES: Final[Mapping[Kind, Any]] = {
    Kind.STRING: str,
    Kind.STRINGS: list[str],
    Kind.STRING_OR_STRINGS: str | list[str],
    Kind.NUMBER: int | float,
    Kind.INTEGER: int,
    Kind.BOOLEAN: bool,
    Kind.OBJECT: dict,
    Kind.ANY: Any,
}
_LOOSE_NUMBER: Final = int | float | str
_PLACE: Final = re.compile(r" - at `\$\.?(.*)`$")


def invalid(path: str, reason: str) -> Refused:
    return Refused(INVALID, f"Invalid value for {path}: {reason}.")


def _model(name: str, fields: Mapping[str, Field], inner: Mapping[str, Any], *, nulls: bool, loose: bool) -> Any:
    """A type that `msgspec.convert` checks an object against; every field may be missing, unknown ones may be there.
    `inner` has the types of the fields that hold objects."""
    types = []
    for field_name, field in fields.items():
        type_ = inner.get(field_name, _TYPES.get(field.kind))
        if loose and field.kind in (Kind.NUMBER, Kind.INTEGER):
            type_ = _LOOSE_NUMBER
        if nulls or loose:
            type_ = type_ | None
        types.append((field_name, type_ | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct(name, types)


def _row_model(loose: bool) -> Any:
    content = _model("Content", CONTENT, {}, nulls=False, loose=loose)
    parts = {
        part: _model(part, fields, {"contents": GenericAlias(list, content)}, nulls=part == "user", loose=loose)
        for part, fields in PARTS.items()
    }
    # An event's name and time have rules of their own.
    row = {name: field for name, field in ROW.items() if name not in ("event", "event_time")}
    return _model("Row", row, parts, nulls=False, loose=loose)


def _located(message: str) -> Fault:
    """The fault that msgspec reports, in TikTok's words: ``$.user.email[0]`` is `user.email.0`."""
    found = _PLACE.search(message)
    path = re.sub(r"\[(\d+)\]", r".\1", found[1] if found else "")
    names = path.split(".")
    if names[-1].isdigit():
        holds_objects = _kind(names[:-1]) is Kind.OBJECTS
        return Fault(path, (Kind.OBJECT if holds_objects else Kind.STRING).value)
    return Fault(path, _kind(names).value)


def _kind(names: list[str]) -> Kind:
    fields = ROW if len(names) == 1 else PARTS[names[0]] if len(names) == 2 else CONTENT
    return fields[names[-1]].kind


def _wrong_event(event: Any, source: str, loose: bool) -> Fault | None:
    if type(event) is not str:
        return Fault("event", Kind.STRING.value)
    if not event.strip():
        return Fault("event", _EMPTY)
    if source == "offline" and not loose and not (vocabulary.known(event) or vocabulary.custom(event)):
        return Fault("event", _OFFLINE_NAME)
    return None


def _wrong_time(value: Any, loose: bool) -> Fault | None:
    if loose and type(value) is str and value.isascii() and value.isdigit():
        value = int(value)
    if type(value) is not int:
        return Fault("event_time", Kind.INTEGER.value)
    return None if 10**9 <= value < 10**10 else Fault("event_time", _SECONDS)


_NEEDS: Final = {"web": ("page", "url"), "app": ("app", "app_id"), "crm": ("lead", "lead_id")}


def _missing_part(row: Row, part: str, name: str) -> Fault | None:
    holder = row.get(part)
    if type(holder) is not dict:
        return Fault(part, Kind.OBJECT.value)
    if type(value := holder.get(name)) is not str:
        return Fault(f"{part}.{name}", Kind.STRING.value)
    return None if value.strip() else Fault(f"{part}.{name}", _EMPTY)


def row_check(source: str, profile: Profile) -> RowCheck:
    """A function that returns the first fault of a row from `source`, or None.

    Null passes inside `user` alone: integrators send it there and were answered with code 0.
    """
    loose = profile.loose_types
    model = _row_model(loose)
    need = _NEEDS.get(source)
    if need is not None and ".".join(need) not in profile.required:
        need = None

    def check(row: Row) -> Fault | None:
        if fault := _wrong_event(row.get("event"), source, loose) or _wrong_time(row.get("event_time"), loose):
            return fault
        try:
            msgspec.convert(row, model)
        except msgspec.ValidationError as error:
            return _located(str(error))
        return _missing_part(row, *need) if need is not None else None

    return check
