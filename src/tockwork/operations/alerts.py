"""Which alerts fire now: from how everything stands, the counts of the last time, and the configured rules. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from tockwork.configuration.alerts import Backlog, Disk, Held, Rules, SuccessRate, VolumeDrop
from tockwork.delivery.standing import Condition
from tockwork.model import reasons
from tockwork.model.outcome import Status
from tockwork.operations.snapshot import DestinationState, Snapshot, known
from tockwork.store.alerts import Alert, Key, Recent

HELD: Final = "held"
SUCCESS_RATE: Final = "success_rate"
VOLUME_DROP: Final = "volume_drop"
BACKLOG: Final = "backlog"
DISK: Final = "disk"
HOLDING: Final = (Condition.BLOCKED, Condition.PAUSED)
_MIB: Final = 1024 * 1024
_FAILED: Final = (Status.INVALID, Status.REJECTED, Status.EXPIRED)


def alerts(
    snapshot: Snapshot, recent: Recent, rules: Rules, firing: Collection[Key], sources: Collection[str]
) -> list[Alert]:
    """What is wrong by the rules. Those of `firing` have begun already: what makes them begin late, or only with enough
    to judge by, no longer counts, so that they end when all is well. `sources` are those that should send."""
    judge = _Judge(snapshot, recent, firing)
    return [
        *(judge.held(rules.held) if rules.held.enabled else ()),
        *(judge.success_rate(rules.success_rate) if rules.success_rate.enabled else ()),
        *(judge.volume_drop(rules.volume_drop, sources) if rules.volume_drop.enabled else ()),
        *(judge.backlog(rules.backlog) if rules.backlog.enabled else ()),
        *(judge.disk(rules.disk) if rules.disk.enabled else ()),
    ]


class _Judge:
    """Judges one moment. What goes to a stand-in, or is switched off, alerts nobody."""

    def __init__(self, snapshot: Snapshot, recent: Recent, firing: Collection[Key]) -> None:
        self._snapshot = snapshot
        self._recent = recent
        self._firing = firing
        self._destinations: Sequence[DestinationState] = [
            state for state in snapshot.destinations if state.enabled and not state.sandbox
        ]

    def held(self, rule: Held) -> Iterator[Alert]:
        for state in self._destinations:
            by_hand = state.reason == reasons.PAUSED_BY_HAND
            if state.condition not in HOLDING or by_hand:
                continue
            since = self._snapshot.at if state.since is None else state.since
            for_s = self._snapshot.at - since
            if for_s <= rule.minutes * 60 and (HELD, state.name, "") not in self._firing:
                continue
            reason = reasons.REASONS.get(known(state.reason))
            yield Alert(
                rule=HELD,
                destination=state.name,
                what=f"{state.name} is {state.condition}: {reason.meaning if reason else 'the reason is not known.'}",
                mend=reason.mend if reason else "Look at the destination's page.",
                value=max(0.0, for_s),
                since=since,
            )

    def success_rate(self, rule: SuccessRate) -> Iterator[Alert]:
        for state in self._destinations:
            counts = self._recent.deliveries.get(state.name, {})
            delivered = max(0, counts.get(Status.DELIVERED, 0))
            number = delivered + sum(max(0, counts.get(status, 0)) for status in _FAILED)
            least = 1 if (SUCCESS_RATE, state.name, "") in self._firing else rule.deliveries
            if number < least or 100 * delivered >= rule.percent * number:
                continue
            percent = 100 * delivered / number
            yield Alert(
                rule=SUCCESS_RATE,
                destination=state.name,
                what=f"{state.name}: {percent:.1f} % of {number:,} deliveries in {rule.minutes} min succeeded.",
                mend="The dead letters name the reasons: mend the cause, then replay them.",
                value=percent,
                since=self._snapshot.at,
            )

    def volume_drop(self, rule: VolumeDrop, sources: Collection[str]) -> Iterator[Alert]:
        for name in sources:
            then, which = self._recent.last_week.get(name, 0), "a week ago"
            if not then:
                then, which = self._recent.yesterday.get(name, 0), "a day ago"
            now = self._recent.arrived.get(name, 0)
            if then < rule.events or 100 * now >= rule.percent * then:
                continue
            yield Alert(
                rule=VOLUME_DROP,
                source=name,
                what=f"{name} sent {now:,} events in the last hour; in the same hour {which} it sent {then:,}.",
                mend="Look whether the site or the program that sends still runs, and with the right write key.",
                value=100 * now / then,
                since=self._snapshot.at,
            )

    def backlog(self, rule: Backlog) -> Iterator[Alert]:
        for state in self._destinations:
            age_s = state.oldest_undecided_s(self._snapshot.at)
            if age_s <= rule.minutes * 60 or state.oldest_undecided_at is None:
                continue
            yield Alert(
                rule=BACKLOG,
                destination=state.name,
                what=f"{state.name} has events that have waited for {age_s / 60:,.0f} min.",
                mend="Look at the destination's page: it waits for the platform, or more comes in than goes out.",
                value=age_s,
                since=state.oldest_undecided_at,
            )

    def disk(self, rule: Disk) -> Iterator[Alert]:
        snapshot, space = self._snapshot, self._snapshot.space
        if space is None:
            return
        if snapshot.ingest is not None and not snapshot.accepting:
            what = "Events are not accepted: the disk is full, or the database cannot be written."
        elif space.free < rule.reserves * space.reserve:
            free, reserve = space.free // _MIB, space.reserve // _MIB
            what = f"The disk has {free:,} MiB free; below {reserve:,} MiB no events are accepted."
        else:
            return
        mend = "Make room on the disk, or keep events for fewer days."
        yield Alert(rule=DISK, what=what, mend=mend, value=space.free, since=snapshot.at)
