"""The lane that all destinations with one token share, in simulated time."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from tockwork.delivery.lane import Lane
from tockwork.model.clock import SimulatedClock
from tockwork.model.outcome import Answer, Verdict

OK = Answer(Verdict.DELIVERED, code=0)
THROTTLED = Answer(Verdict.THROTTLED, "throttled", code=40100, retry_after_s=30.0)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def lane(clock: SimulatedClock) -> Lane:
    return Lane(1000, clock, Random(1))


async def test_one_at_a_time_at_first_and_in_turn(lane: Lane, clock: SimulatedClock) -> None:
    assert await lane.enter()
    entered: list[int] = []

    async def come(number: int) -> None:
        await lane.enter()
        entered.append(number)

    tasks = [asyncio.create_task(come(number)) for number in range(3)]
    await clock.advance(5)
    assert entered == []
    for number in range(3):
        lane.leave(None, None)
        await clock.advance(0)
        assert entered == list(range(number + 1))
    await asyncio.gather(*tasks)


async def test_who_cannot_enter_in_time_does_not_wait_longer(lane: Lane, clock: SimulatedClock) -> None:
    assert await lane.enter()
    waiting = asyncio.create_task(lane.enter(clock.monotonic() + 10))
    await clock.advance(9)
    assert not waiting.done()
    await clock.advance(1)
    assert not await waiting
    lane.leave(None, None)
    assert not await lane.enter(clock.monotonic())  # it is too late already
    assert await lane.enter(clock.monotonic() + 1)


async def test_throttling_holds_everybody_and_those_in_a_hurry_are_told_at_once(
    lane: Lane, clock: SimulatedClock
) -> None:
    assert await lane.enter()
    lane.leave(clock.monotonic(), THROTTLED)
    assert lane.wait_s() == pytest.approx(30)
    assert not await lane.enter(clock.monotonic() + 29)
    waiting = asyncio.create_task(lane.enter())
    await clock.advance(29)
    assert not waiting.done()
    await clock.advance(2)
    assert await waiting


async def test_answers_widen_the_lane(lane: Lane, clock: SimulatedClock) -> None:
    for _ in range(20):
        assert await lane.enter()
        started = clock.monotonic()
        await clock.advance(0.1)
        lane.leave(started, OK)
    assert lane.width == 2  # not more: it was never used to the full


async def test_who_gives_up_waiting_leaves_the_turn_to_the_next(lane: Lane, clock: SimulatedClock) -> None:
    assert await lane.enter()
    first, second = asyncio.create_task(lane.enter()), asyncio.create_task(lane.enter())
    await clock.advance(0)
    first.cancel()
    lane.leave(None, None)
    await clock.advance(0)
    assert await second
