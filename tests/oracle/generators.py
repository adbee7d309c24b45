"""Random cases for the oracle, from everyday to hostile. The same seed gives the same cases."""

from __future__ import annotations

import random
from collections.abc import Iterator

from harness import Case
from random_events import Events
from random_mappings import Mappings
from random_triggers import Triggers


def mapping_cases(rng: random.Random, count: int) -> Iterator[Case]:
    for _ in range(count):
        event = Events(rng).event()
        yield {"kind": "mapping", "mapping": Mappings(rng, event).mapping(), "event": event}


def trigger_cases(rng: random.Random, count: int) -> Iterator[Case]:
    for _ in range(count):
        event = Events(rng).event()
        yield {"kind": "trigger", "trigger": Triggers(rng, event).trigger(), "event": event}
