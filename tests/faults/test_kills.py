"""Every process killed under load, again and again: nothing acknowledged is lost, and no repeat differs."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from random import Random
from typing import Final

import pytest
from tests.faults.deployment import APART, BOTH, deployed
from tests.faults.load import Load
from tests.faults.oracle import Oracle

from tockwork.sandbox.server import Sandbox

KEEP: Final = 2_000_000
SLOW_ANSWERS: Final = [{"action": {"kind": "drip", "bytes": 8, "every": 0.05}, "probability": 0.5}]
"""Rows are accepted, and the answer takes a second: a server that is killed meanwhile has to send them again."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.mark.parametrize("kills", [6, pytest.param(60, marks=[pytest.mark.faults, pytest.mark.timeout(900)])])
async def test_killed_under_load(kills: int, tmp_path: Path) -> None:
    random = Random(kills)
    async with (
        Sandbox(faults=SLOW_ANSWERS, keep=KEEP).serve() as sandbox,
        deployed(tmp_path / "data", sandbox.url) as it,
    ):
        oracle = Oracle(sandbox)
        load = Load(oracle, random)
        for kill in range(kills):
            await it.start(BOTH if kill % 2 else APART)
            sending = asyncio.create_task(load.run(it.url))
            await asyncio.sleep(random.uniform(0.05, 0.3))
            it.kill()
            await sending
        sandbox.set_faults(None)
        await it.start()
        await it.settled(oracle)
        await it.stop()
    print(f"{kills} kills: {len(oracle.acknowledged)} acknowledged, {oracle.repeats} repeats, {dict(load.answers)}")
    assert oracle.repeats > 0, "no kill fell between TikTok's acceptance and ours: replay was not tested"
