"""A connected destination as a pure function: from one event to its outcomes, with no clock and no network.

Two roads lead there and mean the same. The fast one decodes just the paths that the configuration reads and runs one
generated function per mapping. The general one decodes the whole event and interprets triggers and mappings as written;
it takes what surprises the fast one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import msgspec
from msgspec import Raw

from tockwork.destinations.configured import ConfiguredMapping, configure
from tockwork.destinations.declare import Destination
from tockwork.destinations.privacy import Privacy, veil
from tockwork.model import reasons
from tockwork.model.event import Envelope, Event
from tockwork.model.outcome import Outcome, Status
from tockwork.model.secret import Secret
from tockwork.rules.coercion import Coercion
from tockwork.rules.compiler import MappingCompiler
from tockwork.rules.explain import Clause, Explained, explain_mapping, explain_trigger
from tockwork.rules.fields import FieldError
from tockwork.rules.gate import CONSENT_PATH, folded, switched_off
from tockwork.rules.index import Plan, TriggerIndex
from tockwork.rules.mapping import ResolveError
from tockwork.rules.scalars import Uncoercible
from tockwork.rules.shape import OffRoad, Shape
from tockwork.rules.source import reader

MAX_FAST_BYTES: Final = 65_536
"""Longer events take the general road, which counts what a mapping makes of them."""

_encode = msgspec.json.Encoder().encode
_UNUSUAL: Final = (
    OffRoad,
    Uncoercible,
    FieldError,
    msgspec.DecodeError,
    TypeError,
    ValueError,
    ArithmeticError,
    RecursionError,
)
"""What may happen to the fast road on some event; the general road then says what is so."""
MAPPED: Final = Status.MAPPED
_Target = tuple[ConfiguredMapping, Callable[[Any], Any] | None]


class Explanation(msgspec.Struct):
    """What one mapping made of an event.

    `stopped` is the reason code for which the event came to no trigger at all, None where it did. `withheld` names the
    fields that the destination's list keeps back; `fields` shows what the event has for them all the same.
    """

    mapping: str
    matched: bool
    trigger: list[Clause]
    fields: dict[str, Explained] = {}
    outcome: Outcome | None = None
    stopped: str | None = None
    withheld: tuple[str, ...] = ()


class Connection:
    """One destination instance, compiled.

    `settings` and `mappings` are as a user writes them; without mappings, those of `preset_pack` (by default the
    destination's own). `privacy` says what the destination may be told, and of whom. Raises `ConfigurationError` with
    every problem at once. `advice` holds what looks wrong and is allowed all the same; `written` holds the mappings,
    the pack and the privacy as they were given.
    """

    def __init__(
        self,
        destination: Destination,
        settings: Mapping[str, Any],
        mappings: Sequence[Mapping[str, Any]] | None = None,
        preset_pack: str | None = None,
        privacy: Mapping[str, Any] | Privacy | None = None,
    ) -> None:
        self.destination = destination
        configured = configure(destination, settings, mappings, preset_pack, privacy)
        self.settings, self.mappings, self.advice, self.privacy = configured
        self.written = (mappings, preset_pack, privacy)
        self._gate = self.privacy.gate
        self._row = destination.row(self.settings)
        self._window_s = destination.limits.upload_window_s
        self._names = {folded(name) for name in destination.integrations}
        self._received: tuple[Any, float] = (None, 0.0)
        self._enabled = [mapping for mapping in self.mappings if mapping.enabled]
        fields, record = {id(one): one.action.fields for one in self._enabled}, destination.record
        self._coercions = {key: Coercion(value, record) for key, value in fields.items()}
        self._veils = {id(one): hide for one in self._enabled if (hide := veil(one.action, one.denied))}
        self._consent: Callable[[Any], Any] | None = None  # finds it in what the fast road decoded
        self._decode, self._plan = self._fast_road()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy in another process transforms the same; secrets stay behind."""
        settings = {key: value for key, value in self.settings.items() if not isinstance(value, Secret)}
        return type(self), (self.destination, settings, *self.written)

    def _fast_road(self) -> tuple[Callable[[bytes], Any], Callable[[Any, Any], Plan]]:
        """The decoder of what the configuration reads, and the plans for what it decodes."""
        shape = Shape()
        compilers = [self._compiler(mapping, shape) for mapping in self._enabled]
        targets: list[_Target] = [(mapping, None) for mapping in self._enabled]
        index = TriggerIndex([mapping.trigger.root for mapping in self._enabled], targets, shape)
        if self._gate:
            shape.read(CONSENT_PATH)
        decode = shape.decoder().decode
        if self._gate:
            self._consent = reader(shape, CONSENT_PATH)
        for position, compiler in enumerate(compilers):
            with suppress(OffRoad):
                if compiler is not None:
                    targets[position] = (self._enabled[position], compiler.function(shape))
        return decode, index.plan

    def _compiler(self, mapping: ConfiguredMapping, shape: Shape) -> MappingCompiler | None:
        try:
            compiler = MappingCompiler(mapping.action.fields, self.destination.record, mapping.fields)
        except OffRoad:
            return None
        compiler.collect(shape)
        return compiler

    def outcomes(self, entry: bytes, now: float) -> list[Outcome]:
        """What becomes of one event, given as JSON bytes. `now` (Unix seconds) counts where it has no `receivedAt`.

        One outcome per triggered mapping, or a single filtered one. Rows are JSON bytes (`msgspec.Raw`).
        """
        if len(entry) > MAX_FAST_BYTES:
            return self._general(entry, now)
        try:
            event = self._decode(entry)
            message_id, received = event.messageId, event.receivedAt
            if message_id.__class__ is not str:
                message_id = _text(message_id)
            if event.integrations and switched_off(event.integrations, self._names):
                return [_filtered(message_id, "integrations_off")]
            limited = False
            if self._consent is not None:
                consent = self._consent(event)
                if stop := self._gate.stops(consent):
                    return [Outcome(message_id, None, Status.SUPPRESSED, stop)]
                limited = self._gate.limits(consent)
            plan = self._plan(event.type, event.event)
            targets = plan if plan.__class__ is tuple else plan(event)  # type: ignore[operator]
            if not targets:
                return [_filtered(message_id, "no_trigger")]
            if received is not None:
                last, moment = self._received
                now = moment if received == last else self._now(received, now)
            outcomes = []
            for mapping, fields in targets:
                if fields is None:
                    return self._general(entry, now)
                warnings: list[str] = []
                record = fields(event)
                if limited:
                    record.limited_data_use = True
                if self._veils:
                    row, envelope = self._veiled(mapping, record, now, warnings)
                else:
                    row, envelope = self._row(record, now, warnings)
                until = None if self._window_s is None else self._expiry(row, now)
                row = Raw(_encode(row))
                outcomes.append(Outcome(message_id, mapping.name, MAPPED, None, warnings, row, envelope, None, until))
        except _UNUSUAL:
            return self._general(entry, now)
        return outcomes

    def _general(self, entry: bytes, now: float) -> list[Outcome]:
        try:
            event = msgspec.json.decode(entry)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return [Outcome(None, None, Status.INVALID, "not_json", [f"the event is no JSON: {_words(error)}"])]
        if not isinstance(event, dict):
            return [Outcome(None, None, Status.INVALID, "not_json", ["an event is a JSON object"])]
        return self.outcomes_of(event, now)

    def outcomes_of(self, event: Event, now: float) -> list[Outcome]:
        """`outcomes` for an event that is decoded already; the general road."""
        message_id = event.get("messageId")
        stop = self._stop(event)
        if stop == reasons.INTEGRATIONS_OFF:
            return [_filtered(message_id, stop)]
        if stop:
            return [Outcome(_text(message_id), None, Status.SUPPRESSED, stop)]
        triggered = [mapping for mapping in self._enabled if mapping.trigger.matches(event)]
        if not triggered:
            return [_filtered(message_id, "no_trigger")]
        return [self._mapped(mapping, event, now) for mapping in triggered]

    def _mapped(self, mapping: ConfiguredMapping, event: Event, now: float) -> Outcome:
        outcome = Outcome(_text(event.get("messageId")), mapping.name, Status.MAPPED)
        try:
            values = mapping.mapping.resolve(event)
            record = self._coercions[id(mapping)].apply(values, outcome.warnings)
            now = self._now(event.get("receivedAt"), now)
            if self._gate.limits(_consent_of(event)):
                record.limited_data_use = True
            row, outcome.envelope = self._veiled(mapping, record, now, outcome.warnings)
            if self._window_s is not None:
                outcome.expires_at = self._expiry(row, now)
            outcome.row = Raw(_encode(row))
        except FieldError as error:
            if mapping.denied and self._fits_whole(mapping, event, now):
                what = f"{error}; privacy.fields keeps back {', '.join(mapping.denied)}"
                return _invalid(outcome, reasons.FIELD_DENIED, what)
            return _invalid(outcome, error.reason, str(error))
        except ResolveError as error:
            return _invalid(outcome, "mapping_error", str(error))
        except UnicodeEncodeError:
            return _invalid(outcome, "mapping_error", "the row holds half a character, which JSON in UTF-8 cannot")
        except Exception as error:  # one event must not stop those behind it
            return _invalid(outcome, "transform_failed", f"Tockwork failed on this event: {type(error).__name__}")
        return outcome

    def _veiled(self, mapping: ConfiguredMapping, record: Any, now: float, warnings: list[str]) -> tuple[Any, Envelope]:
        """The record's row, without what hides of the fields that the destination's list keeps back."""
        hide = self._veils.get(id(mapping))
        if hide is None:
            return self._row(record, now, warnings)
        hide_in_record, hide_in_row = hide
        hide_in_record(record)
        row, envelope = self._row(record, now, warnings)
        hide_in_row(row)
        return row, envelope

    def _stop(self, event: Event) -> str | None:
        """The reason code for which the event comes to no trigger."""
        if switched_off(event.get("integrations"), self._names):
            return reasons.INTEGRATIONS_OFF
        return self._gate.stops(_consent_of(event))

    @cached_property
    def _whole(self) -> Connection:
        """The same without a list of fields: it tells what the list is to blame for."""
        mappings, preset_pack, _ = self.written
        privacy = msgspec.structs.replace(self.privacy, fields=None)
        return Connection(self.destination, self.settings, mappings, preset_pack, privacy)

    def _fits_whole(self, mapping: ConfiguredMapping, event: Event, now: float) -> bool:
        whole = self._whole.mappings[self.mappings.index(mapping)]
        return self._whole._mapped(whole, event, now).status is MAPPED

    def explain(self, event: Event, now: float) -> list[Explanation]:
        """For every enabled mapping: how each clause of its trigger met the event and, where they matched, where each
        field's value came from and what became of it. Values are the event's own: mask them before they are kept."""
        explanations = []
        stop = self._stop(event)
        for mapping in self._enabled:
            explanation = Explanation(
                mapping.name, mapping.trigger.matches(event), explain_trigger(mapping.trigger, event), stopped=stop
            )
            if explanation.matched:
                whole = self._whole.mappings[self.mappings.index(mapping)] if mapping.denied else mapping
                explanation.fields = explain_mapping(whole.mapping, event)
                explanation.withheld = mapping.denied
                explanation.outcome = self._stopped(mapping, event, stop) or self._mapped(mapping, event, now)
            explanations.append(explanation)
        return explanations

    def _stopped(self, mapping: ConfiguredMapping, event: Event, stop: str | None) -> Outcome | None:
        if stop is None:
            return None
        status = Status.FILTERED if stop == reasons.INTEGRATIONS_OFF else Status.SUPPRESSED
        return Outcome(_text(event.get("messageId")), mapping.name, status, stop)

    def _expiry(self, row: Any, now: float) -> float:
        """The time from which the row is taken no more. Raises `FieldError` where that has come."""
        until: float = row.event_time + (self._window_s or 0)
        if until < now:
            raise FieldError("too_old", f"timestamp: the event is older than {(self._window_s or 0) // 86_400} days")
        return until

    def _now(self, received: Any, now: float) -> float:
        """The time that counts as now: the event's `receivedAt`. Events of one chunk share it, so the last is kept."""
        if received is None:
            return now
        last, seconds = self._received
        if received == last:
            return seconds
        try:
            moment = datetime.fromisoformat(received)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (TypeError, ValueError, OverflowError):
            return now
        self._received = (received, seconds)
        return seconds


def _consent_of(event: Event) -> Any:
    context = event.get("context")
    return context.get("consent") if isinstance(context, dict) else None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _invalid(outcome: Outcome, reason: str, text: str) -> Outcome:
    outcome.status, outcome.reason, outcome.envelope = Status.INVALID, reason, None
    outcome.warnings.append(text)
    return outcome


def _words(error: Exception) -> str:
    """What is wrong, without any of the event's text."""
    return "it is not UTF-8" if isinstance(error, UnicodeError) else str(error)


def _filtered(message_id: Any, reason: str) -> Outcome:
    return Outcome(_text(message_id), None, Status.FILTERED, reason)
