"""A dry run of `tockwork import` over a million rows: its memory, and its CPU per row as a ratio to the floor.

The slope from 100,000 to 1,000,000 rows is what one row more costs; each of its runs stands between two timings of the
floor. That is the floor of the other parts, on the shop's events; the file's own events are smaller, so that the ratio
to the floor on those is shown beside it.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from bench import floor, report
from bench.events import FIRST, LAST, Shop
from bench.process import DISK, tockwork
from bench.report import Finding, megabytes
from bench.transform import SETTINGS, rows_of
from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.destinations.tiktok.standard_events import RENAMED
from tockwork.ingest.files.names import Names
from tockwork.ingest.files.reader import Reader, Reading, opened

ROWS: Final = 1_000_000
FEWER: Final = 100_000
ROUNDS: Final = 3
SAMPLE: Final = 20_000
CPU_BAR: Final = 2.5
MEMORY_BAR: Final = 400.0
KIND: Final = "tiktok-conversions"
HEADER: Final = (
    "event_type,event_time,external_id,email,phone,first_name,last_name,zip,"
    "value,currency,order_id,content_id,content_name,price,quantity,store\n"
)
"""The six values that the floor hashes, and what a till knows of a sale."""


def write(path: Path, rows: int) -> None:
    """A file of sales, the same at every run."""
    pick = random.Random(7)
    names = ["Purchase"] * 7 + ["Add Payment Info", "Subscribe", "Contact"]
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for number in range(rows):
            first, last = pick.choice(FIRST), pick.choice(LAST)
            price, quantity = pick.randrange(500, 20_000) / 100, pick.choice((1, 1, 1, 2))
            file.write(
                f"{pick.choice(names)},2026-11-{pick.randrange(1, 20):02d}T{pick.randrange(24):02d}:"
                f"{pick.randrange(60):02d}:{pick.randrange(60):02d}Z,c-{pick.randrange(10**7)},"
                f"{first}.{pick.randrange(10**6)}@example.com,+1415555{pick.randrange(10**4):04d},{first},{last},"
                f"{pick.randrange(10**5):05d},{price * quantity:.2f},USD,O-{number},sku-{pick.randrange(10**4)},"
                f"Trail Shoe,{price},{quantity},Berlin\n"
            )


def sample(path: Path, connection: Connection) -> list[bytes]:
    """The events of some of the file's rows."""
    blocks = opened(path, Reading())
    reader = Reader(blocks, Reading(), Names(connection, RENAMED), time.time(), path.name)
    events: list[bytes] = []
    for portion in reader.portions():
        events += portion.entries
    blocks.close()
    return events[:SAMPLE]


def spent(command: Sequence[str]) -> tuple[float, int]:
    """User and system seconds of a run, and the most memory that it had, in bytes."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, list(command))
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def run(console: Console) -> int:
    """Prints the table; returns how many bars were missed."""
    with tempfile.TemporaryDirectory(dir=DISK) as folder:
        fewer, more, settings = (Path(folder, name) for name in ("fewer.csv", "more.csv", "settings.json"))
        write(fewer, FEWER)
        write(more, ROWS)
        settings.write_bytes(msgspec.json.encode(SETTINGS))
        connection = Connection(CONVERSIONS, SETTINGS)
        shop = Shop(seed=7, mapped_only=True).lines(SAMPLE)
        floors = [_Floor(lines, rows_of(connection, lines)) for lines in (shop, sample(fewer, connection))]
        slopes: list[float] = []
        peak = 0
        for _ in range(ROUNDS):
            small, _ = spent(_dry(fewer, settings))
            large, memory = spent(_dry(more, settings))
            slopes.append((large - small) / (ROWS - FEWER))
            peak = max(peak, memory)
            for each in floors:
                each.time()
        usual, own = (statistics.median(map(each.ratio, slopes, range(ROUNDS))) for each in floors)
    return report.show(
        console,
        f"Dry run of {ROWS:,} rows of CSV: medians of {ROUNDS} runs",
        [
            Finding("CPU of one row more", statistics.median(slopes) * 1e6, "µs"),
            Finding("CPU of one row more, ratio to the floor", usual, bar=CPU_BAR),
            Finding("the same, ratio to the floor on the file's own events", own),
            megabytes("memory at its peak", peak, MEMORY_BAR),
        ],
    )


def _dry(file: Path, settings: Path) -> list[str]:
    return tockwork("import", str(file), "--destination", KIND, "--settings", str(settings), "--dry-run", "--json")


class _Floor:
    """The floor on some events, timed before each round and behind it."""

    def __init__(self, lines: Sequence[bytes], rows: Sequence[Any]) -> None:
        self._lines, self._rows = lines, rows
        self._times: list[float] = []
        self.time()

    def time(self) -> None:
        start = time.process_time()
        floor.spend(self._lines, self._rows)
        self._times.append((time.process_time() - start) / len(self._lines))

    def ratio(self, seconds: float, turn: int) -> float:
        """Seconds per event of one round, to the floor around it."""
        return seconds / statistics.mean(self._times[turn : turn + 2])
