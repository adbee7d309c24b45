"""What a running server is like at one moment: what `/metrics` and ``doctor`` are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from tockwork.delivery.standing import Condition
from tockwork.ingest.tracking import Counts
from tockwork.model import reasons
from tockwork.store.alerts import Alert
from tockwork.store.protocol import Tally

OTHER: Final = "other"
"""Stands for a reason that is on no list, so that no label ever takes a value from outside."""


class DestinationState(msgspec.Struct, frozen=True, kw_only=True):
    """How one destination instance stands.

    `tally` is of one commit. `since` is the Unix time from which it has its `condition`, None while nobody knows.
    `oldest_undecided_at` is when the oldest event was accepted that is not decided, None without one. A `sandbox` gets
    copies, and its counts belong to no real destination.
    """

    name: str
    kind: str = ""
    tally: Tally = Tally()
    sandbox: bool = False
    enabled: bool = True
    condition: Condition = Condition.OPEN
    reason: str = ""
    detail: str = ""
    since: float | None = None
    oldest_undecided_at: float | None = None

    def oldest_undecided_s(self, now: float) -> float:
        """The oldest undecided event's age in seconds, 0 without one."""
        return 0.0 if self.oldest_undecided_at is None else max(0.0, now - self.oldest_undecided_at)


class InBrowser(msgspec.Struct, frozen=True, kw_only=True):
    """A destination that the browser delivers to: the server knows nothing of what becomes of its events. `pair` is the
    name of the server's leg, where it was configured as one with that."""

    name: str
    kind: str = ""
    enabled: bool = True
    pair: str = ""


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """Room on the disk, in bytes: what the store's files take, what is free, and what is kept free.

    Below the reserve no events are accepted.
    """

    used: int
    free: int
    reserve: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A server at the Unix time `at`. `ingest` is None where this process only delivers, `space` for a store in memory.

    `sources` are the events that each configured source ever sent, by name, as the store knows; 0 for one that sent
    none. `configuration` is the number of the configuration's version. `alerts` are those that fire.
    """

    at: float
    accepting: bool
    destinations: Sequence[DestinationState] = ()
    in_browser: Sequence[InBrowser] = ()
    sources: Mapping[str, int] = {}
    ingest: Counts | None = None
    space: Space | None = None
    configuration: int = 0
    alerts: Sequence[Alert] = ()


def known(reason: str | None) -> str:
    """`reason` if it is a reason code, empty for none."""
    return "" if not reason else reason if reason in reasons.REASONS else OTHER
