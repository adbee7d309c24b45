"""Reads a request's body, and holds no more of it than its limit, nor of all bodies together than there is room."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

DRAINED_BYTES: Final = 4 * 1024 * 1024
"""How much of a refused body is still read, and thrown away."""

FREE_BYTES: Final = 4 * 1024
"""A body of this size takes no room: slow clients never keep a plain event waiting."""

GZIP_BYTES: Final = 1024
"""How much larger gzip may make what it cannot make smaller."""

PATIENCE_S: Final = 5.0
"""How long a body may hold room that others want, in seconds."""

Receive = Callable[[], Awaitable[dict[str, Any]]]


class ClientGone(Exception):  # noqa: N818 (nobody's error)
    """The client closed the connection before its body was complete."""


class TooLarge(Exception):  # noqa: N818
    """The body has more uncompressed bytes than its limit."""


class BadGzip(Exception):  # noqa: N818
    """The body is no complete gzip stream."""


class NoRoom(Exception):  # noqa: N818
    """Bodies that are being received fill all the room there is, and this one is not to have any of it."""


class Room:
    """Counts the bytes of all bodies that are being received: many slow clients must not fill the memory.

    When it is full, whoever has been sending for longest gives way, if that is longer than `PATIENCE_S`.
    """

    def __init__(self, max_bytes: int) -> None:
        self.free = max_bytes
        self._bodies: dict[Body, None] = {}

    def take(self, body: Body, size: int) -> None:
        """Raises `NoRoom`."""
        while size > self.free:
            slowest = min(self._bodies, key=lambda holder: holder.deadline, default=body)
            if slowest is body or not slowest.overdue:
                raise NoRoom
            slowest.give_way()
        self.free -= size
        self._bodies[body] = None

    def give_back(self, body: Body, size: int) -> None:
        self.free += size
        self._bodies.pop(body, None)


class Body:
    """The body of one ASGI request; a context manager that gives its room back.

    `deadline` is when the client must have sent all of it, in seconds of the loop's clock.
    """

    def __init__(self, receive: Receive, room: Room, deadline_s: float) -> None:
        self._receive = receive
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.deadline = self._began + deadline_s
        self._timeout = asyncio.timeout_at(self.deadline)
        self._more = True
        self._gave_way = False
        # One buffer, since a client may send its body in pieces that are smaller than what it takes to list them.
        self._content = bytearray()
        self._held = 0

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        self._release()

    @property
    def overdue(self) -> bool:
        """Whether its client had time enough to send it."""
        return self._loop.time() >= self._began + PATIENCE_S

    def give_way(self) -> None:
        """Ends `read` with `NoRoom`; what was received is thrown away at once."""
        self._gave_way = True
        self._release()
        self._timeout.reschedule(self._loop.time())

    async def read(self, limit: int, *, gzip: bool) -> bytes:
        """The body, uncompressed, of at most `limit` bytes.

        Raises `TooLarge`, `BadGzip`, `NoRoom`, `TimeoutError` or `ClientGone`.
        """
        most = limit + GZIP_BYTES if gzip else limit
        try:
            async with self._timeout:
                while self._more:
                    chunk = await self._next()
                    if len(self._content) + len(chunk) > most:
                        raise TooLarge
                    self._hold(chunk)
        except TimeoutError:
            self._more = False  # waiting on would be in vain
            if self._gave_way:
                raise NoRoom from None
            raise
        content = bytes(self._content)
        self._release()
        return _gunzip(content, limit) if gzip else content

    async def drain(self) -> None:
        """Reads the rest, as far as it is worth it. A client that is cut off while it sends sees a broken connection
        and tries again, instead of the answer that tells it not to."""
        self._release()
        left = DRAINED_BYTES
        try:
            async with asyncio.timeout_at(self.deadline):
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
        if self._gave_way:
            raise NoRoom
        if len(self._content) + len(chunk) > FREE_BYTES:
            self._room.take(self, len(chunk))
            self._held += len(chunk)
        self._content += chunk

    def _release(self) -> None:
        self._content = bytearray()
        if self._held:
            self._room.give_back(self, self._held)
            self._held = 0


def _gunzip(content: bytes, limit: int) -> bytes:
    """Never makes more than one byte over the limit, so that a gzip bomb costs what an honest body does.

    Called for whole bodies, since a half one would keep a window of 32 KB for as long as its client likes.
    """
    stream = zlib.decompressobj(wbits=31)
    try:
        text = stream.decompress(content, limit + 1)
    except zlib.error:
        raise BadGzip from None
    if len(text) > limit:
        raise TooLarge
    if not stream.eof or stream.unused_data:
        raise BadGzip
    return text
