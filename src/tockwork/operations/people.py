"""People whom somebody names, so that nothing of them is sent or kept: by command and in the console."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tockwork.configuration.entries import Configuration
from tockwork.destinations.person import Mark, mark
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.operations.premises import Premises
from tockwork.store.suppression import Suppression

SHORT: Final = 12
"""So many digits of a mark are shown: they tell entries apart."""


def marks(given: Iterable[tuple[str, str]]) -> list[Mark]:
    """The marks of people, each given with the place where they are named, without repeats. Raises `ConfigurationError`
    naming every place that is of no use, and never its text."""
    problems, found = [], []
    for where, text in given:
        one = mark(text)
        if one is None:
            mend = "Write a user id, an e-mail address, a phone number such as +14155550100, or their SHA-256."
            problems.append(Problem(where, "is blank, a placeholder, or no possible number", mend))
        else:
            found.append(one)
    if problems:
        raise ConfigurationError(problems)
    return list(dict.fromkeys(found))


def shortened(one: Mark) -> str:
    """A mark as it is shown and logged."""
    return one.hex()[:SHORT]


async def suppress(premises: Premises, people: Sequence[Mark], destination: str = "") -> int:
    """Sends nothing of these people any more, to one destination or to all; returns how many are new on the list.
    Raises `ConfigurationError` for a destination that is none."""
    if destination:
        premises.instance(destination)
    return await Suppression(premises.store.database).add(people, destination)


async def release(premises: Premises, people: Sequence[Mark], destination: str = "") -> int:
    """Takes people off the list; returns how many were on it. For all destinations, those who were deleted may come
    back too."""
    return await Suppression(premises.store.database).remove(people, destination)


async def bury(premises: Premises, people: Sequence[Mark]) -> int:
    """Sends nothing of these people any more, and has what is kept of them erased: a server that delivers sees to it
    within seconds. Returns how many they are."""
    return await Suppression(premises.store.database).delete(people)


def regions(configuration: Configuration) -> set[str]:
    """Where phone numbers without "+" may belong (ISO 3166-1)."""
    return {_region(entry.settings) for entry in configuration.destinations}


def _region(settings: dict[str, Any]) -> str:
    return str(settings.get("default_region") or "US")
