"""A data folder as whoever operates it sees it, beside a running server, in it, or without one."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.configuration.instance import Instance, instances
from tockwork.configuration.keyring import Keyring
from tockwork.configuration.versions import Versions
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.operations.settings import Settings
from tockwork.operations.snapshot import Snapshot
from tockwork.operations.survey import survey
from tockwork.store.control import Control, Wish
from tockwork.store.database import FILE
from tockwork.store.letters import Letters
from tockwork.store.retention import DAY_S, Ages, Purged, Retention
from tockwork.store.sqlite import SqliteStore
from tockwork.store.tail import Tail

FORMER: Final = 16
"""Destinations of earlier versions that are kept in memory."""


class Premises:
    """A data folder that was opened: its store, and the newest configuration.

    In a server, `observe` takes its snapshot, `applied` has it go on with the newest version at once, and `stand_in`
    says where its stand-in for the platform is (empty while there is none), and `tracking` where it accepts events.
    """

    def __init__(
        self,
        store: SqliteStore,
        versions: Versions,
        settings: Settings,
        *,
        observe: Callable[[], Awaitable[Snapshot]] | None = None,
        applied: Callable[[], Awaitable[None]] | None = None,
        stand_in: Callable[[], str] | None = None,
        tracking: Callable[[], str] | None = None,
    ) -> None:
        self.store = store
        self.tail = Tail(store.database)
        self.versions = versions
        self.control = Control(store.database)
        self.configuration = Configuration()
        self.version = 0
        self.settings = settings
        self.applied = applied
        self._observe = observe
        self._former: dict[tuple[int, str], Instance | None] = {}
        self._stand_in = stand_in
        self._tracking = tracking
        self._connected: tuple[int, list[Instance], list[Problem]] | None = None

    @property
    def tracking_url(self) -> str:
        """The address that clients send to, as far as this process knows it."""
        settings = self.settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return settings.public_url or (self._tracking() if self._tracking else "") or f"http://{host}:{settings.port}"

    @property
    def sandbox_url(self) -> str:
        """Where destinations marked as sandboxes send; empty where no server runs in this process."""
        return self._stand_in() if self._stand_in else ""

    async def refresh(self) -> None:
        """Goes on with the newest configuration. Raises `ConfigurationError` when it cannot be read."""
        version = await self.versions.latest()
        if version != self.version:
            self.configuration = await self.versions.load(version)
            self.version = version

    async def survey(self) -> Snapshot:
        if self._observe is not None:
            return await self._observe()
        return await survey(self.store, self.configuration, self.version)

    def instance(self, name: str) -> Instance:
        """One destination, connected; of a pair, the leg of that name. Raises `ConfigurationError`."""
        return instances([self._known(name)], self.version)[0]

    def connected(self) -> tuple[list[Instance], list[Problem]]:
        """All destinations of the newest configuration, each pair as its two legs, and what is wrong with those that
        cannot be connected."""
        if self._connected is None or self._connected[0] != self.version:
            found: list[Instance] = []
            problems: list[Problem] = []
            for leg in self.configuration.legs:
                try:
                    found += instances([leg], self.version)
                except ConfigurationError as error:
                    problems += error.problems
            self._connected = (self.version, found, problems)
        return self._connected[1], self._connected[2]

    async def former(self, version: int, name: str) -> Instance | None:
        """One destination as a version had it, None where it had none that can be connected."""
        if version == self.version:
            connected, _ = self.connected()
            return next((instance for instance in connected if instance.name == name), None)
        if (version, name) not in self._former:
            found = await self.versions.instance(version, name)
            while len(self._former) >= FORMER:
                self._former.pop(next(iter(self._former)))
            self._former[version, name] = found
        return self._former[version, name]

    def consumer(self, name: str) -> Instance:
        """One destination that the server delivers to. Raises `ConfigurationError`, also for one of the browser's."""
        self._delivered(name)
        return self.instance(name)

    async def wish(self, name: str, wish: Wish) -> None:
        """A running server sees to it within a second, else the next one does. Raises `ConfigurationError` for a
        destination that is none, or is the browser's."""
        self._delivered(name)
        await self.control.wish(name, wish)

    async def purge(self, ages: Ages) -> Purged:
        return await Retention(self.store.database, self.store.space, ages).purge(time.time())

    async def dead_of_the_last_day(self) -> Mapping[str, Mapping[str, int]]:
        """Each destination's dead letters of the last day, by reason."""
        letters, since = Letters(self.store), time.time() - DAY_S
        return {
            entry.name: Counter(
                [letter.reason or "" async for some in letters.dead(entry.name, since) for letter in some]
            )
            for entry in self.configuration.destinations
            if not entry.in_browser
        }

    def _known(self, name: str) -> DestinationEntry:
        legs = {leg.name: leg for leg in self.configuration.legs}
        if name not in legs:
            there = f"there are {', '.join(map(repr, legs))}" if legs else "there is none"
            raise ConfigurationError([Problem("destination", f"{name!r} is not configured: {there}")])
        return legs[name]

    def _delivered(self, name: str) -> None:
        if self._known(name).in_browser:
            what = f"{name!r} is delivered to by the browser: the server has no events of it"
            others = [leg.name for leg in self.configuration.legs if not leg.in_browser]
            mend = f"Name one of {', '.join(map(repr, others))}." if others else "Connect a destination of the server."
            raise ConfigurationError([Problem("destination", what, mend)])


@asynccontextmanager
async def opened(settings: Settings, *, make: bool = False) -> AsyncIterator[Premises]:
    """The data folder of `settings`. Raises `ConfigurationError` when it is none (unless `make`), or cannot be used."""
    folder = settings.data
    if make:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not (folder / FILE).is_file():
        mend = "Start `tockwork serve` there first, or name another folder with --data or TOCKWORK_DATA."
        raise ConfigurationError([Problem(str(folder), "is no data folder of Tockwork", mend)])
    async with SqliteStore.open(folder, reserve_bytes=settings.reserve_mb * 1024 * 1024, polling=True) as store:
        versions = Versions(Control(store.database), Keyring.load(folder))
        premises = Premises(store, versions, settings)
        await premises.refresh()
        yield premises


def backup(settings: Settings, file: Path) -> int:
    """Copies the database to `file`, while a server may run; returns the copy's bytes. The key stays where it is.

    Raises `ConfigurationError` when the file exists or cannot be written.
    """
    source = settings.data / FILE
    if not source.is_file():
        raise ConfigurationError([Problem(str(settings.data), "is no data folder of Tockwork")])
    if file.exists():
        raise ConfigurationError([Problem(str(file), "exists already", "Name a new file.")])
    try:
        file.touch(mode=0o600)
        original, copy = sqlite3.connect(source), sqlite3.connect(file)
        try:
            original.execute("PRAGMA busy_timeout = 30000")
            original.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
            original.close()
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            file.unlink()
        what = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError([Problem(str(file), f"cannot be written: {what}")]) from None
    return file.stat().st_size
