"""The counts of a destination's mappings."""

from __future__ import annotations

from pathlib import Path

from tockwork.model.clock import SimulatedClock
from tockwork.model.outcome import Status
from tockwork.store.mapping_counts import MappingCounts, mapping_counts
from tockwork.store.protocol import Line, Settled
from tockwork.store.sqlite import SqliteStore


async def test_deliveries_by_mapping(tmp_path: Path) -> None:
    clock = SimulatedClock()
    async with SqliteStore.open(tmp_path, clock=clock) as store:
        await store.join("shop")
        begun = clock.now()
        await _settle(store, "Purchase", Status.DELIVERED)
        await clock.advance(3600)
        await _settle(store, "Purchase", Status.DELIVERED)
        await _settle(store, "Purchase", Status.REJECTED)
        await _settle(store, "Search", Status.INVALID)
        await _settle(store, None, Status.FILTERED)
        found = await mapping_counts(store.database, "shop", begun)
        assert found == {"Purchase": MappingCounts(2, 1), "Search": MappingCounts(0, 1)}
        lately = await mapping_counts(store.database, "shop", begun + 1800)
        assert lately["Purchase"] == MappingCounts(1, 1)
        assert await mapping_counts(store.database, "other", begun) == {}


async def _settle(store: SqliteStore, mapping: str | None, status: Status) -> None:
    await store.append([b"{}"], ["m"], [("web", 1)])
    chunk = await store.read("shop", 0)
    assert chunk is not None
    reason = None if status is Status.DELIVERED else "no_trigger" if mapping is None else "field_type"
    await store.settle("shop", [Settled(chunk, [Line((chunk.id, 0), "m", mapping, status, reason)], [])])
