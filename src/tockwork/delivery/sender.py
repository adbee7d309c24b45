"""Sends rows and says what became of each: packs them, finds the bad ones, slows down and retries as decided.

Nothing is logged per row, and never a token or a body.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Final, Self

import msgspec

from tockwork.delivery.batch import Row, pack
from tockwork.delivery.errand import Errand
from tockwork.delivery.exchange import TIMEOUT_S, Exchange, Poster
from tockwork.delivery.lane import Lane
from tockwork.delivery.limiter import token_key
from tockwork.delivery.link import Link
from tockwork.delivery.standing import Condition
from tockwork.model import reasons
from tockwork.model.clock import Clock, SystemClock
from tockwork.model.fate import Fate
from tockwork.model.outcome import Status

BASE_URL: Final = "https://business-api.tiktok.com"
"""Source: TikTok, "Report App, Web, Offline, or CRM Events"."""

PROBE_ROWS: Final = 10
"""Rows of a request that finds out whether the platform works again."""

Report = Callable[[int, Fate], None]
"""Told a row's place and its fate."""


class Sender:
    """One per process: a pool of connections, and one lane for each access token.

    `ca_bundle` names a file or folder of further CA certificates; proxies come from the environment. `exchange` takes
    the network's place. Raises `ConfigurationError` when the base URL or the bundle is unusable. Make it inside a
    running event loop; close it.
    """

    def __init__(
        self,
        *,
        base_url: str = BASE_URL,
        ca_bundle: str | None = None,
        timeout_s: float = TIMEOUT_S,
        clock: Clock | None = None,
        random: Random | None = None,
        exchange: Poster | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        self._exchange = exchange or Exchange(base_url, ca_bundle, timeout_s)
        self._lanes: dict[str, Lane] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._exchange.close()

    def width(self, link: Link) -> int:
        """How many requests with the link's token may be under way at once, for now."""
        return self._lane(link).width

    def batch(self, link: Link) -> int:
        """How many rows one request should have, for now: few while requests are throttled, or only probe."""
        rows = link.limits.rows
        if link.standing.condition is not Condition.OPEN:
            return min(rows, PROBE_ROWS)
        return max(1, int(rows * self._lane(link).share))

    def wait_s(self, link: Link) -> float:
        """Seconds for which nothing may be sent over `link`: its standing, its token's pace, or the platform's
        throttling forbid it. Infinite while only a person can change that."""
        return max(link.standing.wait_s(self._clock.now()), self._lane(link).wait_s())

    async def attempt(
        self, rows: Sequence[Row], link: Link, deadline: float | None = None, report: Report | None = None
    ) -> list[Fate]:
        """Sends each of `rows` once, and parts of refused batches again until the bad rows are found.

        One fate per row, in order. What is to be retried, or could not be begun by `deadline` (seconds of the clock's
        `monotonic`), is pending: `retry_at` says when to try again, None when not before the link opens. `report` is
        told each place and fate as it comes. Never raises for what the platform answers.
        """
        fates, note = _noted(rows, report)
        await self._carry(rows, link, note, begin_by=math.inf if deadline is None else deadline)
        return fates

    async def deliver(
        self, rows: Sequence[Row], link: Link, deadline: float | None = None, report: Report | None = None
    ) -> list[Fate]:
        """Sends `rows`, and again what is to be retried, until all is decided or `deadline` has come.

        As `attempt` otherwise. A link that blocks or pauses ends it at once: its rows are pending (blocked, paused).
        `report` may be told several fates of one row; the last one holds.
        """
        end_by = math.inf if deadline is None else deadline
        fates, note = _noted(rows, report)
        due: Sequence[int] = range(len(rows))
        while due:
            again = [msgspec.structs.replace(rows[place], history=fates[place].history) for place in due]
            await self._carry(again, link, _placed(due, note), begin_by=end_by, end_by=end_by)
            due = () if link.standing.held else await self._due(fates, link, end_by)
        for place, fate in enumerate(fates):
            if link.standing.held and fate.retry_at is not None:
                note(place, Fate(fate.status, link.standing.held, link.standing.why, history=fate.history))
        return fates

    async def _carry(
        self, rows: Sequence[Row], link: Link, report: Report, *, begin_by: float, end_by: float = math.inf
    ) -> None:
        most = self.batch(link)
        if most < link.limits.rows:  # what fails is to be sent again, so little is risked at once
            now = self._clock.now()
            for place in range(most, len(rows)):
                history = rows[place].history
                reason = reasons.WAITING if history.first_s is None else reasons.RETRYING
                report(place, Fate(Status.PENDING, reason, history.said or None, retry_at=now, history=history))
            rows = rows[:most]
        batches, oversized = pack(rows, link.limits)
        for place in oversized:
            detail = f"expected at most {link.limits.bytes} bytes, found {len(rows[place].body)} and the envelope"
            report(place, Fate(Status.INVALID, reasons.ROW_TOO_LARGE, detail))
        lane = self._lane(link)
        async with asyncio.TaskGroup() as errands:
            for batch in batches:
                errand = Errand(
                    self._exchange,
                    lane,
                    link,
                    rows,
                    report,
                    clock=self._clock,
                    random=self._random,
                    begin_by=begin_by,
                    end_by=end_by,
                )
                errands.create_task(errand.run(batch.places))

    async def _due(self, fates: Sequence[Fate], link: Link, deadline: float) -> list[int]:
        """The places to try again, once it is time; none when nothing is left or the deadline comes first."""
        times = {place: fate.retry_at for place, fate in enumerate(fates) if fate.retry_at is not None}
        if not times:
            return []
        wait = max(min(times.values()) - self._clock.now(), self.wait_s(link))
        if self._clock.monotonic() + wait >= deadline:
            return []
        if wait > 0:
            await self._clock.sleep(wait)
        now = self._clock.now()
        return [place for place, at in times.items() if at <= now]

    def _lane(self, link: Link) -> Lane:
        key = token_key(link.token)
        if key not in self._lanes:
            self._lanes[key] = Lane(link.limits.requests_per_second, self._clock, self._random)
        return self._lanes[key]


def _noted(rows: Sequence[Row], report: Report | None) -> tuple[list[Fate], Report]:
    """A fate for each row, waiting at first, and a function that notes a new one."""
    fates = [Fate(Status.PENDING, reasons.WAITING, history=row.history) for row in rows]

    def note(place: int, fate: Fate) -> None:
        fates[place] = fate
        if report:
            report(place, fate)

    return fates, note


def _placed(places: Sequence[int], report: Report) -> Report:
    return lambda index, fate: report(places[index], fate)
