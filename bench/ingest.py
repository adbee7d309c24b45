"""Single events over HTTP, each answered once it is on stable storage, beside a handler that keeps nothing."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from bench import wrk
from bench.process import DISK, Service, tockwork
from bench.report import Finding, megabytes, show

CONNECTIONS: Final = 256
EVENT_BYTES: Final = 700
ROUNDS: Final = 15
SECONDS: Final = 2
"""Short turns, and many: what else the machine does then slows both sides alike."""
WARM_UP_S: Final = 2
IDLE_S: Final = 2.0
READY: Final = "Accepting events at "
WRITE_KEY: Final = "bench-write-key"

IDLE_MB: Final = 120
LOAD_MB: Final = 300
SHARE: Final = 0.6


def event() -> bytes:
    """A track call of 700 bytes, as a backend's library sends it; without a messageId, so that each gets its own."""
    call: dict[str, Any] = {
        "event": "Product Added",
        "userId": "user_123456",
        "anonymousId": "a1f2c3d4e5f6a7b8c9d0e1f2",
        "originalTimestamp": "2026-11-20T10:11:12.123Z",
        "sentAt": "2026-11-20T10:11:12.345Z",
        "context": {
            "ip": "203.0.113.7",
            "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
            "library": {"name": "analytics-python", "version": "2.4.0"},
            "traits": {"email": "ann.smith@example.com", "phone": "+14155550123"},
        },
        "properties": {
            "product_id": "123456",
            "sku": "G-123456",
            "name": "Trail Shoe",
            "brand": "Tockwell",
            "category": "Shoes",
            "price": 89.9,
            "quantity": 1,
            "currency": "USD",
            "value": 89.9,
            "url": "https://shop.example/p/123456",
            "note": "",
        },
        "integrations": {},
    }
    call["properties"]["note"] = "x" * (EVENT_BYTES - len(msgspec.json.encode(call)))
    return msgspec.json.encode(call)


class _Target:
    """One of the two servers, and what was measured on it."""

    def __init__(self, service: Service, program: str) -> None:
        self._service = service
        self._program = program
        self._url = service.said(READY) + "/v1/track"
        self.runs: list[wrk.Run] = []
        self.cpu: list[float] = []

    def load(self, seconds: int) -> wrk.Run:
        return wrk.post(self._program, self._url, WRITE_KEY, event(), CONNECTIONS, seconds)

    def measure(self) -> None:
        before = self._service.cpu
        run = self.load(SECONDS)
        self.runs.append(run)
        self.cpu.append((self._service.cpu - before) / run.requests * 1e6)

    @property
    def rate(self) -> float:
        return statistics.median(run.rate for run in self.runs)


def run(console: Console) -> int:
    """Prints the table; returns how many bars were missed."""
    program = wrk.program()
    with tempfile.TemporaryDirectory(dir=DISK) as folder:
        config = Path(folder, "config.json")
        config.write_bytes(msgspec.json.encode({"sources": [{"name": "shop", "write_key": WRITE_KEY}]}))
        words = ["serve", "--only", "ingest", "--config", str(config), "--data", str(Path(folder, "data"))]
        serve = Service(tockwork(*words, "--port", "0", "--admin-port", "0"), READY)
        with serve, Service([sys.executable, "-m", "bench.bare"], READY) as yardstick:
            time.sleep(IDLE_S)
            idle = serve.memory
            bare, mine = _Target(yardstick, program), _Target(serve, program)
            for target in (bare, mine):
                target.load(WARM_UP_S)
            for _ in range(ROUNDS):
                bare.measure()
                mine.measure()
            findings = _findings(bare, mine, idle, serve.peak)
    title = f"Single events: {CONNECTIONS} connections, {EVENT_BYTES} bytes, medians of {ROUNDS} runs in turn"
    return show(console, title, findings)


def _findings(bare: _Target, mine: _Target, idle: int, peak: int) -> list[Finding]:
    median = statistics.median
    shares = [one.rate / other.rate for one, other in zip(mine.runs, bare.runs, strict=True)]
    return [
        Finding("a bare handler", bare.rate, "requests/s", digits=0),
        Finding("tockwork serve --only ingest", mine.rate, "events/s", digits=0),
        Finding("share of the bare handler's rate", median(shares), floor=SHARE),
        Finding("acknowledged after, p50", median(run.p50 for run in mine.runs), "ms", digits=1),
        Finding("acknowledged after, p99", median(run.p99 for run in mine.runs), "ms", digits=1),
        Finding("CPU per request, bare", median(bare.cpu), "µs", digits=1),
        Finding("CPU per event, durable", median(mine.cpu), "µs", digits=1),
        megabytes("resident memory, idle", idle, IDLE_MB),
        megabytes("resident memory, under load", peak, LOAD_MB),
    ]
