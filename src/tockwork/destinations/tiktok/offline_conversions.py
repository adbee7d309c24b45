"""TikTok Offline Conversions: what people do in shops and on the phone (Segment's destination of that name).

An event without a valid e-mail address or phone number is never sent. Sources: seed documents ("PII Requirement &
Validation", "Data and Privacy Considerations"); TikTok, "Offline setup guide".
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tockwork.destinations.declare import Action, Destination, Limits
from tockwork.destinations.tiktok import fields, settings
from tockwork.destinations.tiktok.cloud import cloud
from tockwork.destinations.tiktok.events_api import Rules

UPLOAD_WINDOW_S: Final = 28 * 86_400
_NAME: Final = "TikTok Offline Conversions"


def _supplied(key: str) -> dict[str, object]:
    return fields.first(f"$.properties.{key}", f"$.integrations.{_NAME}.{key}")


OFFLINE_FIELDS: Final = fields.derived(
    fields.WEB_FIELDS,
    replace(
        fields.EVENT_ID,
        help="Identifies this one action. TikTok drops a second event with the same name and id within 48 hours.",
    ),
    replace(fields.PHONE, key="phone_numbers", label="Phone Numbers"),
    replace(fields.EMAIL, key="email_addresses", slot="email", label="Email Addresses"),
    replace(fields.EXTERNAL_ID, key="external_ids", slot="external_id", label="External IDs"),
    replace(
        fields.TTCLID,
        help="The ttclid that TikTok adds to the landing page's address. It wins over one in the Page URL.",
        default=_supplied("ttclid"),
    ),
    replace(fields.TTP, default=_supplied("ttp")),
    replace(
        fields.LEAD_ID, help="Id of the lead, as exported from TikTok.", default=fields.path("$.properties.lead_id")
    ),
    without="event_source event_spec_type first_name last_name address lead_fields content_ids num_items search_string "
    "delivery_category predicted_ltv vehicle_fields travel_fields",
)

REPORT_OFFLINE_EVENT: Final = Action(
    key="reportOfflineEvent",
    title="Report Offline Event",
    help="Report what a customer did in a shop, on the phone or elsewhere away from your website.",
    fields=OFFLINE_FIELDS,
    names=("Track Offline Conversion", "trackOfflineConversion", "Report Web Event", "reportWebEvent"),
)
TRACK_PAYMENT: Final = Action(
    key="trackPaymentOfflineConversion",
    title="Track Payment Offline Conversion",
    help="Deprecated: use Report Offline Event, which has the same fields.",
    fields=OFFLINE_FIELDS,
)
TRACK_NON_PAYMENT: Final = Action(
    key="trackNonPaymentOfflineConversion",
    title="Track Non Payment Offline Conversion",
    help="Deprecated: use Report Offline Event, which has the same fields.",
    fields=OFFLINE_FIELDS,
)

OFFLINE_CONVERSIONS: Final[Destination] = cloud(
    key="tiktok-offline-conversions",
    title=_NAME,
    help="Sends what happened in shops and on the phone to TikTok's Events API. Every event needs an email address or "
    "a phone number.",
    token=settings.EVENT_SET_TOKEN,
    source=settings.EVENT_SET_ID,
    settings=(
        *settings.REQUESTS,
        *settings.ROWS,
        settings.COMPUTE_VALUE,
        settings.EVENT_ID,
        settings.ACCEPT_EXTERNAL_ID,
    ),
    actions=(REPORT_OFFLINE_EVENT, TRACK_PAYMENT, TRACK_NON_PAYMENT),
    rules=Rules(
        event_source="offline",
        supplied_click_id_first=True,
        lead_in_user=True,
        contact=("email_addresses", "phone_numbers"),
        limited_only_when_true=True,
    ),
    integrations=(_NAME,),
    preset_packs=("segment-2026", "purchase-2025"),
    limits=Limits(upload_window_s=UPLOAD_WINDOW_S),
    connect="Save Changes",
)
