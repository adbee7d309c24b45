"""When a destination instance is open, rests, is blocked or paused."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

import pytest

from tockwork.delivery.standing import BRAKE_RUN, PROBE_S, REST_CAP_S, REST_S, Condition, Standing, described
from tockwork.model.outcome import Answer, Verdict

NOW = 1_795_132_800.0
CHANCE = Random(1)

OK = Answer(Verdict.DELIVERED, code=0)
FAILING = Answer(Verdict.RETRY, "platform_error", code=50000, message="internal error")
DEAD = Answer(Verdict.BLOCKED, "token_revoked", code=40105, message="Access token is incorrect or has been revoked.")
REFUSED = Answer(Verdict.AT_FAULT, "bad_parameter", code=40002)
THROTTLED = Answer(Verdict.THROTTLED, "throttled", code=40100)


def unknown(code: int) -> Answer:
    return Answer(Verdict.UNKNOWN, "unknown_answer", code=code)


def hear(standing: Standing, *answers: Answer, now: float = NOW) -> list[int]:
    return [standing.heard(answer, now, CHANCE) for answer in answers]


def test_three_failures_running_let_it_rest() -> None:
    standing = Standing()
    hear(standing, FAILING, FAILING, OK, FAILING, FAILING)
    assert standing.condition is Condition.OPEN
    hear(standing, FAILING)
    assert (standing.condition, standing.why) == (Condition.RESTING, "platform_error: answered 50000: internal error")
    assert standing.wait_s(NOW) == REST_S
    assert standing.held is None


def test_while_resting_one_request_at_a_time_asks() -> None:
    standing = Standing()
    hear(standing, FAILING, FAILING, FAILING)
    assert not standing.admit(NOW + REST_S - 0.1)
    assert standing.admit(NOW + REST_S)
    assert not standing.admit(NOW + REST_S)
    hear(standing, OK, now=NOW + 6)
    assert standing.admit(NOW + 6)


def test_a_platform_that_is_down_for_an_hour_is_asked_now_and_then() -> None:
    standing, probes, now = Standing(), [], NOW
    hear(standing, FAILING, FAILING, FAILING)
    while now < NOW + 3600:
        now += standing.wait_s(now)
        assert standing.admit(now)
        probes.append(now)
        hear(standing, FAILING, now=now + 0.5)
        now += 0.5
    gaps = [later - earlier for earlier, later in pairwise(probes)]
    assert min(gaps) >= REST_S
    assert max(gaps) <= REST_CAP_S + 0.5
    assert 60 < len(probes) < 240


def test_failures_that_were_under_way_when_the_rest_began_say_nothing_new() -> None:
    standing = Standing()
    hear(standing, *[FAILING] * 60)
    assert standing.wait_s(NOW) == REST_S


def test_a_rest_is_as_long_as_the_platform_asks() -> None:
    standing = Standing()
    hear(standing, FAILING, FAILING, Answer(Verdict.RETRY, "platform_error", http_status=503, retry_after_s=120.0))
    assert standing.wait_s(NOW) == 120.0


def test_equal_unknown_answers_do_not_rest_before_they_pause() -> None:
    standing = Standing()
    assert hear(standing, *[unknown(7)] * 3) == [1, 2, 3]
    assert standing.admit(NOW)
    hear(standing, unknown(8))
    assert standing.condition is Condition.RESTING


def test_credentials_that_are_refused_block_at_once() -> None:
    standing = Standing()
    hear(standing, DEAD)
    assert (standing.condition, standing.reason, standing.held) == (Condition.BLOCKED, "token_revoked", "blocked")
    assert not standing.admit(NOW + PROBE_S - 1)
    assert standing.admit(NOW + PROBE_S)
    assert not standing.admit(NOW + PROBE_S + 1)
    hear(standing, DEAD, now=NOW + PROBE_S + 2)
    assert standing.since == NOW
    assert standing.wait_s(NOW + PROBE_S + 2) == PROBE_S


@pytest.mark.parametrize("answer", [OK, REFUSED])
def test_a_probe_that_gets_through_unblocks(answer: Answer) -> None:
    standing = Standing()
    hear(standing, DEAD)
    hear(standing, answer, now=NOW + 1)  # was under way before
    assert standing.condition is Condition.BLOCKED
    assert standing.admit(NOW + PROBE_S)
    hear(standing, answer, now=NOW + PROBE_S)
    assert (standing.condition, standing.why) == (Condition.OPEN, "")


@pytest.mark.parametrize("answer", [FAILING, THROTTLED, unknown(1)])
def test_a_probe_that_says_nothing_of_the_credentials_does_not_unblock(answer: Answer) -> None:
    standing = Standing()
    hear(standing, DEAD)
    assert standing.admit(NOW + PROBE_S)
    hear(standing, answer, now=NOW + PROBE_S)
    assert standing.condition is Condition.BLOCKED
    assert standing.wait_s(NOW + PROBE_S) == PROBE_S


def test_what_has_no_token_is_never_probed() -> None:
    standing = Standing()
    standing.block("no_token", "", NOW, probe=False)
    assert standing.wait_s(NOW + 1e9) == math.inf


def test_equal_unknown_answers_are_counted() -> None:
    standing = Standing()
    assert hear(standing, unknown(1), unknown(1), FAILING, unknown(1)) == [1, 2, 2, 3]
    assert hear(standing, unknown(2), unknown(1), OK, unknown(1)) == [1, 1, 0, 1]


def test_only_resume_ends_a_pause() -> None:
    standing = Standing()
    standing.pause("many_rejected", "", NOW)
    hear(standing, OK, DEAD, FAILING)
    assert (standing.condition, standing.wait_s(NOW + 1e9)) == (Condition.PAUSED, math.inf)
    standing.resume(NOW + 5)
    assert standing.condition is Condition.OPEN


def test_the_brake_trips_at_fifty_rejected_rows_running() -> None:
    standing = Standing()
    assert not standing.counted(delivered=0, rejected=BRAKE_RUN - 1)
    assert not standing.counted(delivered=1, rejected=0)
    assert not any(standing.counted(delivered=0, rejected=1) for _ in range(BRAKE_RUN - 1))
    assert standing.counted(delivered=0, rejected=1)


def test_the_brake_trips_when_most_of_the_last_two_hundred_are_rejected() -> None:
    standing = Standing()
    tripped = [standing.counted(delivered=turn % 2, rejected=1 - turn % 2) for turn in range(200)]
    assert not any(tripped)  # exactly half
    assert [standing.counted(delivered=0, rejected=1) for _ in range(2)] == [False, True]


def test_the_brake_can_be_off_and_resume_begins_anew() -> None:
    assert not Standing(brake=False).counted(delivered=0, rejected=1000)
    standing = Standing()
    assert standing.counted(delivered=0, rejected=1000)
    standing.resume(NOW)
    assert not standing.counted(delivered=0, rejected=1)


def test_the_working_clock_stands_still_while_held() -> None:
    standing = Standing()
    standing.block("token_revoked", "", NOW + 100)
    assert standing.working_s(NOW + 5000) == NOW + 100
    standing.pause("paused_by_hand", "", NOW + 6000)
    assert standing.working_s(NOW + 7000) == NOW + 100
    standing.resume(NOW + 8000)
    assert standing.working_s(NOW + 8000) == NOW + 100
    assert standing.working_s(NOW + 8010) == NOW + 110
    hear(standing, FAILING, FAILING, FAILING, now=NOW + 8010)
    assert standing.working_s(NOW + 8020) == NOW + 120  # resting is not held


def test_new_settings_keep_the_working_clock_and_a_pause() -> None:
    before, after = Standing(), Standing()
    before.block("token_revoked", "", NOW)
    after.take_over(before, NOW + 1000)
    assert (after.condition, after.working_s(NOW + 1000)) == (Condition.OPEN, NOW)
    after.pause("many_rejected", "look", NOW + 1010)
    last = Standing()
    last.take_over(after, NOW + 2000)
    assert (last.condition, last.why, last.working_s(NOW + 3000)) == (Condition.PAUSED, "many_rejected: look", NOW + 10)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (FAILING, "answered 50000: internal error"),
        (OK, "answered 0"),
        (Answer(Verdict.RETRY, "unreadable_answer", http_status=502, message="no JSON"), "HTTP 502: no JSON"),
        (Answer(Verdict.RETRY, "no_answer", message="no answer in time"), "no answer in time"),
    ],
)
def test_answers_in_words(answer: Answer, text: str) -> None:
    assert described(answer) == text
