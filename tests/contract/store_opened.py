"""The stores under test, and short ways to bring one into a state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.contract.store_values import LEASE_S, Opened, settled

from tockwork.model.clock import SimulatedClock
from tockwork.model.outcome import Status
from tockwork.store.imports import Imports
from tockwork.store.memory import MemoryStore
from tockwork.store.protocol import Chunk, Store, UnknownConsumer
from tockwork.store.sqlite import SqliteStore


@asynccontextmanager
async def memory(clock: SimulatedClock, folder: Path) -> AsyncIterator[Store]:
    yield MemoryStore(lease_s=LEASE_S, clock=clock)


@asynccontextmanager
async def sqlite(clock: SimulatedClock, folder: Path) -> AsyncIterator[Store]:
    async with SqliteStore.open(folder, clock=clock, lease_s=LEASE_S) as store:
        clock.busy.append(lambda: store.database.busy)
        yield store


STORES: dict[str, Opened] = {"memory": memory, "sqlite": sqlite}
DURABLE: dict[str, Opened] = {"sqlite": sqlite}
"""Those that outlive their process: they are closed and opened again."""


async def import_of(store: Store, consumer: str) -> int:
    """The id of an import for `consumer`; any, where the store has no imports or it has not joined."""
    if isinstance(store, SqliteStore):
        with suppress(UnknownConsumer):
            return (await Imports(store.database).begin(b"key", consumer, "orders.csv")).id
    return 1


async def read(store: Store, consumer: str = "shop") -> Chunk:
    chunk = await store.read(consumer, 0)
    assert chunk is not None
    return chunk


async def settle(store: Store, chunk: Chunk, *states: Sequence[Status], consumer: str = "shop", at: float = 0) -> None:
    await store.settle(consumer, [settled(chunk, *states, at=at)])


async def filled(store: Store, *states: Sequence[Status], consumer: str = "shop", at: float = 0) -> Chunk:
    """A chunk that `consumer`, who has settled all others, settles so."""
    await store.join(consumer)
    await store.append([b"{}"] * len(states))
    chunk = await read(store, consumer)
    await settle(store, chunk, *states, consumer=consumer, at=at)
    return chunk
