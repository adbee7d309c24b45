"""Group commit: gathers what arrives together into one chunk of the journal, and tells each request once it is safe."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import chain, groupby
from operator import attrgetter
from typing import Final

import msgspec

from tockwork.model.errors import TockworkError
from tockwork.store.protocol import Journal

GATHER_S: Final = 0.003
CHUNK_EVENTS: Final = 500
CHUNK_BYTES: Final = 1024 * 1024
MAX_WAITING_BYTES: Final = 32 * 1024 * 1024
UNREADY_S: Final = 5.0


class Overloaded(TockworkError):  # noqa: N818 (says what is so)
    """More events are waiting to be written than there is room for; nothing of the call was kept."""


class Stopping(TockworkError):  # noqa: N818 (says what is so)
    """The server takes no events, as yet or any more."""


class _Portion(msgspec.Struct):
    """Entries of one request that go into one chunk. `arrived` is in seconds of the loop's clock, `size` in bytes."""

    entries: Sequence[bytes]
    message_ids: Sequence[str]
    source: str
    size: int
    arrived: float
    done: asyncio.Future[None]


class Intake:
    """Stands between the requests and the journal. One event loop; `start` before `add`, `stop` at the end.

    A chunk is what arrives within `gather_s` seconds, or less once it has `chunk_events` events or `chunk_bytes` bytes.
    While one chunk is being appended the next one gathers: the slower the disk, the larger the chunks.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        gather_s: float = GATHER_S,
        chunk_events: int = CHUNK_EVENTS,
        chunk_bytes: int = CHUNK_BYTES,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self._journal = journal
        self._gather_s = gather_s
        self._chunk_events = chunk_events
        self._chunk_bytes = chunk_bytes
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting: deque[_Portion] = deque()
        self._waiting_events = 0
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._stopping = False
        self._unready_until = 0.0

    @property
    def ready(self) -> bool:
        """Whether events are accepted: started, not stopping, and no append failed in the last five seconds.

        Not longer, since a server that is taken for unready gets no events, and so no append that could go well.
        """
        if self._writer is None or self._stopping:
            return False
        return asyncio.get_running_loop().time() >= self._unready_until

    async def start(self) -> None:
        self._writer = asyncio.create_task(self._write(), name="intake")

    async def stop(self) -> None:
        """Appends what is waiting, then ends; what comes later is refused with `Stopping`."""
        self._stopping = True
        self._arrived.set()
        self._full.set()
        if self._writer is not None:
            await self._writer

    async def add(self, entries: Sequence[bytes], message_ids: Sequence[str], source: str) -> None:
        """Returns once all of `entries` are in the journal.

        `message_ids` has one for each entry; `source` is the name of the source that sent them.

        Raises `Overloaded` when too much is waiting, `Stopping`, or what the journal raised (`StoreFull`: no room).
        More than one chunk's worth may then have been kept in part; sent again, it has the same messageIds.
        """
        if not entries:
            return
        if self._stopping or self._writer is None:
            raise Stopping("the server takes no events now")
        portions = self._portions(entries, message_ids, source)
        size = sum(portion.size for portion in portions)
        if self._waiting_bytes + size > self._max_waiting_bytes:
            raise Overloaded("too many events are waiting to be written")
        self._waiting.extend(portions)
        self._count(len(entries), size)
        self._arrived.set()
        if len(portions) == 1:
            await portions[0].done
            return
        for result in await asyncio.gather(*(portion.done for portion in portions), return_exceptions=True):
            if result is not None:
                raise result

    def _portions(self, entries: Sequence[bytes], message_ids: Sequence[str], source: str) -> list[_Portion]:
        """Entries cut so that none of the parts is more than a chunk."""
        loop = asyncio.get_running_loop()
        if len(entries) == 1:
            return [_Portion(entries, message_ids, source, len(entries[0]), loop.time(), loop.create_future())]
        portions: list[_Portion] = []
        start = size = 0

        def cut(end: int) -> None:
            ids = message_ids[start:end]
            portions.append(_Portion(entries[start:end], ids, source, size, loop.time(), loop.create_future()))

        for place, entry in enumerate(entries):
            full = place - start >= self._chunk_events or size + len(entry) > self._chunk_bytes
            if full and place > start:
                cut(place)
                start, size = place, 0
            size += len(entry)
        cut(len(entries))
        return portions

    def _count(self, events: int, size: int) -> None:
        self._waiting_events += events
        self._waiting_bytes += size
        if self._waiting_events >= self._chunk_events or self._waiting_bytes >= self._chunk_bytes or self._stopping:
            self._full.set()
        else:
            self._full.clear()

    async def _write(self) -> None:
        try:
            while await self._wait():
                await self._append(self._next_chunk())
        finally:
            for portion in self._waiting:
                _fail(portion, Stopping("the server takes no events now"))

    async def _wait(self) -> bool:
        """Until a chunk has gathered; false when there is none and the intake is stopping."""
        await self._arrived.wait()
        if not self._waiting:
            return False
        gathered = self._waiting[0].arrived + self._gather_s
        try:
            async with asyncio.timeout_at(gathered):
                await self._full.wait()
        except TimeoutError:
            pass
        return True

    def _next_chunk(self) -> list[_Portion]:
        chunk = [self._waiting.popleft()]
        events, size = len(chunk[0].entries), chunk[0].size
        while self._waiting:
            portion = self._waiting[0]
            if events + len(portion.entries) > self._chunk_events or size + portion.size > self._chunk_bytes:
                break
            chunk.append(self._waiting.popleft())
            events += len(portion.entries)
            size += portion.size
        self._count(-events, -size)
        if not self._waiting and not self._stopping:
            self._arrived.clear()
        return chunk

    async def _append(self, chunk: list[_Portion]) -> None:
        try:
            await self._journal.append(
                list(chain.from_iterable([portion.entries for portion in chunk])),
                list(chain.from_iterable([portion.message_ids for portion in chunk])),
                _runs(chunk),
            )
        except Exception as problem:
            self._unready_until = asyncio.get_running_loop().time() + UNREADY_S
            for portion in chunk:
                _fail(portion, problem)
        else:
            for portion in chunk:
                if not portion.done.done():  # its client may have gone
                    portion.done.set_result(None)


def _runs(chunk: Sequence[_Portion]) -> list[tuple[str, int]]:
    """How many entries in a row came from which source."""
    by_source = groupby(chunk, key=attrgetter("source"))
    return [(source, sum(len(portion.entries) for portion in portions)) for source, portions in by_source]


def _fail(portion: _Portion, problem: Exception) -> None:
    if not portion.done.done():
        portion.done.set_exception(problem)
