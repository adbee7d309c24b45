"""The two roads of a connection are equal: what the generated functions make of an event is what the general road makes.

`TOCKWORK_SEED` repeats a run; a failure prints its seed.
"""

from __future__ import annotations

import os
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from road_cases import SETTINGS, Configurations, Stream

from bench.events import Shop
from tockwork.destinations.connection import Connection
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.model.outcome import Outcome

NOW = 1_795_219_200.0
PRESETS = Connection(CONVERSIONS, SETTINGS)

Told = list[tuple[Any, ...]]


def told(outcomes: list[Outcome]) -> Told:
    """All there is to outcomes; rows as their very bytes."""
    return [
        (o.message_id, o.mapping, o.status, o.reason, o.warnings, o.row and bytes(o.row), o.envelope) for o in outcomes
    ]


def both(connection: Connection, entry: bytes) -> tuple[Told, Told]:
    """What the fast road, and what the general one, makes of an entry that is JSON."""
    return told(connection.outcomes(entry, NOW)), told(connection.outcomes_of(msgspec.json.decode(entry), NOW))


def compare(configurations: int, events: int) -> None:
    seed = int(os.environ.get("TOCKWORK_SEED") or random.SystemRandom().randrange(10**9))
    rng = random.Random(seed)
    for _ in range(configurations):
        connection = Configurations(rng).connection()
        stream = Stream(rng)
        for _ in range(events):
            entry = encoded(stream.event())
            if entry is None:
                continue
            fast, general = both(connection, entry)
            if fast != general:
                written = msgspec.json.encode(connection._written[0]).decode()
                pytest.fail(
                    f"TOCKWORK_SEED={seed} repeats this:\nevent: {entry.decode()}\nmappings: {written}\n"
                    f"fast:    {fast}\ngeneral: {general}",
                    pytrace=False,
                )


def encoded(event: dict[str, Any]) -> bytes | None:
    """The event's JSON; None for one that JSON in UTF-8 cannot hold."""
    try:
        entry = msgspec.json.encode(event)
        msgspec.json.decode(entry)
    except (UnicodeEncodeError, msgspec.ValidationError, msgspec.DecodeError):
        return None
    return entry


def test_the_roads_are_equal() -> None:
    compare(80, 40)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_the_roads_are_equal_on_very_many_cases() -> None:
    compare(1_000, 100)
