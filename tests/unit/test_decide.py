"""What happens next to the rows of a request, and how bad rows are found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tockwork.delivery.decide import (
    BACKOFF_CAP_S,
    WINDOW_MARGIN_S,
    Block,
    Part,
    Pause,
    Resend,
    RetryAt,
    Settle,
    Step,
    decide,
    overdue,
    pause_s,
)
from tockwork.delivery.isolation import Places, Search
from tockwork.destinations.declare import Limits
from tockwork.model.fate import History
from tockwork.model.outcome import Answer, Status, Verdict

NOW = 1_795_132_800.0
DAY = 86_400.0
LIMITS = Limits()


def part(*places: int, expires_at: float | None = None) -> Part:
    return Part(places, (History(first_s=NOW),) * len(places), (expires_at,) * len(places))


CHANCE = Random(1)


def steps(part: Part, answer: Answer, *, now: float = NOW, same: int = 1, trusting: bool = True) -> list[Step]:
    return decide(part, answer, now=now, working_s=now, same=same, trusting=trusting, limits=LIMITS, random=CHANCE)


def answer(verdict: Verdict, *rows: int, retry_after_s: float | None = None) -> Answer:
    return Answer(verdict, "some_reason", code=1, rows=rows, retry_after_s=retry_after_s)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_one_row_alone(verdict: Verdict) -> None:
    (step,) = steps(part(7), answer(verdict, 0))
    if verdict is Verdict.DELIVERED:
        assert step == Settle((7,), Status.DELIVERED)
    elif verdict in (Verdict.AT_FAULT, Verdict.PARTIAL, Verdict.TOO_LARGE):
        assert step == Settle((7,), Status.REJECTED, "some_reason")
    elif verdict is Verdict.BLOCKED:
        assert step == Block((7,), "some_reason")
    else:
        assert isinstance(step, RetryAt)
        assert step.places == (7,)


@pytest.mark.parametrize(
    ("verdict", "rows", "trusting", "parts", "suspects"),
    [
        (Verdict.AT_FAULT, (), True, ((4, 5), (6,)), ()),
        (Verdict.AT_FAULT, (1,), True, ((5,), (4, 6)), (5,)),
        (Verdict.AT_FAULT, (2, 0), True, ((6,), (4,), (5,)), (6, 4)),
        (Verdict.AT_FAULT, (1,), False, ((4, 5), (6,)), ()),
        (Verdict.AT_FAULT, (0, 1, 2), True, ((4, 5), (6,)), ()),
        (Verdict.TOO_LARGE, (), True, ((4, 5), (6,)), ()),
        (Verdict.PARTIAL, (), True, ((4, 5), (6,)), ()),
        (Verdict.PARTIAL, (0, 1, 2), True, ((4, 5), (6,)), ()),
    ],
)
def test_a_refused_batch_is_taken_apart(
    verdict: Verdict, rows: Places, trusting: bool, parts: tuple[Places, ...], suspects: Places
) -> None:
    assert steps(part(4, 5, 6), answer(verdict, *rows), trusting=trusting) == [Resend(parts, suspects)]


def test_of_a_partial_success_only_the_named_rows_go_again() -> None:
    assert steps(part(4, 5, 6), answer(Verdict.PARTIAL, 2, 0)) == [
        Settle((5,), Status.DELIVERED),
        Resend(((4, 6),)),
    ]


def test_a_third_equal_unknown_answer_pauses() -> None:
    assert isinstance(steps(part(1, 2), answer(Verdict.UNKNOWN), same=2)[0], RetryAt)
    assert steps(part(1, 2), answer(Verdict.UNKNOWN), same=3) == [Pause((1, 2), "some_reason")]


histories = st.builds(
    History,
    st.integers(0, 50),
    st.floats(NOW - 2 * DAY, NOW),
    st.none() | st.floats(NOW - 3 * DAY, NOW),
)


@given(
    rows=st.lists(st.tuples(histories, st.none() | st.floats(NOW - 1, NOW + 1)), min_size=1, max_size=30),
    verdict=st.sampled_from(list(Verdict)),
    named=st.lists(st.integers(0, 29), unique=True),
    same=st.integers(0, 4),
    trusting=st.booleans(),
    retry_after_s=st.none() | st.floats(0, 3600),
    seed=st.integers(),
)
def test_every_row_is_in_exactly_one_step(
    rows: list[tuple[History, float | None]],
    verdict: Verdict,
    named: list[int],
    same: int,
    trusting: bool,
    retry_after_s: float | None,
    seed: int,
) -> None:
    places = tuple(range(100, 100 + len(rows)))
    given_part = Part(places, tuple(history for history, _ in rows), tuple(expires_at for _, expires_at in rows))
    known = tuple(index for index in named if index < len(rows))
    taken = decide(
        given_part,
        Answer(verdict, "some_reason", rows=known, retry_after_s=retry_after_s),
        now=NOW,
        working_s=NOW,
        same=same,
        trusting=trusting,
        limits=LIMITS,
        random=Random(seed),
    )
    assert sorted(place for step in taken for place in step.places) == list(places)
    for step in taken:
        if isinstance(step, RetryAt):
            assert step.at >= NOW + (retry_after_s or 0)
        if isinstance(step, Resend):
            assert all(0 < len(piece) < len(places) for piece in step.parts)


# Time


@pytest.mark.parametrize("retries", [0, 1, 3, 8, 9, 50, 5000])
def test_backoff_is_full_jitter_under_a_doubling_bound(retries: int) -> None:
    random = Random(retries)
    pauses = [pause_s(retries, None, random) for _ in range(2000)]
    bound = min(BACKOFF_CAP_S, 2.0 ** min(retries, 20))
    assert 0 <= min(pauses) < 0.05 * bound
    assert 0.95 * bound < max(pauses) <= bound
    assert sum(pauses) / len(pauses) == pytest.approx(bound / 2, rel=0.1)


def test_retry_after_is_the_least() -> None:
    random = Random(1)
    assert all(30 <= pause_s(9, 30.0, random) <= 31 for _ in range(100))


def test_retrying_lasts_a_day_and_never_longer() -> None:
    now, history, attempts = NOW, History(), 0
    while (reason := overdue(history, None, now=now, working_s=now, limits=LIMITS)) is None:
        attempts += 1
        history = history.tried(now, now, ambiguous=False, said="")
        (step,) = steps(Part((0,), (history,), (None,)), answer(Verdict.RETRY), now=now)
        assert isinstance(step, RetryAt)
        now, history = step.at, history.put_off()
    assert reason == "retry_exhausted"
    assert DAY <= now - NOW <= DAY + BACKOFF_CAP_S
    assert 450 < attempts < 750  # about every 150 s once the cap is reached


def test_time_that_was_held_does_not_count() -> None:
    history = History(first_s=NOW)
    assert overdue(history, None, now=NOW + 5 * DAY, working_s=NOW + DAY - 1, limits=LIMITS) is None
    assert overdue(history, None, now=NOW + 5 * DAY, working_s=NOW + DAY, limits=LIMITS) == "retry_exhausted"


def test_an_ambiguous_row_is_not_sent_after_the_dedup_window_even_if_it_was_held() -> None:
    history = History(first_s=NOW, ambiguous_at=NOW)
    window = LIMITS.dedup_window_s - WINDOW_MARGIN_S
    assert overdue(history, None, now=NOW + window - 1, working_s=NOW, limits=LIMITS) is None
    assert overdue(history, None, now=NOW + window, working_s=NOW, limits=LIMITS) == "dedup_window_passed"


def test_the_first_ambiguous_attempt_counts() -> None:
    history = History().tried(1.0, 1.0, ambiguous=False, said="a")
    history = history.tried(2.0, 2.0, ambiguous=True, said="b").tried(3.0, 3.0, ambiguous=True, said="c")
    assert history == History(0, 1.0, 2.0, "c")


def test_a_row_that_the_platform_takes_no_more_expires() -> None:
    assert overdue(History(), NOW, now=NOW - 1, working_s=NOW, limits=LIMITS) is None
    assert overdue(History(), NOW, now=NOW, working_s=NOW, limits=LIMITS) == "too_old"
    (step,) = steps(part(3, expires_at=NOW), answer(Verdict.RETRY))
    assert step == Settle((3,), Status.EXPIRED, "too_old")


def test_rows_of_one_request_expire_each_for_itself() -> None:
    old, young = History(first_s=NOW - DAY), History(first_s=NOW)
    taken = steps(Part((1, 2), (old, young), (None, None)), answer(Verdict.RETRY))
    assert taken[0] == Settle((1,), Status.EXPIRED, "retry_exhausted")
    assert isinstance(taken[1], RetryAt)
    assert taken[1].places == (2,)


# Isolation


Platform = Callable[[Places], Answer]


def isolate(number: int, platform: Platform) -> tuple[set[int], set[int], int]:
    """Sends `number` rows to `platform` until each is decided: those delivered, those rejected, and the requests."""
    search = Search(tuple(range(number)))
    delivered: list[int] = []
    rejected: list[int] = []
    requests = 0
    while (places := search.take()) is not None:
        requests += 1
        for step in steps(part(*places), platform(places), trusting=search.trusting):
            if isinstance(step, Resend):
                search.resend(step.parts, step.suspects)
            elif isinstance(step, Settle) and step.status is Status.DELIVERED:
                delivered += step.places
                search.delivered(step.places)
            else:
                assert isinstance(step, Settle)
                rejected += step.places
                search.rejected()
    assert sorted(delivered + rejected) == list(range(number))
    return set(delivered), set(rejected), requests


def refusing(bad: set[int], named: Callable[[Places, list[int]], Sequence[int]]) -> Platform:
    """A platform that refuses any request with a bad row; `named` says which indexes its message names, given the
    request's rows and the indexes of the bad ones."""

    def platform(places: Places) -> Answer:
        wrong = [index for index, place in enumerate(places) if place in bad]
        if not wrong:
            return Answer(Verdict.DELIVERED)
        return Answer(Verdict.AT_FAULT, "bad_parameter", code=40002, rows=tuple(named(places, wrong)))

    return platform


def bound(number: int) -> int:
    return 2 * math.ceil(math.log2(number)) + 1 if number > 1 else 1


TRUTHFUL = {
    "first": lambda places, wrong: wrong[:1],
    "last": lambda places, wrong: wrong[-1:],
    "all": lambda places, wrong: wrong,
    "none": lambda places, wrong: (),
}
LYING = {
    "always the first": lambda places, wrong: (0,),
    "always the last": lambda places, wrong: (len(places) - 1,),
    "always the same": lambda places, wrong: (len(places) // 2,),
    "always a good one": lambda places, wrong: [i for i in range(len(places)) if i not in wrong][:1],
    "many good ones": lambda places, wrong: [i for i in range(len(places)) if i not in wrong][:500],
    "all of them": lambda places, wrong: range(len(places)),
}

batches_with_bad_rows = st.integers(1, 1000).flatmap(
    lambda number: st.tuples(st.just(number), st.sets(st.integers(0, number - 1), max_size=12))
)


@pytest.mark.parametrize("named", TRUTHFUL)
@settings(max_examples=20, deadline=None)
@given(batch=batches_with_bad_rows)
def test_bad_rows_are_found_within_the_bound(named: str, batch: tuple[int, set[int]]) -> None:
    number, bad = batch
    delivered, rejected, requests = isolate(number, refusing(bad, TRUTHFUL[named]))
    assert (delivered, rejected) == (set(range(number)) - bad, bad)
    assert requests - 1 <= len(bad) * bound(number)


@pytest.mark.parametrize("named", ["first", "last", "none"])
@pytest.mark.parametrize("place", [0, 1, 499, 500, 998, 999])
def test_one_bad_row_in_a_thousand(named: str, place: int) -> None:
    delivered, rejected, requests = isolate(1000, refusing({place}, TRUTHFUL[named]))
    assert (len(delivered), rejected) == (999, {place})
    assert requests - 1 == (2 if named != "none" else pytest.approx(20, abs=2))
    assert requests - 1 <= 21


@pytest.mark.parametrize("named", LYING)
@settings(max_examples=20, deadline=None)
@given(batch=batches_with_bad_rows)
def test_an_index_that_lies_rejects_no_good_row(named: str, batch: tuple[int, set[int]]) -> None:
    number, bad = batch
    delivered, rejected, requests = isolate(number, refusing(bad, LYING[named]))
    assert (delivered, rejected) == (set(range(number)) - bad, bad)
    assert requests - 1 <= len(bad) * bound(number) + 10  # what a lie costs: eight rows sent alone, and the others


@settings(max_examples=20, deadline=None)
@given(number=st.integers(1, 300), seed=st.integers(), share=st.floats(0, 1))
def test_a_platform_of_moods_comes_to_an_end(number: int, seed: int, share: float) -> None:
    random = Random(seed)

    def platform(places: Places) -> Answer:
        verdict = random.choice([Verdict.AT_FAULT, Verdict.TOO_LARGE, Verdict.PARTIAL])
        rows = tuple({random.randrange(len(places)) for _ in range(random.randrange(4))})
        return Answer(Verdict.DELIVERED if random.random() < share else verdict, "bad_parameter", rows=rows)

    _, _, requests = isolate(number, platform)
    assert requests <= 2 * number


@pytest.mark.parametrize("named", [True, False])
def test_a_partial_success_that_lasts_ends_with_its_rows_rejected(named: bool) -> None:
    bad = {3, 500, 501}

    def platform(places: Places) -> Answer:
        rows = tuple(index for index, place in enumerate(places) if place in bad)
        if not rows:
            return Answer(Verdict.DELIVERED)
        return Answer(Verdict.PARTIAL, "partly_refused", code=20001, rows=rows if named else ())

    delivered, rejected, requests = isolate(1000, platform)
    assert (len(delivered), rejected) == (997, bad)
    assert requests - 1 <= (6 if named else 3 * 21)


def test_names_are_believed_until_a_named_row_is_taken_alone() -> None:
    search = Search((0, 1, 2, 3))
    search.resend(((2,), (0, 1, 3)), suspects=(2,))
    search.delivered((3,))  # alone, but nobody had named it
    search.delivered((1, 2))  # named, but not alone
    assert search.trusting
    search.delivered((2,))
    assert not search.trusting


def test_names_are_not_followed_for_ever() -> None:
    """Eight refused rows running, and halving takes over until a row is delivered."""
    search = Search((0,))
    for _ in range(8):
        assert search.trusting
        search.rejected()
    assert not search.trusting
    search.delivered((7, 8))
    assert search.trusting


def test_after_many_refusals_the_search_goes_on_from_the_other_end() -> None:
    search = Search((0,))
    search.resend(((1, 2), (3, 4), (5, 6)), ())
    for _ in range(25):
        assert search.take() is not None
        search.resend(((1, 2),), ())
        search.rejected()
    assert search.take() == (0,)  # what was farthest away
    search.resend(((7,), (8,)), ())
    assert search.take() == (8,)


def test_a_batch_too_large_is_split_until_it_fits() -> None:
    def platform(places: Places) -> Answer:
        return Answer(Verdict.TOO_LARGE, "request_too_large") if len(places) > 50 else Answer(Verdict.DELIVERED)

    delivered, rejected, requests = isolate(1000, platform)
    assert (len(delivered), rejected, requests) == (1000, set(), 63)


@pytest.mark.parametrize("where", ["start", "end", "spread"])
def test_good_rows_are_met_before_many_bad_ones_run(where: str) -> None:
    """A brake that trips at fifty rejected rows running must not trip for sixty bad rows in a thousand."""
    bad = set({"start": range(60), "end": range(940, 1000), "spread": range(0, 1000, 17)}[where])
    platform = refusing(bad, TRUTHFUL["first"])
    run = longest = 0

    def watched(places: Places) -> Answer:
        nonlocal run, longest
        result = platform(places)
        if result.verdict is Verdict.DELIVERED:
            run = 0
        elif len(places) == 1:
            run += 1
            longest = max(longest, run)
        return result

    _, rejected, _ = isolate(1000, watched)
    assert rejected == bad
    assert longest < 50
