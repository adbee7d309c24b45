"""How a destination stands, as the management API says it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from tockwork.delivery.standing import Condition
from tockwork.destinations.catalog import find
from tockwork.model import reasons
from tockwork.model.outcome import Status
from tockwork.operations.snapshot import DestinationState
from tockwork.store.history import Course, Percentiles
from tockwork.store.protocol import DEAD, NO_DELIVERY, Tally

STATUSES: Final = [status for status in Status if status is not Status.MAPPED]
DELIVERIES: Final = [status for status in STATUSES if status not in NO_DELIVERY]


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """A reason code, what it means, what to do about it, and what was said of it."""

    reason: str
    meaning: str = ""
    mend: str = ""
    detail: str = ""


class Law(msgspec.Struct, frozen=True, kw_only=True):
    """An equation of counts that always holds, with its two sides now: nothing is dropped without being counted."""

    text: str
    left: int
    right: int
    holds: bool


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What waits: events that are not decided, the oldest one's acceptance (Unix time) and age in seconds, and
    deliveries that are pending, by reason."""

    undecided: int
    oldest_at: float | None
    oldest_s: float
    pending: dict[str, int]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What came into each state in a time, and the share of deliveries that went well, 0 to 1 (null without any)."""

    counts: dict[Status, int]
    success: float | None


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """A day in a few numbers: what was delivered and what became a dead letter in each step of `step_s` seconds."""

    step_s: int
    times: list[int]
    delivered: list[int]
    dead: list[int]


class Delivering(msgspec.Struct, frozen=True, kw_only=True):
    """How one destination stands. `since` is a Unix time, null while nobody knows; `why` is null while it is open.
    `counts` are all events and deliveries by their state now, `day` those that came into it within 24 hours, of which
    the present one is not over yet; `latency` is of the same time."""

    name: str
    kind: str
    title: str
    enabled: bool
    sandbox: bool
    condition: Condition
    since: float | None
    why: Why | None
    accepted: int
    matched: int
    counts: dict[Status, int]
    backlog: Backlog
    laws: list[Law]
    day: Counted
    brief: Brief
    latency: Percentiles | None


def why(reason: str, detail: str = "") -> Why:
    known = reasons.REASONS.get(reason)
    return Why(reason=reason, meaning=known.meaning if known else "", mend=known.mend if known else "", detail=detail)


def delivering(state: DestinationState, now: float, day: Course, latency: Percentiles | None) -> Delivering:
    tally = state.tally
    pending = {
        reason or "": number for (status, reason), number in tally.lines.items() if status is Status.PENDING and number
    }
    return Delivering(
        name=state.name,
        kind=state.kind,
        title=find(state.kind).title if state.kind else "",
        enabled=state.enabled,
        sandbox=state.sandbox,
        condition=state.condition,
        since=state.since,
        why=None if state.condition is Condition.OPEN else why(state.reason, state.detail),
        accepted=tally.accepted,
        matched=tally.matched,
        counts={status: tally.count(status) for status in STATUSES},
        backlog=Backlog(
            undecided=tally.undecided,
            oldest_at=state.oldest_undecided_at,
            oldest_s=state.oldest_undecided_s(now),
            pending=pending,
        ),
        laws=laws(tally),
        day=counted(day),
        brief=brief(day),
        latency=latency,
    )


def laws(tally: Tally) -> list[Law]:
    """Both equations of the ledger. Every matched event makes one delivery at least."""
    events = tally.undecided + tally.count(*NO_DELIVERY) + tally.matched
    made = sum(tally.count(status) for status in DELIVERIES)
    sound = all(number >= 0 for number in (tally.undecided, tally.matched, *tally.lines.values()))
    return [
        Law(
            text="accepted = undecided + filtered + suppressed + duplicate + matched",
            left=tally.accepted,
            right=events,
            holds=tally.lawful and sound,
        ),
        Law(
            text="deliveries of matched events = pending + delivered + invalid + rejected + expired",
            left=tally.deliveries,
            right=made,
            holds=tally.deliveries == made and made >= tally.matched and sound,
        ),
    ]


def counted(course: Course) -> Counted:
    return Counted(counts={status: course.total(status) for status in STATUSES}, success=course.success)


def brief(day: Course) -> Brief:
    nothing = [0] * len(day.times)

    def summed(statuses: Iterable[Status]) -> list[int]:
        found = [day.series.get(status, nothing) for status in statuses]
        return [sum(numbers) for numbers in zip(*found, strict=True)]

    return Brief(step_s=day.step_s, times=day.times, delivered=summed([Status.DELIVERED]), dead=summed(DEAD))
