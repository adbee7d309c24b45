"""Serves an ASGI application over RSGI, Granian's own protocol, which costs it far less for each request.

What differs from Granian's ASGI: a header whose value is not plain ASCII is left out, and a chunked body that breaks
off looks like one that ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from granian._granian import RSGIHTTPProtocol as Protocol
from granian._granian import RSGIProtocolClosed as ProtocolClosed
from granian.rsgi import Scope

WHOLE_BYTES: Final = 4 * 1024
"""A body that says to be no longer is taken in one piece; Granian holds it until it is complete."""

Message = dict[str, Any]
Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

_GONE: Final[Message] = {"type": "http.disconnect"}


async def serve(application: Application, scope: Scope, protocol: Protocol) -> None:
    """Has `application` answer one request."""
    headers = [(name.encode(), value.encode()) for name, value in scope.headers.items()]
    host, _, port = scope.client.rpartition(":")
    length = scope.headers.get("content-length")
    exchange = _Exchange(protocol, int(length) if length is not None else None)
    asgi = {
        "type": "http",
        "method": scope.method,
        "path": scope.path,
        "query_string": scope.query_string.encode(),
        "headers": headers,
        "client": (host.strip("[]"), int(port)),
    }
    await application(asgi, exchange.receive, exchange.send)


class _Exchange:
    """The application's side of one request. `length` is what Content-Length says, None for a chunked body or none."""

    __slots__ = ("_chunks", "_complete", "_headers", "_left", "_protocol", "_status")

    def __init__(self, protocol: Protocol, length: int | None) -> None:
        self._protocol = protocol
        self._left = length
        self._complete = False
        self._chunks: AsyncIterator[bytes] | None = None
        self._status = 0
        self._headers: list[tuple[str, str]] = []

    async def receive(self) -> Message:
        if self._complete:
            await self._protocol.client_disconnect()
            return _GONE
        if self._chunks is None and self._left is not None and self._left <= WHOLE_BYTES:
            try:
                body = await self._protocol()
            except ProtocolClosed:
                return _GONE
            self._complete = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._piece()

    async def _piece(self) -> Message:
        if self._chunks is None:
            self._chunks = aiter(self._protocol)
        try:
            chunk = await self._chunks.__anext__()  # not anext() with a default: CPython 3.11 crashes on Granian's
        except StopAsyncIteration:
            if self._left:
                return _GONE
            chunk, self._complete = b"", True
        if self._left is not None:
            self._left -= len(chunk)
            self._complete = self._complete or not self._left
        return {"type": "http.request", "body": chunk, "more_body": not self._complete}

    async def send(self, message: Message) -> None:
        """An answer is a start and one body."""
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], _text(tuple(message.get("headers", ())))
        else:
            self._protocol.response_bytes(self._status, self._headers, message.get("body", b""))


@lru_cache(maxsize=64)
def _text(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Headers as RSGI has them; an application has few sets of them, and uses them again and again."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
