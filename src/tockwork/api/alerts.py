"""Routes of the management API: what is watched, what is wrong now, and who is told."""

from __future__ import annotations

import time
from typing import Any, Final
from uuid import uuid4

import msgspec
import structlog
from litestar import Request, get, put
from litestar import post as posts
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from tockwork.api.access import Role, User, editor
from tockwork.api.audit import record
from tockwork.api.places import changed
from tockwork.api.problem import invalid
from tockwork.configuration.alerts import Alerts, Format, Rules
from tockwork.configuration.entries import Configuration
from tockwork.model.errors import Problem
from tockwork.operations.editing import Editor
from tockwork.operations.premises import Premises
from tockwork.operations.webhook import Posted, Told, post
from tockwork.store.alerts import Alert, AlertLog, Fired

HISTORY: Final = 200
WEBHOOK: Final = ("alerts", "webhook")
TAGS: Final = ["Alerts"]
_log = structlog.get_logger(__name__)


class SecretState(msgspec.Struct, frozen=True):
    """Whether a secret is set; what it is is never told."""

    set: bool


class Event(Fired, frozen=True, kw_only=True):
    """An alert that began, and perhaps ended; `told` is what the webhook answered last, by what it was told."""

    told: dict[str, str]


class AlertsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is watched, who is told, what fires now and what fired before, newest first."""

    enabled: bool
    webhook: SecretState
    format: Format
    private_network: bool
    rules: Rules
    firing: list[Event]
    history: list[Event]
    managed_by: str | None


class AlertsChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is watched from now on. An empty `webhook` leaves the one that is set; `remove_webhook` removes it."""

    enabled: bool = True
    webhook: str = ""
    remove_webhook: bool = False
    format: Format = "cloudevents"
    private_network: bool = False
    rules: Rules = Rules()


class TriedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a test alert. `posted` is false without a webhook: then only the log was told. `status` is that of
    the answer, None without one."""

    posted: bool
    ok: bool
    status: int | None
    said: str


@get("/alerts", tags=TAGS)
async def read_alerts(premises: NamedDependency[Premises]) -> AlertsAnswer:
    """What is watched, what fires now, and the last 200 alerts."""
    return await _answer(premises)


@put("/alerts", tags=TAGS, guards=[editor])
async def change_alerts(
    request: Request[User, Any, Any],
    data: JSONBody[AlertsChange],
    premises: NamedDependency[Premises],
    editing: NamedDependency[Editor],
) -> AlertsAnswer:
    """Change what is watched, and who is told. To post within the own network, where the server reaches what others do
    not, is for owners to say."""
    former = premises.configuration.alerts
    opens = data.private_network and (bool(data.webhook) or not former.private_network)
    if opens and not request.user.role.may(Role.OWNER):
        place = "webhook" if former.private_network else "private_network"
        raise invalid(Problem(place, "needs the role owner in a private network", "Ask an owner to set it."))

    def change(configuration: Configuration) -> str:
        former = configuration.alerts
        kept = "" if data.remove_webhook else former.webhook
        if data.webhook or data.remove_webhook:
            configuration.references.pop(WEBHOOK, None)
        configuration.alerts = Alerts(data.enabled, data.webhook or kept, data.format, data.private_network, data.rules)
        return "alerts"

    await changed(editing, change, by=request.user.name, note="alerts changed")
    webhook = "removed" if data.remove_webhook and not data.webhook else "set" if data.webhook else "kept"
    await record(request, "alerts.changed", detail={"enabled": data.enabled, "webhook": webhook})
    await premises.refresh()
    return await _answer(premises)


@posts("/alerts/test", tags=TAGS, guards=[editor], status_code=200)
async def send_test(request: Request[User, Any, Any], premises: NamedDependency[Premises]) -> TriedAnswer:
    """Send a test alert to the webhook now, and to the log."""
    now, wanted = time.time(), premises.configuration.alerts
    alert = Alert(rule="test", what="This is how an alert looks.", mend="Nothing is wrong.", value=0.0, since=now)
    _log.warning("alert_test", what=alert.what)
    if not wanted.webhook:
        return TriedAnswer(posted=False, ok=True, status=None, said="No webhook is set: only the log was told.")
    told = Told(id=str(uuid4()), state="test", at=now, alert=alert)
    posted: Posted = await post(wanted, told, premises.settings.ca_bundle)
    await record(request, "alerts.tested", detail={"ok": posted.ok, "status": posted.status})
    return TriedAnswer(posted=True, ok=posted.ok, status=posted.status, said=posted.said)


async def _answer(premises: Premises) -> AlertsAnswer:
    log, wanted = AlertLog(premises.store.database), premises.configuration.alerts
    firing, newest = await log.firing(), await log.newest(HISTORY)
    said = await log.said(min((one.id for one in (*firing, *newest)), default=0))
    return AlertsAnswer(
        enabled=wanted.enabled,
        webhook=SecretState(bool(wanted.webhook)),
        format=wanted.format,
        private_network=wanted.private_network,
        rules=wanted.rules,
        firing=[_event(one, said) for one in firing],
        history=[_event(one, said) for one in newest],
        managed_by=premises.configuration.managed_by,
    )


def _event(fired: Fired, said: dict[tuple[int, str], str]) -> Event:
    told = {state: words for (number, state), words in said.items() if number == fired.id}
    return Event(**msgspec.structs.asdict(fired), told=told)


ROUTES: Final[list[ControllerRouterHandler]] = [read_alerts, change_alerts, send_test]
