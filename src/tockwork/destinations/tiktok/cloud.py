"""What the cloud destinations share: one endpoint, one row encoder, one response table, and the advice they give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tockwork.destinations.declare import Action, Destination, Limits, RowEncoder, Setting, Wording
from tockwork.destinations.tiktok import packs, responses
from tockwork.destinations.tiktok.diagnostics.declared import CLOUD
from tockwork.destinations.tiktok.events_api import ENDPOINT, Policy, Rules, row_encoder
from tockwork.destinations.tiktok.naming import naming
from tockwork.destinations.tiktok.rows import Fields
from tockwork.destinations.tiktok.shapes import SHAPES
from tockwork.destinations.tiktok.standard_events import check_currency, check_name
from tockwork.model.event import Envelope


class _Source(msgspec.Struct, frozen=True):
    """Where a destination's events go: what is worked out from its settings. (Its methods can be pickled.)"""

    setting: Setting
    rules: Rules
    chosen: bool
    """Whether a mapping chooses the event source."""

    def envelope(self, values: Mapping[str, Any]) -> Envelope:
        return Policy.of(values, self.setting.key).envelope(self.rules)

    def row(self, values: Mapping[str, Any]) -> RowEncoder:
        return row_encoder(Policy.of(values, self.setting.key), self.rules)

    def advice(self, values: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
        kind = fields.get("event_source") if self.chosen else self.rules.event_source
        subject = f"fields.event_source: is {kind}, for" if self.chosen else f"action: sends {kind} events, for"
        found = []
        if isinstance(kind, str) and kind in SHAPES:
            shape, words = SHAPES[kind]
            if not shape.fullmatch(values[self.setting.key]):
                found.append(f"{subject} which the {self.setting.label} looks unusual: {words}")
        return found + _named(fields, kind if isinstance(kind, str) else "web")


def cloud(
    *,
    key: str,
    title: str,
    help: str,
    token: Setting,
    source: Setting,
    settings: tuple[Setting, ...],
    actions: tuple[Action, ...],
    rules: Rules,
    integrations: tuple[str, ...],
    preset_packs: tuple[str, ...],
    limits: Limits,
    pair: str = "",
    connect: str = "Save",
) -> Destination:
    """A destination on TikTok's Events API. `source` is the setting that holds ``event_source_id``; the first of the
    `preset_packs` is the default, and all run the first action. `pair` is the destination in the browser that can
    stand beside it. `connect` is the last button's name."""
    own = _Source(source, rules, any(field.key == "event_source" for field in actions[0].fields))
    return Destination(
        key=key,
        title=title,
        help=help,
        settings=(token, source, *settings),
        actions=actions,
        envelope=own.envelope,
        record=Fields,
        row=own.row,
        path=ENDPOINT,
        read=responses.read,
        token=token.key,
        integrations=integrations,
        packs={name: packs.load(name, actions[0].key, actions[0].fields) for name in preset_packs},
        default_pack=preset_packs[0],
        limits=limits,
        advice=own.advice,
        naming=naming(rules.event_source, chosen=own.chosen),
        diagnostics=CLOUD,
        pair=pair,
        wording=Wording(connect=connect),
    )


def _named(fields: Mapping[str, Any], event_source: str) -> list[str]:
    """What TikTok will make of a name and a currency that a mapping writes down."""
    name, currency = fields.get("event"), fields.get("currency")
    notes = [f"fields.event: {note}" for note in check_name(name, event_source)] if isinstance(name, str) else []
    if isinstance(currency, str):
        notes += [f"fields.currency: {note}" for note in check_currency(currency)]
    return notes
