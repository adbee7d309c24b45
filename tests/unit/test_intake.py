from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tockwork.ingest.intake import UNREADY_S, Intake, Overloaded, Stopping
from tockwork.model.errors import StoreFull
from tockwork.store.memory import MemoryStore
from tockwork.store.protocol import Part


class Journal(MemoryStore):
    """Keeps what is appended; waits for `gate` first, and raises `problem` while there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.appended: list[list[bytes]] = []
        self.message_ids: list[list[str]] = []
        self.sources: list[list[tuple[str, int]]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.problem: Exception | None = None

    async def append(
        self,
        entries: Sequence[bytes],
        message_ids: Sequence[str] = (),
        sources: Sequence[tuple[str, int]] = (),
        *,
        part: Part | None = None,
    ) -> int:
        await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        assert sum(number for _, number in sources) == len(message_ids) == len(entries)
        self.appended.append(list(entries))
        self.message_ids.append(list(message_ids))
        self.sources.append(list(sources))
        return len(self.appended)


@asynccontextmanager
async def running(journal: Journal, **limits: Any) -> AsyncIterator[Intake]:
    intake = Intake(journal, **limits)
    await intake.start()
    try:
        yield intake
    finally:
        journal.gate.set()
        await intake.stop()


async def add(intake: Intake, entries: Sequence[bytes], source: str = "web") -> None:
    await intake.add(entries, [f"id of {entry.decode()}" for entry in entries], source)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_arrives_together_becomes_one_chunk() -> None:
    journal = Journal()
    async with running(journal) as intake:
        await asyncio.gather(*(add(intake, [f"{number}".encode()]) for number in range(50)))
    assert journal.appended == [[f"{number}".encode() for number in range(50)]]


async def test_a_request_returns_only_once_its_events_are_kept() -> None:
    journal = Journal()
    journal.gate.clear()
    async with running(journal, gather_s=0) as intake:
        adding = asyncio.create_task(add(intake, [b"a"]))
        _, pending = await asyncio.wait([adding], timeout=0.05)
        assert pending
        journal.gate.set()
        await adding
    assert journal.appended == [[b"a"]]


async def test_the_next_chunk_gathers_while_one_is_written() -> None:
    journal = Journal()
    journal.gate.clear()
    async with running(journal, gather_s=0) as intake:
        first = asyncio.create_task(add(intake, [b"a"]))
        await settled()
        rest = [asyncio.create_task(add(intake, [b"b"])) for _ in range(20)]
        await settled()
        journal.gate.set()
        await asyncio.gather(first, *rest)
    assert journal.appended == [[b"a"], [b"b"] * 20]


async def test_a_full_chunk_does_not_wait() -> None:
    journal = Journal()
    async with running(journal, gather_s=60, chunk_events=3) as intake:
        async with asyncio.timeout(5):
            await asyncio.gather(*(add(intake, [b"a"]) for _ in range(6)))
            await add(intake, [b"b"] * 3)
    assert journal.appended == [[b"a"] * 3, [b"a"] * 3, [b"b"] * 3]


async def test_a_large_request_is_cut_by_number() -> None:
    journal = Journal()
    entries = [f"{number}".encode() for number in range(7)]
    async with running(journal, gather_s=0, chunk_events=3) as intake:
        await add(intake, entries)
    assert journal.appended == [entries[:3], entries[3:6], entries[6:]]


async def test_a_large_request_is_cut_by_size() -> None:
    journal = Journal()
    async with running(journal, gather_s=0, chunk_bytes=10) as intake:
        await add(intake, [b"x" * 4, b"x" * 4, b"x" * 4, b"y" * 30, b"z"])
    assert journal.appended == [[b"x" * 4, b"x" * 4], [b"x" * 4], [b"y" * 30], [b"z"]]


async def test_requests_are_not_mixed_into_chunks_that_are_too_large() -> None:
    journal = Journal()
    async with running(journal, chunk_events=3) as intake:
        await asyncio.gather(add(intake, [b"a"] * 2), add(intake, [b"b"] * 2), add(intake, [b"c"]))
    assert journal.appended == [[b"a", b"a"], [b"b", b"b", b"c"]]


async def test_message_ids_and_sources_go_with_their_entries() -> None:
    journal = Journal()
    async with running(journal, chunk_events=4) as intake:
        await asyncio.gather(
            add(intake, [b"a"], "web"),
            add(intake, [b"b"], "web"),
            add(intake, [b"c"], "backend"),
            add(intake, [b"d"], "web"),
            add(intake, [b"e", b"f", b"g", b"h", b"i"], "backend"),
        )
    assert journal.message_ids == [[f"id of {letter}" for letter in letters] for letters in ("abcd", "efgh", "i")]
    assert journal.sources == [[("web", 2), ("backend", 1), ("web", 1)], [("backend", 4)], [("backend", 1)]]


async def test_nothing_is_nothing_to_wait_for() -> None:
    journal = Journal()
    async with running(journal, gather_s=60) as intake:
        await add(intake, [])
    assert journal.appended == []


async def test_an_error_reaches_every_request_of_the_chunk_and_no_other() -> None:
    journal = Journal()
    async with running(journal) as intake:
        journal.problem = OSError("disk on fire")
        results = await asyncio.gather(*(add(intake, [b"a"]) for _ in range(5)), return_exceptions=True)
        assert [type(result) for result in results] == [OSError] * 5
        journal.problem = None
        await add(intake, [b"b"])
    assert journal.appended == [[b"b"]]


async def test_an_error_in_one_part_of_a_request_fails_the_request() -> None:
    journal = Journal()
    async with running(journal, gather_s=0, chunk_events=1) as intake:
        journal.problem = StoreFull("full")
        with pytest.raises(StoreFull, match="full"):
            await add(intake, [b"a", b"b", b"c"])


async def test_the_intake_is_bounded() -> None:
    journal = Journal()
    journal.gate.clear()
    async with running(journal, gather_s=0, max_waiting_bytes=100) as intake:
        writing = asyncio.create_task(add(intake, [b"x" * 100]))
        await settled()  # being written, and so waiting no more
        waiting = asyncio.create_task(add(intake, [b"x" * 100]))
        await settled()
        with pytest.raises(Overloaded):
            await add(intake, [b"x"])
        journal.gate.set()
        await asyncio.gather(writing, waiting)
        await add(intake, [b"x"])
    assert sum(map(len, journal.appended)) == 3


async def test_a_client_that_is_gone_stops_nobody() -> None:
    journal = Journal()
    journal.gate.clear()
    async with running(journal) as intake:
        gone, stays = (asyncio.create_task(add(intake, [name])) for name in (b"gone", b"stays"))
        await settled()
        gone.cancel()
        journal.gate.set()
        await stays
        await add(intake, [b"later"])
    assert journal.appended[0][-1] == b"stays"
    assert journal.appended[-1] == [b"later"]


async def test_stopping_writes_what_waits_and_takes_no_more() -> None:
    journal = Journal()
    intake = Intake(journal, gather_s=60)
    await intake.start()
    waiting = asyncio.create_task(add(intake, [b"a"]))
    await settled()
    await asyncio.wait_for(intake.stop(), 5)
    await waiting
    assert journal.appended == [[b"a"]]
    with pytest.raises(Stopping):
        await add(intake, [b"b"])


async def test_before_the_start_nothing_is_taken() -> None:
    intake = Intake(Journal())
    with pytest.raises(Stopping):
        await add(intake, [b"a"])
    await intake.stop()


async def test_ready_from_start_to_stop() -> None:
    intake = Intake(Journal())
    seen = [intake.ready]
    await intake.start()
    seen.append(intake.ready)
    await intake.stop()
    seen.append(intake.ready)
    assert seen == [False, True, False]


async def test_not_ready_for_a_while_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    journal = Journal()
    async with running(journal, gather_s=0) as intake:
        journal.problem = OSError("disk on fire")
        with pytest.raises(OSError, match="disk on fire"):
            await add(intake, [b"a"])
        failed = loop.time()
        seen = [intake.ready]
        with monkeypatch.context() as patch:
            patch.setattr(loop, "time", lambda: failed + UNREADY_S)
            seen.append(intake.ready)
        assert seen == [False, True]
