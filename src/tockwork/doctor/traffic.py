"""Makes a diagnosis of a destination from real traffic.

A sample of the last 24 hours goes through the destination's current configuration, and its declared conditions look at
what comes out; the sums of the ledger say how much there was. Nothing is sent, and no value of an event is shown:
examples are named by where they are in the journal.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from tockwork.configuration.instance import Instance
from tockwork.destinations.configured import ConfiguredMapping
from tockwork.destinations.diagnosis import Condition, Diagnostics, Hits, Legs, Place, Sample, Seen, Severity, Volume
from tockwork.doctor.diagnosis import Activity, Diagnosis, Issue, PairReport
from tockwork.doctor.finding import Finding
from tockwork.doctor.finding import Level as Said
from tockwork.doctor.pair import LIBRARY, Comparison, settings_differ
from tockwork.doctor.pair import Sample as Compared
from tockwork.doctor.quality import COMPARABLE, coverages, estimate, qualities
from tockwork.model.outcome import Outcome, Status
from tockwork.store.sample import Sampled, Sampling, scattered
from tockwork.store.volumes import Volumes

LIMIT: Final = 2000
"""Events of the last 24 hours that are looked at."""
FORMER_LIMIT: Final = 400
"""And of the 24 hours before, to compare with."""
COMPARED: Final = 600
"""Events that the two legs of a pair are compared by."""
WITHIN_S: Final = 4.0
EXAMPLES: Final = 3
STRIDES: Final = 8
DYNAMIC: Final = "(named by the event)"
"""Stands for names that are in no configuration, since they could be anything."""


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What a diagnosis is made from: samples of the last 24 hours and of those before, the ledger's sums, the reason
    for which the destination cannot deliver, and the names of sources of browsers."""

    at: float
    since: float
    sampling: Sampling
    former: Sampling
    volumes: Volumes
    blocked: str = ""
    browser_sources: Collection[str] = ()


def diagnose(instance: Instance, partner: Instance | None, traffic: Traffic, within_s: float = WITHIN_S) -> Diagnosis:
    """The diagnosis of a destination; `partner` is the other leg of its pair. Takes `within_s` seconds and a little:
    what is not looked at by then is left out. Pure but for the time that it takes."""
    return _Examination(instance, partner, traffic, within_s).diagnosis()


class _Examination:
    def __init__(self, instance: Instance, partner: Instance | None, traffic: Traffic, within_s: float) -> None:
        self._instance, self._partner, self._traffic = instance, partner, traffic
        self._end = time.monotonic() + within_s
        self._complete = True
        self._looked_at = 0
        destination = instance.connection.destination
        self._declared = destination.diagnostics or Diagnostics(conditions=())
        self._enabled = [mapping for mapping in instance.connection.mappings if mapping.enabled]
        field = destination.naming.field if destination.naming else ""
        written = [mapping.fields.get(field) for mapping in self._enabled]
        self._sends = frozenset(name for name in written if isinstance(name, str))
        known = {one.name for one in destination.naming.known} if destination.naming else set()
        self._showable = self._sends | known

    def diagnosis(self) -> Diagnosis:
        traffic, instance = self._traffic, self._instance
        seen = self._seen(traffic.sampling.events)
        sampled, complete = self._looked_at, self._complete
        former = self._former()
        rows = [one for one in seen if one.row]
        fields = {mapping.name: _filled(mapping) for mapping in self._enabled}
        quality = qualities(self._declared, rows, self._shown, fields, former)
        comparison, said = self._compared()
        activity = self._activity()
        sample = Sample(
            seen=seen,
            events=sampled,
            settings=instance.connection.settings,
            sends=self._sends,
            blocked=traffic.blocked,
            volumes={one.mapping: Volume(one.now, one.before, one.silent) for one in activity},
            quality={one.name: one.estimate for one in quality if one.rows >= COMPARABLE},
            former_quality=former,
            legs=comparison,
        )
        return Diagnosis(
            destination=instance.name,
            kind=instance.entry.kind,
            title=instance.connection.destination.title,
            enabled=instance.entry.enabled,
            sandbox=instance.entry.sandbox,
            in_browser=instance.entry.in_browser,
            version=instance.version,
            at=traffic.at,
            since=traffic.since,
            events=traffic.sampling.total,
            whole=traffic.sampling.whole and complete,
            sampled=sampled,
            rows=len(rows),
            complete=complete,
            issues=self._issues(sample),
            quality=quality,
            automatic=self._declared.automatic,
            activity=activity,
            pair=self._report(comparison, said),
        )

    # Deliveries

    def _seen(self, events: Sequence[Sampled]) -> list[Seen]:
        """What becomes of the events, in the order of their acceptance; if the time runs out, of a part."""
        found: list[tuple[int, Seen]] = []
        self._looked_at = 0
        for stride in range(STRIDES):
            for place in range(stride, len(events), STRIDES):
                if time.monotonic() > self._end:
                    self._complete = False
                    break
                self._looked_at += 1
                found += [(place, one) for one in self._deliveries(events[place])]
        found.sort(key=lambda pair: pair[0])
        return [one for _, one in found]

    def _deliveries(self, sampled: Sampled) -> Iterator[Seen]:
        if not _is_for(self._instance, sampled):
            return
        event = _decoded(sampled.entry)
        in_browser = sampled.source in self._traffic.browser_sources or _from_page(event)
        if event is None or (self._instance.entry.in_browser and not in_browser):
            return
        for outcome in self._instance.connection.outcomes(sampled.entry, sampled.at):
            yield from self._reports(outcome, sampled, event, in_browser)

    def _reports(self, outcome: Outcome, sampled: Sampled, event: dict[str, Any], in_browser: bool) -> Iterator[Seen]:
        envelope = outcome.envelope
        common: dict[str, Any] = {
            "ref": sampled.ref,
            "at": sampled.at,
            "source": sampled.source,
            "in_browser": in_browser,
            "event": event,
            "mapping": outcome.mapping or "",
            "warnings": outcome.warnings,
        }
        if outcome.status is Status.INVALID:
            yield Seen(**common, reason=outcome.reason or "")
        elif outcome.status is Status.MAPPED and envelope is not None:
            for row in self._declared.read(msgspec.json.decode(bytes(outcome.row))):
                yield Seen(
                    **common,
                    row=row,
                    event_source=envelope.event_source,
                    source_id=envelope.event_source_id,
                    is_test=bool(envelope.test_event_code),
                )

    def _former(self) -> dict[str, float]:
        """Estimates of match quality in the 24 hours before, of events with enough rows."""
        events: dict[str, list[Seen]] = {}
        for one in self._seen(self._traffic.former.events):
            if one.row:
                events.setdefault(self._shown(one.name), []).append(one)
        return {
            name: round(estimate(coverages(self._declared.keys, rows)), 2)
            for name, rows in events.items()
            if len(rows) >= COMPARABLE
        }

    # Findings

    def _issues(self, sample: Sample) -> list[Issue]:
        found = []
        for condition in self._declared.conditions:
            hits = condition.hits(sample)
            if hits is not None:
                found.append(self._issue(condition, hits, sample.events))
        order = list(Severity)
        return sorted(found, key=lambda issue: (order.index(issue.level), -issue.estimate))

    def _issue(self, condition: Condition, hits: Hits, sampled: int) -> Issue:
        scale = self._traffic.sampling.total / max(1, hits.looked_at or sampled)
        names: dict[str, int] = {}
        for name, number in hits.names.items():
            names[self._shown(name)] = names.get(self._shown(name), 0) + number
        most = max(hits.mappings, key=lambda name: hits.mappings[name], default="")
        return Issue(
            code=condition.code,
            level=condition.level,
            title=condition.title,
            meaning=condition.meaning,
            fix=condition.fix,
            basis=str(condition.basis),
            place=str(condition.place),
            field=self._label(condition),
            count=hits.count,
            of=hits.of,
            share=round(hits.count / hits.of, 4) if hits.of else 0.0,
            estimate=hits.count if hits.exact else round(hits.count * scale),
            exact=hits.exact,
            mapping=most,
            names=dict(sorted(names.items(), key=lambda one: -one[1])),
            notes=hits.notes,
            examples=list(dict.fromkeys(ref for ref in reversed(hits.refs) if ref))[:EXAMPLES],
        )

    def _label(self, condition: Condition) -> str:
        destination = self._instance.connection.destination
        if condition.place is Place.SETTINGS:
            return next((one.label for one in destination.settings if one.key == condition.field), "")
        fields = (field for action in destination.actions for field in action.fields)
        return next((field.label for field in fields if condition.field == field.name), "")

    def _shown(self, name: str) -> str:
        return name if name in self._showable else DYNAMIC

    def _activity(self) -> list[Activity]:
        if self._instance.entry.in_browser:
            return []
        volumes = self._traffic.volumes
        may_be_silent = volumes.settled_in and self._instance.entry.enabled
        found = []
        for mapping in self._enabled:
            one = volumes.mappings.get(mapping.name)
            found.append(
                Activity(
                    mapping=mapping.name,
                    now=one.now if one else 0,
                    before=one.before if one else 0,
                    last_at=one.last_at if one else None,
                    silent=one is None and may_be_silent,
                )
            )
        return found

    # The pair

    def _legs(self) -> tuple[Instance, Instance] | None:
        """The server's leg, and the browser's."""
        if self._partner is None:
            return None
        pair = (self._partner, self._instance) if self._instance.entry.in_browser else (self._instance, self._partner)
        return pair if all(leg.entry.enabled for leg in pair) else None

    def _compared(self) -> tuple[Legs | None, list[Finding]]:
        legs = self._legs()
        if legs is None:
            return None, []
        server, page = legs
        events = [one for one in self._traffic.sampling.events if _is_for(server, one)]
        events = [events[place] for place in scattered(len(events), COMPARED)]
        split: dict[bool, list[Sampled]] = {True: [], False: []}
        for one in events:
            split[one.source in self._traffic.browser_sources or _from_page(_decoded(one.entry))].append(one)
        comparison = Comparison(server, page)
        compared = Compared(
            [one.entry for one in split[True]],
            [one.entry for one in split[False]],
            refs=[one.ref for one in split[True]],
            other_refs=[one.ref for one in split[False]],
        )
        differing = [one for one in comparison.findings(compared) if one.level is not Said.OK]
        said = [*settings_differ(server, page), *differing]
        comparison.legs.looked_at = len(events)
        comparison.legs.useless_pixel = bool(page.connection.settings.get("useExistingPixel"))
        return comparison.legs, said

    def _report(self, legs: Legs | None, said: list[Finding]) -> PairReport | None:
        pair = self._legs()
        if legs is None or pair is None:
            return None
        return PairReport(
            server=pair[0].name,
            browser=pair[1].name,
            browser_events=legs.browser_events,
            events=legs.events,
            both=legs.both,
            coverage=round(legs.both / legs.events, 4) if legs.events else None,
            reports=legs.reports,
            shared=legs.shared,
            dedup_rate=round(legs.shared / legs.reports, 4) if legs.reports else None,
            said=said,
        )


def _filled(mapping: ConfiguredMapping) -> frozenset[str]:
    """The fields that a mapping fills, by the names that rows know them by; a directive may fill any."""
    written = mapping.fields
    if any(key.startswith("@") for key in written):
        return frozenset(field.name for field in mapping.action.fields)
    return frozenset(field.name for field in mapping.action.fields if written.get(field.key) is not None)


def _is_for(instance: Instance, sampled: Sampled) -> bool:
    """Whether the destination takes the event: one of an import is one destination's alone."""
    if sampled.consumer:
        return sampled.consumer == instance.name
    return instance.sources is None or sampled.source in instance.sources


def _decoded(entry: bytes) -> dict[str, Any] | None:
    with suppress(msgspec.DecodeError, RecursionError, UnicodeError):
        event = msgspec.json.decode(entry)
        return event if isinstance(event, dict) else None
    return None


def _from_page(event: Mapping[str, Any] | None) -> bool:
    context = event.get("context") if event else None
    library = context.get("library") if isinstance(context, dict) else None
    return isinstance(library, dict) and library.get("name") == LIBRARY
