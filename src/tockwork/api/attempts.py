"""How often somebody may try to sign in: a token bucket for each address and each name, in memory."""

from __future__ import annotations

import math
from typing import Final

from tockwork.api.problem import Refused
from tockwork.model.clock import Clock

PER_MINUTE: Final = 10
REFILL_S: Final = 60.0 / PER_MINUTE
MOST: Final = 20_000
"""So many buckets are kept; the one that was not used for the longest time goes first."""


class Attempts:
    """Counts attempts. A bucket holds `PER_MINUTE`, and gets one back every `REFILL_S`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}  # by key: when the bucket is full again; the last used one last

    def take(self, *keys: str) -> None:
        """Takes one from each bucket. Raises `Refused` (429) where one is empty; then nothing is taken."""
        now = self._clock.monotonic()
        full_at = {key: max(now, self._full_at.get(key, now)) + REFILL_S for key in keys}
        wait = max(full_at.values()) - now - PER_MINUTE * REFILL_S
        if wait > 1e-6:
            raise Refused(
                429,
                "too_many_attempts",
                f"There were too many attempts. Try again in {math.ceil(wait)} s.",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        for key, at in full_at.items():
            self._full_at.pop(key, None)
            self._full_at[key] = at
        while len(self._full_at) > MOST:
            del self._full_at[next(iter(self._full_at))]
