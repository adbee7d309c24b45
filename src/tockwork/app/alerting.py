"""Watches a server, and tells of what is wrong: once when it begins, and once when it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec
import structlog

from tockwork.configuration.alerts import Alerts
from tockwork.configuration.entries import Configuration
from tockwork.model.clock import Clock, SystemClock
from tockwork.operations.alerts import HOLDING, alerts
from tockwork.operations.snapshot import Snapshot
from tockwork.operations.webhook import GIVES_UP_S, WAITS_S, Posted, Told
from tockwork.store.alerts import Alert, AlertLog, Fired, Key, Notice

LOOK_S: Final = 5.0
TELL_S: Final = 1.0
CLEAR_S: Final = 60.0
"""An alert ends once all was well for so long: what is well and wrong by turns is told once, and a destination that was
blocked is open for a moment after a restart."""
_log = structlog.get_logger(__name__)


class Post(Protocol):
    """What posts to the webhook: `webhook.post`, but for tests."""

    async def __call__(self, alerts: Alerts, told: Told, ca_bundle: str | None = None) -> Posted: ...


class Alerting:
    """Looks every `LOOK_S` seconds, and tells every `TELL_S` what is to be told.

    What fires and what was told is in the store, so that another process goes on with it: an alert that began before a
    restart is not told again.
    """

    def __init__(
        self,
        log: AlertLog,
        configuration: Callable[[], Configuration],
        snapshot: Callable[[], Awaitable[Snapshot]],
        post: Post,
        ca_bundle: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._log = log
        self._configuration = configuration
        self._snapshot = snapshot
        self._post = post
        self._ca_bundle = ca_bundle
        self._clock = clock or SystemClock()
        self._well_since: dict[Key, float] = {}
        self._held_since: dict[str, float] = {}
        self._may_be_due = True

    async def look(self) -> None:
        """Compares what is wrong with what was."""
        configuration, now = self._configuration(), self._clock.now()
        wanted = configuration.alerts
        fired = await self._log.firing()
        found = await self._found(configuration, fired, now) if wanted.enabled else []
        known, wrong = {one.key for one in fired}, {one.key for one in found}
        began = [one for one in found if one.key not in known]
        ended = [one for one in fired if one.key not in wrong and (not wanted.enabled or self._is_over(one.key, now))]
        for key in wrong:
            self._well_since.pop(key, None)
        await self._log.change(began, ended, now, told=wanted.enabled and bool(wanted.webhook))
        self._may_be_due = self._may_be_due or bool(began or ended)
        for one in began:
            _log.warning("alert_firing", **_words(one), what=one.what, mend=one.mend, value=one.value)
        for over in ended:
            self._well_since.pop(over.key, None)
            _log.info("alert_resolved", **_words(over), what=over.what)

    async def _found(self, configuration: Configuration, fired: list[Fired], now: float) -> list[Alert]:
        rules = configuration.alerts.rules
        recent = await self._log.recent(now, rules.success_rate.minutes)
        sources = [source.name for source in configuration.sources if source.enabled]
        return alerts(self._dated(await self._snapshot()), recent, rules, {one.key for one in fired}, sources)

    def _dated(self, snapshot: Snapshot) -> Snapshot:
        """With the time that a destination was first seen held, where nobody knows since when it is."""
        undated = {one.name for one in snapshot.destinations if one.condition in HOLDING and one.since is None}
        self._held_since = {name: self._held_since.get(name, snapshot.at) for name in undated}
        destinations = [
            msgspec.structs.replace(one, since=self._held_since[one.name]) if one.name in undated else one
            for one in snapshot.destinations
        ]
        return msgspec.structs.replace(snapshot, destinations=destinations)

    def _is_over(self, key: Key, now: float) -> bool:
        return now - self._well_since.setdefault(key, now) >= CLEAR_S

    async def tell(self) -> None:
        """Posts what is due, one after the other."""
        wanted = self._configuration().alerts
        if self._may_be_due and not (wanted.enabled and wanted.webhook):
            self._may_be_due = False
            if await self._log.is_waiting():
                await self._log.withdraw()
        while self._may_be_due and (notice := await self._log.due(self._clock.now())) is not None:
            await self._attempt(wanted, notice)
        self._may_be_due = self._may_be_due and await self._log.is_waiting()

    async def _attempt(self, wanted: Alerts, notice: Notice) -> None:
        alert = notice.alert
        at = alert.ended_at if notice.state == "resolved" and alert.ended_at is not None else alert.began_at
        told = Told(id=f"{alert.uid}-{notice.state}", state=notice.state, at=at, alert=alert)
        posted = await self._post(wanted, told, self._ca_bundle)
        next_at = self._clock.now() + WAITS_S[min(notice.attempts, len(WAITS_S) - 1)]
        again = posted.passing and next_at < notice.made_at + GIVES_UP_S
        await self._log.attempted(notice, posted.said, next_at if again else None)
        if not posted.ok:
            event = "alert_not_told_yet" if again else "alert_not_told"
            _log.warning(event, **_words(alert), state=notice.state, said=posted.said)


def _words(alert: Alert) -> dict[str, str]:
    words = {"rule": alert.rule, "destination": alert.destination, "source": alert.source}
    return {name: word for name, word in words.items() if word}
