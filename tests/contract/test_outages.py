"""TikTok at its worst, in simulated time: nothing is lost, and no other destination feels it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import pytest
from tests.contract.outage import OK, Rows, Said, World, code, reply, silent, unreachable
from tests.contract.store_opened import STORES

from tockwork.delivery.exchange import Reply
from tockwork.delivery.standing import Condition
from tockwork.model.clock import SimulatedClock
from tockwork.model.outcome import Status

HOUR_S = 3600


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=STORES)
async def world(
    request: pytest.FixtureRequest, clock: SimulatedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setenv("TOCKWORK_SYNCHRONOUS", "off")  # what the disk keeps is tested elsewhere
    async with STORES[request.param](clock, tmp_path) as store:
        made = World(clock, store)
        await made.start()
        yield made
        await made.stop()


def unaffected(world: World) -> None:
    """The other destination's events arrived as soon as ever."""
    assert world.platform.arrived["well"].keys() == world.appended.keys()
    assert world.delays_s("well")[-1] < 2.0


FAILURES: dict[str, tuple[Callable[[], Said], float]] = {
    "refused": (unreachable, 0.01),
    "silence": (silent, 10.0),
    "50000": (lambda: code(50000, "internal error"), 0.1),
    "503 in HTML": (lambda: reply(503, b"<html>Service Unavailable</html>"), 0.1),
}


LONG = [name if name == "memory" else pytest.param(name, marks=pytest.mark.faults) for name in STORES]
"""The stores for tests that simulate so many steps that SQLite takes long for them."""


@pytest.mark.parametrize("failure", FAILURES)
async def test_an_hour_without_tiktok(world: World, clock: SimulatedClock, failure: str) -> None:
    said, took_s = FAILURES[failure]
    await world.shop(60, 2)
    world.platform.behaviours["ill"] = lambda now, rows: said()
    world.platform.took_s["ill"] = took_s
    before = len(world.platform.requests)
    for _ in range(60):
        await world.shop(1, 20)
        await clock.advance(59)
    asked = [token for _, token in world.platform.requests[before:]].count("ill")
    assert asked <= HOUR_S / 5
    tally = await world.tally("ill")
    assert tally.count(Status.DELIVERED, Status.PENDING) + tally.undecided == len(world.appended)
    unaffected(world)
    del world.platform.behaviours["ill"], world.platform.took_s["ill"]
    await clock.advance(400)
    assert await world.delivered("ill")
    assert {len(bodies) for bodies in world.platform.bodies.values()} == {1}  # a row never changes


@pytest.mark.parametrize("world", LONG, indirect=True)
@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("named", ["429", "40100", "429 with Retry-After"])
async def test_ten_minutes_of_throttling(world: World, clock: SimulatedClock, named: str, share: float) -> None:
    random = Random(5)
    answers: dict[str, Said] = {
        "429": reply(429, b"Too Many Requests"),
        "40100": code(40100, "Requests made too frequently."),
        "429 with Retry-After": reply(429, b"{}", retry_after="7"),
    }
    await world.shop(30, 10)
    world.platform.attempts.clear()
    world.platform.behaviours["ill"] = lambda now, rows: answers[named] if random.random() < share else reply()
    first = len(world.appended)
    await world.shop(600, 10)
    assert not (await world.tally("ill")).count(Status.INVALID, Status.REJECTED, Status.EXPIRED)
    unaffected(world)
    del world.platform.behaviours["ill"]
    await clock.advance(300)
    assert await world.delivered("ill")
    storm = [f"e-{number}" for number in range(first, len(world.appended))]
    attempts = sum(world.platform.attempts[each] for each in storm) - len(storm)  # `well` made one each
    assert attempts <= 1.5 * len(storm), attempts / len(storm)


@pytest.mark.parametrize("world", LONG, indirect=True)
async def test_throttling_at_a_rate_settles_at_that_rate(world: World, clock: SimulatedClock) -> None:
    window: list[float] = []

    def limited(now: float, rows: Rows) -> Said:
        window[:] = [at for at in window if at > now - 1]
        if len(window) >= 2:
            return code(40100, "Requests made too frequently.")
        window.append(now)
        return reply()

    world.platform.behaviours["ill"] = limited
    await world.shop(300, 100)
    unaffected(world)
    await clock.advance(300)
    assert await world.delivered("ill")
    attempts = sum(world.platform.attempts.values()) - len(world.appended)
    assert attempts <= 1.5 * len(world.appended)


@pytest.mark.parametrize("world", LONG, indirect=True)
async def test_a_dead_token_blocks_and_new_settings_go_on(world: World, clock: SimulatedClock) -> None:
    world.platform.behaviours["ill"] = lambda now, rows: code(40105, "Access token is incorrect or has been revoked.")
    await world.shop(600, 3)
    asked = [token for _, token in world.platform.requests].count("ill")
    assert asked <= 1 + 600 / 300
    tally = await world.tally("ill")
    assert not tally.count(Status.INVALID, Status.REJECTED, Status.EXPIRED)
    assert world.workers["ill"].link.standing.condition is Condition.BLOCKED
    await clock.advance(30 * HOUR_S)  # longer than rows are retried: their clock stands still
    unaffected(world)
    from_now = clock.now()
    world.platform.arrived["new"] = world.platform.arrived.setdefault("ill", {})
    world.workers["ill"].relink(world.link("ill", "new"), world.workers["ill"]._transform)
    await clock.advance(10)
    assert await world.delivered("ill")
    assert min(world.platform.arrived["ill"].values()) - from_now <= 10


@pytest.mark.parametrize("named", [True, False])
async def test_partial_success(world: World, clock: SimulatedClock, named: bool) -> None:
    """Of 20001 only the rows that did not arrive are sent again; one that is always refused is rejected alone."""

    def partly(now: float, rows: Rows) -> Said:
        bad = [index for index, row in enumerate(rows) if row["event_id"].endswith("7")]
        if not bad:
            return reply()
        world.platform.take("ill", [row for index, row in enumerate(rows) if index not in bad])
        if len(bad) == len(rows):
            return code(40002, "events[0]: bad value" if named else "bad value")
        return code(20001, "; ".join(f"data.{index}: bad value" for index in bad) if named else "partially successful")

    world.platform.behaviours["ill"] = partly
    await world.shop(60, 5)
    await clock.advance(60)
    tally = await world.tally("ill")
    bad = [each for each in world.appended if each.endswith("7")]
    assert tally.lines == {
        (Status.DELIVERED, None): len(world.appended) - len(bad),
        (Status.REJECTED, "bad_parameter"): len(bad),
    }
    unaffected(world)


GARBAGE = (b"", b"OK", b"[]", b"null", b'{"code":"0"}', b'{"code":0', b"\xff\xfe", b"<html></html>", b'{"message":1}')


async def test_garbage_for_answers(world: World, clock: SimulatedClock) -> None:
    random = Random(3)

    def mad(now: float, rows: Rows) -> Said:
        if random.random() < 0.4:
            return reply()
        return Reply(random.choice((200, 200, 204, 302, 500, 502)), {}, random.choice(GARBAGE))

    world.platform.behaviours["ill"] = mad
    await world.shop(300, 3)
    tally = await world.tally("ill")
    assert not tally.count(Status.INVALID, Status.REJECTED, Status.EXPIRED)
    unaffected(world)
    del world.platform.behaviours["ill"]
    world.workers["ill"].resume()  # the same unknown answer three times running pauses
    await clock.advance(400)
    assert await world.delivered("ill")


def test_the_platform_of_these_tests_takes_rows_only_with_its_answer() -> None:
    assert reply().body == OK
    assert code(40100).body != OK
