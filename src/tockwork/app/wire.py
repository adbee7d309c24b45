"""Puts a server together: the store, what accepts events, what delivers them, and what looks after both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

import structlog

from tockwork.app import alerting
from tockwork.app.admin import Admin, Rooms
from tockwork.app.alerting import Alerting
from tockwork.app.metrics import Metrics
from tockwork.app.projects import projects
from tockwork.app.server import ASGI, RSGI, Application, HttpServer, Interface
from tockwork.app.workers import Workers
from tockwork.configuration.entries import Configuration, SourceEntry
from tockwork.configuration.keyring import Keyring
from tockwork.configuration.versions import Versions
from tockwork.destinations.tiktok.phone import prepare
from tockwork.ingest.assets import Assets
from tockwork.ingest.identity import LIVES, Identity
from tockwork.ingest.intake import Intake
from tockwork.ingest.source import Source, SourceKind, Sources
from tockwork.ingest.tracking import Tracking
from tockwork.ingest.website import Website
from tockwork.model.clock import SystemClock
from tockwork.model.errors import ConfigurationError, Problem, StoreFull
from tockwork.model.secret import Secret
from tockwork.operations.premises import Premises
from tockwork.operations.settings import Settings
from tockwork.operations.snapshot import Snapshot
from tockwork.operations.survey import survey
from tockwork.operations.webhook import post
from tockwork.store.alerts import AlertLog
from tockwork.store.control import Control
from tockwork.store.erasure import Erasure
from tockwork.store.index import Index
from tockwork.store.lock import Role, held
from tockwork.store.people import StoredPeople
from tockwork.store.retention import Retention
from tockwork.store.sqlite import SqliteStore
from tockwork.store.suppression import Suppression

ALL: Final = tuple(Role)
LOOK_S: Final = 0.5
"""How often a server looks for a new configuration, for wishes, and for room on the disk."""
PURGE_S: Final = 60.0
ERASE_S: Final = 2.0
INDEX_S: Final = 1.0
KEEP_S: Final = 1.0
GRACE_S: Final = 3.0
"""With the workers' five seconds, a stop takes less than ten."""

_log = structlog.get_logger(__name__)


class Running:
    """A server. `url` is where clients send, empty where it only delivers; `admin_url` is for people and machines that
    watch it. `version` is the configuration that it runs on."""

    def __init__(self, store: SqliteStore, versions: Versions, settings: Settings) -> None:
        self.url = ""
        self.admin_url = ""
        self.store = store
        self.versions = versions
        self.configuration = Configuration()
        self.version = 0
        self.tracking: Tracking | None = None
        self.intake: Intake | None = None
        self.workers: Workers | None = None
        self.people: StoredPeople | None = None
        self._settings = settings
        self._turn = asyncio.Lock()
        self._control = Control(store.database)
        self._suppression = Suppression(store.database)
        self._retention = Retention(store.database, store.space, settings.ages)
        self.premises = Premises(
            store,
            versions,
            settings,
            observe=self.snapshot,
            applied=self.apply_newest,
            stand_in=lambda: self.workers.sandbox_url if self.workers else "",
            tracking=lambda: self.url,
        )

    @property
    def ready(self) -> bool:
        """Whether it does its work now."""
        return self.intake is None or self.intake.ready

    async def apply_newest(self) -> None:
        """Goes on with the newest configuration. Raises `ConfigurationError`, and keeps the present one, when that is
        wrong."""
        async with self._turn:  # whoever changed it asks for it, and so does `look`
            version = await self.versions.latest()
            if version == self.version:
                return
            configuration = await self.versions.load(version)
            known = sources(configuration.sources)
            website = self.tracking.website if self.tracking else None
            served = await asyncio.to_thread(projects, configuration, website.assets) if website else None
            if self.workers is not None:
                await self.workers.apply(configuration, version)
            if self.tracking is not None:
                self.tracking.sources = known
            if website is not None and served is not None:
                website.projects = served
            self.version, self.configuration = version, configuration
            _log.info("configuration_applied", version=version)

    async def look(self) -> None:
        """Once around: configuration, wishes, room."""
        wished = await self._control.wishes() if self.workers else []  # first: theirs may be a new destination
        await self.apply_newest()
        if self.workers is not None:
            await self.store.notice()
            if wished:
                await self.workers.obey(wished)
                await self._control.fulfilled(wished[-1])
            purged = await self._retention.make_room(time.time())
            if purged:
                _log.warning("events_deleted_early", events=purged.events, mend="Make room on the disk.")

    async def purge(self) -> None:
        """Deletes what is older than it should be."""
        if self.workers is not None:
            await self._retention.purge(time.time())
        if self.people is not None:
            await self.people.expire()

    async def keep(self) -> None:
        """Writes down what was learnt of people."""
        if self.people is not None:
            with suppress(StoreFull):  # events are refused too then, and that is told
                await self.people.keep()

    async def erase(self) -> None:
        """Finishes what a command began: removes all traces of people who were deleted."""
        await self.forget()
        if self.workers is not None:
            regions = {instance.region for instance in self.workers.instances.values()}
            erasure = Erasure(self.store, regions)
            if await erasure.is_due():
                erased = await erasure.run()
                _log.info("people_erased", events=erased.events, whole=erased.whole)

    async def forget(self) -> None:
        """Forgets who was deleted since the last time, and learns nothing of them any more."""
        identity = self.tracking.identity if self.tracking else None
        if identity is not None:
            deleted = frozenset(tombstone.mark for tombstone in await self._suppression.tombstones())
            known, identity.deleted = identity.deleted, deleted
            try:
                await identity.people.forget(deleted.difference(known))
            except Exception:
                identity.deleted = known
                raise

    async def snapshot(self) -> Snapshot:
        """How everything stands, the store's part as of one commit."""
        workers = self.workers.by_name if self.workers else {}
        return await survey(
            self.store,
            self.configuration,
            self.version,
            standings={name: worker.link.standing for name, worker in workers.items()},
            counts=self.tracking.counts if self.tracking else None,
            accepting=self.intake is not None and self.intake.ready,
        )


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
    return Sources(
        Source(e.name, Secret(e.write_key), SourceKind(e.kind), e.enabled, tuple(e.allowed_origins), e.cookie_domain)
        for e in entries
    )


@asynccontextmanager
async def running(
    settings: Settings,
    configuration: Configuration | None = None,
    roles: Sequence[Role] = ALL,
    first: Callable[[], Configuration] = Configuration,
) -> AsyncIterator[Running]:
    """A server on its data folder, until the block ends: then it takes no more events, and what is not delivered stays.

    `configuration` becomes the newest version, unless it is that already; without one, a store that has none yet gets
    that of `first`. Raises `ConfigurationError` when it is wrong,
    when the data folder cannot be used, or when an address cannot be had.
    """
    async with AsyncExitStack() as stack:
        folder = prepared(settings.data)
        for role in roles:
            stack.enter_context(held(folder, role))
        keyring = Keyring.load(folder)
        store = await stack.enter_async_context(
            SqliteStore.open(folder, reserve_bytes=settings.reserve_mb * 1024 * 1024, polling=Role.INGEST not in roles)
        )
        server = Running(store, Versions(Control(store.database), keyring), settings)
        if configuration is None and not await server.versions.latest():
            configuration = first()
        if configuration is not None:
            await server.versions.keep(configuration)
        if Role.DELIVERY in roles:
            prepare()
            server.workers = await stack.enter_async_context(Workers(store, server.versions, settings))
        if Role.INGEST in roles:
            server.people = StoredPeople(store.database, store.space, LIVES)
            await server.people.load()
            stack.push_async_callback(server.keep)
            server.intake = Intake(store)
            await server.intake.start()
            stack.push_async_callback(server.intake.stop)
            website = Website(Assets(), settings.proxies)
            server.tracking = Tracking(
                Sources([]),
                server.intake,
                SystemClock(),
                proxies=settings.proxies,
                website=website,
                identity=Identity(server.people),
            )
            await server.forget()
        await server.apply_newest()
        upkeep: tuple[tuple[str, Callable[[], Awaitable[None]], float], ...] = (
            ("look", server.look, LOOK_S),
            ("purge", server.purge, PURGE_S),
            ("erase", server.erase, ERASE_S),
            ("keep", server.keep, KEEP_S),
        )
        if Role.DELIVERY in roles:
            watch = Alerting(
                AlertLog(store.database), lambda: server.configuration, server.snapshot, post, settings.ca_bundle
            )
            upkeep += (("alerts", watch.look, alerting.LOOK_S), ("tell", watch.tell, alerting.TELL_S))
        if Role.CONSOLE in roles:
            upkeep = (*upkeep, ("index", Index(store.database).step, INDEX_S))
        for name, work, pause_s in upkeep:
            stack.push_async_callback(_ended, asyncio.create_task(_again(work, pause_s), name=name))
        await _listen(server, settings, Role.CONSOLE in roles, stack)
        stack.push_async_callback(server.premises.tail.stop)  # first: requests that never end by themselves
        yield server


async def _listen(server: Running, settings: Settings, console: bool, stack: AsyncExitStack) -> None:
    rooms = partial(_rooms, server.premises) if console else None
    admin = Admin(Metrics(server.snapshot), lambda: server.ready, [settings.admin_host], rooms)
    listeners: list[tuple[Application, Interface, str, int, str]] = [
        (admin, ASGI, settings.admin_host, settings.admin_port, "admin_url")
    ]
    if server.tracking is not None:
        listeners.append((server.tracking, RSGI, settings.host, settings.port, "url"))
    for application, interface, host, port, attribute in listeners:
        listener = HttpServer(application, interface, host, port, grace_s=GRACE_S)
        found = await listener.start()
        stack.push_async_callback(listener.stop)
        setattr(server, attribute, f"http://{f'[{host}]' if ':' in host else host}:{found}")


def _rooms(premises: Premises) -> Rooms:
    rooms: Rooms = import_module("tockwork.app.management").rooms(premises)
    return rooms


async def _again(work: Callable[[], Awaitable[None]], pause_s: float) -> None:
    """Does the work for ever: what fails now may go well the next time."""
    told = ""
    while True:
        await asyncio.sleep(pause_s)
        try:
            await work()
            told = ""
        except ConfigurationError as error:
            if str(error) != told:
                told = str(error)
                _log.error("configuration_refused", problems=[problem.where for problem in error.problems])
        except Exception as error:
            _log.error("upkeep_failed", error=type(error).__name__)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def prepared(folder: Path) -> Path:
    """The data folder, made if it is not there. Raises `ConfigurationError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        what = f"cannot be made a data folder: {error.strerror}"
        raise ConfigurationError([Problem(str(folder), what, "Choose another with --data.")]) from None
    return folder
