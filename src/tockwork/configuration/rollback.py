"""An earlier version as the newest one. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tockwork.configuration.entries import Configuration
from tockwork.configuration.stored import OF_ALERTS, place_of
from tockwork.model.errors import Problem
from tockwork.model.secret import Secret


def roll_back(newest: Configuration, old: Configuration, unreadable: Sequence[Problem]) -> list[str]:
    """Makes `newest` say what `old` says, in place. Secrets of `old` that cannot be opened any more, as `unreadable`
    says, stay as `newest` has them, where it has the same destination. Returns the places of those that are lost."""
    places = {problem.where for problem in unreadable}
    present = {(entry.name, entry.kind): entry.settings for entry in newest.destinations}
    kept: set[str] = set()
    destinations = []
    for entry in old.destinations:
        settings = dict(entry.settings)
        for key, value in present.get((entry.name, entry.kind), {}).items():
            if isinstance(value, Secret) and place_of(entry.name, key) in places:
                settings[key] = value
                kept.add(place_of(entry.name, key))
        destinations.append(msgspec.structs.replace(entry, settings=settings))
    alerts = old.alerts
    if OF_ALERTS in places and newest.alerts.webhook:
        alerts = msgspec.structs.replace(alerts, webhook=newest.alerts.webhook)
        kept.add(OF_ALERTS)
    newest.sources, newest.destinations, newest.alerts = old.sources, destinations, alerts
    newest.references = dict(old.references)
    return sorted(places - kept)
