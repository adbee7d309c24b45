"""Reads a request's body, and holds no more of it than its limit, nor of all bodies together than there is room."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Any, Final

from tockwork.ingest.rsgi import Exchange

DRAINED_BYTES: Final = 4 * 1024 * 1024
"""How much of a refused body is still read, and thrown away."""

FREE_BYTES: Final = 4 * 1024
"""A body of this size takes no room: slow clients never keep a plain event waiting. One that says beforehand that it is
no larger is read in one piece."""

GZIP_BYTES: Final = 1024
"""How much larger gzip may make what it cannot make smaller."""

PATIENCE_S: Final = 5.0
"""How long a body may hold room that others want, in seconds."""


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


class Deadlines:
    """Interrupts bodies that take longer than `seconds`.

    One timer, for the oldest, does for all of them: a timer for each would cost more than all else that a body does.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._bodies: dict[Body, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, body: Body) -> None:
        self._bodies[body] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(body.deadline, self._look)

    def remove(self, body: Body) -> None:
        self._bodies.pop(body, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for body in list(self._bodies):
            if body.deadline > loop.time():
                self._timer = loop.call_at(body.deadline, self._look)
                return
            self.remove(body)
            body.interrupt()


class Body:
    """The body of one request, `length` bytes long (None: its end will tell).

    `deadline` is when the client must have sent all of it, in seconds of the loop's clock.
    """

    __slots__ = (
        "_began",
        "_blanks",
        "_chunks",
        "_deadlines",
        "_exchange",
        "_gave_way",
        "_held",
        "_interrupted",
        "_left",
        "_more",
        "_reader",
        "_room",
    )

    def __init__(self, exchange: Exchange, length: int | None, room: Room, deadlines: Deadlines) -> None:
        self._exchange = exchange
        self._left = length
        self._room = room
        self._deadlines = deadlines
        self._began = asyncio.get_running_loop().time()
        self._reader: asyncio.Task[Any] | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._blanks = 0
        self._more = length != 0
        self._interrupted = False
        self._gave_way = False
        self._held = 0

    @property
    def deadline(self) -> float:
        return self._began + self._deadlines.seconds

    @property
    def overdue(self) -> bool:
        """Whether its client had time enough to send it."""
        return asyncio.get_running_loop().time() >= self._began + PATIENCE_S

    def give_way(self) -> None:
        """Ends `read` with `NoRoom`."""
        self._gave_way = True
        self._release()
        self.interrupt()

    def interrupt(self) -> None:
        """Ends `read`, if it is under way: with `TimeoutError`, when nothing else is the cause."""
        if self._reader is not None and not self._interrupted:
            self._interrupted = True
            self._reader.cancel()

    async def read(self, limit: int, *, gzip: bool) -> bytes:
        """The body, uncompressed, of at most `limit` bytes.

        Raises `TooLarge`, `BadGzip`, `NoRoom`, `TimeoutError` or `ClientGone`.
        """
        self._reader = reader = asyncio.current_task()
        self._deadlines.add(self)
        try:
            if self._left is not None and self._left <= FREE_BYTES:
                content = await self._whole()
            else:
                content = await self._pieces(limit + GZIP_BYTES if gzip else limit)
        except asyncio.CancelledError:
            if not self._interrupted or reader is None or reader.uncancel():
                raise
            self._more = False  # waiting on would be in vain
            raise (NoRoom if self._gave_way else TimeoutError) from None
        finally:
            self._reader = None
            self._deadlines.remove(self)
        return _gunzip(content, limit) if gzip else content

    async def drain(self) -> None:
        """Reads the rest, as far as it is worth it. A client that is cut off while it sends sees a broken connection
        and tries again, instead of the answer that tells it not to. Raises `ClientGone`."""
        left = DRAINED_BYTES
        try:
            async with asyncio.timeout_at(self.deadline):
                while self._more and left > 0:
                    left -= len(await self._next())
        except TimeoutError:
            self._more = False

    async def _whole(self) -> bytes:
        self._more = False
        try:
            return await self._exchange()
        except RuntimeError:
            raise ClientGone from None

    async def _pieces(self, most: int) -> bytes:
        # One buffer, since a client may send its body in pieces that are smaller than what it takes to list them.
        content = bytearray()
        try:
            while self._more:
                chunk = await self._next()
                size = len(content) + len(chunk)
                if size > most:
                    raise TooLarge
                if size > FREE_BYTES:
                    self._room.take(self, len(chunk))
                    self._held += len(chunk)
                content += chunk
            return bytes(content)
        finally:
            self._release()

    async def _next(self) -> bytes:
        """The next chunk; an empty one at the end."""
        if self._chunks is None:
            self._chunks = aiter(self._exchange)
        try:
            chunk = await self._chunks.__anext__()  # not anext() with a default: CPython 3.11 crashes on Granian's
        except StopAsyncIteration:
            self._more = False
            if self._left or self._blanks > 1:
                raise ClientGone from None
            return b""
        self._blanks += not chunk
        if self._left is not None:
            self._left -= len(chunk)
            self._more = self._left > 0
        return chunk

    def _release(self) -> None:
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
