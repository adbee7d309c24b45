"""A destination instance's way to the platform: where its requests go, and how it stands there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

import structlog

from tockwork.delivery.standing import Condition, Standing, described
from tockwork.destinations.declare import Limits
from tockwork.model import reasons
from tockwork.model.outcome import Answer
from tockwork.model.secret import Secret

_log = structlog.get_logger(__name__)


class Reader(Protocol):
    """Reads an answer by a destination's response table; `destinations.tiktok.responses.read` is one."""

    def __call__(
        self,
        http_status: int | None,
        headers: Mapping[str, str],
        body: bytes,
        rows: int,
        mask: Callable[[str], str],
        now: float,
    ) -> Answer: ...


class Link:
    """One per destination instance and version of its settings; a change of settings makes a new one.

    `path` is the endpoint's; `token` goes into the header `header`. Without a token the link is blocked. With `brake`,
    many rejected rows pause it. Each change of condition is logged once: a warning, or an info when it opens.
    """

    def __init__(
        self,
        name: str,
        *,
        token: Secret | None,
        path: str,
        read: Reader,
        limits: Limits | None = None,
        header: str = "Access-Token",
        brake: bool = True,
    ) -> None:
        self.name = name
        self.token = token or Secret("")
        self.path = path
        self.read = read
        self.limits = limits or Limits()
        self.header = header
        self.standing = Standing(brake=brake)
        if not self.token:
            self.standing.block(reasons.NO_TOKEN, reasons.REASONS[reasons.NO_TOKEN].mend, 0.0, probe=False)

    def heard(self, answer: Answer, now: float, random: Random) -> int:
        """Takes an answer in; returns how many equal unknown answers there were running, this one included."""
        before = self.standing.condition
        same = self.standing.heard(answer, now, random)
        self._tell(before)
        return same

    def counted(self, *, delivered: int, rejected: int, now: float) -> None:
        """Takes the fates of rows in; many rejected ones pause the link."""
        if self.standing.counted(delivered=delivered, rejected=rejected) and not self.standing.held:
            self.pause(reasons.MANY_REJECTED, reasons.REASONS[reasons.MANY_REJECTED].meaning, now)

    def pause(self, reason: str, detail: str, now: float) -> None:
        """Rows wait until `resume`. `now` is Unix time."""
        before = self.standing.condition
        self.standing.pause(reason, detail, now)
        self._tell(before)

    def resume(self, now: float) -> None:
        """Opens a paused, blocked or resting link with a clean slate."""
        before = self.standing.condition
        self.standing.resume(now)
        if not self.token:
            self.standing.block(reasons.NO_TOKEN, reasons.REASONS[reasons.NO_TOKEN].mend, now, probe=False)
        self._tell(before)

    def refused(self, answer: Answer, now: float) -> None:
        """Pauses for an answer that nobody knows."""
        self.pause(answer.reason, described(answer), now)

    def _tell(self, before: Condition) -> None:
        standing = self.standing
        if standing.condition is before:
            return
        if standing.condition is Condition.OPEN:
            _log.info("destination_open", destination=self.name, before=before.value)
            return
        mend = reasons.REASONS[standing.reason].mend if standing.reason in reasons.REASONS else ""
        _log.warning(
            f"destination_{standing.condition.value}",
            destination=self.name,
            reason=standing.reason,
            detail=standing.detail,
            mend=mend,
        )
