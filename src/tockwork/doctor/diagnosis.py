"""What a diagnosis says: findings, match quality by event, activity by mapping, and how a pair's legs go together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tockwork.destinations.diagnosis import Severity
from tockwork.doctor.finding import Finding
from tockwork.doctor.quality import EventQuality


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """One condition that holds. `count` of the `of` deliveries of the sample that it is about; `estimate` is for all of
    the time's. With `exact` the count is no sample's. `examples` name events; `mapping` is the one that has it most,
    `field` the label of the field there or of the setting. `names` are events by how often."""

    code: str
    level: Severity
    title: str
    meaning: str
    fix: str
    basis: str
    place: str
    field: str
    count: int
    of: int
    share: float
    estimate: int
    exact: bool
    mapping: str
    names: dict[str, int]
    notes: list[str]
    examples: list[str]


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """One enabled mapping's deliveries by the ledger: in the last 24 full hours, in the 24 before, and when there was
    one last, by the hour (Unix time; None for none in seven days)."""

    mapping: str
    now: int
    before: int
    last_at: float | None
    silent: bool


class PairReport(msgspec.Struct, frozen=True, kw_only=True):
    """Two legs compared, as far as the configuration goes: what browsers block nobody here can see.

    Of `events` of pages that one leg would report, both would `both`; of the server's `reports` the browser would make
    `shared` too, with the same name and id. Shares are None where nothing is to be compared. `said` is what is
    different in the settings and, mapping by mapping, in the reports.
    """

    server: str
    browser: str
    browser_events: int
    events: int
    both: int
    coverage: float | None
    reports: int
    shared: int
    dedup_rate: float | None
    said: list[Finding]


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one destination at the Unix time `at`, of events accepted since `since`.

    `sampled` of `events` (an estimate unless `whole`) were looked at, and made `rows`; `complete` is false where the
    time ran out. `automatic` says what the destination sends by itself, where rows do not show it.
    """

    destination: str
    kind: str
    title: str
    enabled: bool
    sandbox: bool
    in_browser: bool
    version: int
    at: float
    since: float
    events: int
    whole: bool
    sampled: int
    rows: int
    complete: bool
    issues: Sequence[Issue]
    quality: list[EventQuality]
    automatic: str
    activity: list[Activity]
    pair: PairReport | None = None

    def issue(self, code: str) -> Issue | None:
        return next((one for one in self.issues if one.code == code), None)
