"""The delivering half of a server: a worker for each destination, as the newest configuration says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final, Self

import structlog

from tockwork.configuration.entries import Configuration
from tockwork.configuration.instance import Instance, instances
from tockwork.configuration.versions import Versions
from tockwork.delivery.screen import Screen
from tockwork.delivery.sender import Sender
from tockwork.delivery.worker import Transform, Worker
from tockwork.operations.settings import Settings
from tockwork.sandbox.server import Sandbox
from tockwork.store.control import Control, Wish, Wished
from tockwork.store.overview import Overview
from tockwork.store.sqlite import SqliteStore
from tockwork.store.suppression import Blocklist, Suppression

STOP_S: Final = 5.0
STAND_IN: Final = "sandbox"
TIKTOK: Final = "tiktok"
"""Where a destination's rows go, as the store remembers it."""

_log = structlog.get_logger(__name__)


class Workers:
    """The workers by destination. Use as a context; `apply` a configuration to have any.

    Destinations marked as sandboxes send to a stand-in for TikTok inside this process, which starts with the first of
    them; `sandbox_url` is where it shows what arrived.
    """

    def __init__(self, store: SqliteStore, versions: Versions, settings: Settings) -> None:
        self.by_name: dict[str, Worker] = {}
        self.instances: dict[str, Instance] = {}
        self.sandbox_url = ""
        self._store = store
        self._control = Control(store.database)
        self._blocklist = Blocklist(store.database)
        self._suppression = Suppression(store.database)
        self._versions = versions
        self._settings = settings
        self._stack = AsyncExitStack()
        self._senders: dict[bool, Sender] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Lets what is under way end; the store keeps the rest."""
        await asyncio.gather(*(worker.stop(STOP_S) for worker in self.by_name.values()))
        await self._stack.aclose()

    async def apply(self, configuration: Configuration, version: int) -> None:
        """Starts, changes and removes workers. Raises `ConfigurationError`, and changes nothing, when it is wrong."""
        connected = await asyncio.to_thread(instances, configuration.destinations, version)
        wanted = {i.name: i for i in connected if not i.entry.in_browser}
        known = await Overview(self._store.database).names()  # to earlier processes too
        for name in (known | self.by_name.keys()) - wanted.keys():
            if name in self.by_name:
                await self.by_name.pop(name).stop(STOP_S)
                del self.instances[name]
            await self._store.leave(name)
        for name, instance in wanted.items():
            former = self.instances.get(name)
            if former is not None and former.entry.sandbox != instance.entry.sandbox:
                await self.by_name.pop(name).stop(STOP_S)
                former = None
            if former is None:
                self.by_name[name] = await self._started(instance)
            elif former.entry == instance.entry:
                continue  # its version is as good
            else:
                self.by_name[name].relink(instance.connection.link(name), instance)
                self.by_name[name].screen = self._screen(instance)
            self.instances[name] = instance

    async def only(self, instance: Instance) -> Worker:
        """Starts the worker of this destination, one chunk at a time, and leaves the others as they are."""
        worker = self.by_name[instance.name] = await self._started(instance, chunkwise=True)
        self.instances[instance.name] = instance
        return worker

    async def obey(self, wished: Sequence[Wished]) -> None:
        """Does what people want, and keeps it for the next process."""
        for wish in wished:
            worker = self.by_name.get(wish.consumer)
            if worker is not None:
                _heeds(worker, wish.wish)
                await worker.keep_standing()

    async def _started(self, instance: Instance, *, chunkwise: bool = False) -> Worker:
        name, connection = instance.name, instance.connection

        async def former(version: int) -> Transform:
            found = await self._versions.instance(version, name)
            if found is None:
                _log.warning("configuration_version_missing", destination=name, version=version)
            return found or self.instances[name]

        sender = await self._sender(instance.entry.sandbox)
        screen = self._screen(instance)
        worker = Worker(
            connection.link(name),
            instance,
            sender=sender,
            store=self._store,
            former=former,
            screen=screen,
            chunkwise=chunkwise,
        )
        await self._destine(name, STAND_IN if instance.entry.sandbox else TIKTOK)
        wished = await self._control.wishes()  # before it sends anything
        await worker.start()
        for wish in wished:
            if wish.consumer == name:
                _heeds(worker, wish.wish)
        return worker

    async def _destine(self, name: str, to: str) -> None:
        """Joins. What waits for a stand-in must not go to TikTok, though an earlier process took it."""
        if await self._control.destined(name) not in ("", to):
            await self._store.leave(name)
        await self._store.join(name)
        await self._control.destine(name, to)

    def _screen(self, instance: Instance) -> Screen:
        return Screen(self._blocklist, self._suppression, instance.region)

    async def _sender(self, to_sandbox: bool) -> Sender:
        if to_sandbox not in self._senders:
            url = self._settings.tiktok_url
            if to_sandbox:
                sandbox = await self._stack.enter_async_context(Sandbox("lenient").serve())
                url = self.sandbox_url = sandbox.url
            sender = Sender(base_url=url, ca_bundle=self._settings.ca_bundle)
            self._senders[to_sandbox] = await self._stack.enter_async_context(sender)
        return self._senders[to_sandbox]


def _heeds(worker: Worker, wish: Wish) -> None:
    match wish:
        case Wish.PAUSE:
            worker.pause()
        case Wish.RESUME:
            worker.resume()
        case Wish.WAKE:
            worker.wake()
