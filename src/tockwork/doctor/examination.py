"""``tockwork doctor``: what is wrong with a server and its configuration, and how to mend it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from tockwork.delivery.connection import Connection
from tockwork.delivery.exchange import Exchange
from tockwork.delivery.standing import Condition
from tockwork.destinations.tiktok.settings import TEST_EVENT_CODE
from tockwork.doctor.finding import Finding, Level
from tockwork.doctor.machine import folder, kept, room, running
from tockwork.doctor.overlap import Chosen, counted_twice, meet
from tockwork.doctor.probe import clock_finding, envelopes, probe, token_finding
from tockwork.model import reasons
from tockwork.model.clock import Clock, SystemClock
from tockwork.model.errors import Problem
from tockwork.model.outcome import Status
from tockwork.operations.snapshot import DestinationState, Snapshot
from tockwork.store.lock import Role
from tockwork.store.retention import Ages

SLOW_S: Final = 300.0
STUCK_S: Final = 3600.0
"""Ages of the oldest undecided event from which an open destination falls behind, and is stuck."""


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What the doctor looks at.

    `connections` are the destinations by name, without those whose settings are wrong: their `problems` are here.
    `advice` is what the configuration as a whole hardly means.
    `dead` are each destination's dead letters of the last day, by reason. `roles` are those that some process holds,
    None where that cannot be known. `data` and `key` are the data folder and the file of the key for secrets, None for
    a store in memory and a key from elsewhere. `sources` are the names of those whose events each destination takes,
    None for all.
    """

    snapshot: Snapshot
    connections: Mapping[str, Connection] = {}
    problems: Sequence[Problem] = ()
    advice: Sequence[Problem] = ()
    dead: Mapping[str, Mapping[str, int]] = {}
    roles: Collection[Role] | None = None
    data: Path | None = None
    key: Path | None = None
    ages: Ages | None = None
    sources: Chosen = {}


async def examine(examined: Examined, exchange: Exchange | None, clock: Clock | None = None) -> list[Finding]:
    """Everything that was looked at, all being well included.

    Access tokens and the clock are tried over `exchange`, with requests that make no event; None asks nobody. Sandboxes
    and disabled destinations are not asked about. Never raises for what the platform answers.
    """
    found = [Finding(Level.ERROR, problem.where, problem.what, problem.mend) for problem in examined.problems]
    found += [Finding(Level.ADVICE, advised.where, advised.what, advised.mend) for advised in examined.advice]
    found += _configured(examined)
    found += await _asked(examined, exchange, clock or SystemClock())
    for state in examined.snapshot.destinations:
        found += _standing(state, examined.snapshot.at)
        found += _dead(state.name, examined.dead.get(state.name, {}))
    if examined.roles is not None:
        found += running(examined.roles)
    if examined.snapshot.space is not None:
        found += room(examined.snapshot.space)
    if examined.data is not None:
        found += folder(examined.data, examined.key)
    if examined.ages is not None:
        found.append(kept(examined.ages))
    return found


# The configuration


def _configured(examined: Examined) -> Iterator[Finding]:
    states, sources = examined.snapshot.destinations, examined.snapshot.sources
    if not sources:
        yield Finding(Level.WARNING, "sources", "there is none, so nobody can send", "Add a source.")
    for name, events in sources.items():
        if not events:
            mend = "Check the write key and the address that its clients send to."
            yield Finding(Level.ADVICE, f"source {name!r}", "has never sent an event", mend)
    if not any(state.enabled and not state.sandbox for state in states):
        mend = "Connect a destination, or enable one."
        yield Finding(Level.WARNING, "destinations", "none but sandboxes is enabled, so nothing is delivered", mend)
    beside = {page.name: examined.connections.get(page.pair) for page in examined.snapshot.in_browser}
    for name, connection in examined.connections.items():
        where = _place(name)
        said = other.advice if (other := beside.get(name)) else ()
        yield from (Finding(Level.ADVICE, where, one.rstrip(".")) for one in connection.advice if one not in said)
        yield from _test_codes(where, connection)
    for page in examined.snapshot.in_browser:
        if page.enabled:
            paired = f", as a pair with {_place(page.pair)}; compare them with --pair" if page.pair else ""
            yield Finding(Level.OK, _place(page.name), f"is delivered to by the browser{paired}")
    real = _real(examined)
    yield from _doubles(real, examined.sources)
    yield from counted_twice(real, examined.sources)


def _real(examined: Examined) -> dict[str, Connection]:
    """The connections that deliver for real."""
    states = examined.snapshot.destinations
    names = [state.name for state in states if state.enabled and not state.sandbox]
    return {name: examined.connections[name] for name in names if name in examined.connections}


def _test_codes(where: str, connection: Connection) -> Iterator[Finding]:
    key = TEST_EVENT_CODE.key
    what = "marks everything as test events, which count for no campaign"
    if connection.settings.get(key):
        yield Finding(Level.WARNING, f"{where}, settings.{key}", what, "Empty it for real traffic.")
    for mapping in connection.mappings:
        if mapping.enabled and mapping.fields.get(key):
            place = f"{where}, mapping {mapping.name!r}, fields.{key}"
            yield Finding(Level.WARNING, place, "marks events as test events", "Remove it for real traffic.")


def _doubles(connections: Mapping[str, Connection], sources: Chosen) -> Iterator[Finding]:
    together: dict[tuple[str, bool], list[str]] = {}
    for name, connection in connections.items():
        in_browser = connection.destination.device is not None  # one pixel from both sides is as it should be
        earlier = together.setdefault((envelopes(connection)[0].event_source_id, in_browser), [])
        other = next((one for one in earlier if meet(sources, one, name)), "")
        earlier.append(name)
        if other:
            what = f"sends to the same pixel or event set as {_place(other)}, so events may count twice"
            yield Finding(Level.WARNING, _place(name), what, "Disable one of them, or give each events of its own.")


# The platform


async def _asked(examined: Examined, exchange: Exchange | None, clock: Clock) -> list[Finding]:
    found, asked = [], []
    for name, connection in _real(examined).items():
        if connection.destination.device is not None:
            continue  # the browser sends by itself, without a token
        if not connection.settings.get(connection.destination.token):
            reason = reasons.REASONS[reasons.NO_TOKEN]
            what = "has no access token, so its events wait"
            found.append(Finding(Level.ERROR, _place(name), what, reason.mend))
        else:
            asked += [(name, connection, envelope) for envelope in envelopes(connection)]
    if exchange is None:
        return found
    probed = await asyncio.gather(*(probe(connection, envelope, exchange, clock) for _, connection, envelope in asked))
    for (name, _, envelope), one in zip(asked, probed, strict=True):
        found.append(token_finding(f"{_place(name)}, access token for {envelope.event_source} events", one))
    ahead = [one.ahead_s for one in probed if one.ahead_s is not None]
    return [*found, *map(clock_finding, ahead[:1])]


# How destinations stand


def _standing(state: DestinationState, now: float) -> Iterator[Finding]:
    where, reason = _place(state.name), reasons.REASONS.get(state.reason)
    if not state.enabled or state.sandbox:
        return
    if state.condition is not Condition.OPEN and state.reason != reasons.NO_TOKEN:  # that was said before
        mild = state.condition is Condition.RESTING or state.reason == reasons.PAUSED_BY_HAND
        said = ": ".join(filter(None, (state.reason, state.detail)))
        since = f" since {_iso(state.since)}" if state.since else ""
        pending = state.tally.count(Status.PENDING)
        what = f"is {state.condition}{since} ({said}): {state.tally.undecided} events and {pending} deliveries wait"
        yield Finding(Level.WARNING if mild else Level.ERROR, where, what, reason.mend if reason else "")
    age = state.oldest_undecided_s(now)
    if state.condition is Condition.OPEN and age > SLOW_S:
        level = Level.ERROR if age > STUCK_S else Level.WARNING
        what = f"falls behind: {state.tally.undecided} events undecided, the oldest for {math.floor(age / 60)} minutes"
        yield Finding(level, where, what, "See whether a process delivers, and what its log says.")


def _dead(name: str, dead: Mapping[str, int]) -> Iterator[Finding]:
    for code, number in sorted(dead.items(), key=lambda one: -one[1]):
        reason = reasons.REASONS.get(code)
        what = f"{number} dead letters in the last day: {code}" + (f", {reason.meaning}" if reason else "")
        yield Finding(Level.WARNING, _place(name), what.rstrip("."), reason.mend if reason else "")


def _place(name: str) -> str:
    return f"destination {name!r}"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
