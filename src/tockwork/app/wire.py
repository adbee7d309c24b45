"""Puts a server together: sources and destinations on one journal, one sender, one listener."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import time
from typing import Final

import structlog

from tockwork.app.configuration import Configuration, DestinationEntry, SourceEntry
from tockwork.app.server import TrackingServer
from tockwork.app.settings import Settings
from tockwork.delivery.connection import Connection
from tockwork.delivery.sender import Sender
from tockwork.delivery.worker import Worker
from tockwork.destinations.catalog import find
from tockwork.destinations.tiktok.phone import prepare
from tockwork.ingest.intake import Intake
from tockwork.ingest.source import Source, SourceKind, Sources
from tockwork.ingest.tracking import Tracking
from tockwork.model import reasons
from tockwork.model.clock import SystemClock
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.outcome import Outcome, Status
from tockwork.model.secret import Secret
from tockwork.store.memory import MemoryJournal, MemoryLedger, MemoryRetrySet
from tockwork.store.protocol import Ledger

DRAIN_S: Final = 5.0
STOP_S: Final = 2.0

_log = structlog.get_logger(__name__)


class Running:
    """A server that accepts and delivers. `url` is where clients send; `workers` are the destinations' by name."""

    def __init__(self, url: str, tracking: Tracking, workers: dict[str, Worker]) -> None:
        self.url = url
        self.tracking = tracking
        self.workers = workers


class Instance:
    """A configured destination: its connection, and how a worker transforms with it."""

    def __init__(self, entry: DestinationEntry, connection: Connection) -> None:
        self.name = entry.name
        self.enabled = entry.enabled
        self.connection = connection

    def transform(self, entries: Sequence[bytes]) -> list[Outcome]:
        if not self.enabled:
            return [Outcome(None, None, Status.FILTERED, reasons.DESTINATION_DISABLED) for _ in entries]
        # "Now" is each event's receivedAt, which the intake stamped.
        now = time()
        return [outcome for entry in entries for outcome in self.connection.outcomes(entry, now)]


def instances(entries: Sequence[DestinationEntry]) -> list[Instance]:
    """Connects every destination. Raises `ConfigurationError` with the problems of all of them."""
    found: list[Instance] = []
    problems: list[Problem] = []
    for place, entry in enumerate(entries):
        try:
            connection = Connection(find(entry.kind), entry.settings, entry.mappings, entry.preset_pack)
        except ConfigurationError as error:
            problems += [Problem(f"destinations[{place}].{p.where}", p.what, p.mend) for p in error.problems]
        else:
            found.append(Instance(entry, connection))
    if problems:
        raise ConfigurationError(problems)
    return found


def sources(entries: Sequence[SourceEntry]) -> Sources:
    """The sources by write key. Raises `ConfigurationError`."""
    problems = [
        Problem(f"sources[{place}].kind", f"expected one of {', '.join(SourceKind)}, found {entry.kind!r}")
        for place, entry in enumerate(entries)
        if entry.kind not in list(SourceKind)
    ]
    problems += [
        Problem(f"sources[{place}].write_key", "is empty, or taken by an earlier source", "Give each source its own.")
        for place, entry in enumerate(entries)
        if not entry.write_key or entry.write_key in [other.write_key for other in entries[:place]]
    ]
    if problems:
        raise ConfigurationError(problems)
    return Sources(Source(e.name, Secret(e.write_key), SourceKind(e.kind), e.enabled) for e in entries)


@asynccontextmanager
async def running(
    configuration: Configuration, settings: Settings, ledger: Ledger | None = None
) -> AsyncIterator[Running]:
    """A server on `configuration`, until the block ends: then it takes no more events and delivers what it has.

    Fates go to `ledger`, to one in memory unless given. Raises `ConfigurationError` when the configuration is wrong or
    the address cannot be had.
    """
    connected = instances(configuration.destinations)
    known = sources(configuration.sources)
    prepare()
    journal = MemoryJournal(max_bytes=settings.memory_mb * 1_000_000)
    retries, kept = MemoryRetrySet(), ledger or MemoryLedger()
    async with AsyncExitStack() as stack:
        sender = await stack.enter_async_context(Sender(base_url=settings.tiktok_url, ca_bundle=settings.ca_bundle))
        workers: dict[str, Worker] = {}
        for instance in connected:
            link = instance.connection.link(instance.name)
            worker = Worker(link, instance.transform, sender=sender, journal=journal, retries=retries, ledger=kept)
            await worker.start()
            stack.push_async_callback(_finish, worker)
            workers[instance.name] = worker
        intake = Intake(journal)
        await intake.start()
        stack.push_async_callback(intake.stop)
        tracking = Tracking(known, intake, SystemClock(), proxies=settings.proxies)
        server = TrackingServer(tracking, settings.host, settings.port)
        port = await server.start()
        stack.push_async_callback(server.stop)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield Running(f"http://{host}:{port}", tracking, workers)


async def _finish(worker: Worker) -> None:
    """Delivers what was accepted, as far as time and the destination allow: nothing outlives this process."""
    if not worker.link.standing.held:
        await worker.drain(DRAIN_S)
    await worker.stop(STOP_S)
    left = (await worker.count()).undecided
    if left:
        _log.warning("events_lost", destination=worker.consumer, events=left)
