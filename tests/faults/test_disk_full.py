"""A disk that fills up: events are refused in time, delivered on, and taken again."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from random import Random
from typing import Final

import pytest
from tests.faults.deployment import APART, BOTH, deployed, holds
from tests.faults.disk import fill, free_bytes, run_as_root, small_disk
from tests.faults.load import Load
from tests.faults.oracle import Oracle

from tockwork.sandbox.server import Sandbox

DISK_MB: Final = 24
RESERVE_MB: Final = 4
KEEP: Final = 500_000
PADDING: Final = 6000
"""Bytes of an event that nobody maps: the disk fills up quickly."""
AWAY: Final = [{"action": {"kind": "http", "status": 503}}]
RECOVERS_S: Final = 60.0

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs"),
    pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=[pytest.mark.faults, pytest.mark.timeout(900)])]),
]


async def refused(load: Load, url: str) -> None:
    """There comes a time when nothing more is taken."""
    enough, end = load.answers[503] + 20, time.monotonic() + RECOVERS_S
    await load.run(url, lambda: load.answers[503] >= enough or time.monotonic() > end)
    assert load.answers[503] >= enough, "the disk is full, and nobody was told"
    assert not load.silent, "refused without Retry-After"


async def taken_again(load: Load, url: str) -> None:
    """Clients that come back are served before long."""
    before, end = load.answers[200], time.monotonic() + RECOVERS_S
    await load.run(url, lambda: load.answers[200] > before or time.monotonic() > end, pause_s=0.1)
    assert load.answers[200] > before


async def test_filled_by_events_that_wait(rounds: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if run_as_root(request):
        return
    async with Sandbox(keep=KEEP).serve() as sandbox:
        oracle = Oracle(sandbox)
        with small_disk(tmp_path, DISK_MB) as disk:
            async with deployed(disk / "data", sandbox.url, TOCKWORK_RESERVE_MB=str(RESERVE_MB)) as it:
                await it.start(BOTH if rounds > 2 else APART)
                least = await fill_and_drain(rounds, it.url, oracle, sandbox, disk)
                await it.settled(oracle)
                await it.stop()
    print(f"{rounds} rounds: {len(oracle.acknowledged)} acknowledged, at least {least >> 10} KiB free")
    assert least >= RESERVE_MB * 1024 * 1024 // 4


async def fill_and_drain(rounds: int, url: str, oracle: Oracle, sandbox: Sandbox, disk: Path) -> int:
    """Returns the least number of bytes that ever were free."""
    load, least = Load(oracle, Random(rounds), padding=PADDING), free_bytes(disk)
    for _ in range(rounds):
        sandbox.set_faults(AWAY)
        delivered = oracle.arrived
        await refused(load, url)
        least = min(least, free_bytes(disk))
        sandbox.set_faults(None)
        await holds(lambda: not oracle.missing, RECOVERS_S)
        assert oracle.arrived > delivered
        await taken_again(load, url)
        assert set(load.answers) == {200, 503}
    return least


async def test_filled_by_others(rounds: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if run_as_root(request):
        return
    async with Sandbox(keep=KEEP).serve() as sandbox:
        oracle = Oracle(sandbox)
        load = Load(oracle, Random(rounds))
        with small_disk(tmp_path, DISK_MB) as disk:
            async with deployed(disk / "data", sandbox.url, TOCKWORK_RESERVE_MB=str(RESERVE_MB)) as it:
                await it.start(BOTH)
                for turn in range(rounds):
                    full = asyncio.Event()
                    sending = asyncio.create_task(load.run(it.url, full.is_set, pause_s=0.01))
                    await asyncio.sleep(0.3)
                    filler, refused = fill(disk), load.answers[503]
                    await asyncio.sleep(0.5 + turn % 3)
                    full.set()
                    await sending
                    assert load.answers[503] > refused
                    assert not load.silent, "refused without Retry-After"
                    filler.unlink()
                    await taken_again(load, it.url)
                assert set(load.answers) == {200, 503}
                await it.settled(oracle)
                await it.stop()
    print(f"{rounds} rounds: {len(oracle.acknowledged)} acknowledged, {dict(load.answers)}")
