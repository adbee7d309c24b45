"""Orders that count twice: what goes to an offline event set and to a pixel as well.

TikTok compares the events of one pixel or one event set with each other, never across them, whatever their event_id
(TikTok, "Event deduplication"; "Offline setup guide").
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from tockwork.delivery.connection import Connection
from tockwork.doctor.finding import Finding, Level
from tockwork.doctor.probe import envelopes
from tockwork.rules.index import conditions

OFFLINE: Final = "offline"
FROM_FILE: Final = {"context": {"file": {"line": 1}}}
"""What marks an event that was imported from a file."""
NAMED: Final = 3


Chosen = Mapping[str, Collection[str] | None]
"""The sources whose events each destination takes, by name; None, or none said, for all."""


def meet(sources: Chosen, one: str, other: str) -> bool:
    """Whether two destinations get events of the same source."""
    theirs, others = sources.get(one), sources.get(other)
    return theirs is None or others is None or not set(theirs).isdisjoint(others)


def counted_twice(connections: Mapping[str, Connection], sources: Chosen) -> Iterator[Finding]:
    """One finding for each offline event set and each other destination that gets the same events.

    Events that are sent anyway are a warning. Events that the event set takes from files alone are advice: nobody can
    tell from the configuration which orders are in a file.
    """
    kinds = {name: envelopes(connection)[0].event_source for name, connection in connections.items()}
    for offline in (name for name, kind in kinds.items() if kind == OFFLINE):
        for other in (name for name, kind in kinds.items() if kind != OFFLINE and meet(sources, offline, name)):
            yield from _shared(offline, connections[offline], other, connections[other])


def _shared(offline: str, event_set: Connection, other: str, connection: Connection) -> Iterator[Finding]:
    samples = list(_samples([event_set, connection]))
    elsewhere = [sample for sample in samples if _taken(connection, sample)]
    live = [sample for sample in elsewhere if _taken(event_set, sample)]
    apart = "TikTok counts an offline event set apart, so an order in both counts twice"
    if live:
        what = f"gets {_names(live)}, which destination {other!r} gets too: {apart}"
        mend = "Narrow its triggers to what happened away from the website, or disable one of the two."
        yield Finding(Level.WARNING, f"destination {offline!r}", what, mend)
        return
    filed = [sample for sample in elsewhere if _taken(event_set, {**sample, **FROM_FILE})]
    if filed:
        what = f"gets {_names(filed)} from files, of a kind that destination {other!r} gets from elsewhere: {apart}"
        mend = "Import orders that no website reported, and no others."
        yield Finding(Level.ADVICE, f"destination {offline!r}", what, mend)


def _samples(connections: Iterable[Connection]) -> Iterator[dict[str, Any]]:
    """An event, of the plainest kind, for every type and name that the triggers ask for."""
    asked: dict[tuple[str, str], None] = {}
    for connection in connections:
        for mapping in connection.mappings:
            for condition in conditions(mapping.trigger.root):
                if condition.kind in ("event", "event-type") and isinstance(condition.value, str):
                    asked[condition.kind, condition.value] = None
    for kind, value in asked:
        head = {"type": "track", "event": value} if kind == "event" else {"type": value}
        yield {**head, "userId": "u-1", "properties": {"order_id": "O-1", "value": 1, "revenue": 1, "total": 1}}


def _taken(connection: Connection, event: dict[str, Any]) -> bool:
    return any(mapping.enabled and mapping.trigger.matches(event) for mapping in connection.mappings)


def _names(samples: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(repr(sample.get("event") or f"{sample['type']} calls") for sample in samples))
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
