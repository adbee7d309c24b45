"""Which alerts fire: one table for each rule, at its limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import pytest

from tockwork.configuration.alerts import Backlog, Disk, Held, Rules, SuccessRate, VolumeDrop
from tockwork.delivery.standing import Condition
from tockwork.ingest.tracking import Counts
from tockwork.model import reasons
from tockwork.operations.alerts import alerts
from tockwork.operations.snapshot import DestinationState, Snapshot, Space
from tockwork.store.alerts import Alert, Key, Recent

NOW = 1_000_000.0
MIB = 1024 * 1024


def found(
    *states: DestinationState,
    recent: Recent | None = None,
    rules: Rules | None = None,
    firing: Collection[Key] = (),
    sources: Collection[str] = (),
    **members: Any,
) -> list[Alert]:
    snapshot = Snapshot(at=NOW, accepting=True, destinations=states, **members)
    return alerts(snapshot, recent or Recent(), rules or Rules(), firing, sources)


def held(condition: Condition, for_s: float, reason: str = reasons.TOKEN_EXPIRED, **members: Any) -> DestinationState:
    return DestinationState(name="Shop", condition=condition, reason=reason, since=NOW - for_s, **members)


class TestHeld:
    @pytest.mark.parametrize(
        ("state", "fires"),
        [
            (held(Condition.BLOCKED, 61), True),
            (held(Condition.BLOCKED, 60), False),
            (held(Condition.PAUSED, 61, reasons.MANY_REJECTED), True),
            (held(Condition.PAUSED, 61, reasons.UNKNOWN_ANSWER), True),
            (held(Condition.PAUSED, 10_000, reasons.PAUSED_BY_HAND), False),
            (held(Condition.RESTING, 10_000, reasons.UNREACHABLE), False),
            (held(Condition.OPEN, 10_000, ""), False),
            (held(Condition.BLOCKED, 61, enabled=False), False),
            (held(Condition.BLOCKED, 61, sandbox=True), False),
        ],
    )
    def test_after_a_minute(self, state: DestinationState, fires: bool) -> None:
        assert [alert.key for alert in found(state)] == [("held", "Shop", "")] * fires

    def test_it_says_what_and_what_to_do(self) -> None:
        (alert,) = found(held(Condition.BLOCKED, 90))
        meaning = reasons.REASONS[reasons.TOKEN_EXPIRED]
        assert (alert.what, alert.mend) == (f"Shop is blocked: {meaning.meaning}", meaning.mend)
        assert (alert.since, alert.value) == (NOW - 90, 90)

    def test_no_text_of_an_answer_is_repeated(self) -> None:
        (alert,) = found(held(Condition.BLOCKED, 90, "ann@shop.example", detail="answered 40001: +14155550100"))
        assert "ann" not in repr(alert)
        assert "4155550100" not in repr(alert)

    def test_what_fires_goes_on_while_it_is_held_anew(self) -> None:
        assert found(held(Condition.BLOCKED, 1), firing=[("held", "Shop", "")])
        assert not found(held(Condition.OPEN, 1, ""), firing=[("held", "Shop", "")])


class TestSuccessRate:
    @pytest.mark.parametrize(
        ("counts", "firing", "fires"),
        [
            ({"delivered": 95, "rejected": 5}, False, False),
            ({"delivered": 94, "rejected": 6}, False, True),
            ({"delivered": 46, "invalid": 1, "rejected": 1, "expired": 1}, False, False),  # too few to judge by
            ({"delivered": 46, "invalid": 1, "rejected": 1, "expired": 2}, False, True),
            ({"rejected": 50}, False, True),
            ({"rejected": 49}, False, False),
            ({"rejected": 1}, True, True),
            ({"delivered": 19, "rejected": 1}, True, False),
            ({"delivered": -3, "rejected": 60}, False, True),
            ({}, True, False),
        ],
    )
    def test_below_the_share(self, counts: dict[str, int], firing: bool, fires: bool) -> None:
        known: list[Key] = [("success_rate", "Shop", "")] * firing
        recent = Recent(deliveries={"Shop": counts, "gone": {"rejected": 999}})
        assert bool(found(DestinationState(name="Shop"), recent=recent, firing=known)) is fires

    def test_it_says_how_much(self) -> None:
        recent = Recent(deliveries={"Shop": {"delivered": 900, "rejected": 100}})
        (alert,) = found(DestinationState(name="Shop"), recent=recent)
        assert (alert.value, alert.what) == (90.0, "Shop: 90.0 % of 1,000 deliveries in 15 min succeeded.")


class TestVolumeDrop:
    @pytest.mark.parametrize(
        ("now", "yesterday", "last_week", "fires"),
        [
            (49, 0, 100, True),
            (50, 0, 100, False),
            (0, 0, 99, False),
            (0, 100, 0, True),
            (0, 1000, 99, False),  # last week's is the better measure, and too little
            (60, 1000, 100, False),
            (0, 0, 0, False),
        ],
    )
    def test_against_the_same_hour(self, now: int, yesterday: int, last_week: int, fires: bool) -> None:
        recent = Recent(arrived={"web": now}, yesterday={"web": yesterday}, last_week={"web": last_week})
        assert [alert.key for alert in found(recent=recent, sources=["web"])] == [("volume_drop", "", "web")] * fires

    def test_only_of_sources_that_should_send(self) -> None:
        assert found(recent=Recent(last_week={"web": 1000}), sources=["till"]) == []


@pytest.mark.parametrize(("age_s", "fires"), [(None, False), (600, False), (601, True)])
def test_backlog(age_s: float | None, fires: bool) -> None:
    state = DestinationState(name="Shop", oldest_undecided_at=None if age_s is None else NOW - age_s)
    assert bool(found(state)) is fires


@pytest.mark.parametrize(
    ("members", "fires"),
    [
        ({"space": Space(used=1, free=128 * MIB, reserve=64 * MIB)}, False),
        ({"space": Space(used=1, free=128 * MIB - 1, reserve=64 * MIB)}, True),
        ({}, False),
    ],
)
def test_disk(members: dict[str, Any], fires: bool) -> None:
    assert [alert.key for alert in found(**members)] == [("disk", "", "")] * fires


@pytest.mark.parametrize(("counts", "fires"), [(Counts(0, 0, Counter(), Counter()), True), (None, False)])
def test_a_server_that_accepts_nothing(counts: Counts | None, fires: bool) -> None:
    room = Space(used=1, free=1000 * MIB, reserve=64 * MIB)
    snapshot = Snapshot(at=NOW, accepting=False, ingest=counts, space=room)
    assert bool(alerts(snapshot, Recent(), Rules(), (), ())) is fires


def test_rules_can_be_switched_off() -> None:
    off = Rules(
        held=Held(enabled=False),
        success_rate=SuccessRate(enabled=False),
        volume_drop=VolumeDrop(enabled=False),
        backlog=Backlog(enabled=False),
        disk=Disk(enabled=False),
    )
    state = held(Condition.BLOCKED, 9999, oldest_undecided_at=1.0)
    recent = Recent(deliveries={"Shop": {"rejected": 999}}, last_week={"web": 999})
    room = Space(used=1, free=0, reserve=1)
    assert len(found(state, recent=recent, sources=["web"], space=room)) == 5
    assert found(state, recent=recent, sources=["web"], space=room, rules=off) == []


def test_figures_can_be_changed() -> None:
    state = held(Condition.BLOCKED, 61)
    assert found(state, rules=Rules(held=Held(minutes=2))) == []
    assert found(held(Condition.BLOCKED, 1), rules=Rules(held=Held(minutes=0)))
