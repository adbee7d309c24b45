"""How fast, and how many requests at once. Pure: times are seconds of a monotonic clock.

Sources: TikTok, "Rate limits" (1,000 requests a second for each developer app; a minute's excess blocks for 5 minutes).
Adaptive concurrency follows the additive-increase, multiplicative-decrease scheme that Vector documents.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from random import Random
from typing import Final

from tockwork.model.secret import Secret

_PROCESS_KEY: Final = secrets.token_bytes(16)

BURST: Final = 0.1
"""Share of a second's requests that may go at once; the rest is spread, so that no second has more than allowed."""
SLOWEST: Final = 0.5
GROWTH: Final = 1.07
"""Factor by which the pace grows in a second of accepted requests: twofold in ten seconds."""
SMALLEST: Final = 0.01
"""Share of a full request that is risked while requests are throttled."""
CALM_S: Final = 5.0
"""So long after a throttled request, accepted ones may grow again."""
HOLD_S: Final = 1.0
HOLD_CAP_S: Final = 60.0
_FLOW_S: Final = 2.0
_GROWTH_S: Final = 5.0


def token_key(token: Secret) -> str:
    """A digest that stands for an access token in this process: the same for the same token, and useless elsewhere."""
    return hashlib.blake2b(token.reveal().encode(), key=_PROCESS_KEY, digest_size=12).hexdigest()


class Pace:
    """A token bucket that slows down when the platform says so, and finds back to `per_second` requests a second.

    Requests shrink as well, to `share` of the rows that one may have: what is throttled has to be sent again.

    After a throttled request nothing is sent for a while (what the platform asks for, else 1 s, doubling to a minute);
    then it goes on at half of what was really sent before.
    """

    def __init__(self, per_second: float, random: Random) -> None:
        self._random = random
        self._top = per_second * (1 - BURST)
        self.rate = self._top
        self.share = 1.0
        self._tokens = self._room
        self._filled: float | None = None
        self._held_until = -math.inf
        self._slowed_at = -math.inf
        self._throttled = 0
        self._flow = 0.0
        self._flowed: float | None = None
        self._grown = -math.inf

    def wait_s(self, now: float) -> float:
        """Seconds until one request may go; 0 when it may now."""
        self._fill(now)
        missing = 1.0 - self._tokens
        return max(missing / self.rate if missing > 1e-9 else 0.0, self.held_s(now))

    def held_s(self, now: float) -> float:
        """Seconds for which the platform's throttling forbids any request."""
        return max(0.0, self._held_until - now)

    def take(self, now: float) -> None:
        """One request goes now."""
        self._fill(now)
        self._tokens -= 1.0
        self._flow = self._flow_at(now) + 1.0 / _FLOW_S
        self._flowed = now

    def accepted(self, now: float) -> None:
        """The platform took a request without throttling."""
        self._throttled = 0
        if self.rate < self._top:
            self._fill(now)
            self.rate = min(self._top, self.rate * GROWTH ** min(_GROWTH_S, max(0.0, now - self._grown)))
        if now - max(self._slowed_at, self._held_until) >= CALM_S:
            self.share = min(1.0, self.share * 2)
        self._grown = now

    def throttled(self, started: float, now: float, retry_after_s: float | None) -> None:
        """The platform throttled a request that began at `started`.

        Of many that were under way together only the first slows down; each one's `retry_after_s` is kept to.
        """
        if started >= self._slowed_at:
            self._fill(now)
            self.rate = max(SLOWEST, min(self.rate, self._flow_at(now)) / 2)
            self.share = max(SMALLEST, self.share / 2)
            self._slowed_at = self._grown = now
            hold = min(HOLD_CAP_S, HOLD_S * 2.0 ** min(self._throttled, 20))
            self._throttled += 1
            if retry_after_s is None:
                self._held_until = max(self._held_until, now + hold * self._random.uniform(0.5, 1.0))
        if retry_after_s is not None:
            self._held_until = max(self._held_until, now + retry_after_s)
        self._tokens, self._filled = 1.0, max(now, self._held_until)  # one request asks when the hold is over

    @property
    def _room(self) -> float:
        return max(1.0, self.rate * BURST / (1 - BURST))

    def _fill(self, now: float) -> None:
        if self._filled is not None:
            self._tokens = min(self._room, self._tokens + max(0.0, now - self._filled) * self.rate)
        self._filled = now if self._filled is None else max(now, self._filled)

    def _flow_at(self, now: float) -> float:
        """Requests a second that were really sent, over the last few seconds."""
        return 0.0 if self._flowed is None else self._flow * math.exp((self._flowed - now) / _FLOW_S)


class Concurrency:
    """How many requests may be under way at once: one more after each good round trip at the limit, a tenth less when
    requests fail or become slow.

    Slow is clearly more than usual, and always more than twice that. What is usual is learned from the quickest round
    trips, and anew whenever one request at a time is slow too.
    """

    def __init__(self, most: int = 64) -> None:
        self.limit = 1.0
        self._most = float(most)
        self._usual: float | None = None
        self._spread = 0.0
        self._ends: float | None = None
        self._times: list[float] = []
        self._failed = False
        self._reached = False

    def started(self, under_way: int) -> None:
        """A request began; `under_way` counts it too."""
        self._reached = self._reached or under_way >= int(self.limit)

    def finished(self, took_s: float, failed: bool, now: float) -> None:
        """A request ended after `took_s`; `failed` when it was throttled, timed out or met a failing platform."""
        self._failed = self._failed or failed
        if not failed:
            self._times.append(took_s)
        if self._ends is None:
            self._ends = now + took_s
        elif now >= self._ends:
            self._take_stock()
            self._ends = now + (self._usual or took_s)

    def _take_stock(self) -> None:
        """One round trip time is over."""
        mean = sum(self._times) / len(self._times) if self._times else None
        alone = self.limit < 2.0
        if self._failed or (mean is not None and self._slow(mean)):
            self.limit = max(1.0, self.limit * 0.9)
        elif self._reached:
            self.limit = min(self._most, self.limit + 1.0)
        if mean is not None:
            self._learn(mean, alone)
        self._times.clear()
        self._failed = self._reached = False

    def _slow(self, mean: float) -> bool:
        usual = mean if self._usual is None else self._usual
        return mean - usual > max(min(2.5 * self._spread, usual), 0.2 * usual, 0.01)

    def _learn(self, mean: float, alone: bool) -> None:
        if self._usual is None:
            self._usual = mean
        more = mean - self._usual
        self._spread += 0.4 * (abs(more) - self._spread)
        self._usual += (0.4 if more < 0 or alone else 0.001) * more
