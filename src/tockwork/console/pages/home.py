"""The overview: what is still to be done on a new server, and how everything stands on any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template
from litestar.types import ControllerRouterHandler

from tockwork.console.chart import bars
from tockwork.console.desk import Desk
from tockwork.console.door import Refused
from tockwork.model.names import segment

DEAD: Final = ("invalid", "rejected", "expired")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the way to the first event. `state` says in words how far it is."""

    title: str
    text: str
    done: bool
    state: str
    address: str
    action: str


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody should look at. `reason` is a code whose page mends it, `since` a Unix time."""

    about: str
    text: str
    address: str
    grave: bool = False
    reason: str = ""
    since: float | None = None


@get("/")
async def home(desk: NamedDependency[Desk]) -> Template:
    sources = (await _known(desk, "/sources", {"sources": []}))["sources"]
    destinations = await _known(desk, "/destinations", [])
    delivery = (await _known(desk, "/delivery", {"destinations": []}))["destinations"]
    alerts = await _known(desk, "/alerts", {"firing": []})
    steps = steps_of(sources, destinations, delivery)
    return desk.show(
        "home/home.html",
        sources=sources,
        destinations=destinations,
        delivery={each["name"]: each for each in delivery},
        steps=steps,
        finished=all(step.done for step in steps),
        begun=any(source["events"] for source in sources),
        warnings=warnings_of(destinations, delivery, alerts["firing"]),
        small={each["name"]: bars(each["brief"]["delivered"], each["brief"]["dead"]) for each in delivery},
        numbers=numbers_of(sources, delivery),
    )


def steps_of(
    sources: Sequence[dict[str, Any]], destinations: Sequence[dict[str, Any]], delivery: Sequence[dict[str, Any]]
) -> list[Step]:
    """The way from nothing to an event at a destination that is not the sandbox."""
    sending = next((source for source in sources if source["events"]), None)
    source = sending or next(iter(sources), None)
    real = [each for each in destinations if not each["sandbox"]]
    names = {each["name"] for each in real}
    delivered = sum(each["counts"].get("delivered", 0) for each in delivery if each["name"] in names)
    in_page = any(each["in_browser"] for each in real)
    at = f"/sources/{segment(source['name'])}" if source else "/new-source"
    arrived = sum(each["events"] for each in sources)
    return [
        Step(
            title="Make a source",
            text="A source stands for a shop, an app or a server whose events come here.",
            done=source is not None,
            state=f"{source['name']} is there" if source else "none yet",
            address=at,
            action="Look at it" if source else "Make a source",
        ),
        Step(
            title="Send a first event",
            text="Paste the snippet with the source's write key into your site or server.",
            done=sending is not None,
            state=f"{sending['name']} sends events" if sending else "nothing arrived yet",
            address=at,
            action="Write key and snippets",
        ),
        Step(
            title="Connect a destination",
            text="Choose where events go, with your pixel code and access token. The sandbox gets copies to try with.",
            done=bool(real),
            state=f"{real[0]['name']} is connected" if real else "only the sandbox" if destinations else "none yet",
            address=f"/destinations/{segment(real[0]['name'])}" if real else "/catalog",
            action="Look at it" if real else "Choose a destination",
        ),
        Step(
            title="See an event arrive",
            text="Live events shows each event's whole way, up to what TikTok answered.",
            done=bool(real) and arrived > 0 and (delivered > 0 or in_page),
            state="delivered" if delivered else "events arrive" if arrived else "nothing to see yet",
            address="/live",
            action="Live events",
        ),
    ]


def warnings_of(
    destinations: Sequence[dict[str, Any]], delivery: Sequence[dict[str, Any]], firing: Sequence[dict[str, Any]] = ()
) -> list[Warned]:
    """What keeps events from getting where they should, the gravest first. An alert that a destination is held says
    what the destination says itself."""
    found = [
        Warned(
            about=f"Alert: {alert['destination'] or alert['source'] or 'the server'}",
            text=f"{alert['what']} {alert['mend']}",
            address=f"/delivery/{segment(alert['destination'])}" if alert["destination"] else "/alerts",
            grave=True,
            since=alert["since"],
        )
        for alert in firing
        if alert["rule"] != "held"
    ]
    for each in delivery:
        if each["why"] is not None and each["enabled"]:
            why = each["why"]
            text = " ".join(filter(None, (f"Deliveries are {each['condition']}.", why["meaning"], why["mend"])))
            grave = each["condition"] in ("blocked", "paused")
            address = f"/delivery/{segment(each['name'])}"
            found.append(
                Warned(
                    about=each["name"],
                    text=text,
                    address=address,
                    grave=grave,
                    reason=why["reason"],
                    since=each["since"],
                )
            )
    for each in destinations:
        address = f"/destinations/{segment(each['name'])}"
        if each["test_codes"]:
            text = "A test event code is set: what carries it counts for no campaign. Take it out after the test."
            found.append(Warned(about=each["name"], text=text, address=address))
        if not each["enabled"]:
            found.append(Warned(about=each["name"], text="It is disabled: its events wait.", address=address))
        if each["advice"] and not each["sandbox"]:
            first, *more = each["advice"]
            text = f"{_plain(first)} And {len(more)} more." if more else _plain(first)
            found.append(Warned(about=each["name"], text=text, address=address))
    return sorted(found, key=lambda warned: not warned.grave)


def _plain(advice: str) -> str:
    """Without the place in the configuration that it begins with."""
    where, _, what = advice.partition(": ")
    return what if what and " " not in where else advice


def numbers_of(sources: Sequence[dict[str, Any]], delivery: Sequence[dict[str, Any]]) -> dict[str, int]:
    """The last 24 hours in four numbers; what waits is as of now. The sandbox's copies do not count."""
    real = [each for each in delivery if not each["sandbox"]]
    days = [each["day"]["counts"] for each in real]
    return {
        "events": sum(source["events_last_day"] for source in sources),
        "delivered": sum(day.get("delivered", 0) for day in days),
        "dead": sum(day.get(status, 0) for day in days for status in DEAD),
        "waiting": sum(each["backlog"]["undecided"] + sum(each["backlog"]["pending"].values()) for each in real),
    }


async def _known(desk: Desk, path: str, otherwise: Any) -> Any:
    """What the API has at `path`; `otherwise` where this server has no such part."""
    try:
        return await desk.door.get(path)
    except Refused as refused:
        if refused.status != 404:
            raise
        return otherwise


ROUTES: Final[list[ControllerRouterHandler]] = [home]
