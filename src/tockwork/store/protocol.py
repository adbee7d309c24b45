"""What every store does: memory, SQLite and a partitioned log alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from tockwork.model.errors import TockworkError
from tockwork.model.event import Envelope
from tockwork.model.fate import History
from tockwork.model.outcome import Status

PLACES: Final = 64
"""How many deliveries one event may make at one destination: more than the mappings it may have."""

NO_DELIVERY: Final = frozenset({Status.FILTERED, Status.SUPPRESSED, Status.DUPLICATE})
"""States of events that make no delivery."""
DEAD: Final = frozenset({Status.INVALID, Status.REJECTED, Status.EXPIRED})
"""Dead letters."""

ERASED: Final = b""
"""What stands in a chunk for an event that was erased, since its person was deleted."""

Key = tuple[int, int]
"""A delivery within one consumer: the chunk's id, and the place of one of an event's outcomes (`place_of`)."""


def place_of(event: int, nth: int) -> int:
    """The place of an event's `nth` outcome; `event` is its index in the chunk."""
    return event * PLACES + nth


class Chunk(msgspec.Struct, frozen=True):
    """Events that were made durable together; the unit of reading and of settling.

    `id` grows within a journal; `entries` are events as accepted, JSON bytes each. Where an attempt was begun before,
    `begun_at` is the Unix time of the first and `version` the configuration version that its rows were made with.
    `duplicates` are the indexes of entries whose messageId was accepted before. `sources` are runs of entries by the
    name of their source: empty where that does not count, as for what was imported for one consumer.
    """

    id: int
    entries: tuple[bytes, ...]
    begun_at: float | None = None
    version: int | None = None
    duplicates: frozenset[int] = frozenset()
    sources: tuple[tuple[str, int], ...] = ()


class Part(msgspec.Struct, frozen=True):
    """Makes a chunk part of an import: it is `consumer`'s alone. `position` is how much of the file is read with it."""

    import_id: int
    consumer: str
    position: int


class UnknownConsumer(TockworkError):  # noqa: N818 (says what is so)
    """A consumer that has not joined the journal."""


class Line(msgspec.Struct, frozen=True):
    """One line of the ledger: the state of a delivery, or of an event that makes none."""

    key: Key
    message_id: str | None
    mapping: str | None
    status: Status
    reason: str | None = None
    detail: str | None = None
    code: int | None = None


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


class Settled(msgspec.Struct, frozen=True):
    """A chunk that is decided: lines for each of its events in order (by place), and the rows to be sent again, whose
    lines are pending."""

    chunk: Chunk
    lines: Sequence[Line]
    retries: Sequence[Retry] = ()


class Tally(msgspec.Struct, frozen=True):
    """One consumer's counts, as of one commit: events accepted since it joined, those undecided, and the lines of the
    ledger by status and reason.

    accepted = undecided + filtered + suppressed + duplicate + matched; and the deliveries of matched events = pending +
    delivered + invalid + rejected + expired.
    """

    accepted: int = 0
    undecided: int = 0
    matched: int = 0
    lines: dict[tuple[Status, str | None], int] = {}

    def count(self, *statuses: Status) -> int:
        return sum(number for (status, _), number in self.lines.items() if status in statuses)

    @property
    def deliveries(self) -> int:
        return sum(number for (status, _), number in self.lines.items() if status not in NO_DELIVERY)

    @property
    def lawful(self) -> bool:
        """Whether every accepted event is accounted for."""
        return self.accepted == self.undecided + self.count(*NO_DELIVERY) + self.matched


class Journal(Protocol):
    """Where accepted events go."""

    async def append(
        self,
        entries: Sequence[bytes],
        message_ids: Sequence[str] = (),
        sources: Sequence[tuple[str, int]] = (),
        *,
        part: Part | None = None,
    ) -> int:
        """Keep `entries` as one chunk and return its id; once it returns, they are as durable as this store can make
        them. Raises `StoreFull` when there is no room; then nothing was kept.

        `message_ids`, one for each entry, make them findable, and those that were accepted in the last 48 hours (by
        whole seconds, since they were new) make their entries duplicates; `sources` are runs of entries by the name of
        their source. Of a `part`, the import's position is written with it; raises `UnknownConsumer` when its consumer
        has not joined the store, be it in another process.
        """
        ...


class Store(Journal, Protocol):
    """Accepted events in order, each consumer's position among them, and every fate.

    A consumer is a destination instance. What a method writes is durable once it returns, all of it or nothing.
    `begin`, `begin_again`, `update` and `keep_standing` raise `UnknownConsumer` for one that has not joined, so that no
    row of a removed destination is sent. A store that is opened again wants `join` before anything else.
    """

    # Position

    async def join(self, consumer: str) -> None:
        """From now on `consumer` is handed every chunk that is appended. One that joined before keeps its position."""
        ...

    async def leave(self, consumer: str) -> None:
        """`consumer` reads no more. What it had not decided becomes filtered and what was pending expires, both for the
        reason ``destination_removed``. Harmless for one that never joined."""
        ...

    async def read(self, consumer: str, wait_s: float) -> Chunk | None:
        """The next chunk for `consumer`: the oldest whose lease ran out, else the oldest never handed out by this
        process. Waits up to `wait_s` seconds for one; None when there was none. Raises `UnknownConsumer`."""
        ...

    async def begin(self, consumer: str, chunk_ids: Sequence[int], version: int, at: float) -> None:
        """Rows of these chunks, made with configuration `version`, are about to be sent, at Unix time `at`. Of a chunk
        that was begun before, the first time and version are kept."""
        ...

    async def settle(self, consumer: str, settled: Sequence[Settled]) -> None:
        """These chunks are decided, and done with. One that was settled before, or by one that never joined, is left
        as it is."""
        ...

    # Rows to be sent again

    async def due(self, consumer: str, now: float, limit: int) -> list[Retry]:
        """Up to `limit` rows whose time has come, the earliest first. They stay until they are updated."""
        ...

    async def begin_again(self, consumer: str, keys: Sequence[Key], at: float) -> None:
        """These rows are about to be sent, at Unix time `at`: should this process end, they may have arrived."""
        ...

    async def update(self, consumer: str, lines: Sequence[Line], retries: Sequence[Retry] = ()) -> None:
        """These pending deliveries have a new state; those still pending wait as `retries` say. A key that is not
        pending is left as it is."""
        ...

    async def next_at(self, consumer: str) -> float | None:
        """The Unix time of the earliest row; None when there is none."""
        ...

    # Counts and fates

    async def tally(self, consumer: str) -> Tally:
        """All zero for one that never joined."""
        ...

    async def exceptions(self, consumer: str, limit: int) -> list[Line]:
        """The newest lines that are invalid, rejected, expired or pending, with their detail."""
        ...

    # Standing

    async def keep_standing(self, consumer: str, standing: bytes) -> None:
        """Remember how a destination stands, for the next process."""
        ...

    async def standing(self, consumer: str) -> bytes | None: ...
