"""A disk that fails to sync: nothing is acknowledged meanwhile, and nothing acknowledged is lost afterwards."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import urljoin

import aiohttp
import pytest
from tests.faults.deployment import APART, BOTH, Deployment, deployed
from tests.faults.load import Load
from tests.faults.oracle import Oracle
from tests.faults.shim import Disk

from tockwork.sandbox.server import Sandbox

KEEP: Final = 500_000
RECOVERS_S: Final = 30.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="preloads a library, and reads /proc")


@pytest.mark.parametrize("rounds", [2, pytest.param(5, marks=[pytest.mark.faults, pytest.mark.timeout(300)])])
async def test_sync_fails_under_load(rounds: int, tmp_path: Path) -> None:
    async with Sandbox(keep=KEEP).serve() as sandbox:
        oracle, disk = Oracle(sandbox), Disk(tmp_path)
        load = Load(oracle, Random(rounds))
        async with deployed(disk.data, sandbox.url, **disk.variables) as it:
            for turn in range(rounds):
                await it.start(BOTH if turn % 2 else APART)
                await fail_and_mend(it, disk, load)
                disk.cut_power()  # whatever the failure left half done is for the next process to find
            await it.start()
            await it.settled(oracle)
            await it.stop()
    print(f"{rounds} rounds: {len(oracle.acknowledged)} acknowledged, {oracle.repeats} repeats, {dict(load.answers)}")


async def fail_and_mend(it: Deployment, disk: Disk, load: Load) -> None:
    """Under load all the time: it works, it fails for a while, it works again. Then it is killed."""
    sending = asyncio.create_task(load.run(it.url, pause_s=0.02))
    try:
        await grows(load, 200)
        disk.fail()
        await grows(load, 503)
        accepted = load.answers[200]
        await asyncio.sleep(1)
        assert load.answers[200] == accepted, "acknowledged without a sync"
        assert await ready(it) == 503
        assert disk.mend() > 0
        await grows(load, 200)
        assert set(load.answers) == {200, 503}
        assert not load.silent, "refused without Retry-After"
        end = time.monotonic() + RECOVERS_S
        while await ready(it) != 200:
            assert time.monotonic() < end, "never ready again"
            await asyncio.sleep(0.1)
    finally:
        it.kill()
        await sending


async def grows(load: Load, status: int) -> None:
    """Waits for some more answers of that status."""
    enough, end = load.answers[status] + 5, time.monotonic() + RECOVERS_S
    while load.answers[status] < enough:
        assert time.monotonic() < end, f"no answer {status}: {dict(load.answers)}"
        await asyncio.sleep(0.02)


async def ready(it: Deployment) -> int:
    """The status of /ready of the process that accepts."""
    url = urljoin(it.servers[0].said("Metrics at "), "/ready")
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status
