"""The page about alerts: what fires, what is watched, who is told, and what a wrong form says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.console import Desk, console
from tests.contract.webhook import hook

from tockwork.configuration.alerts import BOUNDS, Alerts, Held, Rules
from tockwork.configuration.entries import Configuration
from tockwork.console.pages.alerts import RULES
from tockwork.store.alerts import Alert, AlertLog

WEBHOOK = "https://hooks.example/planted-4711"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with console(tmp_path) as found:
        yield found


def form(**members: Any) -> dict[str, Any]:
    """The form as it stands at first."""
    found: dict[str, Any] = {"enabled": "true", "webhook": "", "format": "cloudevents"}
    for rule in Rules.__struct_fields__:
        figures = getattr(Rules(), rule)
        found[f"{rule}.enabled"] = "true"
        found |= {f"{rule}.{name}": str(getattr(figures, name)) for name in figures.__struct_fields__ if name in BOUNDS}
    return {**found, **{name.replace("__", "."): value for name, value in members.items()}}


def test_the_page_has_every_rule_and_figure() -> None:
    rules = {rule: [figure for figure, _ in figures] for rule, (_, _, figures) in RULES.items()}
    known = {rule: [*getattr(Rules(), rule).__struct_fields__] for rule in Rules.__struct_fields__}
    assert {rule: ["enabled", *figures] for rule, figures in rules.items()} == known


async def test_saving_what_is_shown_changes_nothing(desk: Desk) -> None:
    page = await desk.pages.get("/alerts")
    assert page.status_code == 200
    assert "All is well" in page.text
    done = await desk.submit("/alerts", **form())
    assert (done.status_code, done.headers["location"]) == (303, "/alerts?saved=true")
    assert desk.premises.configuration.alerts == Alerts()


async def test_rules_and_the_webhook(desk: Desk) -> None:
    await desk.submit("/alerts", **form(webhook=WEBHOOK, held__minutes="5", held__enabled=""))
    assert desk.premises.configuration.alerts == Alerts(
        webhook=WEBHOOK, rules=Rules(held=Held(enabled=False, minutes=5))
    )
    page = (await desk.pages.get("/alerts")).text
    assert "planted" not in page
    assert "A webhook is set." in page
    await desk.submit("/alerts", **form(remove_webhook="true"))
    assert desk.premises.configuration.alerts == Alerts()


@pytest.mark.parametrize(
    ("members", "said", "kept"),
    [
        ({"held__minutes": "soon"}, "Write a number.", 'value="soon"'),
        ({"held__minutes": "1.5"}, "Write a whole number.", 'value="1.5"'),
        ({"disk__reserves": ""}, "Write a number.", 'name="disk.reserves"'),
        ({"success_rate__percent": "nan"}, "Write a number.", 'value="nan"'),
        ({"success_rate__percent": "101"}, "expected a number from 1 to 100", 'value="101"'),
        ({"volume_drop__events": "99999999999999999999999"}, "is-invalid", 'value="99999999999999999999999"'),
        ({"webhook": "http://hooks.example"}, "without encryption", 'value="http://hooks.example"'),
    ],
)
async def test_wrong_input_is_told_at_its_field_and_stays(
    desk: Desk, members: dict[str, str], said: str, kept: str
) -> None:
    page = await desk.submit("/alerts", **form(**members, backlog__minutes="77"))
    assert page.status_code == 422
    assert said in page.text
    assert kept in page.text
    assert 'value="77"' in page.text
    assert "is-invalid" in page.text
    assert desk.premises.version == 0


async def test_the_test_button(desk: Desk) -> None:
    async with hook([200, 404]) as heard:
        await desk.submit("/alerts", **form(webhook=heard.url, private_network="true"))
        page = await desk.submit("/alerts/test")
        assert "The webhook took it: HTTP 200." in page.text
        assert "<html" in page.text
        headers = {"HX-Request": "true"}
        part = await desk.pages.post("/alerts/test", data={"csrf": desk.csrf}, headers=headers)
        assert "The webhook did not take it: HTTP 404" in part.text
        assert "<html" not in part.text
    assert heard.types() == ["test", "test"]


async def test_what_fires_and_the_history(desk: Desk) -> None:
    log = AlertLog(desk.store.database)
    what = "<script>alert(1)</script> is blocked."
    await log.change(
        [Alert(rule="held", destination="A/B", what=what, mend="M", value=1.0, since=1.0)], [], 2.0, told=False
    )
    for path in ("/alerts", "/alerts/now"):
        page = (await desk.pages.get(path)).text
        assert "Destination blocked" in page
        assert "&lt;script&gt;" in page
        assert "<script>alert" not in page
        assert "/delivery/A~1B" in page


async def test_viewers_and_managed_configurations_get_no_button(tmp_path: Path) -> None:
    async with console(tmp_path, Configuration(managed_by="shop.yaml")) as desk:
        page = (await desk.pages.get("/alerts")).text
        assert "The file shop.yaml manages this configuration" in page
        assert "Save" not in page
        assert "Send a test alert" in page
        page = (await (await desk.as_role("viewer")).pages.get("/alerts")).text
        assert "Save" not in page
        assert "Send a test alert" not in page
