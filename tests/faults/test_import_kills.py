"""An import killed at random and given again: every valid row arrives, with the id that it has in the file."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import pytest
from tests.e2e.command import arguments, environment
from tests.e2e.server import Server

from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.offline_conversions import OFFLINE_CONVERSIONS
from tockwork.destinations.tiktok.standard_events import RENAMED
from tockwork.ingest.files.names import Names
from tockwork.ingest.files.reader import Reader, Reading, opened
from tockwork.sandbox.server import Sandbox

NAME: Final = "stores"
SETTINGS: Final = {"eventSetID": "7676700000000000000", "accessToken": "a-token"}
CONFIGURATION: Final = {"destinations": [{"kind": "tiktok-offline-conversions", "name": NAME, "settings": SETTINGS}]}
BAD_EVERY: Final = 97
KILLS: Final = 5
FULL: Final = [pytest.mark.faults, pytest.mark.timeout(1500)]
BATCH: Final = 1000
"""Rows of the one batch that may be unsettled when a process is killed."""


def sales(path: Path, rows: int) -> None:
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
    with path.open("w") as file:
        file.write("event_type,event_time,email,value,currency,order_id\n")
        for n in range(rows):
            if n % BAD_EVERY == 5:
                file.write(f"Purchase,{day},too,short\n")
            else:
                note = f'"O\n{n}"' if n % 50 == 1 else f"O-{n}"
                file.write(f"Purchase,{day} 10:00:00,p{n}@example.com,{n},EUR,{note}\n")


def ids(path: Path) -> set[str]:
    """The event_ids that the rows should have."""
    names = Names(Connection(OFFLINE_CONVERSIONS, SETTINGS), RENAMED)
    reader = Reader(opened(path, Reading()), Reading(), names, time.time(), path.name, NAME)
    return {each for portion in reader.portions() for each in portion.message_ids}


@pytest.mark.parametrize(
    ("rows", "beside"),
    [
        pytest.param(12_000, True, id="few"),
        pytest.param(150_000, False, id="alone", marks=FULL),
        pytest.param(150_000, True, id="beside a server", marks=FULL),
    ],
)
async def test_killed_and_given_again(rows: int, beside: bool, tmp_path: Path) -> None:
    path, data, random = tmp_path / "sales.csv", tmp_path / "data", Random(rows)
    await asyncio.to_thread(sales, path, rows)
    (tmp_path / "configuration.json").write_text(json.dumps(CONFIGURATION))
    async with Sandbox(keep=2 * rows).serve() as sandbox:
        variables = {"TOCKWORK_DATA": str(data), "TOCKWORK_TIKTOK_URL": sandbox.url, "NO_PROXY": "127.0.0.1"}
        words = ("import", str(path), "--destination", NAME, "--json")

        def start(*given: str) -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                arguments(*given), env=environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )

        async def ended(process: subprocess.Popen[bytes]) -> bytes:
            out, err = await asyncio.to_thread(process.communicate)
            assert process.returncode in (0, 1, -signal.SIGKILL), err.decode()
            return out

        await ended(start("apply", str(tmp_path / "configuration.json")))
        started = time.monotonic()
        killed = 0
        async with Server(**variables) if beside else nullcontext():
            for _ in range(KILLS):
                process = start(*words)
                # After it has begun, and well before a file of this size is through.
                await asyncio.sleep(random.uniform(1.2, 2.2) + rows / 200_000 * random.random())
                process.kill()
                await ended(process)
                killed += process.returncode == -signal.SIGKILL
            report = json.loads(await ended(start(*words)))
    expected = ids(path)
    arrived = Counter(event.event_id for event in sandbox.events)
    assert arrived.keys() == expected
    repeats = arrived.total() - len(arrived)
    print(
        f"{killed} of {KILLS} killed in {time.monotonic() - started:.0f} s, {repeats} repeats of {len(expected)} rows"
    )
    assert killed >= 1, "no process was killed: nothing was tested"
    assert repeats <= killed * BATCH if not beside else repeats == 0
    first: dict[str, bytes] = {}
    for event in sandbox.events:
        assert first.setdefault(event.event_id, bytes(event.sent)) == bytes(event.sent), "repeated with other bytes"
    outcomes = {(o["status"], o["reason"]): o["number"] for o in report["outcomes"]}
    refused = outcomes.pop(("invalid", "unreadable_line"))
    assert outcomes == {("delivered", None): len(expected)}
    assert refused + len(expected) == rows == report["records"]
    assert msgspec.json.decode(first[next(iter(first))])["event"] == "CompletePayment"
