"""Reads a request's body, and holds no more of it than its limit, nor of all bodies together than there is room."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

DRAINED_BYTES: Final = 4 * 1024 * 1024
"""How much of a refused body is still read, and thrown away."""

Receive = Callable[[], Awaitable[dict[str, Any]]]


class ClientGone(Exception):  # noqa: N818 (nobody's error)
    """The client closed the connection before its body was complete."""


class TooLarge(Exception):  # noqa: N818
    """The body has more uncompressed bytes than its limit."""


class BadGzip(Exception):  # noqa: N818
    """The body is no complete gzip stream."""


class NoRoom(Exception):  # noqa: N818
    """Bodies that are being received fill all the room there is."""


class Room:
    """Counts the bytes of all bodies that are held at once: many slow clients must not fill the memory."""

    def __init__(self, max_bytes: int) -> None:
        self.free = max_bytes


class Body:
    """The body of one ASGI request; a context manager that gives its room back."""

    def __init__(self, receive: Receive, room: Room, deadline_s: float) -> None:
        """`deadline_s`: how many seconds the client has to send all of it."""
        self._receive = receive
        self._room = room
        self._deadline_s = deadline_s
        self._more = True
        self._chunks: list[bytes] = []

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        self._room.free += sum(map(len, self._chunks))
        self._chunks.clear()

    async def read(self, limit: int, *, gzip: bool) -> bytes:
        """The body, uncompressed, of at most `limit` bytes.

        Raises `TooLarge`, `BadGzip`, `NoRoom`, `TimeoutError` or `ClientGone`.
        """
        gunzip = _Gunzip(limit) if gzip else None
        size = 0
        try:
            async with asyncio.timeout(self._deadline_s):
                while self._more:
                    chunk = await self._next()
                    if gunzip is not None:
                        chunk = gunzip(chunk)
                    size += len(chunk)
                    if size > limit:
                        raise TooLarge
                    self._hold(chunk)
        except TimeoutError:
            self._more = False  # waiting on would be in vain
            raise
        if gunzip is not None and not gunzip.complete:
            raise BadGzip
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    async def drain(self) -> None:
        """Reads the rest, as far as it is worth it. A client that is cut off while it sends sees a broken connection
        and tries again, instead of the answer that tells it not to."""
        left = DRAINED_BYTES
        try:
            async with asyncio.timeout(self._deadline_s):
                while self._more and left > 0:
                    left -= len(await self._next())
        except TimeoutError:
            self._more = False

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._more = message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk

    def _hold(self, chunk: bytes) -> None:
        if len(chunk) > self._room.free:
            raise NoRoom
        if chunk:
            self._room.free -= len(chunk)
            self._chunks.append(chunk)


class _Gunzip:
    """Never makes more than one byte over its limit, so that a gzip bomb costs what an honest body does."""

    def __init__(self, limit: int) -> None:
        self._left = limit + 1
        self._stream = zlib.decompressobj(wbits=31)

    def __call__(self, chunk: bytes) -> bytes:
        try:
            text = self._stream.decompress(chunk, self._left)
        except zlib.error:
            raise BadGzip from None
        self._left -= len(text)
        return text

    @property
    def complete(self) -> bool:
        return self._stream.eof and not self._stream.unused_data
