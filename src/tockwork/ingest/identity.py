"""TikTok's ids of a person: learnt from the events of a browser, and given to later events of the same person that lack
them, such as those of a shop's backend. Pure, but for what `People` remembers.

An id reaches every cloud destination from one place, ``properties.ttclid`` and ``properties.ttp``: all of their default
mappings look there, and first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final, Protocol

import msgspec

from tockwork.destinations.person import Mark, mark
from tockwork.destinations.tiktok.click_id import click_id
from tockwork.destinations.tiktok.hashing import is_placeholder
from tockwork.ingest.cookies import CLICK_S, VISITOR_S, is_id
from tockwork.model.event import Event

MAX_PEOPLE: Final = 100_000
SKEW_S: Final = 300
NEWS_S: Final = 86_400
ENRICHED: Final = frozenset({"track", "page", "screen"})
"""Calls with properties. The others carry traits, and no destination makes a row of their ids."""
_INTEGRATION: Final = "TikTok Conversions"
_NAMES: Final = ("ttclid", "ttp")
_LIVES: Final = {"ttclid": CLICK_S, "ttp": VISITOR_S}


class Seen(msgspec.Struct, frozen=True):
    """An id, and when it was seen, Unix time in seconds."""

    value: str
    at: float


Known = Mapping[str, Seen]
"""What is known of a person: ``ttclid``, ``ttp`` or both."""
_NOTHING: Final[Known] = {}


class People(Protocol):
    """Remembers what is known of people, by their marks (`destinations.person`). It answers from memory, at once: it is
    asked for every event. What it has forgotten is learnt anew, or missing, and never wrong."""

    def __len__(self) -> int: ...

    def find(self, person: Mark) -> Known:
        """Empty for an unknown person."""
        ...

    def learn(self, person: Mark, known: Known) -> None:
        """Takes what is newer than what was known; the same moment counts as newer."""
        ...

    def forget(self, marks: Iterable[Mark]) -> None:
        """Removes all that is known of these people."""
        ...


class PeopleInMemory:
    """At most `most` people: those unheard of for longest are forgotten first. Gone when the process ends."""

    def __init__(self, most: int = MAX_PEOPLE) -> None:
        self._people: OrderedDict[Mark, Known] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._people)

    def find(self, person: Mark) -> Known:
        known = self._people.get(person)
        if known is None:
            return _NOTHING
        self._people.move_to_end(person)
        return known

    def learn(self, person: Mark, known: Known) -> None:
        self._people[person] = newest(self._people.get(person, {}), known)
        self._people.move_to_end(person)
        if len(self._people) > self._most:
            self._people.popitem(last=False)

    def forget(self, marks: Iterable[Mark]) -> None:
        for person in marks:
            self._people.pop(person, None)


class Identity:
    """Enriches events, in place, and learns from them. One for the process."""

    def __init__(self, people: People) -> None:
        self.people = people

    def concerns(self, body: bytes) -> bool:
        """Whether there can be anything to learn from a request, or to add to it."""
        return b"ttclid" in body or b'"ttp"' in body or bool(self.people)

    def __call__(self, event: Event, received_at: float) -> None:
        """Expects an event that was checked and stamped; `received_at` in Unix seconds.

        The event's own ids always win. Nothing is learnt from an event whose person denied all consent, and it gets
        nothing.
        """
        ids = carried(event)
        if not (ids or self.people) or denied(event):
            return
        former = {person: self.people.find(person) for person in _marks(event)}
        if not (ids or any(former.values())):
            return
        happened = min(_instant(event.get("timestamp"), received_at), received_at)
        own: Known = {name: Seen(value, happened) for name, value in ids.items()}
        known = newest(reduce(newest, former.values(), _NOTHING), own)
        for person, before in former.items():
            if is_news(before, known):
                self.people.learn(person, known)
        if known and event["type"] in ENRICHED:
            enrich(event, valid(known, happened), ids)


def carried(event: Event) -> dict[str, str]:
    """The ids that an event brings. A click in the page's address is the newest; then come ``properties``, then
    ``integrations``."""
    page = _object(_object(event.get("context")).get("page"))
    address = page.get("url")
    found: dict[str, Any] = {"ttclid": click_id(address) if isinstance(address, str) else None}
    for place in (_object(event.get("properties")), _object(_object(event.get("integrations")).get(_INTEGRATION))):
        for name in _NAMES:
            found[name] = found.get(name) or place.get(name)
    return {name: value for name, value in found.items() if is_id(value) and not is_placeholder(value)}


def newest(known: Known, other: Known) -> Known:
    """Of each id the one seen last; of two seen at once the other's."""
    if not other:
        return known
    merged = dict(known)
    for name, seen in other.items():
        former = merged.get(name)
        # A visitor's id lives on each time it is seen; a click's time runs from the click.
        if former is None or (seen.at >= former.at and (name == "ttp" or seen.value != former.value)):
            merged[name] = seen
    return merged


def is_news(before: Known, known: Known) -> bool:
    """Whether `known` says more than `before`. Of an id that is known already, only that it was seen a day later:
    people send many events, and not each is worth keeping."""
    return any(
        former is None or former.value != seen.value or seen.at - former.at > NEWS_S
        for former, seen in ((before.get(name), seen) for name, seen in known.items())
    )


def valid(known: Known, happened: float) -> Known:
    """What counts for an event of that time: a click for 28 days, a visitor's id for 13 months after it was last seen.
    Not for an event from before; the clocks of browser and backend may differ a little."""
    return {name: seen for name, seen in known.items() if -SKEW_S <= happened - seen.at <= _LIVES[name]}


def enrich(event: Event, known: Known, own: Mapping[str, str]) -> None:
    """Adds to an event's properties the ids that it does not bring itself, in whichever place."""
    missing = {name: seen.value for name, seen in known.items() if name not in own}
    properties = event.get("properties") or {}
    missing = {name: value for name, value in missing.items() if properties.get(name) in (None, "")}
    if missing:
        event["properties"] = {**properties, **missing}


def denied(event: Event) -> bool:
    """Whether the event says that its person agreed to nothing at all."""
    consent = _object(_object(event.get("context")).get("consent")).get("categoryPreferences")
    return bool(consent) and isinstance(consent, dict) and not any(consent.values())


def _marks(event: Event) -> list[Mark]:
    """Those of the event's user and of its visitor."""
    ids = {value for key in ("userId", "anonymousId") if type(value := event.get(key)) is str and value}
    return [found for value in ids if (found := mark(value)) is not None]


def _object(value: Any) -> Mapping[str, Any]:
    return value if type(value) is dict else {}


def _instant(value: Any, otherwise: float) -> float:
    if type(value) is str:
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            pass
    return otherwise
