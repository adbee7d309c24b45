"""The whole life of one event: how it came, what each destination made of it and why, and what became of that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tockwork.configuration.instance import Instance
from tockwork.delivery.batch import body
from tockwork.destinations.connection import Explanation
from tockwork.model import reasons
from tockwork.model.event import Envelope, Event
from tockwork.model.outcome import Outcome, Status
from tockwork.operations.premises import Premises
from tockwork.operations.veil import Veil, holds_personal, is_personal
from tockwork.rules.explain import Clause, Explained
from tockwork.store.fates import UNDECIDED
from tockwork.store.index import narrow, text
from tockwork.store.lives import Course, Delivery, Life, Lives
from tockwork.store.protocol import Key

MAX_DEPTH: Final = 6
"""Parts of parts of a field's value that are shown."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A clause of a trigger: its FQL, whether it held, and what the event has there. A group has `clauses` and says in
    `operator` how they are joined."""

    text: str
    matched: bool
    type: str = ""
    value: Any = None
    operator: str = ""
    clauses: list[Comparison] = []


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a mapping: its value, where that came from, and what it was made of."""

    name: str
    label: str
    value: Any
    origin: str
    parts: list[Filled] = []


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """What waits to be sent again: when, and until when (Unix times); how often it was put off; what the last attempt
    was answered; and since when it may have arrived all the same."""

    at: float
    expires_at: float | None
    retries: int
    said: str
    ambiguous_at: float | None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger, with what it means and what to do about it. `detail` and `code` are the platform's own
    words, with values masked; `died_at` a Unix time."""

    status: str
    reason: str = ""
    meaning: str = ""
    mend: str = ""
    detail: str = ""
    code: int | None = None
    died_at: float | None = None
    waiting: Attempts | None = None


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What one mapping made of the event. `stopped` is the reason for which the event came to no trigger at all.
    `result` is what the mapping says by itself (mapped or invalid, say); `state` what became of the delivery, null
    where there was none; `request` the body that it takes, with one row, without the access token."""

    mapping: str
    matched: bool
    operator: str = "and"
    clauses: list[Comparison] = []
    fields: list[Filled] = []
    withheld: list[str] = []
    stopped: str = ""
    result: str = ""
    result_reason: str = ""
    warnings: list[str] = []
    row: Any = None
    request: Any = None
    state: State | None = None


class Road(msgspec.Struct, frozen=True, kw_only=True):
    """An event at one destination. `state` is what became of an event that made no delivery, null where it made some;
    `settled_at` is when the destination last had news of it, `begun_at` when an open attempt began (Unix times).

    `version` is the configuration version by which it is explained here, null where there is none any more, and
    `newest` whether that is the present one.
    """

    destination: str
    kind: str = ""
    title: str = ""
    enabled: bool = False
    status: str
    settled_at: float | None = None
    begun_at: float | None = None
    version: int | None = None
    newest: bool = False
    state: State | None = None
    mappings: list[Tried] = []


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """One event's life. `masked` is whether personal values are hidden. `accepted_at` is a Unix time, the others as the
    event has them; `size` is in bytes; `duplicate` says that its messageId was accepted before."""

    ref: str
    masked: bool
    source: str
    type: str
    name: str
    message_id: str
    duplicate: bool
    size: int
    accepted_at: float | None
    received_at: str = ""
    sent_at: str = ""
    timestamp: str = ""
    event: Any = None
    destinations: list[Road] = []


def ref(key: Key) -> str:
    return f"{key[0]}-{key[1]}"


async def whole(premises: Premises, key: Key, *, masked: bool = True) -> Whole | None:
    """The life of the event at `key`, None where nothing of it is kept."""
    life = await Lives(premises.store.database).find(key)
    if life is None:
        return None
    event = decoded(life.entry)
    veil = Veil(event) if masked else None
    roads = [await _road(premises, life, course, event, veil) for course in _courses(premises, life)]
    few = narrow(life.entry)
    return Whole(
        ref=ref(key),
        masked=masked,
        source=life.source,
        type=few.call,
        name=few.title,
        message_id=text(few.messageId),
        duplicate=life.duplicate,
        size=len(life.entry),
        accepted_at=life.at,
        received_at=text(event.get("receivedAt")),
        sent_at=text(event.get("sentAt")),
        timestamp=text(event.get("timestamp")),
        event=veil.event if veil else event,
        destinations=roads,
    )


def decoded(entry: bytes) -> Event:
    """An event as it was accepted; an empty one where it is no JSON object."""
    try:
        event = msgspec.json.decode(entry)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _courses(premises: Premises, life: Life) -> Sequence[Course]:
    """The configured destinations' first, in their order."""
    order = {entry.name: place for place, entry in enumerate(premises.configuration.destinations)}
    return sorted(life.courses, key=lambda course: order.get(course.destination, len(order)))


async def _road(premises: Premises, life: Life, course: Course, event: Event, veil: Veil | None) -> Road:
    instance = await _instance(premises, life, course)
    entry = next((one for one in premises.configuration.destinations if one.name == course.destination), None)
    lines = {line.mapping: line for line in course.deliveries}
    alone = lines.get("")
    tried = [] if instance is None else await asyncio.to_thread(_explained, instance, event, life.at, lines, veil)
    known = {one.mapping for one in tried}
    tried += [
        Tried(mapping=name, matched=True, state=_state(line))
        for name, line in lines.items()
        if name and name not in known
    ]
    return Road(
        destination=course.destination,
        kind=entry.kind if entry else "",
        title=instance.connection.destination.title if instance else "",
        enabled=bool(entry and entry.enabled),
        status=_status(course),
        settled_at=course.settled_at,
        begun_at=course.begun_at,
        version=instance.version if instance else None,
        newest=instance is not None and instance.version == premises.version,
        state=_state(alone) if alone else None,
        mappings=tried,
    )


async def _instance(premises: Premises, life: Life, course: Course) -> Instance | None:
    """The destination as it was when it decided the event, as far as that is known."""
    version = course.version
    if version is None and course.settled_at is not None:
        version = await Lives(premises.store.database).version_at(course.settled_at)
    version = version or premises.version
    return await premises.former(version, course.destination) or await premises.former(
        premises.version, course.destination
    )


def _status(course: Course) -> str:
    if not course.deliveries:
        return UNDECIDED
    statuses = {line.status for line in course.deliveries}
    worst = (Status.REJECTED, Status.INVALID, Status.EXPIRED, Status.PENDING, Status.DELIVERED)
    return next((status for status in worst if status in statuses), min(statuses))


def _explained(
    instance: Instance, event: Event, at: float | None, lines: dict[str, Delivery], veil: Veil | None
) -> list[Tried]:
    connection = instance.connection
    mappings = {mapping.name: mapping for mapping in connection.mappings}
    found = []
    for one in connection.explain(event, at or time.time()):
        mapping = mappings[one.mapping]
        labels = {field.key: field.label for field in mapping.action.fields}
        found.append(_tried(one, mapping.trigger.root.operator, labels, lines.get(one.mapping), veil))
    return sorted(found, key=lambda tried: not tried.matched)


def _tried(one: Explanation, operator: str, labels: dict[str, str], line: Delivery | None, veil: Veil | None) -> Tried:
    row, envelope, outcome = _made(one.outcome, line)
    request = None
    if row is not None and envelope is not None:
        request = msgspec.json.decode(body(envelope, [row]))
    show = _Shown(veil)
    return Tried(
        mapping=one.mapping,
        matched=one.matched,
        operator=operator,
        clauses=[show.clause(clause) for clause in one.trigger],
        fields=[
            show.field(name, labels.get(name, name), field)
            for name, field in one.fields.items()
            if field.value not in (None, "", [], {})
        ],
        withheld=list(one.withheld),
        stopped=one.stopped or "",
        result=outcome.status.value if outcome else "",
        result_reason=(outcome.reason or "") if outcome else "",
        warnings=[show.text(warning) for warning in outcome.warnings] if outcome else [],
        row=None if row is None else show.value(msgspec.json.decode(row)),
        request=None if request is None else show.value(request),
        state=_state(line) if line else None,
    )


def _made(outcome: Outcome | None, line: Delivery | None) -> tuple[bytes | None, Envelope | None, Outcome | None]:
    """The row that waits, byte by byte, else the one that the mapping makes."""
    if line is not None and line.waiting is not None:
        return line.waiting.row, line.waiting.envelope, outcome
    if outcome is None or outcome.row is None:
        return None, None, outcome
    return bytes(outcome.row), outcome.envelope, outcome


class _Shown:
    """What the event's values are shown as."""

    def __init__(self, veil: Veil | None) -> None:
        self._veil = veil

    def value(self, value: Any, name: str = "") -> Any:
        return self._veil.value(value, name) if self._veil else value

    def text(self, text: str) -> str:
        return self._veil.text(text) if self._veil else text

    def clause(self, clause: Clause) -> Comparison:
        field = clause.text.split(" ", 1)[0].rpartition(".")[2]
        return Comparison(
            text=clause.text,
            matched=clause.matched,
            type=clause.type,
            value=self.value(clause.value, field),
            operator=clause.operator,
            clauses=[self.clause(part) for part in clause.clauses],
        )

    def field(self, name: str, label: str, field: Explained, depth: int = 1, within: str = "") -> Filled:
        """`within` is the personal member that it is a part of."""
        source = _source(field)
        within = within or (name if is_personal(name) or holds_personal(name) else "")
        parts = source.parts.items() if depth < MAX_DEPTH else ()
        return Filled(
            name=name,
            label=label,
            value=self.value(field.value, within or name),
            origin=source.origin,
            parts=[self.field(part, part, explained, depth + 1, within) for part, explained in parts],
        )


def _source(field: Explained) -> Explained:
    """Where the value comes from in the end, past the branches that led there."""
    while field.origin in ("then", "else") and field.origin in field.parts:
        field = field.parts[field.origin]
    return field


def _state(line: Delivery) -> State:
    known = reasons.REASONS.get(line.reason)
    waiting = line.waiting
    return State(
        status=line.status,
        reason=line.reason,
        meaning=known.meaning if known else "",
        mend=known.mend if known else "",
        detail=line.detail,
        code=line.code,
        died_at=line.died_at,
        waiting=None
        if waiting is None
        else Attempts(
            at=waiting.at,
            expires_at=waiting.expires_at,
            retries=waiting.history.retries,
            said=waiting.history.said,
            ambiguous_at=waiting.history.ambiguous_at,
        ),
    )
