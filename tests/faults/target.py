"""A server under attack: the real process, TikTok's stand-in behind it, and what can be seen of both from outside."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from bench.events import Shop
from tests.e2e.server import Server
from tests.faults.probe import Window

from tockwork.sandbox.server import Sandbox

ROOT: Final = Path(__file__).parents[2]
KEY: Final = "wk-shop"
AUTHORIZED: Final = b"Host: x\r\nAuthorization: Basic d2stc2hvcDo=\r\n"
CONFIGURATION: Final = f"""
sources:
  - name: shop
    write_key: {KEY}
destinations:
  - name: tiktok
    kind: tiktok-conversions
    settings:
      accessToken: token-of-the-test
      pixelCode: C0123456789ABCDEFGHI
"""
CROWD: Final = 500
"""Honest connections at once: as many as the hostile ones."""
SETTLE_S: Final = 120.0


class Target:
    """Where to send, and what became of it."""

    def __init__(self, server: Server, sandbox: Sandbox) -> None:
        address = urlsplit(server.url)
        self.host, self.port = address.hostname or "", address.port or 0
        self.url = server.url
        self.pid = server.process.pid
        self.calm_bytes = 0
        """Resident memory when nothing hostile had arrived yet."""
        self._server = server
        self._sandbox = sandbox
        self._metrics_url = server.said("Metrics at ")
        self._greetings = 0

    @property
    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    @property
    def alive(self) -> bool:
        return self._server.process.poll() is None

    @property
    def log(self) -> str:
        return self._server.log + self._server.errors

    async def metric(self, name: str, *labels: str) -> float:
        """The sum of a metric's samples that have all of `labels`, each as ``name="value"``."""
        text = await asyncio.to_thread(self._metrics)
        lines = (line for line in text.splitlines() if re.match(rf"{name}[ {{]", line))
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(label in line for label in labels))

    def _metrics(self) -> str:
        with urllib.request.urlopen(self._metrics_url, timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    async def ask(self, data: bytes, within_s: float = 10.0) -> bytes:
        """All that the server says to `data` until it closes the connection, or nothing comes for `within_s`."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        said = b""
        try:
            writer.write(data)
            while True:
                async with asyncio.timeout(within_s):
                    piece = await reader.read(65536)
                if not piece:
                    return said
                said += piece
        except (ConnectionError, TimeoutError):
            return said
        finally:
            writer.close()

    async def settled(self) -> None:
        """Returns once every accepted event has met its fate; fails after two minutes."""
        deadline = time.monotonic() + SETTLE_S
        while await self._open():
            assert time.monotonic() < deadline, f"{await self._open()} events are not settled"
            await asyncio.sleep(0.1)
        accepted = await self.metric("tockwork_events_accepted_total")
        assert await self.metric("tockwork_destination_events_accepted_total") == accepted
        assert await self.metric("tockwork_destination_events") == accepted

    async def _open(self) -> float:
        undecided = await self.metric("tockwork_destination_events", 'state="undecided"')
        return undecided + await self.metric("tockwork_destination_deliveries", 'status="pending"')

    async def greet(self) -> list[str]:
        """Sends twenty honest purchases, each to be answered 200, and returns their messageIds."""
        ids = []
        for _ in range(20):
            self._greetings += 1
            ids.append(f"greeting-{self._greetings}")
            event = {
                "messageId": ids[-1],
                "event": "Product Added",
                "userId": "honest",
                "context": {"page": {"url": "https://shop.example/"}},
                "properties": {"product_id": "p-1", "price": 12.5, "currency": "EUR"},
            }
            assert await self.status(post("/v1/track", msgspec.json.encode(event))) == 200
        return ids

    async def status(self, request: bytes) -> int:
        """The status that one request on a connection of its own is answered with; 0 for none."""
        found = statuses(await self.ask(request))
        return found[0] if found else 0

    def arrived(self) -> set[str]:
        """The event_ids that TikTok's stand-in took."""
        return {event.event_id or "" for event in self._sandbox.events}


def post(path: str, body: bytes, headers: dict[str, str] | None = None, *, close: bool = True) -> bytes:
    """An authorized request."""
    lines = [f"{name}: {value}\r\n".encode() for name, value in (headers or {}).items()]
    lines += [b"Connection: close\r\n"] if close else []
    head = b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n" % (path.encode(), AUTHORIZED, len(body))
    return head + b"".join(lines) + b"\r\n" + body


def statuses(said: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", said) if status != b"100"]


@contextmanager
def target(folder: Path) -> Iterator[Target]:
    """A server that has had honest traffic of every kind, so that its memory is what it is on a good day."""
    file = folder / "tockwork.yaml"
    file.write_text(CONFIGURATION)
    with _sandbox() as sandbox, Server("--config", str(file), TOCKWORK_TIKTOK_URL=sandbox.url) as server:
        found = Target(server, sandbox)
        asyncio.run(_warm_up(found))
        found.calm_bytes = found.resident_bytes
        yield found


async def _warm_up(target: Target) -> None:
    events = [event for event in Shop(seed=7).events(5000) if event["channel"] == "client"][:4000]
    batches = [msgspec.json.encode({"batch": events[place : place + 100]}) for place in range(0, len(events), 100)]
    for start in range(0, len(batches), 8):
        found = await asyncio.gather(*(target.status(post("/v1/batch", body)) for body in batches[start : start + 8]))
        assert set(found) == {200}
    for start in range(0, 4 * CROWD, CROWD):
        crowd = [post(f"/v1/{event['type']}", msgspec.json.encode(event)) for event in events[start : start + CROWD]]
        assert set(await asyncio.gather(*map(target.status, crowd))) == {200}
    await target.settled()


@contextmanager
def _sandbox() -> Iterator[Sandbox]:
    """TikTok's stand-in on a thread of its own: it lives as long as the server, and so longer than a test's loop."""
    sandbox = Sandbox("lenient", requests_per_second=1e6)
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with sandbox.serve():
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(30)
        yield sandbox
    finally:
        over.set()
        thread.join()


class Probe:
    """The honest client, in its own process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def measure(self, seconds: float) -> Window:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{seconds}\n".encode())
        return msgspec.json.decode(await self._process.stdout.readline(), type=Window)


@asynccontextmanager
async def probe(target: Target) -> AsyncIterator[Probe]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.probe", target.url, KEY),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        limit=2**24,
    )
    try:
        yield Probe(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
