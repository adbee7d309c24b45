"""What a mapping that is being written would make of one event: nothing is sent, nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tockwork.configuration.entries import DestinationEntry
from tockwork.configuration.instance import Instance, instances
from tockwork.delivery.batch import body
from tockwork.delivery.mask import MASK
from tockwork.destinations.connection import Explanation
from tockwork.model import reasons
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.model.event import Event
from tockwork.model.outcome import Outcome, Status
from tockwork.operations.veil import Veil
from tockwork.rules.explain import Clause, Explained
from tockwork.rules.fields import Field

ALWAYS: Final = 'type != "\N{REPLACEMENT CHARACTER}"'
"""A trigger that every event fires."""
_SHOWN_OF_BRANCHES: Final = ("then", "else")
_BRANCHES: Final = ("then", "else")


class ClauseLine(msgspec.Struct, frozen=True):
    """One clause of the trigger, in FQL; `depth` is 1 within a group. `found` is what the event has there, `type` its
    type: "undefined" where it has nothing, empty for a group."""

    text: str
    matched: bool
    depth: int
    type: str
    found: Any


class FieldLine(msgspec.Struct, frozen=True):
    """One field, or a part of one: ``contents.0.price``. `origin` says in a few words where its value came from."""

    where: str
    label: str
    value: Any
    origin: str


class Preview(msgspec.Struct, kw_only=True):
    """What came of it. With `problems` (by place: ``trigger``, ``fields.value``) the mapping cannot run, and the rest
    is empty; `advice` is what looks wrong and is allowed.

    `matched` is whether the trigger takes the event, None without an event; the rest then shows what would come of it
    if it did. `stopped` is the reason code for which the event comes to no trigger at all. `row` and `request` are
    what would be sent, without the access token. `masked` is whether personal values are hidden.
    """

    problems: list[Problem] = []
    advice: list[str] = []
    matched: bool | None = None
    stopped: str | None = None
    joint: str = ""
    clauses: list[ClauseLine] = []
    fields: list[FieldLine] = []
    status: str = ""
    reason: str | None = None
    meaning: str = ""
    mend: str = ""
    warnings: list[str] = []
    withheld: list[str] = []
    row: Any = None
    request: Any = None
    masked: bool = False


class Candidate:
    """A mapping beside the configuration, connected. Raises `ConfigurationError` with what is wrong with it, by its
    place there."""

    def __init__(self, entry: DestinationEntry, mapping: Mapping[str, Any]) -> None:
        self.mapping = dict(mapping)
        self._leg = msgspec.structs.replace(entry.legs[0], enabled=True, preset_pack=None, cases=[])
        self.instance = self._connected(self.mapping)

    @property
    def advice(self) -> list[str]:
        return [text.removeprefix("mappings[0].") for text in self.instance.connection.advice]

    def explain(self, event: Event, now: float) -> tuple[Explanation, Explanation]:
        """What the trigger says of the event, and what the fields make of it whatever the trigger says."""
        (asked,) = self.instance.connection.explain(event, now)
        if asked.matched:
            return asked, asked
        (made,) = self._connected({**self.mapping, "trigger": ALWAYS}).connection.explain(event, now)
        return asked, made

    def _connected(self, mapping: Mapping[str, Any]) -> Instance:
        leg = msgspec.structs.replace(self._leg, mappings=[{**mapping, "enabled": True}])
        try:
            return instances([leg])[0]
        except ConfigurationError as error:
            problems = [Problem(_place(one.where), one.what, one.mend) for one in error.problems]
            raise ConfigurationError(problems) from None


def _place(where: str) -> str:
    return where.removeprefix("destinations[0].").removeprefix("mappings[0].").removeprefix("mappings[0]")


def preview(
    entry: DestinationEntry, mapping: Mapping[str, Any], event: Event | None, now: float, mask: bool
) -> Preview:
    """What `mapping` makes of `event`; without one, whether it can run. `now` is Unix time; with `mask`, values that
    are personal are hidden."""
    try:
        candidate = Candidate(entry, mapping)
    except ConfigurationError as error:
        return Preview(problems=list(error.problems))
    if event is None:
        return Preview(advice=candidate.advice)
    asked, made = candidate.explain(event, now)
    fields = candidate.instance.connection.mappings[0].action.fields
    root = candidate.instance.connection.mappings[0].trigger.root
    found = Preview(
        advice=candidate.advice,
        matched=asked.matched,
        stopped=asked.stopped,
        joint=root.operator,
        clauses=list(_clauses(asked.trigger, 0)),
        fields=list(_fields(made.fields, fields)),
        withheld=list(made.withheld),
    )
    if made.outcome is not None:
        _conclude(found, made.outcome)
    if mask:
        _hide(found, event, fields)
    return found


def _conclude(found: Preview, outcome: Outcome) -> None:
    found.status, found.reason, found.warnings = outcome.status.value, outcome.reason, outcome.warnings
    if reason := reasons.REASONS.get(outcome.reason or ""):
        found.meaning, found.mend = reason.meaning, reason.mend
    if outcome.status is Status.MAPPED and outcome.envelope is not None:
        found.row = msgspec.json.decode(bytes(outcome.row))
        found.request = msgspec.json.decode(body(outcome.envelope, [bytes(outcome.row)]))


def _clauses(clauses: Sequence[Clause], depth: int) -> Iterator[ClauseLine]:
    for clause in clauses:
        yield ClauseLine(clause.text, clause.matched, depth, clause.type, clause.value)
        yield from _clauses(clause.clauses, depth + 1)


def _fields(explained: Mapping[str, Explained], fields: Sequence[Field], where: str = "") -> Iterator[FieldLine]:
    """The fields of an object, then the parts of each that has parts and a value."""
    labels = {field.key: field for field in fields}
    for key, one in explained.items():
        declared = labels.get(key)
        place = f"{where}.{key}".lstrip(".")
        source = _source(one)
        yield FieldLine(place, declared.label if declared else key, one.value, source.origin)
        if source.parts and one.value not in (None, [], {}):
            parts = declared.properties if declared else ()
            yield from _fields(source.parts, parts if not _is_list(source) else (), place)


def _is_list(source: Explained) -> bool:
    return isinstance(source.value, list)


def _source(one: Explained) -> Explained:
    """Where a value comes from in the end, past the branches that led there."""
    while one.origin in _BRANCHES:
        one = one.parts[one.origin]
    return one


# --- masks -----------------------------------------------------------------------------------------------------------


def _hide(found: Preview, event: Event, fields: Sequence[Field]) -> None:
    """Hides what is personal: by the event, and all that fields for personal data hold."""
    veil = Veil(event)
    personal = {field.key for field in fields if _is_personal(field)}
    found.masked = True
    found.clauses = [
        msgspec.structs.replace(line, found=veil.value(line.found, line.text.split(" ", 1)[0].rpartition(".")[2]))
        for line in found.clauses
    ]
    found.fields = [
        msgspec.structs.replace(
            line, value=_blank(line.value) if line.where.partition(".")[0] in personal else veil.value(line.value)
        )
        for line in found.fields
    ]
    found.row, found.request = veil.value(found.row), veil.value(found.request)


def _is_personal(field: Field) -> bool:
    return field.personal or field.hashed or any(map(_is_personal, field.properties))


def _blank(value: Any) -> Any:
    """The shape of a value, with nothing in it."""
    match value:
        case dict():
            return {key: _blank(part) for key, part in value.items()}
        case list():
            return [_blank(part) for part in value]
        case bool() | None:
            return value
    return MASK
