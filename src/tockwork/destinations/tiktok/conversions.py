"""TikTok Conversions: web and CRM events, server to server (Segment's destination of that name)."""

from __future__ import annotations

from typing import Final

from tockwork.destinations.declare import Action, Destination, Limits
from tockwork.destinations.tiktok import settings
from tockwork.destinations.tiktok.cloud import cloud
from tockwork.destinations.tiktok.events_api import Rules
from tockwork.destinations.tiktok.fields import WEB_FIELDS

REPORT_WEB_EVENT: Final = Action(
    key="reportWebEvent",
    title="Report Web Event",
    help="Report an event to TikTok, for dynamic product ads, custom targeting, campaign optimisation and attribution.",
    fields=WEB_FIELDS,
)

CONVERSIONS: Final[Destination] = cloud(
    key="tiktok-conversions",
    title="TikTok Conversions",
    help="Sends events from your server to TikTok's Events API.",
    token=settings.ACCESS_TOKEN,
    source=settings.PIXEL_CODE,
    settings=(*settings.REQUESTS, *settings.ROWS, settings.COMPUTE_VALUE, settings.EVENT_ID, settings.LDU),
    actions=(REPORT_WEB_EVENT,),
    rules=Rules(),
    integrations=("TikTok Conversions",),
    preset_packs=("segment-2026", "documented-2023", "purchase-2025"),
    limits=Limits(),
    pair="tiktok-pixel",
)
