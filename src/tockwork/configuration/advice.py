"""What is allowed in a configuration, and is hardly meant: things that only several entries together show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tockwork.configuration.entries import SourceEntry
from tockwork.configuration.instance import Instance
from tockwork.destinations.configured import pack_name
from tockwork.ingest.source import SourceKind
from tockwork.model.errors import Problem

_SHARED: Final = ("event_id", "default_region", "compute_value", "ldu")
"""Settings by which two legs tell one event differently."""


def pairs(connected: Sequence[Instance]) -> list[tuple[Instance, Instance]]:
    """Each destination of the server with each one in the browser that reports to the same place."""
    return [
        (server, page)
        for page in connected
        for server in connected
        if page.entry.in_browser and _is_pair(server, page) and _reports_to(server) == _reports_to(page)
    ]


def _is_pair(server: Instance, page: Instance) -> bool:
    return server.connection.destination.pair == page.entry.kind


def _reports_to(instance: Instance) -> str:
    return instance.connection.destination.envelope(instance.connection.settings).event_source_id


def advice(sources: Sequence[SourceEntry], connected: Sequence[Instance]) -> Iterator[Problem]:
    """Destinations in the browser that no page gets, and two legs of one pixel that were configured apart and differ.

    `connected` are the instances of the same configuration."""
    enabled = [instance for instance in connected if instance.entry.enabled]
    if not any(source.enabled and source.kind == SourceKind.BROWSER for source in sources):
        for page in (instance for instance in enabled if instance.entry.in_browser):
            what = "runs in the browser, and there is no source of kind browser, so no page loads it"
            yield Problem(place(page), what, "Add a source with kind: browser for the shop's pages.")
    for server, page in pairs(enabled):
        if differing := _differences(server, page):
            what = f"reports to the same pixel as {place(server)}, with another {' and '.join(differing)}"
            mend = "Write pixel: {} into the server's destination and remove this one, or give both the same."
            yield Problem(place(page), what, mend)


def told_by(instance: Instance, connected: Sequence[Instance]) -> list[str]:
    """The advice of one destination, without what the other leg of its pair says already."""
    said = {text for server, page in pairs(connected) if page is instance for text in server.connection.advice}
    return [text for text in instance.connection.advice if text not in said]


def place(instance: Instance) -> str:
    """How messages name a destination."""
    return f"destination {instance.name!r}"


def _differences(server: Instance, page: Instance) -> list[str]:
    found = []
    if server.entry.mappings is None and page.entry.mappings is None and _pack(server) != _pack(page):
        found.append("preset_pack")
    one, other = server.connection.settings, page.connection.settings
    return found + [key for key in _SHARED if key in one and key in other and one[key] != other[key]]


def _pack(instance: Instance) -> str:
    return pack_name(instance.connection.destination, instance.entry.preset_pack)
