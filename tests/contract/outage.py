"""A whole delivery in simulated time: a store, workers, a sender, and a platform that fails as it is told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import msgspec

from tockwork.delivery.exchange import Reply
from tockwork.delivery.link import Link
from tockwork.delivery.sender import Sender
from tockwork.delivery.worker import Worker
from tockwork.destinations.tiktok import responses
from tockwork.model.clock import SimulatedClock
from tockwork.model.event import Envelope
from tockwork.model.outcome import Answer, Outcome, Status, Verdict
from tockwork.model.secret import Secret
from tockwork.store.protocol import Store, Tally

WEB = Envelope("web", "C8E2OS3C77UABCDXYZ00")
OK = b'{"code":0,"message":"OK","request_id":"1","data":{}}'
ROUND_TRIP_S = 0.1

Said = Reply | Answer
Rows = list[dict[str, Any]]
Behaviour = Callable[[float, Rows], Said]
"""What the platform answers to rows at a time."""


def reply(status: int = 200, body: bytes = OK, **headers: str) -> Reply:
    return Reply(status, {key.replace("_", "-"): value for key, value in headers.items()}, body)


def code(number: int, message: str = "", status: int = 200, **headers: str) -> Reply:
    return reply(status, json.dumps({"code": number, "message": message, "data": {}}).encode(), **headers)


class Platform:
    """Stands where the exchange stands. What it takes is counted; each token has a behaviour, or none and works."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.behaviours: dict[str, Behaviour] = {}
        self.took_s: dict[str, float] = {}
        self.arrived: dict[str, dict[str, float]] = {}
        self.bodies: dict[str, set[bytes]] = {}
        self.attempts: Counter[str] = Counter()
        self.requests: list[tuple[float, str]] = []

    async def close(self) -> None:
        pass

    async def post(self, path: str, headers: Mapping[str, str], body: bytes, within_s: float) -> Said:
        token = headers["Access-Token"]
        rows: Rows = msgspec.json.decode(body)["data"]
        self.requests.append((self.clock.now(), token))
        for row in msgspec.json.decode(body, type=_Request).data:
            name = msgspec.json.decode(row)["event_id"]
            self.bodies.setdefault(name, set()).add(bytes(row))
            self.attempts[name] += 1
        await self.clock.sleep(self.took_s.get(token, ROUND_TRIP_S))
        behaviour = self.behaviours.get(token)
        said = behaviour(self.clock.now(), rows) if behaviour else reply()
        if isinstance(said, Reply) and said.body == OK:
            self.take(token, rows)
        return said

    def take(self, token: str, rows: Rows) -> None:
        for row in rows:
            self.arrived.setdefault(token, {}).setdefault(row["event_id"], self.clock.now())


class _Request(msgspec.Struct):
    data: list[msgspec.Raw]


class Made:
    """A transform: each event is one row."""

    version = 1
    sources = None
    silent = False

    def outcomes(self, entries: Any) -> list[list[Outcome]]:
        return [self._of(json.loads(entry)["id"]) for entry in entries]

    def _of(self, event_id: str) -> list[Outcome]:
        row = msgspec.Raw(json.dumps({"event": "Purchase", "event_id": event_id, "page": {"url": "u"}}).encode())
        return [Outcome(event_id, "Sale", Status.MAPPED, row=row, envelope=WEB)]


class World:
    """Two destinations with a token each: ``ill``, which meets the faults, and ``well``."""

    def __init__(self, clock: SimulatedClock, store: Store, seed: int = 1) -> None:
        self.clock = clock
        self.store = store
        self.platform = Platform(clock)
        self.sender = Sender(clock=clock, random=Random(seed), exchange=self.platform)
        self.workers = {
            name: Worker(self.link(name), Made(), sender=self.sender, store=store, clock=clock)
            for name in ("ill", "well")
        }
        self.appended: dict[str, float] = {}

    def link(self, name: str, token: str = "") -> Link:
        return Link(name, token=Secret(token or name), path="/track", read=responses.read)

    async def start(self) -> None:
        for worker in self.workers.values():
            await worker.start()

    async def stop(self) -> None:
        for worker in self.workers.values():
            await worker.stop(0.05)
        await self.sender.close()

    async def shop(self, seconds: int, per_second: int) -> None:
        """Lets time pass, and events come."""
        for _ in range(seconds):
            ids = [f"e-{len(self.appended) + n}" for n in range(per_second)]
            await self.store.append([json.dumps({"id": each}).encode() for each in ids], ids)
            self.appended.update(dict.fromkeys(ids, self.clock.now()))
            await self.clock.advance(1)

    async def tally(self, name: str) -> Tally:
        tally = await self.store.tally(name)
        assert tally.lawful
        assert tally.accepted == len(self.appended)
        return tally

    async def delivered(self, name: str) -> bool:
        """Whether every event arrived, and the ledger says so."""
        tally = await self.tally(name)
        arrived = self.platform.arrived.get(name, {})
        return tally.lines == {(Status.DELIVERED, None): len(self.appended)} and arrived.keys() == self.appended.keys()

    def delays_s(self, name: str) -> list[float]:
        arrived = self.platform.arrived.get(name, {})
        return sorted(at - self.appended[each] for each, at in arrived.items())


def unreachable() -> Answer:
    return Answer(Verdict.RETRY, "unreachable", message="the connection was refused", ambiguous=False)


def silent() -> Answer:
    return Answer(Verdict.RETRY, "no_answer", message="no answer in time", ambiguous=True)
