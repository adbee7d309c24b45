"""Where events come from: each source has a write key of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from tockwork.model.secret import Secret

_LABEL = r"[a-z0-9_](?:[a-z0-9_\-]*[a-z0-9_])?"
_NAME = rf"{_LABEL}(?:\.{_LABEL})*"
_origin = re.compile(rf"https?://(?:{_NAME}|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?").fullmatch
_domain = re.compile(rf"{_LABEL}(?:\.{_LABEL})+").fullmatch


def is_origin(text: str) -> bool:
    """Whether browsers would write an origin so (RFC 6454, 6.2)."""
    return _origin(text) is not None


def is_domain(text: str) -> bool:
    """Whether a cookie can be set for it: lower-case names with dots between them."""
    return _domain(text) is not None


class SourceKind(StrEnum):
    BROWSER = "browser"
    SERVER = "server"
    FILE = "file"


class Source(msgspec.Struct, frozen=True):
    """One source of events. A disabled source's write key is refused like an unknown one.

    `allowed_origins` may have cookies set for their visitors, on `cookie_domain` (`ingest/cookies.py` says who may
    where these are empty)."""

    name: str
    write_key: Secret
    kind: SourceKind = SourceKind.SERVER
    enabled: bool = True
    allowed_origins: Sequence[str] = ()
    cookie_domain: str = ""


class Sources:
    """The sources of one configuration version, by write key. Never changed: a new version makes new `Sources`."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._by_write_key = {source.write_key.reveal(): source for source in sources if source.enabled}

    def find(self, write_key: str | None) -> Source | None:
        """The enabled source with this write key, None if there is none."""
        return self._by_write_key.get(write_key) if write_key else None

    def __len__(self) -> int:
        return len(self._by_write_key)
