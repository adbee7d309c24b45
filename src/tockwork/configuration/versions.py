"""Configuration versions as values: the one place where secrets are sealed on the way in, and plain on the way out."""

from __future__ import annotations

import structlog

from tockwork.configuration.entries import Configuration
from tockwork.configuration.instance import Instance, instances
from tockwork.configuration.keyring import Keyring
from tockwork.configuration.stored import opened_as_far, stored
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.store.control import MOST, Control, Made

_log = structlog.get_logger(__name__)


class Versions:
    """The configuration versions of a store."""

    def __init__(self, control: Control, keyring: Keyring) -> None:
        self._control = control
        self._keyring = keyring

    async def latest(self) -> int:
        """The newest version's number, 0 when there is none."""
        return await self._control.latest()

    async def load(self, version: int) -> Configuration:
        """One version; an empty configuration for one that never was. A secret that cannot be opened with this key is
        left out, and logged: its destination waits. Raises `ConfigurationError` for what cannot be read at all."""
        found = await self.read(version)
        if found is None:
            return Configuration()
        configuration, problems = found
        for problem in problems:
            _log.error("secret_unreadable", where=problem.where, mend=problem.mend)
        return configuration

    async def read(self, version: int) -> tuple[Configuration, list[Problem]] | None:
        """One version, and its secrets that cannot be opened, which are left out; None for one that never was. Raises
        `ConfigurationError` for what cannot be read at all."""
        content = await self._control.version(version)
        return None if content is None else opened_as_far(content, self._keyring)

    async def made(self, limit: int, before: int = MOST) -> list[Made]:
        """The versions older than `before`, newest first: number, time, by whom and why."""
        return await self._control.made(limit, before)

    async def keep(self, configuration: Configuration, *, by: str = "", note: str = "") -> int:
        """The number under which `configuration` is kept: the newest one's if it is the same, else a new one.
        `by` is who made it, `note` why."""
        latest = await self.latest()
        if latest:
            known = await self.load(latest)
            where = (known.managed_by, known.references)
            if known == configuration and where == (configuration.managed_by, configuration.references):
                return latest
        return await self._control.keep(stored(configuration, self._keyring), by, note)

    async def instance(self, version: int, name: str) -> Instance | None:
        """A destination as a version has it; None when it has none of that name, or one that cannot be connected."""
        entries = [entry for entry in (await self.load(version)).destinations if entry.name == name]
        try:
            return next(iter(instances(entries, version)), None)
        except ConfigurationError:
            return None
