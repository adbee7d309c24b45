"""Which of the kept events somebody wants to see, as said in a URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

import msgspec

from tockwork.sandbox.record import StoredEvent
from tockwork.sandbox.vocabulary import canonical

LIMIT: Final = 100
MOST: Final = 1000


class BadQuery(ValueError):  # noqa: N818 - a mistake of the caller, answered as such
    """A query parameter that cannot be read; the message says which, and what is allowed."""


class EventQuery(msgspec.Struct, frozen=True):
    """Filters; an empty one lets everything through. `after` and `before` are event ids, 0 for none."""

    event: str = ""
    event_id: str = ""
    event_source_id: str = ""
    test: bool | None = None
    after: int = 0
    before: int = 0
    limit: int = LIMIT

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Raises `BadQuery`."""
        limit = _number(query, "limit") or LIMIT
        if limit > MOST:
            raise BadQuery(f"limit is a whole number from 1 to {MOST}")
        return cls(
            event=query.get("event", ""),
            event_id=query.get("event_id", ""),
            event_source_id=query.get("event_source_id", ""),
            test=_boolean(query, "test"),
            after=_number(query, "after"),
            before=_number(query, "before"),
            limit=limit,
        )

    def wants(self, event: StoredEvent) -> bool:
        """Both spellings of a page view count as one name."""
        return (
            event.id > self.after
            and (not self.before or event.id < self.before)
            and (self.test is None or event.test is self.test)
            and (not self.event or canonical(event.event) == canonical(self.event))
            and (not self.event_id or event.event_id == self.event_id)
            and (not self.event_source_id or event.event_source_id == self.event_source_id)
        )


def _boolean(query: Mapping[str, str], name: str) -> bool | None:
    match query.get(name, ""):
        case "":
            return None
        case "true":
            return True
        case "false":
            return False
    raise BadQuery(f"{name} is true or false")


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadQuery(f"{name} is a whole number")
    return int(text)
