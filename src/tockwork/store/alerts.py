"""Alerts as they began and ended, what is to be told of them, and the counts that they are judged by."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final, Literal
from uuid import uuid4

import msgspec

from tockwork.store.database import Database
from tockwork.store.statements import Statements

ALERTS: Final = Statements("alerts")
KEPT: Final = 1000
"""So many alerts that have ended are remembered."""
HOUR_MIN: Final = 60
DAY_MIN: Final = 24 * HOUR_MIN

Key = tuple[str, str, str]
"""Rule, destination, source: what makes two alerts the same."""
State = Literal["firing", "resolved"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong now: with a destination, a source, or the server where it names neither.

    `what` and `mend` are for people. `value` is what was measured. `since` is the Unix time from which it is so.
    """

    rule: str
    destination: str = ""
    source: str = ""
    what: str
    mend: str
    value: float
    since: float

    @property
    def key(self) -> Key:
        return self.rule, self.destination, self.source


class Fired(Alert, frozen=True, kw_only=True):
    """An alert that was noticed at `began_at`; `ended_at` is None while it fires. Unix times. `uid` is what others know
    it by."""

    began_at: float
    ended_at: float | None
    id: int
    uid: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is to be told. `attempts` were made before."""

    id: int
    state: State
    made_at: float
    attempts: int
    alert: Fired


class Recent(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the last time, by name.

    `deliveries` are what became of each destination's, by status. `arrived` are the events of each source in the last
    whole hour; `yesterday` and `last_week` those of the same hour then.
    """

    deliveries: Mapping[str, Mapping[str, int]] = {}
    arrived: Mapping[str, int] = {}
    yesterday: Mapping[str, int] = {}
    last_week: Mapping[str, int] = {}


class AlertLog:
    """The alerts in a database. One process writes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, now: float, minutes: int) -> Recent:
        """Counts at Unix time `now`: deliveries of the last `minutes`, the one under way among them."""
        minute = int(now // 60)

        def work(connection: sqlite3.Connection) -> Recent:
            deliveries: dict[str, dict[str, int]] = {}
            for name, status, number in connection.execute(ALERTS.deliveries, {"after": minute - minutes}):
                deliveries.setdefault(name, {})[status] = number
            arrived, yesterday, last_week = (
                dict(connection.execute(ALERTS.arrived, {"after": end - HOUR_MIN, "before": end}).fetchall())
                for end in (minute, minute - DAY_MIN, minute - 7 * DAY_MIN)
            )
            return Recent(deliveries=deliveries, arrived=arrived, yesterday=yesterday, last_week=last_week)

        return await self._database.read(work)

    async def firing(self) -> list[Fired]:
        """Those that fire, in the order in which they began."""
        rows = await self._database.read(lambda connection: connection.execute(ALERTS.firing).fetchall())
        return [_fired(row) for row in rows]

    async def newest(self, limit: int) -> list[Fired]:
        """The newest, that one first."""
        names = {"limit": limit}
        rows = await self._database.read(lambda connection: connection.execute(ALERTS.newest, names).fetchall())
        return [_fired(row) for row in rows]

    async def said(self, oldest: int) -> dict[tuple[int, str], str]:
        """What the webhook said last to the notices of alerts with this id and newer ones, by alert and state."""
        names = {"alert": oldest}
        rows = await self._database.read(lambda connection: connection.execute(ALERTS.said, names).fetchall())
        return {(alert, state): said for alert, state, said in rows}

    async def change(self, began: Sequence[Alert], ended: Sequence[Fired], now: float, *, told: bool) -> None:
        """Writes down, in one commit, what began and what ended. If `told`, the webhook is to be told of
        it; of an end only where it was of the beginning."""

        def work(connection: sqlite3.Connection) -> None:
            for alert in began:
                found = connection.execute(ALERTS.begin, _members(alert, now)).fetchone()
                if found and told:
                    connection.execute(ALERTS.tell_of_beginning, {"alert": found[0], "at": now})
            for fired in ended:
                done = connection.execute(ALERTS.end, {"id": fired.id, "at": now}).rowcount
                if done and told:
                    connection.execute(ALERTS.tell_of_end, {"alert": fired.id, "at": now})
            connection.execute(ALERTS.forget_notices, {"kept": KEPT})
            connection.execute(ALERTS.forget, {"kept": KEPT})

        if began or ended:
            await self._database.write(work)

    async def due(self, now: float) -> Notice | None:
        """The next that is to be told, None when there is none now."""
        names = {"now": now}
        row = await self._database.read(lambda connection: connection.execute(ALERTS.due, names).fetchone())
        if row is None:
            return None
        number, state, made_at, attempts, *alert = row
        return Notice(id=number, state=state, made_at=made_at, attempts=attempts, alert=_fired(alert))

    async def is_waiting(self) -> bool:
        """Whether something is still to be told, now or later."""
        return bool(await self._database.read(lambda connection: connection.execute(ALERTS.waiting).fetchone()[0]))

    async def attempted(self, notice: Notice, said: str, next_at: float | None) -> None:
        """Notes what came of an attempt, and when the next one is: None for none."""
        names = {"id": notice.id, "said": said, "next_at": next_at}
        await self._database.write(lambda connection: connection.execute(ALERTS.attempted, names))

    async def withdraw(self) -> None:
        """Nobody is to be told what was not told yet."""
        await self._database.write(lambda connection: connection.execute(ALERTS.withdraw))


def _members(alert: Alert, now: float) -> dict[str, object]:
    return {**msgspec.structs.asdict(alert), "at": now, "uid": str(uuid4())}


def _fired(row: Sequence[object]) -> Fired:
    return msgspec.convert(dict(zip(_COLUMNS, row, strict=True)), Fired)


_COLUMNS: Final = Fired.__struct_fields__
