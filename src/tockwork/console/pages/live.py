"""Pages: live events. What arrives, what is found, and the whole life of one event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from litestar.types import ControllerRouterHandler

from tockwork.console.desk import Desk
from tockwork.console.door import CSRF_HEADER, Problem, Refused

CALLS: Final = ("track", "identify", "page", "screen", "group", "alias")
STATUSES: Final = (
    "undecided",
    "pending",
    "delivered",
    "filtered",
    "suppressed",
    "duplicate",
    "invalid",
    "rejected",
    "expired",
)
FILTERS: Final = ("source", "destination", "type", "name", "status")
PERSONAL: Final = ("user", "message_id")
"""Filters that never stand in an address: they are posted. A stream goes by what a person's watch is called."""
TIMES: Final = ("since", "until")
SHOWN: Final = 50
NAMES_OF: Final = 200
MAX_FILTER: Final = 500


@get("/live")
async def live(desk: NamedDependency[Desk]) -> Template:
    """What arrives now, by the filters in the address."""
    wanted = {name: desk.request.query_params.get(name, "")[:MAX_FILTER] for name in FILTERS}
    wanted["type"] = wanted["type"] if wanted["type"] in CALLS else ""
    wanted["status"] = wanted["status"] if wanted["status"] in STATUSES else ""
    if desk.user is not None:  # a search changes nothing, so that a page may make one by itself
        desk.door.headers[CSRF_HEADER] = desk.user.csrf
    found = await desk.door.post("/events/search", {**_said(wanted), "limit": SHOWN})
    newest = found["events"][0]["ref"] if found["events"] else "0-0"
    stream = "/api/events/stream?" + urlencode({**_said(wanted), "after": newest})
    return await _list(desk, wanted, found, stream=stream)


@post("/live")
async def search(desk: NamedDependency[Desk]) -> Template | Response[Any]:
    """What is found by the filters that were posted."""
    form = await desk.form()
    wanted = {name: str(form.get(name) or "").strip() for name in (*FILTERS, *PERSONAL, *TIMES)}
    live = bool(form.get("live"))
    if live:
        wanted |= dict.fromkeys(("message_id", *TIMES), "")
    if live and not wanted["user"]:
        said = _said({name: wanted[name] for name in FILTERS})
        return desk.go(f"/live?{urlencode(said)}" if said else "/live")
    try:
        asked = {**_said({name: wanted[name] for name in (*FILTERS, *PERSONAL)}), **_times(wanted)}
        cursor = str(form.get("cursor") or "")
        found = await desk.door.post("/events/search", {**asked, "cursor": cursor, "limit": SHOWN})
    except Refused as refused:
        places = (*FILTERS, *PERSONAL, *TIMES)
        choices = await _choices(desk)
        return desk.refused("live/live.html", refused, *places, wanted=wanted, found=None, stream="", **choices)
    if desk.partial:
        return desk.show("live/found.html", wanted=wanted, found=found)
    return await _list(desk, wanted, found, stream=await _following(desk, wanted, found) if live else "")


async def _following(desk: Desk, wanted: dict[str, str], found: Any) -> str:
    """The stream of one person's events."""
    watch = (await desk.door.post("/events/watch", {"user": wanted["user"]}))["watch"]
    newest = found["events"][0]["ref"] if found["events"] else "0-0"
    said = _said({name: wanted[name] for name in FILTERS})
    return "/api/events/stream?" + urlencode({**said, "watch": watch, "after": newest})


async def _list(desk: Desk, wanted: dict[str, str], found: Any, *, stream: str) -> Template:
    every = {name: wanted.get(name, "") for name in (*FILTERS, *PERSONAL, *TIMES)}
    return desk.show("live/live.html", wanted=every, found=found, stream=stream, errors={}, **await _choices(desk))


async def _choices(desk: Desk) -> dict[str, Any]:
    """What the form offers."""
    recent = await desk.door.get("/events/recent", limit=NAMES_OF)
    sources = await desk.door.get("/sources")
    return {
        "sources": [source["name"] for source in sources["sources"]],
        "destinations": [one["name"] for one in await desk.door.get("/destinations") if not one["in_browser"]],
        "names": sorted({event["name"] for event in recent if event["name"]}),
        "calls": CALLS,
        "statuses": STATUSES,
    }


def _said(wanted: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in wanted.items() if value}


def _times(wanted: dict[str, str]) -> dict[str, float]:
    """Unix times of what was typed. Raises `Refused` as the API would."""
    found: dict[str, float] = {}
    problems: list[Problem] = []
    for name in TIMES:
        if not wanted[name]:
            continue
        try:
            found[name] = datetime.fromisoformat(wanted[name]).replace(tzinfo=UTC).timestamp()
        except (ValueError, OverflowError):
            problems.append(Problem(name, "expected a date and a time, 2026-11-21T10:15 say"))
    if not problems and found.get("since", 0.0) > found.get("until", float("inf")):
        problems.append(Problem("until", "is before the beginning"))
    if problems:
        raise Refused(422, "invalid", "", problems)
    return found


@get("/live/{reference:str}")
async def event(desk: NamedDependency[Desk], reference: FromPath[str]) -> Template:
    """The whole life of one event."""
    return await _event(desk, await desk.door.get(f"/events/{reference}"))


@post("/live/{reference:str}/reveal")
async def reveal(desk: NamedDependency[Desk], reference: FromPath[str]) -> Template:
    """The same with everything personal in it; that is written down."""
    await desk.form()
    return await _event(desk, await desk.door.post(f"/events/{reference}/unmask"))


@post("/live/{reference:str}/send-test")
async def send_test(desk: NamedDependency[Desk], reference: FromPath[str]) -> Template:
    """Sends it again as a test event, and shows what was answered."""
    form = await desk.form()
    typed = {name: str(form.get(name) or "").strip() for name in ("destination", "test_event_code")}
    it = await desk.door.get(f"/events/{reference}")
    try:
        sent = await desk.door.post(f"/events/{reference}/send-test", typed)
    except Refused as refused:
        values = await _values(desk, it, typed)
        return desk.refused("live/event.html", refused, "destination", "test_event_code", **values)
    return desk.show("live/event.html", errors={}, **{**await _values(desk, it, typed), "sent": sent})


async def _event(desk: Desk, it: Any) -> Template:
    return desk.show("live/event.html", errors={}, **await _values(desk, it, {}))


async def _values(desk: Desk, it: Any, typed: dict[str, str]) -> dict[str, Any]:
    destinations = [one["name"] for one in await desk.door.get("/destinations") if not one["in_browser"]]
    return {"it": it, "destinations": destinations, "typed": typed, "sent": None}


ROUTES: Final[list[ControllerRouterHandler]] = [live, search, event, reveal, send_test]
