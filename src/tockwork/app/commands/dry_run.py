"""``tockwork import --dry-run``: what would become of a file, without anything being written or sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from tockwork.destinations.connection import Connection
from tockwork.ingest.files.reader import Portion, Reader
from tockwork.model.outcome import Outcome, Status

FIRST: Final = 10
"""Bad lines that are shown."""
KEYS: Final = ("email", "phone", "external_id", "ttclid", "lead_id")
"""What TikTok finds a person by."""


class BadLine(msgspec.Struct):
    """A line that would not be sent, and why."""

    line: int
    reason: str
    message: str


class Count(msgspec.Struct):
    """How many outcomes have a status and a reason."""

    status: str
    reason: str | None
    number: int


class Report(msgspec.Struct, kw_only=True):
    """What would become of a file. `coverage` counts the rows that have each match key, and those with both e-mail and
    phone; `columns` say where each column goes, `kept` are those that nothing was known of."""

    file: str
    destination: str
    records: int = 0
    events: int = 0
    outcomes: list[Count] = []
    bad_lines: list[BadLine] = []
    rows: int = 0
    coverage: dict[str, int] = {}
    first: str | None = None
    last: str | None = None
    columns: dict[str, str] = {}
    kept: list[str] = []
    unsent: list[str] = []
    rejects: str | None = None

    @property
    def ok(self) -> bool:
        fine = {Status.MAPPED, Status.DELIVERED, Status.FILTERED, Status.DUPLICATE, Status.SUPPRESSED}
        return all(count.status in fine for count in self.outcomes)


_ABSENT: Final = msgspec.Raw()


class _Keys(msgspec.Struct, frozen=True):
    email: msgspec.Raw = _ABSENT
    phone: msgspec.Raw = _ABSENT
    external_id: msgspec.Raw = _ABSENT
    ttclid: msgspec.Raw = _ABSENT
    lead_id: msgspec.Raw = _ABSENT


class _Row(msgspec.Struct, frozen=True):
    event_time: int | None = None
    user: _Keys = _Keys()


class Trial:
    """Puts portions through a destination, and counts."""

    def __init__(self, connection: Connection, now: float) -> None:
        self.counts: Counter[tuple[str, str | None]] = Counter()
        self.bad_lines: list[BadLine] = []
        self.events = self.rows = 0
        self._decide = connection.outcomes
        self._now = now
        self._row = msgspec.json.Decoder(_Row).decode
        self._met: Counter[tuple[bool, ...]] = Counter()
        self._first, self._last = float("inf"), float("-inf")

    def add(self, portion: Portion) -> None:
        rows = []
        decide, now, mapped = self._decide, self._now, Status.MAPPED
        for place, entry in enumerate(portion.entries):
            for outcome in decide(entry, now):
                if outcome.status is mapped:
                    rows.append(outcome.row)
                else:
                    self._other(outcome, portion.lines[place])
        for refused in portion.refused:
            self._bad(refused.line, refused.reason, refused.message)
        self.events += len(portion.entries)
        self._look_at(rows)

    def coverage(self) -> dict[str, int]:
        found = {key: sum(n for met, n in self._met.items() if met[place]) for place, key in enumerate(KEYS)}
        found["email and phone"] = sum(n for met, n in self._met.items() if met[0] and met[1])
        found["none of them"] = sum(n for met, n in self._met.items() if not any(met))
        return found

    @property
    def span(self) -> tuple[str | None, str | None]:
        """When the first and the last row happened, ISO 8601."""
        if self._first > self._last:
            return None, None
        first, last = (datetime.fromtimestamp(at, UTC).isoformat() for at in (self._first, self._last))
        return first, last

    def _other(self, outcome: Outcome, line: int) -> None:
        if outcome.status is Status.INVALID:
            self._bad(line, outcome.reason or "", outcome.detail or "; ".join(outcome.warnings))
        else:
            self.counts[outcome.status, outcome.reason] += 1

    def _bad(self, line: int, reason: str, message: str) -> None:
        self.counts[Status.INVALID, reason] += 1
        if len(self.bad_lines) < FIRST:
            self.bad_lines.append(BadLine(line, reason, message))

    def _look_at(self, rows: Iterable[msgspec.Raw]) -> None:
        decode = self._row
        met, times = self._met, []
        for raw in rows:
            row = decode(raw)
            user = row.user
            met[
                user.email is not _ABSENT,
                user.phone is not _ABSENT,
                user.external_id is not _ABSENT,
                user.ttclid is not _ABSENT,
                user.lead_id is not _ABSENT,
            ] += 1
            if row.event_time is not None:
                times.append(row.event_time)
            self.rows += 1
        if times:
            self._first, self._last = min(self._first, *times), max(self._last, *times)


def try_out(
    reader: Reader, connection: Connection, report: Report, now: float, moved: Callable[[int, int], None]
) -> Report:
    """Completes the report of a file. `moved` is told the bytes and records read."""
    trial = Trial(connection, now)
    for portion in reader.portions():
        trial.add(portion)
        report.records = portion.read
        moved(reader.blocks.done, portion.read)
    if trial.rows:
        trial.counts[Status.MAPPED, None] = trial.rows
    report.events, report.rows = trial.events, trial.rows
    report.outcomes = [Count(status, reason, number) for (status, reason), number in trial.counts.most_common()]
    report.bad_lines = sorted(trial.bad_lines, key=lambda bad: bad.line)
    report.coverage = trial.coverage()
    report.first, report.last = trial.span
    return report


def show(console: Console, report: Report) -> None:
    """The report for people."""
    console.print(f"{report.file}: {report.records:,} records, {report.events:,} events", highlight=False, markup=False)
    table = Table("state", "reason")
    table.add_column("number", justify="right")
    for count in report.outcomes:
        table.add_row(count.status, count.reason, f"{count.number:,}")
    console.print(table)
    told = [f"line {bad.line}: {bad.reason}: {bad.message}" for bad in report.bad_lines]
    if report.rows:
        found = [f"{key} {number / report.rows:.1%}" for key, number in report.coverage.items() if number]
        told.append(f"Match keys of {report.rows:,} rows: {', '.join(found)}.")
    if report.first:
        told.append(f"Events from {report.first} to {report.last}.")
    if report.kept:
        told.append(f"Columns kept as properties: {', '.join(report.kept)}.")
    if report.rejects:
        told.append(f"Rejected lines are in {report.rejects}: mend them there, and import that file.")
    for line in told:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
