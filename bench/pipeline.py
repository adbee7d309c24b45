"""The whole way: batches accepted durably, delivered to a stand-in for TikTok in another process, and settled.

Only Tockwork's own processes count; what they spend on an event is divided by the floor (`floor.py`), timed in turn.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from bench import floor
from bench.events import Shop
from bench.ingest import IDLE_MB, IDLE_S, LOAD_MB, READY, WRITE_KEY
from bench.load import BATCH, Posted
from bench.process import DISK, Service, tockwork
from bench.report import Finding, megabytes, show
from bench.transform import SETTINGS, rows_of, spent
from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.conversions import CONVERSIONS

BATCHES: Final = 200
ROUNDS: Final = 5
WARM_UP_BATCHES: Final = 20
FLOOR_EVENTS: Final = 10_000
FULL_BATCHES: Final = 10_000
DISTINCT: Final = 100
CEILING: Final = 7.5
SETTLE_S: Final = 120.0
LOOK_AGAIN_S: Final = 0.05

_SANDBOX: Final = "TikTok's stand-in listens at "
_DELIVERIES: Final = "tockwork_destination_deliveries"

SHAPES: Final[dict[str, list[list[str]]]] = {
    "one process": [[]],
    "two processes": [["--only", "ingest"], ["--only", "delivery"]],
}


class _Round(msgspec.Struct, frozen=True):
    """`cpu` is in seconds per event, `floor` too; `rate` in events per second; `settled` in seconds after the last
    acknowledgement."""

    cpu: float
    floor: float
    rate: float
    settled: float


class _Setup:
    """Tockwork's processes on one data folder, as `words` start them; the first takes events, the last delivers."""

    def __init__(self, stack: ExitStack, words: Sequence[list[str]], folder: Path, sandbox_url: str) -> None:
        config = folder / "config.json"
        config.write_bytes(msgspec.json.encode(_configuration(bool(sandbox_url))))
        shared = ["--data", str(folder / "data"), "--port", "0", "--admin-port", "0"]
        self._services: list[Service] = []
        for own in words:
            # The second process finds what the first one was configured with.
            given = [] if self._services else ["--config", str(config)]
            command = tockwork("serve", *own, *given, *shared)
            service = Service(command, "Metrics at ", TOCKWORK_TIKTOK_URL=sandbox_url or "http://127.0.0.1:9")
            self._services.append(stack.enter_context(service))
        self._url = self._services[0].said(READY) + "/v1/batch"
        self._metrics_url = self._services[-1].said("Metrics at ")
        self._accepted = 0
        time.sleep(IDLE_S)
        self.idle = self.memory

    @property
    def cpu(self) -> float:
        return sum(service.cpu for service in self._services)

    @property
    def memory(self) -> int:
        """Of the largest process."""
        return max(service.memory for service in self._services)

    @property
    def peak(self) -> int:
        """Of the largest process."""
        return max(service.peak for service in self._services)

    @contextmanager
    def load(self, seed: int, batches: int, distinct: int) -> Iterator[Callable[[], Posted]]:
        """Makes the events, then yields what posts them; it returns once the last is acknowledged."""
        words = [self._url, WRITE_KEY, str(seed), str(batches), str(distinct)]
        command = [sys.executable, "-m", "bench.load", *words]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()

            def post() -> Posted:
                said, _ = process.communicate(b"\n")
                if process.returncode:
                    raise RuntimeError("the load generator failed; what it said is above")
                self._accepted += batches * BATCH
                return msgspec.json.decode(said, type=Posted)

            yield post

    def settled(self) -> bool:
        """Whether every accepted event is decided and delivered. Raises `RuntimeError` for one that came to grief."""
        text = urllib.request.urlopen(self._metrics_url).read().decode()
        pending = _sum(text, "tockwork_destination_events", "undecided") + _sum(text, _DELIVERIES, "pending")
        delivered = _sum(text, _DELIVERIES, "delivered")
        if dead := re.findall(rf'^{_DELIVERIES}.*"(?:invalid|rejected|expired)"\}} [^0].*$', text, re.MULTILINE):
            raise RuntimeError("there are dead letters:\n" + "\n".join(dead))
        return not pending and delivered >= self._accepted


def run(console: Console, *, full: bool = False) -> int:
    """Prints the tables; returns how many bars were missed."""
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory(dir=DISK) as folder, ExitStack() as stack:
        sandbox = stack.enter_context(Service(tockwork("sandbox", "--port", "0", "--keep", "1000"), _SANDBOX))
        url = sandbox.said(_SANDBOX)
        setups: dict[str, _Setup] = {}
        for name, words in SHAPES.items():
            own = Path(folder, name.partition(" ")[0])
            own.mkdir()
            setups[name] = _Setup(stack, words, own, url)
        rounds = _measure(list(setups.values()))
        for (name, setup), own_rounds in zip(setups.items(), rounds, strict=True):
            findings += _findings(name, setup, own_rounds)
    if full:
        findings += _waiting()
    title = f"Accepted, delivered, settled: batches of {BATCH}, medians of {ROUNDS} x {BATCHES * BATCH:,} events"
    return show(console, title, findings)


def _measure(setups: Sequence[_Setup]) -> list[list[_Round]]:
    """The rounds of each, in turn."""
    lines = Shop(seed=7, mapped_only=True).lines(FLOOR_EVENTS)
    rows = rows_of(Connection(CONVERSIONS, SETTINGS), lines)

    def least() -> float:
        return spent(lambda: floor.spend(lines, rows)) / FLOOR_EVENTS

    least()
    rounds: list[list[_Round]] = [[] for _ in setups]
    for number in range(-1, ROUNDS):
        for place, setup in enumerate(setups):
            batches = WARM_UP_BATCHES if number < 0 else BATCHES
            found = _round(setup, 1000 + 10 * number + place, batches, least)
            if number >= 0:
                rounds[place].append(found)
    return rounds


def _round(setup: _Setup, seed: int, batches: int, least: Callable[[], float]) -> _Round:
    with setup.load(seed, batches, batches) as post:
        before, cpu = least(), setup.cpu
        posted = post()
        deadline = time.monotonic() + SETTLE_S
        while not setup.settled():
            if time.monotonic() > deadline:
                raise RuntimeError(f"not everything was delivered within {SETTLE_S:g} s of its acknowledgement")
            time.sleep(LOOK_AGAIN_S)
        end, events = time.time(), batches * BATCH
        cpu = (setup.cpu - cpu) / events
    return _Round(cpu, (before + least()) / 2, events / (end - posted.began), end - posted.ended)


def _findings(name: str, setup: _Setup, rounds: Sequence[_Round]) -> list[Finding]:
    median = statistics.median
    return [
        Finding(f"{name}: CPU per event", median(one.cpu for one in rounds) * 1e6, "µs", digits=1),
        Finding(f"{name}: floor", median(one.floor for one in rounds) * 1e6, "µs", digits=1),
        Finding(f"{name}: ratio to the floor", median(one.cpu / one.floor for one in rounds), bar=CEILING),
        Finding(f"{name}: sustained", median(one.rate for one in rounds), "events/s", digits=0),
        Finding(f"{name}: last accepted to all settled", median(one.settled for one in rounds), "s"),
        megabytes(f"{name}: resident memory of each, idle", setup.idle, IDLE_MB),
        megabytes(f"{name}: resident memory of each, under load", setup.peak, LOAD_MB),
    ]


def _waiting() -> list[Finding]:
    """Memory with a million events waiting for a destination that has no token."""
    with tempfile.TemporaryDirectory(dir=DISK) as folder, ExitStack() as stack:
        setup = _Setup(stack, [[]], Path(folder), "")
        with setup.load(1, FULL_BATCHES, DISTINCT) as post:
            post()
        return [megabytes(f"one process: resident memory, {FULL_BATCHES * BATCH:,} waiting", setup.peak, LOAD_MB)]


def _configuration(delivering: bool) -> dict[str, Any]:
    settings = SETTINGS if delivering else {"pixelCode": SETTINGS["pixelCode"]}
    return {
        "sources": [{"name": "shop", "write_key": WRITE_KEY}],
        "destinations": [{"kind": "tiktok-conversions", "name": "tiktok", "settings": settings}],
    }


def _sum(text: str, metric: str, state: str) -> float:
    """A metric's values whose labels name this state or status."""
    found = re.finditer(rf'^{metric}\{{[^}}]*(?:state|status)="{state}"[^}}]*\}} (\S+)$', text, re.MULTILINE)
    return sum(float(match[1]) for match in found)
