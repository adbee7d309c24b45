"""Pages: what real traffic shows of each destination: findings, match quality, and the pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import Desk
from tockwork.model.names import named, segment

LEVELS: Final = {"error": "Error", "warning": "Warning", "info": "Information"}
TABS: Final = (("", "Issues"), ("match", "Match quality"), ("pair", "Pair"))
LOW: Final = 0.6
HIGH: Final = 0.9
"""Between these, the overlap of two legs is as people expect it."""


@get("/diagnostics")
async def overview(desk: NamedDependency[Desk]) -> Response[Any]:
    """All destinations; in short for the overview, which asks for it by htmx, since it takes a moment."""
    found = await desk.door.get("/diagnostics")
    template = "diagnostics/brief.html" if desk.partial else "diagnostics/overview.html"
    return desk.show(template, destinations=found["destinations"], levels=LEVELS)


@get("/diagnostics/{destination:str}")
async def issues(desk: NamedDependency[Desk], destination: FromPath[str], level: FromQuery[str] = "") -> Response[Any]:
    """One destination's findings, the worst first."""
    diagnosis = await _diagnosis(desk, destination)
    among = [one for one in diagnosis["issues"] if level not in LEVELS or one["level"] == level]
    return _tab(
        desk,
        diagnosis,
        "",
        shown=[_linked(diagnosis, one) for one in among if one["dismissed"] is None],
        dismissed=[_linked(diagnosis, one) for one in among if one["dismissed"] is not None],
        levels=LEVELS,
        level=level if level in LEVELS else "",
        counts=Counter(one["level"] for one in diagnosis["issues"] if one["dismissed"] is None),
    )


@get("/diagnostics/{destination:str}/match")
async def match(desk: NamedDependency[Desk], destination: FromPath[str]) -> Response[Any]:
    """How well people are matched, event by event, and what would raise it."""
    return _tab(desk, await _diagnosis(desk, destination), "match")


@get("/diagnostics/{destination:str}/pair")
async def pair(desk: NamedDependency[Desk], destination: FromPath[str]) -> Response[Any]:
    """The two legs of a pair, compared."""
    diagnosis = await _diagnosis(desk, destination)
    found = [_linked(diagnosis, one) for one in diagnosis["issues"] if one["place"] == "pair"]
    return _tab(desk, diagnosis, "pair", differences=found, low=LOW, high=HIGH)


@post("/diagnostics/{destination:str}/{code:str}/dismiss", status_code=200)
async def dismiss(desk: NamedDependency[Desk], destination: FromPath[str], code: FromPath[str]) -> Response[Any]:
    return await _changed(desk, destination, code, "dismiss")


@post("/diagnostics/{destination:str}/{code:str}/restore", status_code=200)
async def restore(desk: NamedDependency[Desk], destination: FromPath[str], code: FromPath[str]) -> Response[Any]:
    return await _changed(desk, destination, code, "restore")


async def _changed(desk: Desk, destination: str, code: str, what: str) -> Response[Any]:
    await desk.form()
    where = f"/diagnostics/{segment(named(destination))}"
    await desk.door.post(f"{where}/{segment(named(code))}/{what}")
    return desk.go(where)


async def _diagnosis(desk: Desk, destination: str) -> dict[str, Any]:
    found: dict[str, Any] = await desk.door.get(f"/diagnostics/{segment(named(destination))}")
    return found


def _tab(desk: Desk, diagnosis: Mapping[str, Any], tab: str, **values: Any) -> Response[Any]:
    where = f"/diagnostics/{segment(diagnosis['destination'])}"
    tabs = [(f"{where}/{key}" if key else where, title, key == tab) for key, title in TABS]
    return desk.show(f"diagnostics/{tab or 'issues'}.html", diagnosis=diagnosis, tabs=tabs, where=where, **values)


def _linked(diagnosis: Mapping[str, Any], issue: Mapping[str, Any]) -> dict[str, Any]:
    """A finding with the page that mends it, and what that page is."""
    destination = f"/destinations/{segment(diagnosis['destination'])}"
    match issue["place"]:
        case "mapping" if issue["mapping"]:
            link = (f"{destination}/mappings/{segment(issue['mapping'])}", f"Open mapping {issue['mapping']}")
        case "mapping":
            link = (f"{destination}/mappings", "Open the mappings")
        case "settings":
            link = (destination, "Open the settings")
        case "source":
            link = ("/sources", "Open the sources")
        case "pair":
            link = (f"/diagnostics/{segment(diagnosis['destination'])}/pair", "See the pair")
        case _:
            link = ("", "")
    return {**issue, "link": link[0], "link_text": link[1]}


ROUTES: Final[list[ControllerRouterHandler]] = [overview, issues, match, pair, dismiss, restore]
