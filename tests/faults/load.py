"""Sends events as fast as they are taken, and remembers what was acknowledged."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Final

import aiohttp
import msgspec
from tests.faults.oracle import PREFIX, Oracle

WRITE_KEY: Final = "fault-key"
CONNECTIONS: Final = 8
MOST: Final = 50
PATIENCE_S: Final = 20.0


class Load:
    """`connections` clients, each sending single events and batches of up to 50 in turn.

    Every event has `padding` random bytes that no mapping looks at. `answers` counts by status; `silent` is the number
    of refusals that did not say when to come again.
    """

    def __init__(self, oracle: Oracle, random: Random, *, connections: int = CONNECTIONS, padding: int = 0) -> None:
        self.answers: Counter[int] = Counter()
        self.silent = 0
        self._oracle = oracle
        self._random = random
        self._connections = connections
        self._padding = padding

    async def run(self, url: str, until: Callable[[], bool] = lambda: False, pause_s: float = 0.0) -> None:
        """Sends to `url` until the server is gone or `until` holds. A refused request is not repeated: its events are
        nobody's obligation."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        connector = aiohttp.TCPConnector(limit=self._connections)
        session = aiohttp.ClientSession(url, connector=connector, timeout=timeout)
        async with session, asyncio.TaskGroup() as clients:
            for _ in range(self._connections):
                clients.create_task(self._client(session, until, pause_s))

    async def _client(self, session: aiohttp.ClientSession, until: Callable[[], bool], pause_s: float) -> None:
        while not until():
            single = self._random.random() < 0.5
            numbers = [self._oracle.claim() for _ in range(1 if single else self._random.randint(1, MOST))]
            events = [self._event(number) for number in numbers]
            body = {"writeKey": WRITE_KEY, **(events[0] if single else {"batch": events})}
            try:
                async with session.post(f"/v1/{'track' if single else 'batch'}", data=msgspec.json.encode(body)) as it:
                    self._answered(it, numbers)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                return
            await asyncio.sleep(pause_s)

    def _answered(self, answer: aiohttp.ClientResponse, numbers: list[int]) -> None:
        self.answers[answer.status] += 1
        if answer.ok:
            self._oracle.acknowledge(numbers)
        elif answer.status in (429, 503) and "Retry-After" not in answer.headers:
            self.silent += 1

    def _event(self, number: int) -> dict[str, Any]:
        event: dict[str, Any] = {
            "type": "track",
            "event": "Order Completed",
            "messageId": f"{PREFIX}{number}",
            "userId": f"user-{number}",
            "properties": {"value": number, "currency": "EUR"},
            "context": {"page": {"url": "https://shop.example/done"}},
        }
        if self._padding:
            event["properties"]["padding"] = b64encode(self._random.randbytes(self._padding)).decode()
        return event
