"""What happens next to the rows of a request, given its answer. Pure: time and chance are passed in."""

from __future__ import annotations

from random import Random
from typing import Final

import msgspec

from tockwork.delivery.isolation import Places, halves, pieces
from tockwork.delivery.standing import SAME_UNKNOWN
from tockwork.destinations.declare import Limits
from tockwork.model import reasons
from tockwork.model.fate import History
from tockwork.model.outcome import Answer, Status, Verdict

BACKOFF_S: Final = 1.0
BACKOFF_CAP_S: Final = 300.0
WINDOW_MARGIN_S: Final = 60.0
"""Repeats stop this long before the dedup window ends: a request takes its time, and clocks differ."""


class Part(msgspec.Struct, frozen=True):
    """The rows of one request: their places, and each one's history, this attempt included.

    `expires_at` holds each row's last Unix time, None where it has none.
    """

    places: Places
    histories: tuple[History, ...]
    expires_at: tuple[float | None, ...]


class Settle(msgspec.Struct, frozen=True):
    """These rows are done: delivered, rejected or expired."""

    places: Places
    status: Status
    reason: str | None = None


class RetryAt(msgspec.Struct, frozen=True):
    """These rows are sent again at Unix time `at`."""

    places: Places
    at: float


class Resend(msgspec.Struct, frozen=True):
    """These parts are sent at once, in this order, to find the rows at fault; `suspects` are rows the answer named."""

    parts: tuple[Places, ...]
    suspects: Places = ()

    @property
    def places(self) -> Places:
        return tuple(place for part in self.parts for place in part)


class Block(msgspec.Struct, frozen=True):
    """The destination cannot deliver until its settings change; these rows wait."""

    places: Places
    reason: str


class Pause(msgspec.Struct, frozen=True):
    """Someone must look before anything more is sent; these rows wait."""

    places: Places
    reason: str


Step = Settle | RetryAt | Resend | Block | Pause


def decide(
    part: Part,
    answer: Answer,
    *,
    now: float,
    working_s: float,
    same: int,
    trusting: bool,
    limits: Limits,
    random: Random,
) -> list[Step]:
    """Steps that together take each row of `part` exactly once.

    `now` is Unix time and `working_s` the destination's working clock, in seconds; `same` counts equal unknown answers
    running, this one included; `trusting` is whether row indexes in a message are believed.
    """
    places, verdict = part.places, answer.verdict
    alone = len(places) == 1
    if verdict is Verdict.DELIVERED:
        return [Settle(places, Status.DELIVERED)]
    if verdict is Verdict.BLOCKED:
        return [Block(places, answer.reason)]
    if verdict is Verdict.UNKNOWN and same >= SAME_UNKNOWN:
        return [Pause(places, answer.reason)]
    if verdict in (Verdict.THROTTLED, Verdict.RETRY, Verdict.UNKNOWN):
        return _later(part, answer, now, working_s, limits, random)
    if alone:
        return [Settle(places, Status.REJECTED, answer.reason)]
    if verdict is Verdict.AT_FAULT:
        return [Resend(*pieces(places, answer.rows, trusting))]
    if verdict is Verdict.PARTIAL and 0 < len(answer.rows) < len(places):
        refused = tuple(places[index] for index in sorted(answer.rows))
        arrived = tuple(place for index, place in enumerate(places) if index not in set(answer.rows))
        return [Settle(arrived, Status.DELIVERED), Resend((refused,))]
    return [Resend(halves(places))]


def _later(part: Part, answer: Answer, now: float, working_s: float, limits: Limits, random: Random) -> list[Step]:
    at = now + pause_s(max(history.retries for history in part.histories), answer.retry_after_s, random)
    steps: list[Step] = []
    again: list[int] = []
    for place, history, expires_at in zip(part.places, part.histories, part.expires_at, strict=True):
        reason = overdue(history, expires_at, now=now, working_s=working_s, limits=limits)
        if reason:
            steps.append(Settle((place,), Status.EXPIRED, reason))
        else:
            again.append(place)
    if again:
        steps.append(RetryAt(tuple(again), at))
    return steps


def pause_s(retries: int, retry_after_s: float | None, random: Random) -> float:
    """Seconds until the next attempt: full jitter under a doubling bound, or a little over what was asked for."""
    if retry_after_s is not None:
        return retry_after_s + random.uniform(0, BACKOFF_S)
    return random.uniform(0, min(BACKOFF_CAP_S, BACKOFF_S * 2.0 ** min(retries, 20)))


def overdue(history: History, expires_at: float | None, *, now: float, working_s: float, limits: Limits) -> str | None:
    """Why a row may not be sent any more, as a reason code; None while it may."""
    if history.ambiguous_at is not None and now >= history.ambiguous_at + limits.dedup_window_s - WINDOW_MARGIN_S:
        return reasons.DEDUP_WINDOW_PASSED
    if expires_at is not None and now >= expires_at:
        return reasons.TOO_OLD
    if history.first_s is not None and working_s - history.first_s >= limits.retry_for_s:
        return reasons.RETRY_EXHAUSTED
    return None
