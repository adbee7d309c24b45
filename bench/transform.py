"""CPU per event of the transformation, as ratios to a floor that is timed in turn with it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench import floor, mappings
from bench.events import Shop
from bench.process import cpu_seconds, tockwork
from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.conversions import CONVERSIONS

EVENTS = 20_000
SLICE = 1000
SLICES = 200
WARM_UP = 20
ROUNDS = 15

Figures = tuple[str, float, float, float]
"""What was measured: its name, median seconds per event, median ratio to the floor, and the ratio of the quickest
slices of each, which is what a quiet machine would show."""
SETTINGS = {"accessToken": "a-token", "pixelCode": "C8E2OS3C77UABCDXYZ00"}
NOW = 1_795_219_200.0


def spent(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def stream(connection: Connection, lines: Sequence[bytes]) -> None:
    for line in lines:
        connection.outcomes(line, NOW)


def rows_of(connection: Connection, lines: Sequence[bytes]) -> list[Any]:
    """Each event's first row as plain objects; an empty one for events that make none."""
    outcomes = (connection.outcomes(line, NOW)[0] for line in lines)
    return [msgspec.json.decode(outcome.row) if outcome.row is not None else {} for outcome in outcomes]


def in_process() -> list[Figures]:
    """One connection at a time, as a process has it, each against a floor that is timed in turn with it."""
    lines = Shop(seed=7, mapped_only=True).lines(EVENTS)
    presets = Connection(CONVERSIONS, SETTINGS)
    rows = rows_of(presets, lines)

    def least(part: slice) -> None:
        floor.spend(lines[part], rows[part])

    figures = [("floor", *_figures(*_in_turn(least, least)))]
    for name, connection in (
        ("15 presets", presets),
        ("50 mappings", Connection(CONVERSIONS, SETTINGS, mappings.more())),
    ):

        def run(part: slice, connection: Connection = connection) -> None:
            stream(connection, lines[part])

        figures.append((name, *_figures(*_in_turn(run, least))))
    return figures


def _in_turn(run: Callable[[slice], None], least: Callable[[slice], None]) -> tuple[list[float], list[float]]:
    """Seconds per event of both, slice by slice in turn: a noisy machine slows them alike."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(-WARM_UP, SLICES):
        start = turn * SLICE % EVENTS
        part = slice(start, start + SLICE)
        mine, floors = spent(partial(run, part)), spent(partial(least, part))
        if turn >= 0:
            times[0].append(mine / SLICE)
            times[1].append(floors / SLICE)
    return times


def transform_command() -> Figures:
    """The slope of the whole command from 2,000 to 20,000 events: what one event more costs."""
    shop = Shop(seed=7, mapped_only=True).lines(EVENTS)
    connection = Connection(CONVERSIONS, SETTINGS)
    rows = rows_of(connection, shop)
    slopes, floors = [], []
    with tempfile.TemporaryDirectory() as folder:
        small, large, settings = Path(folder, "small"), Path(folder, "large"), Path(folder, "settings.json")
        small.write_bytes(b"\n".join(shop[:2000]) + b"\n")
        large.write_bytes(b"\n".join(shop) + b"\n")
        settings.write_bytes(msgspec.json.encode(SETTINGS))
        command = tockwork("transform", "--destination", "tiktok-conversions", "--settings", str(settings), "-")
        for _ in range(ROUNDS):
            before = spent(lambda: floor.spend(shop, rows))
            slopes.append((cpu_seconds(command, large) - cpu_seconds(command, small)) / (EVENTS - 2000))
            floors.append((before + spent(lambda: floor.spend(shop, rows))) / 2 / EVENTS)
    return ("tockwork transform", *_figures(slopes, floors))


def _figures(times: Sequence[float], floors: Sequence[float]) -> tuple[float, float, float]:
    ratios = [mine / least for mine, least in zip(times, floors, strict=True)]
    return statistics.median(times), statistics.median(ratios), min(times) / min(floors)


BARS = {"15 presets": 1.7, "50 mappings": 1.75, "tockwork transform": 2.2}


def run(console: Console) -> int:
    """Prints the table; returns how many bars were missed."""
    table = Table(title=f"CPU per event: medians of {SLICES} slices, for the command of {ROUNDS} runs")
    for column in ("what", "µs per event", "ratio to floor", "quickest", "bar"):
        table.add_column(column, justify="left" if column == "what" else "right")
    missed = 0
    for name, seconds, ratio, quickest in [*in_process(), transform_command()]:
        bar = BARS.get(name)
        missed += bar is not None and ratio > bar
        table.add_row(name, f"{seconds * 1e6:.2f}", f"{ratio:.2f}", f"{quickest:.2f}", f"≤ {bar}" if bar else "")
    console.print(table)
    return missed
