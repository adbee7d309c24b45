"""Changes of the configuration by people: each makes a new version, whole and checked, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Any

import msgspec

from tockwork.configuration.entries import Configuration, check_configuration
from tockwork.configuration.versions import Versions
from tockwork.model.errors import ConfigurationError, TockworkError


class Managed(TockworkError):  # noqa: N818 (says what is so)
    """A file manages the configuration, so that it is changed there and nowhere else."""

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__(f"The file {file!r} manages this configuration: change it there, and apply it.")


class Outdated(TockworkError):  # noqa: N818 (says what is so)
    """Somebody else changed meanwhile what is to be changed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Somebody else changed {what} meanwhile: look at it as it is now, then change that.")


def revision(content: Any) -> str:
    """A short text that is another one for other content: who changes something says by it what they saw."""
    return blake2b(msgspec.json.encode(content, order="deterministic"), digest_size=8).hexdigest()


def ensure_seen(seen: str, content: Any, what: str) -> None:
    """Raises `Outdated` unless `seen` is the revision of the content as it is now; nothing for an empty one."""
    if seen and seen != revision(content):
        raise Outdated(what)


Edit = Callable[[Configuration], None]
"""Changes a configuration in place."""


class Editor:
    """Changes the configuration, one change at a time.

    `applied` is called after each new version, so that a server in this process goes on with it at once.
    """

    def __init__(self, versions: Versions, applied: Callable[[], Awaitable[None]] | None = None) -> None:
        self._versions = versions
        self._applied = applied
        self._turn = asyncio.Lock()

    async def change(self, edit: Edit, *, by: str, note: str, dry_run: bool = False) -> int:
        """The number of the version that `edit` makes of the newest one; the newest one's where it changes nothing.

        `by` is who does it, `note` what, in a few words without any value. A `dry_run` finds what is wrong, and changes
        nothing. Raises `ConfigurationError` with everything
        that is wrong with the outcome, and `Managed`.
        """
        async with self._turn:
            latest = await self._versions.latest()
            configuration = await self._versions.load(latest)
            if configuration.managed_by is not None:
                raise Managed(configuration.managed_by)
            edit(configuration)
            if problems := check_configuration(configuration):
                raise ConfigurationError(problems)
            if dry_run:
                return latest
            version = await self._versions.keep(configuration, by=by, note=note)
        if self._applied is not None and version != latest:
            await self._applied()
        return version
