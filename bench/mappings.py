"""Thirty-five more mappings that match nothing in the sample, ten of them with triggers that no event name decides."""

from __future__ import annotations

from typing import Any

from tockwork.destinations.tiktok.conversions import CONVERSIONS

AWKWARD = [
    'event = "Gift Card Bought" or event = "Gift Card Sent"',
    'event = "Trial Started" or type = "group"',
    'contains(event, "Webinar")',
    'contains(properties.name, "Zeppelin")',
    'match(event, "Quote*")',
    'match(properties.category, "*Airships")',
    "properties.total > 1000000",
    'properties.coupon = "NEVER"',
    "properties.is_gift = true",
    'context.campaign.name = "spring" and type = "track"',
]


def more() -> list[dict[str, Any]]:
    """The fifteen presets and the thirty-five others, as a user would write them."""
    presets = CONVERSIONS.packs[CONVERSIONS.default_pack]
    mappings: list[dict[str, Any]] = [{"name": p.name, "trigger": p.trigger, "fields": p.fields} for p in presets]
    triggers = [f'event = "Custom Step {number}"' for number in range(25)] + AWKWARD
    fields = presets[0].fields
    return mappings + [
        {"name": f"Custom {number}", "trigger": trigger, "fields": {**fields, "event": f"Custom{number}"}}
        for number, trigger in enumerate(triggers)
    ]
