"""What some directives do to whole objects. Nothing here changes what it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tockwork.rules.javascript import UNDEFINED, Meter, Native, entries, real_type, whole


def flat(value: Any, separator: str, omits_lists: bool) -> dict[str, Any]:
    """One object with a member for every leaf of `value`, named by the way there."""
    leaves: dict[str, Any] = {}
    meter = Meter()

    def walk(value: Any, prefix: str, depth: int) -> None:
        meter.node(depth)
        kind = real_type(value)
        if kind == "object" or (kind == "array" and not omits_lists):
            for key, member in entries(value):
                walk(member, f"{prefix}{separator}{key}" if prefix else key, depth + 1)
        else:
            meter.text(len(prefix))
            leaves[whole(prefix)] = value

    walk(value, "", 0)
    return leaves


def defined(value: Any, meter: Meter | None = None, depth: int = 0) -> Any:
    """A copy of `value` whose objects have no undefined members; in lists they stay."""
    meter = meter or Meter()
    meter.node(depth)
    if isinstance(value, list):
        return [defined(item, meter, depth + 1) for item in value]
    if real_type(value) == "object":
        return {
            key: defined(member, meter, depth + 1)
            for key, member in entries(value)
            if member is not UNDEFINED and key != "__proto__"
        }
    return value


def without_nulls(value: Any, meter: Meter | None = None, depth: int = 0) -> Any:
    """A copy of `value` whose objects have no null members, as far as objects lead; lists stay as they are."""
    meter = meter or Meter()
    meter.node(depth)
    if real_type(value) != "object":
        return value
    members = {key: member for key, member in entries(value) if key != "__proto__"}
    return {
        key: UNDEFINED if member is None else without_nulls(member, meter, depth + 1) for key, member in members.items()
    }


class Variables(Mapping[str, Any]):
    """What Liquid finds by name in an object, a list or a string: its members, as JSON without functions."""

    def __init__(self, value: Any) -> None:
        self._members = value if isinstance(value, dict) else dict(entries(value))
        if isinstance(value, (list, str)):
            self._members["length"] = len(self._members)

    def __getitem__(self, key: str) -> Any:
        return _plain(self._members[key], Meter(), 0)

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def _plain(value: Any, meter: Meter, depth: int) -> Any:
    """`value` with empty objects in place of functions; the value itself where it has none."""
    meter.node(depth)
    if isinstance(value, Native):
        return {} if value.json is UNDEFINED else value.json
    if isinstance(value, dict):
        members = {key: _plain(member, meter, depth + 1) for key, member in value.items()}
        return members if any(members[key] is not value[key] for key in value) else value
    if isinstance(value, list):
        items = [_plain(item, meter, depth + 1) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value
