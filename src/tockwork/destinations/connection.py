"""A connected destination as a pure function: from one event to its outcomes, with no clock and no network.

Two roads lead there and mean the same. The fast one decodes just the paths that the configuration reads and runs one
generated function per mapping. The general one decodes the whole event and interprets triggers and mappings as written;
it takes what surprises the fast one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

from tockwork.destinations.configured import ConfiguredMapping, configure
from tockwork.destinations.declare import Destination
from tockwork.model.event import Event
from tockwork.model.outcome import Outcome, Status
from tockwork.rules.compiler import MappingCompiler
from tockwork.rules.explain import Clause, Explained, explain_mapping, explain_trigger
from tockwork.rules.fields import Coercion, FieldError
from tockwork.rules.gate import folded, switched_off
from tockwork.rules.index import TriggerIndex
from tockwork.rules.mapping import ResolveError
from tockwork.rules.shape import OffRoad, Shape

_encode = msgspec.json.Encoder().encode
MAPPED = Status.MAPPED
_Target = tuple[ConfiguredMapping, Callable[[Any], Any] | None]


class Explanation(msgspec.Struct):
    """What one mapping made of an event."""

    mapping: str
    matched: bool
    trigger: list[Clause]
    fields: dict[str, Explained] = {}
    outcome: Outcome | None = None


class Connection:
    """One destination instance, compiled.

    `settings` and `mappings` are as a user writes them; without mappings, those of `preset_pack` (by default the
    destination's own). Raises `ConfigurationError` with every problem at once. `advice` holds what looks wrong and is
    allowed all the same.
    """

    def __init__(
        self,
        destination: Destination,
        settings: Mapping[str, Any],
        mappings: Sequence[Mapping[str, Any]] | None = None,
        preset_pack: str | None = None,
    ) -> None:
        self.destination = destination
        self.settings, self.mappings, self.advice = configure(destination, settings, mappings, preset_pack)
        self._row = destination.row(self.settings)
        self._names = {folded(name) for name in destination.integrations}
        self._received: tuple[Any, float] = (None, 0.0)
        self._compile([mapping for mapping in self.mappings if mapping.enabled])

    def _compile(self, mappings: Sequence[ConfiguredMapping]) -> None:
        """Prepare both roads. Where the triggers do not fit one shape, every event takes the general one."""
        self._enabled = mappings
        self._coercions = {id(mapping): Coercion(mapping.action.fields, self.destination.record) for mapping in mappings}
        shape = Shape()
        compilers: list[MappingCompiler | None] = []
        for mapping in mappings:
            try:
                compiler: MappingCompiler | None = MappingCompiler(
                    mapping.action.fields, self.destination.record, mapping.fields
                )
                assert compiler is not None
                compiler.collect(shape)
            except OffRoad:
                compiler = None
            compilers.append(compiler)
        targets: list[_Target] = [(mapping, None) for mapping in mappings]
        index = TriggerIndex([mapping.trigger.root for mapping in mappings], targets)
        self._decode: Callable[[bytes], Any] | None = None
        try:
            index.collect(shape)
            self._decode = shape.decoder().decode
        except OffRoad:
            return
        for position, compiler in enumerate(compilers):
            if compiler is not None:
                try:
                    targets[position] = (mappings[position], compiler.function(shape))
                except OffRoad:
                    continue
        self._plan = index.plan

    def outcomes(self, entry: bytes, now: float) -> list[Outcome]:
        """What becomes of one event, given as JSON bytes. `now` (Unix seconds) counts where it has no `receivedAt`.

        One outcome per triggered mapping, or a single filtered one. Rows are JSON bytes (`msgspec.Raw`).
        """
        if self._decode is None:
            return self._general(entry, now)
        try:
            event = self._decode(entry)
            if event.integrations and switched_off(event.integrations, self._names):
                return [_filtered(event.messageId, "integrations_off")]
            plan = self._plan(event.type, event.event)
            targets = plan if plan.__class__ is tuple else plan(event)  # type: ignore[operator]
            if not targets:
                return [_filtered(event.messageId, "no_trigger")]
            received, message_id = event.receivedAt, event.messageId
            if received is not None:
                now = self._now(received, now)
            if message_id.__class__ is not str:
                message_id = _text(message_id)
            outcomes = []
            for mapping, fields in targets:  # type: ignore[union-attr]
                if fields is None:
                    return self._general(entry, now)
                warnings: list[str] = []
                row, envelope = self._row(fields(event), now, warnings)
                outcomes.append(Outcome(message_id, mapping.name, MAPPED, None, warnings, Raw(_encode(row)), envelope))
        except (OffRoad, FieldError, msgspec.DecodeError, TypeError, RecursionError, UnicodeError):
            return self._general(entry, now)
        return outcomes

    def _general(self, entry: bytes, now: float) -> list[Outcome]:
        try:
            event = msgspec.json.decode(entry)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return [Outcome(None, None, Status.INVALID, "not_json", [f"the event is no JSON: {error}"])]
        if not isinstance(event, dict):
            return [Outcome(None, None, Status.INVALID, "not_json", ["an event is a JSON object"])]
        return self.outcomes_of(event, now)

    def outcomes_of(self, event: Event, now: float) -> list[Outcome]:
        """`outcomes` for an event that is decoded already; the general road."""
        message_id = event.get("messageId")
        if switched_off(event.get("integrations"), self._names):
            return [_filtered(message_id, "integrations_off")]
        triggered = [mapping for mapping in self._enabled if mapping.trigger.matches(event)]
        if not triggered:
            return [_filtered(message_id, "no_trigger")]
        return [self._mapped(mapping, event, now) for mapping in triggered]

    def _mapped(self, mapping: ConfiguredMapping, event: Event, now: float) -> Outcome:
        outcome = Outcome(_text(event.get("messageId")), mapping.name, Status.MAPPED)
        try:
            values = mapping.mapping.resolve(event)
            record = self._coercions[id(mapping)].apply(values, outcome.warnings)
            row, outcome.envelope = self._row(record, self._now(event.get("receivedAt"), now), outcome.warnings)
            outcome.row = Raw(_encode(row))
        except FieldError as error:
            outcome.status, outcome.reason = Status.INVALID, error.reason
            outcome.warnings.append(str(error))
        except ResolveError as error:
            outcome.status, outcome.reason = Status.INVALID, "mapping_error"
            outcome.warnings.append(str(error))
        return outcome

    def explain(self, event: Event, now: float) -> list[Explanation]:
        """For every enabled mapping: how each clause of its trigger met the event and, where they matched, where each
        field's value came from and what became of it. Values are the event's own: mask them before they are kept."""
        explanations = []
        for mapping in self._enabled:
            explanation = Explanation(mapping.name, mapping.trigger.matches(event), explain_trigger(mapping.trigger, event))
            if explanation.matched:
                explanation.fields = explain_mapping(mapping.mapping, event)
                explanation.outcome = self._mapped(mapping, event, now)
            explanations.append(explanation)
        return explanations

    def _now(self, received: Any, now: float) -> float:
        """The time that counts as now: the event's `receivedAt`. Events of one chunk share it, so the last is kept."""
        if received is None:
            return now
        if received == self._received[0]:
            return self._received[1]
        try:
            moment = datetime.fromisoformat(received).timestamp()
        except (TypeError, ValueError, OverflowError):
            return now
        self._received = (received, moment)
        return moment


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _filtered(message_id: Any, reason: str) -> Outcome:
    return Outcome(_text(message_id), None, Status.FILTERED, reason)

