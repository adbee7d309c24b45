"""Which event a cell of a file means, by what the destination's mappings listen to and send.

A file may have Segment's names ("Order Completed") or the platform's ("Purchase", "Add Payment Info"). The latter are
turned into the event that makes an enabled mapping send just that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tockwork.destinations.configured import ConfiguredMapping
from tockwork.destinations.connection import Connection
from tockwork.ingest.files.events import Name
from tockwork.ingest.files.headers import letters
from tockwork.model.event import CALLS
from tockwork.rules.fql import Condition, Group

TRACK: Final = "track"
_is_name: Final = re.compile(r"[A-Za-z][A-Za-z _-]{0,49}").fullmatch


class Names:
    """A function from a cell to an event's type and name. `renamed` maps the platform's old names to its new ones,
    which it counts as one. `default` is what a cell without text means. `unsent` gathers the cells that no enabled
    mapping listens to or sends."""

    def __init__(self, connection: Connection, renamed: Mapping[str, str], default: str = "") -> None:
        self.unsent: set[str] = set()
        self.known: set[str] = set()
        self._mappings = [mapping for mapping in connection.mappings if mapping.enabled]
        self._default = default
        self._also = {letters(old): letters(new) for old, new in renamed.items()}
        self._also |= {new: old for old, new in self._also.items()}

    def __call__(self, cell: str) -> Name:
        said = cell.strip() or self._default
        found = self._found(said) if said else None
        (self.known if found else self.unsent).add(said)
        return found or (TRACK, said)

    def shown(self) -> list[str]:
        """Those of `unsent` that look like names, and not like anything personal; ten at most."""
        return sorted(name for name in self.unsent if _is_name(name))[:10]

    def _found(self, said: str) -> Name | None:
        if any(_triggers(mapping, (TRACK, said)) for mapping in self._mappings):
            return TRACK, said
        meant = letters(said)
        for wanted in (meant, self._also.get(meant)):
            for mapping in self._mappings:
                if wanted and _sent(mapping) == wanted and (names := _listened(mapping)):
                    return names[0]
        every = (name for mapping in self._mappings for name in _listened(mapping))
        return next((name for name in every if name[1] and letters(name[1]) == meant), None)


def _sent(mapping: ConfiguredMapping) -> str | None:
    name = mapping.fields.get("event")
    return letters(name) if isinstance(name, str) else None


def _listened(mapping: ConfiguredMapping) -> list[Name]:
    """The events that a trigger names; first those that need no more to trigger it."""
    names = list(_named(mapping.trigger.root))
    return sorted(names, key=lambda name: not _triggers(mapping, name))


def _named(node: Condition | Group) -> Iterator[Name]:
    if isinstance(node, Group):
        for child in node.children:
            yield from _named(child)
    elif node.operator == "=" and isinstance(node.value, str):
        if node.kind == "event":
            yield TRACK, node.value
        elif node.kind == "event-type" and node.value in CALLS and node.value != TRACK:
            yield node.value, ""


def _triggers(mapping: ConfiguredMapping, name: Name) -> bool:
    kind, event = name
    return mapping.trigger.matches({"type": kind, "event": event} if event else {"type": kind})
