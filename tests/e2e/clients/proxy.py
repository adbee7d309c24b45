"""A reverse proxy in front of a server, which answers the first requests itself, or loses them."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, Final, Self

import aiohttp
import msgspec
from aiohttp import web

from tockwork.ingest.answer import ANY_ORIGIN, JSON, Answer, overloaded, unavailable

HOP_BY_HOP: Final = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}
RETRY_AFTER_S: Final = 1


class Loss(Enum):
    REQUEST = "the connection breaks before the server saw the request"
    ANSWER = "the server took the request, and the connection breaks before its answer"


BUSY: Final = overloaded("too many events at once")
FULL: Final = unavailable("store_full", "the disk is full")


class Exchange(msgspec.Struct, kw_only=True):
    """One request and its answer: `at` in seconds on a steady clock, `status` 0 where the connection broke."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int = 0

    @property
    def json(self) -> Any:
        return json.loads(gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body)


class Proxy:
    """Forwards to `server`, which may be changed. Each of `faults` befalls one POST, in order: an answer of the
    server's own (with a short Retry-After), or a `Loss`. Nothing is forwarded while `open` is clear. `exchanges` are
    all requests, preflights included."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.url = ""
        self.faults: list[Answer | Loss] = []
        self.exchanges: list[Exchange] = []
        self.open = asyncio.Event()
        self.open.set()
        self._http: aiohttp.ClientSession

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Self]:
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._exchange)
        runner = web.AppRunner(application, access_log=None, auto_decompress=False, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = "http://{}:{}".format(*runner.addresses[0][:2])
            async with aiohttp.ClientSession(auto_decompress=False) as self._http:
                yield self
        finally:
            await runner.cleanup()

    @property
    def posts(self) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.method == "POST"]

    async def _exchange(self, request: web.Request) -> web.StreamResponse:
        noted = Exchange(
            at=time.monotonic(),
            method=request.method,
            path=request.path,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        self.exchanges.append(noted)
        fault = self.faults.pop(0) if self.faults and request.method == "POST" else None
        if isinstance(fault, Answer):
            answer = _response(fault)
        elif fault is Loss.REQUEST:
            return _broken(request)
        else:
            await self.open.wait()
            try:
                answer = await self._forward(noted)
            except aiohttp.ClientConnectionError:  # the server is down
                return _broken(request)
        if fault is Loss.ANSWER:
            return _broken(request)
        noted.status = answer.status
        return answer

    async def _forward(self, noted: Exchange) -> web.Response:
        headers = {name: value for name, value in noted.headers.items() if name not in HOP_BY_HOP}
        url = f"{self.server}{noted.path}"
        async with self._http.request(noted.method, url, headers=headers, data=noted.body) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())


def _broken(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()


def _response(answer: Answer) -> web.Response:
    """What the server itself would send, but for the time to wait."""
    headers = {**dict([JSON, ANY_ORIGIN, *answer.headers]), "retry-after": str(RETRY_AFTER_S)}
    return web.Response(status=answer.status, headers=headers, body=answer.body)
