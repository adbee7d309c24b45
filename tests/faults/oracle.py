"""Holds what was acknowledged against what arrived.

Every event claims an id before it is sent; a 2xx answer makes its arrival an obligation. In the end the sandbox tells
what arrived. The method is that of Jepsen's set checker.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tockwork.sandbox.server import Sandbox

PREFIX: Final = "claim-"


class Oracle:
    """Claims, obligations and, after `look`, arrivals. `claimed` are ids 0 to `claimed` - 1."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.claimed = 0
        self.acknowledged: set[str] = set()
        self.repeats = 0
        self.spurious: set[str] = set()
        self.garbled: set[str] = set()
        self.changed: set[str] = set()
        self._sandbox = sandbox
        self._seen = 0
        self._arrived: dict[str, bytes] = {}

    def claim(self) -> int:
        self.claimed += 1
        return self.claimed - 1

    def acknowledge(self, numbers: list[int]) -> None:
        self.acknowledged.update(f"{PREFIX}{number}" for number in numbers)

    @property
    def arrived(self) -> int:
        """Events that arrived, each counted once."""
        self._look()
        return len(self._arrived)

    @property
    def missing(self) -> set[str]:
        """Acknowledged events that have not arrived so far."""
        self._look()
        return self.acknowledged - self._arrived.keys()

    def check(self) -> None:
        """Nothing is lost, invented, mixed up or changed by a repeat."""
        assert not self.missing, f"{len(self.missing)} of {len(self.acknowledged)} acknowledged events are lost"
        assert not self.spurious, "arrived without being sent"
        assert not self.garbled, "arrived with another event's content"
        assert not self.changed, "repeated with other bytes"
        assert self.acknowledged, "nothing was acknowledged, so nothing was tested"

    def _look(self) -> None:
        events = self._sandbox.events
        stats = self._sandbox.stats()
        accepted = stats.accepted_rows
        assert len(events) == accepted, "the sandbox no longer keeps everything: give it a larger `keep`"
        for event in events[self._seen :]:
            self._take(event.event_id, bytes(event.sent))
        self._seen = len(events)

    def _take(self, event_id: str, sent: bytes) -> None:
        if (first := self._arrived.setdefault(event_id, sent)) is not sent:
            self.repeats += 1
            if first != sent:
                self.changed.add(event_id)
            return
        number = event_id.removeprefix(PREFIX)
        if not number.isdigit() or int(number) >= self.claimed:
            self.spurious.add(event_id)
        elif _value(msgspec.json.decode(sent)) != int(number):
            self.garbled.add(event_id)


def _value(row: dict[str, Any]) -> Any:
    return row.get("properties", {}).get("value")
