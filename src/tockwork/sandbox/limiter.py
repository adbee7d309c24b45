"""TikTok's request rate limit: 1,000 requests a second, here counted per access token.

Source: Events API, "Rate limits".
"""

from __future__ import annotations

from typing import Final

_PRUNE_AT: Final = 10_000


class RateLimiter:
    """Lets a second's worth of requests through at once, then one each 1/rate seconds (the generic cell rate
    algorithm: per token one number, the time at which its allowance is full again)."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._full_at: dict[str, float] = {}

    def admit(self, token: str, now: float) -> bool:
        """Whether a request at `now` (monotonic seconds) is within the limit; if so it is counted."""
        full_at = max(self._full_at.get(token, now), now) + self._interval
        # Half an interval of slack, so that rounding never costs the last request of a burst.
        if full_at - now > 1 + self._interval / 2:
            return False
        if len(self._full_at) >= _PRUNE_AT:
            self._full_at = {token: at for token, at in self._full_at.items() if at > now}
        self._full_at[token] = full_at
        return True
