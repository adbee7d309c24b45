"""Ends the server with SIGKILL at each named point of its work, and has the next one carry on."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import pytest
from tests.faults.deployment import APART, BOTH, Deployment, deployed, holds
from tests.faults.load import Load
from tests.faults.oracle import Oracle

from tockwork.model.crash import CRASH_POINTS
from tockwork.sandbox.server import Sandbox
from tockwork.store.space import Space

REACHED_S: Final = 30.0
KEEP: Final = 1_000_000
FAILING: Final = [{"action": {"kind": "http", "status": 503, "retry_after": 0}, "probability": 0.4}]
"""So that some rows have to be sent again."""
ONCE: Final = [{"action": {"kind": "http", "status": 503, "retry_after": 0}, "times": 1}]
"""So that the first rows have to be sent again, and then arrive."""
AT_THE_START: Final = ("migration_written", "version_written")
"""Points that a server passes before it listens, on a new data folder."""
UNDER_LOAD: Final = tuple(point for point in CRASH_POINTS if point not in AT_THE_START)
TURNS: Final = (1, 4)
"""Dies when it gets there the nth time."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


def chosen(points: Sequence[str], quick: Sequence[str]) -> list[object]:
    """All points in the full version, those of `quick` once by default."""
    full = [pytest.param(point, TURNS, marks=[pytest.mark.faults, pytest.mark.timeout(300)]) for point in points]
    return [*(pytest.param(point, (1,)) for point in quick), *full]


@pytest.mark.parametrize(
    ("point", "turns"), chosen(UNDER_LOAD, ["append_committed", "rows_answered", "retry_answered"])
)
async def test_crash_under_load(point: str, turns: Sequence[int], tmp_path: Path) -> None:
    async with Sandbox(keep=KEEP).serve() as sandbox, deployed(tmp_path / "data", sandbox.url) as it:
        oracle = Oracle(sandbox)
        load = Load(oracle, Random(point))
        for place, turn in enumerate(turns):
            first = ONCE if point.startswith("retry") else []
            sandbox.set_faults({"seed": place, "steps": first if turn == 1 else FAILING})
            await it.start(BOTH if place % 2 else APART, **crash_variables(point, turn, tmp_path))
            await until_dead(it, load)
        sandbox.set_faults(None)
        await it.start()
        await load.run(it.url, lambda: bool(oracle.acknowledged))
        await it.settled(oracle)
        await it.stop()
    print(f"{point}: {len(oracle.acknowledged)} acknowledged, {oracle.repeats} repeats")
    if point in ("rows_answered", "settle_written", "retry_answered"):
        assert oracle.repeats > 0, "rows had been sent, and were not sent again"


def crash_variables(point: str, turn: int, folder: Path) -> dict[str, str]:
    variables = {"TOCKWORK_CRASH": f"{point}:{turn}"}
    if point == "purge_written":  # a disk that is nearly short of room has settled events deleted at once
        variables["TOCKWORK_RESERVE_MB"] = str(int(Space(folder / "any").free_bytes * 0.75) >> 20)
    return variables


async def until_dead(it: Deployment, load: Load) -> None:
    """The server works until it dies; of two processes the other one is killed with it."""
    dead = asyncio.Event()
    sending = asyncio.create_task(load.run(it.url, dead.is_set, pause_s=0.02))
    try:
        await holds(lambda: any(server.process.poll() is not None for server in it.servers), REACHED_S)
        assert -signal.SIGKILL in [server.process.poll() for server in it.servers]
    finally:
        it.kill()
        dead.set()
        await sending


@pytest.mark.parametrize("point", AT_THE_START)
async def test_crash_at_the_start(point: str, tmp_path: Path) -> None:
    async with Sandbox(keep=KEEP).serve() as sandbox, deployed(tmp_path / "data", sandbox.url) as it:
        oracle = Oracle(sandbox)
        with pytest.raises(RuntimeError, match=f"ended with {-signal.SIGKILL} "):
            await it.start(TOCKWORK_CRASH=point)
        it.kill()
        await it.start()
        await Load(oracle, Random(point)).run(it.url, lambda: len(oracle.acknowledged) > 100)
        await it.settled(oracle)
        await it.stop()
