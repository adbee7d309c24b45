"""What is different between two configurations, member by member: what ``tockwork plan`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from tockwork.configuration import schema
from tockwork.configuration.alerts import Alerts
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.model.secret import Secret

HIDDEN: Final = "(secret)"
_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}
_LONGEST: Final = 120  # characters of a value that a line shows
_NOTHING: Final = msgspec.UNSET


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One difference. `where` is the member, ``settings.timezone`` say, and empty for a whole source or destination.
    Alerts have no `name`. `before` and `after` are its values, missing where there is none; a secret shows as
    ``(secret)``."""

    action: Literal["added", "removed", "changed"]
    of: Literal["source", "destination", "alerts"]
    name: str
    where: str = ""
    before: Any = _NOTHING
    after: Any = _NOTHING


def changes(old: Configuration, new: Configuration) -> list[Change]:
    """What makes `new` of `old`: by name, sources first. Mappings are matched by name. Neither the order of sources and
    destinations nor where values came from counts."""
    alerts = _unequal(_of_alerts(old.alerts), _of_alerts(new.alerts))
    return [
        *_between("source", old.sources, new.sources),
        *_between("destination", old.destinations, new.destinations),
        *(Change("changed", "alerts", "", where, _masked(one), _masked(other)) for where, one, other in alerts),
    ]


def lines(found: Sequence[Change]) -> Iterator[str]:
    """The changes for people, one line each."""
    for change in found:
        what = f"{_SIGNS[change.action]} {change.of}{f' {change.name!r}' if change.name else ''}"
        if not change.where:
            entry = change.before if change.action == "removed" else change.after
            yield f"{what} ({entry['kind']})"
        elif HIDDEN in (change.before, change.after):
            yield f"{what}: {change.where}: {_hidden(change)}"
        else:
            yield f"{what}: {change.where}: {_short(change.before)} → {_short(change.after)}"


def _hidden(change: Change) -> str:
    if change.before is _NOTHING:
        return "set"
    return "removed" if change.after is _NOTHING else "changed"


def _short(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_Entries = Sequence[SourceEntry] | Sequence[DestinationEntry]


def _between(of: Literal["source", "destination"], old: _Entries, new: _Entries) -> Iterator[Change]:
    before, after = ({entry.name: _members(entry) for entry in entries} for entries in (old, new))
    for name, members in before.items():
        if name not in after:
            yield Change("removed", of, name, before=_masked(members))
    for name, members in after.items():
        if name not in before:
            yield Change("added", of, name, after=_masked(members))
            continue
        for where, one, other in _differences(before[name], members):
            yield Change("changed", of, name, where, _masked(one), _masked(other))


def _of_alerts(alerts: Alerts) -> dict[str, Any]:
    """Every member, those of rules by their whole places; without a webhook that is not set."""
    members = {member: value for member, value in msgspec.structs.asdict(alerts).items() if member != "rules"}
    for rule, figures in msgspec.structs.asdict(alerts.rules).items():
        members |= {f"rules.{rule}.{name}": value for name, value in msgspec.structs.asdict(figures).items()}
    return {member: value for member, value in members.items() if value != ""}


def _members(entry: SourceEntry | DestinationEntry) -> dict[str, Any]:
    members = {member: schema.plain(value) for member, value in msgspec.structs.asdict(entry).items()}
    if isinstance(entry, SourceEntry):
        members["write_key"] = Secret(entry.write_key)
    return members


def _masked(value: Any) -> Any:
    match value:
        case Secret():
            return HIDDEN
        case dict():
            return {key: _masked(part) for key, part in value.items()}
        case list():
            return [_masked(part) for part in value]
    return value


_Difference = tuple[str, Any, Any]


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Difference]:
    for where, before, after in _unequal(old, new):
        if where == "settings" or (where == "pixel" and None not in (before, after)):
            yield from _below(where, before, after)
        elif where == "mappings" and isinstance(before, list) and isinstance(after, list):
            yield from _mapping_differences(before, after)
        else:
            yield where, before, after


def _mapping_differences(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[_Difference]:
    before, after = _by_name(old), _by_name(new)
    for name, one, other in _unequal(before, after):
        where = f"mappings[{name}]"
        if one is _NOTHING or other is _NOTHING:
            yield where, one, other
            continue
        for member, was, now in _unequal(one, other):
            if isinstance(was, dict) and isinstance(now, dict):
                yield from _below(f"{where}.{member}", was, now)
            else:
                yield f"{where}.{member}", was, now
    stayed = [one.get("name") for name, one in before.items() if name in after]
    order = [one.get("name") for name, one in after.items() if name in before]
    if stayed != order:
        yield "mappings, their order", stayed, order


def _by_name(mappings: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Mappings by name in quotes; one without a name by its place, which is what it goes by."""
    return {repr(one["name"]) if one.get("name") else str(place): one for place, one in enumerate(mappings)}


def _below(where: str, old: Any, new: Any) -> Iterator[_Difference]:
    old, new = ({} if value is _NOTHING else value for value in (old, new))
    yield from ((f"{where}.{key}", before, after) for key, before, after in _unequal(old, new))


def _unequal(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Difference]:
    """The members that differ. Those of `old` first, in its order."""
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key, _NOTHING), new.get(key, _NOTHING)
        if not schema.same(before, after):
            yield key, before, after
