"""Chord's TikTok Conversions: web events, each value taken from the first of its places that is not blank.

Source: seed documents (Chord's page of this destination).
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tockwork.destinations.declare import Action, Destination, Limits
from tockwork.destinations.tiktok import fields, settings
from tockwork.destinations.tiktok.cloud import cloud
from tockwork.destinations.tiktok.events_api import Rules
from tockwork.rules.fields import Field, When

PRIORITIES: Final = {
    "external_id": "$.userId $.anonymousId",
    "email": "$.properties.email $.context.traits.email",
    "phone_number": "$.properties.phone $.context.traits.phone",
    "first_name": "$.properties.first_name $.context.traits.first_name",
    "last_name": "$.properties.last_name $.context.traits.last_name",
    "city": "$.properties.address.city $.context.traits.address.city",
    "state": "$.properties.address.state $.context.traits.address.state",
    "country": "$.properties.address.country $.context.traits.address.country",
    "zip_code": "$.properties.address.postal_code $.properties.address.zip_code $.context.traits.address.zipCode",
    "ttclid": "$.properties.ttclid",
    "ttp": "$.properties.ttp",
    "url": "$.properties.url $.context.page.url",
    "referrer": "$.properties.referrer $.context.page.referrer",
    "limited_data_use": "$.limited_data_use",
    "value": "$.properties.value $.properties.revenue",
    "content_type": "$.properties.content_type",
    "description": "$.properties.description",
    "query": "$.properties.query $.properties.search_term",
    "form_name": "$.properties.form_name $.properties.name",
}
"""Where each field finds its value, in order of priority. All others are as in TikTok Conversions."""

LANDING_URL: Final = Field(
    key="landing_url",
    label="Landing Page URL",
    help="Where the click id is looked for when the Page URL has none.",
    default=fields.path("$.context.page.url"),
    implied_by="url",
)
FORM_NAME: Final = Field(
    key="form_name",
    label="Form Name",
    help="Name of the form that was submitted.",
    depends_on=When({"event": ("SubmitForm", "Lead")}),
)


def _prioritised(field: Field) -> Field:
    parts = tuple(map(_prioritised, field.properties))
    places = PRIORITIES.get(field.key)
    return replace(field, properties=parts, default=fields.filled(*places.split()) if places else field.default)


CHORD_FIELDS: Final = tuple(
    map(
        _prioritised,
        fields.derived(
            fields.WEB_FIELDS,
            replace(fields.TTCLID, help="The ttclid that TikTok adds to the landing page's address."),
            replace(fields.CONTENT_TYPE, optional=True),
            LANDING_URL,
            FORM_NAME,
            without="event_source event_spec_type lead_fields lead_id content_ids num_items total search_string "
            "delivery_category predicted_ltv vehicle_fields travel_fields",
        ),
    )
)

TRACK: Final = Action(
    key="sendEvent",
    title="Send Event",
    help="Send an event of Chord's to TikTok's Events API.",
    fields=CHORD_FIELDS,
    names=("Report Web Event", "reportWebEvent"),
)

CHORD: Final[Destination] = cloud(
    key="chord-tiktok-conversions",
    title="Chord TikTok Conversions",
    help="Sends events to TikTok's Events API as Chord's destination TikTok Conversions does.",
    token=settings.ACCESS_TOKEN,
    source=settings.PIXEL_CODE,
    settings=(settings.TEST_EVENT_CODE, *settings.ROWS, settings.EVENT_ID, settings.LDU),
    actions=(TRACK,),
    rules=Rules(supplied_click_id_first=True),
    integrations=("Chord TikTok Conversions", "TikTok Conversions API", "TikTok Conversions"),
    preset_packs=("chord",),
    limits=Limits(),
    pair="tiktok-pixel",
    connect="Create",
)
