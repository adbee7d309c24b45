"""Routes of the management API: what became of events, destination by destination."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.types import ControllerRouterHandler

from tockwork.api.access import editor
from tockwork.api.audit import record
from tockwork.api.problem import Refused, not_found
from tockwork.api.standing import STATUSES, Counted, Delivering, counted, delivering, why
from tockwork.delivery.standing import Condition
from tockwork.model.names import named
from tockwork.model.outcome import Status
from tockwork.operations.premises import Premises
from tockwork.operations.snapshot import DestinationState, InBrowser
from tockwork.store.control import Wish
from tockwork.store.history import DAY, SPANS, Cause, History, Latency

MOST_CAUSES: Final = 50
OBEYED_S: Final = 2.0
LOOK_AGAIN_S: Final = 0.05
TAGS: Final = ["Delivery"]
_DONE: Final = {Wish.PAUSE: "paused", Wish.RESUME: "resumed"}


class Range(StrEnum):
    """A time up to now: the last hour by minutes, a day by ten minutes, a week by hours, longer by days (UTC)."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """All destinations at the Unix time `at`; the browser delivers to those `in_browser`, and the server has no counts
    of them. `sources` are the events that each ever sent."""

    at: float
    destinations: list[Delivering]
    in_browser: list[InBrowser]
    sources: Mapping[str, int]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Lines by status for each of the times; a delivery that is put off and then delivered is in both."""

    step_s: int
    times: list[int]
    series: dict[Status, list[int]]


class Reasoned(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines came into a state for a reason, by mapping (null for events that made no delivery)."""

    status: Status
    reason: str
    mapping: str | None
    number: int
    meaning: str
    mend: str


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """Events accepted, by source, for each of the times."""

    step_s: int
    times: list[int]
    series: dict[str, list[int]]


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """One destination and its past. `reasons` are the most frequent ones of the time."""

    range: Range
    destination: Delivering
    total: Counted
    course: Counts
    arrivals: Arrived
    latency: Latency
    reasons: list[Reasoned]


class Wished(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of the server, and the destination's condition by now: without a running server it is obeyed when
    the next one starts."""

    destination: str
    wish: Wish
    condition: Condition


@get("/delivery", tags=TAGS)
async def deliveries(premises: NamedDependency[Premises]) -> Deliveries:
    """How all destinations stand."""
    snapshot = await premises.survey()
    names = [state.name for state in snapshot.destinations]
    history = History(premises.store.database)
    courses = await history.courses(names, DAY)
    latencies = await history.percentiles(names, DAY)
    return Deliveries(
        at=snapshot.at,
        destinations=[
            delivering(state, snapshot.at, courses[state.name], latencies[state.name])
            for state in snapshot.destinations
        ],
        in_browser=list(snapshot.in_browser),
        sources=snapshot.sources,
    )


@get("/delivery/{destination:str}", tags=TAGS)
async def past(
    premises: NamedDependency[Premises],
    destination: FromPath[str],
    span: Annotated[Range, QueryParameter(name="range")] = Range.DAY,
) -> Past:
    """How one destination stands, and its past."""
    name = delivered(premises, destination)
    snapshot = await premises.survey()
    state = next((state for state in snapshot.destinations if state.name == name), DestinationState(name=name))
    history, chosen = History(premises.store.database), SPANS[span]
    course = await history.course(name, chosen)
    latency = await history.latency(name, chosen)
    arrivals = await history.arrivals(chosen)
    return Past(
        range=span,
        destination=delivering(
            state, snapshot.at, await history.course(name, DAY), (await history.percentiles([name], DAY))[name]
        ),
        total=counted(course),
        course=Counts(
            step_s=course.step_s,
            times=course.times,
            series={status: course.series.get(status) or [0] * len(course.times) for status in STATUSES},
        ),
        arrivals=Arrived(step_s=arrivals.step_s, times=arrivals.times, series=arrivals.series),
        latency=latency,
        reasons=_reasoned(course.causes),
    )


@post("/delivery/{destination:str}/pause", tags=TAGS, status_code=202, guards=[editor])
async def pause(
    request: Request[Any, Any, Any], premises: NamedDependency[Premises], destination: FromPath[str]
) -> Wished:
    """Let a destination's events wait, until somebody resumes it."""
    return await _wished(request, premises, destination, Wish.PAUSE)


@post("/delivery/{destination:str}/resume", tags=TAGS, status_code=202, guards=[editor])
async def resume(
    request: Request[Any, Any, Any], premises: NamedDependency[Premises], destination: FromPath[str]
) -> Wished:
    """Go on with a destination that is paused or blocked."""
    return await _wished(request, premises, destination, Wish.RESUME)


ROUTES: Final[list[ControllerRouterHandler]] = [deliveries, past, pause, resume]


def delivered(premises: Premises, destination: str) -> str:
    """The name of a destination that the server delivers to, from a segment of a path. Raises `Refused`."""
    name = named(destination)
    leg = next((leg for leg in premises.configuration.legs if leg.name == name), None)
    if leg is None:
        raise not_found(f"destination {name!r}")
    if leg.in_browser:
        what = f"{name!r} is delivered to by the browser: the server has no events of it."
        raise Refused(409, "in_browser", what)
    return name


async def _wished(request: Request[Any, Any, Any], premises: Premises, destination: str, wish: Wish) -> Wished:
    name = delivered(premises, destination)
    await premises.wish(name, wish)
    await record(request, f"destination.{_DONE[wish]}", about=name)
    condition = await _condition(premises, name)
    deadline = asyncio.get_running_loop().time() + OBEYED_S
    while premises.applied is not None and _open_wish(wish, condition) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(LOOK_AGAIN_S)
        condition = await _condition(premises, name)
    return Wished(destination=name, wish=wish, condition=condition)


def _open_wish(wish: Wish, condition: Condition) -> bool:
    return (condition is Condition.PAUSED) is not (wish is Wish.PAUSE)


async def _condition(premises: Premises, name: str) -> Condition:
    states = (await premises.survey()).destinations
    return next((state.condition for state in states if state.name == name), Condition.OPEN)


def _reasoned(causes: Iterable[Cause]) -> list[Reasoned]:
    found: list[Reasoned] = []
    for cause in causes:
        if cause.reason is not None and len(found) < MOST_CAUSES:
            about = why(cause.reason)
            found.append(
                Reasoned(
                    status=cause.status,
                    reason=cause.reason,
                    mapping=cause.mapping,
                    number=cause.number,
                    meaning=about.meaning,
                    mend=about.mend,
                )
            )
    return found
