"""The admin listener: health, metrics, the management API and the console."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import structlog

from tockwork.app.metrics import CONTENT_TYPE, Metrics
from tockwork.ingest.answer import JSON, Answer, unavailable, wrong_method
from tockwork.ingest.rsgi import Fields

PATHS: Final = ("/health", "/ready", "/metrics")
BODY_S: Final = 30.0
"""So long a request's body may take to arrive."""
GUARDS: Final = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}
"""Headers of every answer that does not say otherwise: no browser keeps it, shows it within a page or runs it."""

_OK: Final = b'{"status":"ok"}'
_log = structlog.get_logger(__name__)

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class Rooms(msgspec.Struct, frozen=True):
    """ASGI applications: `api` for all paths below `/api`, `console` for all others."""

    api: Application
    console: Application

    def at(self, path: str) -> Application:
        return self.api if path == "/api" or path.startswith("/api/") else self.console


class Admin:
    """Answers `PATHS` itself, and has the rooms answer the rest. `ready` says whether the server does its work now.

    `rooms` makes them, in a thread, when somebody comes for the first time: that takes a second and much memory.

    A web page can make a browser send requests to this machine under the page's own name (DNS rebinding). So a request
    must be for an address, for a name without dots, which no stranger can own, or for one of `names`.
    """

    def __init__(
        self,
        metrics: Metrics,
        ready: Callable[[], bool],
        names: Collection[str] = (),
        rooms: Callable[[], Rooms] | None = None,
    ) -> None:
        self._metrics = metrics
        self._ready = ready
        self._names = frozenset(name.lower() for name in names)
        self._rooms = rooms
        self._made: asyncio.Future[Rooms] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        send = _guarding(send)
        try:
            self._ensure_ours(scope)
            elsewhere = await self._room(scope["path"])
            kind, body = (JSON, b"") if elsewhere else await self._found(scope)
        except Answer as problem:
            await _refuse(send, problem)
        except Exception as problem:
            _log.error("admin request failed", error=type(problem).__name__)
            await _refuse(send, Answer(500, "internal_error", "the server failed at this request"))
        else:
            if elsewhere:
                await elsewhere(scope, _Body(receive), send)
            else:
                await _reply(send, 200, [kind], b"" if scope["method"] == "HEAD" else body)

    async def _room(self, path: str) -> Application | None:
        """Who answers at this path; None where that is done here."""
        if self._rooms is None or path in PATHS:
            return None
        self._made = self._made or asyncio.ensure_future(asyncio.to_thread(self._rooms))
        return (await asyncio.shield(self._made)).at(path)

    async def _found(self, scope: dict[str, Any]) -> tuple[tuple[str, str], bytes]:
        """Content type and body. Raises `Answer` for anything but success."""
        if scope["path"] not in PATHS:
            raise Answer(404, "not_found", f"no such path: there are {', '.join(PATHS)}")
        if scope["method"] not in ("GET", "HEAD"):
            raise wrong_method("GET, HEAD")
        if scope["path"] == "/metrics":
            return ("content-type", CONTENT_TYPE), await self._metrics.render()
        if scope["path"] == "/ready" and not self._ready():
            raise unavailable("not_ready", "the server does not do its work now")
        return JSON, _OK

    def _ensure_ours(self, scope: dict[str, Any]) -> None:
        if not self._for_us(dict(scope["headers"]).get(b"host", b"").decode("latin-1")):
            raise Answer(421, "unknown_host", "expected a Host header with an address or a name of this server")

    def _for_us(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name in self._names or not {".", ":"} & set(name):
                return True
            ip_address(name)
        except ValueError:
            return False
        return True


class _Body:
    """Receives a request. One whose body takes longer than `BODY_S` is over, as if its client had gone."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._until = time.monotonic() + BODY_S
        self._whole = False

    async def __call__(self) -> Message:
        if self._whole:  # whoever waits now waits for the client to go
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._until - time.monotonic())
        except TimeoutError:
            return {"type": "http.disconnect"}
        self._whole = not message.get("more_body", False)
        return message


def _guarding(send: Send) -> Send:
    """Sends with `GUARDS`."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            said = {bytes(name).lower() for name, _ in message["headers"]}
            missing = [(name, value) for name, value in GUARDS.items() if name not in said]
            message = {**message, "headers": [*message["headers"], *missing]}
        await send(message)

    return guarded


async def _refuse(send: Send, problem: Answer) -> None:
    """Unlike the tracking API's errors, these are for no other origin to read."""
    await _reply(send, problem.status, [JSON, *problem.headers], problem.body)


async def _reply(send: Send, status: int, headers: Fields, body: bytes) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
