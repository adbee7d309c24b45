"""The destinations there are."""

from __future__ import annotations

from typing import Final

from tockwork.destinations.declare import Destination, suggestion
from tockwork.destinations.tiktok.chord import CHORD
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.destinations.tiktok.offline_conversions import OFFLINE_CONVERSIONS
from tockwork.destinations.tiktok.pixel import PIXEL
from tockwork.model.errors import ConfigurationError, Problem

DESTINATIONS: Final[dict[str, Destination]] = {
    destination.key: destination for destination in (CONVERSIONS, OFFLINE_CONVERSIONS, CHORD, PIXEL)
}


def find(kind: str) -> Destination:
    """The destination with the key `kind`. Raises `ConfigurationError` naming the known ones."""
    destination = DESTINATIONS.get(kind)
    if destination is None:
        raise ConfigurationError([Problem("kind", f"{kind!r} is no destination", suggestion(kind, DESTINATIONS))])
    return destination
