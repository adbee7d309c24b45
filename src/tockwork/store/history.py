"""What became of events over time: series for charts, the reasons, and how long it took.

Counts come from two tables that the ledger keeps beside its pages, minute by minute and hour by hour, so that no chart
reads more than some ten thousand short rows, however many events there were. They are of lines as they came into a
state: a delivery that was put off and then delivered counts once as pending, and once as delivered.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import msgspec

from tockwork.model.clock import Clock, SystemClock
from tockwork.model.outcome import Status
from tockwork.store.database import Database
from tockwork.store.protocol import DEAD
from tockwork.store.statements import Statements

HISTORY: Final = Statements("history")
NEWEST: Final = 1000
"""Percentiles are of so many chunks at most: each costs a look into two tables."""
SAMPLED: Final = 1000
"""So many chunks are looked at for a chart, the same number for each step."""
BRIEF: Final = 200
"""Of so many chunks are the percentiles of several consumers at once."""
MINUTE_S: Final = 60
HOUR_S: Final = 3600


class Span(NamedTuple):
    """A time up to now in `steps`; each is `width` units of `unit_s` seconds, and the last one is not over yet."""

    unit_s: int
    width: int
    steps: int

    @property
    def step_s(self) -> int:
        return self.unit_s * self.width

    def first(self, now: float) -> int:
        """The first unit of the first step: steps begin where the clock has a round time (UTC)."""
        return (int(now) // self.step_s - self.steps + 1) * self.width

    def times(self, now: float) -> list[int]:
        """When each step begins, in Unix seconds."""
        first = self.first(now) * self.unit_s
        return [first + step * self.step_s for step in range(self.steps)]


SPANS: Final = {
    "1h": Span(MINUTE_S, 1, 60),
    "24h": Span(MINUTE_S, 10, 144),
    "7d": Span(HOUR_S, 1, 168),
    "30d": Span(HOUR_S, 24, 30),
    "90d": Span(HOUR_S, 24, 90),
}
DAY: Final = Span(HOUR_S, 1, 24)
"""A day by hours: for several consumers at once, since it reads a sixtieth of the rows."""


class Cause(msgspec.Struct, frozen=True):
    """How many lines came into a state in the time. `reason` is None for what was delivered, `mapping` for events that
    made no delivery."""

    status: Status
    reason: str | None
    mapping: str | None
    number: int


class Course(msgspec.Struct, frozen=True):
    """Lines by status over time: `series` has a number for each of `times` (Unix seconds, the beginnings of steps that
    are `step_s` long), zeros included. `causes` are all that occurred, the most frequent first."""

    step_s: int
    times: list[int]
    series: dict[Status, list[int]]
    causes: list[Cause]

    def total(self, *statuses: Status) -> int:
        return sum(sum(self.series.get(status, ())) for status in statuses)

    @property
    def success(self) -> float | None:
        """The share of what was delivered among the deliveries that were decided, 0 to 1; None without any."""
        delivered, dead = self.total(Status.DELIVERED), self.total(*DEAD)
        return delivered / (delivered + dead) if delivered + dead else None


class Arrivals(msgspec.Struct, frozen=True):
    """Events accepted over time, by source."""

    step_s: int
    times: list[int]
    series: dict[str, list[int]]


class Percentiles(msgspec.Struct, frozen=True):
    """Seconds from when an event was accepted to when it was decided, over `events` events."""

    p50: float
    p95: float
    p99: float
    events: int


class Latency(msgspec.Struct, frozen=True):
    """How long decisions took, of events accepted in the time: in all, and over time.

    Events are accepted and decided in chunks, so the times are those of chunks, weighted by their events. A chunk is
    decided when the last of its deliveries came into its present state: one that was sent again, or replayed, makes its
    whole chunk late. `whole` is over the newest `NEWEST` decided chunks, `steps` over the newest ones of each step,
    `SAMPLED` together; chunks that retention has deleted are not among them. None where there is none.
    """

    step_s: int
    times: list[int]
    whole: Percentiles | None
    steps: list[Percentiles | None]


class History:
    """Reads a store's past. A consumer that never joined has none."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    async def course(self, consumer: str, span: Span) -> Course:
        """One consumer's lines."""
        return (await self.courses([consumer], span))[consumer]

    async def courses(self, consumers: Sequence[str], span: Span) -> dict[str, Course]:
        """The same of several, as of one commit."""
        now = self._clock.now()

        def work(connection: sqlite3.Connection) -> dict[str, Course]:
            states = {
                number: (Status(status), reason or None, mapping or None)
                for number, status, reason, mapping in connection.execute(HISTORY.state)
            }
            return {name: _course(connection, name, span, now, states) for name in consumers}

        return await self._database.read(work)

    async def arrivals(self, span: Span) -> Arrivals:
        now = self._clock.now()
        statement = HISTORY.arrival_minute if span.unit_s == MINUTE_S else HISTORY.arrival_hour
        rows = await self._database.read(
            lambda connection: connection.execute(statement, _limits(span, now)).fetchall()
        )
        series: dict[str, list[int]] = {}
        for step, source, events in rows:
            series.setdefault(source, [0] * span.steps)[step] = events
        return Arrivals(span.step_s, span.times(now), dict(sorted(series.items())))

    async def latency(self, consumer: str, span: Span) -> Latency:
        times = span.times(self._clock.now())

        def work(connection: sqlite3.Connection) -> Latency:
            number = _number(connection, consumer)
            bounds, each = _bounds(connection, times), max(1, SAMPLED // span.steps)
            steps = [_percentiles(connection, number, *some, each) for some in pairwise(bounds)]
            return Latency(span.step_s, times, _percentiles(connection, number, bounds[0], bounds[-1], NEWEST), steps)

        return await self._database.read(work)

    async def percentiles(self, consumers: Sequence[str], span: Span) -> dict[str, Percentiles | None]:
        """Of several consumers, each over its newest `BRIEF` chunks in the time; otherwise as `Latency` says."""
        times = span.times(self._clock.now())[:1]

        def work(connection: sqlite3.Connection) -> dict[str, Percentiles | None]:
            first, end = _bounds(connection, times)
            return {name: _percentiles(connection, _number(connection, name), first, end, BRIEF) for name in consumers}

        return await self._database.read(work)


def _bounds(connection: sqlite3.Connection, times: Sequence[int]) -> list[int]:
    """The first chunk that was accepted at each of the times or later, and at last the one that is still to come."""
    least, newest = connection.execute(HISTORY.chunks).fetchone()
    bounds: list[int] = []
    for at in times:
        bounds.append(_accepted_from(connection, at, bounds[-1] if bounds else least, newest + 1))
    return [*bounds, newest + 1]


def _number(connection: sqlite3.Connection, consumer: str) -> int:
    found = connection.execute(HISTORY.consumer, {"name": consumer}).fetchone()
    return 0 if found is None else int(found[0])


def _limits(span: Span, now: float) -> dict[str, int]:
    first = span.first(now)
    return {"first": first, "last": first + span.steps * span.width - 1, "width": span.width}


def _course(
    connection: sqlite3.Connection,
    consumer: str,
    span: Span,
    now: float,
    states: dict[int, tuple[Status, str | None, str | None]],
) -> Course:
    names = _limits(span, now) | {"consumer": _number(connection, consumer)}
    statement = HISTORY.minute if span.unit_s == MINUTE_S else HISTORY.hour
    series: dict[Status, list[int]] = {}
    causes: Counter[int] = Counter()
    for step, state, number in connection.execute(statement, names):
        series.setdefault(states[state][0], [0] * span.steps)[step] += number
        causes[state] += number
    counted = [Cause(*states[state], number) for state, number in causes.most_common()]
    return Course(span.step_s, span.times(now), series, counted)


def _accepted_from(connection: sqlite3.Connection, at: float, low: int, high: int) -> int:
    """The first chunk that was accepted at `at` or later, of those from `low` up to `high`; `high` if there is none.

    Their times grow with their ids, so that this halves what is left again and again instead of reading all.
    """
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(HISTORY.chunk_from, {"id": middle}).fetchone()
        if found is None or found[1] >= at:
            high = middle
        else:
            low = found[0] + 1
    return low


def _percentiles(connection: sqlite3.Connection, consumer: int, first: int, end: int, limit: int) -> Percentiles | None:
    if first >= end:
        return None
    names = {"consumer": consumer, "first": first, "end": end, "limit": limit}
    return percentiles(connection.execute(HISTORY.latencies, names).fetchall())


def percentiles(taken: Iterable[tuple[float, int]]) -> Percentiles | None:
    """Of seconds with their weights, each percentile the least value that so many of the weights do not exceed."""
    ordered = sorted(taken)
    sums = list(accumulate(weight for _, weight in ordered))
    if not sums or not sums[-1]:
        return None
    p50, p95, p99 = (ordered[bisect_left(sums, sums[-1] * percent / 100)][0] for percent in (50, 95, 99))
    return Percentiles(p50, p95, p99, sums[-1])
