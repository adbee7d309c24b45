"""What keeps an event from a destination before any trigger is asked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def folded(name: str) -> str:
    """An integration's name without case and spaces: Segment itself writes both "Tiktok" and "TikTok Conversions"."""
    return "".join(name.split()).lower()


def switched_off(integrations: Any, names: Collection[str]) -> bool:
    """Whether an event's ``integrations`` object switches a destination off; `names` are the destination's, folded.

    ``false`` under its name does; so does ``"All": false`` unless the destination is named with something else
    (Segment, "Filtering with the integrations object").
    """
    if not isinstance(integrations, dict):
        return False
    everything = True
    for key, value in integrations.items():
        name = folded(key)
        if name in names:
            return value is False
        if name == "all":
            everything = value is not False
    return not everything
