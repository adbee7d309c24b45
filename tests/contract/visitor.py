"""The tracking listener as a browser sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from tests.contract.test_tracking import Journal, Scope

from tockwork.ingest.identity import Identity
from tockwork.ingest.intake import Intake
from tockwork.ingest.proxies import Proxies
from tockwork.ingest.source import Source, Sources
from tockwork.ingest.tracking import Tracking
from tockwork.ingest.website import Website
from tockwork.model.clock import SystemClock
from tockwork.store.people import PeopleInMemory

HOST: Final = "events.shop.example"


class Reply(msgspec.Struct):
    status: int
    fields: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.fields)

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def cookies(self) -> list[str]:
        return [value for name, value in self.fields if name == "set-cookie"]


class _Exchange:
    def __init__(self, body: bytes) -> None:
        self.reply: Reply | None = None
        self._body = body

    async def __call__(self) -> bytes:
        return self._body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        yield b""

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.reply = Reply(status, headers, b"")

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.reply = Reply(status, headers, body)


class Browser:
    """`journal` holds what was accepted. Headers are `headers` unless a request says otherwise."""

    def __init__(self, application: Tracking, website: Website, journal: Journal) -> None:
        self.application = application
        self.website = website
        self.journal = journal
        self.headers = {"Host": HOST}

    @property
    def events(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(entry) for entry in self.journal.entries]

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        everything = {**self.headers, "Content-Length": str(len(body)), **said}
        exchange: Any = _Exchange(body)
        await self.application(Scope(method, path, "", everything), exchange)
        reply: Reply = exchange.reply
        return reply

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.ask("GET", path, b"", **headers)

    async def post(self, path: str, content: Any, **headers: str) -> Reply:
        return await self.ask("POST", path, msgspec.json.encode(content), **headers)


@asynccontextmanager
async def browsing(website: Website, *sources: Source, proxies: Proxies | None = None) -> AsyncIterator[Browser]:
    journal = Journal()
    intake = Intake(journal, gather_s=0)
    await intake.start()
    identity = Identity(PeopleInMemory())
    application = Tracking(Sources(sources), intake, SystemClock(), website=website, identity=identity, proxies=proxies)
    try:
        yield Browser(application, website, journal)
    finally:
        await intake.stop()
