"""Mappings as a user writes them, checked and parsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tockwork.destinations.declare import MAX_MAPPINGS, Action, Destination, read_settings, suggestion
from tockwork.model.errors import ConfigurationError, Problem
from tockwork.rules import mapping as kit
from tockwork.rules.compiler import is_constant, with_implied
from tockwork.rules.fields import Coercion, FieldError
from tockwork.rules.trigger import Trigger, TriggerError

_MEMBERS = {"name", "trigger", "action", "fields", "enabled"}
_SEGMENT = {"subscribe": "trigger", "partnerAction": "action", "mapping": "fields"}
"""What Segment's exports call the members of a mapping."""


class ConfiguredMapping(msgspec.Struct, frozen=True):
    """One mapping, ready to run. `fields` is the mapping as data, with implied fields filled in."""

    name: str
    trigger: Trigger
    action: Action
    fields: dict[str, Any]
    mapping: kit.Mapping
    enabled: bool = True


def configure(
    destination: Destination,
    settings: Mapping[str, Any],
    mappings: Sequence[Mapping[str, Any]] | None,
    preset_pack: str | None,
) -> tuple[dict[str, Any], list[ConfiguredMapping], list[str]]:
    """Validated settings, parsed mappings and advice. Raises `ConfigurationError` with all that is wrong."""
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    try:
        values = read_settings(destination, settings)
    except ConfigurationError as error:
        problems += error.problems
    written = list(mappings) if mappings is not None else _presets(destination, preset_pack, problems)
    if len(written) > MAX_MAPPINGS:
        problems.append(
            Problem(
                "mappings",
                f"{len(written)} mappings; one destination takes at most {MAX_MAPPINGS}",
                "Remove some, or connect the destination a second time for the rest.",
            )
        )
    parsed = [_parse(destination, one, f"mappings[{i}]", problems) for i, one in enumerate(written)]
    names = [one.name for one in parsed if one]
    problems += [
        Problem(f"mappings[{i}].name", f"{name!r} is taken by an earlier mapping", "Give every mapping its own name.")
        for i, name in enumerate(names)
        if name in names[:i]
    ]
    if problems:
        raise ConfigurationError(problems)
    ready = [one for one in parsed if one]
    return values, ready, list(_advice(destination, values, ready))


def pack_name(destination: Destination, name: str | None) -> str:
    """A pack by its name; ``current`` and nothing mean the destination's default."""
    return destination.default_pack if name in (None, "", "current") else str(name)


def _presets(destination: Destination, name: str | None, problems: list[Problem]) -> list[dict[str, Any]]:
    presets = destination.packs.get(pack_name(destination, name))
    if presets is None:
        problems.append(Problem("preset_pack", f"{name!r} is no pack", suggestion(str(name), destination.packs)))
        return []
    return [msgspec.structs.asdict(preset) for preset in presets]


def _parse(
    destination: Destination, written: Any, where: str, problems: list[Problem]
) -> ConfiguredMapping | None:
    if not isinstance(written, Mapping):
        problems.append(Problem(where, "expected an object with name, trigger and fields"))
        return None
    given = {_SEGMENT.get(key, key): value for key, value in written.items()}
    found = [
        Problem(f"{where}.{key}", "is no member of a mapping", suggestion(key, dict.fromkeys(sorted(_MEMBERS))))
        for key in given
        if key not in _MEMBERS
    ]
    name = given.get("name") or where
    action = destination.action(given.get("action") or "")
    if action is None:
        known = {one.key: one for one in destination.actions}
        found.append(Problem(f"{where}.action", f"{given['action']!r} is no action", suggestion(str(given["action"]), known)))
    trigger = _trigger(given.get("trigger"), f"{where}.trigger", found)
    fields = given.get("fields")
    parsed: kit.Mapping | None = None
    if not isinstance(fields, dict):
        found.append(Problem(f"{where}.fields", "expected an object of fields"))
    elif action is not None:
        fields = with_implied(action.fields, fields)
        found += _constant_problems(destination, action, fields, where)
        try:
            parsed = kit.Mapping.parse(fields)
        except kit.MappingError as error:
            found += [Problem(f"{where}.fields.{p.where}".rstrip("."), p.what, p.mend) for p in error.problems]
    problems += found
    if found or action is None or trigger is None or parsed is None:
        return None
    return ConfiguredMapping(str(name), trigger, action, fields, parsed, given.get("enabled", True) is not False)


def _trigger(text: Any, where: str, found: list[Problem]) -> Trigger | None:
    if not isinstance(text, str):
        found.append(Problem(where, "expected a trigger in FQL", 'For example: event = "Order Completed"'))
        return None
    try:
        return Trigger.parse(text)
    except TriggerError as error:
        found.append(Problem(where, str(error), 'For example: type = "track" and event = "Order Completed"'))
        return None


def _constant_problems(
    destination: Destination, action: Action, fields: Mapping[str, Any], where: str
) -> Iterator[Problem]:
    """Values that no event changes and that do not fit their field, and required fields that are not mapped."""
    for field in action.fields:
        if field.required is True and fields.get(field.key) in (None, ""):
            yield Problem(f"{where}.fields.{field.key}", "is required", field.help)
        elif is_constant(fields.get(field.key)):
            plain = msgspec.structs.replace(field, depends_on=None, required=False)
            try:
                Coercion([plain], destination.record).apply({field.key: fields.get(field.key)}, [])
            except FieldError as error:
                yield Problem(f"{where}.fields.{str(error)}", "")


def _advice(destination: Destination, values: Mapping[str, Any], mappings: Sequence[ConfiguredMapping]) -> Iterator[str]:
    for i, mapping in enumerate(mappings):
        where = f"mappings[{i}]"
        yield from (f"{where}.trigger: {warning}" for warning in mapping.trigger.warnings)
        known = {field.key: field for field in mapping.action.fields}
        for key in mapping.fields:
            if key not in known and not key.startswith("__") and key not in ("enable_batching", "batch_size"):
                yield f"{where}.fields.{key}: is no field of {mapping.action.title}, so it is not sent. {suggestion(key, known)}"
        if destination.advice:
            yield from (f"{where}.{advice}" for advice in destination.advice(values, mapping.fields))
