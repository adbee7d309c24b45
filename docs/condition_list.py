"""The conditions that destinations declare for the diagnostics, and the weights of match keys."""

from __future__ import annotations

from docs.markdown import code, table

from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.diagnosis import Condition, MatchKey, Severity

_LEVELS = {
    Severity.ERROR: "Errors: events or matches are lost",
    Severity.WARNING: "Warnings: they cost some",
    Severity.INFO: "Worth knowing",
}


def diagnostics() -> str:
    """Every condition, by level; with the destinations that do not look for it."""
    declared: dict[str, Condition] = {}
    kinds: dict[str, set[str]] = {}
    for kind, destination in DESTINATIONS.items():
        for condition in destination.diagnostics.conditions if destination.diagnostics else ():
            declared.setdefault(condition.code, condition)
            kinds.setdefault(condition.code, set()).add(kind)
    parts = []
    for level, title in _LEVELS.items():
        rows = [
            (code(one.code), f"**{one.title}.** {one.meaning}", one.fix, str(one.basis), _for(kinds[one.code], one))
            for one in declared.values()
            if one.level is level
        ]
        parts.append(f"### {title}\n\n" + table(("Code", "What is so", "What to do", "Basis", "For"), rows))
    return "\n".join(parts)


def _for(kinds: set[str], condition: Condition) -> str:
    everywhere = kinds == set(DESTINATIONS)
    sources = [one for one in condition.sources if everywhere or one != "pixel"]
    if sources:
        return f"{', '.join(sources)} events"
    return "all" if everywhere else ", ".join(DESTINATIONS[kind].title for kind in DESTINATIONS if kind in kinds)


def match_quality() -> str:
    """The keys and their points, and the targets by event."""
    keys: dict[str, MatchKey] = {}
    targets: dict[str, float] = {}
    for destination in DESTINATIONS.values():
        if destination.diagnostics is not None:
            keys |= {key.key: key for key in destination.diagnostics.keys}
            targets |= destination.diagnostics.targets
    rows = [(key.title, f"{key.points:g}", ", ".join(key.sources), key.hint) for key in keys.values()]
    marks = [(code(name), f"{mark:g}") for name, mark in targets.items()]
    return (
        table(("Match key", "Points", "Events", "How to send it"), rows)
        + "\nRough targets, of 10:\n\n"
        + table(("Event", "Target"), marks)
    )
