"""What a destination can tell by looking at real traffic: conditions, each as data with a check, and match keys.

A destination declares them; whoever diagnoses it runs them over a sample, and knows no destination by name. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec


class Severity(StrEnum):
    """How bad a finding is: an error loses events or matches, a warning costs some, information is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Basis(StrEnum):
    """Where a condition is from: the platform's own documents and checks, or those who report to it."""

    OFFICIAL = "official"
    THIRD_PARTY = "third-party"


class Place(StrEnum):
    """Where a condition is mended."""

    MAPPING = "mapping"
    SETTINGS = "settings"
    SOURCE = "source"  # where the event is made
    PAIR = "pair"
    PLATFORM = "platform"


class Seen(msgspec.Struct, kw_only=True):
    """One delivery that the sample makes: the event, and what the destination's current configuration makes of it.

    `ref` names the event, `at` is when it was accepted (Unix time), `in_browser` whether a page sent it. `row` is one
    report as the destination's `Diagnostics.read` gives it; empty where the delivery is refused for the `reason`.
    `event_source`, `source_id` and `is_test` are of the request that the row would be in.
    """

    ref: str
    at: float
    source: str = ""
    in_browser: bool = False
    event: dict[str, Any] = {}
    mapping: str = ""
    row: dict[str, Any] = {}
    event_source: str = "web"
    source_id: str = ""
    is_test: bool = False
    warnings: list[str] = []
    reason: str = ""

    @property
    def name(self) -> str:
        """The name of the report's event, "" where there is none."""
        name = self.row.get("event")
        return name if isinstance(name, str) else ""

    @property
    def user(self) -> Mapping[str, Any]:
        return _object(self.row.get("user"))

    @property
    def properties(self) -> Mapping[str, Any]:
        return _object(self.row.get("properties"))

    @property
    def contents(self) -> list[Mapping[str, Any]]:
        """The items in the properties."""
        contents = self.properties.get("contents")
        return [_object(one) for one in contents] if isinstance(contents, list) else []

    def warned(self, field: str, words: str = "") -> bool:
        """Whether a warning about the field has these words."""
        return any(text.startswith(f"{field}:") and words in text for text in self.warnings)


class Legs(msgspec.Struct, kw_only=True):
    """A pair compared over the browser's events of the sample: how many of them at least one leg would report, how
    many both, and what differs, by code: the refs of the events. `reports` counts every report of the server's leg,
    with those of other sources, and `shared` those that the browser's leg makes too, with the same name and id. All of
    that is of `looked_at` events."""

    looked_at: int = 0
    events: int = 0
    both: int = 0
    reports: int = 0
    shared: int = 0
    differences: dict[str, list[str]] = {}
    useless_pixel: bool = False
    browser_events: int = 0


class Volume(msgspec.Struct, frozen=True):
    """One mapping's deliveries in the last 24 hours and in the 24 before; `silent` where it had none in seven days."""

    now: int = 0
    before: int = 0
    silent: bool = False


class Sample(msgspec.Struct, kw_only=True, dict=True):
    """Everything that conditions look at. `events` are how many were sampled, before triggers.

    `quality` and `former_quality` are estimates of match quality by event name, now and in the 24 hours before, where
    enough events are. `volumes` are by mapping. `blocked` is the reason code for which the destination cannot deliver.
    `sends` are the event names that enabled mappings write down.
    """

    seen: Sequence[Seen]
    events: int = 0
    settings: Mapping[str, Any] = {}
    sends: frozenset[str] = frozenset()
    blocked: str = ""
    volumes: Mapping[str, Volume] = {}
    quality: Mapping[str, float] = {}
    former_quality: Mapping[str, float] = {}
    legs: Legs | None = None

    @cached_property
    def rows(self) -> list[Seen]:
        """Those with a row."""
        return [one for one in self.seen if one.row]

    def named(self, names: Iterable[str], sources: Iterable[str] = ()) -> list[Seen]:
        """The rows of events with these names, of these event sources (empty for all)."""
        wanted, among = frozenset(names), frozenset(sources)
        return [one for one in self.rows if one.name in wanted and (not among or one.event_source in among)]


class Hits(msgspec.Struct, kw_only=True):
    """Where a condition holds: `count` of the `of` that it could hold for. `refs` name events as examples, `mappings`
    those whose rows they are; `notes` say more, in words without anybody's data. With `exact`, the numbers are of all
    events and not of the sample. `looked_at` is how many events they come from, where not from all of the sample."""

    count: int
    of: int
    refs: list[str] = []
    mappings: dict[str, int] = {}
    names: dict[str, int] = {}
    notes: list[str] = []
    exact: bool = False
    looked_at: int = 0

    @classmethod
    def among(cls, hit: Iterable[Seen], of: int, notes: Iterable[str] = ()) -> Hits | None:
        """The hits that these deliveries are; None for none."""
        found = cls(count=0, of=of, notes=list(notes))
        for one in hit:
            found.add(one)
        return found if found.count else None

    def add(self, one: Seen) -> None:
        self.count += 1
        self.refs.append(one.ref)
        self.mappings[one.mapping] = self.mappings.get(one.mapping, 0) + 1
        if one.name:
            self.names[one.name] = self.names.get(one.name, 0) + 1


RowCheck = Callable[[Seen], "bool | None"]
"""Whether a condition holds for one delivery; None where it says nothing about such a one."""
SampleCheck = Callable[[Sample], "Hits | None"]
"""Where a condition holds that several deliveries together show, or the configuration; None where it does not."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be wrong with traffic, and costs money or matches although the platform takes it.

    `code` never changes its meaning. `place` is where it is mended, `field` the field of the mapping or the setting
    there. `check` looks at one delivery, `sample` at all of them: one of the two is given. `sources` are the event
    sources that `check` is for (empty for all), and with `refused` it also looks at deliveries without a row.
    """

    code: str
    level: Severity
    title: str
    meaning: str
    fix: str
    basis: Basis
    place: Place = Place.MAPPING
    field: str = ""
    check: RowCheck | None = None
    sample: SampleCheck | None = None
    sources: tuple[str, ...] = ()
    refused: bool = False

    def hits(self, sample: Sample) -> Hits | None:
        """Where the condition holds in the sample; None where it nowhere does."""
        if self.sample is not None:
            return self.sample(sample)
        hits = Hits(count=0, of=0)
        for one in sample.seen if self.refused else sample.rows:
            if self.check is None or (self.sources and one.event_source not in self.sources):
                continue
            holds = self.check(one)
            if holds is not None:
                hits.of += 1
            if holds:
                hits.add(one)
        return hits if hits.count else None


class MatchKey(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person is matched by. `points` are its weight in the estimate, `sources` the event sources that
    know it; `hint` says how to send it, and `fields` are the fields of a mapping that fill it. A row has it if any of
    `members` is there in the row's object `within`."""

    key: str
    title: str
    points: float
    members: tuple[str, ...]
    fields: tuple[str, ...]
    hint: str
    sources: tuple[str, ...] = ("web",)
    within: str = "user"

    def is_in(self, seen: Seen) -> bool:
        found = _object(seen.row.get(self.within))
        return any(found.get(member) for member in self.members)


def _alone(row: Any) -> Iterator[dict[str, Any]]:
    """A row that is one report."""
    yield row


class Diagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination declares. `read` gives the reports in a row. `targets` are rough marks that match quality
    should reach, by event name; `automatic` is what the destination sends by itself where no row shows it."""

    conditions: tuple[Condition, ...]
    keys: tuple[MatchKey, ...] = ()
    targets: Mapping[str, float] = {}
    read: Callable[[Any], Iterator[dict[str, Any]]] = _alone
    automatic: str = ""

    def condition(self, code: str) -> Condition | None:
        return next((one for one in self.conditions if one.code == code), None)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
