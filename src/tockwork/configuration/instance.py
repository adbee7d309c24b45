"""Configured destinations, connected: what a worker makes rows with."""

from __future__ import annotations

from collections.abc import Sequence
from time import time
from typing import Final

from tockwork.configuration.entries import DestinationEntry
from tockwork.delivery.connection import Connection
from tockwork.destinations.catalog import find
from tockwork.model import reasons
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.outcome import Outcome, Status

ANY: Final = "sandbox"
"""The access token for a stand-in, which takes any."""


class Instance:
    """One destination of one configuration version; the `Transform` of its worker."""

    def __init__(self, entry: DestinationEntry, connection: Connection, version: int = 0) -> None:
        self.name = entry.name
        self.entry = entry
        self.connection = connection
        self.version = version
        self.sources = None if entry.sources is None else frozenset(entry.sources)
        self.silent = not entry.enabled

    @property
    def region(self) -> str:
        """Where the destination's phone numbers without "+" belong (ISO 3166-1)."""
        return str(self.connection.settings.get("default_region", "US"))

    def outcomes(self, entries: Sequence[bytes]) -> list[list[Outcome]]:
        if self.silent:
            return [[Outcome(None, None, Status.FILTERED, reasons.DESTINATION_DISABLED)] for _ in entries]
        # "Now" is each event's receivedAt, which the intake stamped.
        now = time()
        return [self.connection.outcomes(entry, now) for entry in entries]


def instances(entries: Sequence[DestinationEntry], version: int = 0) -> list[Instance]:
    """Connects every destination, a pair as its two legs. Raises `ConfigurationError` with the problems of all."""
    found: list[Instance] = []
    problems: list[Problem] = []
    for place, entry in enumerate(entries):
        try:
            found += [Instance(leg, _connected(leg), version) for leg in entry.legs]
        except ConfigurationError as error:
            problems += [Problem(f"destinations[{place}].{p.where}", p.what, p.mend) for p in error.problems]
    if problems:
        raise ConfigurationError(problems)
    return found


def _connected(entry: DestinationEntry) -> Connection:
    destination = find(entry.kind)
    token = {destination.token: ANY} if entry.sandbox and destination.token else {}
    return Connection(destination, {**token, **entry.settings}, entry.mappings, entry.preset_pack, entry.privacy)
