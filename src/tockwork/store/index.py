"""What events are searched by: digests of the journal's chunks, made behind its back.

A block has the digests of some thousand events in a row. Numbers and digests stand in the order of the events, so that
what is known of one event is found, and wiped out, by its place. Nothing in here is a name or an id as it was sent.
"""

from __future__ import annotations

import asyncio
import sqlite3
import struct
import sys
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from itertools import accumulate
from typing import Any, Final

import msgspec

from tockwork.model.errors import StoreFull
from tockwork.store.database import Database
from tockwork.store.ledger import unpack
from tockwork.store.protocol import ERASED
from tockwork.store.statements import Statements

SEARCH: Final = Statements("search")
BLOCK_EVENTS: Final = 1000
"""A block is made once so many events wait for one."""
READ_BYTES: Final = 500_000
"""So much of the journal is in memory at a time, or a single chunk."""
DIGEST_BYTES: Final = 4
NAME_BYTES: Final = 8
NOTHING: Final = 0
OTHER: Final = 0xFFFF
MOST_KINDS: Final = 60_000
"""Beyond them, an event's kind is `OTHER`: whoever looks for it must read the event."""
BREATH_S: Final = 0.02
"""Between two blocks, others have their turn."""
_CHUNK: Final = struct.Struct("<II")


class Narrow(msgspec.Struct):
    """What a search looks at in an event."""

    type: Any = None
    event: Any = None
    name: Any = None
    userId: Any = None  # noqa: N815 (Segment's names)
    anonymousId: Any = None  # noqa: N815
    messageId: Any = None  # noqa: N815
    receivedAt: Any = None  # noqa: N815

    @property
    def title(self) -> str:
        """A track call's event, a page's or a screen's name, else nothing."""
        said = self.event if self.type == "track" else self.name
        return said if isinstance(said, str) else ""

    @property
    def call(self) -> str:
        return self.type if isinstance(self.type, str) else ""


_narrow: Final = msgspec.json.Decoder(Narrow).decode


def narrow(entry: bytes) -> Narrow:
    """An event's few members; none of an event that is no JSON object."""
    try:
        return _narrow(entry)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Narrow()


def text(value: Any) -> str:
    """An id as text, nothing for what is none."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def digest(value: Any) -> bytes:
    """Four bytes for an id, zeros for none. Two ids have the same with a chance of one in 4 * 10^9."""
    said = text(value)
    if not said:
        return bytes(DIGEST_BYTES)
    made = blake2b(said.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
    return made if any(made) else b"\1" * DIGEST_BYTES


def name_digest(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=NAME_BYTES).digest()


Kind = tuple[str, str, bytes]
"""A source, a call, and the digest of an event name."""


class Block(msgspec.Struct):
    """Digests of chunks in a row: each chunk's id, number of events and content's length; each event's kind."""

    chunks: list[tuple[int, int, int]] = []
    kinds: list[Kind | None] = []
    people: bytearray = msgspec.field(default_factory=bytearray)
    messages: bytearray = msgspec.field(default_factory=bytearray)

    def add(self, chunk_id: int, sources: bytes, content: bytes) -> None:
        entries = unpack(content)
        self.chunks.append((chunk_id, len(entries), len(content)))
        for entry, source in zip(entries, runs(sources, len(entries)), strict=True):
            if entry == ERASED:
                self.kinds.append(None)
                self.people += bytes(2 * DIGEST_BYTES)
                self.messages += bytes(DIGEST_BYTES)
                continue
            event = narrow(entry)
            self.kinds.append((source, event.call, name_digest(event.title)))
            self.people += digest(event.userId) + digest(event.anonymousId)
            self.messages += digest(event.messageId)


def runs(sources: bytes, events: int) -> Iterator[str]:
    """The source of each event."""
    told = 0
    for source, number in msgspec.json.decode(sources):
        for _ in range(min(number, events - told)):
            yield source
        told += number
    for _ in range(events - told):
        yield ""


class Index:
    """Makes the blocks. One process at a time; it goes on where the last one ended."""

    def __init__(self, database: Database, breath_s: float = BREATH_S) -> None:
        self._database = database
        self._breath_s = breath_s

    async def step(self) -> None:
        """Makes all blocks for which there are events enough, and room on the disk."""
        with suppress(StoreFull):  # a search reads what is in no block
            await self._blocks()

    async def _blocks(self) -> None:
        while chunks := await self._database.read(_unindexed):
            block = Block()
            while chunks:
                contents = await self._database.read(partial(_contents, chunks=chunks))
                await asyncio.to_thread(_add, block, contents)
                chunks = chunks[max(len(contents), 1) :]
            if block.chunks:
                await self._database.write(partial(_keep, block=block))
            await asyncio.sleep(self._breath_s)


def _unindexed(connection: sqlite3.Connection) -> list[int]:
    """Chunks for the next block; none while there are not enough."""
    (after,) = connection.execute(SEARCH.indexed).fetchone()
    found: list[int] = []
    total = 0
    rows = connection.execute(SEARCH.unindexed, {"after": after, "limit": 4 * BLOCK_EVENTS})
    for chunk_id, events in rows:
        found.append(chunk_id)
        total += events
        if total >= BLOCK_EVENTS:
            return found
    return []


def _contents(connection: sqlite3.Connection, chunks: Sequence[int]) -> list[tuple[int, bytes, bytes]]:
    """As many of the first of these chunks as fit into little memory, one at least; without those that are gone."""
    found: list[tuple[int, bytes, bytes]] = []
    size = 0
    for chunk_id in chunks:
        row = connection.execute(SEARCH.indexable, {"chunk_id": chunk_id}).fetchone()
        if row is None:
            break
        found.append((chunk_id, *row))
        size += len(row[1])
        if size >= READ_BYTES:
            break
    return found


def _add(block: Block, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
    for chunk_id, sources, content in rows:
        block.add(chunk_id, sources, content)


def _keep(connection: sqlite3.Connection, block: Block) -> None:
    """Writes a block, unless one of its chunks was changed or deleted, or is in another block, meanwhile."""
    first, last = block.chunks[0][0], block.chunks[-1][0]
    found = connection.execute(SEARCH.sizes, {"first_id": first, "last_id": last}).fetchall()
    if found != [(chunk_id, size) for chunk_id, _, size in block.chunks]:
        return
    if connection.execute(SEARCH.indexed).fetchone()[0] >= first:
        return
    numbers = {kind: _number(connection, kind) for kind in set(block.kinds)}
    kinds = words(numbers[kind] for kind in block.kinds)
    row = {
        "first_id": first,
        "last_id": last,
        "chunks": b"".join(_CHUNK.pack(chunk_id - first, events) for chunk_id, events, _ in block.chunks),
        "present": dumped(words(sorted(set(numbers.values())))),
        "kinds": dumped(kinds),
    }
    connection.execute(SEARCH.add_block, row)
    connection.execute(SEARCH.add_people, {"first_id": first, "digests": bytes(block.people)})
    connection.execute(SEARCH.add_messages, {"first_id": first, "digests": bytes(block.messages)})


def _number(connection: sqlite3.Connection, kind: Kind | None) -> int:
    if kind is None:
        return NOTHING
    names: dict[str, Any] = {"source": kind[0], "type": kind[1], "name": kind[2], "most": MOST_KINDS}
    found = connection.execute(SEARCH.kind, names).fetchone() or connection.execute(SEARCH.new_kind, names).fetchone()
    return OTHER if found is None else int(found[0])


def words(numbers: Any) -> array[int]:
    return array("H", numbers)


def dumped(numbers: array[int]) -> bytes:
    """Two bytes each, the lower one first."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def loaded(content: bytes) -> array[int]:
    numbers = array("H")
    numbers.frombytes(content)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def chunks_of(first_id: int, content: bytes) -> list[tuple[int, int, int]]:
    """Each chunk of a block: its id, the place of its first event in the block, and its number of events."""
    sizes = list(_CHUNK.iter_unpack(content))
    starts = accumulate((events for _, events in sizes), initial=0)
    return [(first_id + offset, start, events) for (offset, events), start in zip(sizes, starts, strict=False)]


def forget(connection: sqlite3.Connection, events: Mapping[int, Collection[int] | None]) -> None:
    """Wipes out what is known of events, by chunk; of all of a chunk's where it says None. A block that is left
    without any event goes as a whole."""
    waiting = sorted(events, reverse=True)
    while waiting:
        row = connection.execute(SEARCH.block_of, {"chunk_id": waiting[-1]}).fetchone()
        if row is None:
            waiting.pop()
            continue
        first_id, chunks, *digests = row
        kinds, people, messages = (bytearray(each) for each in digests)
        places = {chunk_id: (start, number) for chunk_id, start, number in chunks_of(first_id, chunks)}
        last = max(places)
        while waiting and waiting[-1] <= last:
            chunk_id = waiting.pop()
            start, number = places.get(chunk_id, (0, 0))
            which = events[chunk_id]
            for event in range(number) if which is None else which:
                _wipe(start + event, (kinds, 2), (people, 2 * DIGEST_BYTES), (messages, DIGEST_BYTES))
        _change(connection, first_id, bytes(kinds), bytes(people), bytes(messages))


def _wipe(place: int, *parts: tuple[bytearray, int]) -> None:
    for digests, size in parts:
        digests[place * size : (place + 1) * size] = bytes(size)


def _change(connection: sqlite3.Connection, first_id: int, kinds: bytes, people: bytes, messages: bytes) -> None:
    names = {"first_id": first_id}
    if not any(kinds):
        for statement in (SEARCH.delete_block, SEARCH.delete_people, SEARCH.delete_messages):
            connection.execute(statement, names)
        return
    connection.execute(SEARCH.change_kinds, names | {"kinds": kinds})
    connection.execute(SEARCH.change_people, names | {"digests": people})
    connection.execute(SEARCH.change_messages, names | {"digests": messages})
