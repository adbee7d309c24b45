"""Preset packs: named lists of presets, kept as data in ``presets/*.json``.

A preset says its trigger, TikTok's event name and which contents it sends; its other fields start from their defaults,
except those in ``without``, which are not mapped. Contents come in four kinds: ``products`` (one item per element of
``properties.products``), ``single`` (one item made of the properties themselves), ``page`` (as single, without a name:
a page's name is not a product's), and none.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

import msgspec

from tockwork.destinations.declare import Preset
from tockwork.destinations.tiktok.fields import path
from tockwork.rules.fields import Field

_ITEM = {
    "price": path("$.price"),
    "quantity": path("$.quantity"),
    "content_category": path("$.category"),
    "content_id": path("$.product_id"),
    "content_name": path("$.name"),
    "brand": path("$.brand"),
}

CONTENTS: dict[str, dict[str, Any]] = {
    "products": {"contents": {"@arrayPath": ["$.properties.products", _ITEM]}},
    "single": {"contents": {"@arrayPath": ["$.properties", _ITEM]}},
    "page": {"contents": {"@arrayPath": ["$.properties", {k: v for k, v in _ITEM.items() if k != "content_name"}]}},
    "": {},
}


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    trigger: str
    event: str
    contents: str
    without: list[str] = []


class _Pack(msgspec.Struct, forbid_unknown_fields=True):
    pack: str
    help: str
    presets: list[_Line]


def defaults(fields: Sequence[Field]) -> dict[str, Any]:
    """The mapping that every field's default makes; an object's is made of its parts'."""
    mapping: dict[str, Any] = {}
    for field in fields:
        default = defaults(field.properties) or None if field.properties else field.default
        if default is not None and not field.implied_by:
            mapping[field.key] = default
    return mapping


def load(name: str, action: str, fields: Sequence[Field]) -> tuple[Preset, ...]:
    """The presets of the pack `name` for an action with these `fields`."""
    source = resources.files("tockwork.destinations.tiktok").joinpath("presets", f"{name}.json")
    pack = msgspec.json.decode(source.read_bytes(), type=_Pack)
    start = defaults(fields)
    return tuple(
        Preset(
            name=line.name,
            trigger=line.trigger,
            fields={
                **{key: value for key, value in start.items() if key not in line.without},
                "event": line.event,
                **CONTENTS[line.contents],
            },
            action=action,
        )
        for line in pack.presets
    )
