"""How often somebody may try to sign in: token buckets in memory, by where they are and by whose name they try.

An address has one, and a name at an address has a smaller one. A name alone has a large one, so that many addresses
together guess slowly too; and whoever signed in at an address before is let through there, so that nobody can hold up
the sign-in of somebody else by trying their name.
"""

from __future__ import annotations

import math
from ipaddress import IPv6Address, ip_address
from typing import Final, TypeVar

import msgspec

from tockwork.api.problem import Refused
from tockwork.model.clock import Clock

T = TypeVar("T")

MOST: Final = 20_000
"""So many buckets, and so many names at addresses, are kept; what was not used for the longest time goes first."""
_NETWORK: Final = 64
"""Bits of an IPv6 address that tell networks apart: whoever has one of these has all addresses of it."""


class Limit(msgspec.Struct, frozen=True):
    """A bucket that holds `number` attempts, and gets one back every `refill_s` seconds."""

    number: int
    refill_s: float


ADDRESS: Final = Limit(30, 2.0)
PAIR: Final = Limit(10, 6.0)
NAME: Final = Limit(100, 2.0)


class Attempts:
    """Counts attempts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}  # by key: when the bucket is full again; the last used one last
        self._known: dict[str, None] = {}  # names at addresses where they signed in; the last one last

    def take(self, address: str, name: str = "") -> None:
        """Takes one attempt from each bucket. Raises `Refused` (429) where one is empty; then nothing is taken."""
        where, pair = f"address {_network(address)}", _pair(address, name)
        buckets = {where: ADDRESS}
        if name:
            buckets[pair] = PAIR
            if pair not in self._known:
                buckets[f"name {name}"] = NAME
        now = self._clock.monotonic()
        full_at = {key: max(now, self._full_at.get(key, now)) + limit.refill_s for key, limit in buckets.items()}
        wait = max(full_at[key] - now - limit.number * limit.refill_s for key, limit in buckets.items())
        if wait > 1e-6:
            raise Refused(
                429,
                "too_many_attempts",
                f"There were too many attempts. Try again in {math.ceil(wait)} s.",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        for key, at in full_at.items():
            _keep(self._full_at, key, at)

    def welcome(self, address: str, name: str) -> None:
        """Remembers that `name` signed in at this address."""
        _keep(self._known, _pair(address, name), None)


def _keep(kept: dict[str, T], key: str, value: T) -> None:
    """As the last one; the first goes where there are too many."""
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > MOST:
        del kept[next(iter(kept))]


def _pair(address: str, name: str) -> str:
    return f"pair {_network(address)} {name}"


def _network(address: str) -> str:
    """An IPv4 address as it is; of an IPv6 address the network."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:  # a Unix socket has none
        return ""
    return f"{int(found) >> (128 - _NETWORK):x}::" if isinstance(found, IPv6Address) else str(found)
