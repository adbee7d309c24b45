"""The console over millions of events: how long its answers take, and what watching live costs those who send.

The server runs with the role of the console alone on a data folder that was filled before; times are those of whole
answers over HTTP, on one connection.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import secrets
import socket
import statistics
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

from rich.console import Console

from bench import archive
from bench.archive import Archive
from bench.load import batches, endless
from bench.process import DISK, Service, tockwork
from bench.report import Finding, show
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.configuration.keyring import Keyring
from tockwork.configuration.versions import Versions
from tockwork.store.accounts import Accounts
from tockwork.store.control import Control
from tockwork.store.database import SYNCHRONOUS_VARIABLE
from tockwork.store.index import Index
from tockwork.store.sqlite import SqliteStore

EVENTS: Final = 500_000
FULL_EVENTS: Final = 5_000_000
ANSWER_MS: Final = 150.0
PERSON_MS: Final = 2000.0
STREAM_PERCENT: Final = 5.0
RATE: Final = 500
LOAD_S: Final = 8.0
PAIRS: Final = 3
TURNS: Final = 3
CHARTS: Final = ("1h", "24h", "7d", "30d", "90d")
_BATCH: Final = 100


def run(console: Console, *, full: bool = False) -> int:
    """Prints two tables; returns how many bars were missed."""
    events = FULL_EVENTS if full else EVENTS
    with TemporaryDirectory(prefix="tockwork-console-", dir=DISK) as folder:
        data = Path(folder)
        found, token, filled = asyncio.run(_filled(data, events))
        with Service(
            tockwork("serve", "--only", "console"), "Metrics at ", TOCKWORK_DATA=str(data), TOCKWORK_ADMIN_PORT="0"
        ) as server:
            address = server.said("Metrics at ").removesuffix("/metrics")
            findings = [*filled, *_answers(address, token, found)]
    missed = show(console, f"console: answers over {events:,} events", findings)
    return missed + show(console, f"console: a live stream of {RATE} events/s", _streaming())


async def _filled(folder: Path, events: int) -> tuple[Archive, str, list[Finding]]:
    """What is in the folder now, a token for its API, and how long it took to index."""
    found = await archive.made(folder, events)
    os.environ[SYNCHRONOUS_VARIABLE] = "normal"  # thousands of commits in a row, of which none has to last
    async with SqliteStore.open(folder, reserve_bytes=0, polling=True) as store:
        began = time.process_time()
        await Index(store.database, 0.0).step()
        used = time.process_time() - began
        await Versions(Control(store.database), Keyring.load(folder)).keep(_configuration())
        token = await _token(store)
    return found, token, [Finding("indexing, CPU per event", used / events * 1e6, "µs")]


def _configuration() -> Configuration:
    """The destinations of the archive; nothing delivers to them."""
    settings = {"pixelCode": "CBENCH00000000000000", "accessToken": "nobody-has-it"}
    destinations = [DestinationEntry("tiktok-conversions", name, settings=settings) for name in archive.DESTINATIONS]
    sources = [SourceEntry(name, f"write-key-{name}") for name in archive.SOURCES]
    return Configuration(sources=sources, destinations=destinations)


async def _token(store: SqliteStore) -> str:
    token = f"tw_{secrets.token_urlsafe(32)}"
    accounts = Accounts(store.database)
    await accounts.add("Bench", "owner")
    await accounts.add_token("bench", "owner", token, "Bench")
    return token


class _Api:
    """One connection to the management API."""

    def __init__(self, address: str, token: str) -> None:
        where = urlsplit(address)
        self._connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[float, Any]:
        """Milliseconds, and the answer. Raises `RuntimeError` for one that is no success."""
        content = None if body is None else json.dumps(body)
        began = time.perf_counter()
        self._connection.request(method, f"/api{path}", content, self._headers)
        answer = self._connection.getresponse()
        read = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {read[:300]!r}")
        return took, json.loads(read)

    def close(self) -> None:
        self._connection.close()


def _answers(address: str, token: str, found: Archive) -> Iterator[Finding]:
    with closing(_Api(address, token)) as api:
        api.ask("GET", "/session")  # the first request puts the application together
        times: dict[str, list[float]] = {}
        short: dict[str, int] = {}
        refs: list[str] = []
        for turn in range(TURNS):
            for sort, query in archive.queries(found):
                if turn and "user" in query:
                    continue
                took, answer = api.ask("POST", "/events/search", query)
                times.setdefault(sort, []).append(took)
                short[sort] = short.get(sort, 0) + (not answer["complete"])
                refs += [row["ref"] for row in answer["events"][:1]]
        for sort, taken in times.items():
            bar = PERSON_MS if sort.startswith("user") else ANSWER_MS
            cut = f"; {short[sort]} of {len(taken)} in parts" if short[sort] else ""
            yield Finding(f"search by {sort}, p95{cut}", _p95(taken), "ms", bar=bar, digits=1)
        lives = [api.ask("GET", f"/events/{ref}")[0] for ref in refs[:100]]
        yield Finding("one event's whole life, p95", _p95(lives), "ms", digits=1)
        yield from _charts(api)


def _charts(api: _Api) -> Iterator[Finding]:
    paths = ["/delivery", *(f"/delivery/{name}?range={span}" for name in archive.DESTINATIONS[:1] for span in CHARTS)]
    for path in paths:
        taken = [api.ask("GET", path)[0] for _ in range(10)]
        yield Finding(f"GET /api{path}, p95", _p95(taken), "ms", bar=ANSWER_MS, digits=1)


def _p95(taken: list[float]) -> float:
    return sorted(taken)[min(len(taken) - 1, round(0.95 * len(taken)))]


def _streaming() -> list[Finding]:
    """What one open stream adds to a server that takes events, in pairs of runs with and without."""
    with TemporaryDirectory(prefix="tockwork-console-", dir=DISK) as folder:
        token = asyncio.run(_prepared(Path(folder)))
        with Service(
            tockwork("serve"),
            "Accepting events at ",
            TOCKWORK_DATA=folder,
            TOCKWORK_PORT="0",
            TOCKWORK_ADMIN_PORT="0",
        ) as server:
            url = server.said("Accepting events at ")
            key = server.said("The write key of the source 'first' is ").rstrip(".")
            address = server.said("Metrics at ").removesuffix("/metrics")
            load = _Load(url, key)
            load.post(LOAD_S / 2)
            alone: list[float] = []
            watched: list[float] = []
            for _ in range(PAIRS):
                alone.append(_used(server, load))
                with _watching(address, token):
                    watched.append(_used(server, load))
    more = [100 * (after - before) / LOAD_S for before, after in zip(alone, watched, strict=True)]
    return [
        Finding("a server that takes and delivers them, of one CPU", 100 * statistics.median(alone) / LOAD_S, "%"),
        Finding("what one open stream adds, of one CPU", statistics.median(more), "%", bar=STREAM_PERCENT),
    ]


async def _prepared(folder: Path) -> str:
    async with SqliteStore.open(folder, polling=True) as store:
        return await _token(store)


def _used(server: Service, load: _Load) -> float:
    before = server.cpu
    load.post(LOAD_S)
    return server.cpu - before


class _Load:
    """Posts `RATE` events a second, evenly."""

    def __init__(self, url: str, key: str) -> None:
        self._where = urlsplit(url)
        self._bodies = endless(batches(1, 20))
        basic = b64encode(f"{key}:".encode()).decode()
        self._headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}

    def post(self, seconds: float) -> None:
        number = round(seconds * RATE / _BATCH)
        began = time.monotonic()
        with closing(http.client.HTTPConnection(str(self._where.hostname), self._where.port, timeout=30)) as connection:
            for turn in range(number):
                time.sleep(max(0.0, began + turn * _BATCH / RATE - time.monotonic()))
                connection.request("POST", "/v1/batch", next(self._bodies), self._headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"a batch was answered {answer.status}")
        time.sleep(max(0.0, began + seconds - time.monotonic()))


@contextmanager
def _watching(address: str, token: str) -> Iterator[None]:
    """One open stream, which somebody reads."""
    where = urlsplit(address)
    stream = socket.create_connection((str(where.hostname), where.port or 80), timeout=30)
    head = f"GET /api/events/stream HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
    stream.sendall(head.encode())
    read = 0

    def reading() -> None:
        nonlocal read
        while piece := stream.recv(1 << 20):
            read += len(piece)

    reader = threading.Thread(target=reading, daemon=True)
    reader.start()
    try:
        yield
    finally:
        stream.shutdown(socket.SHUT_RDWR)
        reader.join()
        stream.close()
    if read < 10_000:
        raise RuntimeError("the stream told nothing")
