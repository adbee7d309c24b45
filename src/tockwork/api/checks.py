"""Routes of the management API: whether a destination is well connected."""

from __future__ import annotations

import secrets
import time
from typing import Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler
from msgspec.structs import replace

from tockwork.api.access import editor
from tockwork.api.audit import record
from tockwork.api.problem import Refused, invalid, not_found
from tockwork.configuration.instance import Instance
from tockwork.delivery.exchange import Exchange
from tockwork.doctor.finding import Finding, Level
from tockwork.doctor.probe import envelopes, probe, token_finding
from tockwork.doctor.rounds import about, rounds
from tockwork.model import reasons
from tockwork.model.clock import SystemClock
from tockwork.model.errors import Problem
from tockwork.model.names import named
from tockwork.model.outcome import Outcome, Status
from tockwork.operations.premises import Premises
from tockwork.operations.specimen import specimen
from tockwork.operations.test_codes import SETTING
from tockwork.operations.trial import Tried, address, attempt

TAGS: Final = ["Destinations"]
MAX_CODE: Final = 100


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to try a connection: `test_event_code` marks the event, so that it counts for no campaign. Empty: the one
    that the destination's settings have."""

    test_event_code: str = ""


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """How a connection was tried. `findings` are about the access token, one for each kind of event; `mapping` made the
    row of the made-up event, `event` is its name there, `tried` what came of sending it, null where no row was made:
    then `refused` says why."""

    findings: list[Finding]
    works: bool
    mapping: str = ""
    event: str = ""
    test_event_code: str = ""
    sandbox: bool = False
    tried: Tried | None = None
    refused: str = ""
    mend: str = ""


@post("/destinations/{name:str}/test", tags=TAGS, guards=[editor], status_code=200)
async def test_connection(
    request: Request[Any, Any, Any], name: FromPath[str], data: JSONBody[Trial], premises: NamedDependency[Premises]
) -> Tested:
    """Try a destination for real: its access token, and a made-up event that is marked as a test."""
    instance = _known(premises, named(name))
    where = address(premises, instance.entry)
    code = data.test_event_code.strip() or str(instance.connection.settings.get(SETTING) or "")
    if not code:
        mend = "Copy it from Events Manager > your pixel or event set > Test Events."
        raise invalid(Problem("test_event_code", "is needed: without it the event would count as a real one", mend))
    if len(code) > MAX_CODE or not code.isprintable():
        raise invalid(Problem("test_event_code", "is no test event code", "Write it as Events Manager shows it."))
    if not instance.connection.settings.get(instance.connection.destination.token):
        reason = reasons.REASONS[reasons.NO_TOKEN]
        raise Refused(409, reasons.NO_TOKEN, f"{reason.meaning} {reason.mend}")
    findings = await _token(premises, instance, where)
    made = specimen(instance.connection, f"test-{secrets.token_hex(8)}", time.time())
    tested = await _sent(premises, instance, made, code, findings)
    detail = {"works": tested.works, "reason": tested.tried.reason if tested.tried else tested.refused}
    await record(request, "destination.tested", about=instance.name, detail=detail)
    return tested


@get("/destinations/{name:str}/findings", tags=TAGS)
async def list_findings_of(name: FromPath[str], premises: NamedDependency[Premises]) -> list[Finding]:
    """What the doctor finds about one destination. Nobody is asked."""
    instance = _known(premises, named(name))
    names = [leg.name for leg in _entry_legs(premises, instance.name)]
    found = await rounds(premises, ask=False, dead=False)
    return list(dict.fromkeys(finding for one in names for finding in about(one, found)))


@get("/findings", tags=TAGS)
async def list_findings(premises: NamedDependency[Premises], ask: FromQuery[bool] = False) -> list[Finding]:
    """What the doctor finds about everything. With `ask`, the platform is asked about access tokens and the clock."""
    return await rounds(premises, ask=ask)


def _known(premises: Premises, name: str) -> Instance:
    if all(entry.name != name for entry in premises.configuration.destinations):
        raise not_found("destination of this name")
    return premises.instance(name)


def _entry_legs(premises: Premises, name: str) -> list[Any]:
    return next(entry.legs for entry in premises.configuration.destinations if entry.name == name)


async def _token(premises: Premises, instance: Instance, where: str) -> list[Finding]:
    exchange = Exchange(where, premises.settings.ca_bundle)
    clock, found = SystemClock(), []
    try:
        for envelope in envelopes(instance.connection):
            probed = await probe(instance.connection, envelope, exchange, clock)
            found.append(token_finding(f"access token for {envelope.event_source} events", probed))
    finally:
        await exchange.close()
    return found


async def _sent(premises: Premises, instance: Instance, made: Outcome, code: str, findings: list[Finding]) -> Tested:
    sandbox = instance.entry.sandbox
    if made.status is not Status.MAPPED or made.envelope is None:
        reason = reasons.REASONS.get(made.reason or "")
        said = f"{made.reason}: {made.detail or (reason.meaning if reason else '')}"
        mend = reason.mend if reason else ""
        return Tested(findings=findings, works=False, sandbox=sandbox, refused=said, mend=mend, test_event_code=code)
    envelope = replace(made.envelope, test_event_code=code)
    tried = await attempt(premises, instance.name, instance.connection, bytes(made.row), envelope)
    row = msgspec.json.decode(bytes(made.row))
    return Tested(
        findings=findings,
        works=tried.taken and all(finding.level is not Level.ERROR for finding in findings),
        mapping=made.mapping or "",
        event=str(row.get("event", "")) if isinstance(row, dict) else "",
        test_event_code=code,
        sandbox=sandbox,
        tried=tried,
    )


ROUTES: Final[list[ControllerRouterHandler]] = [test_connection, list_findings_of, list_findings]
