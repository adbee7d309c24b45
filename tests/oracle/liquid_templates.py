"""Random Liquid templates and events, for comparing our engine with Segment's.

`template` and `event` take a seeded `random.Random`. Left out is what cannot be the same on both sides (see
docs/decisions/0003-liquid.md): random choices, work beyond our limits, letters newer than Python's, old time zones.
"""

from __future__ import annotations

import random

from liquid_styles import anything, arithmetic, calendar, heap, letters
from liquid_tags import grammatical
from liquid_values import event

__all__ = ["event", "template"]

_STYLES = (grammatical, heap, anything, arithmetic, letters, calendar)
_SHARES = (50, 12, 14, 6, 8, 10)


def template(rng: random.Random) -> str:
    """A template of at most 1,050 characters, of which Segment refuses more than 1,000."""
    return rng.choices(_STYLES, _SHARES)[0](rng)[:1050]
