"""What one destination may be told, and of whom: its consent gate, opt-outs, and the list of fields it gets.

Why it is built so: docs/decisions/0012-privacy.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from tockwork.destinations.declare import Action, Destination, suggestion
from tockwork.destinations.misfits import misfits
from tockwork.model.errors import Problem
from tockwork.rules.directives import ROOT
from tockwork.rules.fields import Field, When
from tockwork.rules.gate import Consent, Gate, OptOut
from tockwork.rules.validation import is_directive

LIMITED: Final = "limited_data_use"
"""The field, and the record's slot, by which a destination is asked to limit what it does with an event."""
_FRAME: Final = frozenset({LIMITED, "event_id", "timestamp", "test_event_code"})
"""Fields that tell nothing of the person, and without which an event would be counted twice, at the wrong time, for
real where it is a test, or without the protection that it asked for."""
_ADDRESSES: Final = ("url", "referrer")
"""Slots that hold the address of a page."""


class FieldList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields a destination gets: only those of `allow`, or all but those of `deny`. ``address.city`` is a part."""

    allow: list[str] | None = None
    deny: list[str] | None = None


class Privacy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a destination may be told, and of whom."""

    consent: Consent | None = None
    opt_out: OptOut = "ignore"
    fields: FieldList | None = None

    @property
    def gate(self) -> Gate:
        return Gate(self.consent, self.opt_out)


def read_privacy(destination: Destination, given: Any, problems: list[Problem]) -> Privacy:
    """`given` as a user writes it, or as a `Privacy` already. Adds to `problems` what is wrong with it."""
    if given is None:
        return Privacy()
    if isinstance(given, Privacy):
        privacy = given
    else:
        found = list(misfits(dict(given) if isinstance(given, Mapping) else given, Privacy, "privacy"))
        if found:
            problems += found
            return Privacy()
        privacy = msgspec.convert(given, Privacy)
    problems += _problems(destination, privacy)
    return privacy


def _problems(destination: Destination, privacy: Privacy) -> Iterable[Problem]:
    if privacy.consent is not None and not all(privacy.consent.categories or [""]):
        mend = "Name them as your consent manager does, such as Advertising."
        yield Problem("privacy.consent.categories", "expected at least one category, and none empty", mend)
    if privacy.opt_out == "limit" and not limits_data_use(destination):
        mend = "Choose block, or ignore."
        yield Problem("privacy.opt_out", f"{destination.title} cannot limit data use", mend)
    if privacy.fields is None:
        return
    allow, deny = privacy.fields.allow, privacy.fields.deny
    if (allow is None) == (deny is None):
        mend = "Write allow to name all that is sent, or deny to name what is not."
        yield Problem("privacy.fields", "expected either allow or deny", mend)
    known = dict.fromkeys(name for action in destination.actions for name in _names(action.fields))
    fixed = {name for action in destination.actions for name in _fixed(action.fields)}
    for member, names in (("allow", allow or []), ("deny", deny or [])):
        for place, name in enumerate(names):
            where = f"privacy.fields.{member}[{place}]"
            if name not in known:
                yield Problem(where, f"{name!r} is no field of {destination.title}", suggestion(name, known))
            elif member == "deny" and name in fixed:
                yield Problem(where, f"{name} cannot be kept back: no event makes sense without it", "Remove it.")


def limits_data_use(destination: Destination) -> bool:
    """Whether it can be asked, for each event, to limit what it does with it."""
    whole = destination.device is not None  # what a page loads is limited for all events, or for none
    return not whole and LIMITED in destination.record.__struct_fields__


class Choice(msgspec.Struct, frozen=True):
    """A field, or a part of one, that a list may name. One that is `fixed` no list takes out; a `personal` one is about
    the person."""

    key: str
    label: str
    fixed: bool
    personal: bool


def choices(destination: Destination) -> list[Choice]:
    """What lists of a destination's fields may name."""
    fixed = {name for action in destination.actions for name in _fixed(action.fields)}
    found: dict[str, Choice] = {}
    for field in (field for action in destination.actions for field in action.fields):
        found.setdefault(field.key, Choice(field.key, field.label, field.key in fixed, field.personal))
        for part in field.properties:
            key, label = f"{field.key}.{part.key}", f"{field.label}: {part.label}"
            found.setdefault(key, Choice(key, label, field.key in fixed, field.personal or part.personal))
    return list(found.values())


def _names(fields: Sequence[Field]) -> Iterable[str]:
    for field in fields:
        yield field.key
        yield from (f"{field.key}.{part.key}" for part in field.properties)


def _fixed(fields: Sequence[Field]) -> set[str]:
    """Fields that no list takes out: required ones, those that decide about others, and the frame."""
    parts = [*fields, *(part for field in fields for part in field.properties)]
    conditions = [when for part in parts for when in (part.required, part.depends_on) if isinstance(when, When)]
    needed = {field.key for field in fields if field.required is True or field.key in _FRAME}
    return needed.union(*(when.fields for when in conditions))


class Kept:
    """What a list of fields leaves of one action: `action` without the others, and `denied`, which are their names."""

    def __init__(self, action: Action, fields: FieldList) -> None:
        self._list = fields
        self._fixed = _fixed(action.fields)
        kept = [self._kept(field) for field in action.fields]
        self.action = msgspec.structs.replace(action, fields=tuple(field for field in kept if field is not None))
        left = set(_names(self.action.fields))
        self.denied = [name for name in _names(action.fields) if name not in left]

    def _sends(self, name: str) -> bool:
        if self._list.allow is not None:
            return name in self._list.allow
        return name not in (self._list.deny or ())

    def _kept(self, field: Field) -> Field | None:
        """The field with the parts it may have; None where nothing of it may be sent."""
        if field.key in self._fixed:
            return field
        allowed = self._list.allow is not None
        whole = self._sends(field.key)
        if not field.properties or (whole if allowed else not whole):
            return field if whole else None
        parts = tuple(part for part in field.properties if self._sends(f"{field.key}.{part.key}"))
        return msgspec.structs.replace(field, properties=parts) if parts else None

    def mapping(self, written: Mapping[str, Any]) -> dict[str, Any]:
        """A mapping's fields without those that are not sent. What a directive at its root makes is kept from the row
        by the action, which does not know the field."""
        if ROOT in written or any(str(key).startswith("@") for key in written):
            return dict(written)
        parts: dict[str, set[str]] = {}
        for name in self.denied:
            key, _, part = name.partition(".")
            parts.setdefault(key, set()).add(part)
        return {
            key: _without(value, parts.get(key, set()))
            for key, value in written.items()
            if "" not in parts.get(key, ())
        }


def _without(value: Any, parts: set[str]) -> Any:
    """An object's mapping, or that of a list's items, without these parts."""
    if not parts or not isinstance(value, dict):
        return value
    if not is_directive(value):
        return {key: part for key, part in value.items() if key not in parts}
    match value.get("@arrayPath"):
        case [where, dict(item), *rest] if not is_directive(item):
            return {**value, "@arrayPath": [where, _without(item, parts), *rest]}
    return value


Hide = Callable[[Any], None]


def veil(action: Action, denied: Sequence[str]) -> tuple[Hide, Hide] | None:
    """What takes from a record, and from the row made of it, the values of denied fields that hide elsewhere: query
    parameters in the address of a page, and what a destination makes of other fields. None where nothing is denied."""
    if not denied:
        return None
    slots = {field.key: field.name for field in action.fields}
    names = {name.rpartition(".")[2] for name in denied}
    names |= {slots[name] for name in denied if name in slots}
    alternatives = "|".join(sorted(map(re.escape, names)))
    carries = re.compile(rf"(?:^|[?&#;])(?:{alternatives})(?:\[\w*\])?=", re.IGNORECASE).search

    def hide_parameters(record: Any) -> None:
        for slot in _ADDRESSES:
            address = getattr(record, slot, None)
            if address is not None and "=" in address:
                setattr(record, slot, _cleaned(address, carries))

    members = {slots.get(name, name) for name in denied if "." not in name}

    def hide_members(row: Any) -> None:
        for part in row.__struct_fields__:
            _blank(getattr(row, part), members)

    return hide_parameters, hide_members


def _blank(part: Any, members: set[str]) -> None:
    if isinstance(part, msgspec.Struct):
        for name in members.intersection(part.__struct_fields__):
            setattr(part, name, None)
    elif isinstance(part, dict):
        for name in members:
            part.pop(name, None)


_pieces: Final = re.compile(r"([?&#;])").split


def _cleaned(address: str, carries: Callable[[str], Any]) -> str:
    """An address without the parameters that carry a value, even one inside another's, and percent signs or not."""
    kept, *rest = _pieces(address)
    pairs = list(zip(rest[::2], rest[1::2], strict=True))
    left = [(part, piece) for part, piece in _parted(pairs) if not carries(unquote_plus(unquote_plus(piece)))]
    if len(left) == len(pairs):
        return address
    for mark in "?#":
        pieces = [piece for part, piece in left if part == mark]
        kept += mark + "&".join(pieces) if pieces else ""
    return kept


def _parted(pairs: Sequence[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Each piece with the part of the address that it belongs to: the query ("?") or the fragment ("#")."""
    part = "?"
    for sign, piece in pairs:
        part = "#" if sign == "#" else part
        yield part, piece
