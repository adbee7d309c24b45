"""Pages: delivery. What became of events, destination by destination."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from litestar.types import ControllerRouterHandler

from tockwork.console.chart import TONES, Chart, bars, chart
from tockwork.console.desk import Desk
from tockwork.model.names import named, segment

RANGES: Final = (
    ("1h", "Last hour"),
    ("24h", "24 hours"),
    ("7d", "7 days"),
    ("30d", "30 days"),
    ("90d", "90 days"),
)
DELIVERIES: Final = (
    ("delivered", "Delivered", "green"),
    ("rejected", "Rejected", "red"),
    ("invalid", "Invalid", "orange"),
    ("expired", "Expired", "purple"),
    ("pending", "Put off", "blue"),
)
WITHOUT: Final = (
    ("filtered", "Filtered", "blue"),
    ("suppressed", "Suppressed", "orange"),
    ("duplicate", "Duplicate", "purple"),
)
PERCENTILES: Final = (
    ("p50", "Half within", "green"),
    ("p95", "95 % within", "blue"),
    ("p99", "99 % within", "red"),
)
MOST_SOURCES: Final = 6


@get("/delivery")
async def overview(desk: NamedDependency[Desk]) -> Template:
    found = await desk.door.get("/delivery")
    small = {one["name"]: bars(one["brief"]["delivered"], one["brief"]["dead"]) for one in found["destinations"]}
    return desk.show("delivery/cards.html" if desk.partial else "delivery/overview.html", found=found, small=small)


@get("/delivery/{destination:str}")
async def one(desk: NamedDependency[Desk], destination: FromPath[str]) -> Template:
    where = f"/delivery/{segment(named(destination))}"
    wanted = desk.request.query_params.get("range", "24h")
    known = wanted if wanted in dict(RANGES) else "24h"
    found = await desk.door.get(where, range=known)
    values = {"found": found, "it": found["destination"], "where": where, "known": known}
    if desk.partial:
        return desk.show("delivery/state.html", **values)
    return desk.show("delivery/destination.html", ranges=RANGES, charts=charts(found), **values)


@post("/delivery/{destination:str}/pause")
async def pause(desk: NamedDependency[Desk], destination: FromPath[str]) -> Response[Any]:
    return await _wished(desk, destination, "pause")


@post("/delivery/{destination:str}/resume")
async def resume(desk: NamedDependency[Desk], destination: FromPath[str]) -> Response[Any]:
    return await _wished(desk, destination, "resume")


async def _wished(desk: Desk, destination: str, wish: str) -> Response[Any]:
    await desk.form()
    where = f"/delivery/{segment(named(destination))}"
    await desk.door.post(f"{where}/{wish}")
    return desk.go(where)


ROUTES: Final[list[ControllerRouterHandler]] = [overview, one, pause, resume]


def charts(found: dict[str, Any]) -> list[Chart]:
    """All charts of one destination; the parts of which nothing occurred are left out of them."""
    course, latency, arrivals = found["course"], found["latency"], found["arrivals"]
    named_sources = sorted(arrivals["series"].items(), key=lambda item: -sum(item[1]))
    steps = latency["steps"]
    drawn = [
        chart("Deliveries", course, _occurred(course["series"], DELIVERIES, "delivered")),
        chart("Events that made no delivery", course, _occurred(course["series"], WITHOUT)),
        chart(
            "Events accepted, by source",
            arrivals,
            [(name, values, TONES[place]) for place, (name, values) in enumerate(named_sources[:MOST_SOURCES])],
        ),
        chart(
            "Time from accepted to decided",
            latency,
            [(label, [step and step[key] for step in steps], tone) for key, label, tone in PERCENTILES],
            unit="s",
        ),
    ]
    return [each for each in drawn if each.series]


def _occurred(
    series: dict[str, list[int]], lines: tuple[tuple[str, str, str], ...], always: str = ""
) -> list[tuple[str, list[int], str]]:
    return [(label, series[key], tone) for key, label, tone in lines if key == always or any(series[key])]
