"""Mappings, packs and actions as the management API shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tockwork.configuration.entries import DestinationEntry
from tockwork.destinations.declare import Action, KnownName
from tockwork.operations import mappings as kept
from tockwork.operations.editing import revision
from tockwork.operations.mappings import Origin
from tockwork.rules.conditions import Tree
from tockwork.rules.fields import Field, When
from tockwork.store.mapping_counts import MappingCounts


class MappingSummary(msgspec.Struct, kw_only=True):
    """One mapping in the list. `event` is the name that it sends, None where the event itself decides. `counts` are the
    deliveries of the last 24 hours. `revision` changes with it: give it back with a change."""

    name: str
    trigger: str
    action: str
    action_title: str
    event: str | None
    enabled: bool
    origin: Origin
    counts: MappingCounts
    revision: str


class PackSummary(msgspec.Struct, kw_only=True):
    """A preset pack; `installed` is the destination's own."""

    name: str
    installed: bool
    presets: list[str]


class MappingList(msgspec.Struct, kw_only=True):
    """A destination's mappings in their order. With `on_presets` it has none of its own, and runs on its pack as it is;
    `missing` are the pack's presets that are not among the mappings. `managed_by` is the file that manages it all."""

    destination: str
    kind: str
    title: str
    in_browser: bool
    enabled: bool
    on_presets: bool
    pack: str
    packs: list[PackSummary]
    missing: list[str]
    limit: int
    managed_by: str | None
    mappings: list[MappingSummary]


class FieldView(msgspec.Struct, kw_only=True):
    """A field of an action, as a form shows it. `required` and `shown` are conditions on other fields, in words; both
    also as ``{"event": ["Search"]}``. `parts` are an object's, one level deep."""

    key: str
    label: str
    help: str
    type: str
    multiple: bool
    required: bool
    required_when: str
    personal: bool
    hashed: bool
    default: Any
    choices: list[str]
    shown_when: str
    shown: dict[str, list[str | None]]
    part_of: str = ""


class ActionView(msgspec.Struct, kw_only=True):
    """An action and its fields, each object's parts behind it. `names_elsewhere` is what other products call it.
    `naming` is the key of the field that takes the event's name, with `names` for it; empty where none are known."""

    key: str
    title: str
    help: str
    names_elsewhere: list[str]
    fields: list[FieldView]
    naming: str
    names: list[KnownName]


class MappingDetail(MappingSummary, kw_only=True):
    """One mapping, whole. `advice` is what looks wrong and is allowed; `tree` is the trigger as a form shows it, null
    where it cannot."""

    fields: dict[str, Any]
    position: int
    advice: list[str]
    tree: Tree | None


def summary(entry: DestinationEntry, one: kept.Written, counts: dict[str, MappingCounts]) -> MappingSummary:
    destination = kept.declared(entry)
    action = destination.action(one["action"]) or destination.actions[0]
    event = one["fields"].get(destination.naming.field) if destination.naming else None
    if isinstance(event, dict) and list(event) == ["@literal"]:
        event = event["@literal"]
    return MappingSummary(
        name=one["name"],
        trigger=one["trigger"],
        action=action.key,
        action_title=action.title,
        event=event if isinstance(event, str) else None,
        enabled=one["enabled"],
        origin=kept.origin(entry, one),
        counts=counts.get(one["name"], MappingCounts()),
        revision=revision(one),
    )


def fields(action: Action) -> Iterator[FieldView]:
    """Its fields in the order of the form, each object's parts behind it."""
    for field in action.fields:
        if not field.implied_by:
            yield _view(field)
            yield from (_view(part, field.key) for part in field.properties)


def _view(field: Field, part_of: str = "") -> FieldView:
    required = field.required
    return FieldView(
        key=field.key,
        label=field.label,
        help=field.help,
        type=field.type,
        multiple=field.multiple,
        required=required is True,
        required_when=str(required) if isinstance(required, When) else "",
        personal=field.personal,
        hashed=field.hashed,
        default=_default(field),
        choices=list(field.choices),
        shown_when=str(field.depends_on or ""),
        shown={key: list(values) for key, values in field.depends_on.fields.items()} if field.depends_on else {},
        part_of=part_of,
    )


def _default(field: Field) -> Any:
    """What the field starts from; an object from its parts."""
    parts = {part.key: part.default for part in field.properties if part.default is not None}
    return (parts or None) if field.properties else field.default
