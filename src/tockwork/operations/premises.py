"""A data folder as whoever operates it sees it, beside a running server, in it, or without one."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

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


class Premises:
    """A data folder that was opened: its store, and the newest configuration.

    In a server, `observe` takes its snapshot, and `applied` has it go on with the newest version at once.
    """

    def __init__(
        self,
        store: SqliteStore,
        versions: Versions,
        settings: Settings,
        *,
        observe: Callable[[], Awaitable[Snapshot]] | None = None,
        applied: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.store = store
        self.versions = versions
        self.control = Control(store.database)
        self.configuration = Configuration()
        self.version = 0
        self.settings = settings
        self.applied = applied
        self._observe = observe

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
