"""Routes of the management API: the destinations that there are to connect, as their declarations say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from tockwork.api.problem import not_found
from tockwork.destinations import declare
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.operations.premises import Premises
from tockwork.rules import fields
from tockwork.rules.fields import When

TAGS: Final = ["Catalog"]

Conditions = dict[str, list[str | None]]
"""Other fields, each with the values that satisfy the condition; null admits a field without a value."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of destination. `in_browser` says that a plugin in the shopper's browser delivers; `configured` are the
    names of those that are connected."""

    kind: str
    title: str
    help: str
    in_browser: bool
    configured: list[str]


class SettingForm(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: `help` says where to get its value, `steps` how, click by click. `type` is "string", "boolean" or
    "secret"."""

    key: str
    label: str
    help: str
    type: str
    required: bool
    default: Any
    choices: list[str]
    steps: list[str]
    placeholder: str


class PartForm(msgspec.Struct, frozen=True, kw_only=True):
    """One field, or a part of one. `default` is the directive that presets start from. `required_when` and
    `depends_on` are conditions on other fields of the action, null for none; a field whose `depends_on` does not hold
    is not sent."""

    key: str
    label: str
    help: str
    type: str
    multiple: bool
    required: bool
    required_when: Conditions | None
    depends_on: Conditions | None
    default: Any
    choices: list[str]
    hashed: bool
    personal: bool


class FieldForm(PartForm, frozen=True, kw_only=True):
    """One field of an action. `parts` are those of an object."""

    parts: list[PartForm]


class ActionForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a mapping can do at the destination."""

    key: str
    title: str
    help: str
    fields: list[FieldForm]


class PresetLine(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping that a pack installs; `event` is the name that it sends, empty where it sends none."""

    name: str
    trigger: str
    event: str
    action: str


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """A preset pack."""

    name: str
    is_default: bool
    presets: list[PresetLine]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What two packs make differently of the events of one trigger: null where a pack has no preset for it. `fields`
    are the keys of the fields that the two presets fill differently."""

    trigger: str
    before: PresetLine | None
    after: PresetLine | None
    fields: list[str]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one kind. `pair` is the kind in the browser that can stand beside it, and `pair_settings` are
    the settings which that one has for itself. `begin` and `connect` are what the buttons are called that begin and end
    connecting one."""

    kind: str
    title: str
    help: str
    in_browser: bool
    configured: list[str]
    settings: list[SettingForm]
    packs: list[Pack]
    actions: list[ActionForm]
    pair: str
    pair_title: str
    pair_settings: list[SettingForm]
    begin: str
    connect: str


@get("/catalog", tags=TAGS)
async def search_catalog(premises: NamedDependency[Premises], search: FromQuery[str] = "") -> list[Card]:
    """The kinds of destinations whose titles and descriptions have the words of `search`, the closest first."""
    return [_card(one, premises) for one in found(search, list(DESTINATIONS.values()))]


@get("/catalog/{kind:str}", tags=TAGS)
async def read_kind(kind: FromPath[str], premises: NamedDependency[Premises]) -> Kind:
    """One kind: its settings, packs, actions and fields."""
    one = _declared(kind)
    card = _card(one, premises)
    beside = DESTINATIONS.get(one.pair)
    both = {setting.key for setting in one.settings}
    return Kind(
        kind=card.kind,
        title=card.title,
        help=card.help,
        in_browser=card.in_browser,
        configured=card.configured,
        settings=[_setting(setting) for setting in one.settings],
        packs=[_pack(one, name) for name in one.packs],
        actions=[_action(action) for action in one.actions],
        pair=one.pair,
        pair_title=beside.title if beside else "",
        pair_settings=[_setting(setting) for setting in (beside.settings if beside else ()) if setting.key not in both],
        begin=one.wording.begin or f"Configure {one.title}",
        connect=one.wording.connect,
    )


@get("/catalog/{kind:str}/differences", tags=TAGS)
async def compare_packs(kind: FromPath[str], before: FromQuery[str], after: FromQuery[str]) -> list[Difference]:
    """What is different when the pack `after` takes the place of the pack `before`."""
    one = _declared(kind)
    for name in (before, after):
        if name not in one.packs:
            raise not_found("pack of this name")
    return list(differences(one, before, after))


def found(search: str, kinds: Sequence[declare.Destination]) -> list[declare.Destination]:
    """Those that have the most words of the search, and titles like it first. Without words: all of them."""
    words = _words(search)
    if not words:
        return list(kinds)
    hits = {
        one.key: len(words & _words(f"{one.title} {one.help} {one.key} {' '.join(one.integrations)}")) for one in kinds
    }
    most = max(hits.values())
    best = [one for one in kinds if most and hits[one.key] == most]
    return sorted(best, key=lambda one: len(_words(one.title) ^ words))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def differences(one: declare.Destination, before: str, after: str) -> Iterator[Difference]:
    """Trigger by trigger, in the order of the former pack."""
    old, new = ({preset.trigger: preset for preset in one.packs[name]} for name in (before, after))
    for trigger in dict.fromkeys((*old, *new)):
        was, now = old.get(trigger), new.get(trigger)
        if was is not None and now is not None:
            keys = dict.fromkeys((*was.fields, *now.fields))
            unlike = [key for key in keys if was.fields.get(key) != now.fields.get(key)]
            if not unlike and was.name == now.name:
                continue
        else:
            unlike = []
        yield Difference(
            trigger=trigger,
            before=None if was is None else _preset(was),
            after=None if now is None else _preset(now),
            fields=unlike,
        )


def _declared(kind: str) -> declare.Destination:
    one = DESTINATIONS.get(kind)
    if one is None:
        raise not_found("destination of this kind")
    return one


def _card(one: declare.Destination, premises: Premises) -> Card:
    configured = [entry.name for entry in premises.configuration.destinations if entry.kind == one.key]
    return Card(kind=one.key, title=one.title, help=one.help, in_browser=one.device is not None, configured=configured)


def _setting(setting: declare.Setting) -> SettingForm:
    return SettingForm(
        key=setting.key,
        label=setting.label,
        help=setting.help,
        type=setting.type,
        required=setting.required,
        default=setting.default,
        choices=list(setting.choices),
        steps=list(setting.steps),
        placeholder=setting.placeholder,
    )


def _pack(one: declare.Destination, name: str) -> Pack:
    presets = [_preset(preset) for preset in one.packs[name]]
    return Pack(name=name, is_default=name == one.default_pack, presets=presets)


def _preset(preset: declare.Preset) -> PresetLine:
    event = preset.fields.get("event")
    return PresetLine(
        name=preset.name,
        trigger=preset.trigger,
        event=event if isinstance(event, str) else "",
        action=preset.action,
    )


def _action(action: declare.Action) -> ActionForm:
    forms = [
        FieldForm(**_members(field), parts=[PartForm(**_members(part)) for part in field.properties])
        for field in action.fields
        if not field.implied_by
    ]
    return ActionForm(key=action.key, title=action.title, help=action.help, fields=forms)


def _members(field: fields.Field) -> dict[str, Any]:
    return {
        "key": field.key,
        "label": field.label,
        "help": field.help,
        "type": field.type,
        "multiple": field.multiple,
        "required": field.required is True,
        "required_when": _conditions(field.required),
        "depends_on": _conditions(field.depends_on),
        "default": field.default,
        "choices": list(field.choices),
        "hashed": field.hashed,
        "personal": field.personal,
    }


def _conditions(given: When | bool | None) -> Conditions | None:
    return {key: list(values) for key, values in given.fields.items()} if isinstance(given, When) else None


ROUTES: Final[list[ControllerRouterHandler]] = [search_catalog, read_kind, compare_packs]
