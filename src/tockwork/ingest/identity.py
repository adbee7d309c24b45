"""TikTok's ids of a person: learnt from the events of a browser, and given to later events of the same person that lack
them, such as those of a shop's backend. Pure, but for what `People` remembers.

An id reaches every cloud destination from one place, ``properties.ttclid`` and ``properties.ttp``: all of their default
mappings look there, and first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial, reduce
from typing import Any, Final

from tockwork.destinations.person import Mark, mark
from tockwork.destinations.tiktok.click_id import PARAMETER, click_id
from tockwork.destinations.tiktok.hashing import is_placeholder
from tockwork.ingest.cookies import CLICK_S, VISITOR_S, is_id
from tockwork.model.event import Event
from tockwork.store.people import Known, People, Seen, newest

SKEW_S: Final = 300
NEWS_S: Final = 86_400
ENRICHED: Final = frozenset({"track", "page", "screen"})
"""Calls with properties. The others carry traits, and no destination makes a row of their ids."""
_INTEGRATION: Final = "TikTok Conversions"
_NAMES: Final = ("ttclid", "ttp")
LIVES: Final = {"ttclid": CLICK_S, "ttp": VISITOR_S}
"""How many seconds an id counts after it was seen."""
_NOTHING: Final[Known] = {}
_mark: Final = lru_cache(maxsize=8192)(mark)
"""People come with many events each."""


class Identity:
    """Enriches events, in place, and learns from them. One for the process.

    `deleted` are people of whom nothing may be learnt; it may be replaced at any time.
    """

    def __init__(self, people: People) -> None:
        self.people = people
        self.deleted: Collection[Mark] = frozenset()
        self._add = partial(self, learns=False)

    def reader(self, body: bytes, *, browser: bool) -> Callable[[Event, float], None] | None:
        """What goes through a request's events; None where there can be nothing to learn or to add. Only browsers
        teach: a backend has its ids from them."""
        if browser and (b"ttclid" in body or b'"ttp"' in body):
            return self
        return self._add if self.people else None

    def __call__(self, event: Event, received_at: float, *, learns: bool = True) -> None:
        """Expects an event that was checked and stamped; `received_at` in Unix seconds.

        The event's own ids always win. Nothing is learnt from an event whose person denied all consent or was
        deleted, and it gets nothing.
        """
        ids = carried(event)
        if not (ids or self.people) or denied(event):
            return
        marks = _marks(event)
        if any(person in self.deleted for person in marks):
            return
        former = {person: self.people.find(person) for person in marks}
        if all(says_nothing(ids, before, received_at) for before in former.values()):
            return
        happened = min(_instant(event.get("timestamp"), received_at), received_at)
        own: Known = {name: Seen(value, happened) for name, value in ids.items()}
        known = newest(reduce(newest, former.values(), _NOTHING), own)
        for person, before in former.items():
            if learns and is_news(before, known):
                other = next((each for each in marks if each != person), None)
                self.people.learn(person, known, other)
        if known and event["type"] in ENRICHED:
            enrich(event, valid(known, happened), ids)


def carried(event: Event) -> dict[str, str]:
    """The ids that an event brings. A click in the page's address is the newest; then come ``properties``, then
    ``integrations``."""
    context, properties, integrations = event.get("context"), event.get("properties"), event.get("integrations")
    page = context.get("page") if type(context) is dict else None
    address = page.get("url") if type(page) is dict else None
    integration = integrations.get(_INTEGRATION) if type(integrations) is dict else None
    found: dict[str, Any] = {"ttclid": click_id(address)} if type(address) is str and PARAMETER in address else {}
    for place in (properties, integration):
        if type(place) is dict:
            for name in _NAMES:
                if name in place and not found.get(name):
                    found[name] = place[name]
    return {name: value for name, value in found.items() if is_id(value) and not is_placeholder(value)}


def says_nothing(ids: Mapping[str, str], known: Known, received_at: float) -> bool:
    """Whether an event with these ids has neither something to learn nor something to get: the usual case."""
    if ids.keys() != known.keys():
        return False
    for name, value in ids.items():
        seen = known[name]
        if seen.value != value or received_at - seen.at > NEWS_S:
            return False
    return True


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
    return {name: seen for name, seen in known.items() if -SKEW_S <= happened - seen.at <= LIVES[name]}


def enrich(event: Event, known: Known, own: Mapping[str, str]) -> None:
    """Adds to an event's properties the ids that it does not bring itself, in whichever place."""
    missing = {name: seen.value for name, seen in known.items() if name not in own}
    properties = event.get("properties") or {}
    missing = {name: value for name, value in missing.items() if properties.get(name) in (None, "")}
    if missing:
        event["properties"] = {**properties, **missing}


def denied(event: Event) -> bool:
    """Whether the event says that its person agreed to nothing at all."""
    context = event.get("context")
    consent = context.get("consent") if type(context) is dict else None
    agreed = consent.get("categoryPreferences") if type(consent) is dict else None
    return type(agreed) is dict and bool(agreed) and not any(agreed.values())


def _marks(event: Event) -> list[Mark]:
    """Those of the event's user and of its visitor."""
    found = [_mark(value) for key in ("userId", "anonymousId") if type(value := event.get(key)) is str]
    return [each for each in dict.fromkeys(found) if each is not None]


def _instant(value: Any, otherwise: float) -> float:
    if type(value) is str:
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            pass
    return otherwise
