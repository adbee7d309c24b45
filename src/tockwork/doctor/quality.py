"""Match quality, event by event: how many rows have each match key, an estimate made of that, and what would raise it.

The estimate is ours: the weights of the keys times their coverage, on a scale from 0 to 10. What TikTok itself shows
(Event Match Quality) no interface gives away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from tockwork.destinations.diagnosis import Diagnostics, MatchKey, Seen

SCALE: Final = 10.0
LEAST_GAIN: Final = 0.05
"""A gain below half of the last digit shown is none."""
COMPARABLE: Final = 20
"""From so many rows on, an event's estimate is compared with another day's."""


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """One match key: `has` of the `of` rows that can have it do. `points` is what it counts at most on the scale, and
    `gain` what full coverage would add. `hint` says how to send it, `mapped` whether any mapping fills it."""

    key: str
    title: str
    points: float
    has: int
    of: int
    coverage: float
    gain: float
    hint: str
    mapped: bool


class EventQuality(msgspec.Struct, frozen=True, kw_only=True):
    """One event's `estimate` (0 to 10) over the `rows` of the sample, what it was in the 24 hours before (None where
    too few rows are), a rough `target` (None where nobody names one), and its keys, the largest gain first."""

    name: str
    rows: int
    estimate: float
    former: float | None
    target: float | None
    keys: list[Coverage]


def qualities(
    diagnostics: Diagnostics,
    rows: Iterable[Seen],
    shown: Callable[[str], str],
    fields: Mapping[str, frozenset[str]],
    former: Mapping[str, float],
) -> list[EventQuality]:
    """One for each event, the most frequent first. `shown` names an event as it may be shown, `fields` are the fields
    that each mapping has."""
    events: dict[str, list[Seen]] = {}
    for one in rows:
        events.setdefault(shown(one.name), []).append(one)
    found = [
        EventQuality(
            name=name,
            rows=len(seen),
            estimate=round(estimate(keys), 2),
            former=former.get(name),
            target=diagnostics.targets.get(name),
            keys=sorted(keys, key=lambda key: -key.gain),
        )
        for name, seen in events.items()
        if (keys := coverages(diagnostics.keys, seen, fields))
    ]
    return sorted(found, key=lambda quality: -quality.rows)


def coverages(
    keys: Sequence[MatchKey], rows: Sequence[Seen], fields: Mapping[str, frozenset[str]] | None = None
) -> list[Coverage]:
    """The keys that some of the rows can have, in the order of their declaration."""
    able = [(key, [one for one in rows if one.event_source in key.sources]) for key in keys]
    able = [(key, some) for key, some in able if some]
    unit = SCALE / (sum(key.points for key, _ in able) or 1.0)
    found = []
    for key, some in able:
        has, of = sum(map(key.is_in, some)), len(some)
        points = key.points * unit
        missing = points * (of - has) / of
        found.append(
            Coverage(
                key=key.key,
                title=key.title,
                points=round(points, 2),
                has=has,
                of=of,
                coverage=round(has / of, 4),
                gain=round(missing, 2) if missing >= LEAST_GAIN else 0.0,
                hint=key.hint,
                mapped=fields is None or any(not fields.get(one.mapping, _NONE).isdisjoint(key.fields) for one in some),
            )
        )
    return found


_NONE: Final[frozenset[str]] = frozenset()


def estimate(keys: Iterable[Coverage]) -> float:
    """From 0 to 10."""
    return sum(key.points * key.has / key.of for key in keys)
