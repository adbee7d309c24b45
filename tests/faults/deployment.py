"""A data folder and the processes that serve it, together or each with a role of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from tests.e2e.server import Server
from tests.faults.load import WRITE_KEY
from tests.faults.oracle import Oracle

BOTH: Final = ("",)
APART: Final = ("ingest", "delivery")
"""Layouts: one process with both roles, or one for each."""
SETTLE_S: Final = 75.0
"""More than a lease: a chunk that could not be begun comes again after it."""
END_S: Final = 30.0
GONE_S: Final = 5.0

CONFIGURATION: Final = {
    "sources": [{"name": "shop", "write_key": WRITE_KEY}],
    "destinations": [
        {
            "kind": "tiktok-conversions",
            "name": "tiktok",
            "settings": {"accessToken": "fault-token", "pixelCode": "C" * 20},
            "mappings": [
                {
                    "name": "Order",
                    "trigger": 'event = "Order Completed"',
                    "action": "reportWebEvent",
                    "fields": {
                        "event": "Purchase",
                        "event_id": {"@path": "$.messageId"},
                        "timestamp": {"@path": "$.timestamp"},
                        "external_id": {"@path": "$.userId"},
                        "url": {"@path": "$.context.page.url"},
                        "value": {"@path": "$.properties.value"},
                        "currency": {"@path": "$.properties.currency"},
                    },
                }
            ],
        }
    ],
}


class Deployment:
    """Serves `data`; rows go to `tiktok_url`. `variables` are further ones of the processes' environment."""

    def __init__(self, data: Path, tiktok_url: str, **variables: str) -> None:
        self.data = data
        self.url = ""
        self.servers: list[Server] = []
        self._config = data.with_name(f"{data.name}-configuration.json")
        self._config.write_text(json.dumps(CONFIGURATION))
        self._variables = {"TOCKWORK_DATA": str(data), "TOCKWORK_TIKTOK_URL": tiktok_url, **variables}

    async def start(self, layout: Sequence[str] = BOTH, within: Sequence[str] = (), **variables: str) -> None:
        """Starts one process for each of the layout's roles, by way of the command `within` if there is one."""
        self.servers = [self._server(role, variables) for role in layout]
        for server in self.servers:
            server.within = within
        await asyncio.gather(*(asyncio.to_thread(server.start) for server in self.servers))
        self.url = self.servers[0].url

    def _server(self, role: str, variables: dict[str, str]) -> Server:
        words = ["--config", str(self._config), *(["--only", role] if role else [])]
        ready = "Metrics at " if role == "delivery" else "Accepting events at "
        return Server(*words, ready=ready, **self._variables, **variables)

    def kill(self) -> None:
        """Ends every process with SIGKILL, all of them at once; none is left, and nobody listens."""
        for pid in self.alive():
            os.kill(pid, signal.SIGKILL)
        self.ended()

    def ended(self) -> list[int]:
        """Waits for all processes, which are on their way out, and returns their exit codes."""
        codes = [server.process.wait(END_S) for server in self.servers]
        deadline = time.monotonic() + GONE_S
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not self.alive(), "a process outlived the others"
        if self.url:
            assert refuses(self.url), "someone still listens"
        self._close()
        return codes

    async def stop(self) -> None:
        """Ends every process as an operator would."""
        codes = await asyncio.gather(*(asyncio.to_thread(server.stop) for server in self.servers))
        assert not any(codes), [server.errors + server.log for server in self.servers]
        self.ended()

    def alive(self) -> list[int]:
        """Every process that has our data folder in its environment, whoever started it and in whatever group."""
        mark = f"TOCKWORK_DATA={self.data}".encode()
        return [int(found.name) for found in Path("/proc").glob("[0-9]*") if mark in _environment(found)]

    def _close(self) -> None:
        for server in self.servers:
            server.close()
        self.servers = []

    async def settled(self, oracle: Oracle, within_s: float = SETTLE_S) -> None:
        """Waits until every acknowledged event has arrived and the books are closed; then all must add up."""
        await holds(lambda: not oracle.missing, within_s, quiet=True)
        oracle.check()
        deadline = time.monotonic() + within_s
        while (books := await self.books())["undecided"] or books["pending"]:
            assert time.monotonic() < deadline, f"never settled: {books}"
            await asyncio.sleep(0.1)
        oracle.check()
        assert books["accepted"] == books["matched"] == books["delivered"] == oracle.arrived, books

    async def books(self) -> dict[str, int]:
        """The destination's counts: accepted, and events and deliveries by state."""
        metrics = self.servers[-1].said("Metrics at ")
        async with aiohttp.ClientSession() as session, session.get(metrics) as answer:
            text = await answer.text()
            assert answer.status == 200, text
        counts: dict[str, int] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "tockwork_destination_events_accepted_total":
                    counts["accepted"] = int(sample.value)
                elif sample.name in ("tockwork_destination_events", "tockwork_destination_deliveries"):
                    state = sample.labels.get("state") or sample.labels["status"]
                    counts[state] = counts.get(state, 0) + int(sample.value)
        return counts


@asynccontextmanager
async def deployed(data: Path, tiktok_url: str, **variables: str) -> AsyncIterator[Deployment]:
    """A deployment that leaves no process behind. Start it inside the block."""
    deployment = Deployment(data, tiktok_url, **variables)
    try:
        yield deployment
    finally:
        if deployment.servers:
            deployment.kill()


async def holds(condition: Callable[[], bool], within_s: float, *, quiet: bool = False) -> None:
    """Waits until `condition` holds; fails when it takes longer, unless `quiet`."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            assert quiet, f"not so within {within_s:g} s"
            return
        await asyncio.sleep(0.02)


def refuses(url: str) -> bool:
    """Whether nobody listens at `url`."""
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:  # it has just ended
        return b""
