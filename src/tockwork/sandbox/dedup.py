"""Which events are copies of one another.

Source: TikTok, "Event deduplication": the key is event source, event and event_id; the first one received counts; a
copy within 5 minutes fills in what the first one lacked; later copies are dropped until 48 hours have passed. Time is
the time of receipt. Without an event_id there is no key and no deduplication.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

import msgspec

from tockwork.sandbox.vocabulary import canonical

WINDOW_S: Final = 48 * 3600.0
MERGE_S: Final = 300.0


class Verdict(StrEnum):
    UNIQUE = "unique"  # counted: the first of its key, or without a key
    MERGED = "merged"  # a copy within five minutes: it may have filled in the first
    DROPPED = "dropped"  # a later copy


def dedup_key(space: str, event_source_id: str, event: str, event_id: str) -> bytes:
    """Sixteen bytes that stand for one event in `space` (live or test events); memory per key stays the same however
    long an event_id is."""
    parts = msgspec.json.encode((space, event_source_id, canonical(event), event_id))
    return blake2b(parts, digest_size=16).digest()


class DedupLedger:
    """Keys and when each was first received, for 48 hours, at most `capacity` of them.

    `forgotten` counts keys that had to go early for want of room: while it is 0 every verdict is exact.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._first: OrderedDict[bytes, float] = OrderedDict()
        self.forgotten = 0

    def judge(self, key: bytes, now: float) -> Verdict:
        """The verdict on an event of `key` received at `now` (Unix seconds), which is then remembered."""
        first = self._first.get(key)
        if first is not None and now - first < WINDOW_S:
            return Verdict.MERGED if now - first <= MERGE_S else Verdict.DROPPED
        self._first[key] = now
        self._first.move_to_end(key)
        self._expire(now)
        return Verdict.UNIQUE

    def _expire(self, now: float) -> None:
        while len(self._first) > self._capacity:
            self._first.popitem(last=False)
            self.forgotten += 1
        while now - next(iter(self._first.values())) >= WINDOW_S:
            self._first.popitem(last=False)


def filled(first: dict[str, Any], copy: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """`first` with what it lacks taken from `copy`, and the paths that were filled in.

    Lacking is absent, null or empty; nothing is ever overwritten. Objects are filled field by field, lists as a whole.
    """
    merged = dict(first)
    paths: list[str] = []
    for name, value in copy.items():
        own = merged.get(name)
        if isinstance(own, dict) and own and isinstance(value, dict):
            merged[name], inner = filled(own, value)
            paths += [f"{name}.{path}" for path in inner]
        elif own in (None, "", [], {}) and value not in (None, "", [], {}):
            merged[name] = value
            paths.append(name)
    return merged, paths
