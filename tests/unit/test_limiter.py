"""The pace and the number of requests under way, in simulated time."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tockwork.delivery.limiter import HOLD_CAP_S, Concurrency, Pace, token_key
from tockwork.model.secret import Secret


def most_in_a_second(times: list[float]) -> int:
    return max((bisect_right(times, start + 1.0) - index for index, start in enumerate(times)), default=0)


def run(pace: Pace, seconds: float, start: float = 0.0) -> list[float]:
    """Times at which requests went, always as soon as the pace allowed."""
    now, times = start, []
    while now < start + seconds:
        wait = pace.wait_s(now)
        if wait > 0:
            now += wait
            continue
        pace.take(now)
        times.append(now)
    return times


@pytest.mark.parametrize("allowed", [10, 100, 1000])
def test_no_second_has_more_than_allowed_and_hardly_less_is_used(allowed: int) -> None:
    times = run(Pace(allowed, Random(1)), 5.0)
    assert most_in_a_second(times) <= allowed
    assert len(times) >= 0.9 * allowed * 5


@settings(max_examples=30, deadline=None)
@given(idle=st.lists(st.floats(0, 3), max_size=5))
def test_idle_time_is_not_saved_up(idle: list[float]) -> None:
    pace, now, times = Pace(50, Random(1)), 0.0, []
    for pause in idle:
        now += pause
        times += run(pace, 0.7, now)
        now += 0.7
    assert most_in_a_second(times) <= 50


def test_retry_after_is_kept_to() -> None:
    pace = Pace(1000, Random(1))
    pace.take(0.0)
    pace.throttled(0.0, 0.1, 30.0)
    assert pace.wait_s(0.1) == pytest.approx(30.0)
    assert pace.wait_s(30.1) == 0.0


def test_without_retry_after_the_hold_doubles_up_to_a_minute() -> None:
    pace, now, holds = Pace(1000, Random(1)), 0.0, []
    for _ in range(12):
        pace.take(now)
        pace.throttled(now, now, None)
        holds.append(pace.held_s(now))
        now += holds[-1]
    assert 0.5 <= holds[0] <= 1.0
    assert 2.0 <= holds[2] <= 4.0
    assert all(HOLD_CAP_S / 2 <= hold <= HOLD_CAP_S for hold in holds[7:])


def test_many_throttled_at_once_slow_down_once() -> None:
    pace = Pace(1000, Random(1))
    times = run(pace, 2.0)
    before = pace.rate
    for started in times[-50:]:
        pace.throttled(started, 2.1, None)
    assert before / 4 < pace.rate <= before / 2
    assert pace.held_s(2.1) <= 1.0


def storm(capacity: Callable[[float], float], until: float, seed: int = 1) -> tuple[list[float], list[float]]:
    """A platform that takes `capacity(now)` requests a second and throttles the others; answers after 0.1 s.
    Returns the times of requests sent and of those accepted."""
    pace, now, filled, tokens = Pace(1000, Random(seed)), 0.0, 0.0, 1.0
    sent: list[float] = []
    accepted: list[float] = []
    answers: list[tuple[float, float, bool]] = []
    while now < until:
        wait = pace.wait_s(now)
        if answers and answers[0][0] <= now + wait:
            at, started, good = heapq.heappop(answers)
            now = max(now, at)
            if good:
                pace.accepted(now)
            else:
                pace.throttled(started, now, None)
            continue
        if wait > 0:
            now += wait
            continue
        pace.take(now)
        sent.append(now)
        tokens = min(max(1.0, capacity(now)), tokens + (now - filled) * capacity(now))
        filled = now
        good = tokens >= 1.0
        if good:
            tokens -= 1.0
            accepted.append(now)
        heapq.heappush(answers, (now + 0.1, now, good))
    return sent, accepted


def between(times: list[float], start: float, end: float) -> int:
    return sum(start <= time < end for time in times)


@pytest.mark.parametrize("capacity", [5.0, 50.0, 400.0])
def test_the_pace_finds_what_the_platform_accepts(capacity: float) -> None:
    sent, accepted = storm(lambda now: capacity, 300.0)
    assert between(sent, 60, 300) <= 1.2 * between(accepted, 60, 300)
    assert between(accepted, 60, 300) >= 0.5 * capacity * 240


def test_a_total_storm_costs_few_requests_and_is_over_within_two_minutes() -> None:
    sent, accepted = storm(lambda now: 0.0 if 20 <= now < 620 else 400.0, 900.0)
    assert between(sent, 80, 620) <= 20
    before, after = between(accepted, 10, 20) / 10, between(accepted, 740, 800) / 60
    assert after >= 0.9 * min(before, 400.0) * 0.75  # the sawtooth around 400 a second
    assert between(sent, 0, 900) <= 1.5 * between(accepted, 0, 900)


def test_a_token_is_known_by_a_digest() -> None:
    token = Secret("act.0123456789")
    key = token_key(token)
    assert key == token_key(Secret("act.0123456789")) != token_key(Secret("act.0123456780"))
    assert "0123" not in key


class Link:
    """A platform in simulated time: answers after `latency(under_way)` seconds, failing where `fails` says so."""

    def __init__(self, latency: Callable[[int], float], fails: Callable[[int], bool] = lambda under_way: False) -> None:
        self.latency = latency
        self.fails = fails

    def limits(self, requests: int, seed: int = 1) -> list[float]:
        """The limit after each of so many requests, always as many under way as allowed."""
        random, concurrency, now = Random(seed), Concurrency(), 0.0
        ends: list[tuple[float, float, bool]] = []
        limits: list[float] = []
        while len(limits) < requests:
            while len(ends) < int(concurrency.limit):
                under_way = len(ends) + 1
                concurrency.started(under_way)
                took = self.latency(under_way) * random.uniform(0.95, 1.05)
                heapq.heappush(ends, (now + took, took, self.fails(under_way)))
            now, took, failed = heapq.heappop(ends)
            concurrency.finished(took, failed, now)
            limits.append(concurrency.limit)
        return limits


def test_a_platform_that_keeps_up_gets_as_many_as_may_be() -> None:
    limits = Link(lambda under_way: 0.1).limits(6000)
    assert limits[0] == 1.0
    assert limits[-1] == 64.0


def test_latency_that_grows_with_the_load_bounds_the_number() -> None:
    limits = Link(lambda under_way: 0.1 if under_way <= 10 else 0.1 * 2 ** (under_way - 10)).limits(4000)
    assert 7 <= sum(limits[1000:]) / 3000 <= 16


def test_failures_under_load_bound_the_number() -> None:
    limits = Link(lambda under_way: 0.1, lambda under_way: under_way > 8).limits(4000)
    assert 5 <= sum(limits[1000:]) / 3000 <= 11


def test_it_never_falls_below_one() -> None:
    assert min(Link(lambda under_way: 0.1, lambda under_way: True).limits(200)) == 1.0


def test_it_does_not_grow_when_it_is_not_used() -> None:
    concurrency = Concurrency()
    concurrency.limit = 5.0
    for turn in range(100):
        concurrency.started(1)
        concurrency.finished(0.1, False, turn * 0.1)
    assert concurrency.limit == 5.0
