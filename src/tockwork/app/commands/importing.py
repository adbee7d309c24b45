"""Brings a file's events into the journal, and sees to it that they are delivered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from tockwork.app.workers import Workers
from tockwork.delivery.standing import Condition, read_kept
from tockwork.destinations.tiktok.phone import prepare
from tockwork.ingest.files.reader import Portion, Reader, Reading
from tockwork.model.errors import ConfigurationError
from tockwork.model.outcome import Status
from tockwork.operations.premises import Premises
from tockwork.operations.settings import Settings
from tockwork.store.imports import Import, Imports
from tockwork.store.lock import Role, held
from tockwork.store.protocol import Part, Tally

SOURCE: Final = "import"
"""The source that imported events are counted under."""
CHUNK_EVENTS: Final = 1000
CHUNK_BYTES: Final = 1 << 20
BLOCK_BYTES: Final = 1 << 17
LOOK_S: Final = 0.5
KEY_BYTES: Final = 32
"""Of a file that is imported again, the key is longer."""


def key_of(path: Path, reading: Reading) -> bytes:
    """What makes two imports the same: the file's content, and how it is read."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").digest()
    return hashlib.sha256(content + msgspec.json.encode(reading, order="deterministic")).digest()


async def begun(imports: Imports, key: bytes, consumer: str, name: str, *, again: bool) -> Import:
    """The import to go on with: the newest of this key, or another one after it if that is finished and `again`."""
    earlier = [one for one in await imports.all() if one.consumer == consumer and one.key.startswith(key)]
    if not earlier:
        return await imports.begin(key, consumer, name)
    if again and earlier[-1].finished_at is not None:
        return await imports.begin(key + len(earlier).to_bytes(4), consumer, name)
    return earlier[-1]


async def read(premises: Premises, found: Import, reader: Reader, told: Callable[[int], None]) -> None:
    """Appends what of the file is not in the journal yet; position and events are one commit. Where the file is
    imported again, events are taken though their messageIds were accepted before. `told` is told the records read."""
    again = len(found.key) > KEY_BYTES
    imports = Imports(premises.store.database)
    for portion in reader.portions(found.position, BLOCK_BYTES):
        for entries, message_ids, position in _chunks(portion):
            part = Part(found.id, found.consumer, position)
            sources = [(SOURCE, len(entries))]
            await premises.store.append(entries, () if again else message_ids, sources, part=part)
        told(portion.read)
        await asyncio.sleep(0)
    await imports.finish(found.id)


def _chunks(portion: Portion) -> Iterator[tuple[list[bytes], list[str], int]]:
    """Slices for one chunk each, and how many records are read with each of them."""
    start, number = 0, len(portion.entries)
    while start < number:
        end, size = start, 0
        while end < number and end - start < CHUNK_EVENTS and (end == start or size < CHUNK_BYTES):
            size += len(portion.entries[end])
            end += 1
        position = portion.read if end == number else portion.records[end - 1]
        yield portion.entries[start:end], portion.message_ids[start:end], position
        start = end


class Delivery:
    """Delivers one destination's events where no server does so."""

    def __init__(self, premises: Premises, settings: Settings, name: str) -> None:
        self._premises, self._settings, self._name = premises, settings, name
        self._stack = AsyncExitStack()
        self._delivers = False

    async def start_if_free(self) -> None:
        """Takes the role of delivering if nobody has it."""
        if self._delivers:
            return
        with suppress(ConfigurationError):
            self._stack.enter_context(held(self._settings.data, Role.DELIVERY))
            self._delivers = True
        if self._delivers:
            prepare()
            premises = self._premises
            workers = Workers(premises.store, premises.versions, self._settings)
            await self._stack.enter_async_context(workers)
            await workers.only(premises.instance(self._name))

    async def stop(self) -> None:
        await self._stack.aclose()


@asynccontextmanager
async def delivering(premises: Premises, settings: Settings, name: str, *, wanted: bool) -> AsyncIterator[Delivery]:
    """A `Delivery` that ends with the block; it begins with it if `wanted`."""
    delivery = Delivery(premises, settings, name)
    try:
        if wanted:
            await delivery.start_if_free()
        yield delivery
    finally:
        await delivery.stop()


def waiting(tally: Tally) -> int:
    """How many events are undecided or have rows that wait."""
    return tally.undecided + tally.count(Status.PENDING)


async def settled(premises: Premises, found: Import, delivery: Delivery, moved: Callable[[int, int, str], None]) -> str:
    """Waits until everything of the import is decided, or the destination takes nothing until someone mends it; returns
    what holds it up, if anything does. `moved` is told how many are decided, twice, and what holds the rest up."""
    imports = Imports(premises.store.database)
    while True:
        await delivery.start_if_free()
        tally = await imports.tally(found.id)
        left = waiting(tally)
        if not left:
            return ""
        kept = read_kept(await premises.store.standing(found.consumer), 0.0)
        held_up = "" if kept.condition is Condition.OPEN else f"{kept.condition} ({kept.reason})"
        moved(found.events - left, found.events - left, held_up)
        if kept.condition in (Condition.BLOCKED, Condition.PAUSED):
            return held_up
        await asyncio.sleep(LOOK_S)
