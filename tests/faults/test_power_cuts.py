"""The power fails under load: only what was synced is left, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from tests.faults.deployment import APART, BOTH, deployed
from tests.faults.load import Load
from tests.faults.oracle import Oracle
from tests.faults.shim import Disk

from tockwork.sandbox.server import Sandbox

KEEP: Final = 2_000_000
CONTROL_CUTS: Final = 3
SLOW_ANSWERS: Final = [{"action": {"kind": "drip", "bytes": 8, "every": 0.05}, "probability": 0.5}]
AWAY: Final = [{"action": {"kind": "http", "status": 503}}]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="preloads a library, and reads /proc")


async def cut(cuts: int, oracle: Oracle, sandbox: Sandbox, folder: Path, **variables: str) -> int:
    """So many power cuts under load, then all is well again until everything left is settled. Returns the number of
    bytes that the cuts took."""
    random, disk, lost = Random(cuts), Disk(folder), 0
    load = Load(oracle, random)
    async with deployed(disk.data, sandbox.url, **disk.variables, **variables) as it:
        for turn in range(cuts):
            await it.start(BOTH if turn % 4 else APART)
            sending = asyncio.create_task(load.run(it.url))
            await asyncio.sleep(random.uniform(0.05, 0.4))
            it.kill()
            await sending
            lost += disk.cut_power()
            assert sound(disk.data)
        sandbox.set_faults(None)
        await it.start()
        if not variables:
            await it.settled(oracle)
        else:
            await asyncio.sleep(2)
        await it.stop()
    return lost


def sound(data: Path) -> bool:
    """Whether SQLite finds no damage; in a copy, since looking changes the files."""
    with TemporaryDirectory() as copied:
        shutil.copytree(data, copied, dirs_exist_ok=True)
        with closing(sqlite3.connect(Path(copied) / "tockwork.db")) as connection:
            return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("cuts", [5, pytest.param(100, marks=[pytest.mark.faults, pytest.mark.timeout(900)])])
async def test_power_cut_under_load(cuts: int, tmp_path: Path) -> None:
    async with Sandbox(faults=SLOW_ANSWERS, keep=KEEP).serve() as sandbox:
        oracle = Oracle(sandbox)
        lost = await cut(cuts, oracle, sandbox, tmp_path)
    print(f"{cuts} cuts: {len(oracle.acknowledged)} acknowledged, {oracle.repeats} repeats, {lost} bytes unsynced")


async def test_the_check_sees_a_server_that_does_not_sync(tmp_path: Path) -> None:
    async with Sandbox(faults=AWAY, keep=KEEP).serve() as sandbox:
        oracle = Oracle(sandbox)
        await cut(CONTROL_CUTS, oracle, sandbox, tmp_path, TOCKWORK_SYNCHRONOUS="normal")
        assert oracle.missing
    print(f"without syncs: {len(oracle.missing)} of {len(oracle.acknowledged)} acknowledged events lost")
