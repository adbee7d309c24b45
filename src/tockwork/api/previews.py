"""Routes of the management API: mappings that are tried out before they are kept, triggers as forms, and names."""

from __future__ import annotations

import re
import time
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from tockwork.api.access import Role, editor
from tockwork.api.audit import record
from tockwork.api.mapping_edits import MappingBody, entry_of
from tockwork.api.problem import Refused, invalid, not_found
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.declare import Remark
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.event import Event
from tockwork.model.outcome import Status
from tockwork.operations import trial
from tockwork.operations.premises import Premises
from tockwork.operations.preview import Candidate, Preview, preview
from tockwork.operations.veil import Veil
from tockwork.rules import conditions
from tockwork.rules.trigger import Trigger, TriggerError
from tockwork.store.entry import entry as stored_entry

TAGS: Final = ["Mappings"]
MAX_TEXT: Final = 100_000
MAX_CODE: Final = 100
_REF: Final = re.compile(r"(\d{1,18})-(\d{1,9})")

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]


class PreviewBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A mapping, and the event to try it with: `event` itself, or the `ref` of a recent one (``1234-7``); without
    either, only the mapping is checked. Personal values of an event by `ref` are hidden unless `reveal`, which is
    audited and needs the role editor."""

    mapping: MappingBody
    event: Event | None = None
    ref: str = ""
    reveal: bool = False


class TrialBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A mapping, an event or the `ref` of one, and the test event code that it is sent under."""

    mapping: MappingBody
    event: Event | None = None
    ref: str = ""
    test_event_code: Annotated[str, msgspec.Meta(max_length=MAX_CODE)] = ""


class TrialResult(msgspec.Struct, kw_only=True):
    """What the platform said of the event that was sent: `taken` is whether it took it, `said` is its answer in words
    with the row's values masked, `meaning` and `mend` what to think of it. `request` is what was sent, without the
    access token and, of an event by `ref`, without personal values."""

    taken: bool
    verdict: str
    reason: str
    code: int | None
    http_status: int | None
    said: str
    request_id: str
    meaning: str
    mend: str
    took_s: float
    request: Any


class TriggerText(msgspec.Struct, forbid_unknown_fields=True):
    """A trigger in FQL."""

    trigger: Text


class TriggerTree(msgspec.Struct, forbid_unknown_fields=True):
    """A trigger as a form shows it."""

    tree: conditions.Tree


class TriggerView(msgspec.Struct, kw_only=True):
    """A trigger, both ways. `tree` is None where a form cannot show it; `warnings` say what Segment takes in silence
    and cannot have been meant."""

    trigger: str
    tree: conditions.Tree | None
    warnings: list[str]


class NameBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A name for an event, at a kind of destination; `fields` are the constants of the mapping's other fields."""

    kind: str
    name: Annotated[str, msgspec.Meta(max_length=1000)]
    fields: dict[str, Any] = {}


class NameView(msgspec.Struct, kw_only=True):
    """What to think of a name. `known` is whether the platform knows it; without `remarks` all is well."""

    name: str
    known: bool
    note: str
    remarks: list[Remark]


@post("/destinations/{name:str}/preview", tags=TAGS, status_code=200)
async def previewed(
    request: Request[Any, Any, Any],
    premises: NamedDependency[Premises],
    name: FromPath[str],
    data: JSONBody[PreviewBody],
) -> Preview:
    """What a mapping makes of an event, without sending or keeping anything."""
    entry = entry_of(premises, name)
    event = await _event(premises, data.event, data.ref)
    mask = bool(data.ref) and data.event is None
    if mask and data.reveal:
        editor(request, request.route_handler)
        await record(request, "event.revealed", about=data.ref, detail={"destination": entry.name})
        mask = False
    if mask and not request.user.role.may(Role.EDITOR):
        # A mapping of their own could make something of a value that nothing recognises any more.
        event = Veil(event).event
    return preview(entry, msgspec.structs.asdict(data.mapping), event, time.time(), mask)


@post("/destinations/{name:str}/send-test", guards=[editor], tags=TAGS, status_code=200)
async def send_test(
    request: Request[Any, Any, Any], premises: NamedDependency[Premises], name: FromPath[str], data: JSONBody[TrialBody]
) -> TrialResult:
    """Send what a mapping makes of one event to the platform, as a test event."""
    entry, code = entry_of(premises, name), data.test_event_code.strip()
    if not code:
        mend = "Copy it from the platform's page of test events: without one the event would count as a real one."
        raise invalid(Problem("test_event_code", "is missing", mend))
    event = await _event(premises, data.event, data.ref)
    if event is None:
        raise invalid(Problem("event", "is missing", "Choose a recent event, or paste one."))
    mapping, now = msgspec.structs.asdict(data.mapping), time.time()
    try:
        candidate = Candidate(entry, mapping)
    except ConfigurationError as error:
        problems = [Problem(f"mapping.{one.where}".rstrip("."), one.what, one.mend) for one in error.problems]
        raise invalid(*problems) from None
    asked, _ = candidate.explain(event, now)
    outcome = asked.outcome
    if not asked.matched or outcome is None:
        what = "the trigger does not take this event" if not asked.matched else "nothing comes of this event"
        raise invalid(Problem("event", what, "Choose another event, or change the trigger."))
    if outcome.status is not Status.MAPPED or outcome.envelope is None:
        said = "; ".join(outcome.warnings) or outcome.reason or outcome.status.value
        raise invalid(Problem("event", f"cannot be sent: {outcome.reason} ({said})"))
    envelope = msgspec.structs.replace(outcome.envelope, test_event_code=code)
    connection = candidate.instance.connection
    try:
        tried = await trial.attempt(premises, candidate.instance.name, connection, bytes(outcome.row), envelope)
    except ConfigurationError as error:
        raise Refused(409, "cannot_send", str(error), error.problems) from None
    shown = preview(entry, mapping, event, now, mask=data.event is None)
    sent = msgspec.json.decode(tried.request)
    if shown.row is not None:
        sent["data"] = [shown.row]
    await record(
        request, "test_event.sent", about=entry.name, detail={"mapping": data.mapping.name, "verdict": tried.verdict}
    )
    return TrialResult(
        taken=tried.taken,
        verdict=tried.verdict.value,
        reason=tried.reason,
        code=tried.code,
        http_status=tried.http_status,
        said=tried.said,
        request_id=tried.request_id,
        meaning=tried.meaning,
        mend=tried.mend,
        took_s=tried.took_s,
        request=sent,
    )


@post("/triggers/tree", tags=TAGS, status_code=200)
async def trigger_tree(data: JSONBody[TriggerText]) -> TriggerView:
    """A trigger's text as conditions, for a form."""
    try:
        trigger = Trigger.parse(data.trigger)
    except TriggerError as error:
        raise invalid(_trigger_problem(error)) from None
    return TriggerView(trigger=data.trigger, tree=conditions.tree(data.trigger), warnings=list(trigger.warnings))


@post("/triggers/text", tags=TAGS, status_code=200)
async def trigger_text(data: JSONBody[TriggerTree]) -> TriggerView:
    """Conditions as a trigger's text."""
    text = conditions.fql(data.tree)
    try:
        trigger = Trigger.parse(text)
    except TriggerError as error:  # a text that is too long for Segment, say
        raise invalid(_trigger_problem(error)) from None
    return TriggerView(trigger=text, tree=data.tree, warnings=list(trigger.warnings))


@post("/mappings/event-name", tags=TAGS, status_code=200)
async def event_name(data: JSONBody[NameBody]) -> NameView:
    """What the platform will make of an event's name."""
    destination = DESTINATIONS.get(data.kind)
    if destination is None:
        raise invalid(Problem("kind", "is no kind of destination", f"Known: {', '.join(DESTINATIONS)}."))
    naming = destination.naming
    if naming is None:
        return NameView(name=data.name, known=False, note="", remarks=[])
    known = next((one for one in naming.known if one.name == data.name), None)
    return NameView(
        name=data.name,
        known=known is not None,
        note=known.note if known else "",
        remarks=naming.check(data.name, data.fields),
    )


def _trigger_problem(error: TriggerError) -> Problem:
    return Problem("trigger", str(error), 'Write it like: type = "track" and event = "Order Completed".')


async def _event(premises: Premises, event: Event | None, ref: str) -> Event | None:
    """The event that was sent along, or the stored one. Raises `Refused` for a `ref` that leads to none."""
    if event is not None or not ref:
        return event
    found = _REF.fullmatch(ref)
    entry = await stored_entry(premises.store.database, int(found[1]), int(found[2])) if found else None
    if entry is None:
        raise not_found("event of that reference (it may have been deleted)")
    decoded = msgspec.json.decode(entry)
    if not isinstance(decoded, dict):
        raise invalid(Problem("ref", "is of something that is no event"))
    return decoded


ROUTES: Final[list[ControllerRouterHandler]] = [previewed, send_test, trigger_tree, trigger_text, event_name]
