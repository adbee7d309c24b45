"""A destination's settings and mappings as a user writes them, checked and parsed."""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from tockwork.destinations.constants import constant_problems, missing_by_design
from tockwork.destinations.declare import MAX_MAPPINGS, Action, Destination, read_settings, suggestion
from tockwork.destinations.privacy import FieldList, Kept, Privacy, read_privacy
from tockwork.destinations.program import unfit
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.rules import mapping as kit
from tockwork.rules.fields import with_implied
from tockwork.rules.scalars import describe
from tockwork.rules.trigger import Trigger, TriggerError

_MEMBERS = ("name", "trigger", "action", "fields", "enabled")
_SEGMENT = {"subscribe": "trigger", "partnerAction": "action", "mapping": "fields"}
"""What Segment's exports call the members of a mapping."""
_BATCHING = ("enable_batching", "batch_size")
"""Fields in Segment's exports that steer Segment's own batches: they say nothing here."""
REMEMBERED: Final = 300
"""So many mappings are not read again where they occur again: each takes milliseconds, and who edits one checks all."""


class ConfiguredMapping(msgspec.Struct, frozen=True):
    """One mapping, ready to run. `fields` is the mapping as data, with implied fields filled in.

    `denied` names the action's fields that the destination's list keeps back: neither `action` nor `fields` has them.
    """

    name: str
    trigger: Trigger
    action: Action
    fields: dict[str, Any]
    mapping: kit.Mapping
    enabled: bool = True
    denied: tuple[str, ...] = ()


class _Read(NamedTuple):
    """What one mapping says: the mapping, None where it has problems; problems and advice by their places in it."""

    mapping: ConfiguredMapping | None
    problems: list[Problem]
    advice: list[str]


class Configured(NamedTuple):
    """A destination's configuration, checked."""

    settings: dict[str, Any]
    mappings: list[ConfiguredMapping]
    advice: list[str]
    privacy: Privacy


def configure(
    destination: Destination,
    settings: Mapping[str, Any],
    mappings: Sequence[Mapping[str, Any]] | None,
    preset_pack: str | None,
    privacy: Any = None,
) -> Configured:
    """Validated settings, parsed mappings, privacy and advice. Raises `ConfigurationError` with all that is wrong."""
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    try:
        values = read_settings(destination, settings)
    except ConfigurationError as error:
        problems += error.problems
    guard = read_privacy(destination, privacy, problems)
    written = _presets(destination, preset_pack, problems) if mappings is None else _listed(mappings, problems)
    found = [_read(destination, one, guard.fields) for one in written]
    problems += [_at(f"mappings[{i}]", problem) for i, read in enumerate(found) for problem in read.problems]
    names = [one.get("name") if isinstance(one, Mapping) else None for one in written]
    for i, name in enumerate(names):
        if name and name in names[:i]:
            taken = f"{name!r} is taken by an earlier mapping"
            problems.append(Problem(f"mappings[{i}].name", taken, "Give every mapping its own name."))
    if problems:
        raise ConfigurationError(problems)
    ready, advice = [], []
    for i, read in enumerate(found):
        if read.mapping is not None:
            where = f"mappings[{i}]"
            ready.append(read.mapping if read.mapping.name else msgspec.structs.replace(read.mapping, name=where))
            more = destination.advice(values, read.mapping.fields) if destination.advice else ()
            advice += [f"{where}.{one}" for one in (*read.advice, *more)]
    return Configured(values, ready, advice, guard)


def pack_name(destination: Destination, name: str | None) -> str:
    """A pack by its name; ``current`` and nothing mean the destination's default."""
    return destination.default_pack if name in (None, "", "current") else str(name)


def _presets(destination: Destination, name: str | None, problems: list[Problem]) -> list[dict[str, Any]]:
    presets = destination.packs.get(pack_name(destination, name))
    if presets is None:
        problems.append(Problem("preset_pack", f"{name!r} is no pack", suggestion(name, destination.packs)))
        return []
    return [msgspec.structs.asdict(preset) for preset in presets]


def _listed(mappings: Any, problems: list[Problem]) -> list[Any]:
    if not isinstance(mappings, Sequence) or isinstance(mappings, str | bytes):
        problems.append(Problem("mappings", f"expected a list of mappings, got {describe(mappings)}"))
        return []
    if len(mappings) > MAX_MAPPINGS:
        problems.append(
            Problem(
                "mappings",
                f"expected at most {MAX_MAPPINGS}, got {len(mappings)}",
                "Remove some, or connect the destination a second time for the rest.",
            )
        )
    return list(mappings)


def _at(where: str, problem: Problem) -> Problem:
    return msgspec.structs.replace(problem, where=f"{where}.{problem.where}".rstrip("."))


def _read(destination: Destination, written: Any, kept: FieldList | None) -> _Read:
    """One mapping as it was written. What comes back is remembered: nobody may change it."""
    try:
        packed = marshal.dumps((written, None if kept is None else (kept.allow, kept.deny)), 2)
    except ValueError:  # a date out of YAML, for one
        return _Reader(destination, kept).read(written)
    return _read_once(destination, packed)


@lru_cache(REMEMBERED)
def _read_once(destination: Destination, packed: bytes) -> _Read:
    written, kept = marshal.loads(packed)  # noqa: S302 (bytes of our own)
    return _Reader(destination, kept and FieldList(*kept)).read(written)


class _Reader:
    """Reads one mapping."""

    def __init__(self, destination: Destination, kept: FieldList | None) -> None:
        self._destination = destination
        self._kept = kept
        self._problems: list[Problem] = []

    def read(self, written: Any) -> _Read:
        mapping = self._mapping(written)
        advice = [] if mapping is None else list(_advice(mapping))
        return _Read(mapping, self._problems, advice)

    def _mapping(self, written: Any) -> ConfiguredMapping | None:
        if not isinstance(written, Mapping):
            self._add("", f"expected an object with name, trigger and fields, got {describe(written)}")
            return None
        given = self._members(written)
        name, enabled = given.get("name"), given.get("enabled", True)
        if not isinstance(name, str | None):
            self._add("name", f"expected text, got {describe(name)}")
        if not isinstance(enabled, bool):
            self._add("enabled", f"expected true or false, got {describe(enabled)}")
        action, trigger = self._action(given.get("action")), self._trigger(given.get("trigger"))
        fields = self._fields(given.get("fields"), action)
        parsed = self._parsed(fields)
        if action is None or trigger is None or fields is None or parsed is None or self._problems:
            return None
        if self._kept is None:
            return ConfiguredMapping(name or "", trigger, action, fields, parsed, enabled)
        kept = Kept(action, self._kept)
        fields = kept.mapping(fields)
        parsed = kit.Mapping.parse(fields)
        return ConfiguredMapping(name or "", trigger, kept.action, fields, parsed, enabled, tuple(kept.denied))

    def _add(self, member: str, what: str, mend: str = "") -> None:
        self._problems.append(Problem(member, what, mend))

    def _members(self, written: Mapping[Any, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for key, value in written.items():
            member = _SEGMENT.get(key, key)
            if member not in _MEMBERS:
                self._add(str(key), "is no member of a mapping", suggestion(key, dict.fromkeys(_MEMBERS)))
            elif member in given:
                self._add(str(key), f"means the same as {member!r}, which is there too", "Keep one of them.")
            given[member] = value
        return given

    def _action(self, given: Any) -> Action | None:
        action = self._destination.action(given or "")
        if action is None:
            known = {one.key: one for one in self._destination.actions}
            self._add("action", f"{given!r} is no action", suggestion(given, known))
        return action

    def _trigger(self, text: Any) -> Trigger | None:
        if not isinstance(text, str):
            self._add("trigger", f"expected a trigger in FQL, got {describe(text)}", 'Write: event = "Order Completed"')
            return None
        try:
            return Trigger.parse(text)
        except TriggerError as error:
            self._add("trigger", str(error), 'For example: type = "track" and event = "Order Completed"')
            return None

    def _fields(self, fields: Any, action: Action | None) -> dict[str, Any] | None:
        if not isinstance(fields, dict):
            self._add("fields", f"expected an object of fields, got {describe(fields)}")
            return None
        if action is None:
            return fields
        for problem in constant_problems(self._destination.record, action.fields, fields):
            self._add(f"fields.{problem.where}", problem.what, problem.mend)
        for problem in unfit(fields) if self._destination.device else ():
            self._add(f"fields.{problem.where}", problem.what, problem.mend)
        return with_implied(action.fields, fields)

    def _parsed(self, fields: dict[str, Any] | None) -> kit.Mapping | None:
        try:
            return None if fields is None else kit.Mapping.parse(fields)
        except kit.MappingError as error:
            for problem in error.problems:
                self._add(f"fields.{problem.where}", problem.what, problem.mend)
            return None


def _advice(mapping: ConfiguredMapping) -> Iterator[str]:
    yield from (f"trigger: {warning}" for warning in mapping.trigger.warnings)
    yield from (f"fields.{problem}" for problem in mapping.mapping.warnings)
    yield from (f"fields.{problem}" for problem in missing_by_design(mapping.action.fields, mapping.fields))
    if mapping.denied:
        unsent = "are not sent: the destination's list of fields (privacy.fields) keeps them back"
        yield f"fields: {', '.join(mapping.denied)} {unsent}"
    known = {field.key: field for field in mapping.action.fields}
    for key in mapping.fields:
        if key not in known and not key.startswith(("__", "@")) and key not in _BATCHING:
            unsent = f"is no field of {mapping.action.title}, so it is not sent"
            yield str(Problem(f"fields.{key}", unsent, suggestion(key, known)))
