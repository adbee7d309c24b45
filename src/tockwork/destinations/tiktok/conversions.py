"""TikTok Conversions: web and CRM events, server to server (Segment's destination of that name)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tockwork.destinations.declare import Action, Destination, RowEncoder
from tockwork.destinations.tiktok import packs, responses, settings
from tockwork.destinations.tiktok.events_api import ENDPOINT, Policy, web_encoder
from tockwork.destinations.tiktok.fields import WEB_FIELDS
from tockwork.destinations.tiktok.rows import Fields
from tockwork.destinations.tiktok.standard_events import check_name

REPORT_WEB_EVENT: Final = Action(
    key="reportWebEvent",
    title="Report Web Event",
    help="Report an event to TikTok, for dynamic product ads, custom targeting, campaign optimisation and attribution.",
    fields=WEB_FIELDS,
)

_SHAPES: Final = {
    "web": (re.compile(r"[A-Z0-9]{16,24}"), "a pixel code has 16 to 24 capital letters and digits"),
    "crm": (re.compile(r"\d{15,22}"), "a CRM Event Set ID has about 19 digits"),
}


def _row(values: Mapping[str, Any]) -> RowEncoder:
    return web_encoder(Policy.of(values, "pixelCode"))


def _advice(values: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    """What looks wrong with a mapping, and is allowed all the same."""
    advice = []
    source, name = fields.get("event_source"), fields.get("event")
    if isinstance(source, str) and source in _SHAPES:
        shape, words = _SHAPES[source]
        if not shape.fullmatch(values["pixelCode"]):
            advice.append(f"fields.event_source: is {source}, for which the Pixel Code looks unusual: {words}")
    if isinstance(name, str):
        advice += [f"fields.event: {note}" for note in check_name(name, source if isinstance(source, str) else "web")]
    return advice


CONVERSIONS: Final = Destination(
    key="tiktok-conversions",
    title="TikTok Conversions",
    help="Sends events from your server to TikTok's Events API.",
    settings=(
        settings.ACCESS_TOKEN,
        settings.PIXEL_CODE,
        settings.TEST_EVENT_CODE,
        settings.PARTNER_NAME,
        settings.DEFAULT_REGION,
        settings.TIMEZONE,
        settings.COMPUTE_VALUE,
        settings.EVENT_ID,
    ),
    actions=(REPORT_WEB_EVENT,),
    record=Fields,
    row=_row,
    path=ENDPOINT,
    read=responses.read,
    token=settings.ACCESS_TOKEN.key,
    integrations=("TikTok Conversions",),
    packs={
        name: packs.load(name, REPORT_WEB_EVENT.key, WEB_FIELDS)
        for name in ("segment-2026", "documented-2023", "purchase-2025")
    },
    default_pack="segment-2026",
    advice=_advice,
)
