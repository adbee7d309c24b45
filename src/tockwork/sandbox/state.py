"""What a running sandbox is made of, apart from its sockets."""

from __future__ import annotations

from tockwork.model.clock import Clock
from tockwork.sandbox.events_api import EventsApi
from tockwork.sandbox.faults import Script
from tockwork.sandbox.profile import Profile
from tockwork.sandbox.record import Record, Stats
from tockwork.sandbox.tokens import Tokens


class State:
    """The rules, what arrived so far and the fault script. `script` may be exchanged at any time."""

    def __init__(
        self, profile: Profile, clock: Clock, tokens: Tokens, script: Script, keep: int, requests_per_second: float
    ) -> None:
        self.profile = profile
        self.clock = clock
        self.script = script
        self._tokens = tokens
        self._keep = keep
        self._requests_per_second = requests_per_second
        self.api = self._fresh()

    def _fresh(self) -> EventsApi:
        return EventsApi(self.profile, self._tokens, self._keep, self._requests_per_second)

    @property
    def record(self) -> Record:
        return self.api.record

    def stats(self) -> Stats:
        return self.api.stats()

    def reset(self) -> None:
        """Forgets all that arrived, the dedup keys included, and begins the fault script again."""
        self.api = self._fresh()
        self.script.restart()
