"""One batch on its way: its request, and further ones while the bad rows in it are looked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from tockwork.delivery.batch import Row, body
from tockwork.delivery.decide import Block, Part, Pause, Resend, RetryAt, Settle, Step, decide, overdue
from tockwork.delivery.exchange import Poster
from tockwork.delivery.isolation import Places, Search
from tockwork.delivery.lane import Lane
from tockwork.delivery.link import Link
from tockwork.delivery.mask import masker
from tockwork.delivery.standing import described
from tockwork.model import reasons
from tockwork.model.clock import Clock
from tockwork.model.fate import Fate, History
from tockwork.model.outcome import Answer, Status


class Errand:
    """Carries one batch of `rows`, and reports each row's place and fate.

    No request begins at `begin_by` or later, and none lasts beyond `end_by` (seconds of the clock's `monotonic`).
    """

    def __init__(
        self,
        exchange: Poster,
        lane: Lane,
        link: Link,
        rows: Sequence[Row],
        report: Callable[[int, Fate], None],
        *,
        clock: Clock,
        random: Random,
        begin_by: float = math.inf,
        end_by: float = math.inf,
    ) -> None:
        self._exchange = exchange
        self._lane = lane
        self._link = link
        self._rows = rows
        self._report = report
        self._clock = clock
        self._random = random
        self._begin_by = begin_by
        self._end_by = end_by
        self._histories: dict[int, History] = {}

    async def run(self, places: Places) -> None:
        """Sends until each row of the batch has a fate."""
        self._histories = {place: self._rows[place].history for place in places}
        search = Search(places)
        while (part := search.take()) is not None:
            left = part
            if self._link.standing.wait_s(self._clock.now()) <= 0 and await self._lane.enter(self._begin_by):
                left = await self._send(part, search)
            if left:
                self._put_off((*left, *search.abandon()))

    async def _send(self, part: Places, search: Search) -> Places:
        """One request, from inside the lane. Returns the rows that the link did not admit."""
        started: float | None = None
        answer: Answer | None = None
        try:
            part, began = self._in_time(part), self._clock.now()
            if not part or not self._link.standing.admit(began):  # it may have changed while this waited its turn
                return part
            started = self._clock.monotonic()
            answer = await self._post(part, started)
        finally:
            self._lane.leave(started, answer)
        self._heard(part, answer, began, search)
        return ()

    def _in_time(self, part: Places) -> Places:
        """The rows of `part` that may still be sent; the others expire."""
        now = self._clock.now()
        working_s = self._link.standing.working_s(now)
        kept: list[int] = []
        for place in part:
            history, expires_at = self._histories[place], self._rows[place].expires_at
            reason = overdue(history, expires_at, now=now, working_s=working_s, limits=self._link.limits)
            if reason:
                self._report(place, Fate(Status.EXPIRED, reason, history.said or None, history=history))
            else:
                kept.append(place)
        return tuple(kept)

    async def _post(self, part: Places, started: float) -> Answer:
        link, token = self._link, self._link.token.reveal()
        bodies = [self._rows[place].body for place in part]
        request = body(self._rows[part[0]].envelope, bodies)
        reply = await self._exchange.post(link.path, {link.header: token}, request, self._end_by - started)
        if isinstance(reply, Answer):
            return reply
        mask = masker(bodies, [token])
        return link.read(reply.http_status, reply.headers, reply.body, len(bodies), mask, self._clock.now())

    def _heard(self, part: Places, answer: Answer, began: float, search: Search) -> None:
        """Takes an answer in: into each row's history, the link's standing, and the rows' fates."""
        link, now, said = self._link, self._clock.now(), described(answer)
        working_s = link.standing.working_s(began)
        for place in part:
            history = self._histories[place]
            self._histories[place] = history.tried(began, working_s, ambiguous=answer.ambiguous, said=said)
        same = link.heard(answer, now, self._random)
        steps = decide(
            Part(part, tuple(self._histories[p] for p in part), tuple(self._rows[p].expires_at for p in part)),
            answer,
            now=now,
            working_s=link.standing.working_s(now),
            same=same,
            trusting=search.trusting,
            limits=link.limits,
            random=self._random,
        )
        for step in steps:
            self._apply(step, answer, now, search)

    def _apply(self, step: Step, answer: Answer, now: float, search: Search) -> None:
        match step:
            case Settle(places, status, reason):
                for place in places:
                    history = self._histories[place]
                    detail = None if status is Status.DELIVERED else history.said
                    self._report(place, Fate(status, reason, detail, answer.code, history=history))
                if status is Status.DELIVERED:
                    search.delivered(places)
                    self._link.counted(delivered=len(places), rejected=0, now=now)
                elif status is Status.REJECTED:
                    search.rejected()
                    self._link.counted(delivered=0, rejected=len(places), now=now)
            case RetryAt(places, at):
                for place in places:
                    history = self._histories[place].put_off()
                    self._report(place, Fate(Status.PENDING, reasons.RETRYING, history.said, answer.code, at, history))
            case Resend(parts, suspects):
                search.resend(parts, suspects)
            case Block(places):
                self._put_off(places)
            case Pause(places):
                self._link.refused(answer, now)
                self._put_off(places)

    def _put_off(self, places: Places) -> None:
        """These rows wait: for the link to open while it is held, else they are due as soon as anything may be sent."""
        standing = self._link.standing
        at = None if standing.held else self._clock.now()
        for place in places:
            history = self._histories[place]
            reason = standing.held or (reasons.WAITING if history.first_s is None else reasons.RETRYING)
            detail = standing.why or history.said or None
            self._report(place, Fate(Status.PENDING, reason, detail, retry_at=at, history=history))
