"""From the journal to TikTok and into the ledger: nothing lost, everything counted."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from tockwork.delivery.batch import Row
from tockwork.delivery.link import Link
from tockwork.delivery.sender import Sender
from tockwork.delivery.standing import Condition
from tockwork.delivery.worker import Worker
from tockwork.destinations.declare import Limits
from tockwork.destinations.tiktok import responses
from tockwork.model.clock import SimulatedClock, SystemClock
from tockwork.model.event import Envelope
from tockwork.model.fate import Fate, History
from tockwork.model.outcome import Answer, Outcome, Status, Verdict
from tockwork.model.secret import Secret
from tockwork.sandbox.server import Sandbox
from tockwork.store.memory import MemoryStore
from tockwork.store.protocol import Store
from tockwork.store.sqlite import SqliteStore

WEB = Envelope("web", "C8E2OS3C77UABCDXYZ00")
LEASE_S = 60.0
OK = Answer(Verdict.DELIVERED, code=0)
FAILING = Answer(Verdict.RETRY, "platform_error", code=50000, ambiguous=True)
DEAD = Answer(Verdict.BLOCKED, "token_revoked", code=40105)


def event(number: int, kind: str = "sale") -> bytes:
    return json.dumps({"n": number, "kind": kind}).encode()


class Made:
    """A transform whose rows tell the version. Sales make one row, pairs two, and so on; a bug raises."""

    def __init__(self, version: int = 1, sources: Collection[str] | None = None) -> None:
        self.version = version
        self.sources = sources
        self.silent = False

    def outcomes(self, entries: Sequence[bytes]) -> list[list[Outcome]]:
        return [self._of(json.loads(entry)) for entry in entries]

    def _of(self, given_event: Any) -> list[Outcome]:
        kind, message_id = given_event["kind"], f"m-{given_event['n']}"
        if kind == "bug":
            raise ZeroDivisionError
        if kind in ("filtered", "suppressed", "duplicate"):
            return [Outcome(message_id, None, Status(kind), "no_trigger")]
        if kind == "invalid":
            return [Outcome(message_id, "Sale", Status.INVALID, "field_type", ["value: not a number"])]
        row = {
            "event": "Purchase",
            "event_time": 1_795_132_000 + self.version,
            "event_id": message_id,
            "page": {"url": "https://a.b/"},
        }
        raw = msgspec.Raw(json.dumps(row).encode())
        return [Outcome(message_id, "Sale", Status.MAPPED, row=raw, envelope=WEB)] * (2 if kind == "pair" else 1)


class Carrier:
    """A sender without a network: `answer` says what becomes of each row, in simulated time."""

    def __init__(self, clock: SimulatedClock, took_s: float = 0.1) -> None:
        self.clock = clock
        self.took_s = took_s
        self.answer: Callable[[Row], Fate] = lambda row: Fate(Status.DELIVERED)
        self.requests: list[tuple[float, list[Row]]] = []
        self.wait = 0.0
        self.lanes = 4

    @property
    def rows(self) -> list[Row]:
        return [row for _, rows in self.requests for row in rows]

    def wait_s(self, link: Link) -> float:
        return max(self.wait, link.standing.wait_s(self.clock.now()))

    def width(self, link: Link) -> int:
        return self.lanes

    def batch(self, link: Link) -> int:
        return link.limits.rows

    async def attempt(self, rows: Sequence[Row], link: Link, deadline: float | None = None) -> list[Fate]:
        assert deadline is not None
        assert 0 < deadline - self.clock.monotonic() < LEASE_S / 2
        if not link.standing.admit(self.clock.now()):
            return [Fate(Status.PENDING, link.standing.held or "waiting", history=row.history) for row in rows]
        self.requests.append((self.clock.now(), list(rows)))
        await self.clock.sleep(self.took_s)
        return [self.answer(row) for row in rows]


class Bench:
    """A worker on a store."""

    def __init__(
        self, clock: SimulatedClock | SystemClock, sender: Any, store: Store, token: str = "t", **options: Any
    ) -> None:
        self.clock = clock
        self.sender = sender
        self.store = store
        self.link = link(token)
        self.worker = Worker(self.link, Made(), sender=sender, store=store, clock=clock, **options)

    async def conserved(self, accepted: int) -> dict[tuple[Status, str | None], int]:
        """Checks both conservation laws; returns the lines of the tally."""
        tally = await self.worker.tally()
        assert tally.lawful
        assert tally.accepted == accepted
        decided = (Status.DELIVERED, Status.INVALID, Status.REJECTED, Status.EXPIRED)
        assert tally.deliveries == tally.count(Status.PENDING) + tally.count(*decided)
        assert tally.count(Status.PENDING) == await self.waiting()
        return tally.lines

    async def waiting(self) -> int:
        return len(await self.store.due(self.worker.consumer, math.inf, 100_000))


def link(token: str = "t", limits: Limits | None = None) -> Link:
    return Link("shop", token=Secret(token), path="/open_api/v1.3/event/track/", read=responses.read, limits=limits)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@asynccontextmanager
async def opened(name: str, folder: Path, clock: SimulatedClock | SystemClock) -> AsyncIterator[Store]:
    if name == "memory":
        yield MemoryStore(clock=clock, lease_s=LEASE_S)
        return
    async with SqliteStore.open(folder, clock=clock, lease_s=LEASE_S) as store:
        if isinstance(clock, SimulatedClock):
            clock.busy.append(lambda: store.database.busy)
        yield store


@pytest.fixture(params=["memory", "sqlite"])
async def store(
    request: pytest.FixtureRequest, clock: SimulatedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Store]:
    monkeypatch.setenv("TOCKWORK_SYNCHRONOUS", "off")  # what the disk keeps is tested elsewhere
    async with opened(request.param, tmp_path, clock) as store:
        yield store


@pytest.fixture
async def bench(clock: SimulatedClock, store: Store) -> AsyncIterator[Bench]:
    made = Bench(clock, Carrier(clock), store)
    await made.worker.start()
    yield made
    await made.worker.stop(grace_s=0.05)


def later(bench: Bench, seconds: float, retries: int = 1) -> Callable[[Row], Fate]:
    def answer(row: Row) -> Fate:
        at = bench.clock.now() + seconds
        history = History(retries, at, at, "answered 50000")
        return Fate(Status.PENDING, "retrying", "answered 50000", 50000, at, history)

    return answer


async def test_events_of_other_sources_are_filtered(bench: Bench, clock: SimulatedClock) -> None:
    bench.worker.relink(link(), Made(2, sources={"shop", "till"}))
    events = [event(n) for n in range(6)]
    await bench.store.append(events, [], [("shop", 2), ("app", 3), ("till", 1)])
    await clock.advance(5)
    assert await bench.conserved(6) == {(Status.DELIVERED, None): 3, (Status.FILTERED, "other_source"): 3}
    sent = [json.loads(row.body)["event_id"] for row in bench.sender.rows]
    assert sent == ["m-0", "m-1", "m-5"]


async def test_a_chunk_without_sources_is_for_every_destination(bench: Bench, clock: SimulatedClock) -> None:
    bench.worker.relink(link(), Made(2, sources={"shop"}))
    await bench.store.append([event(0)])
    await clock.advance(5)
    assert await bench.conserved(1) == {(Status.DELIVERED, None): 1}


async def test_every_event_and_every_delivery_is_counted(bench: Bench, clock: SimulatedClock) -> None:
    kinds = ["sale", "pair", "filtered", "suppressed", "duplicate", "invalid"]
    await bench.store.append([event(n, kind) for n, kind in enumerate(kinds)])
    assert await bench.conserved(6) == {}
    await clock.advance(5)
    assert await bench.conserved(6) == {
        (Status.DELIVERED, None): 3,
        (Status.FILTERED, "no_trigger"): 1,
        (Status.SUPPRESSED, "no_trigger"): 1,
        (Status.DUPLICATE, "no_trigger"): 1,
        (Status.INVALID, "field_type"): 1,
    }
    (line,) = await bench.store.exceptions("shop", 9)
    assert (line.message_id, line.detail) == ("m-5", "value: not a number")


async def test_chunks_that_come_close_together_share_a_request(bench: Bench, clock: SimulatedClock) -> None:
    for number in range(5):
        await bench.store.append([event(number)])
        await clock.advance(0.03)
    await clock.advance(1)
    assert [len(rows) for _, rows in bench.sender.requests] == [5]
    await bench.store.append([event(6)])
    began = clock.now()
    await clock.advance(1)
    assert bench.sender.requests[1][0] - began == pytest.approx(0.2)


async def test_a_full_request_does_not_linger(clock: SimulatedClock, store: Store) -> None:
    bench = Bench(clock, Carrier(clock), store)
    await bench.worker.start()
    began = clock.now()
    for number in range(0, 1000, 100):
        await bench.store.append([event(number + n) for n in range(100)])
    await clock.advance(0.01)
    assert [(at - began, len(rows)) for at, rows in bench.sender.requests] == [(0.0, 1000)]
    await clock.advance(1)
    await bench.worker.stop()


async def test_several_requests_are_under_way_at_once_and_not_more_than_the_lane_takes(
    bench: Bench, clock: SimulatedClock
) -> None:
    bench.sender.took_s = 10.0
    for number in range(20):
        await bench.store.append([event(number * 1000 + n) for n in range(1000)])
    await clock.advance(5)
    assert len(bench.sender.requests) == bench.sender.lanes + 1  # one is ready for the next free place


async def test_a_row_that_is_to_be_retried_lets_its_chunk_go(bench: Bench, clock: SimulatedClock) -> None:
    bench.sender.answer = later(bench, 30.0)
    await bench.store.append([event(1), event(2)])
    await clock.advance(1)
    assert (await bench.worker.tally()).undecided == 0
    assert await bench.conserved(2) == {(Status.PENDING, "retrying"): 2}
    bench.sender.answer = lambda row: Fate(Status.DELIVERED)
    await clock.advance(28)
    assert len(bench.sender.requests) == 1
    await clock.advance(3)
    assert await bench.conserved(2) == {(Status.DELIVERED, None): 2}
    first, second = bench.sender.requests
    assert [row.body for row in first[1]] == [row.body for row in second[1]]
    assert [row.history.said for row in second[1]] == ["answered 50000"] * 2


async def test_a_row_waits_anew_after_each_retry_with_what_was_tried(bench: Bench, clock: SimulatedClock) -> None:
    bench.sender.answer = lambda row: later(bench, 30.0, row.history.retries + 1)(row)
    await bench.store.append([event(1)])
    await clock.advance(100)
    times = [at for at, _ in bench.sender.requests]
    assert [round(after - before) for before, after in pairwise(times)] == [30, 30, 30]
    assert [row.history.retries for row in bench.sender.rows] == [0, 1, 2, 3]
    assert bench.sender.rows[0].history == History()
    assert await bench.waiting() == 1


async def test_only_what_failed_is_sent_again(bench: Bench, clock: SimulatedClock) -> None:
    retrying = later(bench, 5.0)
    bench.sender.answer = lambda row: retrying(row) if b"m-1" in row.body else Fate(Status.DELIVERED)
    await bench.store.append([event(0), event(1), event(2)])
    await clock.advance(3)
    bench.sender.answer = lambda row: Fate(Status.REJECTED, "bad_parameter", "answered 40002: ***", 40002)
    await clock.advance(10)
    assert await bench.conserved(3) == {(Status.DELIVERED, None): 2, (Status.REJECTED, "bad_parameter"): 1}
    (line,) = await bench.store.exceptions("shop", 9)
    assert (line.message_id, line.detail, line.code) == ("m-1", "answered 40002: ***", 40002)


async def test_an_event_that_breaks_the_transform_is_invalid_alone(bench: Bench, clock: SimulatedClock) -> None:
    await bench.store.append([event(0), event(1, "bug"), event(2)])
    await bench.store.append([event(3)])
    await clock.advance(2)
    assert await bench.conserved(4) == {(Status.DELIVERED, None): 3, (Status.INVALID, "transform_failed"): 1}
    assert [line.detail for line in await bench.store.exceptions("shop", 9)] == [
        "the transform raised ZeroDivisionError"
    ]


async def test_while_the_destination_rests_events_stay_in_the_journal(bench: Bench, clock: SimulatedClock) -> None:
    answering = later(bench, 100.0)

    def down(row: Row) -> Fate:
        bench.link.heard(FAILING, clock.now(), Random(1))
        return answering(row)

    bench.sender.answer = down
    for number in range(3600):
        await bench.store.append([event(number)])
        await clock.advance(1)
    requests = len(bench.sender.requests)
    assert requests <= 3600 / 5
    assert await bench.waiting() <= 10
    assert await bench.conserved(3600)
    bench.sender.answer = lambda row: bench.link.heard(OK, clock.now(), Random(1)) or Fate(Status.DELIVERED)
    await clock.advance(400)
    assert await bench.conserved(3600) == {(Status.DELIVERED, None): 3600}
    assert len(bench.sender.requests) - requests <= 30


async def test_a_blocked_destination_goes_on_with_new_settings(bench: Bench, clock: SimulatedClock) -> None:
    def dead(row: Row) -> Fate:
        bench.worker.link.heard(DEAD, clock.now(), Random(1))
        return Fate(Status.PENDING, "blocked", "token_revoked", history=row.history)

    bench.sender.answer = dead
    await bench.store.append([event(1)])
    await clock.advance(1)
    await bench.store.append([event(2)])
    await clock.advance(200)
    assert len(bench.sender.requests) == 1
    assert await bench.conserved(2) == {(Status.PENDING, "blocked"): 2}
    await bench.store.append([event(3)])
    await clock.advance(150)  # a probe every five minutes, with what waited longest
    assert [len(rows) for _, rows in bench.sender.requests] == [1, 2]
    assert (await bench.worker.tally()).undecided == 1  # nothing more is taken from the journal
    assert not await asyncio.wait_for(bench.worker.drain(0), 1)
    bench.sender.answer = lambda row: Fate(Status.DELIVERED)
    bench.worker.relink(link("another"), Made(2))
    await clock.advance(2)
    assert await bench.conserved(3) == {(Status.DELIVERED, None): 3}


async def test_a_paused_destination_waits_for_resume_and_its_clock_stands(bench: Bench, clock: SimulatedClock) -> None:
    bench.sender.answer = later(bench, 10.0)
    await bench.store.append([event(1)])
    await clock.advance(1)
    began = bench.link.standing.working_s(clock.now())
    bench.worker.pause()
    await bench.store.append([event(2)])
    await clock.advance(100_000)
    assert len(bench.sender.requests) == 1
    assert bench.link.standing.working_s(clock.now()) == began
    bench.sender.answer = lambda row: Fate(Status.DELIVERED)
    bench.worker.resume()
    await clock.advance(2)
    assert await bench.conserved(2) == {(Status.DELIVERED, None): 2}


async def test_without_a_token_events_wait_in_the_journal(clock: SimulatedClock, store: Store) -> None:
    bench = Bench(clock, Carrier(clock), store, token="")
    await bench.worker.start()
    await bench.store.append([event(1)])
    await clock.advance(10_000)
    assert bench.sender.requests == []
    assert bench.link.standing.reason == "no_token"
    assert await bench.conserved(1) == {}
    bench.worker.relink(link("now-there-is-one"), Made(2))
    await clock.advance(2)
    assert await bench.conserved(1) == {(Status.DELIVERED, None): 1}
    await bench.worker.stop()


async def test_a_silent_destination_is_decided_without_a_token(clock: SimulatedClock, store: Store) -> None:
    """What came while it was switched off must not be sent once it is switched on."""
    bench = Bench(clock, Carrier(clock), store, token="")
    silent = Made()
    silent.silent = True
    bench.worker.relink(link(""), silent)
    await bench.worker.start()
    await bench.store.append([event(1, "filtered")])
    await clock.advance(10)
    assert await bench.conserved(1) == {(Status.FILTERED, "no_trigger"): 1}
    bench.worker.relink(link("now-there-is-one"), Made(2))
    await bench.store.append([event(2)])
    await clock.advance(10)
    assert len(bench.sender.rows) == 1
    await bench.worker.stop()


async def test_drain_waits_for_retries_too(bench: Bench, clock: SimulatedClock) -> None:
    bench.sender.answer = later(bench, 30.0)
    await bench.store.append([event(1)])
    await clock.advance(1)
    bench.sender.answer = lambda row: Fate(Status.DELIVERED)
    draining = asyncio.create_task(bench.worker.drain(60))
    await clock.advance(28)
    assert not draining.done()
    await clock.advance(5)
    assert await draining


async def test_drain_gives_up_after_its_time(bench: Bench, clock: SimulatedClock) -> None:
    bench.sender.answer = later(bench, 1000.0)
    await bench.store.append([event(1)])
    draining = asyncio.create_task(bench.worker.drain(60))
    await clock.advance(61)
    assert draining.done()
    assert not await draining


async def test_stopping_amid_a_request_hands_the_chunk_out_again(clock: SimulatedClock, store: Store) -> None:
    bench = Bench(clock, Carrier(clock, took_s=1e9), store)
    await bench.worker.start()
    await bench.store.append([event(1)])
    await clock.advance(1)
    began = clock.now()
    await bench.worker.stop(grace_s=0.01)
    assert await bench.conserved(1) == {}
    again = Worker(link(), Made(), sender=Carrier(clock), store=bench.store, clock=clock)
    await again.start()
    await clock.advance(LEASE_S + 1)
    assert await bench.conserved(1) == {(Status.DELIVERED, None): 1}
    (row,) = again._sender.rows  # type: ignore[attr-defined]
    assert row.history.ambiguous_at is not None  # it may have arrived the first time
    assert row.history.ambiguous_at <= began
    await again.stop()


async def test_stopping_amid_a_retry_remembers_that_it_may_have_arrived(clock: SimulatedClock, store: Store) -> None:
    bench = Bench(clock, Carrier(clock), store)
    bench.sender.answer = lambda row: Fate(Status.PENDING, "retrying", retry_at=clock.now() + 5)
    await bench.worker.start()
    await bench.store.append([event(1)])
    await clock.advance(2)
    bench.sender.took_s = 1e9
    await clock.advance(5)
    assert len(bench.sender.requests) == 2
    await bench.worker.stop(grace_s=0.01)
    (waiting,) = await bench.store.due("shop", math.inf, 9)
    assert waiting.history.ambiguous_at == bench.sender.requests[-1][0]


async def test_what_is_under_way_ends_before_the_worker_stops(bench: Bench, clock: SimulatedClock) -> None:
    bench.sender.took_s = 3.0
    await bench.store.append([event(1)])
    await clock.advance(1)
    stopping = asyncio.create_task(bench.worker.stop(grace_s=5))
    await clock.advance(4)
    await asyncio.wait_for(stopping, 1)
    assert await bench.conserved(1) == {(Status.DELIVERED, None): 1}


async def test_a_chunk_whose_lease_runs_out_under_way_is_not_sent_twice(bench: Bench, clock: SimulatedClock) -> None:
    bench.sender.took_s = 2.5 * LEASE_S
    await bench.store.append([event(1)])
    await clock.advance(3 * LEASE_S)
    assert len(bench.sender.requests) == 1
    assert await bench.conserved(1) == {(Status.DELIVERED, None): 1}


async def test_a_ledger_that_fails_loses_nothing_and_sends_nothing_again(
    bench: Bench, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = bench.store.settle

    async def broken(*_: Any) -> None:
        raise OSError("disk full: jane@example.com")

    monkeypatch.setattr(bench.store, "settle", broken)
    with structlog.testing.capture_logs() as logs:
        await bench.store.append([event(1)])
        await clock.advance(LEASE_S * 3)
    assert {(log["event"], log["error"]) for log in logs} == {("delivery_failed", "OSError")}
    assert len(logs) <= LEASE_S * 3
    assert "jane" not in str(logs)
    monkeypatch.setattr(bench.store, "settle", settle)
    await clock.advance(2)
    assert await bench.conserved(1) == {(Status.DELIVERED, None): 1}
    assert len(bench.sender.requests) == 1


async def test_a_retry_set_that_fails_does_not_end_the_worker(
    bench: Bench, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = bench.store.due

    async def broken(*_: Any) -> Any:
        raise OSError

    monkeypatch.setattr(bench.store, "due", broken)
    with structlog.testing.capture_logs() as logs:
        await clock.advance(0)
        bench.worker.resume()
        await clock.advance(3.5)
    assert 3 <= len(logs) <= 5
    monkeypatch.setattr(bench.store, "due", due)
    await bench.store.append([event(1)])
    await clock.advance(3)
    assert await bench.conserved(1) == {(Status.DELIVERED, None): 1}


@settings(max_examples=15, deadline=None)
@given(
    chunks=st.lists(
        st.lists(st.sampled_from(["sale", "pair", "filtered", "duplicate", "invalid", "bug"]), min_size=1, max_size=6),
        max_size=8,
    ),
    seed=st.integers(),
)
def test_nothing_is_lost_whatever_the_answers(chunks: list[list[str]], seed: int) -> None:
    async def scenario() -> None:
        clock, random = SimulatedClock(), Random(seed)
        bench = Bench(clock, Carrier(clock), MemoryStore(clock=clock, lease_s=LEASE_S))

        def moody(row: Row) -> Fate:
            turn = random.random()
            if turn < 0.5:
                return later(bench, random.uniform(0, 50))(row)
            status = Status.DELIVERED if turn < 0.8 else Status.REJECTED
            return Fate(status, None if status is Status.DELIVERED else "bad_parameter")

        bench.sender.answer = moody
        await bench.worker.start()
        accepted = 0
        for number, kinds in enumerate(chunks):
            await bench.store.append([event(number * 10 + n, kind) for n, kind in enumerate(kinds)])
            accepted += len(kinds)
            await clock.advance(random.uniform(0, 1))
            await bench.conserved(accepted)
        await clock.advance(1000)
        lines = await bench.conserved(accepted)
        assert not [state for state in lines if state[0] is Status.PENDING]
        assert (await bench.worker.tally()).undecided == 0
        expected = sum({"sale": 1, "pair": 2}.get(kind, 0) for kinds in chunks for kind in kinds)
        sent = lines.get((Status.DELIVERED, None), 0) + lines.get((Status.REJECTED, "bad_parameter"), 0)
        assert sent == expected
        await bench.worker.stop(grace_s=0.05)

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["memory", "sqlite"])
async def test_from_the_journal_to_the_sandbox(name: str, tmp_path: Path) -> None:
    faults = [
        {"action": {"kind": "refuse", "named": False}, "match": {"row": {"event_id": "m-77"}}},
        {"action": {"kind": "answer", "code": 50000}, "times": 1},
        {"action": {"kind": "reset", "when": "after"}, "after": 1, "times": 1},
    ]
    clock = SystemClock()
    async with (
        Sandbox(faults=faults).serve() as sandbox,
        Sender(base_url=sandbox.url) as sender,
        opened(name, tmp_path, clock) as store,
    ):
        bench = Bench(clock, sender, store, linger_s=0.01)
        await bench.worker.start()
        for number in range(0, 2000, 50):
            await bench.store.append([event(number + n) for n in range(50)])
        assert await bench.worker.drain(30)
        assert await bench.conserved(2000) == {(Status.DELIVERED, None): 1999, (Status.REJECTED, "bad_parameter"): 1}
        assert sandbox.stats().unique == 1999
        assert sandbox.stats().accepted_rows > 1999  # the reset really led to a repeat
        assert bench.link.standing.condition is Condition.OPEN
        await bench.worker.stop()


async def test_a_chunk_goes_on_with_the_version_it_was_begun_with(clock: SimulatedClock, store: Store) -> None:
    bench = Bench(clock, Carrier(clock, took_s=1e9), store)
    await bench.worker.start()
    await store.append([event(1)])
    await clock.advance(1)
    await bench.worker.stop(grace_s=0.01)  # its request may have arrived

    async def former(version: int) -> Made:
        return Made(version)

    sender = Carrier(clock)
    again = Worker(link(), Made(2), sender=sender, store=store, former=former, clock=clock)
    await again.start()
    await store.append([event(2)])
    await clock.advance(LEASE_S + 1)
    times = {json.loads(row.body)["event_id"]: json.loads(row.body)["event_time"] for row in sender.rows}
    assert times == {"m-1": 1_795_132_001, "m-2": 1_795_132_002}
    (first,) = bench.sender.rows
    assert first.body in [row.body for row in sender.rows]
    await again.stop()


async def test_the_next_process_goes_on_paused_and_with_its_clock(clock: SimulatedClock, store: Store) -> None:
    bench = Bench(clock, Carrier(clock), store)
    await bench.worker.start()
    await clock.advance(10)
    bench.worker.pause()
    await clock.advance(1000)
    worked = bench.link.standing.working_s(clock.now())
    await bench.worker.stop()
    await clock.advance(1000)
    again = Bench(clock, Carrier(clock), store)
    await again.worker.start()
    await store.append([event(1)])
    await clock.advance(100)
    assert again.link.standing.reason == "paused_by_hand"
    assert again.sender.requests == []
    assert again.link.standing.working_s(clock.now()) == worked
    again.worker.resume()
    await clock.advance(5)
    assert again.link.standing.working_s(clock.now()) == worked + 5
    assert await again.conserved(1) == {(Status.DELIVERED, None): 1}
    await again.worker.stop()
