"""Where events come from: each source has a write key of its own."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from tockwork.model.secret import Secret


class SourceKind(StrEnum):
    BROWSER = "browser"
    SERVER = "server"
    FILE = "file"


class Source(msgspec.Struct, frozen=True):
    """One source of events. A disabled source's write key is refused like an unknown one."""

    name: str
    write_key: Secret
    kind: SourceKind = SourceKind.SERVER
    enabled: bool = True


class Sources:
    """The sources of one configuration version, by write key. Never changed: a new version makes new `Sources`."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._by_write_key = {source.write_key.reveal(): source for source in sources if source.enabled}

    def find(self, write_key: str | None) -> Source | None:
        """The enabled source with this write key, None if there is none."""
        return self._by_write_key.get(write_key) if write_key else None

    def __len__(self) -> int:
        return len(self._by_write_key)
