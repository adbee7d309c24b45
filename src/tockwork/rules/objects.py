"""What some directives do to whole objects. Nothing here changes what it is given."""

from __future__ import annotations

from typing import Any

from tockwork.rules.javascript import UNDEFINED, Meter, entries, real_type, whole


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
