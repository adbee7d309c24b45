"""What every store does: memory, SQLite and a partitioned log alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from tockwork.model.errors import TockworkError
from tockwork.model.event import Envelope
from tockwork.model.fate import History
from tockwork.model.outcome import Status


class Chunk(msgspec.Struct, frozen=True):
    """Events that were made durable together; the unit of reading and of acknowledgement.

    `id` grows within a journal; `entries` are events as accepted, JSON bytes each. `attempt` counts the times that this
    consumer was handed the chunk, 1 at first; `since` is the Unix time of the first.
    """

    id: int
    entries: tuple[bytes, ...]
    attempt: int = 1
    since: float = 0.0


class UnknownConsumer(TockworkError):  # noqa: N818 (says what is so)
    """A consumer that has not joined the journal."""


class Journal(Protocol):
    """Accepted events, in order. Each consumer (a destination instance) has its own position.

    There is no transaction across chunks: a chunk that was read and not acknowledged within its lease is handed out
    again, so a consumer writes down what it still has to do before it acknowledges.
    """

    async def append(self, entries: Sequence[bytes]) -> int:
        """Keep `entries` as one chunk and return its id; once it returns, they are as durable as this store can make
        them. Raises `StoreFull` when there is no room; then nothing was kept."""
        ...

    async def join(self, consumer: str) -> None:
        """From now on `consumer` is handed every chunk that is appended. One that joined before keeps its position."""
        ...

    async def leave(self, consumer: str) -> None:
        """`consumer` reads no more, and no chunk is kept for it. Harmless for one that never joined."""
        ...

    async def read(self, consumer: str, wait_s: float) -> Chunk | None:
        """The next chunk for `consumer`: the oldest whose lease ran out, else the oldest never handed to it. Waits up
        to `wait_s` seconds for one; None when there was none. Raises `UnknownConsumer` for one that has not joined."""
        ...

    async def acknowledge(self, consumer: str, chunk_id: int) -> None:
        """`consumer` is done with the chunk. Acknowledging twice, or late, does no harm."""
        ...

    async def backlog(self, consumer: str) -> int:
        """How many events `consumer` has not acknowledged yet. Raises `UnknownConsumer`."""
        ...


Key = tuple[int, int]
"""A delivery within one consumer: the chunk's id, and the place among the outcomes of the chunk's events."""


class Retry(msgspec.Struct, frozen=True):
    """A row to be sent again: its bytes never change. `at` and `expires_at` are Unix times in seconds."""

    key: Key
    at: float
    row: bytes
    envelope: Envelope
    history: History
    message_id: str | None = None
    mapping: str | None = None
    expires_at: float | None = None


class RetrySet(Protocol):
    """Rows that wait for another attempt. What is put is as durable as the journal's chunks."""

    async def put(self, consumer: str, retries: Sequence[Retry]) -> None:
        """Keep these; one with the same key is replaced."""
        ...

    async def due(self, consumer: str, now: float, limit: int) -> list[Retry]:
        """Up to `limit` rows whose time has come, the earliest first. They stay in the set until removed."""
        ...

    async def remove(self, consumer: str, keys: Sequence[Key]) -> None:
        """These are settled. Removing what is not there does no harm."""
        ...

    async def next_at(self, consumer: str) -> float | None:
        """The Unix time of the earliest row; None when there is none."""
        ...

    async def size(self, consumer: str) -> int:
        """How many rows wait."""
        ...


class Line(msgspec.Struct, frozen=True):
    """One line of the ledger: the state of a delivery, or of an event that makes none."""

    key: Key
    message_id: str | None
    mapping: str | None
    status: Status
    reason: str | None = None
    detail: str | None = None
    code: int | None = None


class Tally(msgspec.Struct, frozen=True):
    """Counts of one consumer: events decided, and the lines of the ledger by status and reason.

    With the journal's backlog as *undecided*, at every commit: accepted = undecided + filtered + suppressed + duplicate
    + matched; and the deliveries of matched events = pending + delivered + invalid + rejected + expired.
    """

    events: int
    lines: dict[tuple[Status, str | None], int]

    def count(self, *statuses: Status) -> int:
        return sum(number for (status, _), number in self.lines.items() if status in statuses)

    @property
    def matched(self) -> int:
        """Events that made at least one delivery."""
        return self.events - self.count(Status.FILTERED, Status.SUPPRESSED, Status.DUPLICATE)

    @property
    def deliveries(self) -> int:
        return sum(self.lines.values()) - self.count(Status.FILTERED, Status.SUPPRESSED, Status.DUPLICATE)


class Ledger(Protocol):
    """Every fate."""

    async def record(self, consumer: str, chunk_id: int, events: int, lines: Sequence[Line]) -> None:
        """The events of a chunk are decided, with these lines: one for each outcome, by place. Written just before the
        chunk is acknowledged; recording a chunk again replaces what was recorded."""
        ...

    async def update(self, consumer: str, lines: Sequence[Line]) -> None:
        """These deliveries, recorded before as pending, have a new state."""
        ...

    async def tally(self, consumer: str) -> Tally: ...

    async def exceptions(self, consumer: str, limit: int) -> list[Line]:
        """The newest lines that are invalid, rejected or expired, or pending, with their detail."""
        ...
