"""The overview: the way to the first event, and how everything stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.contract.console import console

from tockwork.app.commands.serve import first_configuration
from tockwork.configuration.entries import Configuration, DestinationEntry, SourceEntry
from tockwork.console.pages.home import numbers_of, steps_of, warnings_of
from tockwork.model.secret import Secret


def source(**more: Any) -> dict[str, Any]:
    return {"name": "shop/eu", "kind": "browser", "events": 0, "events_last_day": 0, **more}


def destination(**more: Any) -> dict[str, Any]:
    base = {"name": "TikTok", "sandbox": False, "in_browser": False, "enabled": True, "advice": [], "test_codes": []}
    return {**base, **more}


def delivering(**more: Any) -> dict[str, Any]:
    base = {
        "name": "TikTok",
        "sandbox": False,
        "enabled": True,
        "condition": "open",
        "why": None,
        "since": None,
        "counts": {},
        "day": {"counts": {}},
        "backlog": {"undecided": 0, "pending": {}},
    }
    return {**base, **more}


@pytest.mark.parametrize(
    ("sources", "destinations", "delivery", "done"),
    [
        ([], [], [], [False, False, False, False]),
        ([source()], [destination(sandbox=True)], [delivering(sandbox=True)], [True, False, False, False]),
        ([source(events=1)], [destination(sandbox=True)], [], [True, True, False, False]),
        ([source(events=1)], [destination()], [delivering()], [True, True, True, False]),
        ([source(events=1)], [destination()], [delivering(counts={"delivered": 1})], [True] * 4),
        ([source(events=1)], [destination(in_browser=True)], [], [True] * 4),
        ([source()], [destination(in_browser=True)], [], [True, False, True, False]),
    ],
)
def test_the_way_to_the_first_event(
    sources: list[Any], destinations: list[Any], delivery: list[Any], done: list[bool]
) -> None:
    assert [step.done for step in steps_of(sources, destinations, delivery)] == done


def test_steps_lead_to_what_there_is() -> None:
    steps = steps_of([source()], [destination(name="a b")], [])
    assert [step.address for step in steps] == [
        "/sources/shop~1eu",
        "/sources/shop~1eu",
        "/destinations/a%20b",
        "/live",
    ]
    assert [step.address for step in steps_of([], [], [])] == ["/new-source", "/new-source", "/catalog", "/live"]


def test_warnings_begin_with_the_gravest() -> None:
    blocked = {"reason": "unauthorized", "meaning": "TikTok refuses the token.", "mend": "Make a new one."}
    found = warnings_of(
        [
            destination(test_codes=[{"code": "TEST1"}], advice=["mappings[0].name: One thing.", "Another."]),
            destination(name="off", enabled=False),
            destination(name="sandbox", sandbox=True, advice=["Nobody cares."]),
        ],
        [delivering(condition="blocked", why=blocked), delivering(name="off", enabled=False, why=blocked)],
    )
    assert [(one.about, one.grave) for one in found] == [
        ("TikTok", True),
        ("TikTok", False),
        ("TikTok", False),
        ("off", False),
    ]
    assert found[0].reason == "unauthorized"
    assert found[0].text == "Deliveries are blocked. TikTok refuses the token. Make a new one."
    assert found[2].text == "One thing. And 1 more."


def test_an_alert_is_told_once() -> None:
    alert = {"what": "TikTok is blocked.", "mend": "Mend it.", "since": 7.0, "destination": "TikTok", "source": ""}
    slow = {**alert, "rule": "backlog", "what": "TikTok has events that have waited for 11 min."}
    gone = {**alert, "rule": "volume_drop", "destination": "", "source": "shop/eu"}
    blocked = delivering(condition="blocked", why={"reason": "no_token", "meaning": "No token.", "mend": "Set it."})
    found = warnings_of([], [blocked], [{**alert, "rule": "held"}, slow, gone])
    assert [(one.about, one.address, one.since) for one in found] == [
        ("Alert: TikTok", "/delivery/TikTok", 7.0),
        ("Alert: shop/eu", "/alerts", 7.0),
        ("TikTok", "/delivery/TikTok", None),
    ]


def test_the_sandbox_does_not_count() -> None:
    day = {"counts": {"delivered": 5, "invalid": 1, "expired": 2, "filtered": 9}}
    backlog = {"undecided": 3, "pending": {"retrying": 4}}
    delivery = [delivering(day=day, backlog=backlog), delivering(sandbox=True, day=day, backlog=backlog)]
    assert numbers_of([source(events_last_day=7)], delivery) == {
        "events": 7,
        "delivered": 5,
        "dead": 3,
        "waiting": 7,
    }


async def test_a_new_server_shows_the_way(tmp_path: Path) -> None:
    async with console(tmp_path, first_configuration()) as desk:
        page = (await desk.pages.get("/")).text
        assert "From nothing to the first event" in page
        assert "1 of 4" in page
        assert "only the sandbox" in page
        viewer = await desk.as_role("viewer")
        assert "/new-source" not in (await viewer.pages.get("/")).text.partition("<main")[0]


async def test_a_server_without_anything_does_too(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        page = (await desk.pages.get("/")).text
        assert ("0 of 4" in page, "No sources" in page, "No destinations" in page) == (True, True, True)


async def test_names_are_shown_as_text(tmp_path: Path) -> None:
    name = '"><script>x</script>'
    settings = {"accessToken": Secret("token"), "pixelCode": "CPIXEL00000000000000"}
    configuration = Configuration(
        sources=[SourceEntry(name, "key")],
        destinations=[DestinationEntry("tiktok-conversions", name, enabled=False, settings=settings)],
    )
    async with console(tmp_path, configuration) as desk:
        page = (await desk.pages.get("/")).text
        assert "<script>x" not in page
        assert "&lt;script&gt;x" in page
        assert "It is disabled" in page
