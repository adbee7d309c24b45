"""``tockwork doctor --pair``: whether TikTok can tell that the browser and the server report the same events.

It merges two reports with the same event name and event_id (TikTok, "Event deduplication"). So both legs of a pair are
given the same events, and what they would send is compared. Nothing is sent, and no value of an event is shown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, repeat
from time import time
from typing import Any, Final, Literal

import msgspec

from tockwork.configuration.advice import pairs, place
from tockwork.configuration.instance import Instance
from tockwork.destinations.device import compiled
from tockwork.destinations.diagnosis import Legs
from tockwork.destinations.tiktok.settings import TEST_EVENT_CODE
from tockwork.destinations.tiktok.standard_events import PAGE_VIEW
from tockwork.doctor.finding import Finding, Level
from tockwork.model import reasons
from tockwork.model.outcome import Outcome, Status

LIBRARY: Final = "analytics.js"
WEB: Final = "web"
VALUES: Final = (
    "value currency contents content_type content_ids num_items order_id shop_id query search_string description"
).split()
"""What both legs say of an event, as TikTok calls it."""


class Sample(msgspec.Struct, frozen=True):
    """Events to compare by, JSON bytes each: those of browsers, which both legs get, and others, which the server's
    gets alone. `origin` says where they are from, `refs` and `other_refs` name the events of both, if anybody asks."""

    browser: Sequence[bytes]
    others: Sequence[bytes] = ()
    origin: str = "the journal"
    refs: Sequence[str] = ()
    other_refs: Sequence[str] = ()


def sample(events: Sequence[tuple[str, bytes]], browser_sources: Collection[str]) -> Sample:
    """The sample that `events` are, each with the name of its source."""
    split: dict[bool, list[bytes]] = {True: [], False: []}
    for source, entry in events:
        split[source in browser_sources or _library(entry) == LIBRARY].append(entry)
    return Sample(split[True], split[False])


def _library(entry: bytes) -> Any:
    try:
        context = msgspec.json.decode(entry).get("context")
        return context["library"]["name"]
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError):
        return None


class Report(msgspec.Struct, frozen=True):
    """One event as one leg would report it."""

    mapping: str
    name: str
    event_id: str
    values: dict[str, Any]


Missing = tuple[str, str]
"""A mapping and the reason code for which it reports nothing. No mapping: the event came to none."""


class Told(msgspec.Struct, frozen=True):
    """What one leg makes of an event."""

    reports: list[Report]
    missing: list[Missing]

    def why_not(self, mapping: str) -> str:
        """The reason for which a mapping reports nothing."""
        return next((reason for name, reason in self.missing if name in ("", mapping)), reasons.NO_TRIGGER)


def examine_pairs(connected: Sequence[Instance], events: Sample) -> list[Finding]:
    """What keeps TikTok from merging, pair by pair; what is as it should be too. Nothing is sent."""
    found: list[Finding] = []
    pages = [one for one in connected if one.entry.in_browser and one.entry.enabled]
    servers = [one for one in connected if not one.entry.in_browser and not one.entry.sandbox]
    together = pairs([*pages, *servers])
    for page in pages:
        others = [server for server, each in together if each is page]
        enabled = [server for server in others if server.entry.enabled]
        if enabled:
            for server in enabled:
                found += list(settings_differ(server, page)) + list(Comparison(server, page).findings(events))
        else:
            found.append(_alone(page, others, servers))
    mend = "Write pixel: {} into a destination of the server."
    return found or [Finding(Level.WARNING, "pair", "no pixel in the browser is configured and enabled", mend)]


def _alone(page: Instance, disabled: Sequence[Instance], servers: Sequence[Instance]) -> Finding:
    if disabled:
        what = f"reports alone: {place(disabled[0])} is disabled"
        return Finding(Level.ERROR, place(page), what, "Enable it, or disable both.")
    for server in servers:
        if server.entry.enabled and server.connection.destination.pair == page.entry.kind:
            what = f"reports to another pixel code than {place(server)}, so TikTok counts each event twice"
            return Finding(Level.ERROR, place(page), what, "Give both the pixel code that Events Manager shows.")
    what = "has no destination of the server beside it, so what browsers block is lost"
    return Finding(Level.WARNING, place(page), what, "Configure a pair: docs/how-to/pair-pixel-and-server.md.")


# What the settings tell


def settings_differ(server: Instance, page: Instance) -> Iterator[Finding]:
    """What two legs' settings make of their events."""
    key = TEST_EVENT_CODE.key
    enabled = [mapping for mapping in server.connection.mappings if mapping.enabled]
    tested = [f"mapping {one.name!r}, fields.{key}" for one in enabled if one.fields.get(key)]
    for where in [f"settings.{key}"] if server.connection.settings.get(key) else tested:
        what = f"makes test events of the server's, and {place(page)} reports real ones"
        yield Finding(Level.ERROR, f"{place(server)}, {where}", what, "Empty it for real traffic.")
    if page.connection.settings.get("useExistingPixel"):
        what = "leaves it to the page to load the pixel, whose own events carry no event_id of ours"
        mend = "Remove the page's own calls of ttq.track and ttq.page, or its base code and this setting."
        yield Finding(Level.WARNING, f"{place(page)}, settings.useExistingPixel", what, mend)
    if not compiled(page.connection).get("page"):
        return
    if any(mapping.fields.get("event") == PAGE_VIEW for mapping in enabled):
        what = f"counts page views without an event_id, and {place(server)} sends {PAGE_VIEW}: each counts twice"
        mend = f"Give both a mapping that sends {PAGE_VIEW}, or write autoPageView: false."
        yield Finding(Level.ERROR, f"{place(page)}, settings.autoPageView", what, mend)
    else:
        what = f"counts page views, which {place(server)} does not send"
        mend = f"Add a mapping that sends {PAGE_VIEW}, so that blocked browsers count too."
        yield Finding(Level.ADVICE, f"{place(page)}, settings.autoPageView", what, mend)


# What the events tell


class Comparison:
    """Two legs, event by event. What differs is counted, and said once for each mapping; `legs` has the numbers."""

    def __init__(self, server: Instance, page: Instance) -> None:
        self._server, self._page = server, page
        self._where = f"{place(server)} and {place(page)}"
        connections = (server.connection, page.connection)
        names = [mapping.fields.get("event") for connection in connections for mapping in connection.mappings]
        self._written = {name for name in names if isinstance(name, str)}
        self._found: Counter[Finding] = Counter()
        self._orders: dict[tuple[str, Any], dict[str, bool]] = defaultdict(dict)
        self._order_refs: dict[tuple[str, Any], str] = {}
        self._same = 0
        self._ref = ""
        self._in_page: set[tuple[str, str]] = set()
        self.legs = Legs(browser_events=0)

    def findings(self, events: Sample) -> Iterator[Finding]:
        """What differs, each with how often; at last how many reports agree."""
        now = time()
        self.legs.browser_events = len(events.browser)
        for entry, self._ref in _referred(events.browser, events.refs):
            self._compare(_told(self._server, entry, now), _told(self._page, entry, now))
        for entry, self._ref in _referred(events.others, events.other_refs):
            self._alone(_told(self._server, entry, now).reports)
        for finding, number in self._found.items():
            times = "once" if number == 1 else f"{number} times"
            yield msgspec.structs.replace(finding, what=f"{finding.what} ({times})")
        yield from self._counted_twice()
        if not self._found:
            compared = f"{len(events.browser)} events from {events.origin}"
            what = f"{compared}: {self._same} reports, with the same names and event_ids on both legs"
            yield Finding(Level.OK, self._where, what)

    def _compare(self, server: Told, page: Told) -> None:
        self.legs.events += bool(server.reports or page.reports)
        self.legs.both += bool(server.reports and page.reports)
        self.legs.reports += len(server.reports)
        self._in_page.update((report.name, report.event_id) for report in page.reports if report.event_id)
        self._ordered(server.reports, in_browser=True)
        left, unmatched = list(page.reports), []
        for report in server.reports:
            if other := _taken(left, "name", report):
                self._same_name(report, other)
            else:
                unmatched.append(report)
        alone = len(unmatched) == len(left) == 1  # packs give one trigger mappings of different names
        for report in unmatched:
            if other := left.pop() if alone else _taken(left, "mapping", report):
                self._other_name(report, other)
            else:
                self._one_leg(self._server, report, self._page, page)
        for report in left:
            self._one_leg(self._page, report, self._server, server)

    def _alone(self, reports: Sequence[Report]) -> None:
        """An event that no page sent."""
        self.legs.reports += len(reports)
        self.legs.shared += sum((report.name, report.event_id) in self._in_page for report in reports)
        self._ordered(reports, in_browser=False)

    def _same_name(self, server: Report, page: Report) -> None:
        told, where = self._shown(server.name), self._mapping(server.mapping)
        if not (server.event_id and page.event_id):
            legs = [place(leg) for leg, one in ((self._server, server), (self._page, page)) if not one.event_id]
            mend = "Map event_id to $.messageId on both."
            self._add(Level.ERROR, where, f"{' and '.join(legs)}: {told} has no event_id", mend, "event_id_missing")
        elif server.event_id != page.event_id:
            mend = "Give both the same setting event_id, and map the field event_id alike."
            self._add(Level.ERROR, where, f"{told} has another event_id on each leg", mend, "event_id_differs")
        else:
            self._same += 1
            self.legs.shared += 1
        if keys := [key for key in VALUES if server.values.get(key) != page.values.get(key)]:
            mend = "Map these fields alike on both: TikTok keeps one of the two reports."
            code = "currency_differs_between_legs" if keys == ["currency"] else "values_differ_between_legs"
            self._add(Level.WARNING, where, f"{told} differs in {', '.join(keys)}", mend, code)

    def _other_name(self, server: Report, page: Report) -> None:
        what = f"the server reports {self._shown(server.name)}, and the browser {self._shown(page.name)}"
        mend = "Give both the same preset pack, or the same event in this mapping."
        self._add(Level.ERROR, self._mapping(server.mapping), what, mend, "event_name_differs")

    def _one_leg(self, sender: Instance, report: Report, other: Instance, told: Told) -> None:
        reason = told.why_not(report.mapping)
        if reason == reasons.OPTED_OUT and other.entry.in_browser:
            return  # a page cannot limit one event, so it says nothing; the server limits
        if any(mapping.name == report.mapping and not mapping.enabled for mapping in other.connection.mappings):
            reason = "the mapping is disabled there"
        what = f"{self._shown(report.name)} is reported by {place(sender)} alone; {place(other)}: {reason}"
        mend = "Give both the same mappings, enabled on both, with the same triggers and privacy."
        self._add(Level.ERROR, self._mapping(report.mapping), what, mend, "one_leg_only")

    def _ordered(self, reports: Sequence[Report], *, in_browser: bool) -> None:
        for report in reports:
            order_id = report.values.get("order_id")
            if order_id and report.event_id:
                ids = self._orders[report.name, order_id]
                self._order_refs.setdefault((report.name, order_id), self._ref)
                ids[report.event_id] = ids.get(report.event_id, False) or in_browser

    def _counted_twice(self) -> Iterator[Finding]:
        """Orders that a page reported, and under another event_id something else, such as a backend."""
        orders_twice = [order for order, ids in self._orders.items() if set(ids.values()) == {True, False}]
        if orders_twice:
            self.legs.differences["order_counted_twice"] = [self._order_refs[order] for order in orders_twice]
        twice = Counter(name for name, _ in orders_twice)
        for name, number in twice.items():
            orders = f"{number} of its orders came from pages and from elsewhere"
            what = f"{self._shown(name)}: {orders}, with different event_ids"
            mend = "Set event_id: order, so that both count as one."
            yield Finding(Level.ERROR, self._where, what, mend)

    def _add(self, level: Level, where: str, what: str, mend: str, code: str) -> None:
        self._found[Finding(level, where, what, mend)] += 1
        refs = self.legs.differences.setdefault(code, [])
        if not refs or not self._ref or refs[-1] != self._ref:
            refs.append(self._ref)

    def _mapping(self, name: str) -> str:
        return f"{self._where}, mapping {name!r}"

    def _shown(self, name: str) -> str:
        """A name that stands in the configuration. One that is made of an event could be anything."""
        return repr(name) if name in self._written else "an event named by a path"


def _referred(entries: Sequence[bytes], refs: Sequence[str]) -> Iterator[tuple[bytes, str]]:
    """Each entry with its name, "" for those without one."""
    return zip(entries, chain(refs, repeat("")), strict=False)


def _taken(reports: list[Report], member: Literal["name", "mapping"], like: Report) -> Report | None:
    """The first report with the same name or mapping, which is no longer among the others then."""
    found = next((report for report in reports if getattr(report, member) == getattr(like, member)), None)
    if found is not None:
        reports.remove(found)
    return found


def _told(leg: Instance, entry: bytes, now: float) -> Told:
    outcomes = leg.connection.outcomes(entry, now)
    in_browser = leg.entry.in_browser
    reports = [report for one in outcomes if one.status is Status.MAPPED for report in _reports(one, in_browser)]
    missing = [(one.mapping or "", one.reason or "") for one in outcomes if one.status is not Status.MAPPED]
    return Told(reports, missing)


def _reports(outcome: Outcome, in_browser: bool) -> Iterator[Report]:
    """A row of the server's is one report; a row of the pixel's is a list of calls, of which ``track`` is one."""
    row: Any = msgspec.json.decode(bytes(outcome.row))
    mapping = outcome.mapping or ""
    if not in_browser:
        if outcome.envelope is None or outcome.envelope.event_source != WEB:
            return  # no page reports what happened elsewhere
        yield Report(mapping, row["event"], row.get("event_id", ""), _values(row.get("properties", {})))
        return
    for method, *arguments in row:
        if method == "track":
            name, properties, *rest = arguments
            yield Report(mapping, name, rest[0]["event_id"] if rest else "", _values(properties))


def _values(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {key: properties[key] for key in VALUES if key in properties}
