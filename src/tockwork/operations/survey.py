"""Takes a `Snapshot` of a store, with or without a server that runs on it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.delivery.standing import Standing, read_kept
from tockwork.ingest.tracking import Counts
from tockwork.operations.snapshot import DestinationState, InBrowser, Snapshot, Space
from tockwork.store.alerts import AlertLog
from tockwork.store.overview import Consumed, Overview
from tockwork.store.protocol import Tally
from tockwork.store.sqlite import SqliteStore


async def survey(
    store: SqliteStore,
    configuration: Configuration,
    version: int,
    *,
    standings: Mapping[str, Standing] | None = None,
    counts: Counts | None = None,
    accepting: bool = False,
) -> Snapshot:
    """How everything stands, the store's part as of one commit. `standings` are those of workers in this process; what
    the last process left counts for the others."""
    consumed, sent = await Overview(store.database).read()
    now, space = time.time(), store.space
    return Snapshot(
        at=now,
        accepting=accepting,
        destinations=[
            _state(entry, consumed.get(entry.name), (standings or {}).get(entry.name), now)
            for entry in configuration.destinations
            if not entry.in_browser
        ],
        in_browser=[
            InBrowser(
                name=leg.name, kind=leg.kind, enabled=leg.enabled, pair=entry.name if entry.pixel is not None else ""
            )
            for entry in configuration.destinations
            for leg in entry.legs
            if leg.in_browser
        ],
        sources={entry.name: sent.get(entry.name, 0) for entry in configuration.sources},
        ingest=counts,
        space=Space(used=space.used_bytes, free=space.free_bytes, reserve=space.reserve_bytes),
        configuration=version,
        alerts=await AlertLog(store.database).firing(),
    )


def _state(
    entry: DestinationEntry, consumed: Consumed | None, standing: Standing | None, now: float
) -> DestinationState:
    one = consumed or Consumed(Tally(), None, None)
    kept = standing.keep(now) if standing else read_kept(one.standing, now)
    return DestinationState(
        name=entry.name,
        kind=entry.kind,
        tally=one.tally,
        sandbox=entry.sandbox,
        enabled=entry.enabled,
        condition=kept.condition,
        reason=kept.reason,
        detail=kept.detail,
        since=kept.since or None,
        oldest_undecided_at=one.oldest_at,
    )
