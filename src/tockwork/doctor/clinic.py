"""Diagnoses of a data folder's destinations, each made when somebody asks, and kept for a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from tockwork.configuration.advice import pairs
from tockwork.configuration.entries import DestinationEntry
from tockwork.configuration.instance import Instance, instances
from tockwork.delivery.standing import Condition
from tockwork.doctor.diagnosis import Diagnosis
from tockwork.doctor.traffic import FORMER_LIMIT, LIMIT, Traffic, diagnose
from tockwork.ingest.source import SourceKind
from tockwork.model.clock import Clock, SystemClock
from tockwork.model.errors import ConfigurationError
from tockwork.operations.premises import Premises
from tockwork.operations.snapshot import Snapshot
from tockwork.store.retention import DAY_S
from tockwork.store.sample import Sampling, sample
from tockwork.store.volumes import volumes

FRESH_S: Final = 60.0


class _Basis:
    """What all destinations' diagnoses of a minute share."""

    def __init__(self, at: float, sampling: Sampling, former: Sampling, snapshot: Snapshot) -> None:
        self.at = at
        self.sampling = sampling
        self.former = former
        self.snapshot = snapshot


class Clinic:
    """Diagnoses the destinations of `premises`, one at a time: in a thread, so that the server goes on."""

    def __init__(self, premises: Premises, clock: Clock | None = None) -> None:
        self._premises = premises
        self._clock = clock or SystemClock()
        self._turn = asyncio.Lock()
        self._kept: dict[str, tuple[int, float, Diagnosis]] = {}
        self._basis: _Basis | None = None
        self._connected: tuple[int, list[Instance]] = (-1, [])

    async def diagnosis(self, name: str) -> Diagnosis:
        """Raises `ConfigurationError` for a destination that is none, or cannot be connected."""
        async with self._turn:
            version, now = self._premises.version, self._clock.monotonic()
            connected = await self._instances()
            instance = next((one for one in connected if one.name == name), None) or self._premises.instance(name)
            known = self._kept.get(name)
            if known is not None and known[0] == version and now - known[1] < FRESH_S:
                return known[2]
            traffic = await self._traffic(instance)
            made = await asyncio.to_thread(diagnose, instance, _partner(instance, connected), traffic)
            self._kept = {key: value for key, value in self._kept.items() if value[0] == version}
            self._kept[name] = (version, self._clock.monotonic(), made)
            return made

    async def _traffic(self, instance: Instance) -> Traffic:
        basis = await self._shared()
        state = next((one for one in basis.snapshot.destinations if one.name == instance.name), None)
        cannot = state is not None and state.condition in (Condition.BLOCKED, Condition.PAUSED)
        sources = self._premises.configuration.sources
        return Traffic(
            at=basis.at,
            since=basis.at - DAY_S,
            sampling=basis.sampling,
            former=basis.former,
            volumes=await volumes(self._premises.store.database, instance.name, basis.at),
            blocked=state.reason if state is not None and cannot else "",
            browser_sources=frozenset(one.name for one in sources if one.kind == SourceKind.BROWSER),
        )

    async def _shared(self) -> _Basis:
        now = self._clock.now()
        if self._basis is None or not 0 <= now - self._basis.at < FRESH_S:
            database = self._premises.store.database
            sampling = await sample(database, now - DAY_S, now + 1, LIMIT)
            former = await sample(database, now - 2 * DAY_S, now - DAY_S, FORMER_LIMIT)
            self._basis = _Basis(now, sampling, former, await self._premises.survey())
        return self._basis

    async def _instances(self) -> list[Instance]:
        """Every destination that can be connected, a pair as its two legs."""
        version = self._premises.version
        if self._connected[0] != version:
            self._connected = (
                version,
                await asyncio.to_thread(_all, self._premises.configuration.destinations, version),
            )
        return self._connected[1]


def _all(entries: Sequence[DestinationEntry], version: int) -> list[Instance]:
    connected: list[Instance] = []
    for entry in entries:
        with suppress(ConfigurationError):
            connected += instances([entry], version)
    return connected


def _partner(instance: Instance, connected: Sequence[Instance]) -> Instance | None:
    """The other leg of the destination's pair, be it written as one or not."""
    for server, page in pairs(connected):
        if instance.name in (server.name, page.name):
            return page if instance.name == server.name else server
    return None
