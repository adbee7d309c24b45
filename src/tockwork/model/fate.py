"""What was tried for a row, and what became of it."""

from __future__ import annotations

import msgspec

from tockwork.model.outcome import Status


class History(msgspec.Struct, frozen=True):
    """What was tried for a row so far.

    `retries` counts the times it was put off after an attempt. `first_s` is when it was first attempted, on the
    destination's working clock (seconds; stands still while the destination is blocked or paused). `ambiguous_at` is
    the Unix time of the first attempt that may have arrived unknown to us. `said` is what the last attempt was
    answered, with values masked.
    """

    retries: int = 0
    first_s: float | None = None
    ambiguous_at: float | None = None
    said: str = ""

    def tried(self, now: float, working_s: float, *, ambiguous: bool, said: str) -> History:
        """After one more attempt, which began at `now` (`working_s` on the working clock)."""
        return History(
            self.retries,
            working_s if self.first_s is None else self.first_s,
            now if ambiguous and self.ambiguous_at is None else self.ambiguous_at,
            said,
        )

    def put_off(self) -> History:
        """After an attempt that is to be made again."""
        return History(self.retries + 1, self.first_s, self.ambiguous_at, self.said)


class Fate(msgspec.Struct, frozen=True):
    """What became of one row: delivered, invalid, rejected, expired, or pending with the Unix time of its next attempt.

    `reason` is a reason code, None when delivered; `code` is the platform's; `detail` says what it answered, with the
    row's values masked.
    """

    status: Status
    reason: str | None = None
    detail: str | None = None
    code: int | None = None
    retry_at: float | None = None
    history: History = History()
