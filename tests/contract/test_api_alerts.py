"""Alerts through the management API: strict, audited, and the webhook is never told again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.console import Desk, console
from tests.contract.webhook import hook

from tockwork.configuration.alerts import Alerts
from tockwork.configuration.entries import Configuration
from tockwork.store.alerts import Alert, AlertLog

WEBHOOK = "https://hooks.example/planted-4711"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with console(tmp_path) as found:
        yield found


async def test_what_is_watched_from_the_start(desk: Desk) -> None:
    found = (await desk.api.get("/alerts")).json()
    assert (found["enabled"], found["webhook"], found["format"]) == (True, {"set": False}, "cloudevents")
    assert found["rules"]["success_rate"] == {"enabled": True, "percent": 95.0, "minutes": 15, "deliveries": 50}
    assert (found["firing"], found["history"]) == ([], [])


async def test_the_webhook_is_kept_replaced_and_removed_and_never_shown(desk: Desk) -> None:
    for body, is_set in (
        ({"webhook": WEBHOOK}, True),
        ({"rules": {"held": {"minutes": 3}}}, True),
        ({"remove_webhook": True}, False),
    ):
        answer = await desk.api.put("/alerts", json=body)
        assert (answer.status_code, answer.json()["webhook"]) == (200, {"set": is_set})
        assert "planted" not in answer.text + (await desk.api.get("/alerts")).text
    assert desk.premises.configuration.alerts == Alerts()
    notes = await desk.audited()
    assert [(note["action"], note["detail"]["webhook"]) for note in notes] == [
        ("alerts.changed", "removed"),
        ("alerts.changed", "kept"),
        ("alerts.changed", "set"),
    ]
    assert "planted" not in repr(notes)


async def test_a_new_webhook_did_not_come_from_the_old_reference(tmp_path: Path) -> None:
    place: Any = ("alerts", "webhook")
    configuration = Configuration(alerts=Alerts(webhook=WEBHOOK), references={place: "${HOOK}"})
    async with console(tmp_path, configuration) as desk:
        await desk.api.put("/alerts", json={"enabled": False})
        assert desk.premises.configuration.references == {place: "${HOOK}"}
        await desk.api.put("/alerts", json={"webhook": f"{WEBHOOK}-2"})
        assert desk.premises.configuration.references == {}


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({"webhook": "http://hooks.example/planted"}, 422, "webhook"),
        ({"rules": {"success_rate": {"percent": 101}}}, 422, "rules.success_rate.percent"),
        ({"rules": {"held": {"minutes": -1}}}, 422, "rules.held.minutes"),
        ({"rules": {"held": {"minutes": "x"}}}, 400, "rules.held.minutes"),
        ({"rules": {"nothing": {}}}, 400, "rules"),
        ({"format": "smoke"}, 400, "format"),
    ],
)
async def test_wrong_values_are_told_at_their_place_and_change_nothing(
    desk: Desk, body: dict[str, Any], status: int, where: str
) -> None:
    answer = await desk.api.put("/alerts", json=body)
    assert answer.status_code == status
    assert [problem["where"] for problem in answer.json()["problems"]] == [where]
    assert "planted" not in answer.text
    assert desk.premises.version == 0


async def test_roles(desk: Desk) -> None:
    viewer, editor = await desk.as_role("viewer"), await desk.as_role("editor")
    assert (await viewer.api.get("/alerts")).status_code == 200
    for asked in (viewer.api.put("/alerts", json={}), viewer.api.post("/alerts/test")):
        assert (await asked).status_code == 403
    assert (await editor.api.put("/alerts", json={"enabled": False})).status_code == 200
    assert (await editor.api.post("/alerts/test")).status_code == 200
    assert (await desk.stranger().api.get("/alerts")).status_code == 401


async def test_only_owners_have_alerts_posted_within_the_own_network(desk: Desk) -> None:
    """Else an editor could try out what the server reaches there."""
    editor, inside = await desk.as_role("editor"), {"webhook": "http://10.0.0.1/", "private_network": True}
    answer = await editor.api.put("/alerts", json=inside)
    assert (answer.status_code, answer.json()["problems"][0]["where"]) == (422, "private_network")
    assert (await desk.api.put("/alerts", json=inside)).status_code == 200
    answer = await editor.api.put("/alerts", json={**inside, "webhook": "http://10.0.0.2/"})
    assert (answer.status_code, answer.json()["problems"][0]["where"]) == (422, "webhook")
    for fine in ({"private_network": True, "rules": {"held": {"minutes": 3}}}, {"webhook": WEBHOOK}):
        assert (await editor.api.put("/alerts", json=fine)).status_code == 200
    assert desk.premises.configuration.alerts.webhook.reveal() == WEBHOOK


async def test_a_file_that_manages_the_configuration_wins(tmp_path: Path) -> None:
    async with console(tmp_path, Configuration(managed_by="shop.yaml")) as desk:
        assert (await desk.api.get("/alerts")).json()["managed_by"] == "shop.yaml"
        assert (await desk.api.put("/alerts", json={"enabled": False})).status_code == 409


async def test_a_test_alert(desk: Desk) -> None:
    assert (await desk.api.post("/alerts/test")).json()["posted"] is False
    async with hook([200, 500]) as heard:
        await desk.api.put("/alerts", json={"webhook": heard.url, "private_network": True})
        answer = (await desk.api.post("/alerts/test")).json()
        assert answer == {"posted": True, "ok": True, "status": 200, "said": "HTTP 200"}
        answer = (await desk.api.post("/alerts/test")).json()
        assert answer == {"posted": True, "ok": False, "status": 500, "said": "HTTP 500"}
        assert heard.types() == ["test", "test"]
    assert [note["action"] for note in (await desk.audited())[:2]] == ["alerts.tested", "alerts.tested"]


async def test_what_fires_and_what_fired(desk: Desk) -> None:
    log = AlertLog(desk.store.database)
    for name in ("One", "Two"):
        alert = Alert(rule="held", destination=name, what=f"{name} is blocked.", mend="Mend.", value=1.0, since=10.0)
        await log.change([alert], [], 20.0, told=True)
    notice = await log.due(30.0)
    assert notice is not None
    await log.attempted(notice, "HTTP 204", None)
    await log.change([], [one for one in await log.firing() if one.destination == "One"], 40.0, told=False)
    found = (await desk.api.get("/alerts")).json()
    assert [one["destination"] for one in found["firing"]] == ["Two"]
    assert [(one["destination"], one["ended_at"], one["told"]) for one in found["history"]] == [
        ("Two", None, {}),
        ("One", 40.0, {"firing": "HTTP 204"}),
    ]
