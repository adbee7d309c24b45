"""Whether a destination instance may be sent to now, from what its answers showed. Pure: times are Unix seconds."""

from __future__ import annotations

import math
from collections import deque
from enum import StrEnum
from random import Random
from typing import Final

import msgspec

from tockwork.model import reasons
from tockwork.model.outcome import Answer, Verdict

PROBE_S: Final = 300.0
"""A blocked destination is tried again this often, in case the platform changed its mind."""
FAILURES: Final = 3
"""So many passing failures running, and the destination rests."""
REST_S: Final = 5.0
REST_CAP_S: Final = 60.0
"""A resting destination is tried again after 5 s at the earliest, and after a minute at the latest."""
_ANSWER_S: Final = 15.0
"""A resting destination's probe is answered by then, or did not go out."""
SAME_UNKNOWN: Final = 3
"""So many equal unknown answers running pause the destination."""
BRAKE_RUN: Final = 50
BRAKE_WINDOW: Final = 200
"""So many rejected rows running, or more than half of so many, and the destination is paused."""


class Condition(StrEnum):
    OPEN = "open"
    RESTING = "resting"  # the platform fails: one request at a time finds out when it is back
    BLOCKED = "blocked"  # the credentials or permissions are refused
    PAUSED = "paused"  # someone must look


_HELD: Final = {Condition.BLOCKED: reasons.BLOCKED, Condition.PAUSED: reasons.PAUSED}


class Kept(msgspec.Struct, frozen=True):
    """What a standing leaves to the next process; `working_s` is its working clock when it was last seen."""

    condition: Condition
    reason: str
    detail: str
    since: float
    working_s: float


def read_kept(kept: bytes | None, now: float) -> Kept:
    """What an earlier process left, or an open standing when it left nothing."""
    return Kept(Condition.OPEN, "", "", 0.0, now) if kept is None else msgspec.json.decode(kept, type=Kept)


class Standing:
    """One destination instance's condition, why (a reason code and a detail), and since when.

    `brake` is whether many rejected rows pause the destination.
    """

    def __init__(self, *, brake: bool = True) -> None:
        self.condition = Condition.OPEN
        self.reason = ""
        self.detail = ""
        self.since = 0.0
        self._brake = brake
        self._next_probe = 0.0
        self._probing = False
        self._held_s = 0.0
        self._failures = 0
        self._rests = 0
        self._unknown: tuple[int | None, int | None] | None = None
        self._same = 0
        self._run = 0
        self._rejected: deque[bool] = deque(maxlen=BRAKE_WINDOW)

    @property
    def held(self) -> str | None:
        """While the clock of retrying stands still, the reason code of what waits: blocked or paused."""
        return _HELD.get(self.condition)

    @property
    def why(self) -> str:
        """The reason and the detail in one line, empty while open."""
        return ": ".join(filter(None, (self.reason, self.detail)))

    def take_over(self, before: Standing, now: float) -> None:
        """Goes on for a standing whose settings changed: with its working clock, and paused if it was."""
        self._held_s = now - before.working_s(now)
        if before.condition is Condition.PAUSED:
            self._enter(Condition.PAUSED, before.reason, before.detail, now)
            self._next_probe = math.inf

    def keep(self, now: float) -> Kept:
        return Kept(self.condition, self.reason, self.detail, self.since, self.working_s(now))

    def restore(self, kept: Kept, now: float) -> None:
        """Goes on for a process that has ended: paused if it was, and with its working clock, which stood still
        meanwhile. What was blocked is tried again."""
        if kept.condition is Condition.PAUSED:
            self._enter(Condition.PAUSED, kept.reason, kept.detail, kept.since)
            self._next_probe = math.inf
        self._held_s = (self.since if self.held else now) - kept.working_s

    def working_s(self, now: float) -> float:
        """The working clock: seconds that stand still while the destination is held."""
        return (self.since if self.held else now) - self._held_s

    def wait_s(self, now: float) -> float:
        """Seconds until a request may be sent: 0 now, infinite while only a person can change it."""
        return 0.0 if self.condition is Condition.OPEN else max(0.0, self._next_probe - now)

    def admit(self, now: float) -> bool:
        """Whether a request may be sent now. While resting or blocked one is let through from time to time, and this
        call takes that place."""
        if self.wait_s(now) > 0:
            return False
        if self.condition is not Condition.OPEN:
            self._probing = True
            self._next_probe = now + (PROBE_S if self.condition is Condition.BLOCKED else _ANSWER_S)
        return True

    def heard(self, answer: Answer, now: float, random: Random) -> int:
        """Takes an answer in; returns how many equal unknown answers there were running, this one included."""
        verdict, same = answer.verdict, self._counted_unknown(answer)
        if verdict in (Verdict.RETRY, Verdict.UNKNOWN) and same < SAME_UNKNOWN:
            self._failed(answer, now, random)
        elif verdict is Verdict.BLOCKED:
            self.block(answer.reason, described(answer), now)
        elif verdict not in (Verdict.RETRY, Verdict.UNKNOWN, Verdict.THROTTLED):
            self._failures = self._rests = 0
            if not self.held or (self.condition is Condition.BLOCKED and self._probing):
                self._enter(Condition.OPEN, "", "", now)
        return same

    def _counted_unknown(self, answer: Answer) -> int:
        if answer.verdict is Verdict.UNKNOWN:
            asked = (answer.code, answer.http_status)
            self._same = self._same + 1 if asked == self._unknown else 1
            self._unknown = asked
        elif answer.verdict is not Verdict.RETRY:  # which is mostly silence: no answer that differs
            self._unknown, self._same = None, 0
        return self._same

    def _failed(self, answer: Answer, now: float, random: Random) -> None:
        late = self.condition is Condition.RESTING and not self._probing  # was under way when the rest began
        if self.held or late:
            return
        self._failures += 1
        if self.condition is Condition.OPEN and self._failures < FAILURES:
            return
        self._enter(Condition.RESTING, answer.reason, described(answer), now)
        rest_s = random.uniform(REST_S, min(REST_CAP_S, REST_S * 2.0 ** min(self._rests, 10)))
        self._next_probe = now + max(rest_s, answer.retry_after_s or 0.0)
        self._rests += 1

    def counted(self, *, delivered: int, rejected: int) -> bool:
        """Takes the fates of rows in; true when so many were rejected that the destination should be paused."""
        if delivered:
            self._run = 0
        self._rejected.extend([False] * min(delivered, BRAKE_WINDOW))
        self._rejected.extend([True] * min(rejected, BRAKE_WINDOW))
        self._run += rejected
        most = len(self._rejected) == BRAKE_WINDOW and sum(self._rejected) > BRAKE_WINDOW // 2
        return self._brake and (self._run >= BRAKE_RUN or (rejected > 0 and most))

    def block(self, reason: str, detail: str, now: float, *, probe: bool = True) -> None:
        """Rows wait until the settings change; with `probe`, one request every five minutes tries all the same."""
        if self.condition is not Condition.PAUSED:
            self._enter(Condition.BLOCKED, reason, detail, now)
            self._next_probe = now + PROBE_S if probe else math.inf

    def pause(self, reason: str, detail: str, now: float) -> None:
        """Rows wait until `resume`."""
        self._enter(Condition.PAUSED, reason, detail, now)
        self._next_probe = math.inf

    def resume(self, now: float) -> None:
        """Opens again, whatever the condition, with a clean slate."""
        self._enter(Condition.OPEN, "", "", now)
        self._failures = self._rests = self._same = self._run = 0
        self._unknown = None
        self._rejected.clear()

    def _enter(self, condition: Condition, reason: str, detail: str, now: float) -> None:
        self.reason, self.detail, self._probing = reason, detail, False
        if condition is self.condition:
            return
        if self.held:
            self._held_s += now - self.since
        self.condition, self.since = condition, now


def described(answer: Answer) -> str:
    """An answer in words, for a detail or an alert: its code or HTTP status and its message, values masked."""
    code = answer.code if answer.code is not None else answer.http_status
    prefix = "" if code is None else f"answered {code}: " if answer.code is not None else f"HTTP {code}: "
    return (prefix + answer.message).removesuffix(": ")
